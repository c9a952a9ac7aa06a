# Native tier: machine code for Xtensa (ESP32, S2, S3): core instructions, 16-bit ones, MUL32 with high word, DIV32, NSA
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The loop's way in is one function of the windowed ABI; what it calls is call0 within the same window, return addresses on a stack of their
# own inside its frame: the stack pointer may not move (docs/native-xtensa.md).
# a15 frame, a14 memory 0, a13 its bytes (a multiple of 8), a12 fuel, a11 stack of return addresses; a0 (also the carry) and a9 are the
# assembler's own. Registers 0 … 7 of the lowering: a2 … a8, a10 (the last four may be pinned to slots); 8 is a9.
import micropython
from micropython import const

from . import layout
from .forms import FORMS

REGS = 8
PINS = 4
SCRATCH = 8
FLAGS = layout.NG_DIVIDES
RANGE = 1500
REACHES = 2  # compare and branch reaches 128 bytes: branches ahead go around a jump

# Bytes from the stack pointer: return addresses below, cells, then what the windowed ABI wants.
_ENV = const(768)
_CS = const(772)
_BASE = const(776)
_GLOBALS = const(780)
_CALL = const(784)  # address of CALL, from which the other routines are reached
_CODE = const(788)
_RA = const(792)
_FRAME = const(832)

_L8UI = const(0)
_L16UI = const(1)
_L32I = const(2)
_S32I = const(6)


@micropython.viper
def _n(s: int, v: int):
    """An instruction of 16 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 8
    S[layout.N_AT] += 2


@micropython.viper
def _w(s: int, v: int):
    """An instruction of 24 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    p[0] = v
    p[1] = v >> 8
    p[2] = v >> 16
    S[layout.N_AT] += 3


@micropython.viper
def _r(s: int, op: int, d: int, a: int, b: int):
    """d = a op b; op: the upper 8 bits."""
    if op == 0x80:
        _n(s, d << 12 | a << 8 | b << 4 | 0xa)
    else:
        _w(s, op << 16 | d << 12 | a << 8 | b << 4)


@micropython.viper
def _mov(s: int, d: int, a: int):
    if d != a:
        _n(s, a << 8 | d << 4 | 0xd)


@micropython.viper
def _m(s: int, op: int, d: int, a: int, offset: int):
    """Load d from a + offset, or store it."""
    if op & 3 == 2:
        if offset < 64:
            _n(s, offset << 10 | a << 8 | d << 4 | (8 if op == _L32I else 9))
            return
        offset >>= 2
    elif op & 3 == 1:
        offset >>= 1
    _w(s, offset << 16 | op << 12 | a << 8 | d << 4 | 2)


@micropython.viper
def _shift(s: int, op: int, d: int, a: int, n: int):
    """A_SHLI, A_SHRSI, A_SHRUI."""
    n = n & 31
    if n == 0:
        _mov(s, d, a)
    elif op == layout.A_SHLI:
        n = 32 - n
        _w(s, 0x010000 | n >> 4 << 20 | d << 12 | a << 8 | (n & 15) << 4)
    elif op == layout.A_SHRSI:
        _w(s, 0x210000 | n >> 4 << 20 | d << 12 | (n & 15) << 8 | a << 4)
    elif n < 16:
        _w(s, 0x410000 | d << 12 | n << 8 | a << 4)
    else:
        _bits(s, d, a, n, 32 - n)


@micropython.viper
def _bits(s: int, d: int, a: int, n: int, width: int):
    """d = width (at most 16) bits of a from bit n on."""
    _w(s, 0x040000 | width - 1 << 20 | n >> 4 << 16 | d << 12 | (n & 15) << 8 | a << 4)


