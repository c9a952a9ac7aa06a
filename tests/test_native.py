# The native tier: machine code gives what the loop gives, results, traps, backtraces and fuel; what it does to code words can be undone
# MIT license; Copyright (c) 2026 the pitwasm authors
from pathlib import Path

import pytest

from tests.wat import START, assemble, modules
from tools import aot, programs
from tools.host import ROOT
from tools.macros import load_layout
from tools.mp import MicroPython

LAYOUT = load_layout(ROOT / "core" / "pitwasm" / "layout.py") | load_layout(ROOT / "core" / "gen" / "opcodes.py")
NATIVE = START.replace("Runtime(%d)", "Runtime(%d, native=%r, native_budget=100_000)")

WORK = """
  (import "env" "host" (func $host (param i32) (result i32)))
  (memory (export "m") 1)
  (global $g (export "g") (mut i64) (i64.const 5))
  (table 3 funcref)
  (elem (i32.const 0) $fib $twice)
  (type $i (func (param i32) (result i32)))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "indirect") (param i32 i32) (result i32) (call_indirect (type $i) (local.get 1) (local.get 0)))
  (func (export "sum") (param i32) (result i32) (local i32 i32)
    (loop $l
      (i32.store (i32.shl (local.get 1) (i32.const 2)) (local.get 1))
      (local.set 2 (i32.add (local.get 2) (i32.load (i32.shl (local.get 1) (i32.const 2)))))
      (br_if $l (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
    (local.get 2))
  (func (export "hosts") (param i32) (result i32) (local i32)
    (loop $l
      (local.set 1 (i32.add (local.get 1) (call $host (local.get 0))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "wide") (param i64) (result i64) (local i32)
    (loop $l
      (local.set 0 (i64.xor (i64.mul (local.get 0) (i64.const 6364136223846793005)) (i64.shr_u (local.get 0) (i64.const 13))))
      (global.set $g (i64.add (global.get $g) (local.get 0)))
      (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 50))))
    (i64.sub (global.get $g) (i64.rotl (local.get 0) (i64.const 7))))
  (func (export "first") (param i32) (result i32) (call_indirect (type $none) (local.get 0)))
  (type $none (func (result i32)))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
  (func (export "endless") (loop $l (br $l)))
  (func (export "far") (param i32) (result i32) (i32.load offset=100 (local.get 0)))
"""

CALLS = """
i = new("m")
e = i.exports
def used(f, *args):
    rt.fuel = 10**6
    out = error(f, *args)
    return out, 10**6 - rt.fuel
for f, args in (
    (e.fib, (15,)), (e.sum, (3000,)), (e.sum, (20000,)), (e.hosts, (20,)), (e.wide, (12345678901234567,)), (e.deep, (60,)),
    (e.deep, (1000,)),
    (e.first, (0,)), (e.indirect, (1, 21)), (e.indirect, (0, 7)), (e.indirect, (2, 1)), (e.indirect, (9, 1)), (e.far, (65432,)),
    (e.far, (65433,)), (e.far, (1,)),
):
    out = used(f, *args)
    print(out, rt._error and rt._error.frames)
print(e.g.value, sum(i.memory[0:65536]))
"""
HOST = """
rt.register_natives("env", {"host": ("(i)i", lambda x: x * 3)})
"""


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path):
    modules(tmp_path, m=WORK)
    return lambda text, native, pool=300_000: mp.out(NATIVE % (pool, native) + HOST + text, cwd=tmp_path, heap="8M")


def test_loop_and_machine_code_do_the_same(run) -> None:
    """Results, traps, backtraces, fuel, memory, globals; a depth beyond what the machine's stack may take, and beyond the stack."""
    loop = run(CALLS, "never")
    assert "call stack exhausted" in loop and "out of bounds" in loop and "undefined element" in loop
    assert run(CALLS, "always") == loop
    twice = CALLS.replace("out = used", "used(f, *args)\n    out = used")
    assert run(twice, "hot") == run(twice, "never")


