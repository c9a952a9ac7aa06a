# Floating-point arithmetic in integers: exact IEEE-754 single and double on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# Specification: WebAssembly core, "Floating-Point Operations": round to nearest, ties to even. A NaN that comes out of
# arithmetic is always the positive canonical one; copysign moves a sign bit and nothing else. The operations of one
# operand are in convert.py.
#
# A number is taken apart into a sign word (its bit 31 counts), a biased exponent and a significand of 56 bits in two limbs of 28. Its
# leading bit is bit 27 of the high limb, the lowest bit of the low limb is sticky. A double's 53 bits leave three to round by; a single
# has its 24 bits and four more in the high limb, and the low one is 0. No value that matters leaves 31 bits, so that the same lines are
# right in words of 32 and of 64 bits. What a limb loses when it is shifted right by n is what `limb << (28 - n)` leaves in 28 bits.

import micropython
from micropython import const

from .convert import unary

_M14 = const(0x3FFF)
_M28 = const(0xFFFFFFF)
_ONE = const(1 << 27)  # the leading bit of a significand, in the high limb
_QUIET = const(1 << 26)  # the bit below it: all that is set in a canonical NaN
_NAN = const(9000)  # exponent that stands for NaN: sums of exponents stay far below


@micropython.viper
def binary(hi: int, lo: int):
    """Run an operation of two operands: hi is the address of its code word / 4, lo that of the frame / 4 (small integers everywhere).

    The low five bits of the operation: bit 4 double; 0 add, 1 sub, 2 mul, 3 div, 4 min, 5 max, 6 copysign, 8 eq, 9 ne, 10 lt, 11 le.
    """
    # The arguments live in registers: they become the two limbs of the operand a, and of the result.
    hi <<= 2
    lo <<= 2
    op = ptr8(hi)[0]
    pd = ptr32((ptr8(hi)[1] << 2) + lo)
    pa = ptr32((ptr8(hi)[2] << 2) + lo)
    pb = ptr32((ptr8(hi)[3] << 2) + lo)
    if op & 12:
        # ---- compare, or choose one of two: a single is a high word without a low one ----
        if op & 16:
            al = pa[0]
            ha = pa[1]
            bl = pb[0]
            hb = pb[1]
            emax = 2047
            n = 20
        else:
            al = 0
            ha = pa[0]
            bl = 0
            hb = pb[0]
            emax = 255
            n = 23
        if (op & 10) == 2:  # copysign
            ha ^= ((ha ^ hb) >> 31) << 31
        else:
            hi = ha << 1
            lo = hb << 1
            t = emax << (n + 1)  # infinity
            nan = 0
            if U32(hi) >= U32(t) and (Z32(hi - t) or al) or U32(lo) >= U32(t) and (Z32(lo - t) or bl):
                nan = 1
            order = 0  # of a against b: -1, 0, 1
            if ha != hb:
                order = -1
                if uint(ha) > uint(hb):
                    order = 1
            elif al != bl:
                order = -1
                if uint(al) > uint(bl):
                    order = 1
            if uint(ha | hb) >> 31:  # a negative operand turns it round, and -0 comes before 0
                order = 0 - order
                if op & 8 and (Z32(hi | lo) | al | bl) == 0:  # but they are equal
                    order = 0
            if op & 8:
                if op & 2:  # lt, le
                    t = 0
                    if order < (op & 1):
                        t = 1 - nan
                else:  # eq, ne
                    t = ((order | nan) ^ op ^ 1) & 1
                pd[0] = t
                return
            if op & 1:  # max
                order = 0 - order
            if order > 0:
                ha = hb
                al = bl
            if nan:
                ha = (emax + emax + 1) << (n - 1)
                al = 0
        if op & 16:
            pd[0] = al
            pd[1] = ha
        else:
            pd[0] = ha
        return

    # ---- arithmetic: take the operands apart ----
    m28 = _M28
    if op & 16:
        ha = pa[1]
        lo = pa[0]
        hi = ((ha << 7) & m28) | int(uint(lo) >> 25)
        lo = (lo << 3) & m28
        ea = (ha >> 20) & 2047
        hb = pb[1]
        bl = pb[0]
        bh = ((hb << 7) & m28) | int(uint(bl) >> 25)
        bl = (bl << 3) & m28
        eb = (hb >> 20) & 2047
        emax = 2047
    else:
        ha = pa[0]
        hi = (ha << 4) & m28
        lo = 0
        ea = (ha >> 23) & 255
        hb = pb[0]
        bh = (hb << 4) & m28
        bl = 0
        eb = (hb >> 23) & 255
        emax = 255
    if ea:
        hi |= _ONE
    else:
        ea = 1
    if eb:
        bh |= _ONE
    else:
        eb = 1

    if op & 2:
        # ---- mul, div ----
        sg = ha ^ hb
        if ea == emax or eb == emax:
            if (ea == emax and (hi ^ _ONE) | lo) or (eb == emax and (bh ^ _ONE) | bl):
                ea = _NAN
            elif op & 1:
                if eb == emax:
                    if ea == emax:
                        ea = _NAN
                    else:
                        ea = 1
                        hi = 0
                        lo = 0
            elif (hi | lo) == 0 or (bh | bl) == 0:
                ea = _NAN
            else:
                ea = emax
        elif (hi | lo) == 0 or (bh | bl) == 0:
            if op & 1 and (bh | bl) == 0:
                ea = emax
                if (hi | lo) == 0:
                    ea = _NAN
            else:
                ea = 1
                hi = 0
                lo = 0
        else:
            n = 2
            if hi & bh & _ONE:
                n = 0
            while n:  # a subnormal operand: shift it up, and change places, twice
                n -= 1
                while hi < _ONE:
                    k = 1
                    if hi < 1 << 13:
                        k = 14
                    elif hi < 1 << 23:
                        k = 4
                    ea -= k
                    hi = (hi << k) | (lo >> (28 - k))
                    lo = (lo << k) & m28
                t = hi
                hi = bh
                bh = t
                t = lo
                lo = bl
                bl = t
                t = ea
                ea = eb
                eb = t
            if op & 1:
                # Digits of 13 bits, each at most 2 too small: the divisor is rounded up to 15 bits. So the remainder
                # stays below 2.1 divisors, a digit below 2.1 * 2**13, and what is missing is put right at the end.
                ea = ea - eb + (emax >> 1)
                t = hi - bh
                if t == 0:
                    t = lo - bl
                if t < 0:
                    ea -= 1
                    lo <<= 1
                    hi = (hi << 1) + (lo >> 28)
                    lo &= m28
                k = (bh >> 13) + 1
                if op & 16:
                    al = lo
                    b1 = bl >> 14
                    b0 = bl & _M14
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
                        hi = (hi << 13) - lo * bh + (al >> 15)
                        al = ((al << 13) & m28) - ((lo * bl) & m28)
                        hi -= (lo * b1 + ((lo * b0) >> 14)) >> 14
                        hi += al >> 28
                        al &= m28
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
                    lo = hi // k
                    t = lo << 13
                    hi = (hi << 13) - lo * bh
                    lo = hi // k
                    t += lo
                    hi = (hi << 13) - lo * bh
                    if hi >= bh:
                        hi -= bh
                        t += 1
                    t <<= 1
                    if hi:
                        t |= 1
                    hi = t
                    lo = 0
            else:
                ea += eb - (emax >> 1) + 1
                b3 = bh >> 14
                b2 = bh & _M14
                a3 = hi >> 14
                a2 = hi & _M14
                if op & 16:
                    # Sixteen products of 14 by 14 bits, by columns; four of them and a carry stay below 2**31.
                    b1 = bl >> 14
                    b0 = bl & _M14
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
                    hi = hi * b3 + (lo >> 14)
                    lo = ((lo & _M14) << 14) | k
                    if t & _M14:
                        lo |= 1
                    if hi < _ONE:
                        ea -= 1
                        lo <<= 1
                        hi = (hi << 1) + (lo >> 28)
                        lo &= m28
                else:
                    lo = a2 * b2
                    t = lo
                    lo >>= 14
                    lo += a2 * b3
                    lo += a3 * b2
                    hi = a3 * b3 + (lo >> 14)
                    if (lo | t) & _M14:
                        hi |= 1
                    lo = 0
                    if hi < _ONE:
                        ea -= 1
                        hi <<= 1
    else:
        # ---- add, sub ----
        sg = ha
        differ = (int(uint(ha ^ hb) >> 31) ^ op) & 1
        n = ea - eb
        if n < 0:  # change places: a has the greater exponent
            n = 0 - n
            ea = eb
            t = hi
            hi = bh
            bh = t
            t = lo
            lo = bl
            bl = t
            if differ:
                sg ^= -1
        if ea == emax:
            if (hi ^ _ONE) | lo or n == 0 and ((bh ^ _ONE) | bl or differ):
                ea = _NAN
        else:
            if n:
                if op & 16:
                    if n > 27:
                        if bl:
                            bh |= 1
                        bl = bh
                        bh = 0
                        n -= 28
                        if n > 27:
                            n = 27
                    t = 28 - n
                    k = (bl << t) & m28
                    bl = (bl >> n) | ((bh << t) & m28)
                    bh >>= n
                    if k:
                        bl |= 1
                else:
                    if n > 27:
                        n = 27
                    t = bh
                    bh >>= n
                    if bh << n != t:
                        bh |= 1
            if differ:
                lo -= bl
                hi += (lo >> 28) - bh
                lo &= m28
                if hi < 0:
                    sg ^= -1
                    lo = 0 - lo
                    hi = (lo >> 28) - hi
                    lo &= m28
            else:
                lo += bl
                hi += bh + (lo >> 28)
                lo &= m28
                if hi >> 28:
                    ea += 1
                    lo = (lo >> 1) | (lo & 1) | ((hi & 1) << 27)
                    hi >>= 1
            if hi < _ONE:
                # Something cancelled: bring the leading bit to its place.
                k = 1
                if hi < 1 << 26:
                    if hi == 0:
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
                if hi:
                    hi = (hi << k) | (lo >> (28 - k))
                    lo = (lo << k) & m28
                else:
                    ea = 1
                    if differ:
                        sg = 0

    # ---- put the result together ----
    ea -= 1
    if uint(ea) >= uint(emax - 1):
        if ea >= 0:
            hi = 0
            lo = 0
            if ea >= _NAN - 1:
                sg = 0
                hi = _QUIET
            ea = emax
        else:
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
    if op & 16:
        lo += 3 + ((lo >> 3) & 1)
        hi += lo >> 28
        pd[0] = ((lo & m28) >> 3) | (hi << 25)
        pd[1] = (hi >> 7) + (ea << 20) + ((sg >> 31) << 31)
    else:
        if lo:
            hi |= 1
        hi += 7 + ((hi >> 4) & 1)
        pd[0] = (hi >> 4) + (ea << 23) + ((sg >> 31) << 31)


@micropython.viper
def flt(pool, ip: int, fp: int) -> int:
    """Any operation, by the offsets of its code word and of its frame in the pool; returns 0 or the status of a trap.

    The slow way in: its globals cost 150 cycles, passing the pool 160, and the call it makes 480.
    """
    ip = (int(ptr8(pool)) + ip) >> 2
    fp = (int(ptr8(pool)) + fp) >> 2
    word = ptr8(ip << 2)
    if (word[0] & 12) != 12:
        binary(ip, fp)
    elif unary(ip, fp):
        return ptr32(fp << 2)[word[1]]
    return 0
