# Translator: validates a function body and writes its code words in one pass (WebAssembly 3.3, 3.4 and appendix "validation algorithm")
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# local.get emits nothing: the operand is the local's slot; local.set changes the destination of the word before it where that word made
# the value; constants go into the words that use them; a comparison in front of br_if or if becomes part of the branch.
# Unreachable code is validated and not emitted (T_LIVE).
import micropython

from . import layout
from .errors import Reject
from .operands import (conditional, constant, control, emit, expect, extend, fail, flush, forget, jump, label, leb, move, own, patch, pop, push,
                       settle, sleb, source, widen)
from .simple import simple
from .structure import finish, leave, open_block, other
from .tables import ROWS

NOROOM = 1  # code of Reject: the workspace is full
# code of Reject -> malformed?, text
MESSAGES = {
    2: (True, "integer representation too long"), 3: (True, "integer too large"), 4: (False, "type mismatch"),
    5: (False, "too many operands or locals (65,000 slots at most)"), 6: (False, "unknown label"), 7: (True, "unexpected end"),
    8: (True, "illegal opcode"), 9: (True, "malformed value type"), 10: (True, "too many locals"), 11: (True, "section size mismatch"),
    12: (False, "unknown local"), 13: (False, "unknown global"), 14: (False, "global is immutable"), 15: (False, "unknown function"),
    16: (False, "unknown type"), 17: (False, "unknown table"), 18: (False, "unknown memory"),
    19: (False, "alignment must not be larger than natural"), 20: (True, "malformed memop flags"), 21: (False, "undeclared function reference"),
    22: (False, "unknown data segment"), 23: (False, "unknown elem segment"), 24: (True, "data count section required"),
    25: (False, "invalid result arity"), 26: (True, "malformed reference type"), 27: (True, "zero byte expected"),
    28: (True, "END opcode expected"),
}


@micropython.viper
def _begin(pool, refill):
    """Type record, locals, function header, outermost block."""
    base = int(ptr8(pool))
    tt = ptr32(base)[layout.P_T >> 2]
    T = ptr32(base + tt)
    M = ptr32(base + T[layout.T_MOD >> 2])
    f = ptr16(base + M[layout.M_FTYPES >> 2])[T[layout.T_FUNC >> 2]]
    yo = ptr32(base + M[layout.M_TYPES >> 2])[f]
    y = ptr16(base + yo)
    code = (T[layout.T_CODE >> 2] + 3) & (0 - 4)
    if T[layout.T_LIMIT >> 2] - code < 128:
        fail(NOROOM)
    if T[layout.T_END >> 2] - T[layout.T_POS >> 2] < layout.NEED:
        refill()
    T[layout.T_OPCODE >> 2] = T[layout.T_POS >> 2]
    T[layout.T_START >> 2] = code
    T[layout.T_CODE >> 2] = code + layout.FUNC
    T[layout.T_LIVE >> 2] = 0
    # records of the block types: one result, or none
    i = 0
    while i < 7:
        r = ptr32(base + tt + layout.T_TYPES + 24 * i)
        r[layout.Y_NP >> 2] = 65536 if i else 0
        r[layout.Y_BYTES >> 2] = ptr8(b"\x00\x7f\x7e\x7d\x7c\x70\x6f")[i]
        i += 1
    # locals: records from T_LIMIT down; slots in order, a pair never straddles the gap
    top = T[layout.T_LIMIT >> 2] & (0 - 4)
    T[layout.T_LOCALS >> 2] = top
    n = 0
    slot = 0
    total = 0
    left = y[layout.Y_NP >> 1]
    params = ptr8(base + yo + layout.Y_BYTES)
    groups = 0 - 1
    kind = 0
    while True:
        if left == 0 and groups < 0:  # the parameters are done
            groups = int(leb(pool))
            if groups < 0:
                fail(10)
        if left == 0:
            if T[layout.T_END >> 2] - T[layout.T_POS >> 2] < layout.NEED:
                refill()
            if T[layout.T_POS >> 2] > T[layout.T_END >> 2]:
                fail(7)
            if groups == 0:
                break
            groups -= 1
            left = int(leb(pool))
            if left < 0 or left > 60000 or total > 60000:
                fail(10)
            total += left
            kind = ptr8(base + T[layout.T_POS >> 2])[0]
            T[layout.T_POS >> 2] += 1
            if kind != 0x7F and kind != 0x7E and kind != 0x7D and kind != 0x7C and kind != 0x70 and kind != 0x6F:
                fail(9)
            continue
        left -= 1
        if groups < 0:
            kind = params[n]
        size = 1
        if kind == 0x7E or kind == 0x7C:
            size = 2
        if groups >= 0:
            if slot < layout.GAP:
                if slot + size > layout.GAP:
                    slot = 256
        top -= 4
        if top - code < 128:
            fail(NOROOM)
        if slot > 60000:
            fail(5)
        n += 1
        ptr32(base + top)[0] = slot | kind << 24
        slot += size
    T[layout.T_NLOCALS >> 2] = n
    h = ptr16(base + code)
    h[layout.F_PARAMS >> 1] = y[layout.Y_PSLOTS >> 1]
    h[layout.F_CLEAR >> 1] = slot - y[layout.Y_PSLOTS >> 1]
    h[layout.F_RESULTS >> 1] = y[layout.Y_RSLOTS >> 1]
    if slot < layout.GAP:
        if slot + y[layout.Y_RSLOTS >> 1] > layout.GAP:
            slot = 256  # RETN wants the results side by side
    T[layout.T_NEXT >> 2] = slot
    if slot < y[layout.Y_RSLOTS >> 1]:
        T[layout.T_MAX >> 2] = y[layout.Y_RSLOTS >> 1]
    else:
        T[layout.T_MAX >> 2] = slot
    T[layout.T_SP >> 2] = top
    T[layout.T_CTL >> 2] = 0
    T[layout.T_LAST >> 2] = 0
    T[layout.T_LASTD >> 2] = 0xffff
    T[layout.T_PKIND >> 2] = 0xff
    if T[layout.T_FLAGS >> 2] & layout.TF_CHECK == 0:
        T[layout.T_LIVE >> 2] = 1
    open_block(pool, layout.CK_FUNC, yo)


