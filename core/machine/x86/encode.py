# Native tier: 32-bit x86, one instruction at a time: encodings, constants, jumps and what they reach
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# ebp frame, edi memory 0; everything else is in the running state (layout.X_*), whose address is a constant. ecx is the assembler's own.
# Registers 0 … 3 of the lowering: eax edx ebx esi (the last one may be pinned to a slot); 4 is ecx.
import micropython

from . import layout

# Registers of the lowering, and last the assembler's own: as instructions number them.
NAMES = b"\x00\x02\x03\x06\x01"
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
    """op, both operands registers (real numbers); op + 0x100: behind 0F."""
    if op & 0x100:
        put(s, 1, 0x0f)
    put(s, 2, op & 255 | 0xc000 | reg << 11 | rm << 8)


@micropython.viper
def op_mem(s: int, op: int, reg: int, at: int, disp: int):
    """op reg, [at + disp]; at + 0x100 * (index + 1): with an index; at 8: none; op as op_reg(); + 0x800: 16 bits."""
    if op & 0x800:
        put(s, 1, 0x66)
    if op & 0x100:
        put(s, 1, 0x0f)
    index = (at >> 8) - 1
    at = at & 255
    if index >= 0:
        put(s, 3, op & 255 | 0x8400 | reg << 11 | index << 19 | at << 16)
    elif at == 8:
        put(s, 2, op & 255 | 0x0500 | reg << 11)
    else:
        put(s, 2, op & 255 | 0x8000 | reg << 11 | at << 8)
    put(s, 4, disp)


@micropython.viper
def op_cell(s: int, op: int, reg: int, cell: int):
    """op reg, [a cell of the running state]"""
    S = ptr32(s << 2)
    op_mem(s, op, reg, 8, int(S) - S[layout.N_SELF] + S[layout.N_STATE] + (cell << 2))


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
    put(s, 1, op)
    put(s, 4, target - int(here(s)) - 4)


@micropython.viper
def truth(s: int, d: int, kind: int):
    """d = 1 if the comparison before was true, else 0."""
    op_reg(s, 0x190 | ptr8(CONDS)[kind], 0, 1)
    op_reg(s, 0x1b6, d, 1)
