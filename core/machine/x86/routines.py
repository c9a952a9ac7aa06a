# Native tier: 32-bit x86, the routines that all functions share, and the loop's way in
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .encode import here, op_cell, op_mem, op_reg, outside, put
from .machine import asm


@micropython.viper
def _routine(s: int, cell: int):
    """Call the function object in a cell, for the words at eax; eax = its result. ebx keeps the stack, which C wants aligned."""
    S = ptr32(s << 2)
    op_cell(s, 0x89, 0, layout.X_FLOAT)
    op_cell(s, 0x89, 5, layout.X_FLOAT + 1)
    op_reg(s, 0x89, 4, 3)
    put(s, 3, 0xf0e483)  # and esp, -16; sub esp, 12
    put(s, 3, 0x0cec83)
    put(s, 1, 0xb9)  # ecx = the environment's address / 4, as a small integer
    put(s, 4, int(S) - S[layout.N_SELF] + S[layout.N_STATE] + (layout.X_FLOAT << 2))
    put(s, 2, 0xe9d1)
    put(s, 3, 0x01c983)
    put(s, 1, 0x51)
    op_reg(s, 0x89, 4, 1)
    put(s, 1, 0x51)  # args, n_kw, n_args, self
    put(s, 4, 0x016a006a)
    op_cell(s, 0x8b, 0, cell)
    put(s, 1, 0x50)
    op_mem(s, 0xff, 2, 0, 12)
    op_reg(s, 0x89, 3, 4)
    put(s, 2, 0xf8d1)  # sar eax, 1
    op_cell(s, 0x8b, 1, layout.X_FLOAT)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL. The place of the one that the loop calls: (self, n_args, n_kw, args)."""
    S = ptr32(s << 2)
    # FAIL: call word eax is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(here(s))
    op_cell(s, 0x8b, 1, layout.X_BASE)
    op_mem(s, 0x80, 7, 0x101, 0)
    put(s, 1, layout.OP_CALL)
    op_mem(s, 0x1b6, 1, 0x101, 1)
    put(s, 2, 0x0374)  # the second word of a call by reference: back to the first
    put(s, 3, 0x04e883)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_reg(s, 0x29, 1, 5)
    op_reg(s, 0x31, 2, 2)
    # EXIT: to code word eax with status edx
    S[layout.N_EXIT] = int(here(s))
    op_cell(s, 0x8b, 1, layout.X_ENV)
    op_mem(s, 0x89, 0, 1, layout.E_IP)
    op_cell(s, 0x8b, 0, layout.X_FUEL)
    op_reg(s, 0x85, 0, 0)
    put(s, 2, 0x0279)  # jns: below 0 it is 0
    op_reg(s, 0x31, 0, 0)
    op_mem(s, 0x89, 0, 1, layout.E_FUEL)
    op_cell(s, 0x2b, 5, layout.X_BASE)
    op_mem(s, 0x89, 5, 1, layout.E_FP)
    op_cell(s, 0x8b, 0, layout.X_CS)
    op_cell(s, 0x2b, 0, layout.X_BASE)
    op_mem(s, 0x89, 0, 1, layout.E_CS)
    op_cell(s, 0x8b, 4, layout.X_SP)
    put(s, 4, 0x0112448d)  # lea eax, [edx + edx + 1]: a small integer
    put(s, 2, 0x5b5d)
    put(s, 3, 0xc35e5f)
    # CALL: the function with header ecx, for call word eax, native or not
    S[layout.N_CALL] = int(here(s))
    op_cell(s, 0x8b, 2, layout.X_BASE)
    op_mem(s, 0x8b, 1, 0x202, layout.FUNC)
    put(s, 2, 0xf980)  # cmp cl, OP_NATIVE; jne FAIL
    put(s, 1, layout.OP_NATIVE)
    put(s, 1, 0x0f)
    outside(s, 0x85, S[layout.N_FAIL])
    op_reg(s, 0xc1, 5, 1)
    put(s, 1, 8)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_mem(s, 0x8b, 1, 0x202, layout.NE_CALL)
    op_cell(s, 0x03, 1, layout.X_CODE)
    put(s, 2, 0xe1ff)
    # FLOATS: the routine for the words behind the call; on behind them, its result in eax. esi stays.
    S[layout.N_FLOATS] = int(here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + layout.R_CONVERT:
        put(s, 1, 0x58)
        _routine(s, a)
        put(s, 2, 0xe1ff)
        a += 1
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    put(s, 1, 0x58)
    op_mem(s, 0x1b6, 1, 0, 2)
    put(s, 4, 0x008d4c8d)  # lea ecx, [ebp + 4 * ecx]
    put(s, 3, 0x31ff51)  # push ecx; push [ecx]; push [ecx + 4]
    put(s, 3, 0x0471ff)
    _routine(s, a)
    put(s, 3, 0x595b5a)  # pop edx, ebx, ecx
    op_reg(s, 0x85, 0, 0)
    put(s, 2, 0x0574)
    put(s, 2, 0x1989)  # mov [ecx], ebx; mov [ecx + 4], edx
    put(s, 3, 0x045189)
    op_cell(s, 0x8b, 1, layout.X_FLOAT)
    put(s, 3, 0x04c183)
    put(s, 2, 0xe1ff)
    # The loop's way in
    at = int(here(s))
    put(s, 2, 0x5756)
    put(s, 2, 0x5553)
    put(s, 4, 0x2024448b)  # mov eax, [esp + 32]: args
    put(s, 2, 0x008b)
    op_reg(s, 0xd1, 7, 0)
    op_reg(s, 0xc1, 4, 0)
    put(s, 1, 2)
    op_cell(s, 0x89, 0, layout.X_ENV)
    op_reg(s, 0x89, 0, 6)
    op_mem(s, 0x2b, 6, 0, layout.E_SELF)
    op_cell(s, 0x89, 6, layout.X_BASE)
    op_cell(s, 0x89, 4, layout.X_SP)
    op_mem(s, 0x8d, 1, 4, 0)
    # (an address that starts at esp has an index byte: written by hand)
    S[layout.N_AT] -= 6
    put(s, 3, 0x248c8d)
    put(s, 4, 0 - 32768)
    op_cell(s, 0x89, 1, layout.X_LIMIT)
    op_mem(s, 0x8b, 5, 0, layout.E_FP)
    op_reg(s, 0x01, 6, 5)
    op_mem(s, 0x8b, 1, 0, layout.E_CS)
    op_reg(s, 0x01, 6, 1)
    op_cell(s, 0x89, 1, layout.X_CS)
    op_mem(s, 0x8b, 1, 0, layout.E_FUEL)
    op_cell(s, 0x89, 1, layout.X_FUEL)
    op_mem(s, 0x8b, 1, 0, layout.E_INST)
    op_cell(s, 0x89, 1, layout.X_INST)
    op_mem(s, 0x8b, 2, 0x206, layout.I_GLOBALS)
    op_reg(s, 0x01, 6, 2)
    op_cell(s, 0x89, 2, layout.X_GLOBALS)
    # without a memory this reads the start of the pool: there are no accesses then
    op_mem(s, 0x8b, 2, 0x206, layout.I_MEM0)
    op_mem(s, 0x8b, 7, 0x306, layout.MM_DATA)
    op_reg(s, 0x01, 6, 7)
    op_mem(s, 0x8b, 1, 0x306, layout.MM_BYTES)
    op_cell(s, 0x89, 1, layout.X_BYTES)
    op_mem(s, 0x8b, 2, 0, layout.E_IP)
    op_mem(s, 0x8b, 2, 0x306, 0)
    op_reg(s, 0xc1, 5, 2)
    put(s, 1, 8)
    op_reg(s, 0xc1, 4, 2)
    put(s, 1, 2)
    op_mem(s, 0x8b, 0, 0x306, layout.NE_CODE)
    op_mem(s, 0x8b, 1, 0x306, layout.NE_LOADER)
    op_cell(s, 0x03, 0, layout.X_CODE)
    op_cell(s, 0x03, 1, layout.X_CODE)
    put(s, 1, 0xe8)  # call over the way back
    jump = S[layout.N_AT]
    put(s, 4, 0)
    # The way back: the function that was entered has returned; on behind its call word
    op_cell(s, 0x8b, 0, layout.X_CS)
    op_mem(s, 0x8b, 0, 0, 0 - 4)
    op_cell(s, 0x8b, 1, layout.X_BASE)
    op_mem(s, 0x1b6, 1, 0x101, 1)
    op_reg(s, 0xc1, 4, 1)
    put(s, 1, 2)
    op_reg(s, 0x29, 1, 5)
    op_reg(s, 0x83, 0, 0)
    put(s, 1, 4)
    op_reg(s, 0x31, 2, 2)
    outside(s, 0xe9, S[layout.N_EXIT])
    S[layout.N_IMM] = jump
    S[layout.N_TARGET] = S[layout.N_AT]
    asm(s, layout.A_FIX, 0, 0, 0)
    put(s, 2, 0xe1ff)  # jmp ecx
    return at
