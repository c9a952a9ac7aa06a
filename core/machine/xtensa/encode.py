# Native tier: Xtensa, one instruction at a time: encodings, constants, jumps and what they reach
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The loop's way in is one function of the windowed ABI; what it calls is call0 within the same window, return addresses on a stack of their
# own inside its frame: the stack pointer may not move (docs/native-xtensa.md).
# a15 frame, a14 memory 0, a13 its bytes (a multiple of 8), a12 fuel, a11 stack of return addresses; a0 (also the carry) and a9 are the
# assembler's own. Registers 0 … 7 of the lowering: a2 … a8, a10 (the last four may be pinned to slots); 8 is a9.
import micropython

from . import layout
from .constants import AT_CALL, L32I
from .forms import FORMS

# Registers of the lowering, and last the assembler's own: as instructions number them.
NAMES = b"\x02\x03\x04\x05\x06\x07\x08\x0a\x09"


@micropython.viper
def put16(s: int, v: int):
    """An instruction of 16 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 8
    S[layout.N_AT] += 2


@micropython.viper
def put24(s: int, v: int):
    """An instruction of 24 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 8
    p[2] = v >> 16
    S[layout.N_AT] += 3


@micropython.viper
def op_reg(s: int, op: int, d: int, a: int, b: int):
    """d = a op b; op: the upper 8 bits."""
    if op == 0x80:
        put16(s, d << 12 | a << 8 | b << 4 | 0xa)
    else:
        put24(s, op << 16 | d << 12 | a << 8 | b << 4)


@micropython.viper
def mov(s: int, d: int, a: int):
    if d != a:
        put16(s, a << 8 | d << 4 | 0xd)


@micropython.viper
def op_mem(s: int, op: int, d: int, a: int, offset: int):
    """Load d from a + offset, or store it."""
    if op & 3 == 2:
        if offset < 64:
            put16(s, offset << 10 | a << 8 | d << 4 | (8 if op == L32I else 9))
            return
        offset >>= 2
    elif op & 3 == 1:
        offset >>= 1
    put24(s, offset << 16 | op << 12 | a << 8 | d << 4 | 2)


@micropython.viper
def shift(s: int, op: int, d: int, a: int, n: int):
    """A_SHLI, A_SHRSI, A_SHRUI."""
    n = n & 31
    if n == 0:
        mov(s, d, a)
    elif op == layout.A_SHLI:
        n = 32 - n
        put24(s, 0x010000 | n >> 4 << 20 | d << 12 | a << 8 | (n & 15) << 4)
    elif op == layout.A_SHRSI:
        put24(s, 0x210000 | n >> 4 << 20 | d << 12 | (n & 15) << 8 | a << 4)
    elif n < 16:
        put24(s, 0x410000 | d << 12 | n << 8 | a << 4)
    else:
        field(s, d, a, n, 32 - n)


@micropython.viper
def field(s: int, d: int, a: int, n: int, width: int):
    """d = width (at most 16) bits of a from bit n on."""
    put24(s, 0x040000 | width - 1 << 20 | n >> 4 << 16 | d << 12 | (n & 15) << 8 | a << 4)


@micropython.viper
def set_to(s: int, d: int, v: int):
    """d = v; no other register is used."""
    if v >= 0 - 32 and v < 96:
        put16(s, (v & 15) << 12 | d << 8 | v & 0x70 | 0xc)
        return
    if v >= 0 - 2048 and v < 2048:
        put24(s, (v & 0xff) << 16 | 0xa000 | v & 0xf00 | d << 4 | 2)
        return
    S = ptr32(s << 2)
    p = ptr32(int(S) + layout.N_LIT)
    n = p[0]
    while n:
        n -= 1
        if p[n + 2] == v:
            t = p[1] + (n << 2) - (S[layout.N_AT] - S[layout.N_CODE] + 3 & -4)
            if t >= 0 - 260000:
                put24(s, (t >> 2 & 0xffff) << 8 | d << 4 | 1)
                return
    k = (v & 0xff ^ 0x80) - 0x80
    h = (v - k >> 8 & 0xff ^ 0x80) - 0x80
    t = v - k - (h << 8) >> 16
    if t:
        if t >= 0 - 2048 and t < 2048:
            set_to(s, d, t)
        else:
            n = (t & 0xff ^ 0x80) - 0x80
            set_to(s, d, n)
            _addmi(s, d, t - n >> 8)
        shift(s, layout.A_SHLI, d, d, 16)
        if h:
            _addmi(s, d, h)
        if k:
            put24(s, (k & 0xff) << 16 | 0xc000 | d << 8 | d << 4 | 2)
    else:
        set_to(s, d, k)
        _addmi(s, d, h)


