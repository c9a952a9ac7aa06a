# Floating point: the official suite's single operations and exact results by the million, both word sizes, heap locked
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import math
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tools import build, suite
from tools.host import HostError
from tools.mp import MicroPython

LAYOUT = build.load_layout(build.ROOT / "core" / "pitwasm" / "layout.py")
OVERFLOW, INVALID = LAYOUT["TRAP_OVERFLOW"], LAYOUT["TRAP_CONVERSION"]
CASES = 12_000  # random ones for each operation, besides the special ones


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


# ---- the operations as flt() numbers them ----


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
                yield Operation(
                    what, 12, 16 + i, f.bits, bits, lambda a, f=f, x=(bits, unsigned, saturate): to_int(f, a, *x), f
                )
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


# ---- operands ----


@cache
def special(f: Format) -> list[int]:
    one = f.inf // 2 & ~((1 << f.field) - 1)
    ulp = 1 << f.field
    found = [0, 1, 2, 3, ulp // 2, ulp - 1, ulp, ulp + 1, 2 * ulp, one - 1, one, one + 1, one + ulp, one + ulp // 2, one - ulp]
    found += [f.inf - 1, f.inf - 2, f.inf, f.inf + 1, f.nan, f.nan + 1, f.nan | 0x123, f.sign - 1]
    for power in (f.precision - 2, f.precision - 1, f.precision, 31, 32, 63, 64):
        found += [one + power * ulp + d for d in (-2, -1, 0, 1)]
    return [x ^ sign for x in found for sign in (0, f.sign)]


def significand(f: Format, r: random.Random) -> int:
    """Random, with few bits, or with long runs of equal bits: what carries, cancels and ties are made of."""
    kind = r.randrange(5)
    m = r.getrandbits(f.field)
    if kind == 0:
        m &= r.getrandbits(f.field) & r.getrandbits(f.field) & r.getrandbits(f.field)
    elif kind == 1:
        m = (1 << r.randint(0, f.field)) - 1 << r.randint(0, 4) & ((1 << f.field) - 1)
    elif kind == 2:
        m = ((1 << f.field) - 1) & ~((1 << r.randint(0, f.field)) - 1) | r.getrandbits(3)
    elif kind == 3:
        m = m >> f.field // 2 << f.field // 2  # products of two such are exact, or ties
    return m


def pair(f: Format, r: random.Random) -> tuple[int, int]:
    """Two operands that have to do with each other: exponents near, or such that products and quotients end at the edges."""
    most = (f.inf >> f.field) - 1
    bias = most // 2
    kind = r.randrange(6)
    ea = r.randint(0, most)
    eb = (
        r.randint(0, most),
        ea + r.randint(-2, 2),
        ea + r.randint(-f.precision - 3, f.precision + 3),
        bias - ea + r.randint(-f.precision - 2, 3),  # the product is near the smallest number
        ea + bias + r.randint(-3, f.precision + 2),  # so is the quotient
        bias + most - ea + r.randint(-2, 2),  # the product is near the greatest number
    )[kind]
    a = r.getrandbits(1) * f.sign | ea << f.field | significand(f, r)
    b = r.getrandbits(1) * f.sign | min(max(eb, 0), most) << f.field | significand(f, r)
    return (a, b) if r.getrandbits(1) else (b, a)


def operands(op: Operation) -> Iterator[tuple[int, ...]]:
    r = random.Random(op.name)
    f = op.operand
    if f is None:
        for i in range(op.operands):
            for d in range(-3, 4):
                yield (((1 << i) + d) & ((1 << op.operands) - 1),)
                yield ((d - (1 << i)) & ((1 << op.operands) - 1),)
        for _ in range(CASES):  # of any length; then ties for either format
            n = r.getrandbits(op.operands) >> r.randrange(op.operands)
            n = n if r.getrandbits(1) else ((n | 1) << r.randrange(op.operands)) + r.randint(-1, 1)
            yield (n & ((1 << op.operands) - 1),)
    elif op.sub < 0:
        for a in special(f):
            for b in special(f):
                yield a, b
        for _ in range(CASES):
            a, b = pair(f, r)
            yield a, b
            if op.name.endswith("div") and not is_inf(f, a) and not is_inf(f, b):
                yield mul(f, a, b), b  # quotients that are exact, or nearly
    else:
        bias = (f.inf >> f.field) // 2
        for a in special(f):
            yield (a,)
        for _ in range(CASES):
            yield (r.getrandbits(f.bits),)
            yield (r.getrandbits(1) * f.sign | (bias + r.randint(-3, 66)) << f.field | significand(f, r),)
            if op.name.endswith("sqrt"):
                a = r.getrandbits(f.bits - 1)
                yield (mul(f, a, a) if not is_nan(f, a) else a,)  # squares, rounded
            if op.name == "f32.demote_f64":
                m = r.getrandbits(24) << 29 | r.choice((0, 1, 1 << 28, (1 << 28) + 1, (1 << 28) - 1, (1 << 29) - 1))
                yield (r.getrandbits(1) * f.sign | r.randint(870, 1160) << 52 | m & ((1 << 52) - 1),)


# ---- running them ----

# Cases are [code word, six cells]; answers [status, six cells]. All of a file's run with the heap locked.
CHILD = """
import micropython, sys
from pitwasm.floats import flt
@micropython.viper
def copy(to: ptr8, at: int, source: ptr8, start: int, n: int):
    while n:
        n -= 1
        to[at + n] = source[start + n]
def run(cases, pool):
    i, end = 0, len(cases)
    while i < end:
        copy(pool, 8, cases, i, 28)
        cases[i] = flt(pool, 8, 12)
        copy(cases, i + 4, pool, 12, 24)
        i += 28
with open(sys.argv[1], "rb") as file:
    cases = bytearray(file.read())
pool = bytearray(64)
micropython.heap_lock()
try:
    run(cases, pool)
finally:
    micropython.heap_unlock()
with open(sys.argv[2], "wb") as file:
    file.write(cases)
"""
MARK = 0xA5A5A5A5


@dataclass
class Case:
    op: Operation
    operands: tuple[int, ...]
    right: tuple[int, int] | None = None  # status and result, where there is one answer
    nan: str = ""  # "c" any canonical NaN, "a" any arithmetic one


def words(case: Case, turn: int) -> tuple[bytes, int]:
    """The case as bytes, and the slot of its result: one of its own, or an operand's."""
    op = case.op
    cells = [MARK] * 6
    for slot, x in zip((2, 4), case.operands, strict=False):
        cells[slot] = x & 0xFFFFFFFF
        if op.operands == 64:
            cells[slot + 1] = x >> 32
    d = (0, 2, 4 if op.sub < 0 else 0)[turn % 3]
    return struct.pack("<4B6I", op.code, d, 2, 4 if op.sub < 0 else op.sub, *cells), d


def check(mp: MicroPython, tmp_path: Path, cases: Iterable[Case]) -> int:
    """Run the cases; complain about those whose frame is not as it should be."""
    cases = list(cases)
    sent = [words(case, i) for i, case in enumerate(cases)]
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "cases").write_bytes(b"".join(data for data, _ in sent))
    done = mp.run([tmp_path / "child.py", tmp_path / "cases", tmp_path / "answers"], heap="32M", timeout=300)
    assert done.returncode == 0, done.stderr
    answers = (tmp_path / "answers").read_bytes()
    wrong = []
    for i, (case, (data, d)) in enumerate(zip(cases, sent, strict=True)):
        status, *cells = struct.unpack_from("<B3x6I", answers, 28 * i)
        expected = list(struct.unpack_from("<6I", data, 4))
        got = cells[d] | (cells[d + 1] << 32 if case.op.result == 64 else 0)
        want_status, want = case.right or (0, got)
        if case.nan:
            f = F64 if case.op.result == 64 else F32
            if (got & ~f.sign if case.nan == "c" else got & f.nan) != f.nan:
                want = f.nan
        if want_status == 0:
            expected[d] = want & 0xFFFFFFFF
            if case.op.result == 64:
                expected[d + 1] = want >> 32
        else:
            expected[d] = cells[d]  # a trap may leave anything there
        if status != want_status or cells != expected:
            given = " ".join(f"{x:#x}" for x in case.operands)
            wrong.append(f"{case.op.name} {given}: status {status}, {got:#x}; not {want_status}, {want:#x}, to slot {d}")
    assert not wrong, f"{len(wrong)} of {len(cases)} wrong:\n" + "\n".join(wrong[:20])
    return len(cases)