FLOATS = """
  (memory 1)
  (func $first (export "first") (param f32 f32) (result f32) (f32.div (local.get 0) (local.get 1)))
  (func (export "calls") (param f32 i32) (result f32)
    (loop $l
      (local.set 0 (call $first (local.get 0) (f32.const 1.5)))
      (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 0))
  (func $deep (export "deep") (param i32 f64) (result f64)
    (if (result f64) (local.get 0)
      (then (f64.add (f64.sqrt (local.get 1)) (call $deep (i32.sub (local.get 0) (i32.const 1)) (f64.mul (local.get 1) (f64.const 1.25)))))
      (else (local.get 1))))
  (func (export "same") (param i32) (result i32) (i32.trunc_f32_s (f32.reinterpret_i32 (local.get 0))))
  (func (export "wide") (param f64) (result i64) (i64.trunc_f64_u (f64.mul (local.get 0) (f64.const 2))))
  (func (export "saturate") (param f64) (result i64) (i64.trunc_sat_f64_s (local.get 0)))
  (func (export "pinned") (param i32 f64) (result f64) (local f64 f64 i32)
    (loop $l
      (local.set 2 (f64.add (f64.convert_i32_s (local.get 0)) (f64.mul (local.get 1) (local.get 2))))
      (local.set 3 (select (local.get 2) (local.get 3) (f64.lt (local.get 3) (local.get 2))))
      (f64.store (i32.and (i32.shl (local.get 4) (i32.const 3)) (i32.const 248)) (local.get 3))
      (local.set 4 (i32.add (local.get 4) (i32.trunc_f64_s (f64.max (f64.min (local.get 3) (f64.const 9)) (f64.const 1)))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (f64.sub (f64.load (i32.const 64)) (f64.promote_f32 (f32.demote_f64 (f64.add (local.get 3) (f64.convert_i32_u (local.get 4)))))))
  (func (export "top") (param f32) (result f32) (local i32)
    (loop $l
      (local.set 0 (f32.add (f32.mul (local.get 0) (f32.const 0.75)) (f32.const 1)))
      (br_if $l (f32.lt (local.get 0) (f32.const 3.99))))
    (local.get 0))
"""


FLOAT_USES = """
e = new("d").exports
for f, args in (
    (e.first, (1.0, 3.0)), (e.calls, (1e9, 40)), (e.deep, (60, 0.5)), (e.deep, (100, 0.5)), (e.same, (0x4048F5C3,)),
    (e.same, (0x7FC00000,)), (e.same, (0x4F000000,)),
    (e.wide, (1.75,)), (e.wide, (-1.0,)), (e.wide, (9.5e18,)), (e.saturate, (-1e300,)), (e.pinned, (50, 0.5)), (e.top, (-2.5,)),
):
    for fuel in (10**6, 3):
        rt.fuel = fuel
        out = error(f, *args)
        while out and str(out).startswith("OutOfFuel"):
            rt.fuel = 3
            out = error(rt.resume)
        print(out, rt._error and rt._error.frames, fuel > 3 and rt.fuel)
"""


def test_floats(run, tmp_path: Path) -> None:
    """Functions and loops that start with a float word, chains with constants, floats in registers' slots; a conversion in place that
    traps leaves its operand to the loop; calls as deep as the stack; slices of fuel."""
    modules(tmp_path, d=FLOATS)
    loop = run(FLOAT_USES, "never")
    assert "invalid conversion" in loop and "integer overflow" in loop
    assert run(FLOAT_USES, "always") == loop


