# Floating-point operations of one operand, and conversions: exact on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# Numbers are taken apart as in floats.py: sign word sg, exponent ea, significand of 56 bits in limbs of 28, ah:al.
# Here the exponent is without its bias until the end.

import micropython
from micropython import const

from . import layout

_M14 = const(0x3FFF)
_M28 = const(0xFFFFFFF)
_ONE = const(1 << 27)  # the leading bit of a significand, in ah
_QUIET = const(1 << 26)  # the bit below it: all that is set in a canonical NaN
_INF = const(4000)  # exponents of infinity and NaN; others, from the smallest number to an i64, are below
_NAN = const(9000)


@micropython.viper
def cvt(ip: ptr8, t: int, frame: int) -> int:
    """Run one operation; called as flt in floats.py is. Returns 0 or a trap's status.

    The fourth byte of the code word: 0 abs, 1 neg, 2 ceil, 3 floor, 4 trunc, 5 nearest, 6 sqrt, the same + 8 for f64;
    16 i32.trunc_f32_s, + 1 unsigned, + 2 from f64, + 4 to i64, + 8 saturating; 32 f32.convert_i32_s, + 1 unsigned,
    + 2 from i64; 36 f32.demote_f64; 37 … 40 f64.convert, 41 f64.promote_f32.
    """
    # The first two arguments live in registers: ip becomes the address of the word, t the scratch of everything.
    frame += int(ip)
    ip = ptr8(int(ip) + t)
    sub = ip[3]
    pa = ptr32(frame + (ip[2] << 2))
    pd = ptr32(frame + (ip[1] << 2))
    m28 = _M28

    # What goes in and what comes out.
    kind = 4  # operand: 0 i32_s, 1 i32_u, 2 i64_s, 3 i64_u, 4 float
    wide = sub & 8  # a float operand is a double
    emax = 255  # of the result, when it is a float
    if wide:
        emax = 2047
    if sub & 32:
        kind = sub & 15
        wide = 1
        emax = 255
        if kind > 4:
            kind -= 5
            wide = 0
            emax = 2047
    elif sub & 16:
        wide = sub & 2
    elif (sub & 6) == 0:
        # abs, neg
        al = pa[0]
        if wide:
            pa = ptr32(int(pa) + 4)
        ha = pa[0]
        t = ha >> 31
        if sub & 1:
            t = 1
        pd[0] = al
        if wide:
            pd = ptr32(int(pd) + 4)
        pd[0] = ha ^ (t << 31)
        return 0

    if kind < 4:
        # From an integer: its magnitude.
        al = pa[0]
        ah = 0
        sg = al
        if kind & 2:
            ah = pa[1]
            sg = ah
        if kind & 1:
            sg = 0
        elif uint(sg) >> 31:
            al = Z32(0 - al)
            if kind & 2:
                ah ^= -1
                if al == 0:
                    ah += 1
                ah = Z32(ah)
        ea = 55
        lost = 0
        t = int(uint(ah) >> 24)
        if t:  # more than 56 bits: shift them down by up to 8
            n = 0
            while t:
                t >>= 1
                n += 1
            ea += n
            lost = al & ((1 << n) - 1)
            al = int(uint(al) >> n) | (ah << (32 - n))
            ah = int(uint(ah) >> n)
        ah = (ah << 4) | (int(uint(al) >> 28) & 15)
        al &= m28
        if lost:
            al |= 1
    else:
        # From a float.
        if wide:
            sg = pa[1]
            t = pa[0]
            n = 1023
            ea = (sg >> 20) & 2047
            ah = ((sg << 7) & m28) | int(uint(t) >> 25)
            al = (t << 3) & m28
        else:
            sg = pa[0]
            n = 127
            ea = (sg >> 23) & 255
            ah = (sg << 4) & m28
            al = 0
        if ea == n + n + 1:
            ea = _INF
            if (ah ^ _ONE) | al:
                ea = _NAN
        else:
            if ea:
                ah |= _ONE
            else:
                ea = 1
            ea -= n

        if (sub & 48) == 16:
            # To an integer: the magnitude in two words, ah and al; then range and sign.
            over = 0
            n = 55 - ea
            if ea < 0:
                ah = 0
                al = 0
            elif ea > 63:
                over = 1
                if ea == _NAN:
                    if (sub & 8) == 0:
                        return layout.TRAP_CONVERSION
                    over = 0
                ah = 0
                al = 0
            elif n < 0:
                n = 0 - n
                al = Z32(al | (ah << 28))
                ah = ((ah >> 4) << n) | int(uint(al) >> (32 - n))
                al = Z32(al << n)
            else:
                if n > 27:
                    al = ah
                    ah = 0
                    n -= 28
                al = (al >> n) | ((ah << (28 - n)) & m28)
                ah >>= n
                al = Z32(al | (ah << 28))
                ah >>= 4
            sg = int(uint(sg) >> 31)
            t = al
            if sub & 4:
                t = ah
            elif ah:
                over = 1
            if sub & 1:
                if sg and (ah | al):
                    over = 1
            elif uint(t) >> 31:  # of all magnitudes with this bit only the most negative number's will do
                t = Z32(t << 1)
                if sub & 4:
                    t |= al
                if t or sg == 0:
                    over = 1
            if over:
                if (sub & 8) == 0:
                    return layout.TRAP_OVERFLOW
                al = sg - 1  # 0 or all ones; signed: but for the sign
                ah = al
                t = ((sub & 1) ^ 1) << 31
                if sub & 4:
                    ah ^= t
                else:
                    al ^= t
            elif sg:
                al = 0 - al
                ah ^= -1
                if al == 0:
                    ah += 1
            pd[0] = al
            if sub & 4:
                pd[1] = ah
            return 0

        t = sub & 7
        if sub < 16 and t != 6 and ea < 52:
            # ceil, floor, trunc, nearest: keep two bits behind the point, the lower one sticky; round; drop them.
            n = 53 - ea
            if n > 27:
                if al:
                    ah |= 1
                al = ah
                ah = 0
                n -= 28
                if n > 27:
                    n = 27
            lost = (al << (28 - n)) & m28
            al = (al >> n) | ((ah << (28 - n)) & m28)
            ah >>= n
            if lost:
                al |= 1
            n = al & 3
            al ^= n
            if t == 5:  # up when it is more than a half, or a half and odd
                if al & 4:
                    n += 1
                n = (n + 1) & 4
            elif t == 4 or int(uint(sg) >> 31) != (t & 1):
                n = 0
            if n:
                al += 4
                ah += al >> 28
                al &= m28
            ea = 53

    # Bring the leading bit to its place: an integer, a subnormal operand.
    if ah < _ONE:
        if ah == 0:
            ah = al
            al = 0
            ea -= 28
        t = ah
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
        ah = (ah << n) | (al >> (28 - n))
        al = (al << n) & m28
        if ah == 0:
            ea = -_NAN

    if (sub & 55) == 6 and ea != _NAN and ah:
        if uint(sg) >> 31:
            ea = _NAN
        elif ea != _INF:
            # sqrt: 15 bits of the root by Newton's rule, the others in digits of 13 bits, each at most 2 too small, for the
            # divisor is rounded up to 15 bits. bh:bl is twice the root so far, ah:al the remainder.
            if ea & 1:
                al <<= 1
                ah = (ah << 1) + (al >> 28)
                al &= m28
            ea >>= 1
            t = ah << 1
            q = ((t >> 14) * 11 >> 5) + 11141  # within 3.3 percent
            q = (q + t // q) >> 1
            q = (q + t // q) >> 1
            if q * q > t:
                q -= 1
            ah = ((t - q * q) << 13) + (al >> 14)
            al = (al << 14) & m28
            bh = q << 14
            bl = 0
            n = 28
            while n + ((emax >> 8) & 1) > 2:
                q = ah // ((bh >> 13) + 2)
                t = (q << n) & m28
                bl += t
                bh += (q >> (28 - n)) + (bl >> 28)
                bl &= m28
                r1 = q * (bl >> 14)
                r0 = ((al << 13) & m28) - q * (bl & _M14) - ((r1 << 14) & m28)
                ah = (ah << 13) + (al >> 15) - (r1 >> 14) - q * (bh & _M14) - ((q * (bh >> 14)) << 14) + (r0 >> 28)
                al = r0 & m28
                bl += t
                bh += (q >> (28 - n)) + (bl >> 28)
                bl &= m28
                n -= 13
            t = 1 << (n + 13)
            r0 = al - bl - t
            r1 = ah - bh + (r0 >> 28)
            while r1 >= 0:
                al = r0 & m28
                ah = r1
                bl += t + t
                bh += bl >> 28
                bl &= m28
                r0 = al - bl - t
                r1 = ah - bh + (r0 >> 28)
            t = ah | al
            ah = bh >> 1
            al = (bl >> 1) | ((bh & 1) << 27)
            if t:
                al |= 1

    # Put a float together.
    ea += emax >> 1
    if uint(ea - 1) >= uint(emax - 1):
        if ea > 0:
            ah = 0
            al = 0
            if ea >= _NAN:
                sg = 0
                ah = _QUIET
            ea = emax + 1
        else:
            n = 1 - ea
            ea = 1
            if n > 27:
                if al:
                    ah |= 1
                al = ah
                ah = 0
                n -= 28
                if n > 27:
                    n = 27
            lost = (al << (28 - n)) & m28
            al = (al >> n) | ((ah << (28 - n)) & m28)
            ah >>= n
            if lost:
                al |= 1
    sg = int(uint(sg) >> 31) << 31
    if emax & 256:
        al += 3 + ((al >> 3) & 1)
        ah += al >> 28
        pd[0] = ((al & m28) >> 3) | (ah << 25)
        pd[1] = (ah >> 7) + ((ea - 1) << 20) + sg
    else:
        if al:
            ah |= 1
        ah += 7 + ((ah >> 4) & 1)
        pd[0] = (ah >> 4) + ((ea - 1) << 23) + sg
    return 0
