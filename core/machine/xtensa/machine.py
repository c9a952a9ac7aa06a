# Native tier: machine code for Xtensa (ESP32, S2, S3): core instructions, 16-bit ones, MUL32 with high word, DIV32, NSA
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .constants import AT_BASE, AT_GLOBALS, L32I, S32I
from .encode import NAMES, add, branch, branch_imm, field, jump, jump_ahead, mov, near, op_mem, op_reg, put24, set_to, shift, truth
from .flow import branches, calls

REGS = 8
PINS = 4
SCRATCH = 8
FLAGS = layout.NG_DIVIDES
RANGE = 1500
REACHES = 2  # compare and branch reaches 128 bytes: branches ahead go around a jump


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op <= layout.A_STS:
        k = S32I if op == layout.A_STS else L32I
        d = names[d]
        if a < 256:
            op_mem(s, k, d, 15, a << 2)
        else:
            add(s, 0, 15, a << 2)
            op_mem(s, k, d, 0, 0)
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
        mov(s, d, a)
    elif op <= layout.A_MUL:
        op_reg(s, ptr8(b"\x80\xc0\x10\x20\x30\x82")[op - layout.A_ADD], d, a, names[b])
    elif op <= layout.A_ROTR:
        # the amount goes to SAR: left shifts take 32 less that, modulo 32
        b = names[b]
        if op == layout.A_SHL or op == layout.A_ROTL:
            put24(s, 0x401000 | b << 8)
        else:
            put24(s, 0x400000 | b << 8)
        if op == layout.A_SHL:
            op_reg(s, 0xa1, d, a, 0)
        elif op == layout.A_SHRS:
            op_reg(s, 0xb1, d, 0, a)
        elif op == layout.A_SHRU:
            op_reg(s, 0x91, d, 0, a)
        else:
            op_reg(s, 0x81, d, a, a)
    elif op == layout.A_ADDI:
        add(s, d, a, imm)
    elif op <= layout.A_MULI:
        if op == layout.A_ANDI and imm > 0 and imm & imm + 1 == 0 and imm <= 65535:
            k = 1
            while imm >> k:
                k += 1
            field(s, d, a, 0, k)
        else:
            set_to(s, 9, imm)
            op_reg(s, ptr8(b"\x10\x20\x30\x82")[op - layout.A_ANDI], d, a, 9)
    elif op <= layout.A_SHRUI:
        shift(s, op, d, a, imm)
    elif op == layout.A_ROTLI:
        imm = 0 - imm & 31
        if imm:
            put24(s, 0x404000 | (imm & 15) << 8 | imm >> 4 << 4)
            op_reg(s, 0x81, d, a, a)
        else:
            mov(s, d, a)
    elif op <= layout.A_EXT16:
        imm = 24
        if op == layout.A_EXT16:
            imm = 16
        shift(s, layout.A_SHLI, d, a, imm)
        shift(s, layout.A_SHRSI, d, d, imm)
    elif op < layout.A_SET:
        op_reg(s, ptr8(b"\xa2\xd2\xc2\xf2\xe2")[op - layout.A_MULH], d, a, names[b])
    elif op == layout.A_SET:
        b = names[b]
        truth(s, d, 9 if d == a or d == b else d, S[layout.N_KIND], a, b)
    elif op == layout.A_SETI:
        k = S[layout.N_KIND]
        if imm == 0 and k == 0:
            # leading zeros: 32 of 0 only
            put24(s, 0x40f000 | a << 8 | 9 << 4)
            shift(s, layout.A_SHRUI, d, 9, 5)
        elif imm == 0 and k == 2:
            field(s, d, a, 31, 1)
        else:
            set_to(s, 9, imm)
            truth(s, d, 0 if d == a else d, k, a, 9)
    else:  # A_SEL
        b = names[b]
        k = names[S[layout.N_ALSO]]
        if d == a:
            op_reg(s, 0x83, d, b, k)
        elif d == b:
            op_reg(s, 0x93, d, a, k)
        else:
            t = d
            if d == k:
                t = 9
            mov(s, t, b)
            op_reg(s, 0x93, t, a, k)
            mov(s, d, t)
    return 0