# ---- the tests ----


def test_reference_is_cpython() -> None:
    """The exact integers above give what CPython's floats give, for doubles."""

    def bits(x: float) -> int:
        return struct.unpack("<Q", struct.pack("<d", x))[0]

    def python(name: str, a: float, b: float) -> float:
        return {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b if b else math.nan, "sqrt": math.sqrt(abs(a))}[name]

    r = random.Random(1)
    for _ in range(20_000):
        x, y = pair(F64, r)
        a, b = struct.unpack("<2d", struct.pack("<2Q", x, y))
        for name in "add", "sub", "mul", "div":
            if b != 0:
                assert OPERATIONS[f"f64.{name}"].right(x, y)[1] == bits(python(name, a, b)), (name, a, b)
        assert sqrt(F64, x & ~F64.sign) == bits(python("sqrt", a, b)), a
        single = OPERATIONS["f32.demote_f64"].right(x)[1]
        if not is_inf(F32, single):
            assert single == struct.unpack("<I", struct.pack("<f", a))[0]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name: str, mp: MicroPython, tmp_path: Path) -> None:
    op = OPERATIONS[name]
    assert check(mp, tmp_path, (Case(op, x, right) for x, right in expected(name))) >= CASES


@cache
def expected(name: str) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
    """Operands and what is right, worked out once for both word sizes."""
    return [(x, OPERATIONS[name].right(*x)) for x in operands(OPERATIONS[name])]


