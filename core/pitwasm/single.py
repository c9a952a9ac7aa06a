# f32 arithmetic in integers: exact IEEE-754 on every port, without allocating
# MIT license; Copyright (c) 2026 the pitwasm authors

# Specification: WebAssembly core, "Floating-Point Operations": round to nearest, ties to even. A NaN that comes out of
# arithmetic is always the positive canonical one; copysign moves a sign bit and nothing else.
#
# A number is taken apart into a sign word (its bit 31 counts), a biased exponent and a significand of 28 bits: 24 and four
# more to round by, the lowest of them sticky. No value that matters leaves 31 bits, so that the same lines are right in
# words of 32 and of 64 bits. double.py does the same with two words, convert.py has the operations of one operand.

import micropython
from micropython import const

from . import layout

if TRACE:  # for tools/counting.py
    from .tally import tally

_M14 = const(0x3FFF)
_ONE = const(1 << 27)  # the leading bit of a significand
_NAN = const(511)  # << 22: the canonical NaN


@micropython.viper
def single(a: int):
    """Run f32 operations of two operands, from the one at E_IP on, as long as they follow each other (constants may stand
    between them). Leaves E_IP behind the last one. The environment's address comes divided by 4, which makes it a small
    integer everywhere. Nothing here traps.

    The low five bits of an operation: 0 add, 1 sub, 2 mul, 3 div, 4 min, 5 max, 6 copysign, 8 eq, 9 ne, 10 lt, 11 le.
    """
    b = a << 2  # a and b live in registers: they are the operands, and a is the result
    env = ptr32(b)
    base = b - env[layout.E_SELF >> 2]
    ip = base + env[layout.E_IP >> 2]
    fp = base + env[layout.E_FP >> 2]
    m28 = 0xFFFFFFF
    inf = 255
    inf <<= 23
    while True:
        a = fp
        b = ip
        op = ptr8(b)[0] ^ layout.OP_FLOAT
        if TRACE:
            tally(b)
        pd = ptr32((ptr8(b)[1] << 2) + a)
        if op & 0xF0 or op == 12:
            if op == layout.OP_CONST_W ^ layout.OP_FLOAT:
                pd[0] = ptr32(b)[1]
                ip += 8
                continue
            env[layout.E_IP >> 2] = b - base
            return
        ip += 4
        t = ptr32((ptr8(b)[2] << 2) + a)[0]
        b = ptr32((ptr8(b)[3] << 2) + a)[0]
        a = t

        if op & 12:
            # ---- compare, or choose one of two ----
            if op == 6:
                pd[0] = a ^ (((a ^ b) >> 31) << 31)
                continue
            order = 0  # of a against b: -1, 0, 1
            if a != b:
                order = -1
                if uint(a) > uint(b):
                    order = 1
                if uint(a | b) >> 31:  # a negative operand turns it round, and -0 comes before 0
                    order = 0 - order
                    if op & 8 and Z32((a | b) << 1) == 0:  # but they are equal
                        order = 0
            t = inf << 1
            n = 0
            if U32(a << 1) > U32(t) or U32(b << 1) > U32(t):
                n = 1
            if op & 8:
                t = 0
                if op & 2:  # lt, le
                    if order < (op & 1):
                        t = 1 - n
                else:  # eq, ne
                    t = ((order | n) ^ op ^ 1) & 1
                pd[0] = t
                continue
            if op & 1:  # max
                order = 0 - order
            if order > 0:
                a = b
            if n:
                a = _NAN
                a <<= 22
            pd[0] = a
            continue

        # ---- take the operands apart ----
        ea = (a >> 23) & 255
        eb = (b >> 23) & 255
        if op & 2:
            # ---- mul, div ----
            sg = ((a ^ b) >> 31) << 31
            a = (a << 4) & m28
            b = (b << 4) & m28
            if (ea + 1) & 254 and (eb + 1) & 254:
                a |= _ONE
                b |= _ONE
            else:
                if ea:
                    a |= _ONE
                else:
                    ea = 1
                if eb:
                    b |= _ONE
                else:
                    eb = 1
                # A zero, infinity or NaN decides: 1 the result is zero, 2 infinite, 3 a NaN.
                n = 0
                if a == 0:
                    n = 1
                elif ea == 255:
                    n = 2
                if b == 0:
                    n |= 1 + (op & 1)
                elif eb == 255:
                    n |= 2 - (op & 1)
                if (ea == 255 and a ^ _ONE) or (eb == 255 and b ^ _ONE):
                    n = 3
                if n:
                    if n & 2:
                        sg += inf
                    if n == 3:
                        sg = _NAN
                        sg <<= 22
                    pd[0] = sg
                    continue
                # A subnormal is shifted up.
                while a < _ONE:
                    t = 1
                    if a < 1 << 23:
                        t = 4
                    a <<= t
                    ea -= t
                while b < _ONE:
                    t = 1
                    if b < 1 << 23:
                        t = 4
                    b <<= t
                    eb -= t
            if op & 1:
                # Two digits of 13 bits, each at most 1 too small: the divisor is rounded up to 15 bits.
                ea = ea - eb + 126
                if a < b:
                    ea -= 1
                    a <<= 1
                k = (b >> 13) + 1
                n = a // k
                t = n << 13
                a = (a << 13) - n * b
                n = a // k
                t += n
                a = (a << 13) - n * b
                if a >= b:
                    a -= b
                    t += 1
                t <<= 1
                if a:
                    t |= 1
                a = t
            else:
                # Four products of 14 by 14 bits.
                ea += eb - 127
                k = a >> 14
                n = b >> 14
                a &= _M14
                b &= _M14
                t = a * b
                b *= k
                b += a * n
                b += t >> 14
                a = k * n
                a += b >> 14
                if (b | t) & _M14:
                    a |= 1
                if a < _ONE:
                    ea -= 1
                    a <<= 1
        else:
            # ---- add, sub ----
            n = (((a ^ b) >> 31) ^ op) & 1  # the signs differ
            sg = (a >> 31) << 31
            a = (a << 4) & m28
            b = (b << 4) & m28
            if (ea + 1) & 254 and (eb + 1) & 254:
                a |= _ONE
                b |= _ONE
            else:
                if ea == 255 or eb == 255:
                    t = inf
                    if (ea == 255 and a ^ _ONE) or (eb == 255 and b ^ _ONE) or ea == eb and n:
                        t = _NAN
                        t <<= 22
                    elif ea == 255:
                        t += sg
                    else:
                        t += sg ^ (n << 31)
                    pd[0] = t
                    continue
                if ea:
                    a |= _ONE
                else:
                    ea = 1
                if eb:
                    b |= _ONE
                else:
                    eb = 1
            k = ea - eb
            if k < 0:  # change places: a has the greater exponent
                k = 0 - k
                ea = eb
                t = a
                a = b
                b = t
                sg ^= n << 31
            if k:
                if k > 27:
                    k = 27
                t = b
                b >>= k
                if b << k != t:
                    b |= 1
            ea -= 1
            if n:
                a -= b
                if a < 0:
                    a = 0 - a
                    sg ^= n << 31
                if a < _ONE:
                    # Something cancelled: bring the leading bit to its place.
                    if a == 0:
                        pd[0] = 0
                        continue
                    k = 1
                    if a < 1 << 26:
                        t = a
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
                    a <<= k
            else:
                a += b
                if a >> 28:
                    ea += 1
                    a = (a >> 1) | (a & 1)

        # ---- put the result together ----
        if uint(ea) >= uint(254):
            if ea > 0:
                pd[0] = inf + sg
                continue
            k = 0 - ea
            ea = 0
            if k > 27:
                k = 27
            t = a
            a >>= k
            if a << k != t:
                a |= 1
        a += 7 + ((a >> 4) & 1)
        a >>= 4
        a += ea << 23
        a += sg
        pd[0] = a
