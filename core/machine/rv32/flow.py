# Native tier: RV32IMC, the flow of control: branches, calls, exits, the frame of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .constants import ADD, ADDI, JALR, LHU, LW, SLLI, SUB, SW
from .encode import NAMES, branch, branch_ahead, inside, land, op_imm, op_reg, outside, patch, place, put16, put32, set_to, store


@micropython.viper
def branches(s: int, op: int, a: int, b: int) -> int:
    """Branches within a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_BRR:
        return int(branch_ahead(s, S[layout.N_KIND], names[a], names[b]))
    if op == layout.A_BRI:
        if imm:
            set_to(s, 9, imm)
            imm = 9
        return int(branch_ahead(s, S[layout.N_KIND], names[a], imm))
    if op == layout.A_JUMP:
        inside(s, 0, 0)
        return S[layout.N_AT] - 4
    if op == layout.A_BACK:
        op_imm(s, ADDI, 20, 20, 0 - 1)
        t = S[layout.N_TARGET] - S[layout.N_AT]
        if t > 0 - 4096:
            branch(s, 3, 20, 0, t)
        else:
            branch(s, 2, 20, 0, 8)
            inside(s, 0, S[layout.N_TARGET])
    return 0


@micropython.viper
def calls(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CALL:
        place(s, 10, imm)
        a <<= 2
        op_imm(s, ADDI, 8, 8, a)
        if S[layout.N_TARGET]:
            inside(s, 1, S[layout.N_TARGET])
        else:
            place(s, 11, S[layout.N_ALSO])
            outside(s, 1, S[layout.N_CALL])
        op_imm(s, ADDI, 8, 8, 0 - a)
    elif op == layout.A_REF:
        place(s, 10, imm)
        outside(s, 1, S[layout.N_REF])
        op_imm(s, ADDI, 8, 8, 0 - (a << 2))
    elif op == layout.A_RET:
        op_imm(s, LW, 1, 24, 0)
        op_imm(s, ADDI, 21, 21, 4)
        op_imm(s, ADDI, 24, 24, 4)
        put16(s, 0x8082)
    elif op == layout.A_ENTER:
        op_reg(s, SUB, 9, 21, 8)
        set_to(s, 5, imm)
        branch(s, 0, 24, 2, 8)
        branch(s, 3, 9, 5, 0)
        k = S[layout.N_AT] - 4
        outside(s, 0, S[layout.N_FAIL])
        land(s, k)
        op_imm(s, ADDI, 21, 21, 0 - 4)
        store(s, SW, 10, 21, 0)
        op_imm(s, ADDI, 24, 24, 0 - 4)
        store(s, SW, 1, 24, 0)
        if b:
            if b < 8 and a + b < 512:
                while b:
                    store(s, SW, 0, 8, a << 2)
                    a += 1
                    b -= 1
            else:
                set_to(s, 11, a << 2)
                set_to(s, 12, b)
                op_reg(s, ADD, 11, 11, 8)
                put32(s, SW | 11 << 15, 0)
                put16(s, 0x0591)  # addi a1, a1, 4
                put16(s, 0x167d)  # addi a2, a2, -1
                branch(s, 1, 12, 0, 0 - 8)
        op_imm(s, ADDI, 20, 20, 0 - 1)
        branch(s, 3, 20, 0, 0)
        k = S[layout.N_AT] - 4
        place(s, 10, S[layout.N_FUNC])
        op_imm(s, ADDI, 11, 0, layout.S_FUEL)
        outside(s, 0, S[layout.N_EXIT])
        land(s, k)
    elif op == layout.A_EXIT:
        inside(s, 5, S[layout.N_LEAVE])
        put16(s, a | b << 14)
    elif op == layout.A_LEAVE:
        # the word's number follows the jal that came here
        op_imm(s, LHU, 9, 5, 0)
        place(s, 10, S[layout.N_FUNC])
        outside(s, 0, S[layout.N_DIV])  # which is of no other use here
    elif op == layout.A_LOADED:
        put16(s, 0x8282)  # jr t0
    elif op == layout.A_FIX:
        return int(patch(s, imm, S[layout.N_TARGET] - imm))
    elif op == layout.A_TABLE:
        # s1 = here + 4 times the number; the jumps follow 14 bytes behind
        put32(s, 0x497, 0)  # auipc s1, 0
        op_imm(s, SLLI, 5, names[a], 2)
        op_reg(s, ADD, 9, 9, 5)
        put32(s, JALR | 9 << 15, 14)
    elif op == layout.A_ENTRY:
        inside(s, 0, 0)
        return S[layout.N_AT] - 4
    return 0
