# Native tier: loads and stores of memory 0, and i64, whose values are two slots
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .callfloat import floats
from .lower import constant, copy, define, drop, pend, save, take, use, wrote
from .machine import asm


@micropython.viper
def memory(s: int, k: int, g: int, at: int, gone: int):
    """Loads and stores of memory 0."""
    S = ptr32(s << 2)
    ip = ptr8(int(S) - S[layout.N_SELF] + at)
    size = ptr8(b"\x04\x01\x01\x02\x02\x08\x04\x01\x02\x08")[g]
    x = ip[1]
    y = ip[2]
    off = ip[3]
    if k == layout.L_LOADW or k == layout.L_STOREW:
        off = ptr32(ip)[1]
    elif k == layout.L_LOADC or k == layout.L_STOREC:
        off = ptr16(ip)[1]
    a = 0
    v = 0
    if k == layout.L_LOADC or k == layout.L_STOREC:
        if k == layout.L_STOREC:
            v = int(use(s, x))
        S[layout.N_IMM] = off
        S[layout.N_FIX] = 0
        pend(s, int(asm(s, layout.A_CHECKC, 0, 0, size)), S[layout.N_FIX])
        if k == layout.L_STOREC:
            S[layout.N_IMM] = off
            asm(s, layout.A_STOREC, v, 0, g)
            if gone & 1:
                drop(s, x)
            return
        a = int(define(s, x))
        S[layout.N_IMM] = off
        asm(s, layout.A_LOADC, a, 0, g)
    else:
        if g >= 6:
            a = int(use(s, x))
            v = int(use(s, y))
            if size == 8:
                v = v | int(use(s, y + 1)) << 8
        else:
            a = int(use(s, y))
        S[layout.N_IMM] = off
        S[layout.N_FIX] = 0
        pend(s, int(asm(s, layout.A_CHECK, 0, a, size)), S[layout.N_FIX])
        if g >= 6:
            S[layout.N_IMM] = off
            asm(s, layout.A_STORE, v, a, g)
            if gone & 1:
                drop(s, x)
            if gone & 2:
                drop(s, y)
                if size == 8:
                    drop(s, y + 1)
            return
        if gone & 2:
            drop(s, y)
        v = int(define(s, x))
        if size == 8:
            v = v | int(define(s, x + 1)) << 8
        S[layout.N_IMM] = off
        asm(s, layout.A_LOAD, v, a, g)
    if gone & 16:
        drop(s, x)
        if size == 8:
            drop(s, x + 1)
        return
    wrote(s, x)
    if size == 8:
        wrote(s, x + 1)


