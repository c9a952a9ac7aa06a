# Translator: numeric instructions, loads and stores (WebAssembly 3.3.1, 3.3.7)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .operands import constant, emit, extend, fail, leb, own, pop, push, source, widen
from .tables import COMPARE, ROWS


@micropython.viper
def simple(pool, at: int):
    """One instruction of class BIN … EQZ; `at`: its row in ROWS."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    row = ptr8(int(ptr8(ROWS)) + at)
    c = row[0]
    kind = row[4]
    to = row[5]
    flags = row[6]
    op = row[1]
    if flags & layout.CF_FLOATS:
        T[layout.T_FLAGS >> 2] = T[layout.T_FLAGS >> 2] | layout.TF_FLOAT
    if c == layout.W_BIN:
        vo = int(pop(pool, kind))
        wo = int(pop(pool, kind))
        v = ptr32(base + vo)  # second operand
        w = ptr32(base + wo)  # first
        if flags & layout.CF_COMMUTES:
            if w[0] & 0x100:
                if v[0] & 0x100 == 0:
                    t = vo
                    vo = wo
                    wo = t
                    v = ptr32(base + vo)
                    w = ptr32(base + wo)
        k = v[1]
        form = 0  # 1 = 8-bit constant, 2 = 32-bit constant
        if flags & layout.CF_COMPARES:
            n = row[7]
            # is a branch next? (eqz may stand between)
            p = ptr8(base + T[layout.T_POS >> 2])
            t = p[0]
            if t == 0x45:
                t = p[1]
            most = 255
            if t == 0x0D or t == 0x04:
                most = 65535
            if v[0] & 0x100:
                if flags & layout.CF_SWAPS:  # a > k is a >= k + 1; a <= k is a < k + 1
                    if uint(k) < uint(most):
                        k += 1
                        n = n ^ 1
                        form = 1
                elif uint(k) <= uint(most):
                    form = 1
            if form == 1:
                a = int(source(pool, wo, 248))
                n = n | 8
            else:
                k = int(source(pool, vo, 250))
                a = int(source(pool, wo, 248))
                if flags & layout.CF_SWAPS:
                    b = a
                    a = k
                    k = b
            if t == 0x0D or t == 0x04:
                T[layout.T_PKIND >> 2] = n
                T[layout.T_PA >> 2] = a
                T[layout.T_PB >> 2] = k
                push(pool, to)
                return
            op = ptr8(COMPARE)[n]
            d = ptr32(base + int(push(pool, to)))[2]
            if d > 255:
                emit(pool, op, 254, a, k)
                widen(pool, d, to)
            else:
                emit(pool, op | 0x100, d, a, k)
            return
        if v[0] & 0x100 and row[2]:
            if flags & layout.CF_COUNTS:
                k = k & 31
                form = 1
                op = row[2]
            elif uint(k) < uint(256):
                form = 1
                op = row[2]
            elif flags & layout.CF_SUBTRACTS:
                k = 0 - S32(k)
                form = 2
                op = row[3]
                if uint(k) < uint(256):
                    form = 1
                    op = layout.OP_I32_ADD_I
            elif op == layout.OP_I32_ADD and uint(0 - S32(k)) < uint(256):
                k = 0 - S32(k)
                form = 1
                op = layout.OP_I32_SUB_I
            elif row[3]:
                form = 2
                op = row[3]
        if form == 0:
            k = int(source(pool, vo, 250))
        a = int(source(pool, wo, 248))
        if form == 0 and flags & layout.CF_SWAPS:
            b = a
            a = k
            k = b
        # the result's slot is that of the operand that lies deeper
        d = ptr32(base + int(push(pool, to)))[2]
        x = d | 0x10000
        if d > 255:
            x = 254
        if form == 2:
            emit(pool, op | (x >> 16 << 8), x & 255, a, 0)
            extend(pool, k)
        else:
            emit(pool, op | (x >> 16 << 8), x & 255, a, k)
        if d > 255:
            widen(pool, d, to)
    elif c == layout.W_LOAD or c == layout.W_STORE:
        _memory(pool, at)
    elif c == layout.W_CAST:
        wo = int(pop(pool, kind))
        w = ptr32(base + wo)
        k = w[0]
        a = w[1]
        v = ptr32(base + int(push(pool, to)))
        if k & 0xff:
            v[0] = (k & 0x100) | to
            v[1] = a
    elif c == layout.W_EQZ:
        p = ptr8(base + T[layout.T_POS >> 2])
        vo = int(pop(pool, 0x7F))
        if T[layout.T_PKIND >> 2] != 0xff:  # a comparison that waits for its branch: eqz turns it round
            T[layout.T_PKIND >> 2] = T[layout.T_PKIND >> 2] ^ 1
            push(pool, 0x7F)
            return
        a = int(source(pool, vo, 248))
        d = ptr32(base + int(push(pool, 0x7F)))[2]
        if p[0] == 0x0D or p[0] == 0x04:
            T[layout.T_PKIND >> 2] = 8
            T[layout.T_PA >> 2] = a
            T[layout.T_PB >> 2] = 0
        elif d > 255:
            emit(pool, layout.OP_I32_EQ_I, 254, a, 0)
            widen(pool, d, 0x7F)
        else:
            emit(pool, layout.OP_I32_EQ_I | 0x100, d, a, 0)
    else:  # W_UN, W_RARE_UN, W_RARE_BIN
        k = 0
        if c == layout.W_RARE_BIN:
            k = int(source(pool, int(pop(pool, kind)), 250))
        a = int(source(pool, int(pop(pool, kind)), 248))
        d = ptr32(base + int(push(pool, to)))[2]
        x = d
        if d > 255:
            x = 254
        if c == layout.W_UN:
            emit(pool, op | 0x100, x, a, row[7])
            if flags & layout.CF_SIGN:
                emit(pool, layout.OP_I64_EXTEND_S | 0x100, x, x, 0)
        else:
            emit(pool, layout.OP_RARE, row[7], x, a)
            extend(pool, k)
        if d > 255:
            widen(pool, d, to)


@micropython.viper
def _memory(pool, at: int):
    """A load or a store of memory 0."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    row = ptr8(int(ptr8(ROWS)) + at)
    store = 0
    if row[0] == layout.W_STORE:
        store = 1
    kind = row[5]
    if ptr32(base + T[layout.T_MOD >> 2])[layout.M_NMEMS >> 2] == 0:
        fail(18)
    align = int(leb(pool))
    offset = S32(int(leb(pool)))
    if uint(align) > uint(31):
        fail(20)
    if align > row[4]:
        fail(19)
    size = 1 << row[4]
    b = 0
    vo = 0
    if store:
        vo = int(pop(pool, kind))
    wo = int(pop(pool, 0x7F))
    v = ptr32(base + wo)
    if store:
        b = int(source(pool, vo, 250))
    if v[0] & 0x100 and row[3]:
        k = S32(v[1])
        if k >= 0 and offset >= 0:
            k += offset
            if k >= 0 and k < 65536:
                if k & (size - 1) == 0:  # constant address
                    if store:
                        emit(pool, row[3], b, k & 255, k >> 8)
                        return
                    d = ptr32(base + int(push(pool, kind)))[2]
                    if d > 255:
                        emit(pool, row[3], 254, k & 255, k >> 8)
                    else:
                        emit(pool, row[3] | 0x100, d, k & 255, k >> 8)
                    if row[6]:
                        _high(pool, d, row[6])
                    if d > 255:
                        widen(pool, d, kind)
                    return
    a = int(source(pool, wo, 248))
    x = a
    y = b
    d = 0
    if store == 0:
        d = ptr32(base + int(push(pool, kind)))[2]
        x = d
        if d > 255:
            x = 254
        y = a
    if offset < 0 or offset > T[layout.T_SAFE >> 2] - size:
        emit(pool, layout.OP_RARE, row[7], x, y)
        extend(pool, offset)
    elif offset < 256:
        emit(pool, row[1] if store else row[1] | 0x100, x, y, offset)
    else:
        emit(pool, row[2] if store else row[2] | 0x100, x, y, 0)
        extend(pool, offset)
    if store == 0:
        if row[6]:
            _high(pool, d, row[6])
        if d > 255:
            widen(pool, d, kind)


@micropython.viper
def _high(pool, d: int, flags: int):
    """The high word of an i64 just loaded in part."""
    if d > 255:
        d = 254
    emit(pool, (layout.OP_I64_EXTEND_S if flags & layout.CF_SIGN else layout.OP_I64_EXTEND_U) | 0x100, d, d, 0)