@micropython.viper
def _const(s: int, d: int, v: int):
    """d = v; no other register is used."""
    if v >= 0 - 32 and v < 96:
        _n(s, (v & 15) << 12 | d << 8 | v & 0x70 | 0xc)
        return
    if v >= 0 - 2048 and v < 2048:
        _w(s, (v & 0xff) << 16 | 0xa000 | v & 0xf00 | d << 4 | 2)
        return
    S = ptr32(s << 2)
    p = ptr32(int(S) + layout.N_LIT)
    n = p[0]
    while n:
        n -= 1
        if p[n + 2] == v:
            t = p[1] + (n << 2) - (S[layout.N_AT] - S[layout.N_CODE] + 3 & -4)
            if t >= 0 - 260000:
                _w(s, (t >> 2 & 0xffff) << 8 | d << 4 | 1)
                return
    k = (v & 0xff ^ 0x80) - 0x80
    h = (v - k >> 8 & 0xff ^ 0x80) - 0x80
    t = v - k - (h << 8) >> 16
    if t:
        if t >= 0 - 2048 and t < 2048:
            _const(s, d, t)
        else:
            n = (t & 0xff ^ 0x80) - 0x80
            _const(s, d, n)
            _addmi(s, d, t - n >> 8)
        _shift(s, layout.A_SHLI, d, d, 16)
        if h:
            _addmi(s, d, h)
        if k:
            _w(s, (k & 0xff) << 16 | 0xc000 | d << 8 | d << 4 | 2)
    else:
        _const(s, d, k)
        _addmi(s, d, h)


@micropython.viper
def _addmi(s: int, d: int, v: int):
    """d = d + 256 v"""
    _w(s, (v & 0xff) << 16 | 0xd000 | d << 8 | d << 4 | 2)


@micropython.viper
def _add(s: int, d: int, a: int, v: int):
    """d = a + v; a0 when v takes more than 16 bits."""
    k = (v & 0xff ^ 0x80) - 0x80
    t = v - k
    if t > 32512 or t < 0 - 32768:
        _const(s, 0, v)
        _r(s, 0x80, d, a, 0)
        return
    if t:
        _w(s, (t >> 8 & 0xff) << 16 | 0xd000 | a << 8 | d << 4 | 2)
        a = d
    if k == 0:
        _mov(s, d, a)
    elif k == 0 - 1:
        _n(s, d << 12 | a << 8 | 0xb)
    elif k > 0 and k < 16:
        _n(s, d << 12 | a << 8 | k << 4 | 0xb)
    else:
        _w(s, (k & 0xff) << 16 | 0xc000 | a << 8 | d << 4 | 2)


@micropython.viper
def _here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _align(s: int):
    """To a multiple of 4, behind a jump."""
    S = ptr32(s << 2)
    p = ptr8(int(S))
    while S[layout.N_AT] - S[layout.N_CODE] & 3:
        p[S[layout.N_AT]] = 0
        S[layout.N_AT] += 1


@micropython.viper
def _out(s: int, target: int):
    """A jump to a routine that all functions share."""
    S = ptr32(s << 2)
    _m(s, _L32I, 9, 1, _CALL)
    _add(s, 9, 9, target - S[layout.N_CALL])
    _w(s, 0x0000a0 | 9 << 8)


@micropython.viper
def _near(s: int, target: int):
    """The same from one such routine to another."""
    _jump(s, target - int(_here(s)))


@micropython.viper
def _jump(s: int, distance: int):
    _w(s, (distance - 4 & 0x3ffff) << 6 | 6)


@micropython.viper
def _to(s: int, place: int):
    """A jump back to a place in the function."""
    S = ptr32(s << 2)
    t = place - S[layout.N_AT]
    if t < 0 - 131000:
        S[layout.N_ERROR] = layout.NX_FAR
    _jump(s, t)


@micropython.viper
def _fix(s: int, at: int, t: int) -> int:
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
def _land(s: int, at: int):
    """The jump or branch at place `at` goes here."""
    _fix(s, at, ptr32(s << 2)[layout.N_AT] - at)


@micropython.viper
def _b(s: int, kind: int, a: int, b: int, distance: int):
    """A branch if a kind b."""
    _w(s, (distance - 4 & 0xff) << 16 | ptr8(b"\x01\x09\x02\x0a\x03\x0b")[kind] << 12 | a << 8 | b << 4 | 7)


@micropython.viper
def _bi(s: int, kind: int, a: int, imm: int, distance: int):
    """A branch if a kind imm; a9 may be used."""
    if imm == 0 and kind < 4:
        _w(s, (distance - 4 & 0xfff) << 12 | a << 8 | kind << 6 | 0x16)
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
        _w(s, (distance - 4 & 0xff) << 16 | i << 12 | a << 8 | t)
    else:
        _const(s, 9, imm)
        _b(s, kind, a, 9, distance)


@micropython.viper
def _ahead(s: int) -> int:
    """A jump whose target is not known yet; its place."""
    _w(s, 6)
    return ptr32(s << 2)[layout.N_AT] - 3


