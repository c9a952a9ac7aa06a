# Native tier: machine code for RV32IMC
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# s0 (x8) frame, s2 memory 0, s3 its bytes (a multiple of 8), s4 fuel, s5 call records, s6 pool, s7 globals, s8 stack of return addresses,
# s9 code space; s1 (x9), t0, t1, t2 (x5 - x7) are the assembler's own, t1 also the carry. Registers 0 … 11 of the lowering: a0 a1 a6 a7
# t3 … t6, a2 … a5 (the last six may be pinned to slots); 12 is s1.
# Return addresses have a stack of their own, STACK bytes of the machine's, whose pointer stays where it is, and aligned.
import micropython
from micropython import const

from . import layout

REGS = 12
PINS = 6
SCRATCH = 12
FLAGS = layout.NG_DIVIDES
RANGE = 3000
REACHES = 1
STACK = const(768)  # bytes of the machine stack that calls may take: 4 each

# Instructions without their operands; 0x80 and 0x100 stand for bits 30 and 25, which would make objects of the numbers.
_ADDI = const(0x13)
_SLLI = const(0x1013)
_SLTI = const(0x2013)
_SLTIU = const(0x3013)
_XORI = const(0x4013)
_SRLI = const(0x5013)
_SRAI = const(0x5093)
_ANDI = const(0x7013)
_ADD = const(0x33)
_SUB = const(0xB3)
_SLL = const(0x1033)
_SLT = const(0x2033)
_SLTU = const(0x3033)
_XOR = const(0x4033)
_SRL = const(0x5033)
_OR = const(0x6033)
_AND = const(0x7033)
_MUL = const(0x133)
_LW = const(0x2003)
_LBU = const(0x4003)
_LHU = const(0x5003)
_SW = const(0x2023)
_JALR = const(0x67)


@micropython.viper
def _h(s: int, v: int):
    """A compressed instruction."""
    S = ptr32(s << 2)
    ptr16(int(S) + S[layout.N_AT])[0] = v
    S[layout.N_AT] += 2


