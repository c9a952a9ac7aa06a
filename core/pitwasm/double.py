# f64 arithmetic in integers: exact IEEE-754 on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# As single.py, with significands of 56 bits in two limbs of 28: 53 bits and three to round by. The leading bit is bit 27
# of the high limb, the lowest bit of the low one is sticky. What a limb loses when it is shifted right by n is what
# `limb << (28 - n)` leaves in 28 bits.

import micropython
from micropython import const

from . import layout

if TRACE:  # for tools/counting.py
    from .tally import tally

_M14 = const(0x3FFF)
_M28 = const(0xFFFFFFF)
_ONE = const(1 << 27)  # the leading bit of a significand, in the high limb
_NAN = const(4095)  # << 19: the high word of the canonical NaN


@micropython.viper
def double(hi: int):
    """Run f64 operations of two operands, from the one at E_IP on; called as single() is.

    The low five bits of an operation: 16 add, 17 sub, 18 mul, 19 div, 20 min, 21 max, 22 copysign, 24 eq, 25 ne, 26 lt,
    27 le.
    """
    lo = hi << 2  # hi and lo live in registers: they are the limbs of the operand a, and of the result
    env = ptr32(lo)
    base = lo - env[layout.E_SELF >> 2]
    ip = base + env[layout.E_IP >> 2]
    fp = base + env[layout.E_FP >> 2]
    m28 = _M28
    inf = 2047
    inf <<= 20
    while True:
        hi = fp
        lo = ip
        op = ptr8(lo)[0] ^ (layout.OP_FLOAT + 16)
        if TRACE:
            tally(lo)
        pd = ptr32((ptr8(lo)[1] << 2) + hi)
        if op & 0xF0:
            if op == layout.OP_CONST64_W ^ (layout.OP_FLOAT + 16):
                pd[0] = ptr32(lo)[1]
                pd[1] = ptr32(lo)[2]
                ip += 12
                continue
            env[layout.E_IP >> 2] = lo - base
            return
        ip += 4
        pa = ptr32((ptr8(lo)[2] << 2) + hi)
        pb = ptr32((ptr8(lo)[3] << 2) + hi)
        if op & 12:
            # ---- compare, or choose one of two ----
            hi = pa[1]
            bh = pb[1]
            lo = pa[0]
            bl = pb[0]
            if op == 6:
                pd[0] = lo
                pd[1] = hi ^ (((hi ^ bh) >> 31) << 31)
                continue
            order = 0  # of a against b: -1, 0, 1
            if hi != bh:
                order = -1
                if uint(hi) > uint(bh):
                    order = 1
            elif lo != bl:
                order = -1
                if uint(lo) > uint(bl):
                    order = 1
            if uint(hi | bh) >> 31:  # a negative operand turns it round, and -0 comes before 0
                order = 0 - order
                if op & 8 and (Z32((hi | bh) << 1) | lo | bl) == 0:  # but they are equal
                    order = 0
            t = hi << 1
            k = bh << 1
            n = inf << 1
            nan = 0
            if U32(t) >= U32(n) and (Z32(t - n) or lo) or U32(k) >= U32(n) and (Z32(k - n) or bl):
                nan = 1
            if op & 8:
                t = 0
                if op & 2:  # lt, le
                    if order < (op & 1):
                        t = 1 - nan
                else:  # eq, ne
                    t = ((order | nan) ^ op ^ 1) & 1
                pd[0] = t
                continue
            if op & 1:  # max
                order = 0 - order
            if order > 0:
                hi = bh
                lo = bl
            if nan:
                lo = 0
                hi = _NAN
                hi <<= 19
            pd[0] = lo
            pd[1] = hi
            continue

        # ---- take the operands apart ----
        hi = pb[1]
        lo = pb[0]
        sg = hi
        eb = (hi >> 20) & 2047
        bh = ((hi << 7) & m28) | int(uint(lo) >> 25)
        bl = (lo << 3) & m28
        hi = pa[1]
        lo = pa[0]
        ha = hi
        ea = (hi >> 20) & 2047
        hi = ((hi << 7) & m28) | int(uint(lo) >> 25)
        lo = (lo << 3) & m28
        if op & 2:
            # ---- mul, div ----
            sg = ((ha ^ sg) >> 31) << 31
            if (ea + 1) & 2046 and (eb + 1) & 2046:
                hi |= _ONE
                bh |= _ONE
            else:
                if ea:
                    hi |= _ONE
                else:
                    ea = 1
                if eb:
                    bh |= _ONE
                else:
                    eb = 1
                # A zero, infinity or NaN decides: 1 the result is zero, 2 infinite, 3 a NaN.
                n = 0
                if (hi | lo) == 0:
                    n = 1
                elif ea == 2047:
                    n = 2
                if (bh | bl) == 0:
                    n |= 1 + (op & 1)
                elif eb == 2047:
                    n |= 2 - (op & 1)
                if (ea == 2047 and (hi ^ _ONE) | lo) or (eb == 2047 and (bh ^ _ONE) | bl):
                    n = 3
                if n:
                    if n & 2:
                        sg += inf
                    if n == 3:
                        sg = _NAN
                        sg <<= 19
                    pd[0] = 0
                    pd[1] = sg
                    continue
                # A subnormal is shifted up.
                while hi < _ONE:
                    t = 1
                    if hi < 1 << 13:
                        t = 14
                    elif hi < 1 << 23:
                        t = 4
                    ea -= t
                    hi = (hi << t) | (lo >> (28 - t))
                    lo = (lo << t) & m28
                while bh < _ONE:
                    t = 1
                    if bh < 1 << 13:
                        t = 14
                    elif bh < 1 << 23:
                        t = 4
                    eb -= t
                    bh = (bh << t) | (bl >> (28 - t))
                    bl = (bl << t) & m28
            b1 = bl >> 14
            b0 = bl & _M14
            if op & 1:
                # Four digits of 13 bits, each at most 2 too small: the divisor is rounded up to 15 bits. So the remainder
                # stays below 2.1 divisors, a digit below 2.1 * 2**13, and what is missing is put right at the end.
                ea = ea - eb + 1022
                t = hi - bh
                if t == 0:
                    t = lo - bl
                if t < 0:
                    ea -= 1
                    lo <<= 1
                    hi = (hi << 1) + (lo >> 28)
                    lo &= m28
                k = (bh >> 13) + 1
                al = lo
                qh = 0
                t = 0
                n = 4
                while n:
                    if n == 2:
                        qh = t
                        t = 0
                    n -= 1
                    lo = hi // k
                    t = (t << 13) + lo
                    hi <<= 13
                    hi -= lo * bh
                    hi += al >> 15
                    al = ((al << 13) & m28) - ((lo * bl) & m28)
                    hi += al >> 28
                    al &= m28
                    hi -= (((lo * b0) >> 14) + lo * b1) >> 14
                # One bit more to round by: at most five steps.
                t <<= 1
                lo = (al << 1) - bl
                n = (hi << 1) - bh + (lo >> 28)
                while n >= 0:
                    t += 1
                    al = lo & m28
                    hi = n
                    lo = al - bl
                    n = hi - bh + (lo >> 28)
                lo = t << 2
                if hi | al:
                    lo |= 1
                hi = (qh << 1) + (lo >> 28)
                lo &= m28
            else:
                # Sixteen products of 14 by 14 bits, by columns; four of them and a carry stay below 2**31.
                ea += eb - 1023
                b3 = bh >> 14
                b2 = bh & _M14
                a3 = hi >> 14
                a2 = hi & _M14
                a1 = lo >> 14
                hi = lo & _M14
                lo = hi * b0
                t = lo
                lo >>= 14
                lo += hi * b1
                lo += a1 * b0
                t |= lo
                lo >>= 14
                lo += hi * b2
                lo += a1 * b1
                lo += a2 * b0
                t |= lo
                lo >>= 14
                lo += hi * b3
                hi = a3
                lo += hi * b0
                lo += a1 * b2
                lo += a2 * b1
                t |= lo
                lo >>= 14
                lo += hi * b1
                lo += a1 * b3
                lo += a2 * b2
                k = lo & _M14
                lo >>= 14
                lo += hi * b2
                lo += a2 * b3
                hi *= b3
                hi += lo >> 14
                lo = ((lo & _M14) << 14) | k
                if t & _M14:
                    lo |= 1
                if hi < _ONE:
                    ea -= 1
                    lo <<= 1
                    hi <<= 1
                    hi += lo >> 28
                    lo &= m28
        else:
            # ---- add, sub ----
            n = (((ha ^ sg) >> 31) ^ op) & 1  # the signs differ
            sg = (ha >> 31) << 31
            if (ea + 1) & 2046 and (eb + 1) & 2046:
                hi |= _ONE
                bh |= _ONE
            else:
                if ea == 2047 or eb == 2047:
                    t = inf
                    if (ea == 2047 and (hi ^ _ONE) | lo) or (eb == 2047 and (bh ^ _ONE) | bl) or ea == eb and n:
                        t = _NAN
                        t <<= 19
                    elif ea == 2047:
                        t += sg
                    else:
                        t += sg ^ (n << 31)
                    pd[0] = 0
                    pd[1] = t
                    continue
                if ea:
                    hi |= _ONE
                else:
                    ea = 1
                if eb:
                    bh |= _ONE
                else:
                    eb = 1
            k = ea - eb
            if k:
                if k < 0:  # change places: a has the greater exponent
                    k = 0 - k
                    ea = eb
                    t = hi
                    hi = bh
                    bh = t
                    t = lo
                    lo = bl
                    bl = t
                    sg ^= n << 31
                if k > 27:
                    if bl:
                        bh |= 1
                    bl = bh
                    bh = 0
                    k -= 28
                    if k > 27:
                        k = 27
                t = 28 - k
                eb = (bl << t) & m28
                bl = (bl >> k) | ((bh << t) & m28)
                bh >>= k
                if eb:
                    bl |= 1
            ea -= 1
            if n:
                lo -= bl
                hi -= bh
                hi += lo >> 28
                lo &= m28
                if hi < 0:
                    sg ^= n << 31
                    lo = 0 - lo
                    hi = (lo >> 28) - hi
                    lo &= m28
                if hi < _ONE:
                    # Something cancelled: bring the leading bit to its place.
                    k = 1
                    if hi < 1 << 26:
                        if hi == 0:
                            if lo == 0:
                                pd[0] = 0
                                pd[1] = 0
                                continue
                            hi = lo
                            lo = 0
                            ea -= 28
                        t = hi
                        k = 0
                        if t < 1 << 12:
                            t <<= 16
                            k = 16
                        if t < 1 << 20:
                            t <<= 8
                            k += 8
                        if t < 1 << 24:
                            t <<= 4
                            k += 4
                        if t < 1 << 26:
                            t <<= 2
                            k += 2
                        if t < 1 << 27:
                            k += 1
                    ea -= k
                    hi <<= k
                    hi |= lo >> (28 - k)
                    lo = (lo << k) & m28
            else:
                lo += bl
                hi += bh
                hi += lo >> 28
                lo &= m28
                if hi >> 28:
                    ea += 1
                    lo = (lo >> 1) | (lo & 1) | ((hi & 1) << 27)
                    hi >>= 1

        # ---- put the result together ----
        if uint(ea) >= uint(2046):
            if ea > 0:
                pd[0] = 0
                pd[1] = inf + sg
                continue
            k = 0 - ea
            ea = 0
            if k > 27:
                if lo:
                    hi |= 1
                lo = hi
                hi = 0
                k -= 28
                if k > 27:
                    k = 27
            t = (lo << (28 - k)) & m28
            lo = (lo >> k) | ((hi << (28 - k)) & m28)
            hi >>= k
            if t:
                lo |= 1
        lo += 3 + ((lo >> 3) & 1)
        hi += lo >> 28
        lo &= m28
        lo >>= 3
        lo |= hi << 25
        pd[0] = lo
        hi >>= 7
        hi += ea << 20
        hi += sg
        pd[1] = hi
