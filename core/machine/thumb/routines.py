# Native tier: Cortex-M, the routines that all functions share, and the loop's way in
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython
from micropython import const

from . import layout
from .encode import here, literal, literals, outside, put16

STACK = const(768)  # bytes of the machine stack that calls may take: 4 each


@micropython.viper
def _routine(s: int, cell: int):
    """Call the routine whose address is in a cell, for the words at r1; r3 = running state."""
    put16(s, 0x4663)  # mov r3, r12
    put16(s, 0x6800 | cell << 6 | 3 << 3 | 2)
    put16(s, 0x3201)
    put16(s, 0x6000 | layout.X_FLOAT << 6 | 3 << 3 | 1)
    put16(s, 0x6000 | layout.X_FLOAT + 1 << 6 | 3 << 3 | 7)
    put16(s, 0x2000 | layout.X_FLOAT << 2)
    put16(s, 0x18c0)  # adds r0, r0, r3
    put16(s, 0x0880)
    put16(s, 0x6800 | layout.X_CONTEXT << 6 | 3 << 3 | 1)
    put16(s, 0xb408)
    put16(s, 0x4790)  # blx r2
    put16(s, 0xbc08)
    put16(s, 0x469c)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL, N_MUL, N_DIV. The place of the one that the loop calls."""
    S = ptr32(s << 2)
    # FAIL: call word r0 is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(here(s))
    put16(s, 0x4663)  # mov r3, r12
    put16(s, 0x6819 | layout.X_BASE << 6)  # r1
    put16(s, 0x1809)  # adds r1, r1, r0
    put16(s, 0x780a)  # ldrb r2, [r1]
    put16(s, 0x7849)  # ldrb r1, [r1, #1]
    put16(s, 0x0089)
    put16(s, 0x1a7f)  # subs r7, r7, r1
    put16(s, 0x2a00 | layout.OP_CALL)
    put16(s, 0xd000)
    put16(s, 0x3804)  # the second word of a call by reference: back to the first
    put16(s, 0x2100)
    # 10 bytes before EXIT: the status as A_EXIT has it in r1: 0, 1 = S_UNDO, 2 = S_FUEL
    put16(s, 0x2901)
    put16(s, 0xd101)
    put16(s, 0x2100 | layout.S_UNDO)
    put16(s, 0xe000)
    put16(s, 0x0849)
    # EXIT: to code word r0 with status r1
    S[layout.N_EXIT] = int(here(s))
    put16(s, 0x4663)
    put16(s, 0x681c | layout.X_ENV << 6)  # r4 = environment
    put16(s, 0x6020 | layout.E_IP << 4)
    put16(s, 0x4652)  # mov r2, r10
    put16(s, 0x45da)  # cmp r10, r11
    put16(s, 0xd100)
    put16(s, 0x2200)
    put16(s, 0x6022 | layout.E_FUEL << 4)
    put16(s, 0x681a | layout.X_BASE << 6)
    put16(s, 0x1abd)  # subs r5, r7, r2
    put16(s, 0x6025 | layout.E_FP << 4)
    put16(s, 0x681d | layout.X_CS << 6)
    put16(s, 0x1aad)  # subs r5, r5, r2
    put16(s, 0x6025 | layout.E_CS << 4)
    put16(s, 0x0048)  # lsls r0, r1, #1
    put16(s, 0x3001)
    put16(s, 0x681a | layout.X_SP << 6)
    put16(s, 0x4695)  # mov sp, r2
    put16(s, 0xbcf0)
    put16(s, 0x46a0)
    put16(s, 0x46a9)
    put16(s, 0x46b2)
    put16(s, 0x46bb)
    put16(s, 0xbdf0)
    # CALL: the function with header r1, for call word r0, native or not
    S[layout.N_CALL] = int(here(s))
    put16(s, 0x4663)
    put16(s, 0x681b | layout.X_BASE << 6)
    put16(s, 0x18c9)  # adds r1, r1, r3
    put16(s, 0x6889)  # ldr r1, [r1, #8]
    put16(s, 0xb2ca)  # uxtb r2, r1
    put16(s, 0x2a00 | layout.OP_NATIVE)
    put16(s, 0xd001)
    outside(s, S[layout.N_FAIL])
    put16(s, 0x0a09)
    put16(s, 0x0089)
    put16(s, 0x18c9)
    put16(s, 0x6809 | layout.NE_CALL << 4)
    put16(s, 0x4663)
    put16(s, 0x681b | layout.X_CODE << 6)
    put16(s, 0x18c9)
    put16(s, 0x3101)
    put16(s, 0x4708)  # bx r1
    # MUL: r3 = high word of the product of two on the stack; from 16-bit halves
    S[layout.N_MUL] = int(here(s))
    put16(s, 0xb417)
    put16(s, 0x9804)
    put16(s, 0x9905)
    put16(s, 0x0c02)
    put16(s, 0x0c0c)
    put16(s, 0xb280)
    put16(s, 0xb289)
    put16(s, 0x4603)
    put16(s, 0x434b)
    put16(s, 0x4351)
    put16(s, 0x4360)
    put16(s, 0x4362)
    put16(s, 0x0c1b)
    put16(s, 0xb28c)
    put16(s, 0x191b)
    put16(s, 0xb284)
    put16(s, 0x191b)
    put16(s, 0x0c1b)
    put16(s, 0x0c09)
    put16(s, 0x185b)
    put16(s, 0x0c00)
    put16(s, 0x181b)
    put16(s, 0x189b)
    put16(s, 0xbc17)
    put16(s, 0x4770)
    # DIV: r3 = the first on the stack by the second; bit 0 of r3: unsigned, bit 1: the remainder
    S[layout.N_DIV] = int(here(s))
    put16(s, 0xb477)
    put16(s, 0x9806)
    put16(s, 0x9907)
    put16(s, 0x001d)
    put16(s, 0x2400)
    put16(s, 0x07ea)
    put16(s, 0xd109)
    put16(s, 0x0004)
    put16(s, 0x07aa)
    put16(s, 0xd400)
    put16(s, 0x404c)
    put16(s, 0x2800)
    put16(s, 0xda00)
    put16(s, 0x4240)
    put16(s, 0x2900)
    put16(s, 0xda00)
    put16(s, 0x4249)
    put16(s, 0x2200)
    put16(s, 0x2301)
    put16(s, 0x4281)
    put16(s, 0xd204)
    put16(s, 0x2900)
    put16(s, 0xd402)
    put16(s, 0x0049)
    put16(s, 0x005b)
    put16(s, 0xe7f8)
    put16(s, 0x4288)
    put16(s, 0xd301)
    put16(s, 0x1a40)
    put16(s, 0x431a)
    put16(s, 0x0849)
    put16(s, 0x085b)
    put16(s, 0xd1f8)
    put16(s, 0x07ab)
    put16(s, 0xd500)
    put16(s, 0x4602)
    put16(s, 0x2c00)
    put16(s, 0xda00)
    put16(s, 0x4252)
    put16(s, 0x4613)
    put16(s, 0xbc77)
    put16(s, 0x4770)
    # FLOATS: the routine for the words behind the call; on behind them, its result in r0. r4 … r6 stay.
    S[layout.N_FLOATS] = int(here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + layout.R_CONVERT:
        put16(s, 0x4671)  # mov r1, lr
        put16(s, 0x3901)
        _routine(s, a)
        put16(s, 0x6800 | layout.X_FLOAT << 6 | 3 << 3 | 1)
        put16(s, 0x3101)
        put16(s, 0x4708)  # bx r1
        a += 1
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    put16(s, 0x4671)
    put16(s, 0x3901)
    put16(s, 0x7888)  # ldrb r0, [r1, #2]
    put16(s, 0x0080)
    put16(s, 0x19c0)
    put16(s, 0x6802)
    put16(s, 0x6843)
    put16(s, 0xb50d)  # push {r0, r2, r3, lr}
    _routine(s, a)
    put16(s, 0xbc0e)  # pop {r1, r2, r3}
    put16(s, 0x2800)
    put16(s, 0xd001)
    put16(s, 0x600a)
    put16(s, 0x604b)
    put16(s, 0xbc02)
    put16(s, 0x3104)
    put16(s, 0x4708)
    # The loop's way in: (self, n_args, n_kw, args)
    at = int(here(s))
    put16(s, 0xb5f0)
    put16(s, 0x4644)
    put16(s, 0x464d)
    put16(s, 0x4656)
    put16(s, 0x465f)
    put16(s, 0xb4f0)
    put16(s, 0xf3bf)  # dsb, isb: where there are caches, what tier.py has done to them is done (6 cycles elsewhere)
    put16(s, 0x8f4f)
    put16(s, 0xf3bf)
    put16(s, 0x8f6f)
    put16(s, 0x6818)  # ldr r0, [r3]
    put16(s, 0x1040)
    put16(s, 0x0080)
    literal(s, 3, int(S) - S[layout.N_SELF] + S[layout.N_STATE])
    put16(s, 0x469c)  # mov r12, r3
    put16(s, 0x6018 | layout.X_ENV << 6)
    put16(s, 0x6801 | layout.E_SELF << 4)
    put16(s, 0x1a41)  # subs r1, r0, r1
    put16(s, 0x6019 | layout.X_BASE << 6)
    put16(s, 0x466a)  # mov r2, sp
    put16(s, 0x601a | layout.X_SP << 6)
    literal(s, 4, STACK)
    put16(s, 0x1b12)  # subs r2, r2, r4
    put16(s, 0x601a | layout.X_LIMIT << 6)
    put16(s, 0x6807 | layout.E_FP << 4)
    put16(s, 0x187f)
    put16(s, 0x6802 | layout.E_CS << 4)
    put16(s, 0x1852)
    put16(s, 0x601a | layout.X_CS << 6)
    put16(s, 0x6802 | layout.E_FUEL << 4)
    put16(s, 0x4692)  # mov r10, r2
    put16(s, 0x2200)
    put16(s, 0x43d2)
    put16(s, 0x4693)  # mov r11, r2
    put16(s, 0x6802 | layout.E_INST << 4)
    put16(s, 0x601a | layout.X_INST << 6)
    put16(s, 0x1852)
    put16(s, 0x6814 | layout.I_GLOBALS << 4)
    put16(s, 0x1864)
    put16(s, 0x601c | layout.X_GLOBALS << 6)
    put16(s, 0x6814 | layout.I_MEM0 << 4)
    put16(s, 0x2500)
    put16(s, 0x2600)
    put16(s, 0x2c00)
    put16(s, 0xd003)  # beq: no memory
    put16(s, 0x1864)
    put16(s, 0x6825 | layout.MM_DATA << 4)
    put16(s, 0x186d)
    put16(s, 0x6826 | layout.MM_BYTES << 4)  # r6
    put16(s, 0x46a8)  # mov r8, r5
    put16(s, 0x46b1)  # mov r9, r6
    put16(s, 0x0772)  # lsls r2, r6, #29
    put16(s, 0xd003)
    # a size that is no multiple of 8: not for native code
    put16(s, 0x6800 | layout.E_IP << 4)
    put16(s, 0x2100 | layout.S_UNDO)
    outside(s, S[layout.N_EXIT])
    put16(s, 0x6802 | layout.E_IP << 4)
    put16(s, 0x1854)  # adds r4, r2, r1
    put16(s, 0x6824)
    put16(s, 0x0a24)
    put16(s, 0x00a4)
    put16(s, 0x1864)
    put16(s, 0x6825 | layout.NE_CODE << 4)
    put16(s, 0x6826 | layout.NE_LOADER << 4)
    put16(s, 0x681b | layout.X_CODE << 6)
    put16(s, 0x18ed)
    put16(s, 0x18f6)
    put16(s, 0x3501)
    put16(s, 0x3601)
    # a bl over the way back, which sets lr to it
    put16(s, 0xf000)
    put16(s, 0xf80d)
    put16(s, 0x4663)
    put16(s, 0x6819 | layout.X_BASE << 6)
    put16(s, 0x6818 | layout.X_CS << 6)
    put16(s, 0x3804)
    put16(s, 0x6800)
    put16(s, 0x1842)  # adds r2, r0, r1
    put16(s, 0x7852)
    put16(s, 0x0092)
    put16(s, 0x1abf)  # subs r7, r7, r2
    put16(s, 0x3004)
    put16(s, 0x2100)
    outside(s, S[layout.N_EXIT])
    put16(s, 0xb500)  # push {lr}
    put16(s, 0x46ae)  # mov lr, r5
    put16(s, 0x4730)  # bx r6
    literals(s)
    return at
