# Floating-point operations of one operand, and conversions: exact on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# Numbers are taken apart as in double.py: sign word, exponent, significand of 56 bits in limbs of 28, hi:lo.
# Here the exponent is without its bias until the end.

import micropython
from micropython import const

from . import layout

_M14 = const(0x3FFF)
_M28 = const(0xFFFFFFF)
_ONE = const(1 << 27)  # the leading bit of a significand, in the high limb
_QUIET = const(1 << 26)  # the bit below it: all that is set in a canonical NaN
_INF = const(4000)  # exponents of infinity and NaN; others, from the smallest number to an i64, are below
_NAN = const(9000)


@micropython.viper
def convert(hi: int) -> int:
    """Run the operation at E_IP; called as single() in single.py is, but E_IP stays. Returns 0; or, when it traps, 1,
    with the status in the destination's first slot.

    The fourth byte of the code word: 0 abs, 1 neg, 2 ceil, 3 floor, 4 trunc, 5 nearest, 6 sqrt, the same + 8 for f64;
    16 i32.trunc_f32_s, + 1 unsigned, + 2 from f64, + 4 to i64, + 8 saturating; 32 f32.convert_i32_s, + 1 unsigned,
    + 2 from i64; 36 f32.demote_f64; 37 … 40 f64.convert, 41 f64.promote_f32.
    """
    # hi and lo live in registers: they are the two limbs of the operand, and of the result.
    lo = hi << 2
    env = ptr32(lo)
    lo -= env[layout.E_SELF >> 2]
    hi = lo + env[layout.E_IP >> 2]
    lo += env[layout.E_FP >> 2]
    sub = ptr8(hi)[3]
    pd = ptr32((ptr8(hi)[1] << 2) + lo)
    pa = ptr32((ptr8(hi)[2] << 2) + lo)
    m28 = _M28
    if (sub & 54) == 0:
        # abs, neg
        lo = pa[0]
        hi = lo
        if sub & 8:
            hi = pa[1]
        t = hi >> 31
        if sub & 1:
            t = 1
        hi ^= t << 31
        if sub & 8:
            pd[0] = lo
            pd[1] = hi
        else:
            pd[0] = hi
        return 0

    # What goes in and what comes out.
    kind = 4  # of operand: 0 i32_s, 1 i32_u, 2 i64_s, 3 i64_u, 4 float
    wide = sub & 8  # a float operand is a double
    emax = 255  # of the result, when it is a float
    if sub & 32:
        kind = sub & 15
        wide = 1
        if kind > 4:
            kind -= 5
            wide = 0
            emax = 2047
    elif sub & 16:
        wide = sub & 2
    elif wide:
        emax = 2047

    if kind < 4:
        # From an integer: its magnitude.
        lo = pa[0]
        sg = lo
        hi = 0
        if kind & 2:
            hi = pa[1]
            sg = hi
        if kind & 1:
            sg = 0
        elif uint(sg) >> 31:
            lo = Z32(0 - lo)
            if kind & 2:
                hi ^= -1
                if lo == 0:
                    hi += 1
                hi = Z32(hi)
        if kind & 2:
            ea = 55
            lost = 0
            t = int(uint(hi) >> 24)
            if t:  # more than 56 bits: shift them down by up to 8
                n = 0
                while t:
                    t >>= 1
                    n += 1
                ea += n
                lost = lo & ((1 << n) - 1)
                lo = int(uint(lo) >> n) | (hi << (32 - n))
                hi = int(uint(hi) >> n)
            hi = (hi << 4) | (int(uint(lo) >> 28) & 15)
            lo &= m28
            if lost:
                lo |= 1
        else:
            ea = 31
            hi = int(uint(lo) >> 4)
            lo = (lo << 24) & m28
    else:
        # From a float.
        if wide:
            hi = pa[1]
            lo = pa[0]
            sg = hi
            n = 1023
            ea = (hi >> 20) & 2047
            hi = ((hi << 7) & m28) | int(uint(lo) >> 25)
            lo = (lo << 3) & m28
        else:
            hi = pa[0]
            sg = hi
            n = 127
            ea = (hi >> 23) & 255
            hi = (hi << 4) & m28
            lo = 0
        if ea == n + n + 1:
            ea = _INF
            if (hi ^ _ONE) | lo:
                ea = _NAN
        else:
            if ea:
                hi |= _ONE
            else:
                ea = 1
            ea -= n

        if (sub & 48) == 16:
            # To an integer.
            if uint(ea) < uint(28) and (int(uint(sg) >> 31) & sub) == 0:
                # It is small, and may be negative.
                lo = hi >> (27 - ea)
                if uint(sg) >> 31:
                    lo = 0 - lo
                pd[0] = lo
                if sub & 4:
                    pd[1] = lo >> 31
                return 0
            # The magnitude in two words, hi and lo; then range and sign.
            over = 0
            n = 55 - ea
            if ea < 0:
                hi = 0
                lo = 0
            elif ea > 63:
                over = 1
                if ea == _NAN:
                    if (sub & 8) == 0:
                        pd[0] = layout.TRAP_CONVERSION
                        return 1
                    over = 0
                hi = 0
                lo = 0
            elif n < 0:
                n = 0 - n
                lo = Z32(lo | (hi << 28))
                hi = ((hi >> 4) << n) | int(uint(lo) >> (32 - n))
                lo = Z32(lo << n)
            else:
                if n > 27:
                    lo = hi
                    hi = 0
                    n -= 28
                lo = (lo >> n) | ((hi << (28 - n)) & m28)
                hi >>= n
                lo = Z32(lo | (hi << 28))
                hi >>= 4
            sg = int(uint(sg) >> 31)
            t = lo
            if sub & 4:
                t = hi
            elif hi:
                over = 1
            if sub & 1:
                if sg and (hi | lo):
                    over = 1
            elif uint(t) >> 31:  # of all magnitudes with this bit only the most negative number's will do
                t = Z32(t << 1)
                if sub & 4:
                    t |= lo
                if t or sg == 0:
                    over = 1
            if over:
                if (sub & 8) == 0:
                    pd[0] = layout.TRAP_OVERFLOW
                    return 1
                lo = sg - 1  # 0 or all ones; signed: but for the sign
                hi = lo
                t = ((sub & 1) ^ 1) << 31
                if sub & 4:
                    hi ^= t
                else:
                    lo ^= t
            elif sg:
                lo = 0 - lo
                hi ^= -1
                if lo == 0:
                    hi += 1
            pd[0] = lo
            if sub & 4:
                pd[1] = hi
            return 0

        t = sub & 7
        if sub < 16 and t != 6 and ea < 52:
            # ceil, floor, trunc, nearest: keep two bits behind the point, the lower one sticky; round; drop them.
            n = 53 - ea
            if n > 27:
                if lo:
                    hi |= 1
                lo = hi
                hi = 0
                n -= 28
                if n > 27:
                    n = 27
            lost = (lo << (28 - n)) & m28
            lo = (lo >> n) | ((hi << (28 - n)) & m28)
            hi >>= n
            if lost:
                lo |= 1
            n = lo & 3
            lo ^= n
            if t == 5:  # up when it is more than a half, or a half and odd
                if lo & 4:
                    n += 1
                n = (n + 1) & 4
            elif t == 4 or int(uint(sg) >> 31) != (t & 1):
                n = 0
            if n:
                lo += 4
                hi += lo >> 28
                lo &= m28
            ea = 53

    # Bring the leading bit to its place: an integer, a subnormal operand.
    if hi < _ONE:
        if hi == 0:
            hi = lo
            lo = 0
            ea -= 28
        t = hi
        n = 0
        if t < 1 << 12:
            t <<= 16
            n = 16
        if t < 1 << 20:
            t <<= 8
            n += 8
        if t < 1 << 24:
            t <<= 4
            n += 4
        if t < 1 << 26:
            t <<= 2
            n += 2
        if t < 1 << 27:
            n += 1
        ea -= n
        if hi:
            hi = (hi << n) | (lo >> (28 - n))
            lo = (lo << n) & m28
        else:
            ea = -_NAN

    if (sub & 55) == 6 and ea != _NAN and hi:
        if uint(sg) >> 31:
            ea = _NAN
        elif ea != _INF:
            # sqrt: 15 bits of the root by Newton's rule, the others in digits of 13 bits, each at most 2 too small, for the
            # divisor is rounded up to 15 bits. bh:bl is twice the root so far, hi:al the remainder.
            if ea & 1:
                lo <<= 1
                hi = (hi << 1) + (lo >> 28)
                lo &= m28
            ea >>= 1
            hi <<= 1
            q = ((hi >> 14) * 11 >> 5) + 11141  # within 3.3 percent
            q = (q + hi // q) >> 1
            q = (q + hi // q) >> 1
            if q * q > hi:
                q -= 1
            hi = ((hi - q * q) << 13) + (lo >> 14)
            al = (lo << 14) & m28
            bh = q << 14
            bl = 0
            n = 28
            while n + ((emax >> 8) & 1) > 2:
                lo = hi // ((bh >> 13) + 2)
                t = (lo << n) & m28
                q = lo >> (28 - n)
                bl += t
                bh += q + (bl >> 28)
                bl &= m28
                hi = (hi << 13) - lo * bh + (al >> 15)
                al = ((al << 13) & m28) - ((lo * bl) & m28)
                hi -= (lo * (bl >> 14) + ((lo * (bl & _M14)) >> 14)) >> 14
                hi += al >> 28
                al &= m28
                bl += t
                bh += q + (bl >> 28)
                bl &= m28
                n -= 13
            t = 1 << (n + 13)
            lo = al - bl - t
            n = hi - bh + (lo >> 28)
            while n >= 0:
                al = lo & m28
                hi = n
                bl += t + t
                bh += bl >> 28
                bl &= m28
                lo = al - bl - t
                n = hi - bh + (lo >> 28)
            lo = (bl >> 1) | ((bh & 1) << 27)
            if hi | al:
                lo |= 1
            hi = bh >> 1

    # Put a float together.
    ea += (emax >> 1) - 1
    if uint(ea) >= uint(emax - 1):
        if ea >= 0:
            hi = 0
            lo = 0
            if ea >= _NAN:
                sg = 0
                hi = _QUIET
            ea = emax
        else:
            n = 0 - ea
            ea = 0
            if n > 27:
                if lo:
                    hi |= 1
                lo = hi
                hi = 0
                n -= 28
                if n > 27:
                    n = 27
            lost = (lo << (28 - n)) & m28
            lo = (lo >> n) | ((hi << (28 - n)) & m28)
            hi >>= n
            if lost:
                lo |= 1
    if emax & 256:
        lo += 3 + ((lo >> 3) & 1)
        hi += lo >> 28
        pd[0] = ((lo & m28) >> 3) | (hi << 25)
        pd[1] = (hi >> 7) + (ea << 20) + ((sg >> 31) << 31)
    else:
        if lo:
            hi |= 1
        hi += 7 + ((hi >> 4) & 1)
        pd[0] = (hi >> 4) + (ea << 23) + ((sg >> 31) << 31)
    return 0