@micropython.viper
def _memory(s: int, op: int, d: int, a: int, b: int) -> int:
    """Checks of addresses, loads, stores; globals."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CHECK:
        # a13 is a multiple of 8: without an offset an aligned access that starts in front of it (8 bytes: of its last 4) is within it
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        t = 13
        if k:
            t = 9
            if k <= 32768:
                add(s, 9, 13, 0 - k)
            else:
                set_to(s, 9, 0 - k)
                op_reg(s, 0x80, 9, 9, 13)
        branch(s, 4, a, t, 6)
        t = int(jump_ahead(s))
        if b > 1:
            k = 2
            if b == 2:
                k = 1
            if imm & (1 << k) - 1:
                add(s, 9, a, imm & (1 << k) - 1)
                a = 9
            field(s, 9, a, 0, k)
            branch_imm(s, 1, 9, 0, 0)
            S[layout.N_FIX] = S[layout.N_AT] - 3
        return t
    elif op == layout.A_CHECKC:
        set_to(s, 9, imm + b)
        branch(s, 5, 13, 9, 6)
        return int(jump_ahead(s))
    elif op <= layout.A_STOREC:
        t = ptr8(b"\x02\x00\x00\x09\x01\x02\x06\x04\x05\x06")[b]
        k = ptr8(b"\x02\x00\x00\x01\x01\x02\x02\x00\x01\x02")[b]
        if op > layout.A_STORE:
            set_to(s, 9, imm)
            op_reg(s, 0x80, 9, 9, 14)
            imm = 0
        else:
            op_reg(s, 0x80, 9, names[a], 14)
            if imm > 251 << k or imm < 0 or imm >> k << k != imm:
                add(s, 9, 9, imm)
                imm = 0
        a = names[d & 255]
        op_mem(s, t, a, 9, imm)
        if b == 5 or b == 9:
            op_mem(s, t, names[d >> 8], 9, imm + 4)
        elif b == 1:
            shift(s, layout.A_SHLI, a, a, 24)
            shift(s, layout.A_SHRSI, a, a, 24)
    else:
        # globals: a9 = the cell
        op_mem(s, L32I, 9, 1, AT_GLOBALS)
        if imm > 255:
            add(s, 9, 9, imm << 2)
            imm = 0
        op_mem(s, L32I, 9, 9, imm << 2)
        op_mem(s, L32I, 0, 1, AT_BASE)
        op_reg(s, 0x80, 9, 9, 0)
        op_mem(s, L32I if op == layout.A_GGET else S32I, names[d], 9, a << 2)
    return 0


@micropython.viper
def _pair(s: int, op: int, d: int, a: int, b: int):
    """64 bits in two registers: comparisons, halves of sums and differences."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    if op == layout.A_SET64:
        d = names[d]
        k = S[layout.N_KIND]
        if k < 2:
            op_reg(s, 0x30, 9, names[a & 255], names[b & 255])
            op_reg(s, 0x30, 0, names[a >> 8], names[b >> 8])
            op_reg(s, 0x20, 0, 9, 0)
            set_to(s, d, k)
            set_to(s, 9, k ^ 1)
            op_reg(s, 0x83, d, 9, 0)
        else:
            # the high words decide, unless they are the same
            set_to(s, 9, 1)
            branch(s, 0, names[a >> 8], names[b >> 8], 9)
            branch(s, k, names[a >> 8], names[b >> 8], 11)
            jump(s, 6)
            branch(s, k & 1 | 4, names[a & 255], names[b & 255], 5)
            set_to(s, 9, 0)
            mov(s, d, 9)
    else:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            if a == b:
                field(s, 0, a, 31, 1)
                op_reg(s, 0x80, d, a, b)
            else:
                k = a
                if d == a:
                    k = b
                op_reg(s, 0x80, d, a, b)
                truth(s, 0, 0, 4, d, k)
        elif op == layout.A_ADC:
            op_reg(s, 0x80, d, a, b)
            op_reg(s, 0x80, d, d, 0)
        elif op == layout.A_SUBC:
            truth(s, 0, 0, 4, a, b)
            op_reg(s, 0xc0, d, a, b)
        else:
            op_reg(s, 0xc0, d, a, b)
            op_reg(s, 0xc0, d, d, 0)


@micropython.viper
def _in_routine(s: int, op: int, d: int, a: int, b: int):
    """What only routines need; a0 stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        op_mem(s, L32I, 9, 1, AT_BASE)
        op_reg(s, 0x80, 9, 9, a)
        op_mem(s, b >> 1, d, 9, imm)  # 1, 2 or 4 bytes
    elif op == layout.A_POKE:
        op_mem(s, L32I, 9, 1, AT_BASE)
        set_to(s, 10, imm)
        op_reg(s, 0x80, 9, 9, 10)
        op_mem(s, S32I, d, 9, 0)
    elif op == layout.A_FRAME:
        op_reg(s, 0xa0, 9, a, 15)
        op_mem(s, L32I, d, 9, 0)
    elif op == layout.A_UP:
        op_reg(s, 0xa0, 15, a, 15)
    elif op == layout.A_TAIL:
        mov(s, 3, a)
        near(s, S[layout.N_CALL])
    else:
        set_to(s, 3, 0)
        near(s, S[layout.N_EXIT])
