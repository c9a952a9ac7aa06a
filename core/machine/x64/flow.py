# Native tier: x86-64, the flow of control: branches, calls, exits, the frame of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .encode import CONDS, NAMES, inside, op_imm, op_mem, op_reg, outside, put


@micropython.viper
def branches(s: int, op: int, a: int, b: int) -> int:
    """Branches within a function."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    if op <= layout.A_BRI:
        if op == layout.A_BRR:
            op_reg(s, 0x39, names[b], names[a])
        else:
            op_imm(s, 7, names[a], S[layout.N_IMM])
        return int(inside(s, 0x800f | ptr8(CONDS)[S[layout.N_KIND]] << 8, 2, S[layout.N_TARGET]))
    if op == layout.A_JUMP:
        return int(inside(s, 0xe9, 1, S[layout.N_TARGET]))
    if op == layout.A_BACK:
        op_reg(s, 0x83, 5, 14)
        put(s, 1, 1)
        inside(s, 0x890f, 2, S[layout.N_TARGET])
    return 0


@micropython.viper
def calls(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    names = ptr8(NAMES)
    imm = S[layout.N_IMM]
    if op == layout.A_CALL:
        put(s, 1, 0xb8)  # mov eax, word; add rbx, slots
        put(s, 4, imm)
        op_reg(s, 0x281, 0, 3)
        put(s, 4, a << 2)
        if S[layout.N_TARGET]:
            inside(s, 0xe8, 1, S[layout.N_TARGET])
        else:
            put(s, 1, 0xb9)  # mov ecx, header
            put(s, 4, S[layout.N_ALSO])
            outside(s, 0xe8, S[layout.N_CALL])
        op_reg(s, 0x281, 5, 3)
        put(s, 4, a << 2)
    elif op == layout.A_REF:
        put(s, 1, 0xb8)
        put(s, 4, imm)
        outside(s, 0xe8, S[layout.N_REF])
        op_reg(s, 0x281, 5, 3)
        put(s, 4, a << 2)
    elif op == layout.A_RET:
        op_mem(s, 0x83, 0, 5, layout.X_CS << 2)
        put(s, 2, 0xc304)
    elif op == layout.A_ENTER:
        op_mem(s, 0x8b, 1, 5, layout.X_CS << 2)  # lea rdx, [r15 + rcx]; sub rdx, rbx; cmp rdx, room; jl fail
        op_mem(s, 0x28d, 2, 0x20f, 0)
        op_reg(s, 0x229, 3, 2)
        op_reg(s, 0x281, 7, 2)
        put(s, 4, imm)
        put(s, 1, 0x0f)
        outside(s, 0x8c, S[layout.N_FAIL])
        op_mem(s, 0x23b, 4, 5, layout.X_LIMIT << 2)
        put(s, 1, 0x0f)
        outside(s, 0x82, S[layout.N_FAIL])
        op_imm(s, 5, 1, 4)
        op_mem(s, 0x89, 1, 5, layout.X_CS << 2)
        op_mem(s, 0x89, 0, 0x20f, 0)
        if b:
            op_reg(s, 0x31, 0, 0)
            if b < 8:
                while b:
                    op_mem(s, 0x89, 0, 3, a << 2)
                    a += 1
                    b -= 1
            else:
                put(s, 1, 0xb9)
                put(s, 4, b)
                op_mem(s, 0x28d, 7, 3, a << 2)
                put(s, 2, 0xabf3)
        op_reg(s, 0x83, 5, 14)
        put(s, 1, 1)
        put(s, 2, 0x1279)  # jns over: out of fuel at the first word
        put(s, 1, 0xb8)
        put(s, 4, S[layout.N_FUNC])
        put(s, 1, 0xba)
        put(s, 4, layout.S_FUEL)
        op_reg(s, 0x31, 14, 14)
        outside(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        inside(s, 0xe8, 1, S[layout.N_LEAVE])
        put(s, 2, a | b << 14)
    elif op == layout.A_LEAVE:
        put(s, 1, 0x59)  # pop rcx; movzx eax, word [rcx]; xor edx, edx; test ah, 80h; jz; xor r14d, r14d; inc edx
        put(s, 3, 0x01b70f)
        op_reg(s, 0x31, 2, 2)
        put(s, 3, 0x80c4f6)
        put(s, 2, 0x0574)
        op_reg(s, 0x31, 14, 14)
        put(s, 2, 0xc2ff)
        put(s, 3, 0x40c4f6)  # test ah, 40h; jz; mov dl, S_UNDO
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
        put(s, 2, 0xe0ff)  # jmp rax
    elif op == layout.A_FIX:
        t = S[layout.N_TARGET] - imm - 4
        p = ptr8(int(S) + imm)
        p[0] = t
        p[1] = t >> 8
        p[2] = t >> 16
        p[3] = t >> 24
    elif op == layout.A_TABLE:
        # lea rcx, [rip + table]; lea rcx, [rcx + 4a]; add rcx, a; jmp rcx: the jumps take 5 bytes each
        a = names[a]
        put(s, 3, 0x0d8d48)
        put(s, 4, 8 + 3 + 2)
        op_mem(s, 0x28d, 1, (a + 1 << 8) | 1, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
        op_reg(s, 0x201, a, 1)
        put(s, 2, 0xe1ff)
    elif op == layout.A_ENTRY:
        return int(inside(s, 0xe9, 1, 0))
    return 0
