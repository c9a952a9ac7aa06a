# Translator, lower half: immediates, emitted words, operand stack (layout.T_*, O_*)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# An operand is a slot of its own, a local's slot that still holds it, or a constant. Own slots are handed out in stack order, so that
# moving values down to a label's slots in ascending order never overwrites one still needed; slots GAP … 255 are left out.
import micropython

from . import layout
from .errors import Reject
from .pool import get32, put32

NOROOM = 1


def fail(code):
    """Leave the translator: no room, malformed or invalid (messages.MESSAGES)."""
    raise Reject(code)


# ---- immediates (WebAssembly 5.2.2) ------------------------------------------------------------------------------------------
@micropython.viper
def leb(pool: ptr8) -> uint:
    """u32 at T_POS."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    p = ptr8(int(pool) + T[layout.T_POS >> 2])
    v = p[0]
    n = 1
    if v & 128:
        v = v & 127
        s = 7
        while True:
            b = p[n]
            n += 1
            if s == 28:
                if b & 128:
                    fail(2)
                if b & 0x70:
                    fail(3)
            v = v | ((b & 127) << s)
            s += 7
            if b & 128 == 0:
                break
    T[layout.T_POS >> 2] += n
    return uint(v)


@micropython.viper
def sleb(pool: ptr8, wide: int):
    """s32 or s64 (wide = 1) at T_POS, into T_LO and T_HI."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    p = ptr8(int(pool) + T[layout.T_POS >> 2])
    lo = 0
    hi = 0
    s = 0
    b = 128
    while b & 128:
        b = p[0]
        p = ptr8(int(p) + 1)
        v = b & 127
        if s < 28:
            lo = lo | (v << s)
        else:
            k = 0  # what the last byte may hold above the number's bits: their sign's copies
            if s == 28:
                lo = lo | (v << 28)
                hi = v >> 4
                if wide == 0:
                    k = 0x78
            else:
                hi = hi | (v << (s - 32))
                if s == 63:
                    k = 0x7f
            if k:
                if b & 128:
                    fail(2)
                v = v & k
                if v:
                    if v != k:
                        fail(3)
        s += 7
    if b & 64:  # negative: fill up from bit s
        v = 0 - 1
        if s < 32:
            lo = lo | (v << s)
            hi = v
        elif s < 64:
            hi = hi | (v << (s - 32))
    T[layout.T_LO >> 2] = lo
    T[layout.T_HI >> 2] = hi
    T[layout.T_POS >> 2] = int(p) - int(pool)


def memory_index(pool):
    """A memory index at T_POS: a zero byte, unless there may be several (multi-memory). The memory has to exist."""
    T = get32(pool, layout.P_T)
    if not pool[layout.P_FLAGS] & layout.PF_MEMORIES and pool[get32(pool, T + layout.T_POS)]:
        fail(27)
    x = leb(pool)
    mod = get32(pool, T + layout.T_MOD)
    if x >= get32(pool, mod + layout.M_NMEMS):
        fail(18)
    if pool[get32(pool, mod + layout.M_MEMS) + x * layout.MD_SIZE + layout.MD_FLAGS] & 4:
        fail(29)
    return x


# ---- words -------------------------------------------------------------------------------------------------------------------
@micropython.viper
def emit(pool: ptr8, op: int, x: int, y: int, z: int):
    """A code word; op + 0x100: x is its destination, which a following local.set may change."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    if op == layout.OP_RARE and x < layout.SUB_G_LOAD and x != layout.SUB_MEMORY_SIZE and x != layout.SUB_MEMORY_GROW:
        T[layout.T_FLAGS >> 2] = T[layout.T_FLAGS >> 2] | layout.TF_BULK
    if T[layout.T_LIVE >> 2]:
        c = T[layout.T_CODE >> 2]
        if T[layout.T_SP >> 2] - c < 64:
            fail(NOROOM)
        T[layout.T_LAST >> 2] = c
        T[layout.T_CODE >> 2] = c + 4
        T[layout.T_LASTD >> 2] = x if op & 0x100 else 0xffff
        p = ptr8(int(pool) + c)
        p[0] = op
        p[1] = x
        p[2] = y
        p[3] = z


@micropython.viper
def extend(pool: ptr8, value: int):
    """An extension word of the word just emitted."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    if T[layout.T_LIVE >> 2]:
        c = T[layout.T_CODE >> 2]
        ptr32(int(pool) + c)[0] = value
        T[layout.T_CODE >> 2] = c + 4


@micropython.viper
def move(pool, d: int, s: int, kind: int):
    """Copy slot s to slot d."""
    if d > 255 or s > 255:
        far_move(pool, d, s, kind)
    else:
        emit(pool, (layout.OP_MOV64 if kind == 0x7E or kind == 0x7C else layout.OP_MOV) | 0x100, d, s, 0)


def far_move(pool, d, s, kind):
    """Copy slot s to slot d where one of them is above 255."""
    two = kind == 0x7E or kind == 0x7C
    if d < 256:
        emit(pool, layout.OP_GET_W, d, s & 255, s >> 8)
        if two:
            s += 1
            emit(pool, layout.OP_GET_W, d + 1, s & 255, s >> 8)
        return
    if s > 255:
        far_move(pool, 254, s, kind)
        s = 254
    emit(pool, layout.OP_SET_W, s, d & 255, d >> 8)
    if two:
        d += 1
        emit(pool, layout.OP_SET_W, s + 1, d & 255, d >> 8)


