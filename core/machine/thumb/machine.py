# Native tier: machine code for Cortex-M, the instructions that all of them have (ARMv6-M)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .encode import NAMES, compare, outside, put16, set_to, slot_op, truth
from .flow import branches, calls

REGS = 6
PINS = 3
SCRATCH = 6
FLAGS = layout.NG_DIVIDES | layout.NG_CALLS
RANGE = 250
REACHES = 1
FLOAT = const(36)  # bytes from what calls one routine to the next


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op <= layout.A_STS:
        slot_op(s, 0x6000 if op == layout.A_STS else 0x6800, names[d], a)
        return 0
    if op == layout.A_FLOAT:
        # the copies lie at a multiple of 4; the nop stops the routine
        if S[layout.N_AT] - S[layout.N_CODE] & 2:
            put16(s, 0x46c0)
        outside(s, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            ptr32(int(S) + S[layout.N_AT])[0] = ptr32(int(S) - S[layout.N_SELF] + imm)[0]
            S[layout.N_AT] += 4
            imm += 4
            b -= 4
        if a < layout.R_SHIFT:
            put16(s, 0x46c0)
        return 0
    if op >= layout.A_PEEK:
        _in_routine(s, op, names[d], names[a], b)
        return 0
    if op >= layout.A_ADDC:
        _pair(s, op, d, a, b)
        return 0
    if op >= layout.A_CALL:
        return int(calls(s, op, a, b))
    if op >= layout.A_CHECK:
        return int(_memory(s, op, d, a, b))
    if op >= layout.A_BRR:
        return int(branches(s, op, a, b))
    d = names[d]
    if op == layout.A_IMM:
        set_to(s, d, imm)
        return 0
    a = names[a]
    if op == layout.A_MOV:
        if a != d:
            put16(s, 0x4600 | a << 3 | d)
    elif op <= layout.A_SUB:
        put16(s, (0x1800 if op == layout.A_ADD else 0x1a00) | names[b] << 6 | a << 3 | d)
    elif op <= layout.A_MUL:
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            put16(s, 0x4600 | a << 3 | d)
        put16(s, ptr16(b"\x00\x40\x00\x43\x40\x40\x40\x43")[op - layout.A_AND] | b << 3 | d)
    elif op <= layout.A_ROTR:
        b = names[b]
        if op == layout.A_ROTL:
            put16(s, 0x4240 | b << 3 | 3)
        elif op == layout.A_ROTR:
            put16(s, 0x4600 | b << 3 | 3)
        else:
            put16(s, 0x231f)
            put16(s, 0x4000 | b << 3 | 3)
        if d != a:
            put16(s, 0x4600 | a << 3 | d)
        put16(s, ptr16(b"\x80\x40\x00\x41\xc0\x40\xc0\x41\xc0\x41")[op - layout.A_SHL] | 3 << 3 | d)
    elif op == layout.A_ADDI:
        if d == a and imm >= 0 and imm < 256:
            put16(s, 0x3000 | d << 8 | imm)
        elif d == a and imm < 0 and imm > 0 - 256:
            put16(s, 0x3800 | d << 8 | 0 - imm)
        elif imm >= 0 and imm < 8:
            put16(s, 0x1c00 | imm << 6 | a << 3 | d)
        elif imm < 0 and imm > 0 - 8:
            put16(s, 0x1e00 | 0 - imm << 6 | a << 3 | d)
        else:
            b = d
            if d == a:
                b = 3
            set_to(s, b, imm)
            put16(s, 0x1800 | b << 6 | a << 3 | d)
    elif op <= layout.A_MULI:
        if op == layout.A_ANDI and imm == 255:
            put16(s, 0xb2c0 | a << 3 | d)
        elif op == layout.A_ANDI and imm == 65535:
            put16(s, 0xb280 | a << 3 | d)
        elif op == layout.A_XORI and imm == 0 - 1:
            put16(s, 0x43c0 | a << 3 | d)
        else:
            b = d
            if d == a:
                b = 3
            set_to(s, b, imm)
            if b == d:
                b = a
            put16(s, ptr16(b"\x00\x40\x00\x43\x40\x40\x40\x43")[op - layout.A_ANDI] | b << 3 | d)
    elif op <= layout.A_SHRUI:
        if imm == 0:
            op = layout.A_SHLI
        put16(s, ptr16(b"\x00\x00\x00\x10\x00\x08")[op - layout.A_SHLI] | (imm & 31) << 6 | a << 3 | d)
    elif op == layout.A_ROTLI:
        put16(s, 0x2300 | (0 - imm & 31))
        if d != a:
            put16(s, 0x4600 | a << 3 | d)
        put16(s, 0x41c0 | 3 << 3 | d)
    elif op <= layout.A_EXT16:
        put16(s, (0xb240 if op == layout.A_EXT8 else 0xb200) | a << 3 | d)
    elif op < layout.A_SET:
        # a shared routine: operands on the stack, result in r3
        put16(s, 0xb400 | 1 << names[b])
        put16(s, 0xb400 | 1 << a)
        if op == layout.A_MULH:
            outside(s, S[layout.N_MUL])
        else:
            put16(s, 0x2300 | op - layout.A_DIV)
            outside(s, S[layout.N_DIV])
        put16(s, 0xb002)
        put16(s, 0x4600 | 3 << 3 | d)
    elif op == layout.A_SET:
        put16(s, 0x4280 | names[b] << 3 | a)
        truth(s, d, S[layout.N_KIND])
    elif op == layout.A_SETI:
        if imm == 0 and S[layout.N_KIND] == 0 and a != 3:
            put16(s, 0x4240 | a << 3 | 3)
            put16(s, 0x4140 | a << 3 | 3)
            put16(s, 0x4600 | 3 << 3 | d)
        else:
            compare(s, imm, a, 8)
            truth(s, d, S[layout.N_KIND])
    else:  # A_SEL
        b = names[b]
        put16(s, 0x2800 | names[S[layout.N_ALSO]] << 8)
        if d == b:
            put16(s, 0xd000)
            put16(s, 0x4600 | a << 3 | d)
        else:
            if d != a:
                put16(s, 0x4600 | a << 3 | d)
            put16(s, 0xd100)
            put16(s, 0x4600 | b << 3 | d)
    return 0


@micropython.viper
def _memory(s: int, op: int, d: int, a: int, b: int) -> int:
    """Checks of addresses, loads, stores; globals."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CHECK:
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        if k == 0:
            put16(s, 0x4548 | a)
        else:
            if k < 256:
                put16(s, 0x464b)
                put16(s, 0x3b00 | k)
            else:
                set_to(s, 3, 0 - k)
                put16(s, 0x444b)
            put16(s, 0x4298 | a)
        put16(s, 0xd200)
        t = S[layout.N_AT] - 2
        if b > 1:
            k = 30
            if b == 2:
                k = 31
            if imm << k:
                set_to(s, 3, imm)
                put16(s, 0x1800 | a << 6 | 3 << 3 | 3)
                a = 3
            put16(s, k << 6 | a << 3 | 3)
            put16(s, 0xd100)
            S[layout.N_FIX] = S[layout.N_AT] - 2
        return t
    elif op == layout.A_CHECKC:
        set_to(s, 3, imm + b)
        put16(s, 0x454b)
        put16(s, 0xd800)
        return S[layout.N_AT] - 2
    elif op <= layout.A_STOREC:
        # kind: what a load or store with an immediate offset looks like, and which offsets it takes
        t = ptr16(b"\x00\x68\x00\x78\x00\x78\x00\x88\x00\x88\x00\x68\x00\x60\x00\x70\x00\x80\x00\x60")[b]
        k = ptr8(b"\x02\x00\x00\x01\x01\x02\x02\x00\x01\x02")[b]
        if op > layout.A_STORE:
            set_to(s, 3, imm)
            put16(s, 0x4443)
            imm = 0
        else:
            a = names[a]
            if imm > 31 << k or imm >> k << k != imm or b == 5 and imm > 116 or b == 9 and imm > 116:
                set_to(s, 3, imm)
                put16(s, 0x4443)
                imm = 0
            else:
                put16(s, 0x4643)
            put16(s, 0x1800 | a << 6 | 3 << 3 | 3)
        imm = imm >> k << 6
        a = names[d & 255]
        put16(s, t | imm | 3 << 3 | a)
        if b == 5 or b == 9:
            put16(s, t | imm + 64 | 3 << 3 | names[d >> 8])
        elif b == 1:
            put16(s, 0xb240 | a << 3 | a)
        elif b == 3:
            put16(s, 0xb200 | a << 3 | a)
    else:
        # globals: r3 = the cell
        put16(s, 0x4663)
        put16(s, 0x6800 | layout.X_GLOBALS << 6 | 3 << 3 | 3)
        if imm > 31:
            put16(s, 0x469e)
            set_to(s, 3, imm << 2)
            put16(s, 0x4473)
            imm = 0
        put16(s, 0x6800 | imm << 6 | 3 << 3 | 3)
        put16(s, 0x469e)
        put16(s, 0x4663)
        put16(s, 0x6800 | layout.X_BASE << 6 | 3 << 3 | 3)
        put16(s, 0x4473)
        put16(s, (0x6800 if op == layout.A_GGET else 0x6000) | a << 6 | 3 << 3 | names[d])
    return 0


@micropython.viper
def _pair(s: int, op: int, d: int, a: int, b: int):
    """64 bits in two registers: comparisons, halves of sums and differences."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    if op == layout.A_SET64:
        put16(s, 0x4280 | names[b & 255] << 3 | names[a & 255])
        if S[layout.N_KIND] < 2:
            put16(s, 0xd100)
            put16(s, 0x4280 | names[b >> 8] << 3 | names[a >> 8])
        else:
            put16(s, 0x4600 | names[a >> 8] << 3 | 3)
            put16(s, 0x4180 | names[b >> 8] << 3 | 3)
        truth(s, names[d], S[layout.N_KIND])
    else:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            put16(s, 0x1800 | b << 6 | a << 3 | d)
        elif op == layout.A_SUBC:
            put16(s, 0x1a00 | b << 6 | a << 3 | d)
        elif op == layout.A_ADC:
            if d == b:
                b = a
            elif d != a:
                put16(s, 0x4600 | a << 3 | d)
            put16(s, 0x4140 | b << 3 | d)
        else:
            put16(s, 0x4600 | a << 3 | 3)
            put16(s, 0x4180 | b << 3 | 3)
            put16(s, 0x4600 | 3 << 3 | d)


@micropython.viper
def _in_routine(s: int, op: int, d: int, a: int, b: int):
    """What only routines need; lr stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        put16(s, 0x4663)
        put16(s, 0x6800 | layout.X_BASE << 6 | 3 << 3 | 3)
        put16(s, 0x1800 | a << 6 | 3 << 3 | 3)
        if b == 4:
            put16(s, 0x6800 | imm << 4 | 3 << 3 | d)
        elif b == 2:
            put16(s, 0x8800 | imm << 5 | 3 << 3 | d)
        else:
            put16(s, 0x7800 | imm << 6 | 3 << 3 | d)
    elif op == layout.A_POKE:
        put16(s, 0x4663)
        put16(s, 0x6000 | imm - S[layout.N_STATE] << 4 | 3 << 3 | d)
    elif op <= layout.A_UP:
        put16(s, 2 << 6 | a << 3 | 3)
        if op == layout.A_FRAME:
            put16(s, 0x58f8 | d)
        else:
            put16(s, 0x441f)
    elif op == layout.A_TAIL:
        put16(s, 0x4600 | a << 3 | 1)
        put16(s, 0xe000 | (S[layout.N_CALL] - (S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]) - 4 >> 1 & 0x7ff))
    else:
        put16(s, 0x2100)
        outside(s, S[layout.N_EXIT])
