# Native tier: machine code for x86-64 (System V)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .encode import NAMES, inside, op_imm, op_mem, op_reg, outside, put, truth
from .flow import branches, calls

REGS = 8
PINS = 4
SCRATCH = 8
FLAGS = layout.NG_DIVIDES | layout.NG_UNALIGNED | layout.NG_CALLS
RANGE = 30000
REACHES = 1  # all branches are 4 bytes
FLOAT = const(85)  # bytes from one float routine's stub to the next


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    imm = S[layout.N_IMM]
    if op <= layout.A_IMM:
        d = names[d]
        if op == layout.A_LDS:
            op_mem(s, 0x8b, d, 3, a << 2)
        elif op == layout.A_STS:
            op_mem(s, 0x89, d, 3, a << 2)
        elif op == layout.A_MOV:
            a = names[a]
            if a != d:
                op_reg(s, 0x89, a, d)
        else:
            if d > 7:
                put(s, 1, 0x41)
            put(s, 1, 0xb8 | d & 7)
            put(s, 4, imm)
    elif op < layout.A_MUL or op == layout.A_ADDC or op >= layout.A_ADC and op <= layout.A_SBC:
        d = names[d]
        a = names[a]
        b = names[b]
        if op >= layout.A_ADDC:
            o = 0x01
            if op == layout.A_ADC:
                o = 0x11
            elif op == layout.A_SUBC:
                o = 0x29
            elif op == layout.A_SBC:
                o = 0x19
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
        d = names[d]
        a = names[a]
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            op_reg(s, 0x89, a, d)
        op_reg(s, 0x1af, d, b)
    elif op <= layout.A_ROTR:
        d = names[d]
        a = names[a]
        b = names[b]
        op_reg(s, 0x89, b, 1)
        if d != a:
            op_reg(s, 0x89, a, d)
        op_reg(s, 0xd3, ptr8(b"\x04\x07\x05\x00\x01")[op - layout.A_SHL], d)
    elif op <= layout.A_ROTLI:
        d = names[d]
        a = names[a]
        if op == layout.A_MULI:
            op_reg(s, 0x69, d, a)
            put(s, 4, imm)
            return 0
        if d != a:
            op_reg(s, 0x89, a, d)
        if op >= layout.A_SHLI:
            op_reg(s, 0xc1, ptr8(b"\x04\x07\x05\x00")[op - layout.A_SHLI], d)
            put(s, 1, imm)
        else:
            op_imm(s, ptr8(b"\x00\x00\x04\x01\x06")[op - layout.A_ADDI], d, imm)
    elif op <= layout.A_EXT16:
        op_reg(s, 0x5be if op == layout.A_EXT8 else 0x1bf, names[d], names[a])
    elif op == layout.A_MULH:
        op_reg(s, 0x89, names[a], 1)
        op_reg(s, 0x3af, 1, names[b])
        op_reg(s, 0x2c1, 5, 1)
        put(s, 1, 32)
        op_reg(s, 0x89, 1, names[d])
    elif op < layout.A_SET:
        # eax and edx are kept on the stack; the divisor in ecx, which gets the result
        d = names[d]
        put(s, 2, 0x5250)
        a = names[a]
        op_reg(s, 0x89, names[b], 1)
        if a:
            op_reg(s, 0x89, a, 0)
        if (op - layout.A_DIV) & 1:
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
            op_reg(s, 0x39, names[b], names[a])
        else:
            op_imm(s, 7, names[a], imm)
        truth(s, names[d], S[layout.N_KIND])
    elif op == layout.A_SEL:
        d = names[d]
        a = names[a]
        b = names[b]
        c = names[S[layout.N_ALSO]]
        op_reg(s, 0x85, c, c)
        if d == a:
            op_reg(s, 0x144, d, b)
        else:
            if d != b:
                op_reg(s, 0x89, b, d)
            op_reg(s, 0x145, d, a)
    elif op < layout.A_CHECK:
        return int(branches(s, op, a, b))
    elif op < layout.A_CALL:
        return int(_memory(s, op, d, a, b))
    elif op < layout.A_SET64:
        return int(calls(s, op, a, b))
    elif op == layout.A_SET64:
        _set64(s, d, a, b)
    elif op == layout.A_FLOAT:
        outside(s, 0xe8, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            put(s, 4, ptr32(int(S) - S[layout.N_SELF] + imm)[0])
            imm += 4
            b -= 4
        if a < layout.R_SHIFT:
            put(s, 1, 0x90)  # the nop stops the routine
    else:
        _in_routine(s, op, names[d], names[a], b)
    return 0


@micropython.viper
def _memory(s: int, op: int, d: int, a: int, b: int) -> int:
    """Checks of addresses, loads, stores; globals."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CHECK:
        op_mem(s, 0x8d, 1, 13, 0 - imm - b)
        op_reg(s, 0x39, 1, names[a])
        return int(inside(s, 0x870f, 2, 0))
    elif op == layout.A_CHECKC:
        op_imm(s, 7, 13, imm + b)
        return int(inside(s, 0x820f, 2, 0))
    elif op <= layout.A_STOREC:
        at = 12
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
            o = 0x8b
            if b == 1:
                o = 0x1be
            elif b == 2:
                o = 0x1b6
            elif b == 3:
                o = 0x1bf
            elif b == 4:
                o = 0x1b7
            elif b == 6:
                o = 0x89
            elif b == 7:
                o = 0x488
            elif b == 8:
                o = 0x889
            op_mem(s, o, names[d], at, imm)
    elif op <= layout.A_GSET:
        op_mem(s, 0x8b, 1, 5, layout.X_GLOBALS << 2)
        op_mem(s, 0x8b, 1, 0x20f, imm << 2)
        op_mem(s, 0x8b if op == layout.A_GGET else 0x89, names[d], 0x20f, a << 2)
    return 0


@micropython.viper
def _set64(s: int, d: int, a: int, b: int):
    """d = 1 if the pair a N_KIND the pair b, else 0."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    # both as 64 bits: the first one on the stack
    op_reg(s, 0x89, names[a >> 8], 1)
    op_reg(s, 0x2c1, 4, 1)
    put(s, 1, 32)
    op_reg(s, 0x209, names[a & 255], 1)
    put(s, 1, 0x51)
    op_reg(s, 0x89, names[b >> 8], 1)
    op_reg(s, 0x2c1, 4, 1)
    put(s, 1, 32)
    op_reg(s, 0x209, names[b & 255], 1)
    put(s, 4, 0x240c3948)
    put(s, 1, 0x59)  # pop changes no flags
    truth(s, names[d], S[layout.N_KIND])


@micropython.viper
def _in_routine(s: int, op: int, d: int, a: int, b: int):
    """What only routines need."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_PEEK:
        op_mem(s, 0x8b if b == 4 else 0x1b7 if b == 2 else 0x1b6, d, 15 | a + 1 << 8, imm)
    elif op == layout.A_POKE:
        op_mem(s, 0x89, d, 15, imm)
    elif op <= layout.A_UP:
        if op == layout.A_FRAME:
            op_mem(s, 0x8b, d, 3 | a + 1 << 8, 0)
        else:
            op_mem(s, 0x28d, 3, 3 | a + 1 << 8, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
    elif op == layout.A_TAIL:
        op_reg(s, 0x89, a, 1)
        outside(s, 0xe9, S[layout.N_CALL])
    else:
        op_reg(s, 0x31, 2, 2)
        outside(s, 0xe9, S[layout.N_EXIT])