INTEGERS = """
  (global $g (mut i64) (i64.const 0))
  (func $div (export "div") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func $rem (export "rem") (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
  (func (export "in_place") (param i64 i64) (result i64)
    (loop $l
      (local.set 0 (i64.div_s (local.get 0) (local.get 1)))
      (local.set 1 (i64.sub (local.get 1) (i64.const 1)))
      (global.set $g (i64.add (global.get $g) (local.get 0)))
      (br_if $l (i64.ne (local.get 0) (i64.const 1))))
    (global.get $g))
  (func (export "mix") (param i64 i64) (result i64) (local i32 i64)
    (loop $l
      (local.set 3 (i64.xor (i64.rotl (local.get 0) (local.get 1)) (i64.shr_s (local.get 0) (local.get 3))))
      (local.set 3 (i64.add (i64.rotr (local.get 3) (i64.const 41)) (i64.rotl (local.get 3) (i64.const 5))))
      (local.set 3 (i64.xor (local.get 3) (i64.rotr (local.get 3) (local.get 1))))
      (local.set 3 (i64.or (i64.shl (local.get 3) (local.get 1)) (i64.shr_u (local.get 3) (i64.sub (i64.const 64) (local.get 1)))))
      (local.set 0 (i64.add (local.get 0) (i64.add (i64.mul (i64.clz (local.get 3)) (i64.const 977)) (i64.ctz (local.get 3)))))
      (local.set 3 (i64.add (local.get 3) (i64.popcnt (i64.rem_s (local.get 3) (i64.or (local.get 0) (i64.const 1))))))
      (local.set 2 (i32.add (local.get 2) (i32.add (i32.const 1) (i32.clz (i32.popcnt (i32.ctz (local.get 2)))))))
      (local.set 1 (i64.add (local.get 1) (i64.const 1)))
      (br_if $l (i32.lt_u (local.get 2) (i32.const 3000))))
    (local.get 3))
  (func (export "held") (param i64) (result i64) (local i64)
    (local.set 1 (i64.const 7))
    (loop $l
      (local.set 0 (i64.rotl (i64.add (local.get 0) (i64.const 3)) (local.get 1)))
      (br_if $l (i64.gt_s (local.get 0) (i64.const 0))))
    (local.get 0))
"""
USES = """
e = new("d").exports
for f, args in (
    (e.div, (-100, 7)), (e.div, (5, 0)), (e.div, (-(1 << 63), -1)), (e.rem, (-1, 10)), (e.rem, (3, 0)), (e.in_place, (1 << 60, 9)),
    (e.in_place, (1 << 60, 3)), (e.mix, (0x123456789ABCDEF, 3)), (e.mix, (-5, 64)), (e.held, (1,)),
):
    for fuel in (10**6, 3):
        rt.fuel = fuel
        out = error(f, *args)
        while out and str(out).startswith("OutOfFuel"):
            rt.fuel = 3
            out = error(rt.resume)
        print(out, rt._error and rt._error.frames, fuel > 3 and rt.fuel)
"""


def test_whole_numbers(run, tmp_path: Path) -> None:
    """64-bit division, counts, shifts and rotations, with pinned slots, at a loop's head, in slices; a division that traps is the loop's,
    and its operands are what they were."""
    modules(tmp_path, d=INTEGERS)
    loop = run(USES, "never")
    assert "divide by zero" in loop and "integer overflow" in loop
    assert run(USES, "always") == loop
    # none of them is left to the loop
    text = """
m = load("d")
words, code = get32(rt._buf, m._off + %d), get32(rt._buf, m._off + %d)
print(bin(rt._tier._there & 12), sum(1 for at in range(0, words, 4) if rt._buf[code + at] == %d))
""" % (LAYOUT["M_WORDS"], LAYOUT["M_CODE"], LAYOUT["OP_NATIVE"])
    assert run("from pitwasm.pool import get32\n" + text, "always") == "0b1100 8\n"


def test_machine_code_is_what_runs(run) -> None:
    assert run('m = load("m")\nprint(rt._tier.used > 1000, rt._tier.first != 0)', "always") == "True True\n"
    out = run('i = new("m")\na = rt._tier.used\ni.exports.fib(18)\nprint(rt._tier.used > a)', "hot")
    assert out == "True\n"


def test_unloading_puts_everything_back(run) -> None:
    """The pool's bytes and the budget's; the words are the translator's again when only the machine code goes."""
    out = run(
        """
start = rt.pool.used, rt._tier.used
m = load("m")
i = rt.instantiate(m)
i.exports.fib(10)
rt._tier.discard(m._off)
print(i.exports.fib(10), rt._tier.used == start[1])
rt._tier.module(m._off)
print(i.exports.fib(10), rt._tier.used > start[1])
rt.deinstantiate(i)
rt.unload(m)
print((rt.pool.used, rt._tier.used) == start)
rt.destroy()
print(rt.pool.used)
""",
        "always",
    )
    assert out == "55 True\n55 True\nTrue\n0\n"


