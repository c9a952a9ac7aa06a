# Native tier: machine code for Cortex-M, the instructions that all of them have (ARMv6-M)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# r7 frame, r8 memory 0, r9 its bytes (a multiple of 8), r10 fuel, r11 = -1, r12 running state (layout.X_*); r3 and lr are the
# assembler's own.
# Registers 0 … 5 of the lowering: r0 r1 r2 r4 r5 r6 (the last three may be pinned to slots); 6 is r3.
import micropython
from micropython import const

from . import layout

REGS = 6
PINS = 3
SCRATCH = 6
FLAGS = layout.NG_DIVIDES
RANGE = 250
REACHES = 1
STACK = const(768)  # bytes of the machine stack that calls may take: 4 each
FLOAT = const(36)  # bytes from one float routine's stub to the next


@micropython.viper
def _h(s: int, v: int):
    """One instruction."""
    S = ptr32(s << 2)
    ptr16(int(S) + S[layout.N_AT])[0] = v
    S[layout.N_AT] += 2


@micropython.viper
def _literal(s: int, d: int, v: int):
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
def _const(s: int, d: int, v: int):
    """d = v"""
    if v >= 0:
        if v < 256:
            _h(s, 0x2000 | d << 8 | v)
            return
        n = 1
        while n < 24:
            if v >> n < 256:
                if v >> n << n == v:
                    _h(s, 0x2000 | d << 8 | v >> n)
                    _h(s, n << 6 | d << 3 | d)
                    return
                break
            n += 1
    elif v >= 0 - 256:
        _h(s, 0x2000 | d << 8 | v ^ -1)
        _h(s, 0x43c0 | d << 3 | d)
        return
    _literal(s, d, v)


@micropython.viper
def _link(s: int, at: int, distance: int):
    """bl at place `at`; distance from there."""
    p = ptr16(int(ptr32(s << 2)) + at)
    distance -= 4
    p[0] = 0xf000 | distance >> 12 & 0x7ff
    p[1] = 0xf800 | distance >> 1 & 0x7ff


@micropython.viper
def _out(s: int, target: int):
    """bl to a place in the code space."""
    S = ptr32(s << 2)
    at = S[layout.N_AT]
    S[layout.N_AT] = at + 4
    _link(s, at, target - (S[layout.N_HOME] + at - S[layout.N_CODE]))


@micropython.viper
def _slot(s: int, op: int, d: int, slot: int):
    """Load (0x6800) or store (0x6000) a slot; changes no flags."""
    if slot < 32:
        _h(s, op | slot << 6 | 7 << 3 | d)
    elif d == 3 and op == 0x6000:
        _h(s, 0xb401)  # through r0
        _h(s, 0x4618)
        _literal(s, 3, slot << 2)
        _h(s, 0x50f8)
        _h(s, 0xbc01)
    else:
        _literal(s, 3, slot << 2)
        _h(s, (0x50f8 if op == 0x6000 else 0x58f8) | d)


@micropython.viper
def _flags(s: int, imm: int, a: int, b: int):
    """cmp a, b (b < 8), or with a constant."""
    if b < 8:
        _h(s, 0x4280 | b << 3 | a)
    elif imm >= 0 and imm < 256:
        _h(s, 0x2800 | a << 8 | imm)
    else:
        _const(s, 3, imm)
        _h(s, 0x4280 | 3 << 3 | a)


