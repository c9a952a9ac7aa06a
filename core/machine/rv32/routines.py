# Native tier: RV32IMC, the routines that all functions share, and the loop's way in
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .constants import ADD, ADDI, ANDI, LBU, LW, SLLI, SRAI, SRLI, SUB, SW
from .encode import branch, here, inside, land, op_imm, op_reg, outside, place, put16, put32, store

STACK = const(768)  # bytes of the machine stack that calls may take: 4 each


@micropython.viper
def _saved(s: int, op: int):
    """Store or load what a function has to preserve: ra, s0, s1, s2 … s9."""
    i = 0
    while i < 11:
        r = ptr8(b"\x01\x08\x09\x12\x13\x14\x15\x16\x17\x18\x19")[i]
        i += 1
        if op == SW:
            store(s, SW, r, 2, STACK + (i << 2))
        else:
            op_imm(s, LW, r, 2, STACK + (i << 2))


@micropython.viper
def _pinned(s: int, op: int):
    """Store or load what slots may be pinned to."""
    i = 0
    while i < 6:
        r = ptr8(b"\x0c\x0d\x0e\x0f\x1e\x1f")[i]
        if op == SW:
            store(s, SW, r, 2, i << 2)
        else:
            op_imm(s, LW, r, 2, i << 2)
        i += 1


