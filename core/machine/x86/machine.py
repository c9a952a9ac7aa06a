# Native tier: machine code for 32-bit x86
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .encode import NAMES, inside, op_cell, op_imm, op_mem, op_reg, outside, put, truth
from .flow import branches, calls

REGS = 4
PINS = 1
SCRATCH = 4
FLAGS = layout.NG_DIVIDES | layout.NG_UNALIGNED | layout.NG_CALLS
RANGE = 30000
REACHES = 1  # all branches are 4 bytes
FLOAT = const(64)  # bytes from what calls one routine to the next


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    imm = S[layout.N_IMM]
    if op == layout.A_LDS:
        op_mem(s, 0x8b, names[d], 5, a << 2)
        return 0
    if op == layout.A_STS:
        op_mem(s, 0x89, names[d], 5, a << 2)
        return 0
    if op == layout.A_FLOAT:
        outside(s, 0xe8, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            put(s, 4, ptr32(int(S) - S[layout.N_SELF] + imm)[0])
            imm += 4
            b -= 4
        if a < layout.R_SHIFT:
            put(s, 1, 0x90)  # the nop stops the routine
        return 0
    if op >= layout.A_PEEK:
        _in_routine(s, op, d, a, b)
        return 0
    if op >= layout.A_CALL and op < layout.A_ADDC:
        return int(calls(s, op, a, b))
    if op >= layout.A_BRR and op < layout.A_CHECK:
        return int(branches(s, op, a, b))
    if op >= layout.A_CHECK and op < layout.A_CALL:
        return int(_memory(s, op, d, a, b))
    d = names[d]
    if op == layout.A_IMM:
        put(s, 1, 0xb8 | d)
        put(s, 4, imm)
        return 0
    if op == layout.A_SET64:
        if S[layout.N_KIND] < 2:
            op_reg(s, 0x89, names[a & 255], 1)
            op_reg(s, 0x31, names[b & 255], 1)
            put(s, 1, 0x51)
            op_reg(s, 0x89, names[a >> 8], 1)
            op_reg(s, 0x31, names[b >> 8], 1)
            put(s, 3, 0x240c0b)  # or ecx, [esp]
            put(s, 4, 0x0424648d)  # lea esp, [esp + 4]
        else:
            op_reg(s, 0x39, names[b & 255], names[a & 255])
            op_reg(s, 0x89, names[a >> 8], 1)
            op_reg(s, 0x19, names[b >> 8], 1)
        truth(s, d, S[layout.N_KIND])
        return 0
    a = names[a]
    if op == layout.A_MOV:
        if a != d:
            op_reg(s, 0x89, a, d)
    elif op < layout.A_MUL or op >= layout.A_ADDC:
        b = names[b]
        if op >= layout.A_ADDC:
            o = ptr8(b"\x01\x11\x29\x19")[op - layout.A_ADDC]
        else:
            o = ptr8(b"\x01\x29\x21\x09\x31")[op - layout.A_ADD]
        if d == b and d != a:
            # mov changes no flags
            op_reg(s, 0x89, a, 1)
            op_reg(s, o, b, 1)
            op_reg(s, 0x89, 1, d)
        else:
            if d != a:
                op_reg(s, 0x89, a, d)
            op_reg(s, o, b, d)
    elif op == layout.A_MUL:
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            op_reg(s, 0x89, a, d)
        op_reg(s, 0x1af, d, b)
    elif op <= layout.A_ROTR:
        op_reg(s, 0x89, names[b], 1)
        if d != a:
            op_reg(s, 0x89, a, d)
        op_reg(s, 0xd3, ptr8(b"\x04\x07\x05\x00\x01")[op - layout.A_SHL], d)
    elif op == layout.A_MULI:
        op_reg(s, 0x69, d, a)
        put(s, 4, imm)
    elif op <= layout.A_ROTLI:
        if d != a:
            op_reg(s, 0x89, a, d)
        if op >= layout.A_SHLI:
            op_reg(s, 0xc1, ptr8(b"\x04\x07\x05\x00")[op - layout.A_SHLI], d)
            put(s, 1, imm)
        else:
            op_imm(s, ptr8(b"\x00\x00\x04\x01\x06")[op - layout.A_ADDI], d, imm)
    elif op <= layout.A_EXT16:
        if a == 6:  # has no byte of its own
            op_reg(s, 0x89, a, 1)
            a = 1
        op_reg(s, 0x1be if op == layout.A_EXT8 else 0x1bf, d, a)
    elif op < layout.A_SET:
        # eax and edx are kept on the stack; the second operand in ecx, which gets the result
        put(s, 2, 0x5250)
        op_reg(s, 0x89, names[b], 1)
        if a:
            op_reg(s, 0x89, a, 0)
        if op == layout.A_MULH:
            op_reg(s, 0xf7, 4, 1)
            op = layout.A_DIV + 3
        elif (op - layout.A_DIV) & 1:
            op_reg(s, 0x31, 2, 2)
            op_reg(s, 0xf7, 6, 1)
        else:
            put(s, 1, 0x99)
            op_reg(s, 0xf7, 7, 1)
        op_reg(s, 0x89, 2 if op - layout.A_DIV > 1 else 0, 1)
        put(s, 2, 0x585a)
        op_reg(s, 0x89, 1, d)
    elif op <= layout.A_SETI:
        if op == layout.A_SET:
            op_reg(s, 0x39, names[b], a)
        else:
            op_imm(s, 7, a, imm)
        truth(s, d, S[layout.N_KIND])
    else:  # A_SEL
        b = names[b]
        c = names[S[layout.N_ALSO]]
        op_reg(s, 0x85, c, c)
        if d == a:
            op_reg(s, 0x144, d, b)
        else:
            if d != b:
                op_reg(s, 0x89, b, d)
            op_reg(s, 0x145, d, a)
    return 0


@micropython.viper
def _memory(s: int, op: int, d: int, a: int, b: int) -> int:
    """Checks of addresses, loads, stores; globals."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CHECK:
        op_cell(s, 0x8b, 1, layout.X_BYTES)
        op_imm(s, 5, 1, imm + b)
        op_reg(s, 0x39, 1, names[a])
        return int(inside(s, 0x870f, 2, 0))
    elif op == layout.A_CHECKC:
        op_cell(s, 0x81, 7, layout.X_BYTES)
        put(s, 4, imm + b)
        return int(inside(s, 0x820f, 2, 0))
    elif op <= layout.A_STOREC:
        at = 7
        if op <= layout.A_STORE:
            at |= names[a] + 1 << 8
        if b == 5 or b == 9:
            o = 0x8b
            if b == 9:
                o = 0x89
            # the low word goes last when its register is the address
            a = names[a]
            if names[d & 255] == a:
                op_mem(s, o, names[d >> 8], at, imm + 4)
                op_mem(s, o, names[d & 255], at, imm)
            else:
                op_mem(s, o, names[d & 255], at, imm)
                op_mem(s, o, names[d >> 8], at, imm + 4)
        else:
            d = names[d]
            if b == 7 and d == 6:
                op_reg(s, 0x89, d, 1)
                d = 1
            op_mem(s, ptr16(b"\x8b\x00\xbe\x01\xb6\x01\xbf\x01\xb7\x01\x00\x00\x89\x00\x88\x00\x89\x08")[b], d, at, imm)
    else:
        op_cell(s, 0x8b, 1, layout.X_GLOBALS)
        op_mem(s, 0x8b, 1, 1, imm << 2)
        op_cell(s, 0x03, 1, layout.X_BASE)
        op_mem(s, 0x8b if op == layout.A_GGET else 0x89, names[d], 1, a << 2)
    return 0


@micropython.viper
def _in_routine(s: int, op: int, d: int, a: int, b: int):
    """What only routines need."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    a = names[a]
    if op == layout.A_PEEK:
        op_cell(s, 0x8b, 1, layout.X_BASE)
        op_mem(s, 0x8b if b == 4 else 0x1b7 if b == 2 else 0x1b6, names[d], 1 | a + 1 << 8, S[layout.N_IMM])
    elif op == layout.A_POKE:
        op_mem(s, 0x89, names[d], 8, int(S) - S[layout.N_SELF] + S[layout.N_IMM])
    elif op <= layout.A_UP:
        if op == layout.A_FRAME:
            op_mem(s, 0x8b, names[d], 5 | a + 1 << 8, 0)
        else:
            op_mem(s, 0x8d, 5, 5 | a + 1 << 8, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
    elif op == layout.A_TAIL:
        op_reg(s, 0x89, a, 1)
        outside(s, 0xe9, S[layout.N_CALL])
    else:
        op_reg(s, 0x31, 2, 2)
        outside(s, 0xe9, S[layout.N_EXIT])