@micropython.viper
def _bit(s: int, d: int, kind: int):
    """d = 1 if the comparison before was true, else 0."""
    _h(s, 0xd000 | ptr8(b"\x00\x01\x0b\x0a\x03\x02")[kind] << 8 | 1)
    _h(s, 0x2000 | d << 8)
    _h(s, 0xe000)
    _h(s, 0x2001 | d << 8)


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x00\x01\x02\x04\x05\x06\x03")
    if op <= layout.A_STS:
        _slot(s, 0x6000 if op == layout.A_STS else 0x6800, names[d], a)
        return 0
    if op == layout.A_FLOAT:
        # the copies lie at a multiple of 4; the nop stops the routine
        if S[layout.N_AT] - S[layout.N_CODE] & 2:
            _h(s, 0x46c0)
        _out(s, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            ptr32(int(S) + S[layout.N_AT])[0] = ptr32(int(S) - S[layout.N_SELF] + imm)[0]
            S[layout.N_AT] += 4
            imm += 4
            b -= 4
        if a != 2:
            _h(s, 0x46c0)
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
        if a != d:
            _h(s, 0x4600 | a << 3 | d)
    elif op <= layout.A_SUB:
        _h(s, (0x1800 if op == layout.A_ADD else 0x1a00) | names[b] << 6 | a << 3 | d)
    elif op <= layout.A_MUL:
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            _h(s, 0x4600 | a << 3 | d)
        _h(s, ptr16(b"\x00\x40\x00\x43\x40\x40\x40\x43")[op - layout.A_AND] | b << 3 | d)
    elif op <= layout.A_ROTR:
        b = names[b]
        if op == layout.A_ROTL:
            _h(s, 0x4240 | b << 3 | 3)
        elif op == layout.A_ROTR:
            _h(s, 0x4600 | b << 3 | 3)
        else:
            _h(s, 0x231f)
            _h(s, 0x4000 | b << 3 | 3)
        if d != a:
            _h(s, 0x4600 | a << 3 | d)
        _h(s, ptr16(b"\x80\x40\x00\x41\xc0\x40\xc0\x41\xc0\x41")[op - layout.A_SHL] | 3 << 3 | d)
    elif op == layout.A_ADDI:
        if d == a and imm >= 0 and imm < 256:
            _h(s, 0x3000 | d << 8 | imm)
        elif d == a and imm < 0 and imm > 0 - 256:
            _h(s, 0x3800 | d << 8 | 0 - imm)
        elif imm >= 0 and imm < 8:
            _h(s, 0x1c00 | imm << 6 | a << 3 | d)
        elif imm < 0 and imm > 0 - 8:
            _h(s, 0x1e00 | 0 - imm << 6 | a << 3 | d)
        else:
            b = d
            if d == a:
                b = 3
            _const(s, b, imm)
            _h(s, 0x1800 | b << 6 | a << 3 | d)
    elif op <= layout.A_MULI:
        if op == layout.A_ANDI and imm == 255:
            _h(s, 0xb2c0 | a << 3 | d)
        elif op == layout.A_ANDI and imm == 65535:
            _h(s, 0xb280 | a << 3 | d)
        elif op == layout.A_XORI and imm == 0 - 1:
            _h(s, 0x43c0 | a << 3 | d)
        else:
            b = d
            if d == a:
                b = 3
            _const(s, b, imm)
            if b == d:
                b = a
            _h(s, ptr16(b"\x00\x40\x00\x43\x40\x40\x40\x43")[op - layout.A_ANDI] | b << 3 | d)
    elif op <= layout.A_SHRUI:
        if imm == 0:
            op = layout.A_SHLI
        _h(s, ptr16(b"\x00\x00\x00\x10\x00\x08")[op - layout.A_SHLI] | (imm & 31) << 6 | a << 3 | d)
    elif op == layout.A_ROTLI:
        _h(s, 0x2300 | (0 - imm & 31))
        if d != a:
            _h(s, 0x4600 | a << 3 | d)
        _h(s, 0x41c0 | 3 << 3 | d)
    elif op <= layout.A_EXT16:
        _h(s, (0xb240 if op == layout.A_EXT8 else 0xb200) | a << 3 | d)
    elif op < layout.A_SET:
        # a shared routine: operands on the stack, result in r3
        _h(s, 0xb400 | 1 << names[b])
        _h(s, 0xb400 | 1 << a)
        if op == layout.A_MULH:
            _out(s, S[layout.N_MUL])
        else:
            _h(s, 0x2300 | op - layout.A_DIV)
            _out(s, S[layout.N_DIV])
        _h(s, 0xb002)
        _h(s, 0x4600 | 3 << 3 | d)
    elif op == layout.A_SET:
        _h(s, 0x4280 | names[b] << 3 | a)
        _bit(s, d, S[layout.N_KIND])
    elif op == layout.A_SETI:
        if imm == 0 and S[layout.N_KIND] == 0 and a != 3:
            _h(s, 0x4240 | a << 3 | 3)
            _h(s, 0x4140 | a << 3 | 3)
            _h(s, 0x4600 | 3 << 3 | d)
        else:
            _flags(s, imm, a, 8)
            _bit(s, d, S[layout.N_KIND])
    else:  # A_SEL
        b = names[b]
        _h(s, 0x2800 | names[S[layout.N_ALSO]] << 8)
        if d == b:
            _h(s, 0xd000)
            _h(s, 0x4600 | a << 3 | d)
        else:
            if d != a:
                _h(s, 0x4600 | a << 3 | d)
            _h(s, 0xd100)
            _h(s, 0x4600 | b << 3 | d)
    return 0


@micropython.viper
def _stub(s: int, op: int, d: int, a: int, b: int):
    """What only stubs need; lr stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        _h(s, 0x4663)
        _h(s, 0x6800 | layout.X_BASE << 6 | 3 << 3 | 3)
        _h(s, 0x1800 | a << 6 | 3 << 3 | 3)
        if b == 4:
            _h(s, 0x6800 | imm << 4 | 3 << 3 | d)
        elif b == 2:
            _h(s, 0x8800 | imm << 5 | 3 << 3 | d)
        else:
            _h(s, 0x7800 | imm << 6 | 3 << 3 | d)
    elif op == layout.A_POKE:
        _h(s, 0x4663)
        _h(s, 0x6000 | imm - S[layout.N_STATE] << 4 | 3 << 3 | d)
    elif op <= layout.A_UP:
        _h(s, 2 << 6 | a << 3 | 3)
        if op == layout.A_FRAME:
            _h(s, 0x58f8 | d)
        else:
            _h(s, 0x441f)
    elif op == layout.A_TAIL:
        _h(s, 0x4600 | a << 3 | 1)
        _h(s, 0xe000 | (S[layout.N_CALL] - (S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]) - 4 >> 1 & 0x7ff))
    else:
        _h(s, 0x2100)
        _out(s, S[layout.N_EXIT])


@micropython.viper
def _branch(s: int, cond: int) -> int:
    """A branch whose target is not known yet, as far as N_REACH says; cond 14 = always. Its place."""
    S = ptr32(s << 2)
    reach = S[layout.N_REACH]
    if cond != 14:
        if reach == 0:
            _h(s, 0xd000 | cond << 8)
            return S[layout.N_AT] - 2
        _h(s, 0xd000 | (cond ^ 1) << 8 | (reach - 1))
    if reach == 2:
        _h(s, 0xf000)
        _h(s, 0xf800)
        return S[layout.N_AT] - 4
    _h(s, 0xe000)
    return S[layout.N_AT] - 2


@micropython.viper
def _more(s: int, op: int, d: int, a: int, b: int) -> int:
    """Branches and memory."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x00\x01\x02\x04\x05\x06\x03")
    if op <= layout.A_BRI:
        _flags(s, imm, names[a], names[b] if op == layout.A_BRR else 8)
        return int(_branch(s, ptr8(b"\x00\x01\x0b\x0a\x03\x02")[S[layout.N_KIND]]))
    if op == layout.A_JUMP:
        return int(_branch(s, 14))
    if op == layout.A_BACK:
        _h(s, 0x44da)
        _h(s, 0x45da)
        at = S[layout.N_AT]
        t = S[layout.N_TARGET] - at
        if t > 0 - 250:
            _h(s, 0xd100 | (t - 4 >> 1 & 0xff))
        elif t > 0 - 2000:
            _h(s, 0xd000)
            _h(s, 0xe000 | (t - 6 >> 1 & 0x7ff))
        else:
            _h(s, 0xd001)
            S[layout.N_AT] = at + 6
            _link(s, at + 2, t - 2)
    elif op == layout.A_CHECK:
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        if k == 0:
            _h(s, 0x4548 | a)
        else:
            if k < 256:
                _h(s, 0x464b)
                _h(s, 0x3b00 | k)
            else:
                _const(s, 3, 0 - k)
                _h(s, 0x444b)
            _h(s, 0x4298 | a)
        _h(s, 0xd200)
        t = S[layout.N_AT] - 2
        if b > 1:
            k = 30
            if b == 2:
                k = 31
            if imm << k:
                _const(s, 3, imm)
                _h(s, 0x1800 | a << 6 | 3 << 3 | 3)
                a = 3
            _h(s, k << 6 | a << 3 | 3)
            _h(s, 0xd100)
            S[layout.N_FIX] = S[layout.N_AT] - 2
        return t
    elif op == layout.A_CHECKC:
        _const(s, 3, imm + b)
        _h(s, 0x454b)
        _h(s, 0xd800)
        return S[layout.N_AT] - 2
    elif op <= layout.A_STOREC:
        # kind: what a load or store with an immediate offset looks like, and which offsets it takes
        t = ptr16(b"\x00\x68\x00\x78\x00\x78\x00\x88\x00\x88\x00\x68\x00\x60\x00\x70\x00\x80\x00\x60")[b]
        k = ptr8(b"\x02\x00\x00\x01\x01\x02\x02\x00\x01\x02")[b]
        if op > layout.A_STORE:
            _const(s, 3, imm)
            _h(s, 0x4443)
            imm = 0
        else:
            a = names[a]
            if imm > 31 << k or imm >> k << k != imm or b == 5 and imm > 116 or b == 9 and imm > 116:
                _const(s, 3, imm)
                _h(s, 0x4443)
                imm = 0
            else:
                _h(s, 0x4643)
            _h(s, 0x1800 | a << 6 | 3 << 3 | 3)
        imm = imm >> k << 6
        a = names[d & 255]
        _h(s, t | imm | 3 << 3 | a)
        if b == 5 or b == 9:
            _h(s, t | imm + 64 | 3 << 3 | names[d >> 8])
        elif b == 1:
            _h(s, 0xb240 | a << 3 | a)
        elif b == 3:
            _h(s, 0xb200 | a << 3 | a)
    else:
        # globals: r3 = the cell
        _h(s, 0x4663)
        _h(s, 0x6800 | layout.X_GLOBALS << 6 | 3 << 3 | 3)
        if imm > 31:
            _h(s, 0x469e)
            _const(s, 3, imm << 2)
            _h(s, 0x4473)
            imm = 0
        _h(s, 0x6800 | imm << 6 | 3 << 3 | 3)
        _h(s, 0x469e)
        _h(s, 0x4663)
        _h(s, 0x6800 | layout.X_BASE << 6 | 3 << 3 | 3)
        _h(s, 0x4473)
        _h(s, (0x6800 if op == layout.A_GGET else 0x6000) | a << 6 | 3 << 3 | names[d])
    return 0