@micropython.viper
def _addmi(s: int, d: int, v: int):
    """d = d + 256 v"""
    put24(s, (v & 0xff) << 16 | 0xd000 | d << 8 | d << 4 | 2)


@micropython.viper
def add(s: int, d: int, a: int, v: int):
    """d = a + v; a0 when v takes more than 16 bits."""
    k = (v & 0xff ^ 0x80) - 0x80
    t = v - k
    if t > 32512 or t < 0 - 32768:
        set_to(s, 0, v)
        op_reg(s, 0x80, d, a, 0)
        return
    if t:
        put24(s, (t >> 8 & 0xff) << 16 | 0xd000 | a << 8 | d << 4 | 2)
        a = d
    if k == 0:
        mov(s, d, a)
    elif k == 0 - 1:
        put16(s, d << 12 | a << 8 | 0xb)
    elif k > 0 and k < 16:
        put16(s, d << 12 | a << 8 | k << 4 | 0xb)
    else:
        put24(s, (k & 0xff) << 16 | 0xc000 | a << 8 | d << 4 | 2)


@micropython.viper
def here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def align(s: int):
    """To a multiple of 4, behind a jump."""
    S = ptr32(s << 2)
    p = ptr8(int(S))
    while S[layout.N_AT] - S[layout.N_CODE] & 3:
        p[S[layout.N_AT]] = 0
        S[layout.N_AT] += 1


@micropython.viper
def outside(s: int, target: int):
    """A jump to a routine that all functions share."""
    S = ptr32(s << 2)
    op_mem(s, L32I, 9, 1, AT_CALL)
    add(s, 9, 9, target - S[layout.N_CALL])
    put24(s, 0x0000a0 | 9 << 8)


@micropython.viper
def near(s: int, target: int):
    """The same from one such routine to another."""
    jump(s, target - int(here(s)))


@micropython.viper
def jump(s: int, distance: int):
    put24(s, (distance - 4 & 0x3ffff) << 6 | 6)


@micropython.viper
def inside(s: int, place: int):
    """A jump back to a place in the function."""
    S = ptr32(s << 2)
    t = place - S[layout.N_AT]
    if t < 0 - 131000:
        S[layout.N_ERROR] = layout.NX_FAR
    jump(s, t)


@micropython.viper
def patch(s: int, at: int, t: int) -> int:
    """The jump or branch at place `at` goes that far from there; 1 when it does not reach."""
    p = ptr8(int(ptr32(s << 2)) + at)
    t -= 4
    if p[0] & 0x3f == 6:
        if t >= 131072 or t < 0 - 131072:
            return 1
        p[0] = 6 | (t & 3) << 6
        p[1] = t >> 2
        p[2] = t >> 10
    elif p[0] & 0x3f == 0x16:
        if t >= 2048 or t < 0 - 2048:
            return 1
        p[1] = p[1] & 15 | (t & 15) << 4
        p[2] = t >> 4
    elif p[0] & 0x3f == 5:
        t >>= 2
        p[0] = 5 | (t & 3) << 6
        p[1] = t >> 2
        p[2] = t >> 10
    else:
        if t >= 128 or t < 0 - 128:
            return 1
        p[2] = t
    return 0


@micropython.viper
def land(s: int, at: int):
    """The jump or branch at place `at` goes here."""
    patch(s, at, ptr32(s << 2)[layout.N_AT] - at)


