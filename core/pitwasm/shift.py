# i64 shifts and rotations by a variable count, called from machine code: the loop has its own (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout


@micropython.viper
def shift(a: int):
    """Run the word at E_IP, I64_SHIFT or I64_ROT in tools/ops.py; called as integer() in integer.py is. Leaves E_IP behind it."""
    env = ptr32(a << 2)
    a <<= 2
    a -= env[layout.E_SELF >> 2]
    ip = ptr8(a + env[layout.E_IP >> 2])
    env[layout.E_IP >> 2] += 4
    fp = ptr32(a + env[layout.E_FP >> 2])
    op = ip[0]
    n = ip[2]
    lo = fp[n]
    hi = fp[n + 1]
    n = fp[ip[3]]
    if (op ^ layout.OP_I64_ROT) < 2:
        # low bit: to the right
        if op & 1:
            n = 0 - n
        if n & 32:
            t = lo
            lo = hi
            hi = t
        n = n & 31
        if n:
            t = hi << n | int(UC(lo) >> (32 - n))
            lo = lo << n | int(UC(hi) >> (32 - n))
            hi = t
    elif op & 3:
        # to the right; low bit: signed
        t = 0
        if op & 1:
            t = S32(hi) >> 31
        if n & 32:
            lo = hi
            hi = t
        n = n & 31
        if n:
            lo = int(UC(lo) >> n) | hi << (32 - n)
            hi = int(UC(hi) >> n) | t << (32 - n)
    else:
        if n & 32:
            hi = lo
            lo = 0
        n = n & 31
        if n:
            hi = hi << n | int(UC(lo) >> (32 - n))
            lo = lo << n
    n = ip[1]
    fp[n] = lo
    fp[n + 1] = hi