@micropython.viper
def _w(s: int, v: int, imm: int):
    """An instruction whose upper 16 bits are imm << 4 and what v has of them."""
    S = ptr32(s << 2)
    p = ptr16(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 16 | imm << 4
    S[layout.N_AT] += 4


@micropython.viper
def _r(s: int, op: int, d: int, a: int, b: int):
    """d = a op b"""
    if d == a:
        if op == _ADD:
            _h(s, 0x9002 | d << 7 | b << 2)
            return
        if d >= 8 and d < 16 and b >= 8 and b < 16:
            t = 0 - 1
            if op == _SUB:
                t = 0
            elif op == _XOR:
                t = 1
            elif op == _OR:
                t = 2
            elif op == _AND:
                t = 3
            if t >= 0:
                _h(s, 0x8c01 | d - 8 << 7 | t << 5 | b - 8 << 2)
                return
    t = 0
    if op & 0x80:
        t = 0x400
    if op & 0x100:
        t = 0x20
    _w(s, op & 0x707f | d << 7 | a << 15, t | b)


@micropython.viper
def _i(s: int, op: int, d: int, a: int, imm: int):
    """d = a op imm, or a load from a + imm; imm has 12 bits."""
    if op == _ADDI and imm == 0 and a:
        if d != a:
            _h(s, 0x8002 | d << 7 | a << 2)
        return
    if op == _LW:
        if a >= 8 and a < 16 and d >= 8 and d < 16 and imm & 0x7c == imm:
            _h(s, 0x4000 | (imm >> 3 & 7) << 10 | a - 8 << 7 | (imm & 4) << 4 | (imm & 64) >> 1 | d - 8 << 2)
            return
    elif imm >= 0 - 32 and imm < 32:
        t = (imm & 32) << 7 | (imm & 31) << 2
        if op == _ADDI:
            if a == 0:
                _h(s, 0x4001 | d << 7 | t)
                return
            if d == a:
                _h(s, 0x0001 | d << 7 | t)
                return
        elif d == a and imm:
            if op == _SLLI:
                _h(s, 0x0002 | d << 7 | t)
                return
            if d >= 8 and d < 16:
                k = 0 - 1
                if op == _SRLI:
                    k = 0x8001
                elif op == _SRAI:
                    k = 0x8401
                elif op == _ANDI:
                    k = 0x8801
                if k >= 0:
                    _h(s, k | d - 8 << 7 | t)
                    return
    if op == _SRAI:
        op = _SRLI
        imm |= 0x400
    _w(s, op | d << 7 | a << 15, imm & 0xfff)


@micropython.viper
def _s(s: int, op: int, b: int, a: int, imm: int):
    """Store b to a + imm; imm has 12 bits."""
    if op == _SW and a >= 8 and a < 16 and b >= 8 and b < 16 and imm & 0x7c == imm:
        _h(s, 0xc000 | (imm >> 3 & 7) << 10 | a - 8 << 7 | (imm & 4) << 4 | (imm & 64) >> 1 | b - 8 << 2)
        return
    _w(s, op | (imm & 31) << 7 | a << 15, imm & 0xfe0 | b)


@micropython.viper
def _high(s: int, d: int, v: int) -> int:
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
        _h(s, 0x4001 | d << 7)
    return low


@micropython.viper
def _const(s: int, d: int, v: int):
    """d = v"""
    if v >= 0 - 2048 and v < 2048:
        _i(s, _ADDI, d, 0, v)
    else:
        _i(s, _ADDI, d, d, int(_high(s, d, v)))


@micropython.viper
def _place(s: int, d: int, v: int):
    """d = v, always in lui and addi: an image's loader changes them (tier.py)."""
    v = int(_high(s, d, v))
    _w(s, _ADDI | d << 7 | d << 15, v & 0xfff)


@micropython.viper
def _jal(s: int, at: int, link: int, t: int):
    """jal link at place `at`; distance from there."""
    p = ptr16(int(ptr32(s << 2)) + at)
    p[0] = 0x6f | link << 7 | t & 0xf000
    p[1] = t >> 16 & 0xf | (t & 0x800) >> 7 | (t & 0x7fe) << 4 | (t >> 20 & 1) << 15


@micropython.viper
def _here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _out(s: int, link: int, target: int):
    """A jump or call to a place in the code space, however far."""
    S = ptr32(s << 2)
    t = target - int(_here(s))
    if t >= 0 - 0x100000 and t < 0x100000:
        _jal(s, S[layout.N_AT], link, t)
        S[layout.N_AT] += 4
        return
    _const(s, 5, target)
    _r(s, _ADD, 5, 5, 25)
    _w(s, _JALR | link << 7 | 5 << 15, 0)


@micropython.viper
def _to(s: int, link: int, target: int):
    """A jump or call to a place in the function; 0 = not known yet."""
    S = ptr32(s << 2)
    at = S[layout.N_AT]
    _jal(s, at, link, target - at if target else 0)
    S[layout.N_AT] = at + 4


@micropython.viper
def _b(s: int, kind: int, a: int, b: int, distance: int):
    """A branch if a kind b."""
    f = ptr8(b"\x00\x01\x04\x05\x06\x07")[kind]
    t = (distance & 0x1e) << 7 | (distance & 0x800) >> 4
    _w(s, 0x63 | f << 12 | t | a << 15, b | distance & 0x7e0 | (distance & 0x1000) >> 1)


@micropython.viper
def _branch(s: int, kind: int, a: int, b: int) -> int:
    """A branch whose target is not known yet, as far as N_REACH says. Its place."""
    S = ptr32(s << 2)
    if S[layout.N_REACH] == 2:
        _b(s, kind ^ 1, a, b, 8)
        _to(s, 0, 0)
    else:
        _b(s, kind, a, b, 0)
    return S[layout.N_AT] - 4


@micropython.viper
def _fix(s: int, at: int, t: int) -> int:
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
def _land(s: int, at: int):
    """The jump or branch at place `at` goes here."""
    _fix(s, at, ptr32(s << 2)[layout.N_AT] - at)


@micropython.viper
def _compare(s: int, d: int, kind: int, a: int, b: int):
    """d = 1 if a kind b, else 0; b may be 0."""
    if kind < 2:
        if b:
            _r(s, _SUB, 9, a, b)
            a = 9
        if kind:
            _r(s, _SLTU, d, 0, a)
        else:
            _i(s, _SLTIU, d, a, 1)
    else:
        _r(s, _SLT if kind < 4 else _SLTU, d, a, b)
        if kind & 1:
            _i(s, _XORI, d, d, 1)


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x0a\x0b\x10\x11\x1c\x1d\x1e\x1f\x0c\x0d\x0e\x0f\x09")
    if op <= layout.A_STS:
        d = names[d]
        a <<= 2
        k = 8
        if a >= 2048:
            a = int(_high(s, 5, a))
            _r(s, _ADD, 5, 5, 8)
            k = 5
        if op == layout.A_LDS:
            _i(s, _LW, d, k, a)
        else:
            _s(s, _SW, d, k, a)
        return 0
    if op >= layout.A_PEEK:
        _stub(s, op, names[d], names[a], b)
        return 0
    if op >= layout.A_CALL:
        return int(_rest(s, op, d, a, b))
    if op >= layout.A_BRR:
        return int(_more(s, op, d, a, b))
    d = names[d]
    if op == layout.A_IMM:
        _const(s, d, imm)
        return 0
    a = names[a]
    if op == layout.A_MOV:
        _i(s, _ADDI, d, a, 0)
    elif op <= layout.A_MUL:
        b = names[b]
        if d == b and op != layout.A_SUB:
            b = a
            a = d
        _r(s, ptr16(b"\x33\x00\xb3\x00\x33\x70\x33\x60\x33\x40\x33\x01")[op - layout.A_ADD], d, a, b)
    elif op <= layout.A_SHRU:
        _r(s, ptr16(b"\x33\x10\xb3\x50\x33\x50")[op - layout.A_SHL], d, a, names[b])
    elif op <= layout.A_ROTR:
        b = names[b]
        _r(s, _SUB, 5, 0, b)
        _r(s, _SLL if op == layout.A_ROTL else _SRL, 9, a, b)
        _r(s, _SRL if op == layout.A_ROTL else _SLL, 5, a, 5)
        _r(s, _OR, d, 9, 5)
    elif op <= layout.A_XORI:
        if imm >= 0 - 2048 and imm < 2048:
            _i(s, ptr16(b"\x13\x00\x13\x00\x13\x70\x13\x60\x13\x40")[op - layout.A_ADDI], d, a, imm)
        elif op == layout.A_ANDI and imm == 65535:
            _i(s, _SLLI, d, a, 16)
            _i(s, _SRLI, d, d, 16)
        else:
            _const(s, 9, imm)
            _r(s, ptr16(b"\x33\x00\x33\x00\x33\x70\x33\x60\x33\x40")[op - layout.A_ADDI], d, a, 9)
    elif op == layout.A_MULI:
        _const(s, 9, imm)
        _r(s, _MUL, d, a, 9)
    elif op <= layout.A_SHRUI:
        imm = imm & 31
        if imm:
            _i(s, ptr16(b"\x13\x10\x93\x50\x13\x50")[op - layout.A_SHLI], d, a, imm)
        else:
            _i(s, _ADDI, d, a, 0)
    elif op == layout.A_ROTLI:
        imm = imm & 31
        if imm:
            _i(s, _SLLI, 9, a, imm)
            _i(s, _SRLI, 5, a, 32 - imm)
            _r(s, _OR, d, 9, 5)
        else:
            _i(s, _ADDI, d, a, 0)
    elif op <= layout.A_EXT16:
        imm = 24
        if op == layout.A_EXT16:
            imm = 16
        _i(s, _SLLI, d, a, imm)
        _i(s, _SRAI, d, d, imm)
    elif op < layout.A_SET:
        _r(s, ptr16(b"\x33\x31\x33\x41\x33\x51\x33\x61\x33\x71")[op - layout.A_MULH], d, a, names[b])
    elif op == layout.A_SET:
        _compare(s, d, S[layout.N_KIND], a, names[b])
    elif op == layout.A_SETI:
        k = S[layout.N_KIND]
        if imm == 0:
            _compare(s, d, k, a, 0)
        elif k > 1 and imm >= 0 - 2048 and imm < 2048:
            _i(s, _SLTI if k < 4 else _SLTIU, d, a, imm)
            if k & 1:
                _i(s, _XORI, d, d, 1)
        elif k < 2 and imm > 0 - 2048 and imm <= 2048:
            _i(s, _ADDI, 9, a, 0 - imm)
            _compare(s, d, k, 9, 0)
        else:
            _const(s, 9, imm)
            _compare(s, d, k, a, 9)
    else:  # A_SEL
        b = names[b]
        k = names[S[layout.N_ALSO]]
        if d == a:
            _b(s, 1, k, 0, 6)
            _h(s, 0x8002 | d << 7 | b << 2)
        elif d == b:
            _b(s, 0, k, 0, 6)
            _h(s, 0x8002 | d << 7 | a << 2)
        else:
            if d == k:
                _i(s, _ADDI, 9, k, 0)
                k = 9
            _h(s, 0x8002 | d << 7 | b << 2)
            _b(s, 0, k, 0, 6)
            _h(s, 0x8002 | d << 7 | a << 2)
    return 0


@micropython.viper
def _stub(s: int, op: int, d: int, a: int, b: int):
    """What only stubs need; ra stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        _r(s, _ADD, 9, 22, a)
        _i(s, _LW if b == 4 else _LHU if b == 2 else _LBU, d, 9, imm)
    elif op == layout.A_POKE:
        _place(s, 9, imm)
        _r(s, _ADD, 9, 9, 22)
        _s(s, _SW, d, 9, 0)
    elif op <= layout.A_UP:
        _i(s, _SLLI, 9, a, 2)
        _r(s, _ADD, 9, 9, 8)
        if op == layout.A_FRAME:
            _i(s, _LW, d, 9, 0)
        else:
            _i(s, _ADDI, 8, 9, 0)
    elif op == layout.A_TAIL:
        _i(s, _ADDI, 11, a, 0)
        _out(s, 0, S[layout.N_CALL])
    else:
        _i(s, _ADDI, 11, 0, 0)
        _out(s, 0, S[layout.N_EXIT])


@micropython.viper
def _more(s: int, op: int, d: int, a: int, b: int) -> int:
    """Branches and memory."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x0a\x0b\x10\x11\x1c\x1d\x1e\x1f\x0c\x0d\x0e\x0f\x09")
    if op == layout.A_BRR:
        return int(_branch(s, S[layout.N_KIND], names[a], names[b]))
    if op == layout.A_BRI:
        if imm:
            _const(s, 9, imm)
            imm = 9
        return int(_branch(s, S[layout.N_KIND], names[a], imm))
    if op == layout.A_JUMP:
        _to(s, 0, 0)
        return S[layout.N_AT] - 4
    if op == layout.A_BACK:
        _i(s, _ADDI, 20, 20, 0 - 1)
        t = S[layout.N_TARGET] - S[layout.N_AT]
        if t > 0 - 4096:
            _b(s, 3, 20, 0, t)
        else:
            _b(s, 2, 20, 0, 8)
            _to(s, 0, S[layout.N_TARGET])
    elif op == layout.A_CHECK:
        # s3 is a multiple of 8: without an offset an aligned access that starts in front of it (8 bytes: of its last 4) is within it
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        t = 19
        if k:
            t = 9
            if k <= 2048:
                _i(s, _ADDI, 9, 19, 0 - k)
            else:
                _const(s, 9, 0 - k)
                _r(s, _ADD, 9, 9, 19)
        _b(s, 5, a, t, 0)
        t = S[layout.N_AT] - 4
        if b > 1:
            k = 3
            if b == 2:
                k = 1
            if imm & k:
                _i(s, _ADDI, 9, a, imm & k)
                a = 9
            _i(s, _ANDI, 9, a, k)
            _b(s, 1, 9, 0, 0)
            S[layout.N_FIX] = S[layout.N_AT] - 4
        return t
    elif op == layout.A_CHECKC:
        _const(s, 9, imm + b)
        _b(s, 4, 19, 9, 0)
        return S[layout.N_AT] - 4
    elif op <= layout.A_STOREC:
        k = 18
        if op <= layout.A_STORE:
            k = names[a]
            _r(s, _ADD, 9, 18, k)
            k = 9
        if imm >= 2044 or imm < 0:
            imm = int(_high(s, 5, imm))
            if imm > 2043:  # the second word of 8 bytes
                _i(s, _ADDI, 5, 5, imm)
                imm = 0
            _r(s, _ADD, 5, 5, k)
            k = 5
        t = ptr16(b"\x03\x20\x03\x00\x03\x40\x03\x10\x03\x50\x03\x20\x23\x20\x23\x00\x23\x10\x23\x20")[b]
        if b < 6:
            _i(s, t, names[d & 255], k, imm)
            if b == 5:
                _i(s, t, names[d >> 8], k, imm + 4)
        else:
            _s(s, t, names[d & 255], k, imm)
            if b == 9:
                _s(s, t, names[d >> 8], k, imm + 4)
    else:
        # globals: s1 = the cell
        imm <<= 2
        k = 23
        if imm >= 2048:
            imm = int(_high(s, 9, imm))
            _r(s, _ADD, 9, 9, 23)
            k = 9
        _i(s, _LW, 9, k, imm)
        _r(s, _ADD, 9, 9, 22)
        if op == layout.A_GGET:
            _i(s, _LW, names[d], 9, a << 2)
        else:
            _s(s, _SW, names[d], 9, a << 2)
    return 0


