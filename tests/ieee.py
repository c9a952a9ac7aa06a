# What is right in floating point: exact integers, rounded once, and the operations by the numbers of their code words
# MIT license; Copyright (c) 2026 the pitwasm authors

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools import build

LAYOUT = build.load_layout(build.ROOT / "core" / "pitwasm" / "layout.py")
OVERFLOW, INVALID = LAYOUT["TRAP_OVERFLOW"], LAYOUT["TRAP_CONVERSION"]


@dataclass(frozen=True)
class Format:
    """An IEEE-754 binary format."""

    bits: int
    precision: int  # with the leading bit

    @property
    def field(self) -> int:  # bits of the stored significand
        return self.precision - 1

    @property
    def inf(self) -> int:
        return ((1 << (self.bits - self.precision)) - 1) << self.field

    @property
    def nan(self) -> int:
        return self.inf | 1 << (self.field - 1)

    @property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def lowest(self) -> int:  # the exponent of the smallest number
        return 2 - (1 << (self.bits - self.precision - 1)) - self.field


F32, F64 = Format(32, 24), Format(64, 53)


# ---- what is right: exact integers, rounded once ----


def take(f: Format, x: int) -> tuple[int, int, int]:
    """Sign, significand, exponent of its last bit. Of a finite number."""
    field, m = (x & ~f.sign) >> f.field, x & ((1 << f.field) - 1)
    return x >> (f.bits - 1), m | (1 << f.field if field else 0), f.lowest + max(field, 1) - 1


def put(f: Format, sign: int, n: int, d: int = 1, e: int = 0) -> int:
    """n / d * 2**e, rounded to nearest, ties to even."""
    if n == 0:
        return sign * f.sign
    last = max(n.bit_length() - d.bit_length() + e - f.precision, f.lowest)
    while True:
        shift = e - last
        q, r = divmod(n << max(shift, 0), d << max(-shift, 0))
        if q < 1 << f.precision:
            break
        last += 1
    q += 2 * r + (q & 1) > d << max(-shift, 0)
    return sign * f.sign + min(((last - f.lowest) << f.field) + q, f.inf)


def is_nan(f: Format, x: int) -> bool:
    return x & ~f.sign > f.inf


def is_inf(f: Format, x: int) -> bool:
    return x & ~f.sign == f.inf


def is_zero(f: Format, x: int) -> bool:
    return x & ~f.sign == 0


def add(f: Format, a: int, b: int) -> int:
    if is_inf(f, a) or is_inf(f, b):
        return f.nan if is_inf(f, a) and is_inf(f, b) and a != b else a if is_inf(f, a) else b
    (sa, ma, xa), (sb, mb, xb) = take(f, a), take(f, b)
    e = min(xa, xb)
    n = (-1) ** sa * (ma << (xa - e)) + (-1) ** sb * (mb << (xb - e))
    return put(f, int(n < 0) if n else sa & sb, abs(n), 1, e)


def sub(f: Format, a: int, b: int) -> int:
    return add(f, a, b ^ f.sign)


