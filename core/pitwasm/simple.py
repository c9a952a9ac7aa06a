# Translator: numeric instructions, loads and stores (WebAssembly 3.3.1, 3.3.7)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .operands import emit, extend, fail, leb, memory_index, pop, push, put, source
from .tables import ROWS


@micropython.viper
def simple(pool, at: int):
    """One instruction of class BIN … EQZ; `at`: its row in ROWS."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    row = ptr8(int(ptr8(ROWS)) + at)
    c = row[0]
    kind = (row[4] & 15) | 0x70
    to = (row[4] >> 4) | 0x70
    flags = row[5]
    op = row[1]
    if flags & layout.CF_FLOATS:
        T[layout.T_FLAGS >> 2] = T[layout.T_FLAGS >> 2] | layout.TF_FLOAT
    if c == layout.W_LOAD or c == layout.W_STORE:
        _memory(pool, at)
        return
    vo = int(pop(pool, kind))  # second operand, or the only one
    v = ptr32(base + vo)
    k = v[1]
    if c == layout.W_CAST:
        if kind == 0x7E and to == 0x7F:  # i32.wrap_i64: the word before fills two slots, so a local.set must not redirect it
            T[layout.T_LASTD >> 2] = 0xffff
        c = v[0]
        v = ptr32(base + int(push(pool, to)))
        if c & 0xff:
            v[0] = (c & 0x100) | to
            v[1] = k
        return
    if c == layout.W_UN or c >= layout.W_RARE_UN:
        # is a branch next? (i32.eqz)
        p = ptr8(base + T[layout.T_POS >> 2])
        if c == layout.W_EQZ and T[layout.T_PKIND >> 2] != 0xff:  # a comparison that waits for its branch: eqz turns it round
            T[layout.T_PKIND >> 2] = T[layout.T_PKIND >> 2] ^ 1
            push(pool, to)
            return
        k = int(source(pool, vo, 248))
        if c == layout.W_EQZ:
            if p[0] == 0x0D or p[0] == 0x04:
                T[layout.T_PKIND >> 2] = 8
                T[layout.T_PA >> 2] = k
                T[layout.T_PB >> 2] = 0
                push(pool, to)
                return
            put(pool, layout.OP_I32_CMP_I, to, k, 0, 0)
        elif c == layout.W_UN:
            put(pool, op | 0x400 if flags & layout.CF_SIGN else op, to, k, row[6], 0)
        else:
            put(pool, row[6] | 0x1000, to, k, 0, 0)
        return
    wo = int(pop(pool, kind))  # first operand
    w = ptr32(base + wo)
    if flags & layout.CF_COMMUTES:
        if w[0] & 0x100:
            if v[0] & 0x100 == 0:
                c = vo
                vo = wo
                wo = c
                v = ptr32(base + vo)
                k = v[1]
                c = layout.W_BIN
    form = 0  # 1 = 8-bit constant, 2 = 32-bit constant
    n = row[6]
    t = 0
    if flags & layout.CF_COMPARES:
        p = ptr8(base + T[layout.T_POS >> 2])
        t = p[0]
        if t == 0x45:
            t = p[1]
        most = 255
        if t == 0x0D or t == 0x04:
            t = 1
            most = 65535
        if v[0] & 0x100:
            if flags & layout.CF_SWAPS:  # a > k is a >= k + 1; a <= k is a < k + 1
                if uint(k) < uint(most):
                    k += 1
                    n = n ^ 9
                    form = 1
            elif uint(k) <= uint(most):
                n = n ^ 8
                form = 1
        op = (row[2] if n & 8 else op) + (n & 7)
    elif v[0] & 0x100 and row[2]:
        if flags & layout.CF_COUNTS:
            k = k & 31
            form = 1
            op = row[2]
        elif uint(k) < uint(256):
            form = 1
            op = row[2]
        else:
            if flags & layout.CF_SUBTRACTS or (op == layout.OP_I32_ADD and uint(0 - S32(k)) < uint(256)):
                k = 0 - S32(k)
            if row[3]:
                form = 2
                op = row[3]
                if op == layout.OP_I32_ADD_W and uint(k) < uint(256):
                    form = 1
                    op = layout.OP_I32_ADD_I if flags & layout.CF_SUBTRACTS else layout.OP_I32_SUB_I
    if form == 0:
        k = int(source(pool, vo, 250))
    a = int(source(pool, wo, 248))
    if form == 0:
        if flags & layout.CF_SWAPS:
            p1 = a
            a = k
            k = p1
    if t == 1:  # the branch takes it
        T[layout.T_PKIND >> 2] = n
        T[layout.T_PA >> 2] = a
        T[layout.T_PB >> 2] = k
        push(pool, to)
    elif c == layout.W_RARE_BIN:
        put(pool, row[6] | 0x1000, to, a, 0, k)
    elif form == 2:
        put(pool, op | 0x200, to, a, 0, k)
    else:
        put(pool, op, to, a, k, 0)


@micropython.viper
def _memory(pool, at: int):
    """A load or a store of memory 0."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    row = ptr8(int(ptr8(ROWS)) + at)
    store = 0
    if row[0] == layout.W_STORE:
        store = 1
    kind = (row[4] >> 4) | 0x70
    m = ptr32(base + T[layout.T_MOD >> 2])
    if m[layout.M_NMEMS >> 2] == 0:
        fail(18)
    x = int(leb(pool))
    other = 0
    if x & 64 and ptr8(base)[layout.P_FLAGS] & layout.PF_MEMORIES:
        other = int(memory_index(pool))
        x -= 64
    elif ptr32(base + m[layout.M_MEMS >> 2])[0] & 4:
        fail(29)
    offset = S32(int(leb(pool)))
    if uint(x) > uint(31):
        fail(20)
    if x > row[4] & 15:
        fail(19)
    size = 1 << (row[4] & 15)
    high = row[5] << 4  # CF_SIGN, CF_ZERO as put() takes them
    b = 0
    if store:
        b = int(source(pool, int(pop(pool, kind)), 250))
    wo = int(pop(pool, 0x7F))
    v = ptr32(base + wo)
    if v[0] & 0x100 and row[3] and other == 0:
        k = S32(v[1]) + offset
        # constant address; the sum of two numbers below 2**31 that passes 2**31 is negative here
        if S32(v[1]) >= 0 and offset >= 0 and k >= 0 and k < 65536 and k & (size - 1) == 0:
            if store:
                emit(pool, row[3], b, k & 255, k >> 8)
            else:
                put(pool, row[3] | high, kind, k & 255, k >> 8, 0)
            return
    x = int(source(pool, wo, 248))
    if other:
        emit(pool, layout.OP_RARE, layout.SUB_OTHER_MEMORY, other, 0)
        extend(pool, 0)
    if other or offset < 0 or offset > T[layout.T_SAFE >> 2] - size:
        if store:
            emit(pool, layout.OP_RARE, row[6], x, b)
            extend(pool, offset)
        else:
            put(pool, row[6] | 0x1000 | high, kind, x, 0, offset)
    elif store:
        if offset < 256:
            emit(pool, row[1], x, b, offset)
        else:
            emit(pool, row[2], x, b, 0)
            extend(pool, offset)
    elif offset < 256:
        put(pool, row[1] | high, kind, x, offset, 0)
    else:
        put(pool, row[2] | 0x200 | high, kind, x, 0, offset)