@micropython.viper
def wide(s: int, k: int, g: int, xyz: int, gone: int):
    """i64: two slots, the low word first. Pairs are the same or disjoint."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    x = xyz & 255
    y = xyz >> 8 & 255
    z = xyz >> 16 & 255
    h = S[layout.N_SCRATCH]
    if k == layout.L_LOGIC64:
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            r = int(use(s, y + b))
            t = int(use(s, z + b))
            if gone & 2:
                drop(s, y + b)
            if gone & 4:
                drop(s, z + b)
            d = int(define(s, x + b))
            asm(s, g, d, r, t)
            wrote(s, x + b)
            b += 1
    elif k == layout.L_ADD64 or k == layout.L_SUB64:
        # constants first: making one may change the carry
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            if B[layout.N_SR + y + b] == 0xfe:
                use(s, y + b)
            if B[layout.N_SR + z + b] == 0xfe:
                use(s, z + b)
            b += 1
        g = layout.A_ADDC
        if k == layout.L_SUB64:
            g = layout.A_SUBC
        b = 0
        while b < 2:
            S[layout.N_LOCKED] = 0
            r = int(use(s, y + b))
            t = int(use(s, z + b))
            if gone & 2:
                drop(s, y + b)
            if gone & 4:
                drop(s, z + b)
            d = int(define(s, x + b))
            asm(s, g + b, d, r, t)
            wrote(s, x + b)
            b += 1
    elif k == layout.L_MUL64:
        r = int(use(s, y))
        t = int(use(s, z))
        d = int(take(s))
        b = int(take(s))
        asm(s, layout.A_MULH, d, r, t)
        copy(s, b, y + 1)
        asm(s, layout.A_MUL, b, b, t)
        asm(s, layout.A_ADD, d, d, b)
        copy(s, b, z + 1)
        asm(s, layout.A_MUL, b, b, r)
        asm(s, layout.A_ADD, d, d, b)
        asm(s, layout.A_MUL, b, r, t)
        # the two registers become the result's
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        asm(s, layout.A_MOV, int(_own(s, x, b)), b, 0)
        asm(s, layout.A_MOV, int(_own(s, x + 1, d)), d, 0)
        wrote(s, x)
        wrote(s, x + 1)
    elif k == layout.L_SHIFT64 or k == layout.L_ROT64:
        if B[layout.N_SR + z] != 0xfe:
            if S[layout.N_FLAGS] & layout.NG_HAS << layout.R_SHIFT:
                floats(s, S[layout.N_WORD], 1, layout.R_SHIFT)
                return
            # no constant after all: the loop does it (the slots behind it are not used before the next label)
            save(s, 0)
            t = ptr8(int(S) + S[layout.N_MARKS])[S[layout.N_WORD]]
            asm(s, layout.A_EXIT, 0, S[layout.N_WORD], 1 if t & layout.MK_ENTRY else 0)
            return
        n = ptr32(int(S) + layout.N_CV)[z] & 63
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        r = int(use(s, y))
        t = int(use(s, y + 1))
        if k == layout.L_ROT64:
            if g:
                n = 0 - n
            if n & 32:
                b = r
                r = t
                t = b
            n = n & 31
            d = int(take(s))
            b = int(take(s))
            if n:
                S[layout.N_IMM] = n
                asm(s, layout.A_SHLI, b, r, 0)
                asm(s, layout.A_SHLI, d, t, 0)
                S[layout.N_IMM] = 32 - n
                asm(s, layout.A_SHRUI, h, t, 0)
                asm(s, layout.A_OR, b, b, h)
                asm(s, layout.A_SHRUI, h, r, 0)
                asm(s, layout.A_OR, d, d, h)
            else:
                asm(s, layout.A_MOV, b, r, 0)
                asm(s, layout.A_MOV, d, t, 0)
            # the two registers become the result's
            if gone & 2:
                drop(s, y)
                drop(s, y + 1)
            asm(s, layout.A_MOV, int(_own(s, x, b)), b, 0)
            asm(s, layout.A_MOV, int(_own(s, x + 1, d)), d, 0)
            wrote(s, x)
            wrote(s, x + 1)
            if gone & 16:
                drop(s, x)
                drop(s, x + 1)
            return
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
            S[layout.N_LOCKED] = 1 << r | 1 << t
        if g:
            # right: the low word is made first
            d = int(define(s, x)) if gone & 2 == 0 else int(_own(s, x, r))
            b = layout.A_SHRUI
            if g == 1:
                b = layout.A_SHRSI
            if n == 0:
                asm(s, layout.A_MOV, d, r, 0)
            elif n < 32:
                S[layout.N_IMM] = 32 - n
                asm(s, layout.A_SHLI, h, t, 0)
                S[layout.N_IMM] = n
                asm(s, layout.A_SHRUI, d, r, 0)
                asm(s, layout.A_OR, d, d, h)
            elif n == 32:
                asm(s, layout.A_MOV, d, t, 0)
            else:
                S[layout.N_IMM] = n - 32
                asm(s, b, d, t, 0)
            d = int(define(s, x + 1)) if gone & 2 == 0 else int(_own(s, x + 1, t))
            if n == 0:
                asm(s, layout.A_MOV, d, t, 0)
            elif n < 32:
                S[layout.N_IMM] = n
                asm(s, b, d, t, 0)
            elif g == 1:
                S[layout.N_IMM] = 31
                asm(s, b, d, t, 0)
            else:
                S[layout.N_IMM] = 0
                asm(s, layout.A_IMM, d, 0, 0)
        else:
            d = int(define(s, x + 1)) if gone & 2 == 0 else int(_own(s, x + 1, t))
            if n == 0:
                asm(s, layout.A_MOV, d, t, 0)
            elif n < 32:
                S[layout.N_IMM] = 32 - n
                asm(s, layout.A_SHRUI, h, r, 0)
                S[layout.N_IMM] = n
                asm(s, layout.A_SHLI, d, t, 0)
                asm(s, layout.A_OR, d, d, h)
            elif n == 32:
                asm(s, layout.A_MOV, d, r, 0)
            else:
                S[layout.N_IMM] = n - 32
                asm(s, layout.A_SHLI, d, r, 0)
            d = int(define(s, x)) if gone & 2 == 0 else int(_own(s, x, r))
            if n == 0:
                asm(s, layout.A_MOV, d, r, 0)
            elif n < 32:
                S[layout.N_IMM] = n
                asm(s, layout.A_SHLI, d, r, 0)
            else:
                S[layout.N_IMM] = 0
                asm(s, layout.A_IMM, d, 0, 0)
        wrote(s, x)
        wrote(s, x + 1)
    elif k == layout.L_CMP64:
        r = int(use(s, y)) | int(use(s, y + 1)) << 8
        t = int(use(s, z)) | int(use(s, z + 1)) << 8
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        if gone & 4:
            drop(s, z)
            drop(s, z + 1)
        S[layout.N_LOCKED] = 0
        d = int(define(s, x))
        S[layout.N_KIND] = g
        asm(s, layout.A_SET64, d, r, t)
        wrote(s, x)
    elif k == layout.L_EQZ64:
        r = int(use(s, y))
        t = int(use(s, y + 1))
        asm(s, layout.A_OR, h, r, t)
        if gone & 2:
            drop(s, y)
            drop(s, y + 1)
        d = int(define(s, x))
        S[layout.N_KIND] = 0
        S[layout.N_IMM] = 0
        asm(s, layout.A_SETI, d, h, 0)
        wrote(s, x)
    else:
        r = int(use(s, y))
        if gone & 2:
            drop(s, y)
        S[layout.N_LOCKED] = 1 << r
        d = int(define(s, x))
        asm(s, layout.A_MOV, d, r, 0)
        wrote(s, x)
        if k == layout.L_EXTS64:
            t = int(define(s, x + 1))
            S[layout.N_IMM] = 31
            asm(s, layout.A_SHRSI, t, d, 0)
            wrote(s, x + 1)
        else:
            constant(s, x + 1, 0)
    if gone & 16:
        drop(s, x)
        if k != layout.L_CMP64 and k != layout.L_EQZ64:
            drop(s, x + 1)


@micropython.viper
def _own(s: int, slot: int, r: int) -> int:
    """Register r, which nothing is in, becomes the slot's, unless the slot is pinned; the slot's register."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    t = B[layout.N_SR + slot]
    if t < 16:
        if B[layout.N_RF + t] == layout.RF_PINNED:
            return t
        if t != r:
            B[layout.N_RF + t] = layout.RF_FREE
    if B[layout.N_RF + r] != layout.RF_FREE:
        # still some other slot's
        B[layout.N_SR + slot] = 0xff
        return int(define(s, slot))
    B[layout.N_RF + r] = layout.RF_DIRTY
    B[layout.N_RS + r] = slot
    B[layout.N_SR + slot] = r
    B[layout.N_RT + r] = S[layout.N_TICK]
    return r