SUITE = {
    "core10": "f32 f64 f32_cmp f64_cmp f32_bitwise f64_bitwise float_misc",
    "core20": "conversions",
}
TRAPS = {"integer overflow": OVERFLOW, "invalid conversion to integer": INVALID}


def suite_cases(path: Path) -> Iterator[Case]:
    """What a file of the suite asserts about single operations, which its functions are named for."""
    prefix = path.stem[:3] + "." if path.stem[0] == "f" and path.stem[1].isdigit() else ""
    for command in json.loads(path.read_text())["commands"]:
        if command["type"] not in ("assert_return", "assert_trap"):
            continue
        action = command["action"]
        name = prefix + action["field"]
        if name[-2:] in ("gt", "ge"):
            name, swap = name[:-2] + {"gt": "lt", "ge": "le"}[name[-2:]], True
        else:
            swap = False
        if name not in OPERATIONS:
            continue
        op = OPERATIONS[name]
        values = tuple(int(one["value"]) % (1 << op.operands) for one in action["args"])
        values = values[::-1] if swap else values
        if command["type"] == "assert_trap":
            yield Case(op, values, (TRAPS[command["text"]], 0))
            continue
        result = command["expected"][0]["value"]
        nan = result[4] if result.startswith("nan:") else ""
        yield Case(op, values, None if nan else (0, int(result) % (1 << op.result)), nan)


@pytest.mark.parametrize("group, name", [(group, name) for group, names in SUITE.items() for name in names.split()])
def test_suite(group: str, name: str, mp: MicroPython, tmp_path: Path) -> None:
    try:
        path = suite.files([group], name)[0].path
    except HostError as exc:
        pytest.skip(str(exc))
    assert check(mp, tmp_path, suite_cases(path)) > 300