@micropython.viper
def _body(pool, refill):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    _begin(pool, refill)
    M = ptr32(base + T[layout.T_MOD >> 2])
    locs = T[layout.T_LOCALS >> 2] - 4
    while True:
        at = T[layout.T_POS >> 2]
        stop = T[layout.T_BODY >> 2] - T[layout.T_BASE >> 2] + T[layout.T_WINDOW >> 2]
        if T[layout.T_END >> 2] - at < layout.NEED:
            if stop > T[layout.T_END >> 2]:
                refill()
                at = T[layout.T_POS >> 2]
                stop = T[layout.T_BODY >> 2] - T[layout.T_BASE >> 2] + T[layout.T_WINDOW >> 2]
        T[layout.T_OPCODE >> 2] = at
        if at >= stop or at >= T[layout.T_END >> 2]:
            fail(7)
        p = ptr8(base + at)
        op = p[0]
        at += 1
        if op == 0xFC:
            if p[1] > 17:
                if p[1] < 128:
                    fail(8)
                T[layout.T_POS >> 2] = at
                op = int(leb(pool))
                at = T[layout.T_POS >> 2]
                if uint(op) > uint(17):
                    fail(8)
                op += 0xE0
            else:
                op = 0xE0 + p[1]
                at += 1
        elif op > 0xD2:
            fail(8)
        T[layout.T_POS >> 2] = at
        row = ptr8(int(ptr8(ROWS)) + (op << 3))
        c = row[0]
        if c < layout.W_LOCAL_GET:
            if c == 0:
                fail(8)
            simple(pool, int(row) - int(ptr8(ROWS)))
        elif c < layout.W_I32_CONST:
            x = p[1]
            if x & 128:
                x = int(leb(pool))
            else:
                T[layout.T_POS >> 2] = at + 1
            if uint(x) >= uint(T[layout.T_NLOCALS >> 2]):
                fail(12)
            x = ptr32(base + locs - (x << 2))[0]
            kind = int(uint(x) >> 24)
            x = x & 0xffff
            if c == layout.W_LOCAL_GET:
                ptr32(base + int(push(pool, kind)))[1] = x
            else:
                v = ptr32(base + int(pop(pool, kind)))
                k = v[0]
                s = v[1]
                own_slot = v[2]
                forget(pool, x)
                if k & 0x100:
                    constant(pool, x, s, kind)
                elif s != x:
                    if s == own_slot and s == T[layout.T_LASTD >> 2] and x < 256:
                        ptr8(base + T[layout.T_LAST >> 2])[1] = x
                        T[layout.T_LASTD >> 2] = 0xffff
                    else:
                        move(pool, x, s, kind)
                if c == layout.W_LOCAL_TEE:
                    v = ptr32(base + int(push(pool, kind)))
                    if k & 0x100:
                        v[0] = k
                        v[1] = s
                    else:
                        v[1] = x
        elif c < layout.W_GLOBAL_GET:
            kind = 0x7F
            if c < layout.W_F32_CONST:
                if c == layout.W_I64_CONST:
                    kind = 0x7E
                sleb(pool, 1 if c == layout.W_I64_CONST else 0)
            else:
                kind = 0x7D
                T[layout.T_LO >> 2] = p[1] | (p[2] << 8) | (p[3] << 16) | (p[4] << 24)
                at += 4
                if c == layout.W_F64_CONST:
                    kind = 0x7C
                    T[layout.T_HI >> 2] = p[5] | (p[6] << 8) | (p[7] << 16) | (p[8] << 24)
                    at += 4
                T[layout.T_POS >> 2] = at
            v = ptr32(base + int(push(pool, kind)))
            x = S32(T[layout.T_LO >> 2])
            if kind & 1 or x >> 31 == S32(T[layout.T_HI >> 2]):
                v[0] = kind | 0x100
                v[1] = x
            else:
                x = v[2]
                if x > 255:
                    x = 254
                emit(pool, layout.OP_CONST64_W | 0x100, x, 0, 0)
                extend(pool, T[layout.T_LO >> 2])
                extend(pool, T[layout.T_HI >> 2])
                if v[2] > 255:
                    widen(pool, v[2], kind)
        elif c < layout.W_CALL:
            x = int(leb(pool))
            if uint(x) >= uint(M[layout.M_NGLOBALS >> 2]):
                fail(13)
            g = ptr8(base + M[layout.M_GLOBALS >> 2] + x * layout.GD_SIZE)
            kind = g[layout.GD_TYPE]
            two = 0
            if kind == 0x7E or kind == 0x7C:
                two = 1
            if c == layout.W_GLOBAL_GET:
                d = ptr32(base + int(push(pool, kind)))[2]
                if d > 255:
                    emit(pool, layout.OP_GLOBAL_GET64 if two else layout.OP_GLOBAL_GET, 254, x & 255, x >> 8)
                    widen(pool, d, kind)
                else:
                    emit(pool, (layout.OP_GLOBAL_GET64 if two else layout.OP_GLOBAL_GET) | 0x100, d, x & 255, x >> 8)
            else:
                if g[layout.GD_MUT] == 0:
                    fail(14)
                d = int(source(pool, int(pop(pool, kind)), 248))
                emit(pool, layout.OP_GLOBAL_SET64 if two else layout.OP_GLOBAL_SET, d, x & 255, x >> 8)
        elif c == layout.W_END:
            if int(leave(pool)):
                if T[layout.T_POS >> 2] != stop:
                    fail(28)
                break
        else:
            other(pool, c, refill)
        if T[layout.T_POS >> 2] > stop:
            fail(7)
    finish(pool)


@micropython.viper
def _where(pool: ptr8):
    """Turn T_OPCODE from a place in the window into a file offset."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    T[layout.T_OPCODE >> 2] += T[layout.T_BASE >> 2] - T[layout.T_WINDOW >> 2]


def body(pool, refill):
    """Translate the function body at T_POS (layout.T_* are the arguments); raises Reject, then T_OPCODE is the place."""
    try:
        _body(pool, refill)
    except Reject:
        _where(pool)
        raise