@micropython.viper
def branch(s: int, kind: int, a: int, b: int, distance: int):
    """A branch if a kind b."""
    put24(s, (distance - 4 & 0xff) << 16 | ptr8(b"\x01\x09\x02\x0a\x03\x0b")[kind] << 12 | a << 8 | b << 4 | 7)


@micropython.viper
def branch_imm(s: int, kind: int, a: int, imm: int, distance: int):
    """A branch if a kind imm; a9 may be used."""
    if imm == 0 and kind < 4:
        put24(s, (distance - 4 & 0xfff) << 12 | a << 8 | kind << 6 | 0x16)
        return
    i = 0 - 1
    if imm > 1 and imm < 9:
        i = imm
    elif kind < 4 and imm == 1:
        i = 1
    elif kind < 4 and imm == 0 - 1:
        i = 0
    elif imm <= 256:
        t = 9
        while t < 16:
            if ptr16(b"\x0a\x00\x0c\x00\x10\x00\x20\x00\x40\x00\x80\x00\x00\x01")[t - 9] == imm:
                i = t
            t += 1
    elif kind > 3 and imm >> 15 << 15 == imm and imm <= 65536:
        i = (imm >> 15) - 1
    if i >= 0:
        t = 0x26 | kind << 6
        if kind > 3:
            t = 0xb6 | (kind & 1) << 6
        put24(s, (distance - 4 & 0xff) << 16 | i << 12 | a << 8 | t)
    else:
        set_to(s, 9, imm)
        branch(s, kind, a, 9, distance)


@micropython.viper
def jump_ahead(s: int) -> int:
    """A jump whose target is not known yet; its place."""
    put24(s, 6)
    return ptr32(s << 2)[layout.N_AT] - 3


@micropython.viper
def truth(s: int, d: int, t: int, kind: int, a: int, b: int):
    """d = 1 if a kind b, else 0; through t, which is not a or b."""
    set_to(s, t, 1)
    branch(s, kind, a, b, 5)
    set_to(s, t, 0)
    mov(s, d, t)


@micropython.viper
def _literal(s: int, v: int):
    """A literal behind the last one, unless it is there or takes no more than an instruction or two."""
    S = ptr32(s << 2)
    p = ptr32(int(S) + layout.N_LIT)
    if v >= 0 - 32768 and v < 32512:
        return
    n = p[0]
    if n > 61:
        return
    i = 0
    while i < n:
        if p[i + 2] == v:
            return
        i += 1
    p[n + 2] = v
    p[0] = n + 1
    ptr32(int(S) + S[layout.N_AT])[0] = v
    S[layout.N_AT] += 4


@micropython.viper
def literals(s: int):
    """l32r reaches backwards only: what constants the function's words have, in front of its code."""
    S = ptr32(s << 2)
    base = int(S) - S[layout.N_SELF]
    F = ptr8(int(S) + S[layout.N_MARKS])
    forms = ptr8(FORMS)
    align(s)
    p = ptr32(int(S) + layout.N_LIT)
    p[0] = 0
    p[1] = S[layout.N_AT] - S[layout.N_CODE]
    _literal(s, S[layout.N_FUNC])
    i = 0
    while i < S[layout.N_WORDS]:
        if F[i] & layout.MK_WORD:
            ip = ptr32(base + S[layout.N_FUNC] + (i << 2))
            k = forms[ptr8(ip)[0] << 2]
            if k == layout.L_BINW or k == layout.L_CONSTW or k == layout.L_CONST64 or k == layout.L_CONST64W:
                _literal(s, S32(ip[1]))
                if k == layout.L_CONST64W:
                    _literal(s, S32(ip[2]))
            elif k == layout.L_CONST or k == layout.L_BRI:
                _literal(s, ptr16(ip)[1])
            elif k == layout.L_CALL:
                _literal(s, ptr32(base + S[layout.N_ENTRIES])[ptr16(ip)[1]])
        i += 1
