# Native tier: calls through tables and of imported functions, in the assembler's instructions, once for all machines
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The same as CALL_REF in tools/ops.py; what it cannot do (host functions, other instances, traps, functions that are not native) it leaves
# to the loop, at the same word, before anything has changed.
import micropython

from . import layout
from .machine import asm


@micropython.viper
def _peek(s: int, d: int, a: int, offset: int, size: int):
    ptr32(s << 2)[layout.N_IMM] = offset
    asm(s, layout.A_PEEK, d, a, size)


@micropython.viper
def _imm(s: int, op: int, d: int, a: int, value: int):
    ptr32(s << 2)[layout.N_IMM] = value
    asm(s, op, d, a, 0)


@micropython.viper
def _state(s: int, d: int, cell: int):
    """A cell of the running state, which lies in the pool."""
    _imm(s, layout.A_IMM, d, 0, ptr32(s << 2)[layout.N_STATE])
    _peek(s, d, d, cell << 2, 4)


@micropython.viper
def _unless(s: int, op: int, kind: int, a: int, b: int, n: int) -> int:
    """To the exit if a kind b (or N_IMM)."""
    S = ptr32(s << 2)
    S[layout.N_KIND] = kind
    S[layout.N_TARGET] = 0
    S[layout.N_REACH] = 1
    ptr16(int(S) + layout.N_STRETCH)[n] = int(asm(s, op, 0, a, b))
    return n + 1


@micropython.viper
def callref(s: int):
    """N_REF: register 0 is the second word of the call. The frame moves up to the arguments; what called moves it down again."""
    S = ptr32(s << 2)
    S[layout.N_REF] = S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]
    n = 0
    _imm(s, layout.A_ADDI, 0, 0, 0 - 4)
    S[layout.N_IMM] = S[layout.N_STATE] + (layout.X_REF << 2)
    asm(s, layout.A_POKE, 0, 0, 0)
    _state(s, 1, layout.X_INST)
    _peek(s, 2, 0, 4, 1)
    _peek(s, 3, 0, 2, 2)
    _imm(s, layout.A_SHLI, 3, 3, 2)
    S[layout.N_IMM] = 0
    S[layout.N_KIND] = 0
    S[layout.N_TARGET] = 0
    S[layout.N_REACH] = 1
    table = int(asm(s, layout.A_BRI, 0, 2, 0))
    # an import: 2 = its reference, 3 = 0 as there is no type to be checked
    _peek(s, 2, 1, layout.I_IMPORTS, 4)
    asm(s, layout.A_ADD, 2, 2, 3)
    _peek(s, 2, 2, 0, 4)
    _imm(s, layout.A_IMM, 3, 0, 0)
    S[layout.N_TARGET] = 0
    both = int(asm(s, layout.A_JUMP, 0, 0, 0))
    # through a table: 2 = the element, 3 = the type it has to have
    _land(s, table)
    _peek(s, 2, 1, layout.I_TYPES, 4)
    asm(s, layout.A_ADD, 3, 3, 2)
    _peek(s, 3, 3, 0, 4)
    _peek(s, 2, 0, 6, 1)
    _imm(s, layout.A_SHLI, 2, 2, 2)
    _peek(s, 1, 1, layout.I_TABLES, 4)
    asm(s, layout.A_ADD, 2, 2, 1)
    _peek(s, 2, 2, 0, 4)
    _peek(s, 1, 0, 1, 1)
    asm(s, layout.A_FRAME, 1, 1, 0)
    _peek(s, 0, 2, layout.TT_COUNT, 4)
    n = int(_unless(s, layout.A_BRR, 5, 1, 0, n))
    _peek(s, 0, 2, layout.TT_DATA, 4)
    _imm(s, layout.A_SHLI, 1, 1, 2)
    asm(s, layout.A_ADD, 0, 0, 1)
    _peek(s, 2, 0, 0, 4)
    _land(s, both)
    # of this instance: 2 = function index
    _imm(s, layout.A_SHRUI, 1, 2, layout.REF_SHIFT)
    _state(s, 0, layout.X_INST)
    _peek(s, 0, 0, layout.I_ID, 4)
    n = int(_unless(s, layout.A_BRR, 1, 1, 0, n))
    _imm(s, layout.A_SHLI, 2, 2, 32 - layout.REF_SHIFT)
    _imm(s, layout.A_SHRUI, 2, 2, 32 - layout.REF_SHIFT)
    _state(s, 1, layout.X_INST)
    S[layout.N_IMM] = 0
    S[layout.N_KIND] = 0
    S[layout.N_TARGET] = 0
    skip = int(asm(s, layout.A_BRI, 0, 3, 0))
    _peek(s, 0, 1, layout.I_FTYPES, 4)
    asm(s, layout.A_ADD, 0, 0, 2)
    asm(s, layout.A_ADD, 0, 0, 2)
    _peek(s, 0, 0, 0, 2)
    _imm(s, layout.A_SHLI, 0, 0, 2)
    _peek(s, 1, 1, layout.I_TYPES, 4)
    asm(s, layout.A_ADD, 0, 0, 1)
    _peek(s, 0, 0, 0, 4)
    n = int(_unless(s, layout.A_BRR, 1, 0, 3, n))
    _land(s, skip)
    # 2 = its header, where there is native code
    _state(s, 1, layout.X_INST)
    _peek(s, 0, 1, layout.I_NIMPF, 4)
    asm(s, layout.A_SUB, 2, 2, 0)
    _imm(s, layout.A_SHLI, 2, 2, 2)
    _peek(s, 0, 1, layout.I_ENTRIES, 4)
    asm(s, layout.A_ADD, 2, 2, 0)
    _peek(s, 2, 2, 0, 4)
    S[layout.N_IMM] = layout.P_LAZY
    n = int(_unless(s, layout.A_BRI, 0, 2, 0, n))
    _peek(s, 1, 2, layout.FUNC, 1)
    S[layout.N_IMM] = layout.OP_NATIVE
    n = int(_unless(s, layout.A_BRI, 1, 1, 0, n))
    _state(s, 0, layout.X_REF)
    _imm(s, layout.A_ADDI, 0, 0, 4)
    _peek(s, 1, 0, 1, 1)
    asm(s, layout.A_UP, 0, 1, 0)
    asm(s, layout.A_TAIL, 0, 2, 0)
    while n:
        n -= 1
        _land(s, ptr16(int(S) + layout.N_STRETCH)[n])
    _state(s, 0, layout.X_REF)
    asm(s, layout.A_OUT, 0, 0, 0)
    asm(s, layout.A_FLUSH, 0, 0, 0)


@micropython.viper
def _land(s: int, place: int):
    """The branch at `place` comes here."""
    S = ptr32(s << 2)
    S[layout.N_IMM] = place
    S[layout.N_TARGET] = S[layout.N_AT]
    if int(asm(s, layout.A_FIX, 0, 0, 0)):
        S[layout.N_ERROR] = layout.NX_FAR