def test_a_copy_of_the_pool_has_its_code_words_back(run) -> None:
    """The copy knows nothing of the machine code of the one it was made of."""
    out = run(
        """
i = new("m")
print(i.exports.fib(12))
copy = bytearray(rt.pool.buf)
rt2 = pitwasm.Runtime(pitwasm.Pool.attach(copy))
print(rt2.instances()[0].exports.fib(12), rt2._native, i.exports.fib(12))
rt3 = pitwasm.Runtime(pitwasm.Pool.attach(bytearray(rt.pool.buf)), native="always")
print(rt3.instances()[0].exports.fib(12))
""",
        "always",
    )
    assert out == "144\n144 None 144\n144\n"


# Seeds that every run of the tests takes; docs/native.md has those of the large run.
@pytest.mark.parametrize("first", range(10_001, 14_001, 500))
def test_programs_agree_with_loop_and_wasmtime(mp64: MicroPython, first: int) -> None:
    """Results, traps and backtraces, globals, memory and fuel, also when the fuel comes in slices."""
    assert programs.run(first, 500, mp64, "always") == []


@pytest.mark.parametrize("first", range(20_001, 20_801, 100))
def test_programs_agree_on_32_bit(mp32: MicroPython, first: int) -> None:
    assert programs.run(first, 100, mp32, "always") == []


def test_programs_whose_hot_functions_are_machine_code(mp: MicroPython) -> None:
    assert programs.run(21_001, 100, mp, "hot") == []


def test_known_hard_ones(mp: MicroPython) -> None:
    """Seeds that once failed: a branch to the next word, a word put back twice."""
    for seed in (1330, 1788, 2000, 2150):
        assert programs.run(seed, 1, mp, "always") == []


def test_functions_of_more_than_32_kilobytes(run, tmp_path: Path) -> None:
    """Places in the code need more than 16 bits: the exits of loads and stores that lie behind."""
    body = "".join(
        f"(local.set {2 + k % 5} (i32.load offset={k} (i32.and (local.get {2 + k % 7}) (i32.const 255))))"
        f"(i32.store8 offset={2 * k} (i32.and (local.get {2 + k % 3}) (i32.const 127)) (i32.add (local.get {2 + k % 5}) (i32.const {k})))"
        for k in range(1200)
    )
    last = "(i32.load8_u (local.get 0))"
    text = f'(memory 1) (func (export "f") (param i32 i32) (result i32) (local i32 i32 i32 i32 i32 i32 i32) {body} {last})'
    modules(tmp_path, b=text)
    text = """
i = new("b")
rt.fuel = 1000
print([error(i.exports.f, a, 3) for a in (5, 700, 65535, 65536)], rt._error.frames, sum(i.memory[0:65536]), rt.fuel)
"""
    loop = run(text, "never")
    text += "from pitwasm.pool import get32\nassert get32(rt._buf, rt._tier.first + %d) > 40_000\n" % LAYOUT["NF_BYTES"]
    assert run(text, "always") == loop


def test_all_of_the_room_for_machine_code_is_there(run) -> None:
    """As many bytes as asked for; the statements of the function whose code they are reach to the last one."""
    text = """
from pitwasm.region import Region
from uctypes import bytearray_at
for size in (4096, 65536, 100_000, 400_000):
    r = Region(size)
    code = bytes(bytearray_at(r.address, r.size))
    n = 4
    while code[256 : 256 + 8 * n] != code[256 : 256 + n] * 8:
        n += 1
    k = (size - 256) // n
    print(r.size == size, code[256 + n * (k - 8) : 256 + n * k] == code[256 : 256 + n] * 8)
"""
    assert run(text, "never") == "True True\n" * 4


def test_in_a_pool_of_more_than_64_megabytes(mp: MicroPython, tmp_path: Path) -> None:
    """A code word has no room for the place of a record up there: the loop does it all, of images, too."""
    modules(tmp_path, m=WORK)
    image = aot.image(assemble(WORK), arch="x64" if mp.bits == 64 else "x86")
    (tmp_path / "i.wasm").write_bytes(image)
    text = """
rt.pool.alloc(1 << 26, 9, 0, False)
for name in "mi":
    e = new(name).exports
    print(e.fib(12), e.sum(100), rt._tier.first)
rt.destroy()
"""
    out = mp.out(NATIVE % (80_000_000, "always") + HOST + text, cwd=tmp_path, heap="100M")
    assert out == "144 4950 0\n" * 2
