# Floating point: the official suite's single operations and exact results by the million, both word sizes, heap locked
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import math
import random
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.ieee import F32, F64, INVALID, LAYOUT, OPERATIONS, OVERFLOW, Format, Operation, is_inf, is_nan, mul, put, sqrt
from tools import build, suite
from tools.host import HostError
from tools.mp import MicroPython

OPCODES = build.load_layout(build.ROOT / "core" / "gen" / "opcodes.py")
OP_FLOAT = OPCODES["OP_FLOAT"]
CASES = 12_000  # random ones for each operation, besides the special ones


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
                n = r.randrange(1 << 14, 1 << 15) ** 2 - 1  # just below a square: where Newton's rule ends one too high
                yield (put(f, 0, n - n % (1 << max(n.bit_length() - f.precision, 0))),)
            if op.name == "f32.demote_f64":
                m = r.getrandbits(24) << 29 | r.choice((0, 1, 1 << 28, (1 << 28) + 1, (1 << 28) - 1, (1 << 29) - 1))
                yield (r.getrandbits(1) * f.sign | r.randint(870, 1160) << 52 | m & ((1 << 52) - 1),)


# ---- running them ----

# Cases are [code word, six cells]; answers [status, six cells]. All of a file's run with the heap locked.
CHILD = (
    """
import micropython, sys, uctypes
try:
    from pitwasm.loop import convert, double, single
except ImportError:
    from pitwasm.convert import convert
    from pitwasm.double import double
    from pitwasm.single import single
ENV, WORD, FRAME = 16, 64, 80
@micropython.viper
def copy(to: ptr8, at: int, source: ptr8, start: int, n: int):
    while n:
        n -= 1
        to[at + n] = source[start + n]
@micropython.viper
def cell(p: ptr32, at: int) -> int:
    return p[at >> 2]
@micropython.viper
def put(p: ptr32, at: int, x: int):
    p[at >> 2] = x
def run(cases, pool, env):
    i, end = 0, len(cases)
    put(pool, ENV + %(E_SELF)d, ENV)
    put(pool, ENV + %(E_FP)d, FRAME)
    while i < end:
        copy(pool, WORD, cases, i, 4)
        copy(pool, FRAME, cases, i + 4, 24)
        put(pool, ENV + %(E_IP)d, WORD)
        status = 0
        op = cases[i] & 31
        if op == 12:
            if convert(env):
                status = pool[FRAME + 4 * cases[i + 1]]
        elif op & 16:
            double(env)
        else:
            single(env)
        if cell(pool, ENV + %(E_IP)d) != (WORD if op == 12 else WORD + 4):
            status = 255
        cases[i] = status
        copy(cases, i + 4, pool, FRAME, 24)
        i += 28
with open(sys.argv[1], "rb") as file:
    cases = bytearray(file.read())
pool = bytearray(128)
env = (uctypes.addressof(pool) + ENV) >> 2
micropython.heap_lock()
try:
    run(cases, pool, env)
finally:
    micropython.heap_unlock()
with open(sys.argv[2], "wb") as file:
    file.write(cases)
"""
    % LAYOUT
)
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
    return struct.pack("<4B6I", OP_FLOAT + op.code, d, 2, 4 if op.sub < 0 else op.sub, *cells), d


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


# A program is float words and constants in any order; the answer is its frame and how many calls it took.
PROGRAMS = """
import sys, uctypes
from struct import pack_into, unpack_from
try:
    from pitwasm.loop import convert, double, single
except ImportError:
    from pitwasm.convert import convert
    from pitwasm.double import double
    from pitwasm.single import single
ENV, CODE, FRAME = 16, 64, 512
pool = bytearray(640)
env = (uctypes.addressof(pool) + ENV) >> 2
pack_into("<II", pool, ENV + %(E_SELF)d, ENV, 0)
for line in sys.stdin:
    data = bytes.fromhex(line)
    n = len(data) - 64
    pool[CODE:CODE + n + 4] = data[:n] + bytes(4)
    pool[FRAME:FRAME + 64] = data[n:]
    pack_into("<II", pool, ENV + %(E_IP)d, CODE, FRAME)
    ip, calls = CODE, 0
    while ip < CODE + n:
        pack_into("<I", pool, ENV + %(E_IP)d, ip)
        op = pool[ip] ^ %(OP_FLOAT)d
        if op == 12:
            calls += 1
            if convert(env):
                break
            ip += 4
        elif op < 32:
            calls += 1
            (double if op & 16 else single)(env)
            ip = unpack_from("<I", pool, ENV + %(E_IP)d)[0]
        else:
            size = 4 if pool[ip] == %(OP_CONST_W)d else 8
            slot = FRAME + 4 * pool[ip + 1]
            pool[slot:slot + size] = pool[ip + 4:ip + 4 + size]
            ip += 4 + size
    print(bytes(pool[FRAME:FRAME + 64]).hex(), calls)
""" % {**LAYOUT, **OPCODES}


def test_runs(mp: MicroPython) -> None:
    """Words that follow each other are done in one call: f32 or f64 operations of two operands, constants between them."""
    r = random.Random(5)
    sent, right = [], []
    for _ in range(300):
        cells = [r.getrandbits(32) for _ in range(16)]
        code, start, calls, running = b"", cells.copy(), 0, 0
        for _ in range(r.randrange(1, 24)):
            op = OPERATIONS[r.choice(list(OPERATIONS))]
            d, a, b = (2 * r.randrange(8) for _ in range(3))
            if r.random() < 0.3:
                width, x = r.choice((32, 64)), r.getrandbits(64)
                code += struct.pack("<BBxxI", OPCODES["OP_CONST_W" if width == 32 else "OP_CONST64_W"], d, x & 0xFFFFFFFF)
                code += struct.pack("<I", x >> 32) if width == 64 else b""
                cells[d : d + width // 32] = [x & 0xFFFFFFFF, x >> 32][: width // 32]
                running = running if running == width else 0
                continue
            x = [cells[a], cells[b]][: 2 if op.sub < 0 else 1]
            if op.operands == 64:
                x = [cells[s] | cells[s + 1] << 32 for s in (a, b)][: len(x)]
            status, result = op.right(*x)
            if status:
                continue
            code += struct.pack("<4B", OP_FLOAT + op.code, d, a, b if op.sub < 0 else op.sub)
            kind = 0 if op.sub >= 0 else op.operands
            calls += not kind or kind != running
            running = kind
            cells[d] = result & 0xFFFFFFFF
            if op.result == 64:
                cells[d + 1] = result >> 32
        sent.append((code + struct.pack("<16I", *start)).hex())
        right.append(f"{struct.pack('<16I', *cells).hex()} {calls}")
    assert mp.out(PROGRAMS, stdin="\n".join(sent) + "\n").splitlines() == right


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
