# Native tier: one function's code words to machine code, through the instructions of the assembler at hand (layout.A_*)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .callref import callref  # noqa: F401 (native.py finds it here)
from .forms import FORMS
from .lower import constant, copy, define, drop, exposed, fix, flush, forget, later, mark, pend, save, stretch, take, use, wrote
from .machine import FLAGS, PINS, RANGE, REACHES, REGS, SCRATCH, asm, stubs  # noqa: F401 (native.py finds them here)


@micropython.viper
def _pinned(s: int, op: int):
    """Load (A_LDS) or store (A_STS) the pinned slots."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    r = 0
    while r < S[layout.N_REGS]:
        if B[layout.N_RF + r] == layout.RF_PINNED:
            asm(s, op, r, B[layout.N_RS + r], 0)
        r += 1


@micropython.viper
def lower(s: int) -> int:
    """The whole function. 0, or NX_*."""
    S = ptr32(s << 2)
    mark(s)
    if S[layout.N_ERROR]:
        return S[layout.N_ERROR]
    exposed(s)
    h = ptr16(int(S) - S[layout.N_SELF] + S[layout.N_FUNC] - layout.FUNC)
    S[layout.N_LEAVE] = S[layout.N_AT]
    _pinned(s, layout.A_STS)
    asm(s, layout.A_LEAVE, 0, 0, 0)
    S[layout.N_LOADER] = S[layout.N_AT]
    _pinned(s, layout.A_LDS)
    asm(s, layout.A_LOADED, 0, 0, 0)
    S[layout.N_ENTER] = S[layout.N_AT]
    S[layout.N_IMM] = (h[layout.F_SLOTS >> 1] << 2) + 16
    asm(s, layout.A_ENTER, 0, h[layout.F_PARAMS >> 1], h[layout.F_CLEAR >> 1])
    _pinned(s, layout.A_LDS)
    words(s)
    if S[layout.N_ERROR] == 0:
        flush(s, 0)
        at = S[layout.N_PLACES]
        while S[layout.N_TOP] < at:
            at -= 8
            p = ptr32(int(S) + at)
            fix(s, p[0], ptr32(int(S) + S[layout.N_PLACES])[p[1]])
    return S[layout.N_ERROR]


@micropython.viper
def words(s: int):
    S = ptr32(s << 2)
    base = int(S) - S[layout.N_SELF]
    top = base + S[layout.N_FUNC]
    n = S[layout.N_WORDS]
    F = ptr8(int(S) + S[layout.N_MARKS])
    P = ptr32(int(S) + S[layout.N_PLACES])
    forms = ptr8(FORMS)
    last = ptr8(int(S) + layout.N_LAST)
    i = 0
    known = 1  # the place before the word can be reached
    while i < n:
        if S[layout.N_AT] > S[layout.N_END]:
            S[layout.N_ERROR] = layout.NX_ROOM
        if S[layout.N_ERROR]:
            return
        if F[i] & layout.MK_LABEL:
            forget(s)
            stretch(s, i)
            last = ptr8(int(S) + layout.N_LAST)
        t = 0
        if S[layout.N_PENDING]:
            t = S[layout.N_AT] + S[layout.N_STUBS] + 80
            if t - S[layout.N_OLDEST] > S[layout.N_RANGE] or S[layout.N_PENDING] > 380:
                known |= 2
        if S[layout.N_LITERALS]:
            if S[layout.N_AT] + S[layout.N_STUBS] + 80 - S[layout.N_FIRST] > 900 or S[layout.N_LITERALS] > 20:
                known |= 2
        if known != 1:
            flush(s, known & 1)
        known = 1
        P[i] = S[layout.N_AT]
        S[layout.N_WORD] = i
        S[layout.N_LOCKED] = 0
        S[layout.N_TICK] += 1
        ip = ptr8(top + (i << 2))
        op = ip[0]
        k = forms[op << 2]
        g = forms[(op << 2) + 1]
        x = ip[1]
        y = ip[2]
        z = ip[3]
        gone = last[0]
        last = ptr8(int(last) + 1)
        here = i
        i += forms[(op << 2) + 3]
        if F[here] & layout.MK_HAND:
            if k == layout.L_CALL:
                t = ptr32(base + S[layout.N_ENTRIES])[ptr16(ip)[1]]
                if t == layout.P_LAZY:
                    save(s, 0)
                    asm(s, layout.A_EXIT, 0, here, 0)
                    known = 0
                    continue
                save(s, 1)
                S[layout.N_IMM] = S[layout.N_FUNC] + (here << 2)
                S[layout.N_ALSO] = t
                S[layout.N_TARGET] = 0
                if t == S[layout.N_FUNC] - layout.FUNC:
                    S[layout.N_TARGET] = S[layout.N_ENTER]
                asm(s, layout.A_CALL, 0, x, 0)
                forget(s)
                _pinned(s, layout.A_LDS)
            elif k == layout.L_REF:
                save(s, 1)
                S[layout.N_IMM] = S[layout.N_FUNC] + (here << 2) + 4
                asm(s, layout.A_REF, 0, ip[5], 0)
                forget(s)
                _pinned(s, layout.A_LDS)
            else:
                save(s, 0)
                asm(s, layout.A_EXIT, 0, here, 0)
                known = 0
        elif k < layout.L_BR:
            if k == layout.L_CMP or k < layout.L_BINI or k == layout.L_DIV:
                a = int(use(s, y))
                b = int(use(s, z))
                if k == layout.L_DIV:
                    S[layout.N_KIND] = 0
                    S[layout.N_IMM] = 0
                    S[layout.N_TARGET] = 0
                    S[layout.N_REACH] = 0
                    t = int(asm(s, layout.A_BRI, 0, b, 0))
                    S[layout.N_IMM] = 0 - 1
                    u = 0
                    if g & 1 == 0:
                        u = int(asm(s, layout.A_BRI, 0, b, 0))
                    pend(s, t, u)
                    g += layout.A_DIV
                elif k == layout.L_CMP:
                    S[layout.N_KIND] = g
                    g = layout.A_SET
                if gone & 2:
                    drop(s, y)
                if gone & 4:
                    drop(s, z)
                S[layout.N_LOCKED] = 0  # an instruction reads its operands before it writes
                asm(s, g, int(define(s, x)), a, b)
            else:
                a = int(use(s, y))
                t = z
                if k == layout.L_BINW:
                    t = ptr32(ip)[1]
                elif k == layout.L_SUBI:
                    t = 0 - z
                    g = layout.A_ADDI
                elif k == layout.L_CMPI:
                    S[layout.N_KIND] = g
                    g = layout.A_SETI
                if gone & 2:
                    drop(s, y)
                b = int(define(s, x))
                S[layout.N_IMM] = t
                asm(s, g, b, a, 0)
            if gone & 16:
                drop(s, x)
            else:
                wrote(s, x)
        elif k < layout.L_RET:
            if k == layout.L_TABLE:
                a = int(use(s, x))
                t = ptr32(ip)[1]
                # The code words of the branches follow; the last one is for all that is greater.
                S[layout.N_KIND] = 5
                S[layout.N_IMM] = t
                S[layout.N_TARGET] = 0
                S[layout.N_REACH] = S[layout.N_REACHES]
                later(s, int(asm(s, layout.A_BRI, 0, a, 0)), i + t)
                if S[layout.N_PENDING] or S[layout.N_LITERALS]:
                    flush(s, 1)
                asm(s, layout.A_TABLE, 0, a, t)
                u = 0
                while u < t:
                    if S[layout.N_AT] > S[layout.N_END]:
                        S[layout.N_ERROR] = layout.NX_ROOM
                        return
                    a = S32(ptr32(top + ((i + u) << 2))[0]) >> 10
                    if a < 0:
                        a = 0 - 1
                    S[layout.N_TARGET] = 0
                    later(s, int(asm(s, layout.A_ENTRY, 0, 0, 0)), i + u + 1 + a)
                    u += 1
                known = 0
            else:
                if k == layout.L_BR:
                    t = S32(ptr32(ip)[0]) >> 10
                    g = layout.A_JUMP
                    a = 0
                    b = 0
                else:
                    t = S32(ptr32(ip)[1]) >> 2
                    a = int(use(s, x))
                    b = 0
                    if k == layout.L_BRR:
                        b = int(use(s, y))
                    S[layout.N_KIND] = g if t >= 0 else g ^ 1
                    g = layout.A_BRR
                    if k == layout.L_BRI:
                        S[layout.N_IMM] = ptr16(ip)[1]
                        g = layout.A_BRI
                t += here + 1
                S[layout.N_TARGET] = 0
                if t > here:
                    if t != i or g != layout.A_JUMP:
                        S[layout.N_REACH] = S[layout.N_REACHES]
                        if S[layout.N_REACH] == 1 and t - here < 8:
                            S[layout.N_REACH] = 0
                        later(s, int(asm(s, g, 0, a, b)), t)
                    if gone & 1:
                        drop(s, x)
                    if gone & 2:
                        drop(s, y)
                else:
                    S[layout.N_REACH] = 0
                    u = 0
                    if g != layout.A_JUMP:
                        u = int(asm(s, g, 0, a, b))
                    S[layout.N_TARGET] = P[t]
                    asm(s, layout.A_BACK, 0, 0, 0)
                    asm(s, layout.A_EXIT, 0, t, 2)
                    if u:
                        fix(s, u, S[layout.N_AT])
                if g == layout.A_JUMP and t != i:
                    known = 0
        elif k < layout.L_CALL:
            if k == layout.L_RET1 or k == layout.L_RET2:
                a = int(use(s, x))
                if k == layout.L_RET2:
                    b = int(use(s, x + 1))
                    asm(s, layout.A_STS, a, 0, 0)
                    asm(s, layout.A_STS, b, 1, 0)
                else:
                    asm(s, layout.A_STS, a, 0, 0)
            elif k == layout.L_RETN:
                save(s, 0)
                t = ptr32(ip)[1]
                u = 0
                a = S[layout.N_SCRATCH]
                while u < int(uint(t) >> 16):
                    asm(s, layout.A_LDS, a, (t & 0xffff) + u, 0)
                    asm(s, layout.A_STS, a, u, 0)
                    u += 1
                    if S[layout.N_AT] > S[layout.N_END]:
                        S[layout.N_ERROR] = layout.NX_ROOM
                        return
            asm(s, layout.A_RET, 0, 0, 0)
            known = 0
        elif k < layout.L_LOAD:
            if k == layout.L_CONST:
                constant(s, x, ptr16(ip)[1])
            elif k == layout.L_CONSTW:
                constant(s, x, ptr32(ip)[1])
            elif k == layout.L_CONST64:
                t = S32(ptr32(ip)[1])
                constant(s, x, t)
                constant(s, x + 1, t >> 31)
            elif k == layout.L_CONST64W:
                constant(s, x, ptr32(ip)[1])
                constant(s, x + 1, ptr32(ip)[2])
            elif k == layout.L_GETW or k == layout.L_GGET or k == layout.L_GGET64:
                b = 0
                while b < 2:
                    a = int(define(s, x + b))
                    if k == layout.L_GETW:
                        asm(s, layout.A_LDS, a, ptr16(ip)[1], 0)
                    else:
                        S[layout.N_IMM] = ptr16(ip)[1]
                        asm(s, layout.A_GGET, a, b, 0)
                    wrote(s, x + b)
                    b += 1
                    if k != layout.L_GGET64:
                        break
            elif k == layout.L_SETW or k == layout.L_GSET or k == layout.L_GSET64:
                b = 0
                while b < 2:
                    a = int(use(s, x + b))
                    if k == layout.L_SETW:
                        asm(s, layout.A_STS, a, ptr16(ip)[1], 0)
                    else:
                        S[layout.N_IMM] = ptr16(ip)[1]
                        asm(s, layout.A_GSET, a, b, 0)
                    b += 1
                    if k != layout.L_GSET64:
                        break
                if gone & 1:
                    drop(s, x)
                    if k == layout.L_GSET64:
                        drop(s, x + 1)
            else:
                u = 1
                if k == layout.L_MOV64 or k == layout.L_SEL64:
                    u = 2
                b = 0
                while b < u:
                    # not to take the condition's register, nor that of an operand, for the first half of the result
                    S[layout.N_LOCKED] = 0
                    if k == layout.L_MOV or k == layout.L_MOV64:
                        if x != y:
                            a = int(use(s, y + b))
                            if gone & 2:
                                drop(s, y + b)
                            asm(s, layout.A_MOV, int(define(s, x + b)), a, 0)
                            wrote(s, x + b)
                    else:
                        a = int(use(s, y + b))
                        t = int(use(s, z + b))
                        g = int(use(s, ip[4]))
                        if gone & 2:
                            drop(s, y + b)
                        if gone & 4:
                            drop(s, z + b)
                        if gone & 8 and b == u - 1:
                            drop(s, ip[4])
                        if b == u - 1:
                            S[layout.N_LOCKED] = 0
                        S[layout.N_ALSO] = g
                        asm(s, layout.A_SEL, int(define(s, x + b)), a, t)
                        wrote(s, x + b)
                    b += 1
            if gone & 16:
                drop(s, x)
                if forms[(op << 2) + 2] & 4:
                    drop(s, x + 1)
        elif k < layout.L_LOGIC64:
            memory(s, k, g, int(ip) - base, gone)
        else:
            wide(s, k, g, x | y << 8 | z << 16, gone)


@micropython.viper
def memory(s: int, k: int, g: int, at: int, gone: int):
    """Loads and stores of memory 0."""
    S = ptr32(s << 2)
    ip = ptr8(int(S) - S[layout.N_SELF] + at)
    size = ptr8(b"\x04\x01\x01\x02\x02\x08\x04\x01\x02\x08")[g]
    x = ip[1]
    y = ip[2]
    off = ip[3]
    if k == layout.L_LOADW or k == layout.L_STOREW:
        off = ptr32(ip)[1]
    elif k == layout.L_LOADC or k == layout.L_STOREC:
        off = ptr16(ip)[1]
    a = 0
    v = 0
    if k == layout.L_LOADC or k == layout.L_STOREC:
        if k == layout.L_STOREC:
            v = int(use(s, x))
        S[layout.N_IMM] = off
        S[layout.N_FIX] = 0
        pend(s, int(asm(s, layout.A_CHECKC, 0, 0, size)), S[layout.N_FIX])
        if k == layout.L_STOREC:
            S[layout.N_IMM] = off
            asm(s, layout.A_STOREC, v, 0, g)
            if gone & 1:
                drop(s, x)
            return
        a = int(define(s, x))
        S[layout.N_IMM] = off
        asm(s, layout.A_LOADC, a, 0, g)
    else:
        if g >= 6:
            a = int(use(s, x))
            v = int(use(s, y))
            if size == 8:
                v = v | int(use(s, y + 1)) << 8
        else:
            a = int(use(s, y))
        S[layout.N_IMM] = off
        S[layout.N_FIX] = 0
        v |= int(asm(s, layout.A_CHECK, 0, a, size)) << 16
        pend(s, v >> 16, S[layout.N_FIX])
        v = v & 0xffff
        if g >= 6:
            S[layout.N_IMM] = off
            asm(s, layout.A_STORE, v, a, g)
            if gone & 1:
                drop(s, x)
            if gone & 2:
                drop(s, y)
                if size == 8:
                    drop(s, y + 1)
            return
        if gone & 2:
            drop(s, y)
        v = int(define(s, x))
        if size == 8:
            v = v | int(define(s, x + 1)) << 8
        S[layout.N_IMM] = off
        asm(s, layout.A_LOAD, v, a, g)
    if gone & 16:
        drop(s, x)
        if size == 8:
            drop(s, x + 1)
        return
    wrote(s, x)
    if size == 8:
        wrote(s, x + 1)


@micropython.viper
def wide(s: int, k: int, g: int, xyz: int, gone: int):
    """i64: two slots, the low word first. Pairs are the same or disjoint."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    x = xyz & 255
    y = xyz >> 8 & 255
    z = xyz >> 16 & 255
    h = S[layout.N_SCRATCH]
    if k == layout.L_LOGIC64:
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            r = int(use(s, y + b))
            t = int(use(s, z + b))
            if gone & 2:
                drop(s, y + b)
            if gone & 4:
                drop(s, z + b)
            d = int(define(s, x + b))
            asm(s, g, d, r, t)
            wrote(s, x + b)
            b += 1
    elif k == layout.L_ADD64 or k == layout.L_SUB64:
        # constants first: making one may change the carry
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            if B[layout.N_SR + y + b] == 0xfe:
                use(s, y + b)
            if B[layout.N_SR + z + b] == 0xfe:
                use(s, z + b)
            b += 1
        g = layout.A_ADDC
        if k == layout.L_SUB64:
            g = layout.A_SUBC
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            r = int(use(s, y + b))
            t = int(use(s, z + b))
            if gone & 2:
                drop(s, y + b)
            if gone & 4:
                drop(s, z + b)
            d = int(define(s, x + b))
            asm(s, g + b, d, r, t)
            wrote(s, x + b)
            b += 1
    elif k == layout.L_MUL64:
        r = int(use(s, y))
        t = int(use(s, z))
        d = int(take(s))
        b = int(take(s))
        asm(s, layout.A_MULH, d, r, t)
        copy(s, b, y + 1)
        asm(s, layout.A_MUL, b, b, t)
        asm(s, layout.A_ADD, d, d, b)
        copy(s, b, z + 1)
        asm(s, layout.A_MUL, b, b, r)
        asm(s, layout.A_ADD, d, d, b)
        asm(s, layout.A_MUL, b, r, t)
        # the two registers become the result's
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        asm(s, layout.A_MOV, int(_own(s, x, b)), b, 0)
        asm(s, layout.A_MOV, int(_own(s, x + 1, d)), d, 0)
        wrote(s, x)
        wrote(s, x + 1)
    elif k == layout.L_SHIFT64:
        if B[layout.N_SR + z] != 0xfe:
            # no constant after all: the loop does it (the slots behind it are not used before the next label)
            save(s, 0)
            t = ptr8(int(S) + S[layout.N_MARKS])[S[layout.N_WORD]]
            asm(s, layout.A_EXIT, 0, S[layout.N_WORD], 1 if t & layout.MK_ENTRY else 0)
            return
        n = ptr32(int(S) + layout.N_CV)[z] & 63
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        r = int(use(s, y))
        t = int(use(s, y + 1))
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
            S[layout.N_LOCKED] = 1 << r | 1 << t
        if g:
            # right: the low word is made first
            d = int(define(s, x)) if gone & 2 == 0 else int(_own(s, x, r))
            b = layout.A_SHRUI
            if g == 1:
                b = layout.A_SHRSI
            if n == 0:
                asm(s, layout.A_MOV, d, r, 0)
            elif n < 32:
                S[layout.N_IMM] = 32 - n
                asm(s, layout.A_SHLI, h, t, 0)
                S[layout.N_IMM] = n
                asm(s, layout.A_SHRUI, d, r, 0)
                asm(s, layout.A_OR, d, d, h)
            elif n == 32:
                asm(s, layout.A_MOV, d, t, 0)
            else:
                S[layout.N_IMM] = n - 32
                asm(s, b, d, t, 0)
            d = int(define(s, x + 1)) if gone & 2 == 0 else int(_own(s, x + 1, t))
            if n == 0:
                asm(s, layout.A_MOV, d, t, 0)
            elif n < 32:
                S[layout.N_IMM] = n
                asm(s, b, d, t, 0)
            elif g == 1:
                S[layout.N_IMM] = 31
                asm(s, b, d, t, 0)
            else:
                S[layout.N_IMM] = 0
                asm(s, layout.A_IMM, d, 0, 0)
        else:
            d = int(define(s, x + 1)) if gone & 2 == 0 else int(_own(s, x + 1, t))
            if n == 0:
                asm(s, layout.A_MOV, d, t, 0)
            elif n < 32:
                S[layout.N_IMM] = 32 - n
                asm(s, layout.A_SHRUI, h, r, 0)
                S[layout.N_IMM] = n
                asm(s, layout.A_SHLI, d, t, 0)
                asm(s, layout.A_OR, d, d, h)
            elif n == 32:
                asm(s, layout.A_MOV, d, r, 0)
            else:
                S[layout.N_IMM] = n - 32
                asm(s, layout.A_SHLI, d, r, 0)
            d = int(define(s, x)) if gone & 2 == 0 else int(_own(s, x, r))
            if n == 0:
                asm(s, layout.A_MOV, d, r, 0)
            elif n < 32:
                S[layout.N_IMM] = n
                asm(s, layout.A_SHLI, d, r, 0)
            else:
                S[layout.N_IMM] = 0
                asm(s, layout.A_IMM, d, 0, 0)
        wrote(s, x)
        wrote(s, x + 1)
    elif k == layout.L_CMP64:
        r = int(use(s, y)) | int(use(s, y + 1)) << 8
        t = int(use(s, z)) | int(use(s, z + 1)) << 8
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        S[layout.N_LOCKED] = 0
        d = int(define(s, x))
        S[layout.N_KIND] = g
        asm(s, layout.A_SET64, d, r, t)
        wrote(s, x)
    elif k == layout.L_EQZ64:
        r = int(use(s, y))
        t = int(use(s, y + 1))
        asm(s, layout.A_OR, h, r, t)
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        d = int(define(s, x))
        S[layout.N_KIND] = 0
        S[layout.N_IMM] = 0
        asm(s, layout.A_SETI, d, h, 0)
        wrote(s, x)
    else:
        r = int(use(s, y))
        if gone & 2:
            drop(s, y)
        S[layout.N_LOCKED] = 1 << r
        d = int(define(s, x))
        asm(s, layout.A_MOV, d, r, 0)
        wrote(s, x)
        if k == layout.L_EXTS64:
            t = int(define(s, x + 1))
            S[layout.N_IMM] = 31
            asm(s, layout.A_SHRSI, t, d, 0)
            wrote(s, x + 1)
        else:
            constant(s, x + 1, 0)
    if gone & 16:
        drop(s, x)
        if k != layout.L_CMP64 and k != layout.L_EQZ64:
            drop(s, x + 1)


@micropython.viper
def _own(s: int, slot: int, r: int) -> int:
    """Register r, which nothing is in, becomes the slot's, unless the slot is pinned; the slot's register."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    t = B[layout.N_SR + slot]
    if t < 16:
        if B[layout.N_RF + t] == layout.RF_PINNED:
            return t
        if t != r:
            B[layout.N_RF + t] = layout.RF_FREE
    if B[layout.N_RF + r] != layout.RF_FREE:
        # still some other slot's
        B[layout.N_SR + slot] = 0xff
        return int(define(s, slot))
    B[layout.N_RF + r] = layout.RF_DIRTY
    B[layout.N_RS + r] = slot
    B[layout.N_SR + slot] = r
    B[layout.N_RT + r] = S[layout.N_TICK]
    return r