@micropython.viper
def _rest(s: int, op: int, d: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function; i64."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x0a\x0b\x10\x11\x1c\x1d\x1e\x1f\x0c\x0d\x0e\x0f\x09")
    if op == layout.A_CALL:
        _place(s, 10, imm)
        a <<= 2
        _i(s, _ADDI, 8, 8, a)
        if S[layout.N_TARGET]:
            _to(s, 1, S[layout.N_TARGET])
        else:
            _place(s, 11, S[layout.N_ALSO])
            _out(s, 1, S[layout.N_CALL])
        _i(s, _ADDI, 8, 8, 0 - a)
    elif op == layout.A_REF:
        _place(s, 10, imm)
        _out(s, 1, S[layout.N_REF])
        _i(s, _ADDI, 8, 8, 0 - (a << 2))
    elif op == layout.A_RET:
        _i(s, _LW, 1, 24, 0)
        _i(s, _ADDI, 21, 21, 4)
        _i(s, _ADDI, 24, 24, 4)
        _h(s, 0x8082)
    elif op == layout.A_ENTER:
        _r(s, _SUB, 9, 21, 8)
        _const(s, 5, imm)
        _b(s, 0, 24, 2, 8)
        _b(s, 3, 9, 5, 0)
        k = S[layout.N_AT] - 4
        _out(s, 0, S[layout.N_FAIL])
        _land(s, k)
        _i(s, _ADDI, 21, 21, 0 - 4)
        _s(s, _SW, 10, 21, 0)
        _i(s, _ADDI, 24, 24, 0 - 4)
        _s(s, _SW, 1, 24, 0)
        if b:
            if b < 8 and a + b < 512:
                while b:
                    _s(s, _SW, 0, 8, a << 2)
                    a += 1
                    b -= 1
            else:
                _const(s, 11, a << 2)
                _const(s, 12, b)
                _r(s, _ADD, 11, 11, 8)
                _w(s, _SW | 11 << 15, 0)
                _h(s, 0x0591)  # addi a1, a1, 4
                _h(s, 0x167d)  # addi a2, a2, -1
                _b(s, 1, 12, 0, 0 - 8)
        _i(s, _ADDI, 20, 20, 0 - 1)
        _b(s, 3, 20, 0, 0)
        k = S[layout.N_AT] - 4
        _place(s, 10, S[layout.N_FUNC])
        _i(s, _ADDI, 11, 0, layout.S_FUEL)
        _out(s, 0, S[layout.N_EXIT])
        _land(s, k)
    elif op == layout.A_EXIT:
        _to(s, 5, S[layout.N_LEAVE])
        _h(s, a | b << 14)
    elif op == layout.A_LEAVE:
        # the word's number follows the jal that came here
        _i(s, _LHU, 9, 5, 0)
        _place(s, 10, S[layout.N_FUNC])
        _out(s, 0, S[layout.N_DIV])  # which is of no other use here
    elif op == layout.A_LOADED:
        _h(s, 0x8282)  # jr t0
    elif op == layout.A_FIX:
        return int(_fix(s, imm, S[layout.N_TARGET] - imm))
    elif op == layout.A_TABLE:
        # s1 = here + 4 times the number; the jumps follow 14 bytes behind
        _w(s, 0x497, 0)  # auipc s1, 0
        _i(s, _SLLI, 5, names[a], 2)
        _r(s, _ADD, 9, 9, 5)
        _w(s, _JALR | 9 << 15, 14)
    elif op == layout.A_ENTRY:
        _to(s, 0, 0)
        return S[layout.N_AT] - 4
    elif op == layout.A_SET64:
        d = names[d]
        k = S[layout.N_KIND]
        if k < 2:
            _r(s, _XOR, 9, names[a & 255], names[b & 255])
            _r(s, _XOR, 5, names[a >> 8], names[b >> 8])
            _r(s, _OR, 9, 9, 5)
            _compare(s, d, k, 9, 0)
        else:
            _r(s, _SLTU, 9, names[a & 255], names[b & 255])
            _b(s, 0, names[a >> 8], names[b >> 8], 8)
            _r(s, _SLT if k < 4 else _SLTU, 9, names[a >> 8], names[b >> 8])
            if k & 1:
                _i(s, _XORI, d, 9, 1)
            else:
                _i(s, _ADDI, d, 9, 0)
    elif op >= layout.A_ADDC:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            if a == b:
                _i(s, _SRLI, 6, a, 31)
                _r(s, _ADD, d, a, b)
            else:
                k = a
                if d == a:
                    k = b
                _r(s, _ADD, d, a, b)
                _r(s, _SLTU, 6, d, k)
        elif op == layout.A_ADC:
            _r(s, _ADD, d, a, b)
            _r(s, _ADD, d, d, 6)
        elif op == layout.A_SUBC:
            _r(s, _SLTU, 6, a, b)
            _r(s, _SUB, d, a, b)
        else:
            _r(s, _SUB, d, a, b)
            _r(s, _SUB, d, d, 6)
    return 0


