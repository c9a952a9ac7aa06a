# Translator: validates a function body and writes its code words in one pass (WebAssembly 3.3, 3.4 and appendix "validation algorithm")
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# local.get emits nothing: the operand is the local's slot; local.set changes the destination of the word before it where that word made
# the value; constants go into the words that use them; a comparison in front of br_if or if becomes part of the branch.
# Unreachable code is validated and not emitted (T_LIVE).
from uctypes import ARRAY, UINT32, addressof, struct

import micropython

from . import layout
from .errors import Reject
from .operands import constant, emit, fail, forget, leb, move, pop, push, sleb
from .pool import get32
from .simple import simple
from .structure import SHORT, finish, leave, open_block, other
from .tables import ROWS

NOROOM = 1  # code of Reject: the workspace is full; the others are in messages.py


def _begin(pool, c, T, refill):
    """Type records, locals, function header, outermost block."""
    M = c[T + layout.T_MOD // 4] >> 2
    f = c[M + layout.M_FTYPES // 4] + 2 * c[T + layout.T_FUNC // 4]
    yo = c[(c[M + layout.M_TYPES // 4] >> 2) + (pool[f] | pool[f + 1] << 8)]
    code = c[T + layout.T_CODE // 4] + 3 & -4
    top = c[T + layout.T_LIMIT // 4] & -4
    if top - code < 128:
        fail(NOROOM)
    c[T + layout.T_START // 4] = code
    c[T + layout.T_CODE // 4] = code + layout.FUNC
    c[T + layout.T_LOCALS // 4] = top
    # Records of the block types: one result, or none.
    r = (T << 2) + layout.T_TYPES
    for i in range(7):
        c[r + layout.Y_NP >> 2] = 0x10000 if i else 0
        pool[r + layout.Y_BYTES] = SHORT[i]
        r += 24
    # Locals: records from T_LIMIT down. The parameters lie where the caller put them; of the others no pair straddles the gap.
    n = c[yo + layout.Y_NP >> 2] & 0xFFFF
    slot = 0
    for i in range(n):
        kind = pool[yo + layout.Y_BYTES + i]
        top = _local(pool, c, T, top, slot, kind)
        slot += 2 if kind == 0x7E or kind == 0x7C else 1
    if c[T + layout.T_END // 4] - c[T + layout.T_POS // 4] < layout.NEED:
        refill()
    c[T + layout.T_OPCODE // 4] = c[T + layout.T_POS // 4]
    groups = leb(pool)
    while groups:
        groups -= 1
        if c[T + layout.T_END // 4] - c[T + layout.T_POS // 4] < layout.NEED:
            refill()
        c[T + layout.T_OPCODE // 4] = c[T + layout.T_POS // 4]
        count = leb(pool)
        at = c[T + layout.T_POS // 4]
        if at >= c[T + layout.T_END // 4]:
            fail(7)
        if count > 50000 - n:  # more than 2**32 - 1 is malformed (5.4.9), more than this is our limit
            fail(10)
        kind = pool[at]
        c[T + layout.T_POS // 4] = at + 1
        if kind not in (0x7F, 0x7E, 0x7D, 0x7C, 0x70, 0x6F):
            fail(9)
        size = 2 if kind == 0x7E or kind == 0x7C else 1
        n += count
        while count:
            if slot < 256 and slot + size > layout.GAP:
                slot = 256
            top = _local(pool, c, T, top, slot, kind)
            slot += size
            count -= 1
    c[T + layout.T_NLOCALS // 4] = n
    moved = slot
    slot += _move_parameters(pool, c, T, yo, slot, 0)
    params = c[yo + layout.Y_PSLOTS >> 2] & 0xFFFF
    results = c[yo + layout.Y_PSLOTS >> 2] >> 16
    if slot > 60000:
        fail(5)
    c[code + layout.F_SLOTS >> 2] = params << 16  # and F_PARAMS
    c[code + layout.F_CLEAR >> 2] = slot - params | results << 16  # and F_RESULTS
    if slot < 256 and slot + results > layout.GAP:
        slot = 256  # RETN wants the results side by side
    c[T + layout.T_NEXT // 4] = slot
    c[T + layout.T_MAX // 4] = slot if slot > results else results
    c[T + layout.T_SP // 4] = top
    c[T + layout.T_CTL // 4] = 0
    c[T + layout.T_LASTD // 4] = 0xFFFF
    c[T + layout.T_PKIND // 4] = 0xFF
    c[T + layout.T_LIVE // 4] = 0 if c[T + layout.T_FLAGS // 4] & layout.TF_CHECK else 1
    open_block(pool, c, T, layout.CK_FUNC, yo)
    _move_parameters(pool, c, T, yo, moved, 1)


def _move_parameters(pool, c, T, yo, d, write):
    """Parameters in the gap get slots from d on: their records, or (write = 1) the words that copy them. Number of slots."""
    at = c[T + layout.T_LOCALS // 4]
    first = d
    s = 0
    for i in range(c[yo + layout.Y_NP >> 2] & 0xFFFF):
        kind = pool[yo + layout.Y_BYTES + i]
        size = 2 if kind == 0x7E or kind == 0x7C else 1
        at -= 4
        if s < 256 and s + size > layout.GAP:
            if not write:
                c[at >> 2] = d | kind << 24
            else:
                emit(pool, layout.OP_SET_W, s, d & 255, d >> 8)
                if size == 2:
                    x = s + 1
                    if x > 255:  # the end of a pair: through a slot already moved on
                        emit(pool, layout.OP_GET_W, 254, x & 255, x >> 8)
                        x = 254
                    emit(pool, layout.OP_SET_W, x, d + 1 & 255, d + 1 >> 8)
            d += 2
        s += size
    return d - first


def _local(pool, c, T, top, slot, kind):
    top -= 4
    if top - c[T + layout.T_CODE // 4] < 128:
        fail(NOROOM)
    c[top >> 2] = slot | kind << 24
    return top


@micropython.viper
def _body(pool, cells, refill):
    base = int(ptr8(pool))
    tt = ptr32(base)[layout.P_T >> 2]
    T = ptr32(base + tt)
    tt = tt >> 2
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
        if TRACE:  # for tools/dis.py: file offset and code offset of each instruction
            print("@", at - T[layout.T_WINDOW >> 2] + T[layout.T_BASE >> 2], T[layout.T_CODE >> 2])
        if at >= stop or at >= T[layout.T_END >> 2]:
            fail(7)
        p = ptr8(base + at)
        op = p[0]
        at += 1
        if op > 0xD2:
            if op != 0xFC:
                fail(8)
            T[layout.T_POS >> 2] = at
            op = int(leb(pool))
            at = T[layout.T_POS >> 2]
            if uint(op) > uint(17):
                fail(8)
            op += 0xE0
        T[layout.T_POS >> 2] = at
        row = ptr8(int(ptr8(ROWS)) + op * 7)
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
        elif c == layout.W_I32_CONST:
            sleb(pool, 0)
            v = ptr32(base + int(push(pool, 0x7F)))
            v[0] = 0x17F
            v[1] = T[layout.T_LO >> 2]
        elif c == layout.W_END:
            if int(leave(pool, cells, tt)):
                if T[layout.T_POS >> 2] != stop:
                    fail(28)
                break
        else:
            other(pool, cells, tt, c, refill)
        if T[layout.T_POS >> 2] > stop:
            fail(7)
    finish(pool, cells, tt)


def body(pool, refill):
    """Translate the function body at T_POS (layout.T_* are the arguments); raises Reject, then T_OPCODE is the place."""
    cells = struct(addressof(pool), (ARRAY, len(pool) >> 2 | UINT32))
    try:
        _begin(pool, cells, get32(pool, layout.P_T) >> 2, refill)
        _body(pool, cells, refill)
    except Reject:
        T = get32(pool, layout.P_T) >> 2  # a place in the window becomes a file offset
        cells[T + layout.T_OPCODE // 4] += cells[T + layout.T_BASE // 4] - cells[T + layout.T_WINDOW // 4]
        raise
