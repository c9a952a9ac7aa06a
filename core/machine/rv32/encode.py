# Native tier: RV32IMC, one instruction at a time: encodings, constants, jumps and what they reach
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# s0 (x8) frame, s2 memory 0, s3 its bytes (a multiple of 8), s4 fuel, s5 call records, s6 pool, s7 globals, s8 stack of return addresses,
# s9 code space; s1 (x9), t0, t1, t2 (x5 - x7) are the assembler's own, t1 also the carry. Registers 0 … 11 of the lowering: a0 a1 a6 a7
# t3 … t6, a2 … a5 (the last six may be pinned to slots); 12 is s1.
# Return addresses have a stack of their own, STACK bytes of the machine's, whose pointer stays where it is, and aligned.
import micropython

from . import layout
from .constants import ADD, ADDI, AND, ANDI, JALR, LW, OR, SLLI, SLT, SLTIU, SLTU, SRAI, SRLI, SUB, SW, XOR, XORI

# Registers of the lowering, and last the assembler's own: as instructions number them.
NAMES = b"\x0a\x0b\x10\x11\x1c\x1d\x1e\x1f\x0c\x0d\x0e\x0f\x09"


@micropython.viper
def put16(s: int, v: int):
    """A compressed instruction."""
    S = ptr32(s << 2)
    ptr16(int(S) + S[layout.N_AT])[0] = v
    S[layout.N_AT] += 2


