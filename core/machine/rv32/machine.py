# Native tier: machine code for RV32IMC
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .constants import ADD, ADDI, ANDI, LBU, LHU, LW, MUL, OR, SLL, SLLI, SLT, SLTI, SLTIU, SLTU, SRAI, SRL, SRLI, SUB, SW, XOR, XORI
from .encode import NAMES, branch, high, op_imm, op_reg, outside, place, put16, set_to, store, truth
from .flow import branches, calls

REGS = 12
PINS = 6
SCRATCH = 12
FLAGS = layout.NG_DIVIDES | layout.NG_CALLS
RANGE = 3000
REACHES = 1
FLOAT = const(10)  # bytes from what calls one routine to the next


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op <= layout.A_STS:
        d = names[d]
        a <<= 2
        k = 8
        if a >= 2048:
            a = int(high(s, 5, a))
            op_reg(s, ADD, 5, 5, 8)
            k = 5
        if op == layout.A_LDS:
            op_imm(s, LW, d, k, a)
        else:
            store(s, SW, d, k, a)
        return 0
    if op == layout.A_FLOAT:
        # the copies lie at a multiple of 4; the nop stops the routine
        k = S[layout.N_AT]
        outside(s, 1, S[layout.N_FLOATS] + a * FLOAT)
        if S[layout.N_AT] - S[layout.N_CODE] & 2:
            S[layout.N_AT] = k
            put16(s, 0x0001)
            outside(s, 1, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            ptr32(int(S) + S[layout.N_AT])[0] = ptr32(int(S) - S[layout.N_SELF] + imm)[0]
            S[layout.N_AT] += 4
            imm += 4
            b -= 4
        if a < layout.R_SHIFT:
            put16(s, 0x0001)
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
        op_imm(s, ADDI, d, a, 0)
    elif op <= layout.A_MUL:
        b = names[b]
        if d == b and op != layout.A_SUB:
            b = a
            a = d
        op_reg(s, ptr16(b"\x33\x00\xb3\x00\x33\x70\x33\x60\x33\x40\x33\x01")[op - layout.A_ADD], d, a, b)
    elif op <= layout.A_SHRU:
        op_reg(s, ptr16(b"\x33\x10\xb3\x50\x33\x50")[op - layout.A_SHL], d, a, names[b])
    elif op <= layout.A_ROTR:
        b = names[b]
        op_reg(s, SUB, 5, 0, b)
        op_reg(s, SLL if op == layout.A_ROTL else SRL, 9, a, b)
        op_reg(s, SRL if op == layout.A_ROTL else SLL, 5, a, 5)
        op_reg(s, OR, d, 9, 5)
    elif op <= layout.A_XORI:
        if imm >= 0 - 2048 and imm < 2048:
            op_imm(s, ptr16(b"\x13\x00\x13\x00\x13\x70\x13\x60\x13\x40")[op - layout.A_ADDI], d, a, imm)
        elif op == layout.A_ANDI and imm == 65535:
            op_imm(s, SLLI, d, a, 16)
            op_imm(s, SRLI, d, d, 16)
        else:
            set_to(s, 9, imm)
            op_reg(s, ptr16(b"\x33\x00\x33\x00\x33\x70\x33\x60\x33\x40")[op - layout.A_ADDI], d, a, 9)
    elif op == layout.A_MULI:
        set_to(s, 9, imm)
        op_reg(s, MUL, d, a, 9)
    elif op <= layout.A_SHRUI:
        imm = imm & 31
        if imm:
            op_imm(s, ptr16(b"\x13\x10\x93\x50\x13\x50")[op - layout.A_SHLI], d, a, imm)
        else:
            op_imm(s, ADDI, d, a, 0)
    elif op == layout.A_ROTLI:
        imm = imm & 31
        if imm:
            op_imm(s, SLLI, 9, a, imm)
            op_imm(s, SRLI, 5, a, 32 - imm)
            op_reg(s, OR, d, 9, 5)
        else:
            op_imm(s, ADDI, d, a, 0)
    elif op <= layout.A_EXT16:
        imm = 24
        if op == layout.A_EXT16:
            imm = 16
        op_imm(s, SLLI, d, a, imm)
        op_imm(s, SRAI, d, d, imm)
    elif op < layout.A_SET:
        op_reg(s, ptr16(b"\x33\x31\x33\x41\x33\x51\x33\x61\x33\x71")[op - layout.A_MULH], d, a, names[b])
    elif op == layout.A_SET:
        truth(s, d, S[layout.N_KIND], a, names[b])
    elif op == layout.A_SETI:
        k = S[layout.N_KIND]
        if imm == 0:
            truth(s, d, k, a, 0)
        elif k > 1 and imm >= 0 - 2048 and imm < 2048:
            op_imm(s, SLTI if k < 4 else SLTIU, d, a, imm)
            if k & 1:
                op_imm(s, XORI, d, d, 1)
        elif k < 2 and imm > 0 - 2048 and imm <= 2048:
            op_imm(s, ADDI, 9, a, 0 - imm)
            truth(s, d, k, 9, 0)
        else:
            set_to(s, 9, imm)
            truth(s, d, k, a, 9)
    else:  # A_SEL
        b = names[b]
        k = names[S[layout.N_ALSO]]
        if d == a:
            branch(s, 1, k, 0, 6)
            put16(s, 0x8002 | d << 7 | b << 2)
        elif d == b:
            branch(s, 0, k, 0, 6)
            put16(s, 0x8002 | d << 7 | a << 2)
        else:
            if d == k:
                op_imm(s, ADDI, 9, k, 0)
                k = 9
            put16(s, 0x8002 | d << 7 | b << 2)
            branch(s, 0, k, 0, 6)
            put16(s, 0x8002 | d << 7 | a << 2)
    return 0


@micropython.viper
def _memory(s: int, op: int, d: int, a: int, b: int) -> int:
    """Checks of addresses, loads, stores; globals."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CHECK:
        # s3 is a multiple of 8: without an offset an aligned access that starts in front of it (8 bytes: of its last 4) is within it
        a = names[a]
        k = imm
        if b == 8:
            k += 4
        t = 19
        if k:
            t = 9
            if k <= 2048:
                op_imm(s, ADDI, 9, 19, 0 - k)
            else:
                set_to(s, 9, 0 - k)
                op_reg(s, ADD, 9, 9, 19)
        branch(s, 5, a, t, 0)
        t = S[layout.N_AT] - 4
        if b > 1:
            k = 3
            if b == 2:
                k = 1
            if imm & k:
                op_imm(s, ADDI, 9, a, imm & k)
                a = 9
            op_imm(s, ANDI, 9, a, k)
            branch(s, 1, 9, 0, 0)
            S[layout.N_FIX] = S[layout.N_AT] - 4
        return t
    elif op == layout.A_CHECKC:
        set_to(s, 9, imm + b)
        branch(s, 4, 19, 9, 0)
        return S[layout.N_AT] - 4
    elif op <= layout.A_STOREC:
        k = 18
        if op <= layout.A_STORE:
            k = names[a]
            op_reg(s, ADD, 9, 18, k)
            k = 9
        if imm >= 2044 or imm < 0:
            imm = int(high(s, 5, imm))
            if imm > 2043:  # the second word of 8 bytes
                op_imm(s, ADDI, 5, 5, imm)
                imm = 0
            op_reg(s, ADD, 5, 5, k)
            k = 5
        t = ptr16(b"\x03\x20\x03\x00\x03\x40\x03\x10\x03\x50\x03\x20\x23\x20\x23\x00\x23\x10\x23\x20")[b]
        if b < 6:
            op_imm(s, t, names[d & 255], k, imm)
            if b == 5:
                op_imm(s, t, names[d >> 8], k, imm + 4)
        else:
            store(s, t, names[d & 255], k, imm)
            if b == 9:
                store(s, t, names[d >> 8], k, imm + 4)
    else:
        # globals: s1 = the cell
        imm <<= 2
        k = 23
        if imm >= 2048:
            imm = int(high(s, 9, imm))
            op_reg(s, ADD, 9, 9, 23)
            k = 9
        op_imm(s, LW, 9, k, imm)
        op_reg(s, ADD, 9, 9, 22)
        if op == layout.A_GGET:
            op_imm(s, LW, names[d], 9, a << 2)
        else:
            store(s, SW, names[d], 9, a << 2)
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
            op_reg(s, XOR, 9, names[a & 255], names[b & 255])
            op_reg(s, XOR, 5, names[a >> 8], names[b >> 8])
            op_reg(s, OR, 9, 9, 5)
            truth(s, d, k, 9, 0)
        else:
            op_reg(s, SLTU, 9, names[a & 255], names[b & 255])
            branch(s, 0, names[a >> 8], names[b >> 8], 8)
            op_reg(s, SLT if k < 4 else SLTU, 9, names[a >> 8], names[b >> 8])
            if k & 1:
                op_imm(s, XORI, d, 9, 1)
            else:
                op_imm(s, ADDI, d, 9, 0)
    else:
        d = names[d]
        a = names[a]
        b = names[b]
        if op == layout.A_ADDC:
            if a == b:
                op_imm(s, SRLI, 6, a, 31)
                op_reg(s, ADD, d, a, b)
            else:
                k = a
                if d == a:
                    k = b
                op_reg(s, ADD, d, a, b)
                op_reg(s, SLTU, 6, d, k)
        elif op == layout.A_ADC:
            op_reg(s, ADD, d, a, b)
            op_reg(s, ADD, d, d, 6)
        elif op == layout.A_SUBC:
            op_reg(s, SLTU, 6, a, b)
            op_reg(s, SUB, d, a, b)
        else:
            op_reg(s, SUB, d, a, b)
            op_reg(s, SUB, d, d, 6)


@micropython.viper
def _in_routine(s: int, op: int, d: int, a: int, b: int):
    """What only routines need; ra stays."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        op_reg(s, ADD, 9, 22, a)
        op_imm(s, LW if b == 4 else LHU if b == 2 else LBU, d, 9, imm)
    elif op == layout.A_POKE:
        place(s, 9, imm)
        op_reg(s, ADD, 9, 9, 22)
        store(s, SW, d, 9, 0)
    elif op <= layout.A_UP:
        op_imm(s, SLLI, 9, a, 2)
        op_reg(s, ADD, 9, 9, 8)
        if op == layout.A_FRAME:
            op_imm(s, LW, d, 9, 0)
        else:
            op_imm(s, ADDI, 8, 9, 0)
    elif op == layout.A_TAIL:
        op_imm(s, ADDI, 11, a, 0)
        outside(s, 0, S[layout.N_CALL])
    else:
        op_imm(s, ADDI, 11, 0, 0)
        outside(s, 0, S[layout.N_EXIT])
