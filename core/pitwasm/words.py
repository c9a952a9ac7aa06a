# Native tier: one function's code words to machine code, through the instructions of the assembler at hand (layout.A_*)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .callfloat import extent, floats
from .callref import callref  # noqa: F401 (native.py finds it here)
from .forms import FORMS
from .lower import constant, define, drop, fix, flush, forget, later, pend, save, use, wrote
from .machine import FLAGS, PINS, RANGE, REACHES, REGS, SCRATCH, asm  # noqa: F401 (native.py finds them here)
from .marks import exposed, mark, stretch
from .routines import stubs  # noqa: F401
from .wide import memory, wide


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
        u = 80
        if F[i] & layout.MK_FLOAT:
            u = 160
        if S[layout.N_PENDING]:
            t = S[layout.N_AT] + S[layout.N_STUBS] + u
            if t - S[layout.N_OLDEST] > S[layout.N_RANGE] or S[layout.N_PENDING] > 380:
                known |= 2
        if S[layout.N_LITERALS]:
            if S[layout.N_AT] + S[layout.N_STUBS] + u - S[layout.N_FIRST] > 900 or S[layout.N_LITERALS] > 20:
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
        if F[here] & layout.MK_FLOAT:
            u = int(extent(s, here))
            floats(s, here, u, g)
            u += here
            while i < u:
                i += forms[(ptr8(top + (i << 2))[0] << 2) + 3]
                last = ptr8(int(last) + 1)
        elif F[here] & layout.MK_HAND:
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
                    S[layout.N_REACH] = S[layout.N_REACHES] - 1  # exits are as near as those of a check
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