@micropython.viper
def _flag(s: int, d: int, t: int, kind: int, a: int, b: int):
    """d = 1 if a kind b, else 0; through t, which is not a or b."""
    _const(s, t, 1)
    _b(s, kind, a, b, 5)
    _const(s, t, 0)
    _mov(s, d, t)


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x02\x03\x04\x05\x06\x07\x08\x0a\x09")
    if op <= layout.A_STS:
        k = _S32I if op == layout.A_STS else _L32I
        d = names[d]
        if a < 256:
            _m(s, k, d, 15, a << 2)
        else:
            _add(s, 0, 15, a << 2)
            _m(s, k, d, 0, 0)
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
        _mov(s, d, a)
    elif op <= layout.A_MUL:
        _r(s, ptr8(b"\x80\xc0\x10\x20\x30\x82")[op - layout.A_ADD], d, a, names[b])
    elif op <= layout.A_ROTR:
        # the amount goes to SAR: left shifts take 32 less that, modulo 32
        b = names[b]
        if op == layout.A_SHL or op == layout.A_ROTL:
            _w(s, 0x401000 | b << 8)
        else:
            _w(s, 0x400000 | b << 8)
        if op == layout.A_SHL:
            _r(s, 0xa1, d, a, 0)
        elif op == layout.A_SHRS:
            _r(s, 0xb1, d, 0, a)
        elif op == layout.A_SHRU:
            _r(s, 0x91, d, 0, a)
        else:
            _r(s, 0x81, d, a, a)
    elif op == layout.A_ADDI:
        _add(s, d, a, imm)
    elif op <= layout.A_MULI:
        if op == layout.A_ANDI and imm > 0 and imm & imm + 1 == 0 and imm <= 65535:
            k = 1
            while imm >> k:
                k += 1
            _bits(s, d, a, 0, k)
        else:
            _const(s, 9, imm)
            _r(s, ptr8(b"\x10\x20\x30\x82")[op - layout.A_ANDI], d, a, 9)
    elif op <= layout.A_SHRUI:
        _shift(s, op, d, a, imm)
    elif op == layout.A_ROTLI:
        imm = 0 - imm & 31
        if imm:
            _w(s, 0x404000 | (imm & 15) << 8 | imm >> 4 << 4)
            _r(s, 0x81, d, a, a)
        else:
            _mov(s, d, a)
    elif op <= layout.A_EXT16:
        imm = 24
        if op == layout.A_EXT16:
            imm = 16
        _shift(s, layout.A_SHLI, d, a, imm)
        _shift(s, layout.A_SHRSI, d, d, imm)
    elif op < layout.A_SET:
        _r(s, ptr8(b"\xa2\xd2\xc2\xf2\xe2")[op - layout.A_MULH], d, a, names[b])
    elif op == layout.A_SET:
        b = names[b]
        _flag(s, d, 9 if d == a or d == b else d, S[layout.N_KIND], a, b)
    elif op == layout.A_SETI:
        k = S[layout.N_KIND]
        if imm == 0 and k == 0:
            # leading zeros: 32 of 0 only
            _w(s, 0x40f000 | a << 8 | 9 << 4)
            _shift(s, layout.A_SHRUI, d, 9, 5)
        elif imm == 0 and k == 2:
            _bits(s, d, a, 31, 1)
        else:
            _const(s, 9, imm)
            _flag(s, d, 0 if d == a else d, k, a, 9)
    else:  # A_SEL
        b = names[b]
        k = names[S[layout.N_ALSO]]
        if d == a:
            _r(s, 0x83, d, b, k)
        elif d == b:
            _r(s, 0x93, d, a, k)
        else:
            t = d
            if d == k:
                t = 9
            _mov(s, t, b)
            _r(s, 0x93, t, a, k)
            _mov(s, d, t)
    return 0


