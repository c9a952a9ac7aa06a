# 64-bit division and bit counting: for the loop by way of bulk.py, and called from machine code (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Functions hand each other addresses / 4 and small numbers only: a pointer or a value beyond 30 bits would be boxed on the heap.
import micropython

from . import layout


@micropython.viper
def _divide(f: int, d: int, a: int, b: int, sub: int) -> int:
    """i64 division by shift and subtract on magnitudes, 32-bit halves; only as many steps as the dividend has bits (WebAssembly 4.3.2)."""
    fp = ptr32(f << 2)
    nl = UC(fp[a])
    nh = UC(fp[a + 1])
    dl = UC(fp[b])
    dh = UC(fp[b + 1])
    if dl | dh == uint(0):
        return layout.TRAP_DIVIDE
    zero = uint(0)
    one = uint(1)
    top = U32((1 << 30) << 1)
    negative = 0
    if sub & 1 == 0:
        flip = 0
        if nh & top:
            nl = U32(int(zero - nl))
            nh = U32(int(nh ^ U32(0 - 1)))
            if nl == zero:
                nh = U32(int(nh + one))
            negative = 1
            flip = 1
        if dh & top:
            dl = U32(int(zero - dl))
            dh = U32(int(dh ^ U32(0 - 1)))
            if dl == zero:
                dh = U32(int(dh + one))
            flip = flip ^ 1
        if sub & 2 == 0:
            negative = flip
    rl = zero
    rh = zero
    n = 64
    if nh == zero:  # a dividend of one word: its quotient too
        nh = nl
        nl = zero
        n = 32
    while n:
        carry = rh & top  # the bit that leaves: then the remainder is above any divisor
        rh = U32(int(rh << 1)) | rl >> 31
        rl = U32(int(rl << 1)) | nh >> 31
        nh = U32(int(nh << 1)) | nl >> 31
        nl = U32(int(nl << 1))
        if carry or rh > dh or (rh == dh and rl >= dl):
            if rl < dl:
                rh = U32(int(rh - one))
            rl = U32(int(rl - dl))
            rh = U32(int(rh - dh))
            nl = nl | one
        n -= 1
    if sub & 2:
        nl = rl
        nh = rh
    elif sub & 1 == 0:
        if nh & top:
            if negative == 0:
                return layout.TRAP_OVERFLOW
    if negative:
        nl = U32(int(zero - nl))
        nh = U32(int(nh ^ U32(0 - 1)))
        if nl == zero:
            nh = U32(int(nh + one))
    fp[d] = int(nl)
    fp[d + 1] = int(nh)
    return 0


@micropython.viper
def _count(f: int, sub: int) -> int:
    """clz (0), ctz (1), popcnt (2) of the cell at f << 2."""
    v = UC(ptr32(f << 2)[0])
    n = 0
    if sub == 2:
        while v:
            n += int(v & uint(1))
            v = v >> 1
        return n
    if v == uint(0):
        return 32
    if sub:
        while v & uint(255) == uint(0):
            v = v >> 8
            n += 8
        while v & uint(1) == uint(0):
            v = v >> 1
            n += 1
        return n
    while v >> 24 == uint(0):
        v = U32(int(v << 8))
        n += 8
    while v >> 31 == uint(0):
        v = U32(int(v << 1))
        n += 1
    return n


@micropython.viper
def integer(a: int) -> int:
    """Run the word at E_IP, [RARE, layout.SUB_I64_DIV_S … SUB_I32_POPCNT, d, a][b, …]; the environment's address comes divided by 4.
    Leaves E_IP behind it. 0, or the status it traps with: then the frame is as it was."""
    env = ptr32(a << 2)
    a <<= 2
    a -= env[layout.E_SELF >> 2]
    ip = ptr8(a + env[layout.E_IP >> 2])
    env[layout.E_IP >> 2] += 8
    fp = ptr32(a + env[layout.E_FP >> 2])
    a = int(fp) >> 2
    sub = ip[1]
    d = ip[2]
    y = ip[3]
    if sub < 4:
        return int(_divide(a, d, y, ip[4], sub))
    a += y
    if sub >= layout.SUB_I32_CLZ:
        fp[d] = int(_count(a, sub - layout.SUB_I32_CLZ))
        return 0
    sub -= layout.SUB_I64_CLZ
    if sub == 2:
        n = int(_count(a, 2)) + int(_count(a + 1, 2))
    elif sub:
        n = int(_count(a, 1)) if fp[y] else 32 + int(_count(a + 1, 1))
    else:
        n = int(_count(a + 1, 0)) if fp[y + 1] else 32 + int(_count(a, 0))
    fp[d] = n
    fp[d + 1] = 0
    return 0
