# Floating-point numbers as text and back, against CPython's own conversions
# MIT license; Copyright (c) 2026 the pitwasm authors

import math
import random
import struct
from decimal import Context, Decimal
from fractions import Fraction

import pytest

from tools.mp import MicroPython

CHILD = """
import sys
from pitwasm import numbers
for line in sys.stdin:
    name, argument = line.rstrip("\\n").split(" ", 1)
    try:
        if name[0] == "f":
            print(getattr(numbers, name)(int(argument, 16)))
        else:
            print("%x" % getattr(numbers, name)(argument))
    except ValueError as exc:
        print("ValueError", exc)
"""


def ask(mp: MicroPython, name: str, arguments: list[int] | list[str]) -> list[str]:
    """What a function of numbers.py answers to each argument, on the device side."""
    lines = [f"{name} {one:x}" if isinstance(one, int) else f"{name} {one}" for one in arguments]
    return mp.out(CHILD, stdin="\n".join(lines) + "\n", heap="16M", timeout=300).splitlines()


def double(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def double_bits(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def single(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def doubles() -> list[int]:
    r = random.Random(1)
    found = [0, 1, 2, 3, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 0x7FEFFFFFFFFFFFFF, double_bits(5e-324)]
    found += [e << 52 for e in range(2047)] + [(e << 52) - 1 for e in range(1, 2048, 3)]  # the intervals that are not even
    found += [double_bits(float(f"{m}e{e}")) for m in (1, 9, 123, 9007199254740993) for e in range(-20, 24)]
    found += [double_bits(float(n)) for n in (9.5, 0.1, 1e22, 1e23, 2.0**53, 2.0**53 + 2, 123456789.125, 1 / 3)]
    found += [r.getrandbits(63) for _ in range(4000)]
    found += [(r.randint(900, 1150) << 52) | r.getrandbits(52) >> r.randrange(52) << r.randrange(52) for _ in range(4000)]
    return [x & (1 << 63) - 1 ^ (i % 2) << 63 for i, x in enumerate(found) if x >> 52 & 2047 != 2047]


def shortest_single(bits: int) -> str:
    """repr() of the shortest decimal that reads back as this f32, of those the nearest: found by trying."""
    x = single(bits)
    for digits in range(1, 10):
        around = Decimal(x).normalize(Context(digits))
        last = Decimal((0, (1,), around.adjusted() - digits + 1))
        near = [t for t in (around - last, around, around + last) if round_single(Fraction(t)) == bits]
        if near:
            return repr(float(min(near, key=lambda t: (abs(Fraction(t) - Fraction(x)), int(t / last) & 1))))
    raise AssertionError(bits)


def round_single(x: Fraction) -> int:
    """The f32 nearest to a rational number, by looking at its neighbours."""
    sign, x = (1 << 31 if x < 0 else 0), abs(x)
    if x >= Fraction(2**128 - 2**103):
        return sign | 0x7F800000
    guess = struct.unpack("<I", struct.pack("<f", min(float(x), 3.4028234663852886e38)))[0]
    near = [g for g in (guess - 1, guess, guess + 1) if 0 <= g < 0x7F800000]
    return sign | min(near, key=lambda g: (abs(Fraction(single(g)) - x), g & 1))


def singles() -> list[int]:
    r = random.Random(2)
    found = [0, 1, 2, 3, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x3F800000, 0x3DCCCCCD, 0x4B800000, 0x4B800001, 0x5E61FF40]
    found += [e << 23 for e in range(255)] + [(e << 23) - 1 for e in range(1, 256)]
    found += [r.getrandbits(31) for _ in range(5000)]
    return [x ^ (i % 2) << 31 for i, x in enumerate(found) if x >> 23 & 255 != 255]


def test_f64_str_is_repr(mp: MicroPython) -> None:
    bits = doubles()
    assert ask(mp, "f64_str", bits) == [repr(double(x)) for x in bits]


def test_f32_str_is_shortest(mp: MicroPython) -> None:
    bits = singles()
    texts = ask(mp, "f32_str", bits)
    assert [round_single(Fraction(text)) | x & 1 << 31 for text, x in zip(texts, bits, strict=True)] == bits
    assert texts == [shortest_single(x) if x << 1 & 0xFFFFFFFF else ("0.0", "-0.0")[x >> 31] for x in bits]


def test_not_numbers_as_text(mp64: MicroPython) -> None:
    f32 = [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7FA00000, 0x7FC00001, 0xFFFFFFFF]
    said = ["inf", "-inf", "nan", "-nan", "nan:0x200000", "nan:0x400001", "-nan:0x7fffff"]
    assert ask(mp64, "f32_str", f32) == said
    assert [int(x, 16) for x in ask(mp64, "parse_f32", said)] == f32
    f64 = [0x7FF << 52, 0xFFF << 52, 0x7FF8 << 48, 0x7FF << 52 | 1, (1 << 64) - 1]
    said = ["inf", "-inf", "nan", "nan:0x1", "-nan:0xfffffffffffff"]
    assert ask(mp64, "f64_str", f64) == said
    assert [int(x, 16) for x in ask(mp64, "parse_f64", said)] == f64


def texts() -> list[str]:
    """Decimals, many of them ties or next to ties of one of the formats, and of either's extremes."""
    r = random.Random(3)
    found = ["0", "-0", "+0.0", "1", "-1.5", "1.", ".5", "1e5", "1E-5", "0e999999999", "1e400", "-1e999999999999", "1e-999999999999"]
    found += ["4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623158e308", "1.7976931348623159e308"]
    found += ["340282356779733661637539395458142568447", "340282356779733661637539395458142568448", "7.006492321624085e-46", "7.1e-46"]
    found += ["9007199254740993", "9007199254740992.99999999999999999999999", "9007199254740993." + "0" * 500 + "1", "0" * 500 + "1"]
    found += ["0." + "0" * 500 + "1e500", "1" + "0" * 500 + "e-500", " 2.5 "]
    for _ in range(200):
        x = double((r.randint(1, 2046) << 52) | r.getrandbits(52))
        half = Fraction(x) + Fraction(math.ulp(x)) / 2  # between two numbers: its exact decimal
        found.append(decimal(half) if r.getrandbits(1) else decimal(half + Fraction(r.choice((-1, 1)), 10**1100)))
        found += [f"{r.getrandbits(r.randint(1, 80))}e{r.randint(-345, 310)}" for _ in range(20)]
        found.append(f"-{r.getrandbits(30)}.{r.getrandbits(40)}")
        y = single((r.randint(1, 254) << 23) | r.getrandbits(23))
        found.append(decimal(Fraction(y) + Fraction(y) * Fraction(1, 1 << 24)))
    return found


def decimal(x: Fraction) -> str:
    """A rational whose denominator divides a power of ten, written out."""
    places = 1100
    n = x * 10**places
    assert n.denominator == 1
    return f"{n.numerator}e-{places}"


def test_parse_decimal(mp: MicroPython) -> None:
    said = texts()
    assert [int(x, 16) for x in ask(mp, "parse_f64", said)] == [double_bits(float(x)) for x in said]
    for text, x in zip(said, ask(mp, "parse_f32", said), strict=True):
        mantissa, _, power = text.lower().partition("e")
        small = abs(int(power or 0)) < 2000 and Fraction(mantissa) != 0
        right = round_single(Fraction(text.strip())) if small else struct.unpack("<I", struct.pack("<f", float(text)))[0]
        assert int(x, 16) == right, text


def test_parse_hexadecimal(mp: MicroPython) -> None:
    r = random.Random(4)
    said = ["0x0", "-0x0p5", "0x1", "0x1.8p3", "0x.8", "0xA.p-2", "0x1p-1074", "0x1p-1075", "0x1.8p-1075", "0x1.fffffffffffff8p1023"]
    said += ["0x1.fffffffffffff7p1023", "0x1p-99999", "0x0.00000000000000001p70"]
    said += [f"{'-' * r.getrandbits(1)}0x{r.getrandbits(70):x}.{r.getrandbits(40):x}p{r.randint(-1200, 900)}" for _ in range(2000)]
    right = []
    for text in said:
        try:
            right.append(double_bits(float.fromhex(text)))
        except OverflowError:
            right.append((0xFFF if text[0] == "-" else 0x7FF) << 52)
    assert [int(x, 16) for x in ask(mp, "parse_f64", said)] == right
    assert ask(mp, "parse_f32", ["0x1.8p3", "0x1p-149", "0x1p-150", "0x1.fffffep127", "0x1.ffffffp127", "0x1p999999999"]) == [
        "41400000", "1", "0", "7f7fffff", "7f800000", "7f800000",
    ]  # fmt: skip


@pytest.mark.parametrize("function", ["parse_f32", "parse_f64"])
def test_what_is_no_number(mp64: MicroPython, function: str) -> None:
    said = [".", "-", "e5", "1e", "1e+", "1.2.3", "0x", "0xg", "0x1p", "1_0", "0x1_0", "nan:0x0", "nan:0x", "nan:1", "nan:0x10000000000000"]
    said += ["infinite", "--1", "1 2", "0b1", "1p5", "٣", "nan:0x-1", "1e-+1", ""]
    answers = ask(mp64, function, said)
    assert [x for x, answer in zip(said, answers, strict=True) if not answer.startswith("ValueError")] == []


def test_there_and_back(mp: MicroPython) -> None:
    bits = doubles()[:3000]
    assert [int(x, 16) for x in ask(mp, "parse_f64", ask(mp, "f64_str", bits))] == bits
    bits = singles()[:3000]
    assert [int(x, 16) for x in ask(mp, "parse_f32", ask(mp, "f32_str", bits))] == bits
