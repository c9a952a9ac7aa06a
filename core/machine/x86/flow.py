# Native tier: 32-bit x86, the flow of control: branches, calls, exits, the frame of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .encode import CONDS, NAMES, here, inside, op_cell, op_imm, op_mem, op_reg, outside, put


@micropython.viper
def branches(s: int, op: int, a: int, b: int) -> int:
    """Branches within a function."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    imm = S[layout.N_IMM]
    if op <= layout.A_BRI:
        if op == layout.A_BRR:
            op_reg(s, 0x39, names[b], names[a])
        else:
            op_imm(s, 7, names[a], imm)
        return int(inside(s, 0x800f | ptr8(CONDS)[S[layout.N_KIND]] << 8, 2, S[layout.N_TARGET]))
    if op == layout.A_JUMP:
        return int(inside(s, 0xe9, 1, S[layout.N_TARGET]))
    if op == layout.A_BACK:
        op_cell(s, 0x83, 5, layout.X_FUEL)
        put(s, 1, 1)
        inside(s, 0x890f, 2, S[layout.N_TARGET])
    return 0


@micropython.viper
def calls(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_CALL:
        put(s, 1, 0xb8)  # mov eax, word; add ebp, slots
        put(s, 4, imm)
        op_imm(s, 0, 5, a << 2)
        if S[layout.N_TARGET]:
            inside(s, 0xe8, 1, S[layout.N_TARGET])
        else:
            put(s, 1, 0xb9)  # mov ecx, header
            put(s, 4, S[layout.N_ALSO])
            outside(s, 0xe8, S[layout.N_CALL])
        op_imm(s, 5, 5, a << 2)
    elif op == layout.A_REF:
        put(s, 1, 0xb8)
        put(s, 4, imm)
        outside(s, 0xe8, S[layout.N_REF])
        op_imm(s, 5, 5, a << 2)
    elif op == layout.A_RET:
        op_cell(s, 0x83, 0, layout.X_CS)
        put(s, 2, 0xc304)
    elif op == layout.A_ENTER:
        op_cell(s, 0x8b, 1, layout.X_CS)
        op_reg(s, 0x89, 1, 2)
        op_reg(s, 0x29, 5, 2)
        op_imm(s, 7, 2, imm)
        put(s, 1, 0x0f)
        outside(s, 0x8c, S[layout.N_FAIL])
        op_cell(s, 0x3b, 4, layout.X_LIMIT)
        put(s, 1, 0x0f)
        outside(s, 0x82, S[layout.N_FAIL])
        op_imm(s, 5, 1, 4)
        op_cell(s, 0x89, 1, layout.X_CS)
        put(s, 2, 0x0189)  # mov [ecx], eax
        if b:
            op_reg(s, 0x31, 0, 0)
            if b < 8:
                while b:
                    op_mem(s, 0x89, 0, 5, a << 2)
                    a += 1
                    b -= 1
            else:
                put(s, 1, 0xb9)
                put(s, 4, b)
                put(s, 1, 0x57)
                op_mem(s, 0x8d, 7, 5, a << 2)
                put(s, 3, 0x5fabf3)
        op_cell(s, 0x83, 5, layout.X_FUEL)
        put(s, 1, 1)
        put(s, 2, 0x0f79)  # jns over: out of fuel at the first word
        put(s, 1, 0xb8)
        put(s, 4, S[layout.N_FUNC])
        put(s, 1, 0xba)
        put(s, 4, layout.S_FUEL)
        outside(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        inside(s, 0xe8, 1, S[layout.N_LEAVE])
        put(s, 2, a | b << 14)
    elif op == layout.A_LEAVE:
        # pop ecx; movzx eax, word [ecx]; xor edx, edx; the status of the two bits above the word's number
        put(s, 1, 0x59)
        put(s, 3, 0x01b70f)
        op_reg(s, 0x31, 2, 2)
        put(s, 3, 0x80c4f6)
        put(s, 2, 0x0274)
        put(s, 2, 0xb2 | layout.S_FUEL << 8)
        put(s, 3, 0x40c4f6)
        put(s, 2, 0x0274)
        put(s, 2, 0xb2 | layout.S_UNDO << 8)
        put(s, 1, 0x25)
        put(s, 4, 0x3fff)
        op_reg(s, 0xc1, 4, 0)
        put(s, 1, 2)
        put(s, 1, 0x05)
        put(s, 4, S[layout.N_FUNC])
        outside(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_LOADED:
        put(s, 2, 0xe0ff)  # jmp eax
    elif op == layout.A_FIX:
        t = S[layout.N_TARGET] - imm - 4
        p = ptr8(int(S) + imm)
        p[0] = t
        p[1] = t >> 8
        p[2] = t >> 16
        p[3] = t >> 24
    elif op == layout.A_TABLE:
        # ecx = code space + table + 5 times the number: the jumps take 5 bytes each
        a = ptr8(NAMES)[a]
        op_cell(s, 0x8b, 1, layout.X_CODE)
        op_reg(s, 0x01, a, 1)
        put(s, 3, 0x8c8d | (0x81 | a << 3) << 16)  # lea ecx, [ecx + 4 * a + table]
        put(s, 4, int(here(s)) + 6)
        put(s, 2, 0xe1ff)
    elif op == layout.A_ENTRY:
        return int(inside(s, 0xe9, 1, 0))
    return 0