@micropython.viper
def _shift(s: int, op: int, n: int):
    """Move the frame by n slots: op 0x3700 up, 0x3f00 down."""
    n <<= 2
    while n > 252 and n < 1000:
        _h(s, op | 252)
        n -= 252
    if n < 256:
        if n:
            _h(s, op | n)
    else:
        if op == 0x3f00:
            n = 0 - n
        _literal(s, 3, n)
        _h(s, 0x441f)


@micropython.viper
def _rest(s: int, op: int, d: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(b"\x00\x01\x02\x04\x05\x06\x03")
    if op == layout.A_CALL:
        _literal(s, 0, imm)
        if S[layout.N_TARGET] == 0:
            _literal(s, 1, S[layout.N_ALSO])
        _shift(s, 0x3700, a)
        if S[layout.N_TARGET]:
            at = S[layout.N_AT]
            S[layout.N_AT] = at + 4
            _link(s, at, S[layout.N_TARGET] - at)
        else:
            _out(s, S[layout.N_CALL])
        _shift(s, 0x3f00, a)
    elif op == layout.A_REF:
        _literal(s, 0, imm)
        _out(s, S[layout.N_REF])
        _shift(s, 0x3f00, a)
    elif op == layout.A_RET:
        _h(s, 0x4663)
        _h(s, 0x6800 | layout.X_CS << 6 | 3 << 3 | 2)
        _h(s, 0x3204)
        _h(s, 0x6000 | layout.X_CS << 6 | 3 << 3 | 2)
        _h(s, 0xbd00)
    elif op == layout.A_ENTER:
        _h(s, 0xb500)
        _h(s, 0x4663)
        _h(s, 0x6800 | layout.X_CS << 6 | 3 << 3 | 1)
        _h(s, 0x1bca)  # subs r2, r1, r7
        _const(s, 4, imm)
        _h(s, 0x42a2)
        _h(s, 0xda01)
        _out(s, S[layout.N_FAIL])
        _h(s, 0x6800 | layout.X_LIMIT << 6 | 3 << 3 | 2)
        _h(s, 0x4595)
        _h(s, 0xd201)
        _out(s, S[layout.N_FAIL])
        _h(s, 0x3904)
        _h(s, 0x6000 | layout.X_CS << 6 | 3 << 3 | 1)
        _h(s, 0x6008)
        if b:
            _h(s, 0x2200)
            if b < 8 and a + b < 32:
                while b:
                    _h(s, 0x6000 | a << 6 | 7 << 3 | 2)
                    a += 1
                    b -= 1
            else:
                _const(s, 1, b)
                _const(s, 4, a << 2)
                _h(s, 0x19e4)  # adds r4, r4, r7
                _h(s, 0x6022)
                _h(s, 0x3404)
                _h(s, 0x3901)
                _h(s, 0xd1fb)
        _h(s, 0x44da)
        _h(s, 0x45da)
        _h(s, 0xd103)
        _literal(s, 0, S[layout.N_FUNC])
        _h(s, 0x2100 | layout.S_FUEL)
        _out(s, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        at = S[layout.N_AT]
        S[layout.N_AT] = at + 4
        _link(s, at, S[layout.N_LEAVE] - at)
        _h(s, a | b << 14)
    elif op == layout.A_LEAVE:
        # the word's number follows the bl that came here
        _h(s, 0x4670)
        _h(s, 0x3801)
        _h(s, 0x8800)
        _h(s, 0x0b81)
        _h(s, 0x0480)
        _h(s, 0x0c00)
        _literal(s, 2, S[layout.N_FUNC])
        _h(s, 0x1880)
        _out(s, S[layout.N_EXIT] - 10)
    elif op == layout.A_LOADED:
        _h(s, 0x4770)
    elif op == layout.A_FIX:
        p = ptr16(int(S) + imm)
        t = S[layout.N_TARGET] - imm
        b = p[0]
        if b >= 0xf000:
            _link(s, imm, t)
        elif b >= 0xe000:
            t -= 4
            if t >= 2048 or t < 0 - 2048:
                return 1
            p[0] = 0xe000 | (t >> 1 & 0x7ff)
        else:
            t -= 4
            if t >= 256 or t < 0 - 256:
                return 1
            p[0] = b & 0xff00 | (t >> 1 & 0xff)
    elif op == layout.A_TABLE:
        _h(s, 2 << 6 | names[a] << 3 | 3)
        _h(s, 0x449f)
        _h(s, 0x46c0)
    elif op == layout.A_ENTRY:
        _h(s, 0xf000)
        _h(s, 0xf800)
        return S[layout.N_AT] - 4
    elif op == layout.A_FLUSH:
        _pool(s)
    elif op == layout.A_SET64:
        _h(s, 0x4280 | names[b & 255] << 3 | names[a & 255])
        if S[layout.N_KIND] < 2:
            _h(s, 0xd100)
            _h(s, 0x4280 | names[b >> 8] << 3 | names[a >> 8])
        else:
            _h(s, 0x4600 | names[a >> 8] << 3 | 3)
            _h(s, 0x4180 | names[b >> 8] << 3 | 3)
        _bit(s, names[d], S[layout.N_KIND])
    else:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            _h(s, 0x1800 | b << 6 | a << 3 | d)
        elif op == layout.A_SUBC:
            _h(s, 0x1a00 | b << 6 | a << 3 | d)
        elif op == layout.A_ADC:
            if d == b:
                b = a
            elif d != a:
                _h(s, 0x4600 | a << 3 | d)
            _h(s, 0x4140 | b << 3 | d)
        else:
            _h(s, 0x4600 | a << 3 | 3)
            _h(s, 0x4180 | b << 3 | 3)
            _h(s, 0x4600 | 3 << 3 | d)
    return 0


@micropython.viper
def _pool(s: int):
    """The literals that wait; the same value once."""
    S = ptr32(s << 2)
    n = S[layout.N_LITERALS]
    S[layout.N_LITERALS] = 0
    if n == 0:
        return
    if S[layout.N_AT] - S[layout.N_CODE] & 2:
        _h(s, 0x46c0)
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
def _here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _routine(s: int, cell: int):
    """Call the routine whose address is in a cell, for the words at r1; r3 = running state."""
    _h(s, 0x4663)  # mov r3, r12
    _h(s, 0x6800 | cell << 6 | 3 << 3 | 2)
    _h(s, 0x3201)
    _h(s, 0x6000 | layout.X_FLOAT << 6 | 3 << 3 | 1)
    _h(s, 0x6000 | layout.X_FLOAT + 1 << 6 | 3 << 3 | 7)
    _h(s, 0x2000 | layout.X_FLOAT << 2)
    _h(s, 0x18c0)  # adds r0, r0, r3
    _h(s, 0x0880)
    _h(s, 0x6800 | layout.X_CONTEXT << 6 | 3 << 3 | 1)
    _h(s, 0xb408)
    _h(s, 0x4790)  # blx r2
    _h(s, 0xbc08)
    _h(s, 0x469c)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL, N_MUL, N_DIV. The place of the one that the loop calls."""
    S = ptr32(s << 2)
    # FAIL: call word r0 is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(_here(s))
    _h(s, 0x4663)  # mov r3, r12
    _h(s, 0x6819 | layout.X_BASE << 6)  # r1
    _h(s, 0x1809)  # adds r1, r1, r0
    _h(s, 0x780a)  # ldrb r2, [r1]
    _h(s, 0x7849)  # ldrb r1, [r1, #1]
    _h(s, 0x0089)
    _h(s, 0x1a7f)  # subs r7, r7, r1
    _h(s, 0x2a00 | layout.OP_CALL)
    _h(s, 0xd000)
    _h(s, 0x3804)  # the second word of a call by reference: back to the first
    _h(s, 0x2100)
    # 10 bytes before EXIT: the status as A_EXIT has it in r1: 0, 1 = S_UNDO, 2 = S_FUEL
    _h(s, 0x2901)
    _h(s, 0xd101)
    _h(s, 0x2100 | layout.S_UNDO)
    _h(s, 0xe000)
    _h(s, 0x0849)
    # EXIT: to code word r0 with status r1
    S[layout.N_EXIT] = int(_here(s))
    _h(s, 0x4663)
    _h(s, 0x681c | layout.X_ENV << 6)  # r4 = environment
    _h(s, 0x6020 | layout.E_IP << 4)
    _h(s, 0x4652)  # mov r2, r10
    _h(s, 0x45da)  # cmp r10, r11
    _h(s, 0xd100)
    _h(s, 0x2200)
    _h(s, 0x6022 | layout.E_FUEL << 4)
    _h(s, 0x681a | layout.X_BASE << 6)
    _h(s, 0x1abd)  # subs r5, r7, r2
    _h(s, 0x6025 | layout.E_FP << 4)
    _h(s, 0x681d | layout.X_CS << 6)
    _h(s, 0x1aad)  # subs r5, r5, r2
    _h(s, 0x6025 | layout.E_CS << 4)
    _h(s, 0x0048)  # lsls r0, r1, #1
    _h(s, 0x3001)
    _h(s, 0x681a | layout.X_SP << 6)
    _h(s, 0x4695)  # mov sp, r2
    _h(s, 0xbcf0)
    _h(s, 0x46a0)
    _h(s, 0x46a9)
    _h(s, 0x46b2)
    _h(s, 0x46bb)
    _h(s, 0xbdf0)
    # CALL: the function with header r1, for call word r0, native or not
    S[layout.N_CALL] = int(_here(s))
    _h(s, 0x4663)
    _h(s, 0x681b | layout.X_BASE << 6)
    _h(s, 0x18c9)  # adds r1, r1, r3
    _h(s, 0x6889)  # ldr r1, [r1, #8]
    _h(s, 0xb2ca)  # uxtb r2, r1
    _h(s, 0x2a00 | layout.OP_NATIVE)
    _h(s, 0xd001)
    _out(s, S[layout.N_FAIL])
    _h(s, 0x0a09)
    _h(s, 0x0089)
    _h(s, 0x18c9)
    _h(s, 0x6809 | layout.NE_CALL << 4)
    _h(s, 0x4663)
    _h(s, 0x681b | layout.X_CODE << 6)
    _h(s, 0x18c9)
    _h(s, 0x3101)
    _h(s, 0x4708)  # bx r1
    # MUL: r3 = high word of the product of two on the stack; from 16-bit halves
    S[layout.N_MUL] = int(_here(s))
    _h(s, 0xb417)
    _h(s, 0x9804)
    _h(s, 0x9905)
    _h(s, 0x0c02)
    _h(s, 0x0c0c)
    _h(s, 0xb280)
    _h(s, 0xb289)
    _h(s, 0x4603)
    _h(s, 0x434b)
    _h(s, 0x4351)
    _h(s, 0x4360)
    _h(s, 0x4362)
    _h(s, 0x0c1b)
    _h(s, 0xb28c)
    _h(s, 0x191b)
    _h(s, 0xb284)
    _h(s, 0x191b)
    _h(s, 0x0c1b)
    _h(s, 0x0c09)
    _h(s, 0x185b)
    _h(s, 0x0c00)
    _h(s, 0x181b)
    _h(s, 0x189b)
    _h(s, 0xbc17)
    _h(s, 0x4770)
    # DIV: r3 = the first on the stack by the second; bit 0 of r3: unsigned, bit 1: the remainder
    S[layout.N_DIV] = int(_here(s))
    _h(s, 0xb477)
    _h(s, 0x9806)
    _h(s, 0x9907)
    _h(s, 0x001d)
    _h(s, 0x2400)
    _h(s, 0x07ea)
    _h(s, 0xd109)
    _h(s, 0x0004)
    _h(s, 0x07aa)
    _h(s, 0xd400)
    _h(s, 0x404c)
    _h(s, 0x2800)
    _h(s, 0xda00)
    _h(s, 0x4240)
    _h(s, 0x2900)
    _h(s, 0xda00)
    _h(s, 0x4249)
    _h(s, 0x2200)
    _h(s, 0x2301)
    _h(s, 0x4281)
    _h(s, 0xd204)
    _h(s, 0x2900)
    _h(s, 0xd402)
    _h(s, 0x0049)
    _h(s, 0x005b)
    _h(s, 0xe7f8)
    _h(s, 0x4288)
    _h(s, 0xd301)
    _h(s, 0x1a40)
    _h(s, 0x431a)
    _h(s, 0x0849)
    _h(s, 0x085b)
    _h(s, 0xd1f8)
    _h(s, 0x07ab)
    _h(s, 0xd500)
    _h(s, 0x4602)
    _h(s, 0x2c00)
    _h(s, 0xda00)
    _h(s, 0x4252)
    _h(s, 0x4613)
    _h(s, 0xbc77)
    _h(s, 0x4770)
    # FLOATS: the routine for the words behind the call; on behind them. r4 … r6 stay.
    S[layout.N_FLOATS] = int(_here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + 2:
        _h(s, 0x4671)  # mov r1, lr
        _h(s, 0x3901)
        _routine(s, a)
        _h(s, 0x6800 | layout.X_FLOAT << 6 | 3 << 3 | 1)
        _h(s, 0x3101)
        _h(s, 0x4708)  # bx r1
        a += 1
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    _h(s, 0x4671)
    _h(s, 0x3901)
    _h(s, 0x7888)  # ldrb r0, [r1, #2]
    _h(s, 0x0080)
    _h(s, 0x19c0)
    _h(s, 0x6802)
    _h(s, 0x6843)
    _h(s, 0xb50d)  # push {r0, r2, r3, lr}
    _routine(s, a)
    _h(s, 0xbc0e)  # pop {r1, r2, r3}
    _h(s, 0x2800)
    _h(s, 0xd001)
    _h(s, 0x600a)
    _h(s, 0x604b)
    _h(s, 0xbc02)
    _h(s, 0x3104)
    _h(s, 0x4708)
    # The loop's way in: (self, n_args, n_kw, args)
    at = int(_here(s))
    _h(s, 0xb5f0)
    _h(s, 0x4644)
    _h(s, 0x464d)
    _h(s, 0x4656)
    _h(s, 0x465f)
    _h(s, 0xb4f0)
    _h(s, 0x6818)  # ldr r0, [r3]
    _h(s, 0x1040)
    _h(s, 0x0080)
    _literal(s, 3, int(S) - S[layout.N_SELF] + S[layout.N_STATE])
    _h(s, 0x469c)  # mov r12, r3
    _h(s, 0x6018 | layout.X_ENV << 6)
    _h(s, 0x6801 | layout.E_SELF << 4)
    _h(s, 0x1a41)  # subs r1, r0, r1
    _h(s, 0x6019 | layout.X_BASE << 6)
    _h(s, 0x466a)  # mov r2, sp
    _h(s, 0x601a | layout.X_SP << 6)
    _literal(s, 4, STACK)
    _h(s, 0x1b12)  # subs r2, r2, r4
    _h(s, 0x601a | layout.X_LIMIT << 6)
    _h(s, 0x6807 | layout.E_FP << 4)
    _h(s, 0x187f)
    _h(s, 0x6802 | layout.E_CS << 4)
    _h(s, 0x1852)
    _h(s, 0x601a | layout.X_CS << 6)
    _h(s, 0x6802 | layout.E_FUEL << 4)
    _h(s, 0x4692)  # mov r10, r2
    _h(s, 0x2200)
    _h(s, 0x43d2)
    _h(s, 0x4693)  # mov r11, r2
    _h(s, 0x6802 | layout.E_INST << 4)
    _h(s, 0x601a | layout.X_INST << 6)
    _h(s, 0x1852)
    _h(s, 0x6814 | layout.I_GLOBALS << 4)
    _h(s, 0x1864)
    _h(s, 0x601c | layout.X_GLOBALS << 6)
    _h(s, 0x6814 | layout.I_MEM0 << 4)
    _h(s, 0x2500)
    _h(s, 0x2600)
    _h(s, 0x2c00)
    _h(s, 0xd003)  # beq: no memory
    _h(s, 0x1864)
    _h(s, 0x6825 | layout.MM_DATA << 4)
    _h(s, 0x186d)
    _h(s, 0x6826 | layout.MM_BYTES << 4)  # r6
    _h(s, 0x46a8)  # mov r8, r5
    _h(s, 0x46b1)  # mov r9, r6
    _h(s, 0x0772)  # lsls r2, r6, #29
    _h(s, 0xd003)
    # a size that is no multiple of 8: not for native code
    _h(s, 0x6800 | layout.E_IP << 4)
    _h(s, 0x2100 | layout.S_UNDO)
    _out(s, S[layout.N_EXIT])
    _h(s, 0x6802 | layout.E_IP << 4)
    _h(s, 0x1854)  # adds r4, r2, r1
    _h(s, 0x6824)
    _h(s, 0x0a24)
    _h(s, 0x00a4)
    _h(s, 0x1864)
    _h(s, 0x6825 | layout.NE_CODE << 4)
    _h(s, 0x6826 | layout.NE_LOADER << 4)
    _h(s, 0x681b | layout.X_CODE << 6)
    _h(s, 0x18ed)
    _h(s, 0x18f6)
    _h(s, 0x3501)
    _h(s, 0x3601)
    # a bl over the way back, which sets lr to it
    _h(s, 0xf000)
    _h(s, 0xf80d)
    _h(s, 0x4663)
    _h(s, 0x6819 | layout.X_BASE << 6)
    _h(s, 0x6818 | layout.X_CS << 6)
    _h(s, 0x3804)
    _h(s, 0x6800)
    _h(s, 0x1842)  # adds r2, r0, r1
    _h(s, 0x7852)
    _h(s, 0x0092)
    _h(s, 0x1abf)  # subs r7, r7, r2
    _h(s, 0x3004)
    _h(s, 0x2100)
    _out(s, S[layout.N_EXIT])
    _h(s, 0xb500)  # push {lr}
    _h(s, 0x46ae)  # mov lr, r5
    _h(s, 0x4730)  # bx r6
    _pool(s)
    return at
