# Native tier: Xtensa, the flow of control: branches, calls, exits, the frame of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .constants import AT_CALL, AT_CS, L32I, S32I
from .encode import NAMES, add, align, branch, branch_imm, inside, jump_ahead, land, literals, mov, op_mem, op_reg, outside
from .encode import patch, put16, put24, set_to


@micropython.viper
def branches(s: int, op: int, a: int, b: int) -> int:
    """Branches within a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op <= layout.A_BRI:
        k = S[layout.N_KIND]
        t = 0
        if S[layout.N_REACH]:
            k = k ^ 1
            t = 6
        if op == layout.A_BRR:
            branch(s, k, names[a], names[b], t)
        else:
            branch_imm(s, k, names[a], imm, t)
        if t:
            return int(jump_ahead(s))
        return S[layout.N_AT] - 3
    if op == layout.A_JUMP:
        return int(jump_ahead(s))
    if op == layout.A_BACK:
        put16(s, 12 << 12 | 12 << 8 | 0xb)
        t = S[layout.N_TARGET] - S[layout.N_AT]
        if t > 0 - 2040:
            branch_imm(s, 3, 12, 0, t)
        else:
            branch_imm(s, 2, 12, 0, 6)
            inside(s, S[layout.N_TARGET])
    return 0


@micropython.viper
def _word(s: int, word: int):
    """a2 = a call word of this function."""
    func = ptr32(s << 2)[layout.N_FUNC]
    set_to(s, 2, func)
    add(s, 2, 2, word - func)


@micropython.viper
def calls(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CALL:
        _word(s, imm)
        a <<= 2
        add(s, 15, 15, a)
        if S[layout.N_TARGET]:
            t = (S[layout.N_TARGET] - S[layout.N_CODE] >> 2) - (S[layout.N_AT] - S[layout.N_CODE] >> 2) - 1
            if t < 0 - 131000:
                S[layout.N_ERROR] = layout.NX_FAR
            put24(s, (t & 0x3ffff) << 6 | 5)
        else:
            set_to(s, 3, S[layout.N_ALSO])
            op_mem(s, L32I, 9, 1, AT_CALL)
            put24(s, 0x0000c0 | 9 << 8)
        add(s, 15, 15, 0 - a)
    elif op == layout.A_REF:
        _word(s, imm)
        op_mem(s, L32I, 9, 1, AT_CALL)
        add(s, 9, 9, S[layout.N_REF] - S[layout.N_CALL])
        put24(s, 0x0000c0 | 9 << 8)
        add(s, 15, 15, 0 - (a << 2))
    elif op == layout.A_RET:
        op_mem(s, L32I, 9, 1, AT_CS)
        op_mem(s, L32I, 0, 11, 0)
        add(s, 9, 9, 4)
        op_mem(s, S32I, 9, 1, AT_CS)
        add(s, 11, 11, 4)
        put16(s, 0xf00d)
    elif op == layout.A_ENTER:
        op_mem(s, L32I, 3, 1, AT_CS)
        op_reg(s, 0xc0, 4, 3, 15)
        set_to(s, 5, imm)
        branch(s, 0, 11, 1, 6)
        branch(s, 3, 4, 5, 0)
        k = S[layout.N_AT] - 3
        outside(s, S[layout.N_FAIL])
        land(s, k)
        add(s, 3, 3, 0 - 4)
        op_mem(s, S32I, 3, 1, AT_CS)
        op_mem(s, S32I, 2, 3, 0)
        add(s, 11, 11, 0 - 4)
        op_mem(s, S32I, 0, 11, 0)
        if b:
            set_to(s, 3, 0)
            if b < 8 and a + b < 256:
                while b:
                    op_mem(s, S32I, 3, 15, a << 2)
                    a += 1
                    b -= 1
            else:
                set_to(s, 4, a << 2)
                set_to(s, 5, b)
                op_reg(s, 0x80, 4, 4, 15)
                op_mem(s, S32I, 3, 4, 0)
                add(s, 4, 4, 4)
                add(s, 5, 5, 0 - 1)
                branch_imm(s, 1, 5, 0, 0 - 6)
        put16(s, 12 << 12 | 12 << 8 | 0xb)
        branch_imm(s, 3, 12, 0, 0)
        k = S[layout.N_AT] - 3
        set_to(s, 2, S[layout.N_FUNC])
        set_to(s, 3, layout.S_FUEL)
        outside(s, S[layout.N_EXIT])
        land(s, k)
    elif op == layout.A_EXIT:
        set_to(s, 9, a | b << 14)
        inside(s, S[layout.N_LEAVE])
    elif op == layout.A_LEAVE:
        mov(s, 3, 9)
        set_to(s, 2, S[layout.N_FUNC])
        outside(s, S[layout.N_DIV])  # which is of no other use here
        literals(s)
    elif op == layout.A_LOADED:
        put24(s, 0x0000a0 | 9 << 8)
        align(s)  # for call0
    elif op == layout.A_FIX:
        return int(patch(s, imm, S[layout.N_TARGET] - imm))
    elif op == layout.A_TABLE:
        # a9 = 3 times the number, a0 = place of the pad byte behind call0; the jumps follow 9 bytes behind that
        a = names[a]
        op_reg(s, 0x90, 9, a, a)
        while S[layout.N_AT] - S[layout.N_CODE] & 3:
            if S[layout.N_AT] - S[layout.N_CODE] & 1:
                put24(s, 0x0020f0)
            else:
                put16(s, 0xf03d)
        put24(s, 5)
        align(s)
        op_reg(s, 0x80, 9, 9, 0)
        put24(s, 9 << 16 | 0xc000 | 9 << 8 | 9 << 4 | 2)
        put24(s, 0x0000a0 | 9 << 8)
    elif op == layout.A_ENTRY:
        return int(jump_ahead(s))
    return 0
