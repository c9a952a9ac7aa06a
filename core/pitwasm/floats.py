# Floating-point arithmetic in integers: exact IEEE-754 single and double on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# Specification: WebAssembly core, "Floating-Point Operations": round to nearest, ties to even. A NaN that comes out of
# arithmetic is always the positive canonical one; copysign moves a sign bit and nothing else. The operations of one
# operand are in convert.py.
#
# A number is taken apart into a sign word (its bit 31 counts), a biased exponent and a significand of 56 bits in two
# limbs of 28, ah:al. Its leading bit is bit 27 of ah, the lowest bit is sticky. A double's 53 bits leave three to round
# by; a single has its 24 bits and four more in ah, and al is 0. No value that matters leaves 31 bits, so that the same
# lines are right in words of 32 and of 64 bits. A limb shifted right by n loses what `limb << (28 - n)` leaves in 28 bits.

import micropython
from micropython import const

from .convert import cvt

_M14 = const(0x3FFF)
_M28 = const(0xFFFFFFF)
_ONE = const(1 << 27)  # the leading bit of a significand, in ah
_QUIET = const(1 << 26)  # the bit below it: all that is set in a canonical NaN
_NAN = const(9000)  # exponent that stands for NaN: sums of exponents stay far below


@micropython.viper
def flt(pool, t: int, frame: int) -> int:
    """Run one operation; t and frame are the offsets of its code word and of the frame. Returns 0 or a trap's status.

    Low five bits of the operation: bit 4 double; 0 add, 1 sub, 2 mul, 3 div, 4 min, 5 max, 6 copysign, 8 eq, 9 ne,
    10 lt, 11 le, 12 one operand.
    """
    # t lives in a register: it becomes the scratch of everything.
    ip = ptr8(pool)
    fp = int(ip) + frame
    ip = ptr8(int(ip) + t)
    op = ip[0]
    if op & 12:
        if (op & 12) == 12:
            return int(cvt(pool, t, frame))
        # ---- compare, or choose one of two: a single is a high word without a low one ----
        pa = ptr32(fp + (ip[2] << 2))
        pb = ptr32(fp + (ip[3] << 2))
        al = 0
        bl = 0
        ha = pa[0]
        hb = pb[0]
        emax = 255
        sh = 23
        if op & 16:
            al = ha
            ha = pa[1]
            bl = hb
            hb = pb[1]
            emax = 2047
            sh = 20
        pb = ptr32(fp + (ip[1] << 2))
        if (op & 10) == 2:  # copysign
            ha ^= ((ha ^ hb) >> 31) << 31
        else:
            t = ha << 1  # magnitudes; a half more where the low word is not 0
            if al:
                t |= 1
            n = hb << 1
            if bl:
                n |= 1
            ea = emax << (sh + 1)  # infinity
            nan = 0
            if U32(t) > U32(ea) or U32(n) > U32(ea):
                nan = 1
            order = 0  # of a against b: -1, 0, 1
            if ha != hb:
                order = 1
                if uint(ha) < uint(hb):
                    order = -1
            elif al != bl:
                order = 1
                if uint(al) < uint(bl):
                    order = -1
            if uint(ha | hb) >> 31:  # a negative operand turns it round, and -0 comes before 0
                order = 0 - order
            if op & 8:
                if Z32(t | n) == 0:  # -0 and 0 are equal all the same
                    order = 0
                if op & 2:  # lt, le
                    t = 0
                    if order < (op & 1):
                        t = 1 - nan
                else:  # eq, ne
                    t = ((order | nan) ^ op ^ 1) & 1
                pb[0] = t
                return 0
            if op & 1:  # max
                order = 0 - order
            if order > 0:
                ha = hb
                al = bl
            if nan:
                ha = (emax + emax + 1) << (sh - 1)
                al = 0
        if op & 16:
            pb[0] = al
            pb[1] = ha
        else:
            pb[0] = ha
        return 0

    # ---- arithmetic: take the operands apart ----
    pa = ptr32(fp + (ip[2] << 2))
    pb = ptr32(fp + (ip[3] << 2))
    m28 = _M28
    if op & 16:
        ha = pa[1]
        hb = pb[1]
        emax = 2047
        ea = (ha >> 20) & 2047
        eb = (hb >> 20) & 2047
    else:
        ha = pa[0]
        hb = pb[0]
        emax = 255
        ea = (ha >> 23) & 255
        eb = (hb >> 23) & 255
    if op & 2:
        sg = ha ^ hb
    else:
        hb ^= (op & 1) << 31
        if ea < eb:
            pc = pa
            pa = pb
            pb = pc
            t = ha
            ha = hb
            hb = t
            t = ea
            ea = eb
            eb = t
        sg = ha
    if op & 16:
        t = pa[0]
        ah = ((ha << 7) & m28) | int(uint(t) >> 25)
        al = (t << 3) & m28
        t = pb[0]
        bh = ((hb << 7) & m28) | int(uint(t) >> 25)
        bl = (t << 3) & m28
    else:
        ah = (ha << 4) & m28
        al = 0
        bh = (hb << 4) & m28
        bl = 0
    if ea:
        ah |= _ONE
    else:
        ea = 1
    if eb:
        bh |= _ONE
    else:
        eb = 1

    if op & 2:
        # ---- mul, div ----
        if ea == emax or eb == emax:
            if (ea == emax and (ah ^ _ONE) | al) or (eb == emax and (bh ^ _ONE) | bl):
                ea = _NAN
            elif op & 1:
                if eb == emax:
                    if ea == emax:
                        ea = _NAN
                    else:
                        ah = 0
                        al = 0
            elif (ah | al) == 0 or (bh | bl) == 0:
                ea = _NAN
            else:
                ea = emax
        elif (ah | al) == 0 or (bh | bl) == 0:
            if op & 1:
                if (bh | bl) == 0:
                    ea = emax
                    if (ah | al) == 0:
                        ea = _NAN
            else:
                ah = 0
                al = 0
        else:
            n = 2
            if ah & bh & _ONE:
                n = 0
            while n:  # a subnormal operand: shift it up, and change places, twice
                n -= 1
                if ah < _ONE:
                    if ah == 0:
                        ah = al
                        al = 0
                        ea -= 28
                    t = ah
                    sh = 0
                    if t < 1 << 12:
                        t <<= 16
                        sh = 16
                    if t < 1 << 20:
                        t <<= 8
                        sh += 8
                    if t < 1 << 24:
                        t <<= 4
                        sh += 4
                    if t < 1 << 26:
                        t <<= 2
                        sh += 2
                    if t < 1 << 27:
                        sh += 1
                    ea -= sh
                    ah = (ah << sh) | (al >> (28 - sh))
                    al = (al << sh) & m28
                t = ah
                ah = bh
                bh = t
                t = al
                al = bl
                bl = t
                t = ea
                ea = eb
                eb = t
            if op & 1:
                # Digits of 13 bits, each at most 2 too small: the divisor is rounded up to 15 bits. So the remainder
                # stays below 2.1 divisors, a digit below 2.1 * 2**13, and what is missing is put right at the end.
                ea = ea - eb + (emax >> 1)
                t = ah - bh
                if t == 0:
                    t = al - bl
                if t < 0:
                    ea -= 1
                    al <<= 1
                    ah = (ah << 1) + (al >> 28)
                    al &= m28
                if op & 16:
                    sh = (bh >> 13) + 1
                    b3 = bh >> 14
                    b2 = bh & _M14
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
                        q = ah // sh
                        t = (t << 13) + q
                        r1 = q * b1
                        r0 = ((al << 13) & m28) - q * b0 - ((r1 << 14) & m28)
                        ah = (ah << 13) + (al >> 15) - (r1 >> 14) - q * b2 - ((q * b3) << 14) + (r0 >> 28)
                        al = r0 & m28
                    # One bit more to round by: at most five steps.
                    t <<= 1
                    r0 = (al << 1) - bl
                    r1 = (ah << 1) - bh + (r0 >> 28)
                    while r1 >= 0:
                        t += 1
                        al = r0 & m28
                        ah = r1
                        r0 = al - bl
                        r1 = ah - bh + (r0 >> 28)
                    t <<= 2
                    if ah | al:
                        t |= 1
                    ah = (qh << 1) + (t >> 28)
                    al = t & m28
                else:
                    sh = (bh >> 13) + 1
                    q = ah // sh
                    t = q << 13
                    ah = (ah << 13) - q * bh
                    q = ah // sh
                    t += q
                    ah = (ah << 13) - q * bh
                    while ah >= bh:
                        ah -= bh
                        t += 1
                    t <<= 1
                    if ah:
                        t |= 1
                    ah = t
            else:
                ea += eb - (emax >> 1) + 1
                b3 = bh >> 14
                b2 = bh & _M14
                a3 = ah >> 14
                a2 = ah & _M14
                if op & 16:
                    # Sixteen products of 14 by 14 bits, by columns; four of them and a carry stay below 2**31.
                    b1 = bl >> 14
                    b0 = bl & _M14
                    a1 = al >> 14
                    a0 = al & _M14
                    t = a0 * b0
                    q = t
                    t = (t >> 14) + a0 * b1 + a1 * b0
                    q |= t
                    t = (t >> 14) + a0 * b2 + a1 * b1 + a2 * b0
                    q |= t
                    t = (t >> 14) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0
                    q |= t
                    t = (t >> 14) + a1 * b3 + a2 * b2 + a3 * b1
                    al = t & _M14
                    t = (t >> 14) + a2 * b3 + a3 * b2
                    al |= (t & _M14) << 14
                    ah = (t >> 14) + a3 * b3
                    if q & _M14:
                        al |= 1
                    if ah < _ONE:
                        ea -= 1
                        al <<= 1
                        ah = (ah << 1) + (al >> 28)
                        al &= m28
                else:
                    q = a2 * b2
                    t = (q >> 14) + a2 * b3 + a3 * b2
                    ah = (t >> 14) + a3 * b3
                    if (t | q) & _M14:
                        ah |= 1
                    if ah < _ONE:
                        ea -= 1
                        ah <<= 1
    else:
        # ---- add, sub: a has the greater exponent ----
        if ea == emax:
            if (ah ^ _ONE) | al:
                ea = _NAN
            elif eb == emax and ((bh ^ _ONE) | bl or uint(ha ^ hb) >> 31):
                ea = _NAN
        else:
            n = ea - eb
            if op & 16:
                if n:
                    if n > 27:
                        if bl:
                            bh |= 1
                        bl = bh
                        bh = 0
                        n -= 28
                        if n > 27:
                            n = 27
                    t = 28 - n
                    lost = (bl << t) & m28
                    bl = (bl >> n) | ((bh << t) & m28)
                    bh >>= n
                    if lost:
                        bl |= 1
                if uint(ha ^ hb) >> 31:
                    al -= bl
                    ah += (al >> 28) - bh
                    al &= m28
                    if ah < 0:
                        sg = hb
                        al = 0 - al
                        ah = (al >> 28) - ah
                        al &= m28
                else:
                    al += bl
                    ah += bh + (al >> 28)
                    al &= m28
                    if ah >> 28:
                        ea += 1
                        al = (al >> 1) | (al & 1) | ((ah & 1) << 27)
                        ah >>= 1
            else:
                if n:
                    if n > 27:
                        n = 27
                    t = bh
                    bh >>= n
                    if bh << n != t:
                        bh |= 1
                if uint(ha ^ hb) >> 31:
                    ah -= bh
                    if ah < 0:
                        sg = hb
                        ah = 0 - ah
                else:
                    ah += bh
                    if ah >> 28:
                        ea += 1
                        ah = (ah >> 1) | (ah & 1)
            if (ah | al) == 0 and uint(ha ^ hb) >> 31:
                sg = 0

    # ---- put the result together: sg, ea, ah:al ----
    pb = ptr32(fp + (ip[1] << 2))
    if ah < _ONE and ea < emax:
        # Something cancelled, a subnormal number, or zero.
        if (ah | al) == 0:
            ea = 1
        elif ea > 1:
            t = ah
            n = 0
            if t == 0:
                t = al
                n = 28
            if t < 1 << 12:
                t <<= 16
                n += 16
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
            if n >= ea:
                n = ea - 1
            ea -= n
            if n > 27:
                ah = al
                al = 0
                n -= 28
            ah = (ah << n) | (al >> (28 - n))
            al = (al << n) & m28
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
            t = 28 - n
            lost = (al << t) & m28
            al = (al >> n) | ((ah << t) & m28)
            ah >>= n
            if lost:
                al |= 1
    sg = int(uint(sg) >> 31) << 31
    if op & 16:
        al += 3 + ((al >> 3) & 1)
        ah += al >> 28
        pb[0] = ((al & m28) >> 3) | (ah << 25)
        pb[1] = (ah >> 7) + ((ea - 1) << 20) + sg
    else:
        if al:
            ah |= 1
        ah += 7 + ((ah >> 4) & 1)
        pb[0] = (ah >> 4) + ((ea - 1) << 23) + sg
    return 0
