# Native tier: x86-64, the routines that all functions share, and the loop's way in
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .encode import here, op_mem, op_reg, outside, put
from .machine import asm


@micropython.viper
def _routine(s: int, cell: int):
    """Call the routine whose address is in a cell, for the words at rax."""
    put(s, 2, 0x5041)  # push r8, r9, r10, r11
    put(s, 2, 0x5141)
    put(s, 2, 0x5241)
    put(s, 2, 0x5341)
    op_mem(s, 0x22b, 0, 5, layout.X_BASE << 2)
    op_mem(s, 0x89, 0, 5, layout.X_FLOAT << 2)
    op_reg(s, 0x289, 3, 1)
    op_mem(s, 0x22b, 1, 5, layout.X_BASE << 2)
    op_mem(s, 0x89, 1, 5, (layout.X_FLOAT << 2) + layout.E_FP)
    op_mem(s, 0x28d, 7, 5, layout.X_FLOAT << 2)
    op_reg(s, 0x2c1, 5, 7)
    put(s, 1, 2)
    op_mem(s, 0x28b, 6, 5, layout.X_CONTEXT << 2)
    op_mem(s, 0xff, 2, 5, cell << 2)
    put(s, 2, 0x5b41)
    put(s, 2, 0x5a41)
    put(s, 2, 0x5941)
    put(s, 2, 0x5841)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL.

    The place of the one that the loop calls: (self, n_args, n_kw, args) in rdi, rsi, rdx, rcx.
    """
    S = ptr32(s << 2)
    # FAIL: call word eax is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(here(s))
    op_mem(s, 0x1b6, 1, 0x10f, 1)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_reg(s, 0x229, 1, 3)
    op_mem(s, 0x80, 7, 0x10f, 0)  # the second word of a call by reference: back to the first
    put(s, 1, layout.OP_CALL)
    put(s, 2, 0x0374)
    put(s, 3, 0x04e883)
    op_reg(s, 0x31, 2, 2)
    # EXIT: to code word eax with status edx
    S[layout.N_EXIT] = int(here(s))
    op_mem(s, 0x28b, 1, 5, layout.X_ENV << 2)
    op_mem(s, 0x89, 0, 1, layout.E_IP)
    op_mem(s, 0x89, 14, 1, layout.E_FUEL)
    op_reg(s, 0x229, 15, 3)
    op_mem(s, 0x89, 3, 1, layout.E_FP)
    op_mem(s, 0x8b, 0, 5, layout.X_CS << 2)
    op_mem(s, 0x89, 0, 1, layout.E_CS)
    op_mem(s, 0x28b, 4, 5, layout.X_SP << 2)
    op_mem(s, 0x28d, 0, 0x302, 1)  # lea rax, [rdx + rdx + 1]: a small integer
    put(s, 2, 0x5f41)
    put(s, 2, 0x5e41)
    put(s, 2, 0x5d41)
    put(s, 2, 0x5c41)
    put(s, 3, 0xc35b5d)
    # CALL: the function with header ecx, for call word eax, native or not
    S[layout.N_CALL] = int(here(s))
    op_mem(s, 0x8b, 1, 0x20f, layout.FUNC)
    put(s, 2, 0xf980)  # cmp cl, OP_NATIVE; jne FAIL
    put(s, 1, layout.OP_NATIVE)
    put(s, 1, 0x0f)
    outside(s, 0x85, S[layout.N_FAIL])
    op_reg(s, 0xc1, 5, 1)
    put(s, 1, 8)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_mem(s, 0x8b, 1, 0x20f, layout.NE_CALL)
    put(s, 3, 0x158d48)  # lea rdx, [code space]
    put(s, 4, 0 - int(here(s)) - 4)
    op_reg(s, 0x201, 2, 1)
    put(s, 2, 0xe1ff)
    # FLOATS: the routine for the words behind the call; on behind them, its result in rax
    S[layout.N_FLOATS] = int(here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + 2 * layout.R_CONVERT:
        put(s, 1, 0x58)
        _routine(s, a)
        op_mem(s, 0x8b, 6, 5, layout.X_FLOAT << 2)
        op_mem(s, 0x203, 6, 5, layout.X_BASE << 2)
        put(s, 2, 0xe6ff)
        a += 2
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    put(s, 1, 0x58)
    op_mem(s, 0x1b6, 1, 0, 2)
    op_mem(s, 0x28d, 1, 3 | 2 << 8, 0)
    p = ptr8(int(S) + S[layout.N_AT])
    p = ptr8(int(p) - 5)
    p[0] = p[0] | 0x80  # the index times 4
    put(s, 3, 0x31ff51)  # push rcx; push [rcx]
    put(s, 1, 0x50)
    _routine(s, a)
    put(s, 3, 0x595a5e)  # pop rsi; pop rdx; pop rcx
    op_reg(s, 0x85, 0, 0)
    put(s, 2, 0x0374)
    put(s, 3, 0x118948)  # mov [rcx], rdx
    put(s, 4, 0x04c68348)  # add rsi, 4
    put(s, 2, 0xe6ff)
    # The loop's way in
    at = int(here(s))
    put(s, 2, 0x5553)
    put(s, 2, 0x5441)
    put(s, 2, 0x5541)
    put(s, 2, 0x5641)
    put(s, 2, 0x5741)
    op_mem(s, 0x28b, 0, 1, 0)
    op_reg(s, 0x2d1, 7, 0)
    op_reg(s, 0x2c1, 4, 0)
    put(s, 1, 2)
    op_reg(s, 0x289, 0, 15)
    op_mem(s, 0x8b, 1, 0, layout.E_SELF)
    op_reg(s, 0x229, 1, 15)
    op_mem(s, 0x28d, 5, 15, S[layout.N_STATE])
    op_mem(s, 0x289, 0, 5, layout.X_ENV << 2)
    op_mem(s, 0x289, 4, 5, layout.X_SP << 2)
    op_mem(s, 0x28d, 1, 4, 0 - 32768)
    op_mem(s, 0x289, 1, 5, layout.X_LIMIT << 2)
    op_mem(s, 0x8b, 3, 0, layout.E_FP)
    op_reg(s, 0x201, 15, 3)
    op_mem(s, 0x8b, 1, 0, layout.E_CS)
    op_mem(s, 0x89, 1, 5, layout.X_CS << 2)
    op_mem(s, 0x8b, 14, 0, layout.E_FUEL)
    op_mem(s, 0x8b, 1, 0, layout.E_INST)
    op_mem(s, 0x89, 1, 5, layout.X_INST << 2)
    op_mem(s, 0x8b, 2, 0x20f, layout.I_GLOBALS)
    op_mem(s, 0x89, 2, 5, layout.X_GLOBALS << 2)
    op_mem(s, 0x8b, 2, 0x20f, layout.I_MEM0)
    # no memory: the first bytes of the pool say so (their size is never looked at: such functions have no accesses)
    op_mem(s, 0x8b, 12, 0x30f, layout.MM_DATA)
    op_reg(s, 0x201, 15, 12)
    op_mem(s, 0x8b, 13, 0x30f, layout.MM_BYTES)
    op_mem(s, 0x8b, 2, 0, layout.E_IP)
    op_mem(s, 0x8b, 2, 0x30f, 0)
    op_reg(s, 0xc1, 5, 2)
    put(s, 1, 8)
    op_reg(s, 0xc1, 4, 2)
    put(s, 1, 2)
    put(s, 3, 0x358d48)  # lea rsi, [code space]
    put(s, 4, 0 - int(here(s)) - 4)
    op_mem(s, 0x8b, 0, 0x30f, layout.NE_CODE)
    op_mem(s, 0x8b, 1, 0x30f, layout.NE_LOADER)
    op_reg(s, 0x201, 6, 0)
    op_reg(s, 0x201, 6, 1)
    put(s, 1, 0xe8)  # call over the way back
    jump = S[layout.N_AT]
    put(s, 4, 0)
    # The way back: the function that was entered has returned; on behind its call word
    op_mem(s, 0x8b, 0, 5, layout.X_CS << 2)
    op_mem(s, 0x8b, 0, 0x10f, 0 - 4)
    op_mem(s, 0x1b6, 1, 0x10f, 1)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_reg(s, 0x229, 1, 3)
    op_reg(s, 0x83, 0, 0)
    put(s, 1, 4)
    op_reg(s, 0x31, 2, 2)
    outside(s, 0xe9, S[layout.N_EXIT])
    S[layout.N_IMM] = jump
    S[layout.N_TARGET] = S[layout.N_AT]
    asm(s, layout.A_FIX, 0, 0, 0)
    put(s, 2, 0xe1ff)  # jmp rcx
    return at
