# Native tier: Cortex-M, one instruction at a time: encodings, constants, jumps and what they reach
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# r7 frame, r8 memory 0, r9 its bytes (a multiple of 8), r10 fuel, r11 = -1, r12 running state (layout.X_*); r3 and lr are the
# assembler's own.
# Registers 0 … 5 of the lowering: r0 r1 r2 r4 r5 r6 (the last three may be pinned to slots); 6 is r3.
import micropython

from . import layout

# Registers of the lowering, and last the assembler's own: as instructions number them.
NAMES = b"\x00\x01\x02\x04\x05\x06\x03"
# Conditions, by N_KIND.
CONDS = b"\x00\x01\x0b\x0a\x03\x02"


@micropython.viper
def put16(s: int, v: int):
    """One instruction."""
    S = ptr32(s << 2)
    ptr16(int(S) + S[layout.N_AT])[0] = v
    S[layout.N_AT] += 2


@micropython.viper
def literal(s: int, d: int, v: int):
    """d = v, out of a literal; changes no flags."""
    S = ptr32(s << 2)
    n = S[layout.N_LITERALS]
    at = S[layout.N_AT]
    if n == 0:
        S[layout.N_FIRST] = at
    p = ptr32(int(S) + layout.N_LIT + (n << 3))
    p[0] = at
    p[1] = v
    S[layout.N_LITERALS] = n + 1
    S[layout.N_STUBS] += 4
    ptr16(int(S) + at)[0] = 0x4800 | d << 8
    S[layout.N_AT] = at + 2


@micropython.viper
def literals(s: int):
    """The literals that wait; the same value once."""
    S = ptr32(s << 2)
    n = S[layout.N_LITERALS]
    S[layout.N_LITERALS] = 0
    if n == 0:
        return
    if S[layout.N_AT] - S[layout.N_CODE] & 2:
        put16(s, 0x46c0)
    p = ptr32(int(S) + layout.N_LIT)
    i = 0
    while i < n:
        at = p[i + i]
        if at:
            v = p[i + i + 1]
            to = S[layout.N_AT]
            ptr32(int(S) + to)[0] = v
            S[layout.N_AT] = to + 4
            k = i
            while k < n:
                if p[k + k + 1] == v:
                    at = p[k + k]
                    if at:
                        t = to - ((at - S[layout.N_CODE] + 4 & -4) + S[layout.N_CODE]) >> 2
                        if t > 255:
                            S[layout.N_ERROR] = layout.NX_FAR
                        ptr16(int(S) + at)[0] |= t
                        p[k + k] = 0
                k += 1
        i += 1


@micropython.viper
def set_to(s: int, d: int, v: int):
    """d = v"""
    if v >= 0:
        if v < 256:
            put16(s, 0x2000 | d << 8 | v)
            return
        n = 1
        while n < 24:
            if v >> n < 256:
                if v >> n << n == v:
                    put16(s, 0x2000 | d << 8 | v >> n)
                    put16(s, n << 6 | d << 3 | d)
                    return
                break
            n += 1
    elif v >= 0 - 256:
        put16(s, 0x2000 | d << 8 | v ^ -1)
        put16(s, 0x43c0 | d << 3 | d)
        return
    literal(s, d, v)


@micropython.viper
def here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def link(s: int, at: int, distance: int):
    """bl at place `at`; distance from there."""
    p = ptr16(int(ptr32(s << 2)) + at)
    distance -= 4
    p[0] = 0xf000 | distance >> 12 & 0x7ff
    p[1] = 0xf800 | distance >> 1 & 0x7ff


@micropython.viper
def outside(s: int, target: int):
    """bl to a place in the code space."""
    S = ptr32(s << 2)
    at = S[layout.N_AT]
    S[layout.N_AT] = at + 4
    link(s, at, target - (S[layout.N_HOME] + at - S[layout.N_CODE]))


@micropython.viper
def slot_op(s: int, op: int, d: int, slot: int):
    """Load (0x6800) or store (0x6000) a slot; changes no flags."""
    if slot < 32:
        put16(s, op | slot << 6 | 7 << 3 | d)
    elif d == 3 and op == 0x6000:
        put16(s, 0xb401)  # through r0
        put16(s, 0x4618)
        literal(s, 3, slot << 2)
        put16(s, 0x50f8)
        put16(s, 0xbc01)
    else:
        literal(s, 3, slot << 2)
        put16(s, (0x50f8 if op == 0x6000 else 0x58f8) | d)


@micropython.viper
def compare(s: int, imm: int, a: int, b: int):
    """cmp a, b (b < 8), or with a constant."""
    if b < 8:
        put16(s, 0x4280 | b << 3 | a)
    elif imm >= 0 and imm < 256:
        put16(s, 0x2800 | a << 8 | imm)
    else:
        set_to(s, 3, imm)
        put16(s, 0x4280 | 3 << 3 | a)


@micropython.viper
def truth(s: int, d: int, kind: int):
    """d = 1 if the comparison before was true, else 0."""
    put16(s, 0xd000 | ptr8(CONDS)[kind] << 8 | 1)
    put16(s, 0x2000 | d << 8)
    put16(s, 0xe000)
    put16(s, 0x2001 | d << 8)


@micropython.viper
def branch_ahead(s: int, cond: int) -> int:
    """A branch whose target is not known yet, as far as N_REACH says; cond 14 = always. Its place."""
    S = ptr32(s << 2)
    reach = S[layout.N_REACH]
    if cond != 14:
        if reach == 0:
            put16(s, 0xd000 | cond << 8)
            return S[layout.N_AT] - 2
        put16(s, 0xd000 | (cond ^ 1) << 8 | (reach - 1))
    if reach == 2:
        put16(s, 0xf000)
        put16(s, 0xf800)
        return S[layout.N_AT] - 4
    put16(s, 0xe000)
    return S[layout.N_AT] - 2