@micropython.viper
def _stub(s: int, op: int, d: int, a: int, b: int):
    """What only stubs need; a0 stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        _m(s, _L32I, 9, 1, _BASE)
        _r(s, 0x80, 9, 9, a)
        _m(s, b >> 1, d, 9, imm)  # 1, 2 or 4 bytes
    elif op == layout.A_POKE:
        _m(s, _L32I, 9, 1, _BASE)
        _const(s, 10, imm)
        _r(s, 0x80, 9, 9, 10)
        _m(s, _S32I, d, 9, 0)
    elif op == layout.A_FRAME:
        _r(s, 0xa0, 9, a, 15)
        _m(s, _L32I, d, 9, 0)
    elif op == layout.A_UP:
        _r(s, 0xa0, 15, a, 15)
    elif op == layout.A_TAIL:
        _mov(s, 3, a)
        _near(s, S[layout.N_CALL])
    else:
        _const(s, 3, 0)
        _near(s, S[layout.N_EXIT])


@micropython.viper
def _more(s: int, op: int, d: int, a: int, b: int) -> int:
    """Branches and memory."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x02\x03\x04\x05\x06\x07\x08\x0a\x09")
    if op <= layout.A_BRI:
        k = S[layout.N_KIND]
        t = 0
        if S[layout.N_REACH]:
            k = k ^ 1
            t = 6
        if op == layout.A_BRR:
            _b(s, k, names[a], names[b], t)
        else:
            _bi(s, k, names[a], imm, t)
        if t:
            return int(_ahead(s))
        return S[layout.N_AT] - 3
    if op == layout.A_JUMP:
        return int(_ahead(s))
    if op == layout.A_BACK:
        _n(s, 12 << 12 | 12 << 8 | 0xb)
        t = S[layout.N_TARGET] - S[layout.N_AT]
        if t > 0 - 2040:
            _bi(s, 3, 12, 0, t)
        else:
            _bi(s, 2, 12, 0, 6)
            _to(s, S[layout.N_TARGET])
    elif op == layout.A_CHECK:
        # a13 is a multiple of 8: without an offset an aligned access that starts in front of it (8 bytes: of its last 4) is within it
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        t = 13
        if k:
            t = 9
            if k <= 32768:
                _add(s, 9, 13, 0 - k)
            else:
                _const(s, 9, 0 - k)
                _r(s, 0x80, 9, 9, 13)
        _b(s, 4, a, t, 6)
        t = int(_ahead(s))
        if b > 1:
            k = 2
            if b == 2:
                k = 1
            if imm & (1 << k) - 1:
                _add(s, 9, a, imm & (1 << k) - 1)
                a = 9
            _bits(s, 9, a, 0, k)
            _bi(s, 1, 9, 0, 0)
            S[layout.N_FIX] = S[layout.N_AT] - 3
        return t
    elif op == layout.A_CHECKC:
        _const(s, 9, imm + b)
        _b(s, 5, 13, 9, 6)
        return int(_ahead(s))
    elif op <= layout.A_STOREC:
        t = ptr8(b"\x02\x00\x00\x09\x01\x02\x06\x04\x05\x06")[b]
        k = ptr8(b"\x02\x00\x00\x01\x01\x02\x02\x00\x01\x02")[b]
        if op > layout.A_STORE:
            _const(s, 9, imm)
            _r(s, 0x80, 9, 9, 14)
            imm = 0
        else:
            _r(s, 0x80, 9, names[a], 14)
            if imm > 251 << k or imm < 0 or imm >> k << k != imm:
                _add(s, 9, 9, imm)
                imm = 0
        a = names[d & 255]
        _m(s, t, a, 9, imm)
        if b == 5 or b == 9:
            _m(s, t, names[d >> 8], 9, imm + 4)
        elif b == 1:
            _shift(s, layout.A_SHLI, a, a, 24)
            _shift(s, layout.A_SHRSI, a, a, 24)
    else:
        # globals: a9 = the cell
        _m(s, _L32I, 9, 1, _GLOBALS)
        if imm > 255:
            _add(s, 9, 9, imm << 2)
            imm = 0
        _m(s, _L32I, 9, 9, imm << 2)
        _m(s, _L32I, 0, 1, _BASE)
        _r(s, 0x80, 9, 9, 0)
        _m(s, _L32I if op == layout.A_GGET else _S32I, names[d], 9, a << 2)
    return 0


@micropython.viper
def _word(s: int, word: int):
    """a2 = a call word of this function."""
    func = ptr32(s << 2)[layout.N_FUNC]
    _const(s, 2, func)
    _add(s, 2, 2, word - func)


