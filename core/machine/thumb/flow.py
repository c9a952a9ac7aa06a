# Native tier: Cortex-M, the flow of control: branches, calls, exits, the frame of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .encode import CONDS, NAMES, branch_ahead, compare, link, literal, literals, outside, put16, set_to


@micropython.viper
def branches(s: int, op: int, a: int, b: int) -> int:
    """Branches within a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op <= layout.A_BRI:
        compare(s, imm, names[a], names[b] if op == layout.A_BRR else 8)
        return int(branch_ahead(s, ptr8(CONDS)[S[layout.N_KIND]]))
    if op == layout.A_JUMP:
        return int(branch_ahead(s, 14))
    if op == layout.A_BACK:
        put16(s, 0x44da)
        put16(s, 0x45da)
        at = S[layout.N_AT]
        t = S[layout.N_TARGET] - at
        if t > 0 - 250:
            put16(s, 0xd100 | (t - 4 >> 1 & 0xff))
        elif t > 0 - 2000:
            put16(s, 0xd000)
            put16(s, 0xe000 | (t - 6 >> 1 & 0x7ff))
        else:
            put16(s, 0xd001)
            S[layout.N_AT] = at + 6
            link(s, at + 2, t - 2)
    return 0


@micropython.viper
def _move_frame(s: int, op: int, n: int):
    """Move the frame by n slots: op 0x3700 up, 0x3f00 down."""
    n <<= 2
    while n > 252 and n < 1000:
        put16(s, op | 252)
        n -= 252
    if n < 256:
        if n:
            put16(s, op | n)
    else:
        if op == 0x3f00:
            n = 0 - n
        literal(s, 3, n)
        put16(s, 0x441f)


@micropython.viper
def calls(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    names = ptr8(NAMES)
    if op == layout.A_CALL:
        literal(s, 0, imm)
        if S[layout.N_TARGET] == 0:
            literal(s, 1, S[layout.N_ALSO])
        _move_frame(s, 0x3700, a)
        if S[layout.N_TARGET]:
            at = S[layout.N_AT]
            S[layout.N_AT] = at + 4
            link(s, at, S[layout.N_TARGET] - at)
        else:
            outside(s, S[layout.N_CALL])
        _move_frame(s, 0x3f00, a)
    elif op == layout.A_REF:
        literal(s, 0, imm)
        outside(s, S[layout.N_REF])
        _move_frame(s, 0x3f00, a)
    elif op == layout.A_RET:
        put16(s, 0x4663)
        put16(s, 0x6800 | layout.X_CS << 6 | 3 << 3 | 2)
        put16(s, 0x3204)
        put16(s, 0x6000 | layout.X_CS << 6 | 3 << 3 | 2)
        put16(s, 0xbd00)
    elif op == layout.A_ENTER:
        put16(s, 0xb500)
        put16(s, 0x4663)
        put16(s, 0x6800 | layout.X_CS << 6 | 3 << 3 | 1)
        put16(s, 0x1bca)  # subs r2, r1, r7
        set_to(s, 4, imm)
        put16(s, 0x42a2)
        put16(s, 0xda01)
        outside(s, S[layout.N_FAIL])
        put16(s, 0x6800 | layout.X_LIMIT << 6 | 3 << 3 | 2)
        put16(s, 0x4595)
        put16(s, 0xd201)
        outside(s, S[layout.N_FAIL])
        put16(s, 0x3904)
        put16(s, 0x6000 | layout.X_CS << 6 | 3 << 3 | 1)
        put16(s, 0x6008)
        if b:
            put16(s, 0x2200)
            if b < 8 and a + b < 32:
                while b:
                    put16(s, 0x6000 | a << 6 | 7 << 3 | 2)
                    a += 1
                    b -= 1
            else:
                set_to(s, 1, b)
                set_to(s, 4, a << 2)
                put16(s, 0x19e4)  # adds r4, r4, r7
                put16(s, 0x6022)
                put16(s, 0x3404)
                put16(s, 0x3901)
                put16(s, 0xd1fb)
        put16(s, 0x44da)
        put16(s, 0x45da)
        put16(s, 0xd103)
        literal(s, 0, S[layout.N_FUNC])
        put16(s, 0x2100 | layout.S_FUEL)
        outside(s, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        at = S[layout.N_AT]
        S[layout.N_AT] = at + 4
        link(s, at, S[layout.N_LEAVE] - at)
        put16(s, a | b << 14)
    elif op == layout.A_LEAVE:
        # the word's number follows the bl that came here
        put16(s, 0x4670)
        put16(s, 0x3801)
        put16(s, 0x8800)
        put16(s, 0x0b81)
        put16(s, 0x0480)
        put16(s, 0x0c00)
        literal(s, 2, S[layout.N_FUNC])
        put16(s, 0x1880)
        outside(s, S[layout.N_EXIT] - 10)
    elif op == layout.A_LOADED:
        put16(s, 0x4770)
    elif op == layout.A_FIX:
        p = ptr16(int(S) + imm)
        t = S[layout.N_TARGET] - imm
        b = p[0]
        if b >= 0xf000:
            link(s, imm, t)
        elif b >= 0xe000:
            t -= 4
            if t >= 2048 or t < 0 - 2048:
                return 1
            p[0] = 0xe000 | (t >> 1 & 0x7ff)
        else:
            t -= 4
            if t >= 256 or t < 0 - 256:
                return 1
            p[0] = b & 0xff00 | (t >> 1 & 0xff)
    elif op == layout.A_TABLE:
        put16(s, 2 << 6 | names[a] << 3 | 3)
        put16(s, 0x449f)
        put16(s, 0x46c0)
    elif op == layout.A_ENTRY:
        put16(s, 0xf000)
        put16(s, 0xf800)
        return S[layout.N_AT] - 4
    elif op == layout.A_FLUSH:
        literals(s)
    return 0