def constant(pool, d, value, kind):
    """Constant to slot d (i64, f64: sign-extended from 32 bits)."""
    x = d if d < 256 else 254
    if kind == 0x7E or kind == 0x7C:
        emit(pool, layout.OP_CONST64 | 0x100, x, 0, 0)
        extend(pool, value)
    elif 0 <= value < 65536:
        emit(pool, layout.OP_CONST | 0x100, x, value & 255, value >> 8)
    else:
        emit(pool, layout.OP_CONST_W | 0x100, x, 0, 0)
        extend(pool, value)
    if x != d:
        far_move(pool, d, 254, kind)


# ---- operand stack -----------------------------------------------------------------------------------------------------------
@micropython.viper
def push(pool: ptr8, kind: int) -> int:
    """A new operand in a slot of its own -> its record."""
    T = ptr32(int(pool) + ptr32(pool)[layout.P_T >> 2])
    s = T[layout.T_NEXT >> 2]
    n = 1
    if kind == 0x7E or kind == 0x7C:
        n = 2
    if s < 256:
        if s + n > layout.GAP:
            s = 256
    sp = T[layout.T_SP >> 2] - layout.OPERAND
    if sp - T[layout.T_CODE >> 2] < 64:
        fail(NOROOM)
    v = ptr32(int(pool) + sp)
    v[0] = kind
    v[1] = s
    v[2] = s
    T[layout.T_SP >> 2] = sp
    s += n
    T[layout.T_NEXT >> 2] = s
    if s > T[layout.T_MAX >> 2]:
        T[layout.T_MAX >> 2] = s
        if s > 60000:
            fail(5)
    return sp


@micropython.viper
def pop(pool: ptr8, kind: int) -> int:
    """The top operand's record (good until the next push); kind 0 = any type."""
    t = ptr32(pool)[layout.P_T >> 2]
    T = ptr32(int(pool) + t)
    sp = T[layout.T_SP >> 2]
    if sp == T[layout.T_CTL >> 2]:
        if ptr32(int(pool) + sp)[layout.C_DEAD >> 2] == 0:
            fail(4)
        t += layout.T_BOT
        v = ptr32(int(pool) + t)
        v[0] = 0
        v[1] = 0
        v[2] = T[layout.T_NEXT >> 2]
        return t
    v = ptr32(int(pool) + sp)
    t = v[0] & 0xff
    if t != kind:
        if kind:
            if t:
                fail(4)
    T[layout.T_SP >> 2] = sp + layout.OPERAND
    T[layout.T_NEXT >> 2] = v[2]
    return sp


@micropython.viper
def put(pool, op: int, kind: int, y: int, z: int, ext: int):
    """A word [op, d, y, z] whose result d is a new operand; op + 0x200: with extension word ext; + 0x1000: op is a rare sub-operation,
    [RARE, op, d, y][ext]; + 0x400, 0x800: an i64 whose high word is the low one's sign, or 0."""
    d = ptr32(int(ptr8(pool)) + int(push(pool, kind)))[2]
    x = d
    if d > 255:
        x = 254
    if op & 0x1000:
        emit(pool, layout.OP_RARE, op & 0xff, x, y)
    else:
        emit(pool, (op & 0xff) | 0x100, x, y, z)
    if op & 0x1200:
        extend(pool, ext)
    if op & 0xC00:
        emit(pool, (layout.OP_I64_EXTEND_S if op & 0x400 else layout.OP_I64_EXTEND_U) | 0x100, x, x, 0)
    if d > 255:
        far_move(pool, d, 254, kind)


def own(pool, at):
    """Move an operand to its own slot."""
    kind = get32(pool, at)
    slot = get32(pool, at + layout.O_SLOT)
    if kind & 0x100:
        kind &= 0xFF
        put32(pool, at, kind)
        constant(pool, slot, get32(pool, at + layout.O_AT), kind)
    else:
        value = get32(pool, at + layout.O_AT)
        if value != slot:
            move(pool, slot, value, kind)
    put32(pool, at + layout.O_AT, slot)


def flush(pool, n):
    """The top n operands of the block to their own slots; n < 0: all."""
    T = get32(pool, layout.P_T)
    sp = get32(pool, T + layout.T_SP)
    top = get32(pool, T + layout.T_CTL) if n < 0 else sp + n * layout.OPERAND
    while top != sp:
        top -= layout.OPERAND
        own(pool, top)


@micropython.viper
def source(pool, at: int, scratch: int) -> int:
    """Slot below 256 to read an operand from; constants get their slot, slots above 255 go through a scratch slot."""
    v = ptr32(int(ptr8(pool)) + at)
    if v[0] & 0x100:
        own(pool, at)
    s = v[1]
    if s > 255:
        move(pool, scratch, s, v[0])
        return scratch
    return s


@micropython.viper
def forget(pool, slot: int):
    """A local is about to change: operands that still live in it move to their own slots."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    sp = T[layout.T_SP >> 2]
    top = T[layout.T_CTL >> 2]
    while sp != top:
        v = ptr32(base + sp)
        if v[0] & 0x100 == 0:
            if v[1] == slot:
                own(pool, sp)
        sp += layout.OPERAND