@micropython.viper
def put32(s: int, v: int, imm: int):
    """An instruction whose upper 16 bits are imm << 4 and what v has of them."""
    S = ptr32(s << 2)
    p = ptr16(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 16 | imm << 4
    S[layout.N_AT] += 4


@micropython.viper
def op_reg(s: int, op: int, d: int, a: int, b: int):
    """d = a op b"""
    if d == a:
        if op == ADD:
            put16(s, 0x9002 | d << 7 | b << 2)
            return
        if d >= 8 and d < 16 and b >= 8 and b < 16:
            t = 0 - 1
            if op == SUB:
                t = 0
            elif op == XOR:
                t = 1
            elif op == OR:
                t = 2
            elif op == AND:
                t = 3
            if t >= 0:
                put16(s, 0x8c01 | d - 8 << 7 | t << 5 | b - 8 << 2)
                return
    t = 0
    if op & 0x80:
        t = 0x400
    if op & 0x100:
        t = 0x20
    put32(s, op & 0x707f | d << 7 | a << 15, t | b)


@micropython.viper
def op_imm(s: int, op: int, d: int, a: int, imm: int):
    """d = a op imm, or a load from a + imm; imm has 12 bits."""
    if op == ADDI and imm == 0 and a:
        if d != a:
            put16(s, 0x8002 | d << 7 | a << 2)
        return
    if op == LW:
        if a >= 8 and a < 16 and d >= 8 and d < 16 and imm & 0x7c == imm:
            put16(s, 0x4000 | (imm >> 3 & 7) << 10 | a - 8 << 7 | (imm & 4) << 4 | (imm & 64) >> 1 | d - 8 << 2)
            return
    elif imm >= 0 - 32 and imm < 32:
        t = (imm & 32) << 7 | (imm & 31) << 2
        if op == ADDI:
            if a == 0:
                put16(s, 0x4001 | d << 7 | t)
                return
            if d == a:
                put16(s, 0x0001 | d << 7 | t)
                return
        elif d == a and imm:
            if op == SLLI:
                put16(s, 0x0002 | d << 7 | t)
                return
            if d >= 8 and d < 16:
                k = 0 - 1
                if op == SRLI:
                    k = 0x8001
                elif op == SRAI:
                    k = 0x8401
                elif op == ANDI:
                    k = 0x8801
                if k >= 0:
                    put16(s, k | d - 8 << 7 | t)
                    return
    if op == SRAI:
        op = SRLI
        imm |= 0x400
    put32(s, op | d << 7 | a << 15, imm & 0xfff)


@micropython.viper
def store(s: int, op: int, b: int, a: int, imm: int):
    """Store b to a + imm; imm has 12 bits."""
    if op == SW and a >= 8 and a < 16 and b >= 8 and b < 16 and imm & 0x7c == imm:
        put16(s, 0xc000 | (imm >> 3 & 7) << 10 | a - 8 << 7 | (imm & 4) << 4 | (imm & 64) >> 1 | b - 8 << 2)
        return
    put32(s, op | (imm & 31) << 7 | a << 15, imm & 0xfe0 | b)


@micropython.viper
def high(s: int, d: int, v: int) -> int:
    """d = v but for what an immediate of 12 bits can add: that."""
    low = (v & 0xfff ^ 0x800) - 0x800
    v = v - low >> 12
    if v & 0xfffff:
        S = ptr32(s << 2)
        p = ptr16(int(S) + S[layout.N_AT])
        p[0] = 0x37 | d << 7 | (v & 15) << 12
        p[1] = v >> 4
        S[layout.N_AT] += 4
    else:
        put16(s, 0x4001 | d << 7)
    return low


@micropython.viper
def set_to(s: int, d: int, v: int):
    """d = v"""
    if v >= 0 - 2048 and v < 2048:
        op_imm(s, ADDI, d, 0, v)
    else:
        op_imm(s, ADDI, d, d, int(high(s, d, v)))


@micropython.viper
def place(s: int, d: int, v: int):
    """d = v, always in lui and addi: an image's loader changes them (tier.py)."""
    v = int(high(s, d, v))
    put32(s, ADDI | d << 7 | d << 15, v & 0xfff)


@micropython.viper
def here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _jal(s: int, at: int, link: int, t: int):
    """jal link at place `at`; distance from there."""
    p = ptr16(int(ptr32(s << 2)) + at)
    p[0] = 0x6f | link << 7 | t & 0xf000
    p[1] = t >> 16 & 0xf | (t & 0x800) >> 7 | (t & 0x7fe) << 4 | (t >> 20 & 1) << 15


@micropython.viper
def outside(s: int, link: int, target: int):
    """A jump or call to a place in the code space, however far."""
    S = ptr32(s << 2)
    t = target - int(here(s))
    if t >= 0 - 0x100000 and t < 0x100000:
        _jal(s, S[layout.N_AT], link, t)
        S[layout.N_AT] += 4
        return
    set_to(s, 5, target)
    op_reg(s, ADD, 5, 5, 25)
    put32(s, JALR | link << 7 | 5 << 15, 0)


@micropython.viper
def inside(s: int, link: int, target: int):
    """A jump or call to a place in the function; 0 = not known yet."""
    S = ptr32(s << 2)
    at = S[layout.N_AT]
    _jal(s, at, link, target - at if target else 0)
    S[layout.N_AT] = at + 4


@micropython.viper
def branch(s: int, kind: int, a: int, b: int, distance: int):
    """A branch if a kind b."""
    f = ptr8(b"\x00\x01\x04\x05\x06\x07")[kind]
    t = (distance & 0x1e) << 7 | (distance & 0x800) >> 4
    put32(s, 0x63 | f << 12 | t | a << 15, b | distance & 0x7e0 | (distance & 0x1000) >> 1)


@micropython.viper
def branch_ahead(s: int, kind: int, a: int, b: int) -> int:
    """A branch whose target is not known yet, as far as N_REACH says. Its place."""
    S = ptr32(s << 2)
    if S[layout.N_REACH] == 2:
        branch(s, kind ^ 1, a, b, 8)
        inside(s, 0, 0)
    else:
        branch(s, kind, a, b, 0)
    return S[layout.N_AT] - 4


@micropython.viper
def patch(s: int, at: int, t: int) -> int:
    """The jump or branch at place `at` goes that far from there; 1 when it does not reach."""
    p = ptr16(int(ptr32(s << 2)) + at)
    if p[0] & 0x7f == 0x6f:
        if t >= 0x100000 or t < 0 - 0x100000:
            return 1
        _jal(s, at, p[0] >> 7 & 31, t)
    else:
        if t >= 4096 or t < 0 - 4096:
            return 1
        p[0] = p[0] & 0xf07f | (t & 0x1e) << 7 | (t & 0x800) >> 4
        p[1] = p[1] & 0x1ff | (t & 0x7e0) << 4 | (t & 0x1000) << 3
    return 0


@micropython.viper
def land(s: int, at: int):
    """The jump or branch at place `at` goes here."""
    patch(s, at, ptr32(s << 2)[layout.N_AT] - at)


@micropython.viper
def truth(s: int, d: int, kind: int, a: int, b: int):
    """d = 1 if a kind b, else 0; b may be 0."""
    if kind < 2:
        if b:
            op_reg(s, SUB, 9, a, b)
            a = 9
        if kind:
            op_reg(s, SLTU, d, 0, a)
        else:
            op_imm(s, SLTIU, d, a, 1)
    else:
        op_reg(s, SLT if kind < 4 else SLTU, d, a, b)
        if kind & 1:
            op_imm(s, XORI, d, d, 1)