@micropython.viper
def _saved(s: int, op: int):
    """Store or load what a function has to preserve: ra, s0, s1, s2 … s9."""
    i = 0
    while i < 11:
        r = ptr8(b"\x01\x08\x09\x12\x13\x14\x15\x16\x17\x18\x19")[i]
        i += 1
        if op == _SW:
            _s(s, _SW, r, 2, STACK + (i << 2))
        else:
            _i(s, _LW, r, 2, STACK + (i << 2))


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL. The place of the one that the loop calls: (self, n_args, n_kw, args)."""
    S = ptr32(s << 2)
    # LEAVE: word a0 and the number of words and status that A_EXIT has, in s1
    S[layout.N_DIV] = int(_here(s))
    _i(s, _SRLI, 11, 9, 14)
    _i(s, _SLLI, 9, 9, 18)
    _i(s, _SRLI, 9, 9, 16)
    _r(s, _ADD, 10, 10, 9)
    _i(s, _ADDI, 12, 0, 1)
    _b(s, 0, 11, 12, 8)
    _i(s, _SRLI, 11, 11, 1)  # 0, or 2: S_FUEL
    _h(s, 0xa011)  # j EXIT
    _i(s, _ADDI, 11, 0, layout.S_UNDO)
    # EXIT: to code word a0 with status a1
    S[layout.N_EXIT] = int(_here(s))
    _i(s, _LW, 12, 2, STACK)
    _s(s, _SW, 10, 12, layout.E_IP)
    _b(s, 3, 20, 0, 6)
    _i(s, _ADDI, 20, 0, 0)
    _s(s, _SW, 20, 12, layout.E_FUEL)
    _r(s, _SUB, 8, 8, 22)
    _s(s, _SW, 8, 12, layout.E_FP)
    _r(s, _SUB, 21, 21, 22)
    _s(s, _SW, 21, 12, layout.E_CS)
    _i(s, _SLLI, 10, 11, 1)
    _i(s, _ADDI, 10, 10, 1)  # a small integer
    _saved(s, _LW)
    _i(s, _ADDI, 2, 2, STACK + 64)
    _h(s, 0x8082)
    # FAIL: call word a0 is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(_here(s))
    _r(s, _ADD, 11, 10, 22)
    _i(s, _LBU, 12, 11, 0)
    _i(s, _LBU, 11, 11, 1)
    _i(s, _SLLI, 11, 11, 2)
    _r(s, _SUB, 8, 8, 11)
    _i(s, _ADDI, 11, 12, 0 - layout.OP_CALL)
    _b(s, 0, 11, 0, 6)
    _i(s, _ADDI, 10, 10, 0 - 4)  # the second word of a call by reference: back to the first
    _i(s, _ADDI, 11, 0, 0)
    _out(s, 0, S[layout.N_EXIT])
    # CALL: the function with header a1, for call word a0, native or not
    S[layout.N_CALL] = int(_here(s))
    _r(s, _ADD, 11, 11, 22)
    _i(s, _LW, 11, 11, layout.FUNC)
    _i(s, _ANDI, 12, 11, 255)
    _i(s, _ADDI, 12, 12, 0 - layout.OP_NATIVE)
    _b(s, 0, 12, 0, 8)
    _out(s, 0, S[layout.N_FAIL])
    _i(s, _SRLI, 11, 11, 8)
    _i(s, _SLLI, 11, 11, 2)
    _r(s, _ADD, 11, 11, 22)
    _i(s, _LW, 11, 11, layout.NE_CALL)
    _r(s, _ADD, 11, 11, 25)
    _h(s, 0x8582)  # jr a1
    # The loop's way in: args in a3
    at = int(_here(s))
    _i(s, _ADDI, 2, 2, 0 - STACK - 64)
    _saved(s, _SW)
    _i(s, _LW, 10, 13, 0)
    _i(s, _SRAI, 10, 10, 1)
    _i(s, _SLLI, 10, 10, 2)
    _s(s, _SW, 10, 2, STACK)
    _i(s, _LW, 11, 10, layout.E_SELF)
    _r(s, _SUB, 22, 10, 11)
    _i(s, _LW, 8, 10, layout.E_FP)
    _r(s, _ADD, 8, 8, 22)
    _i(s, _LW, 21, 10, layout.E_CS)
    _r(s, _ADD, 21, 21, 22)
    _i(s, _LW, 20, 10, layout.E_FUEL)
    _i(s, _ADDI, 24, 2, STACK)
    _place(s, 12, S[layout.N_STATE])
    _r(s, _ADD, 12, 12, 22)
    _i(s, _LW, 25, 12, layout.X_CODE << 2)
    _i(s, _LW, 11, 10, layout.E_INST)
    _s(s, _SW, 11, 12, layout.X_INST << 2)
    _r(s, _ADD, 11, 11, 22)
    _i(s, _LW, 23, 11, layout.I_GLOBALS)
    _r(s, _ADD, 23, 23, 22)
    _i(s, _LW, 11, 11, layout.I_MEM0)
    _i(s, _ADDI, 18, 0, 0)
    _i(s, _ADDI, 19, 0, 0)
    _b(s, 0, 11, 0, 0)
    k = S[layout.N_AT] - 4
    _r(s, _ADD, 11, 11, 22)
    _i(s, _LW, 18, 11, layout.MM_DATA)
    _r(s, _ADD, 18, 18, 22)
    _i(s, _LW, 19, 11, layout.MM_BYTES)
    _land(s, k)
    _i(s, _LW, 10, 10, layout.E_IP)
    # a size that is no multiple of 8: not for native code
    _i(s, _ANDI, 12, 19, 7)
    _b(s, 0, 12, 0, 0)
    k = S[layout.N_AT] - 4
    _i(s, _ADDI, 11, 0, layout.S_UNDO)
    _out(s, 0, S[layout.N_EXIT])
    _land(s, k)
    _r(s, _ADD, 12, 10, 22)
    _i(s, _LW, 12, 12, 0)
    _i(s, _SRLI, 12, 12, 8)
    _i(s, _SLLI, 12, 12, 2)
    _r(s, _ADD, 12, 12, 22)
    _i(s, _LW, 5, 12, layout.NE_CODE)
    _r(s, _ADD, 5, 5, 25)
    _i(s, _LW, 13, 12, layout.NE_LOADER)
    _r(s, _ADD, 13, 13, 25)
    _w(s, 0x100f, 0)  # fence.i: instructions are fetched as they were written
    k = S[layout.N_AT]
    _to(s, 1, 0)
    # The way back: the function that was entered has returned; on behind its call word
    _i(s, _LW, 10, 21, 0 - 4)
    _r(s, _ADD, 11, 10, 22)
    _i(s, _LBU, 11, 11, 1)
    _i(s, _SLLI, 11, 11, 2)
    _r(s, _SUB, 8, 8, 11)
    _i(s, _ADDI, 10, 10, 4)
    _i(s, _ADDI, 11, 0, 0)
    _out(s, 0, S[layout.N_EXIT])
    _land(s, k)
    _i(s, _ADDI, 24, 24, 0 - 4)
    _s(s, _SW, 1, 24, 0)
    _h(s, 0x8682)  # jr a3
    return at
