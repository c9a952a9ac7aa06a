# Native tier: x86-64, one instruction at a time: encodings, constants, jumps and what they reach
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# rbx frame, rbp running state (layout.X_*), r12 memory 0, r13d its bytes, r14d fuel, r15 pool; ecx is the assembler's own.
# Registers 0 … 7 of the lowering: eax edx esi edi, r8d r9d r10d r11d (the last four may be pinned to slots).
# The upper halves of all registers that hold slots are 0.
import micropython

from . import layout

# Registers of the lowering, and last the assembler's own: as instructions number them.
NAMES = b"\x00\x02\x06\x07\x08\x09\x0a\x0b\x01"
# Conditions, by N_KIND.
CONDS = b"\x04\x05\x0c\x0d\x02\x03"


@micropython.viper
def put(s: int, n: int, value: int):
    """n bytes, the low ones of value."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    i = 0
    while i < n:
        p[i] = value
        value >>= 8
        i += 1
    S[layout.N_AT] += n


@micropython.viper
def op_reg(s: int, op: int, reg: int, rm: int):
    """[REX] op, both operands registers (real numbers); op + 0x100: behind 0F; + 0x200: 64 bits; + 0x400: an 8-bit register rm."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    n = 0
    x = reg >> 3 << 2 | rm >> 3
    if op & 0x200:
        x |= 8
    if x or op & 0x400:
        p[0] = 0x40 | x
        n = 1
    if op & 0x100:
        p[n] = 0x0f
        n += 1
    p[n] = op
    p[n + 1] = 0xc0 | (reg & 7) << 3 | rm & 7
    S[layout.N_AT] += n + 2


@micropython.viper
def op_mem(s: int, op: int, reg: int, at: int, disp: int):
    """[REX] op reg, [at + disp]; at + 0x100 * (index + 1): with an index; op as op_reg(); + 0x800: 16 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    n = 0
    if op & 0x800:
        p[0] = 0x66
        n = 1
    index = (at >> 8) - 1
    at = at & 255
    x = reg >> 3 << 2 | at >> 3
    if index >= 0:
        x |= index >> 3 << 1
    if op & 0x200:
        x |= 8
    if x or op & 0x400:
        p[n] = 0x40 | x
        n += 1
    if op & 0x100:
        p[n] = 0x0f
        n += 1
    p[n] = op
    n += 1
    if index >= 0 or at & 7 == 4:
        p[n] = 0x84 | (reg & 7) << 3
        p[n + 1] = 0x20 | at & 7
        if index >= 0:
            p[n + 1] = (index & 7) << 3 | at & 7
        n += 2
    else:
        p[n] = 0x80 | (reg & 7) << 3 | at & 7
        n += 1
    p[n] = disp
    p[n + 1] = disp >> 8
    p[n + 2] = disp >> 16
    p[n + 3] = disp >> 24
    S[layout.N_AT] += n + 4


@micropython.viper
def op_imm(s: int, digit: int, rm: int, value: int):
    """81 /digit rm, value."""
    op_reg(s, 0x81, digit, rm)
    put(s, 4, value)


@micropython.viper
def inside(s: int, op: int, n: int, target: int) -> int:
    """A jump or call (n bytes of code in op) to a place in the function, 0 = not known yet; where its distance is."""
    S = ptr32(s << 2)
    put(s, n, op)
    at = S[layout.N_AT]
    put(s, 4, target - at - 4 if target else 0)
    return at


@micropython.viper
def here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def outside(s: int, op: int, target: int):
    """A jump or call to a place in the code space."""
    S = ptr32(s << 2)
    put(s, 1, op)
    put(s, 4, target - (S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]) - 4)


@micropython.viper
def truth(s: int, d: int, kind: int):
    """d = 1 if the comparison before was true, else 0."""
    op_reg(s, 0x190 | ptr8(CONDS)[kind], 0, 1)
    op_reg(s, 0x1b6, d, 1)