@micropython.viper
def _rest(s: int, op: int, d: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function; i64."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x02\x03\x04\x05\x06\x07\x08\x0a\x09")
    if op == layout.A_CALL:
        _word(s, imm)
        a <<= 2
        _add(s, 15, 15, a)
        if S[layout.N_TARGET]:
            t = (S[layout.N_TARGET] - S[layout.N_CODE] >> 2) - (S[layout.N_AT] - S[layout.N_CODE] >> 2) - 1
            if t < 0 - 131000:
                S[layout.N_ERROR] = layout.NX_FAR
            _w(s, (t & 0x3ffff) << 6 | 5)
        else:
            _const(s, 3, S[layout.N_ALSO])
            _m(s, _L32I, 9, 1, _CALL)
            _w(s, 0x0000c0 | 9 << 8)
        _add(s, 15, 15, 0 - a)
    elif op == layout.A_REF:
        _word(s, imm)
        _m(s, _L32I, 9, 1, _CALL)
        _add(s, 9, 9, S[layout.N_REF] - S[layout.N_CALL])
        _w(s, 0x0000c0 | 9 << 8)
        _add(s, 15, 15, 0 - (a << 2))
    elif op == layout.A_RET:
        _m(s, _L32I, 9, 1, _CS)
        _m(s, _L32I, 0, 11, 0)
        _add(s, 9, 9, 4)
        _m(s, _S32I, 9, 1, _CS)
        _add(s, 11, 11, 4)
        _n(s, 0xf00d)
    elif op == layout.A_ENTER:
        _m(s, _L32I, 3, 1, _CS)
        _r(s, 0xc0, 4, 3, 15)
        _const(s, 5, imm)
        _b(s, 0, 11, 1, 6)
        _b(s, 3, 4, 5, 0)
        k = S[layout.N_AT] - 3
        _out(s, S[layout.N_FAIL])
        _land(s, k)
        _add(s, 3, 3, 0 - 4)
        _m(s, _S32I, 3, 1, _CS)
        _m(s, _S32I, 2, 3, 0)
        _add(s, 11, 11, 0 - 4)
        _m(s, _S32I, 0, 11, 0)
        if b:
            _const(s, 3, 0)
            if b < 8 and a + b < 256:
                while b:
                    _m(s, _S32I, 3, 15, a << 2)
                    a += 1
                    b -= 1
            else:
                _const(s, 4, a << 2)
                _const(s, 5, b)
                _r(s, 0x80, 4, 4, 15)
                _m(s, _S32I, 3, 4, 0)
                _add(s, 4, 4, 4)
                _add(s, 5, 5, 0 - 1)
                _bi(s, 1, 5, 0, 0 - 6)
        _n(s, 12 << 12 | 12 << 8 | 0xb)
        _bi(s, 3, 12, 0, 0)
        k = S[layout.N_AT] - 3
        _const(s, 2, S[layout.N_FUNC])
        _const(s, 3, layout.S_FUEL)
        _out(s, S[layout.N_EXIT])
        _land(s, k)
    elif op == layout.A_EXIT:
        _const(s, 9, a | b << 14)
        _to(s, S[layout.N_LEAVE])
    elif op == layout.A_LEAVE:
        _mov(s, 3, 9)
        _const(s, 2, S[layout.N_FUNC])
        _out(s, S[layout.N_DIV])  # which is of no other use here
        _literals(s)
    elif op == layout.A_LOADED:
        _w(s, 0x0000a0 | 9 << 8)
        _align(s)  # for call0
    elif op == layout.A_FIX:
        return int(_fix(s, imm, S[layout.N_TARGET] - imm))
    elif op == layout.A_TABLE:
        # a9 = 3 times the number, a0 = place of the pad byte behind call0; the jumps follow 9 bytes behind that
        a = names[a]
        _r(s, 0x90, 9, a, a)
        while S[layout.N_AT] - S[layout.N_CODE] & 3:
            if S[layout.N_AT] - S[layout.N_CODE] & 1:
                _w(s, 0x0020f0)
            else:
                _n(s, 0xf03d)
        _w(s, 5)
        _align(s)
        _r(s, 0x80, 9, 9, 0)
        _w(s, 9 << 16 | 0xc000 | 9 << 8 | 9 << 4 | 2)
        _w(s, 0x0000a0 | 9 << 8)
    elif op == layout.A_ENTRY:
        return int(_ahead(s))
    elif op == layout.A_SET64:
        d = names[d]
        k = S[layout.N_KIND]
        if k < 2:
            _r(s, 0x30, 9, names[a & 255], names[b & 255])
            _r(s, 0x30, 0, names[a >> 8], names[b >> 8])
            _r(s, 0x20, 0, 9, 0)
            _const(s, d, k)
            _const(s, 9, k ^ 1)
            _r(s, 0x83, d, 9, 0)
        else:
            # the high words decide, unless they are the same
            _const(s, 9, 1)
            _b(s, 0, names[a >> 8], names[b >> 8], 9)
            _b(s, k, names[a >> 8], names[b >> 8], 11)
            _jump(s, 6)
            _b(s, k & 1 | 4, names[a & 255], names[b & 255], 5)
            _const(s, 9, 0)
            _mov(s, d, 9)
    elif op >= layout.A_ADDC:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            if a == b:
                _bits(s, 0, a, 31, 1)
                _r(s, 0x80, d, a, b)
            else:
                k = a
                if d == a:
                    k = b
                _r(s, 0x80, d, a, b)
                _flag(s, 0, 0, 4, d, k)
        elif op == layout.A_ADC:
            _r(s, 0x80, d, a, b)
            _r(s, 0x80, d, d, 0)
        elif op == layout.A_SUBC:
            _flag(s, 0, 0, 4, a, b)
            _r(s, 0xc0, d, a, b)
        else:
            _r(s, 0xc0, d, a, b)
            _r(s, 0xc0, d, d, 0)
    return 0


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
def _literals(s: int):
    """l32r reaches backwards only: what constants the function's words have, in front of its code."""
    S = ptr32(s << 2)
    base = int(S) - S[layout.N_SELF]
    F = ptr8(int(S) + S[layout.N_MARKS])
    forms = ptr8(FORMS)
    _align(s)
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


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL. The place of the one that the loop calls: (self, n_args, n_kw, args)."""
    S = ptr32(s << 2)
    # LEAVE: a3 has the number of one of the words from a2 on, and the status as A_EXIT has it
    S[layout.N_DIV] = int(_here(s))
    _bits(s, 4, 3, 0, 14)
    _r(s, 0xa0, 2, 4, 2)
    _bits(s, 3, 3, 14, 2)
    _bi(s, 0, 3, 1, 9)
    _shift(s, layout.A_SHRUI, 3, 3, 1)  # 0, or 2: S_FUEL
    _jump(s, 5)
    _const(s, 3, layout.S_UNDO)
    # EXIT: to code word a2 with status a3
    S[layout.N_EXIT] = int(_here(s))
    _m(s, _L32I, 4, 1, _ENV)
    _m(s, _S32I, 2, 4, layout.E_IP)
    _bi(s, 3, 12, 0, 5)
    _const(s, 12, 0)
    _m(s, _S32I, 12, 4, layout.E_FUEL)
    _m(s, _L32I, 5, 1, _BASE)
    _r(s, 0xc0, 15, 15, 5)
    _m(s, _S32I, 15, 4, layout.E_FP)
    _m(s, _L32I, 6, 1, _CS)
    _r(s, 0xc0, 6, 6, 5)
    _m(s, _S32I, 6, 4, layout.E_CS)
    _r(s, 0x80, 2, 3, 3)
    _add(s, 2, 2, 1)  # a small integer
    _m(s, _L32I, 0, 1, _RA)
    _n(s, 0xf01d)  # retw.n
    # FAIL: call word a2 is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(_here(s))
    _m(s, _L32I, 5, 1, _BASE)
    _r(s, 0x80, 5, 5, 2)
    _m(s, _L8UI, 6, 5, 0)
    _m(s, _L8UI, 5, 5, 1)
    _shift(s, layout.A_SHLI, 5, 5, 2)
    _r(s, 0xc0, 15, 15, 5)
    _const(s, 7, layout.OP_CALL)
    _b(s, 0, 6, 7, 6)
    _add(s, 2, 2, 0 - 4)  # the second word of a call by reference: back to the first
    _const(s, 3, 0)
    _near(s, S[layout.N_EXIT])
    # CALL: the function with header a3, for call word a2, native or not
    _align(s)
    S[layout.N_CALL] = int(_here(s))
    _m(s, _L32I, 4, 1, _BASE)
    _r(s, 0x80, 3, 3, 4)
    _m(s, _L32I, 3, 3, layout.FUNC)
    _bits(s, 5, 3, 0, 8)
    _const(s, 6, layout.OP_NATIVE)
    _b(s, 0, 5, 6, 6)
    _near(s, S[layout.N_FAIL])
    _shift(s, layout.A_SHRUI, 3, 3, 8)
    _r(s, 0xa0, 3, 3, 4)
    _m(s, _L32I, 3, 3, layout.NE_CALL)
    _m(s, _L32I, 4, 1, _CODE)
    _r(s, 0x80, 3, 3, 4)
    _w(s, 0x0000a0 | 3 << 8)
    # The loop's way in: args in a5
    _align(s)
    at = int(_here(s))
    _w(s, (_FRAME >> 3) << 12 | 0x136)  # entry a1
    _m(s, _S32I, 0, 1, _RA)
    _m(s, _L32I, 2, 5, 0)
    _shift(s, layout.A_SHRSI, 2, 2, 1)
    _shift(s, layout.A_SHLI, 2, 2, 2)
    _m(s, _S32I, 2, 1, _ENV)
    _m(s, _L32I, 3, 2, layout.E_SELF)
    _r(s, 0xc0, 3, 2, 3)
    _m(s, _S32I, 3, 1, _BASE)
    _m(s, _L32I, 15, 2, layout.E_FP)
    _r(s, 0x80, 15, 15, 3)
    _m(s, _L32I, 4, 2, layout.E_CS)
    _r(s, 0x80, 4, 4, 3)
    _m(s, _S32I, 4, 1, _CS)
    _m(s, _L32I, 12, 2, layout.E_FUEL)
    _const(s, 5, S[layout.N_STATE])
    _r(s, 0x80, 5, 5, 3)
    _m(s, _L32I, 6, 5, layout.X_CODE << 2)
    _m(s, _S32I, 6, 1, _CODE)
    _const(s, 7, S[layout.N_CALL])
    _r(s, 0x80, 7, 7, 6)
    _m(s, _S32I, 7, 1, _CALL)
    _m(s, _L32I, 4, 2, layout.E_INST)
    _m(s, _S32I, 4, 5, layout.X_INST << 2)
    _r(s, 0x80, 4, 4, 3)
    _m(s, _L32I, 7, 4, layout.I_GLOBALS)
    _r(s, 0x80, 7, 7, 3)
    _m(s, _S32I, 7, 1, _GLOBALS)
    _m(s, _L32I, 4, 4, layout.I_MEM0)
    _const(s, 14, 0)
    _const(s, 13, 0)
    _bi(s, 0, 4, 0, 0)
    k = S[layout.N_AT] - 3
    _r(s, 0x80, 4, 4, 3)
    _m(s, _L32I, 14, 4, layout.MM_DATA)
    _r(s, 0x80, 14, 14, 3)
    _m(s, _L32I, 13, 4, layout.MM_BYTES)
    _land(s, k)
    _add(s, 11, 1, _ENV)
    _m(s, _L32I, 2, 2, layout.E_IP)
    # a size that is no multiple of 8: not for native code
    _bits(s, 4, 13, 0, 3)
    _bi(s, 0, 4, 0, 8)
    _const(s, 3, layout.S_UNDO)
    _near(s, S[layout.N_EXIT])
    _r(s, 0x80, 4, 2, 3)
    _m(s, _L32I, 4, 4, 0)
    _shift(s, layout.A_SHRUI, 4, 4, 8)
    _r(s, 0xa0, 4, 4, 3)
    _m(s, _L32I, 9, 4, layout.NE_CODE)
    _r(s, 0x80, 9, 9, 6)
    _m(s, _L32I, 5, 4, layout.NE_LOADER)
    _r(s, 0x80, 5, 5, 6)
    _w(s, 0x002000)  # isync: instructions are fetched as they were written
    k = S[layout.N_AT]
    _w(s, 5)
    # The way back: the function that was entered has returned; on behind its call word
    _m(s, _L32I, 3, 1, _CS)
    _add(s, 3, 3, 0 - 4)
    _m(s, _L32I, 2, 3, 0)
    _m(s, _L32I, 5, 1, _BASE)
    _r(s, 0x80, 5, 5, 2)
    _m(s, _L8UI, 5, 5, 1)
    _shift(s, layout.A_SHLI, 5, 5, 2)
    _r(s, 0xc0, 15, 15, 5)
    _add(s, 2, 2, 4)
    _const(s, 3, 0)
    _near(s, S[layout.N_EXIT])
    _align(s)
    _fix(s, k, S[layout.N_AT] - (k - S[layout.N_CODE] & -4) - S[layout.N_CODE])
    _add(s, 11, 11, 0 - 4)
    _m(s, _S32I, 0, 11, 0)
    _w(s, 0x0000a0 | 5 << 8)
    return at