@micropython.viper
def _routines(s: int):
    """N_FLOATS: the routine for the words behind the call; on behind them, its result in a0."""
    S = ptr32(s << 2)
    # Call the function object in the cell t0 of the running state, for the words at ra; on at t1, t0 = place of the words it came to
    call = int(here(s))
    op_imm(s, ADDI, 2, 2, 0 - 48)
    _pinned(s, SW)
    store(s, SW, 6, 2, 24)
    place(s, 9, S[layout.N_STATE])
    op_reg(s, ADD, 9, 9, 22)
    store(s, SW, 1, 9, layout.X_FLOAT << 2)
    store(s, SW, 8, 9, (layout.X_FLOAT << 2) + layout.E_FP)
    op_reg(s, ADD, 5, 5, 9)
    op_imm(s, LW, 10, 5, 0)
    op_imm(s, ADDI, 5, 9, layout.X_FLOAT << 2)  # its environment's address / 4, as a small integer
    op_imm(s, SRLI, 5, 5, 1)
    op_imm(s, ADDI, 5, 5, 1)
    store(s, SW, 5, 2, 28)
    op_imm(s, LW, 5, 10, 12)
    op_imm(s, ADDI, 11, 0, 1)
    op_imm(s, ADDI, 12, 0, 0)
    op_imm(s, ADDI, 13, 2, 28)
    put16(s, 0x9282)  # jalr t0
    op_imm(s, SRAI, 10, 10, 1)
    op_imm(s, LW, 5, 9, layout.X_FLOAT << 2)
    op_imm(s, LW, 6, 2, 24)
    _pinned(s, LW)
    op_imm(s, ADDI, 2, 2, 48)
    put16(s, 0x8302)  # jr t1
    S[layout.N_FLOATS] = int(here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + layout.R_CONVERT:
        op_imm(s, ADDI, 5, 0, a << 2)
        outside(s, 6, call)
        put16(s, 0x8282)  # jr t0
        a += 1
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    op_imm(s, ADDI, 2, 2, 0 - 16)
    op_imm(s, LBU, 10, 1, 2)
    op_imm(s, SLLI, 10, 10, 2)
    op_reg(s, ADD, 10, 10, 8)
    op_imm(s, LW, 11, 10, 0)
    store(s, SW, 11, 2, 0)
    op_imm(s, LW, 11, 10, 4)
    store(s, SW, 11, 2, 4)
    store(s, SW, 10, 2, 8)
    op_imm(s, ADDI, 5, 0, a << 2)
    outside(s, 6, call)
    branch(s, 0, 10, 0, 0)
    a = S[layout.N_AT] - 4
    op_imm(s, LW, 11, 2, 8)
    op_imm(s, LW, 6, 2, 0)
    store(s, SW, 6, 11, 0)
    op_imm(s, LW, 6, 2, 4)
    store(s, SW, 6, 11, 4)
    land(s, a)
    op_imm(s, ADDI, 5, 5, 4)
    op_imm(s, ADDI, 2, 2, 16)
    put16(s, 0x8282)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL. The place of the one that the loop calls: (self, n_args, n_kw, args)."""
    S = ptr32(s << 2)
    # LEAVE: word a0 and the number of words and status that A_EXIT has, in s1
    S[layout.N_DIV] = int(here(s))
    op_imm(s, SRLI, 11, 9, 14)
    op_imm(s, SLLI, 9, 9, 18)
    op_imm(s, SRLI, 9, 9, 16)
    op_reg(s, ADD, 10, 10, 9)
    op_imm(s, ADDI, 12, 0, 1)
    branch(s, 0, 11, 12, 8)
    op_imm(s, SRLI, 11, 11, 1)  # 0, or 2: S_FUEL
    put16(s, 0xa011)  # j EXIT
    op_imm(s, ADDI, 11, 0, layout.S_UNDO)
    # EXIT: to code word a0 with status a1
    S[layout.N_EXIT] = int(here(s))
    op_imm(s, LW, 12, 2, STACK)
    store(s, SW, 10, 12, layout.E_IP)
    branch(s, 3, 20, 0, 6)
    op_imm(s, ADDI, 20, 0, 0)
    store(s, SW, 20, 12, layout.E_FUEL)
    op_reg(s, SUB, 8, 8, 22)
    store(s, SW, 8, 12, layout.E_FP)
    op_reg(s, SUB, 21, 21, 22)
    store(s, SW, 21, 12, layout.E_CS)
    op_imm(s, SLLI, 10, 11, 1)
    op_imm(s, ADDI, 10, 10, 1)  # a small integer
    _saved(s, LW)
    op_imm(s, ADDI, 2, 2, STACK + 64)
    put16(s, 0x8082)
    # FAIL: call word a0 is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(here(s))
    op_reg(s, ADD, 11, 10, 22)
    op_imm(s, LBU, 12, 11, 0)
    op_imm(s, LBU, 11, 11, 1)
    op_imm(s, SLLI, 11, 11, 2)
    op_reg(s, SUB, 8, 8, 11)
    op_imm(s, ADDI, 11, 12, 0 - layout.OP_CALL)
    branch(s, 0, 11, 0, 6)
    op_imm(s, ADDI, 10, 10, 0 - 4)  # the second word of a call by reference: back to the first
    op_imm(s, ADDI, 11, 0, 0)
    outside(s, 0, S[layout.N_EXIT])
    # CALL: the function with header a1, for call word a0, native or not
    S[layout.N_CALL] = int(here(s))
    op_reg(s, ADD, 11, 11, 22)
    op_imm(s, LW, 11, 11, layout.FUNC)
    op_imm(s, ANDI, 12, 11, 255)
    op_imm(s, ADDI, 12, 12, 0 - layout.OP_NATIVE)
    branch(s, 0, 12, 0, 8)
    outside(s, 0, S[layout.N_FAIL])
    op_imm(s, SRLI, 11, 11, 8)
    op_imm(s, SLLI, 11, 11, 2)
    op_reg(s, ADD, 11, 11, 22)
    op_imm(s, LW, 11, 11, layout.NE_CALL)
    op_reg(s, ADD, 11, 11, 25)
    put16(s, 0x8582)  # jr a1
    _routines(s)
    # The loop's way in: args in a3
    at = int(here(s))
    op_imm(s, ADDI, 2, 2, 0 - STACK - 64)
    _saved(s, SW)
    op_imm(s, LW, 10, 13, 0)
    op_imm(s, SRAI, 10, 10, 1)
    op_imm(s, SLLI, 10, 10, 2)
    store(s, SW, 10, 2, STACK)
    op_imm(s, LW, 11, 10, layout.E_SELF)
    op_reg(s, SUB, 22, 10, 11)
    op_imm(s, LW, 8, 10, layout.E_FP)
    op_reg(s, ADD, 8, 8, 22)
    op_imm(s, LW, 21, 10, layout.E_CS)
    op_reg(s, ADD, 21, 21, 22)
    op_imm(s, LW, 20, 10, layout.E_FUEL)
    op_imm(s, ADDI, 24, 2, STACK)
    place(s, 12, S[layout.N_STATE])
    op_reg(s, ADD, 12, 12, 22)
    op_imm(s, LW, 25, 12, layout.X_CODE << 2)
    op_imm(s, LW, 11, 10, layout.E_INST)
    store(s, SW, 11, 12, layout.X_INST << 2)
    op_reg(s, ADD, 11, 11, 22)
    op_imm(s, LW, 23, 11, layout.I_GLOBALS)
    op_reg(s, ADD, 23, 23, 22)
    op_imm(s, LW, 11, 11, layout.I_MEM0)
    op_imm(s, ADDI, 18, 0, 0)
    op_imm(s, ADDI, 19, 0, 0)
    branch(s, 0, 11, 0, 0)
    k = S[layout.N_AT] - 4
    op_reg(s, ADD, 11, 11, 22)
    op_imm(s, LW, 18, 11, layout.MM_DATA)
    op_reg(s, ADD, 18, 18, 22)
    op_imm(s, LW, 19, 11, layout.MM_BYTES)
    land(s, k)
    op_imm(s, LW, 10, 10, layout.E_IP)
    # a size that is no multiple of 8: not for native code
    op_imm(s, ANDI, 12, 19, 7)
    branch(s, 0, 12, 0, 0)
    k = S[layout.N_AT] - 4
    op_imm(s, ADDI, 11, 0, layout.S_UNDO)
    outside(s, 0, S[layout.N_EXIT])
    land(s, k)
    op_reg(s, ADD, 12, 10, 22)
    op_imm(s, LW, 12, 12, 0)
    op_imm(s, SRLI, 12, 12, 8)
    op_imm(s, SLLI, 12, 12, 2)
    op_reg(s, ADD, 12, 12, 22)
    op_imm(s, LW, 5, 12, layout.NE_CODE)
    op_reg(s, ADD, 5, 5, 25)
    op_imm(s, LW, 13, 12, layout.NE_LOADER)
    op_reg(s, ADD, 13, 13, 25)
    put32(s, 0x100f, 0)  # fence.i: instructions are fetched as they were written
    k = S[layout.N_AT]
    inside(s, 1, 0)
    # The way back: the function that was entered has returned; on behind its call word
    op_imm(s, LW, 10, 21, 0 - 4)
    op_reg(s, ADD, 11, 10, 22)
    op_imm(s, LBU, 11, 11, 1)
    op_imm(s, SLLI, 11, 11, 2)
    op_reg(s, SUB, 8, 8, 11)
    op_imm(s, ADDI, 10, 10, 4)
    op_imm(s, ADDI, 11, 0, 0)
    outside(s, 0, S[layout.N_EXIT])
    land(s, k)
    op_imm(s, ADDI, 24, 24, 0 - 4)
    store(s, SW, 1, 24, 0)
    put16(s, 0x8682)  # jr a3
    return at
