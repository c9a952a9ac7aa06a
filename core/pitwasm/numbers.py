# Floating-point numbers as text and back: exact, by long integers, since a board's floats are single precision at best
# MIT license; Copyright (c) 2026 the pitwasm authors

# A format is (bits of the stored significand, bits of the exponent).
_F32 = (23, 8)
_F64 = (52, 11)


def f32_str(bits):
    """The shortest decimal that reads back as the same f32, as repr() writes it; inf, nan, nan:0x… with a payload."""
    return _text(bits, _F32)


def f64_str(bits):
    """The same for an f64."""
    return _text(bits, _F64)


def parse_f32(text):
    """The bits of the f32 nearest to a number: decimal, hexadecimal (0x1.8p3), inf, nan, nan:0x…; else ValueError."""
    return _parse(text, _F32)


def parse_f64(text):
    """The same for an f64."""
    return _parse(text, _F64)


def _text(bits, form):
    stored, ebits = form
    sign = "-" if bits >> (stored + ebits) & 1 else ""
    top = (1 << ebits) - 1
    e = bits >> stored & top
    m = bits & ((1 << stored) - 1)
    if e == top and m:
        return sign + ("nan" if m == 1 << (stored - 1) else "nan:0x%x" % m)
    if e == top or e == m == 0:
        return sign + ("inf" if e else "0.0")
    edge = int(m == 0 and e > 1)  # the neighbour below is nearer than the one above
    if e:
        m |= 1 << stored
    digits, point = _shortest(m, (e or 1) - (top >> 1) - stored, edge)
    n = len(digits)
    if -4 < point <= 0:
        return sign + "0." + "0" * -point + digits
    if n <= point <= 16:
        return sign + digits + "0" * (point - n) + ".0"
    if 0 < point <= 16:
        return sign + digits[:point] + "." + digits[point:]
    if n > 1:
        digits = digits[0] + "." + digits[1:]
    return "%s%se%s%02d" % (sign, digits, "+" if point > 0 else "-", abs(point - 1))


def _shortest(m, e, edge):
    """The fewest digits that stand for m * 2**e alone, and where the point goes (Steele and White, Dragon4)."""
    # The number is r / s; above / s and below / s are half the distances to its neighbours.
    r = m << 1 + edge + max(e, 0)
    s = 1 << 1 + edge + max(-e, 0)
    above = 1 << edge + max(e, 0)
    below = 1 << max(e, 0)
    point = (e + len(bin(m)) - 3) * 1233 >> 12  # log10(2) is about 1233 / 4096: not too great, at most two too small
    if point >= 0:
        s *= 10**point
    else:
        t = 10**-point
        r *= t
        above *= t
        below *= t
    even = m & 1 == 0  # then the edges of the interval, too, are read as this number
    while r + above > s or even and r + above == s:
        point += 1
        s *= 10
    digits = ""
    while True:
        r *= 10
        above *= 10
        below *= 10
        d, r = divmod(r, s)
        low = r < below or even and r == below
        high = r + above > s or even and r + above == s
        if low or high:
            if high and (not low or 2 * r > s or 2 * r == s and d & 1):
                d += 1
            return digits + str(d), point
        digits += str(d)


def _parse(text, form):
    stored, ebits = form
    t = text.strip().lower()
    sign = int(t[:1] == "-") << (stored + ebits)
    inf = sign | ((1 << ebits) - 1) << stored
    if t[:1] in ("-", "+"):
        t = t[1:]
    if t == "inf":
        return inf
    if t == "nan":
        return inf | 1 << (stored - 1)
    if t[:6] == "nan:0x":
        payload = _whole(t[6:], 16, text)
        if not 0 < payload < 1 << stored:
            raise ValueError("payload out of range: %s" % text)
        return inf | payload
    base = 16 if t[:2] == "0x" else 10
    t, mark, power = (t[2:] if base == 16 else t).partition("p" if base == 16 else "e")
    x = 0
    if mark:
        x = _whole(power[1:] if power[:1] in ("-", "+") else power, 10, text)
        if power[0] == "-":
            x = -x
    whole, _, rest = t.partition(".")
    n = _whole(whole + rest, base, text)
    if n == 0:
        return sign
    if base == 16:
        return sign | _nearest(n, 1, x - 4 * len(rest), form)
    x -= len(rest)
    size = len((whole + rest).lstrip("0")) + x  # no power of ten that is far out of range is worked out
    if abs(size) > 400:
        return inf if size > 0 else sign
    return sign | _nearest(n * 10 ** max(x, 0), 10 ** max(-x, 0), 0, form)


def _whole(text, base, all):
    """An unsigned integer, nothing but digits."""
    if not text or any(c not in "0123456789abcdef"[:base] for c in text):
        raise ValueError("not a number: %s" % all)
    return int(text, base)


def _nearest(n, d, e, form):
    """The bits of n / d * 2**e rounded to nearest, ties to even."""
    stored, ebits = form
    inf = ((1 << ebits) - 1) << stored
    least = 2 - (1 << (ebits - 1)) - stored  # the exponent of the last bit of the smallest numbers
    size = len(bin(n)) - len(bin(d)) + e
    if abs(size) > 2000:
        return inf if size > 0 else 0
    last = max(size - stored - 1, least)
    while True:
        s = d << max(last - e, 0)
        q, r = divmod(n << max(e - last, 0), s)
        if q < 2 << stored:
            break
        last += 1
    if 2 * r > s or 2 * r == s and q & 1:
        q += 1
    return min(((last - least) << stored) + q, inf)  # a carry out of the significand is right for the exponent, too