def mul(f: Format, a: int, b: int) -> int:
    sign = (a ^ b) & f.sign
    if is_inf(f, a) or is_inf(f, b):
        return f.nan if is_zero(f, a) or is_zero(f, b) else sign | f.inf
    (_, ma, xa), (_, mb, xb) = take(f, a), take(f, b)
    return put(f, sign // f.sign, ma * mb, 1, xa + xb)


def div(f: Format, a: int, b: int) -> int:
    sign = (a ^ b) & f.sign
    if is_inf(f, a):
        return f.nan if is_inf(f, b) else sign | f.inf
    if is_zero(f, b):
        return f.nan if is_zero(f, a) else sign | f.inf
    if is_inf(f, b):
        return sign
    (_, ma, xa), (_, mb, xb) = take(f, a), take(f, b)
    return put(f, sign // f.sign, ma, mb, xa - xb)


def order(f: Format, x: int) -> int:
    """Integers in the order of the numbers, -0 before 0."""
    return -(x & ~f.sign) - 1 if x & f.sign else x


def number(f: Format, x: int) -> int:
    """Integers in the order of the numbers, -0 the same as 0."""
    return -(x & ~f.sign) if x & f.sign else x


def copysign(f: Format, a: int, b: int) -> int:
    return a & ~f.sign | b & f.sign


def sqrt(f: Format, a: int) -> int:
    if is_zero(f, a):
        return a
    if a & f.sign:
        return f.nan
    if a == f.inf:
        return a
    _, m, x = take(f, a)
    shift = 128 + (x & 1)
    root = math.isqrt(m << shift)
    return put(f, 0, root << 1 | (root * root != m << shift), 1, (x - shift) // 2 - 1)


def integral(f: Format, a: int, how: int) -> int:
    """ceil, floor, trunc, nearest."""
    sign, m, x = take(f, a)
    if is_inf(f, a) or x >= 0:
        return a
    i, rest, half = m >> -x, m & ((1 << -x) - 1), 1 << (-x - 1)
    up = (rest and not sign, rest and sign, 0, rest > half or rest == half and i & 1)[how]
    return put(f, sign, i + bool(up))


def to_int(f: Format, a: int, bits: int, unsigned: int, saturate: int) -> tuple[int, int]:
    """Status and result."""
    if is_nan(f, a):
        return (0, 0) if saturate else (INVALID, 0)
    sign, m, x = take(f, a)
    i = (m << x if x >= 0 else m >> -x) if not is_inf(f, a) else 1 << 100
    i = -i if sign else i
    least, most = (0, (1 << bits) - 1) if unsigned else (-1 << (bits - 1), (1 << (bits - 1)) - 1)
    if least <= i <= most:
        return 0, i & ((1 << bits) - 1)
    return (0, (least if sign else most) & ((1 << bits) - 1)) if saturate else (OVERFLOW, 0)


# ---- the operations as the low five bits of their code words number them ----


@dataclass(frozen=True)
class Operation:
    name: str
    code: int
    sub: int  # of an operation of one operand; -1 when there are two
    operands: int  # their width in bits
    result: int
    right: Callable[..., tuple[int, int]]  # status, result
    operand: Format | None = None


def operations() -> Iterator[Operation]:
    binary = {
        "add": (0, add), "sub": (1, sub), "mul": (2, mul), "div": (3, div),
        "min": (4, lambda f, a, b: min(a, b, key=lambda x: order(f, x))),
        "max": (5, lambda f, a, b: max(a, b, key=lambda x: order(f, x))),
    }  # fmt: skip
    compare = {
        "eq": (8, lambda a, b: a == b), "ne": (9, lambda a, b: a != b),
        "lt": (10, lambda a, b: a < b), "le": (11, lambda a, b: a <= b),
    }  # fmt: skip

    def quiet(f: Format, right: Callable[..., int]) -> Callable[..., tuple[int, int]]:
        return lambda *x: (0, f.nan if any(is_nan(f, one) for one in x) else right(f, *x))

    for f in F32, F64:
        name, high = f"f{f.bits}.", 16 if f is F64 else 0
        for what, (code, right) in binary.items():
            yield Operation(name + what, code | high, -1, f.bits, f.bits, quiet(f, right), f)
        yield Operation(name + "copysign", 6 | high, -1, f.bits, f.bits, lambda a, b, f=f: (0, copysign(f, a, b)), f)
        for what, (code, holds) in compare.items():

            def result(a: int, b: int, f: Format = f, what: str = what, holds: Callable = holds) -> tuple[int, int]:
                nan = is_nan(f, a) or is_nan(f, b)
                return 0, int(what == "ne") if nan else int(holds(number(f, a), number(f, b)))

            yield Operation(name + what, code | high, -1, f.bits, 32, result, f)

        k = high >> 1
        yield Operation(name + "abs", 12, k, f.bits, f.bits, lambda a, f=f: (0, a & ~f.sign), f)
        yield Operation(name + "neg", 12, k + 1, f.bits, f.bits, lambda a, f=f: (0, a ^ f.sign), f)
        for how, what in enumerate(("ceil", "floor", "trunc", "nearest")):
            right = quiet(f, lambda f, a, how=how: integral(f, a, how))
            yield Operation(name + what, 12, k + 2 + how, f.bits, f.bits, right, f)
        yield Operation(name + "sqrt", 12, k + 6, f.bits, f.bits, quiet(f, sqrt), f)
        for i in range(16):
            saturate, bits, wide, unsigned = i >> 3, 64 if i & 4 else 32, i >> 1 & 1, i & 1
            if wide == (f is F64):
                what = f"i{bits}.trunc_{'sat_' * saturate}{name[:3]}_{'su'[unsigned]}"
                yield Operation(what, 12, 16 + i, f.bits, bits, lambda a, f=f, x=(bits, unsigned, saturate): to_int(f, a, *x), f)
        for i in range(4):
            bits, unsigned = 64 if i & 2 else 32, i & 1

            def converted(a: int, f: Format = f, bits: int = bits, unsigned: int = unsigned) -> tuple[int, int]:
                sign = a >> (bits - 1) & (1 - unsigned)
                return 0, put(f, sign, (1 << bits) - a if sign else a)

            yield Operation(f"{name}convert_i{bits}_{'su'[unsigned]}", 12, (37 if k else 32) + i, bits, f.bits, converted)
    for f, to, what, k in (F64, F32, "f32.demote_f64", 36), (F32, F64, "f64.promote_f32", 41):

        def moved(a: int, f: Format = f, to: Format = to) -> tuple[int, int]:
            sign, m, x = take(f, a)
            return 0, to.nan if is_nan(f, a) else sign * to.sign | to.inf if is_inf(f, a) else put(to, sign, m, 1, x)

        yield Operation(what, 12, k, f.bits, to.bits, moved, f)


OPERATIONS = {one.name: one for one in operations()}
