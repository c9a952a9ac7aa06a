# The runtime's face: calls and values, handles and their ends, traps, fuel, caps, host functions, linking, giving all back
# MIT license; Copyright (c) 2026 the pitwasm authors

import signal
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

from tests.wat import modules
from tools.mp import MicroPython

# What every script starts with. load() gives an instance; error() the error a call ends with, as "Class: text".
START = """
import pitwasm
from pitwasm import LinkError, OutOfFuel, PitwasmError, PoolExhausted, Trap
rt = pitwasm.Runtime(POOL)
def load(name, **options):
    with open(name + ".wasm", "rb") as f:
        return rt.load(f, name, **options)
def new(name, **options):
    return rt.instantiate(load(name), **options)
def error(f, *args, **named):
    try:
        return f(*args, **named)
    except Exception as exc:
        return "%s: %s" % (type(exc).__name__, exc)
"""


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path):
    """run(script, name=wat, …): what the script prints, as lines."""

    def _run(script: str, pool: int = 200_000, **texts: str) -> list[str]:
        modules(tmp_path, **texts)
        return mp.out(START.replace("POOL", str(pool)) + textwrap.dedent(script), cwd=tmp_path).splitlines()

    return _run


CALLS = """
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "none"))
  (func (export "six") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add (local.get 5) (i32.mul (local.get 0) (local.get 4))))
  (func (export "long") (param i64) (result i64) (i64.xor (local.get 0) (i64.const 1)))
  (func (export "single") (param f32) (result f32) (local.get 0))
  (func (export "double") (param f64) (result f64) (local.get 0))
  (func (export "swap") (param i32 i64 f32) (result f32 i64 i32) (local.get 2) (local.get 1) (local.get 0))
  (func $id (export "id") (param externref) (result externref) (local.get 0))
  (func (export "fid") (param funcref) (result funcref) (local.get 0))
  (func (export "odd name") (result i32) (i32.const 9))
"""


def test_calls(run) -> None:
    out = run(
        """
        e = new("m").exports
        print(e.add(2, 3), e.add(-2, -3), e.add(0xffffffff, 0), e.add(0x7fffffff, 1), e.add(2**32 + 5, True))
        print(e.none(), e.six(2, 0, 0, 0, 50, -1), e["odd name"](), rt.call(e.add, 4, 4))
        print(e.long(-1), e.long(2**63), e.long(2**64 - 1), e.long(0), e.long(2**62), e.long(-2**63))
        print(e.single(0.5), e.double(-2.25), e.single(float("-inf")), e.double(float("nan")))
        print(e.swap(-1, -2**40, 1.5))
        print(e.swap.call_bits(2**32 - 1, -1, 0x3f800000), e.add.call_bits(-1, -1), e.none.call_bits())
        print(e.double.call_bits(0x7ff0000000000001), e.single.call_bits(0x7fa00000))
        thing = []
        print(e.id(thing) is thing, e.id(None), e.id.call_bits(0), e.id.call_bits(1))
        f = e.fid(e.add)
        print(f(20, 22), e.fid(None), e.fid.call_bits(0))
        for f, args in ((e.add, (1,)), (e.add, (1, 2, 3)), (e.none, (1,)), (e.six, (1, 2, 3, 4, 5)), (e.swap, ()), (e.long, (1, 2))):
            print(error(f, *args))
        for f, arg in ((e.id.call_bits, 99), (e.fid.call_bits, 99), (e.fid.call_bits, 1 << 20 | 77), (e.fid.call_bits, -1)):
            print(error(f, arg)[:12])
        print(error(e.add, 1, 2.5)[:9], error(e.add, None, 1)[:9], error(e.long, "1")[:9], error(e.fid, 7)[:9])
        print(e.add.type, e.swap.type, e.none.type)
        """,
        m=CALLS,
    )
    assert out == [
        "5 -5 -1 -2147483648 6",
        "None 99 9 8",
        "-2 -9223372036854775807 -2 1 4611686018427387905 -9223372036854775807",
        "0.5 -2.25 -inf nan",
        "(1.5, -1099511627776, -1)",
        "(1065353216, 18446744073709551615, 4294967295) (4294967294,) ()",
        "(9218868437227405313,) (2141192192,)",
        "True None (0,) (1,)",
        "42 None (0,)",
        "TypeError: 2 arguments expected, 1 given",
        "TypeError: 2 arguments expected, 3 given",
        "TypeError: 0 arguments expected, 1 given",
        "TypeError: 6 arguments expected, 5 given",
        "TypeError: 3 arguments expected, 0 given",
        "TypeError: 1 arguments expected, 2 given",
        "(99,)",
        "PitwasmError",
        "PitwasmError",
        "PitwasmError",
        "TypeError TypeError TypeError TypeError",
        "('i32 i32', 'i32') ('i32 i64 f32', 'f32 i64 i32') ('', '')",
    ]


PARTS = """
  (import "env" "log" (func $log (param i32 i64)))
  (memory (export "memory") 1 3)
  (data (i32.const 4) "abcd")
  (table $t (export "t") 3 5 funcref)
  (table (export "x") 2 externref)
  (elem (i32.const 1) $five)
  (global (export "g") (mut i64) (i64.const -7))
  (global (export "c") f32 (f32.const 0.25))
  (global (export "r") (mut externref) (ref.null extern))
  (func $five (export "five") (result i32) (i32.const 5))
  (export "log" (func $log))
"""


def test_exports_and_handles(run) -> None:
    out = run(
        """
        said = []
        rt.register_natives("env", {"log": ("(iI)", lambda a, b: said.append((a, b)))})
        i = new("m")
        for entry in i.exports:
            print(entry)
        print(list(i.module.exports) == list(i.exports), list(i.module.imports), i.module.name, i.name)
        m = i.memory
        print(len(m), m.pages, m[4], m[4:8], m[65535:], error(lambda: m[65536])[:10], error(lambda: m[65535:65537])[:10], error(lambda: m[-1])[:10])
        m[0] = 255
        m[1:4] = b"xyz"
        def three():
            m[0:2] = b"abc"
        print(m[:4], error(three), bytes(m.view(6, 2)), error(m.view, 65535, 2)[:10])
        print(m.grow(1), m.pages, len(m), m.grow(2), m.grow(-1), m[4:8])
        t = i.exports.t
        print(len(t), t[0], t[1](), error(lambda: t[3])[:10], t.type, t.grow(1, i.exports.five), len(t), t[3](), t.grow(2))
        t[0] = t[1]
        print(t[0](), error(t.__setitem__, 0, 5)[:9])
        x = i.exports.x
        x[1] = x
        print(x[1] is x, x[0], x.type)
        g = i.exports.g
        print(g.value, hex(g.bits), g.type, g.mutable, i.exports.c.value, error(setattr, i.exports.c, "value", 1), i.exports.c.type)
        g.value = 2**40
        print(g.value)
        g.bits = 2**64 - 2
        print(g.value)
        i.exports.r.value = "text"
        print(i.exports.r.value)
        i.exports.log(7, -2**40)
        i.exports.log.call_bits(2**32 - 1, 2**64 - 1)
        print(said, i.exports.log.type)
        print("five" in i.exports, "six" in i.exports, hasattr(i.exports, "six"), error(lambda: i.exports.six))
        """,
        m=PARTS,
    )
    assert out == [
        "('memory', 'memory', (1, 3))",
        "('t', 'table', ('funcref', 3, 5))",
        "('x', 'table', ('externref', 2, None))",
        "('g', 'global', 'mut i64')",
        "('c', 'global', 'f32')",
        "('r', 'global', 'mut externref')",
        "('five', 'func', ('', 'i32'))",
        "('log', 'func', ('i32 i64', ''))",
        "True [('env', 'log', 'func', ('i32 i64', ''))] m m",
        "65536 1 97 b'abcd' b'\\x00' IndexError IndexError IndexError",
        "b'\\xffxyz' ValueError: 2 bytes expected, 3 given b'cd' IndexError",
        "1 2 131072 -1 -1 b'abcd'",
        "3 None 5 IndexError ('funcref', 3, 5) 3 4 5 -1",
        "5 TypeError",
        "True None ('externref', 2, None)",
        "-7 0xfffffffffffffff9 mut i64 True 0.25 PitwasmError: the global is immutable f32",
        "1099511627776",
        "-2",
        "text",
        "[(7, -1099511627776), (-1, -1)] ('i32 i64', '')",
        "True False False AttributeError: no export 'six'",
    ]


TRAPS = """
  (memory 1)
  (table 4 funcref)
  (elem (i32.const 0) $f $g)
  (type $i (func (result i32)))
  (func $f (result i32) (i32.const 1))
  (func $g)
  (func (export "unreachable") unreachable)
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "fill") (param i32) (memory.fill (i32.const 65530) (i32.const 0) (local.get 0)))
  (func (export "get") (param i32) (drop (table.get (local.get 0))))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "div64") (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
  (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $call (export "call") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func $rec (export "rec") (result i32) (call $rec))
  (func $outer (export "outer") (param i32) (result i32) (nop) (i32.add (i32.const 1) (call $call (local.get 0))))
"""


def test_traps(run) -> None:
    out = run(
        """
        i = new("m")
        e = i.exports
        print(rt.get_exception())
        for f, args in (
            (e.unreachable, ()), (e.load, (65529,)), (e.load, (-1,)), (e.fill, (7,)), (e.get, (4,)), (e.div, (1, 0)), (e.div, (-2**31, -1)),
            (e.div64, (1, 0)), (e.trunc, (1e10,)), (e.trunc, (float("nan"),)), (e.call, (4,)), (e.call, (3,)), (e.call, (1,)), (e.rec, ()),
        ):
            print(error(f, *args), "|", rt.get_exception())
        print(e.call(0), rt.get_exception())
        try:
            e.outer(3)
        except Trap as exc:
            print(exc.text, exc.module, [frame[:2] for frame in exc.frames])
            print(exc.backtrace())
        """,
        m=TRAPS,
    )
    texts = (
        "unreachable,out of bounds memory access,out of bounds memory access,out of bounds memory access,out of bounds table access,"
        "integer divide by zero,integer overflow,integer divide by zero,integer overflow,invalid conversion to integer,undefined element,"
        "uninitialized element 3,indirect call type mismatch,call stack exhausted"
    )
    assert out[0] == "None"
    assert out[1:15] == [f"Trap: m: {text} | Exception: {text}" for text in texts.split(",")]
    assert out[15] == "1 None"
    assert out[16] == "uninitialized element 3 m [('m', 'call'), ('m', 'outer')]"
    assert out[17].startswith("  at m!call+") and out[18].startswith("  at m!outer+")


def test_backtrace_across_modules_and_names(run) -> None:
    out = run(
        """
        b = rt.instantiate(load("b", names=True))
        rt.register_module("b", b)
        a = rt.instantiate(load("a", names=True))
        for text in ("via", "deep"):
            try:
                getattr(a.exports, text)(1)
            except Trap as exc:
                print(exc.module, [frame[:2] for frame in exc.frames])
        rt.deinstantiate(a)
        a = rt.instantiate(load("a"))
        try:
            a.exports.via(1)
        except Trap as exc:
            print([frame[:2] for frame in exc.frames])
        """,
        a="""(import "b" "inner" (func $imported (param i32)))
             (func $middle (param i32) (call $imported (local.get 0)) (nop))
             (func $via (export "via") (param i32) (call $middle (local.get 0)))
             (func $deep (export "deep") (param i32) (if (i32.lt_u (local.get 0) (i32.const 3))
               (then (call $deep (i32.add (local.get 0) (i32.const 1))))) (call $via (i32.const 0)))""",
        b="""(func $boom (param i32) (unreachable)) (func $first (export "inner") (param i32) (call $boom (local.get 0)))""",
    )
    inner = "('b', 'boom'), ('b', 'first'), ('a', 'middle'), ('a', 'via')"
    assert out == [f"b [{inner}]", f"b [{inner}, ('a', 'deep'), ('a', 'deep'), ('a', 'deep')]", "[('b', 'boom'), ('b', 'first'), ('a', 1), ('a', 'via')]"]


def test_stack_depth_follows_its_size(run) -> None:
    out = run(
        """
        module = load("m")
        depths = []
        for size in (128, 1024, 4096, 65536):
            with rt.instantiate(module, stack_size=size) as i:
                f = i.exports.deep
                low, high = 0, 20000
                while high - low > 1:
                    n = (low + high) // 2
                    if error(f, n) == n:
                        low = n
                    else:
                        assert error(f, n) == "Trap: m: call stack exhausted", error(f, n)
                        high = n
                depths.append(low)
        print(depths[0] > 3, [depths[k + 1] / depths[k] > 3 for k in range(3)], rt.pool.used)
        with rt.instantiate(module) as i:
            print(error(i.exports.deep, 10**6), error(i.exports.wide), i.exports.deep(20))
        """,
        m="""(func $deep (export "deep") (param i32) (result i32) (if (result i32) (local.get 0)
               (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
             (func (export "wide") (local"""
        + " i64" * 400
        + "))",
    )
    assert out[0].startswith("True [True, True, True] ")
    assert out[1] == "Trap: m: call stack exhausted Trap: m: call stack exhausted 20"


FUEL = """
  (import "env" "back" (func $back (param i32) (result i32)))
  (func $nothing)
  (func (export "spin") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 3)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))
  (func (export "calls") (param i32) (loop (call $nothing) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "forever") (loop (br 0)))
  (func (export "host") (param i32) (result i32) (i32.add (i32.const 100) (call $back (local.get 0))))
  (func $three (export "three") (param i32) (result i32 i64) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.const 1) (i64.const 2))
"""


def test_fuel(run) -> None:
    out = run(
        """
        rt.register_natives("env", {"back": ("(i)i", lambda n: e.spin(n))})
        i = new("m")
        e = i.exports
        rt.fuel = 10**6
        def cost(f, *args):
            before = rt.fuel
            f(*args)
            return before - rt.fuel
        print(cost(e.spin, 1), cost(e.spin, 11) - cost(e.spin, 1), cost(e.spin, 50001) - cost(e.spin, 1), cost(e.calls, 11) - cost(e.calls, 1))
        base = cost(e.host, 1)
        print(cost(e.host, 1001) - base)
        # All the way in small rations: the same result, for the same price.
        want = cost(e.spin, 1000)
        rt.fuel = 0
        spent = pauses = 0
        f = lambda: e.spin(1000)
        while True:
            rt.fuel = 7
            try:
                r = f()
                break
            except OutOfFuel as exc:
                assert rt.fuel == 0 and exc.resumable
                spent += 7
                pauses += 1
                f = rt.resume
        print(r, spent + 7 - rt.fuel == want, pauses > 100)
        rt.fuel = 5
        print(error(e.three.call_bits, 10))
        rt.fuel = 100
        print(rt.resume(), error(rt.resume))
        # A new call on the same instance gives the old one up; a nested one that runs out cannot be resumed.
        rt.fuel = 1000
        print(error(e.forever), rt.fuel, rt.get_exception())
        rt.fuel = 1000
        print(e.spin(5), error(rt.resume))
        print(error(e.host, 10**6), rt.fuel, error(rt.resume))
        rt.fuel = None
        print(e.host(2), e.spin(100000))
        """,
        m=FUEL,
    )
    assert out == [
        "1 10 50000 20",
        "1000",
        "3000 True True",
        "OutOfFuel: out of fuel",
        "(1, 2) PitwasmError: there is no call to resume",
        "OutOfFuel: out of fuel 0 Exception: out of fuel",
        "15 PitwasmError: there is no call to resume",
        "OutOfFuel: out of fuel 0 PitwasmError: there is no call to resume",
        "106 300000",
    ]


CAPS = """
  (memory (export "memory") 1 4)
  (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "put") (param i32 i64) (i64.store offset=100 (local.get 0) (local.get 1)))
  (func (export "far") (param i32) (result i32) (i32.load offset=60000 (local.get 0)))
  (func (export "const") (result i32) (i32.load (i32.const 8)))
  (func (export "const2") (result i32) (i32.load (i32.const 2000)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
"""


@pytest.mark.parametrize("lazy", [False, True])
def test_memory_cap(run, lazy: bool) -> None:
    out = run(
        f"""
        lazy = {lazy}
        source = open("m.wasm", "rb").read()
        module = rt.load(source, "m", lazy=lazy)
        used = rt.pool.used
        i = rt.instantiate(module, memory_cap=1000)
        e = i.exports
        print(rt.pool.used - used < 3500, len(i.memory), i.memory.pages, e.size(), e.grow(0), e.grow(1), e.get(999), e.const())
        for f, args in ((e.get, (1000,)), (e.get, (65535,)), (e.get, (65536,)), (e.get, (-1,)), (e.put, (893, 1)), (e.far, (0,)), (e.far, (-1,)),
                        (e.const2, ()), (e.fill, (990, 11))):
            print(error(f, *args))
        e.put(892, -1)
        e.fill(990, 2)
        print(i.memory[980:], len(i.memory[:]))
        rt.deinstantiate(i)
        print(rt.pool.used == used or lazy, error(rt.instantiate, module, memory_cap=2000))
        with rt.instantiate(module, memory_cap=10) as i:
            print(error(i.exports.const), i.exports.get(9), error(i.exports.get, 10))
        """,
        m=CAPS,
    )
    cap = "Trap: m: out of bounds memory access (beyond the cap of 1000 bytes)"
    assert out == [
        "True 1000 1 1 1 -1 0 0",
        cap,
        cap,
        "Trap: m: out of bounds memory access",
        "Trap: m: out of bounds memory access",
        cap,
        cap,
        "Trap: m: out of bounds memory access",
        cap,
        cap,
        "b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x07\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff' 1000",
        "True LinkError: m: the code was fitted to a memory of 1000 bytes; load the module again for a larger one",
        "Trap: m: out of bounds memory access (beyond the cap of 10 bytes) 0 Trap: m: out of bounds memory access (beyond the cap of 10 bytes)",
    ]


def test_cap_leaves_room_to_grow(run) -> None:
    out = run(
        """
        e = new("m", memory_cap=3 * 65536 + 100).exports
        print(e.grow(2), e.grow(1), e.size(), e.get(3 * 65536 - 1), error(e.get, 3 * 65536))
        print(error(new, "data", memory_cap=1000))
        e = new("data", memory_cap=1001).exports
        print(e.memory[1000])
        """,
        pool=400_000,
        m=CAPS,
        data='(memory (export "memory") 1) (data (i32.const 1000) "x")',
    )
    assert out == [
        "1 -1 3 0 Trap: m: out of bounds memory access",
        "Trap: data: out of bounds memory access (beyond the cap of 1000 bytes)",
        "120",
    ]


def test_cut_to_what_the_module_uses(run) -> None:
    out = run(
        """
        used = rt.pool.used
        i = new("cut")
        print(rt.pool.used < 6000, len(i.memory), i.exports.get(2055), error(i.exports.get, 2056))
        full = rt.instantiate(i.module, memory_cap=1 << 32)
        print(len(full.memory), full.exports.get(65535))
        # Who imports a memory may use all of it.
        rt.register_module("cut", i)
        j = new("user")
        print(len(i.memory), j.exports.peek(60000), error(i.exports.get, 65536))
        i.memory[60000] = 9
        print(j.exports.peek(60000))
        grows = new("grows")
        print(len(grows.memory))
        """,
        pool=300_000,
        cut="""(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 2050)) (data (i32.const 2047) "end")
               (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))""",
        user="""(import "cut" "memory" (memory 1)) (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))""",
        grows="""(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 2050))
                 (func (export "g") (drop (memory.grow (i32.const 1))))""",
    )
    assert out == [
        "True 2056 0 Trap: cut: out of bounds memory access (beyond the cap of 2056 bytes)",
        "65536 0",
        "65536 0 Trap: cut: out of bounds memory access",
        "9",
        "65536",
    ]


HOST = """
  (import "env" "i" (func $i (param i32) (result i32)))
  (import "env" "mix" (func $mix (param i32 i64 f32 f64 externref) (result f64)))
  (import "env" "buf" (func $buf (param i32 i32) (result i32)))
  (import "env" "tail" (func $tail (param i32) (result i32)))
  (import "env" "str" (func $str (param i32) (result i32)))
  (import "env" "two" (func $two (result i32 i64)))
  (import "env" "any" (func $any (param funcref i32) (result funcref)))
  (memory (export "memory") 1)
  (data (i32.const 16) "h\\c3\\a9llo\\00")
  (table 1 funcref)
  (elem (i32.const 0) $i)
  (elem declare func $inc)
  (func $inc (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "i") (param i32) (result i32) (i32.mul (i32.const 2) (call $i (local.get 0))))
  (func (export "mix") (param externref) (result f64) (call $mix (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 4) (local.get 0)))
  (func (export "buf") (param i32 i32) (result i32) (call $buf (local.get 0) (local.get 1)))
  (func (export "tail") (param i32) (result i32) (call $tail (local.get 0)))
  (func (export "str") (param i32) (result i32) (call $str (local.get 0)))
  (func (export "two") (result i64) (local i64) (call $two) (local.set 0) (i64.extend_i32_s) (i64.add (local.get 0)))
  (func (export "any") (result i32) (local $f funcref) (local.set $f (call $any (ref.func $inc) (i32.const 1)))
    (table.set (i32.const 0) (local.get $f)) (call_indirect (param i32) (result i32) (i32.const 41) (i32.const 0)))
  (func (export "indirect") (param i32) (result i32) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
  (func (export "boom") unreachable)
"""

NATIVES = """
seen = []
def mix(a, b, c, d, o):
    seen.append((a, b, c, d, o))
    return d / 8
def buf(view, n):
    seen.append((len(view), n))
    view[0:2] = b"OK"
    return view[2] if n > 2 else -1
natives = {
    "i": ("(i)i", lambda n: then(n)), "mix": ("(iIfFr)F", mix), "buf": ("(*~)i", buf), "tail": ("(*)i", lambda view: len(view)),
    "str": ("($)i", lambda text: seen.append(text) or len(text)), "two": (None, lambda: (-1, 2**40)), "any": (None, lambda f, n: f),
}
rt.register_natives("env", natives)
then = lambda n: n + 1
i = new("m")
e = i.exports
"""


def test_host_functions(run) -> None:
    out = run(
        NATIVES
        + """
print(e.i(20), e.mix("obj"), seen.pop(), e.two(), e.any(), e.str(16), seen.pop())
print(e.indirect(5), error(e.mix, None), seen.pop())
i.memory[100:104] = b"abcd"
print(e.buf(100, 4), i.memory[100:104], e.buf(65534, 2), e.tail(65000), seen)
for f, args in ((e.buf, (65535, 2)), (e.buf, (0, -1)), (e.buf, (-1, 1)), (e.tail, (65536,)), (e.str, (65536,))):
    print(error(f, *args))
i.memory[65530:] = b"abcdef"
i.memory[200:203] = b"\\xff\\xfe\\0"
print(error(e.str, 65530), error(e.str, 200)[:43])
def then(n):
    return rt.caller is i and rt.caller.name == "m"
print(e.i(0), rt.caller)
for bad in (lambda n: 1 // 0, lambda n: "x", lambda n: None, lambda n: e.boom(), lambda n: e.i(n + 1)):
    then = bad
    print(error(e.i, 1)[:90])
then = lambda n: n
print(e.i(4))
natives["two"] = (None, lambda: (1, 2, 3))
rt.register_natives("env", natives)
print(error(new("m").exports.two))
try:
    then = lambda n: e.boom()
    e.i(1)
except Trap as exc:
    print([frame[1] for frame in exc.frames])
def then(n):
    raise SystemExit(3)
try:
    e.i(1)
except SystemExit as exc:
    print("exit", exc.args)
then = lambda n: n
print(e.i(4))
""",
        m=HOST,
    )
    beyond = "Trap: m: out of bounds memory access"
    assert out == [
        "42 0.5 (-1, -2, 0.5, 4.0, 'obj') 1099511627775 42 5 héllo",
        "6 0.5 (-1, -2, 0.5, 4.0, None)",
        "99 b'OKcd' -1 536 [(4, 4), (2, 2)]",
        *[beyond] * 5,
        f"{beyond} Trap: host function env.str: UnicodeError: ",
        "2 None",
        "Trap: host function env.i: ZeroDivisionError: divide by zero",
        "Trap: host function env.i: TypeError: can't convert str to int",
        "Trap: host function env.i: TypeError: can't convert NoneType to int",
        "Trap: m: unreachable",
        out[14],
        "8",
        "Trap: host function env.two: ValueError: 2 results expected, 3 returned",
        "['boom', 'i']",
        "exit (3,)",
        "8",
    ]
    # Python into WebAssembly into Python …: the first to give up, of the two stacks.
    assert out[14].startswith(("Trap: m: call stack exhausted", "Trap: host function env.i: RuntimeError: max"))


def test_calls_back(run) -> None:
    """A nested call runs above the frame of the one that waits, and changes nothing of it."""
    out = run(
        """
        depth = 0
        def back(a, b):
            global depth
            if a == 0:
                return b
            depth += 1
            return f(a - 1, b + 1) + other.exports.keep(a)
        rt.register_natives("env", {"back": ("(ii)i", back)})
        i = new("m", stack_size=4096)
        other = new("other")
        f = i.exports.f
        print([f(n, 1000) for n in range(8)], depth)
        print([f(n, 1000) for n in range(8)])
        """,
        m="""(import "env" "back" (func $back (param i32 i32) (result i32)))
             (func (export "f") (param i32 i32) (result i32) (local $x i64) (local $y i32)
               (local.set $x (i64.const 0x123456789)) (local.set $y (i32.mul (local.get 0) (i32.const 10)))
               (i32.add (i32.add (local.get $y) (i32.wrap_i64 (i64.sub (local.get $x) (i64.const 0x123456789))))
                 (call $back (local.get 0) (local.get 1))))""",
        other="""(func (export "keep") (param i32) (result i32) (local i32 i32 i32 i32 i32 i32) (local.set 6 (local.get 0))
                 (i32.mul (local.get 6) (i32.const 100000)))""",
    )
    want = [1000 + n + 10 * n * (n + 1) // 2 + 100000 * n * (n + 1) // 2 for n in range(8)]
    assert out == [f"{want} 28", f"{want}"]


def test_handles_after_the_end(run) -> None:
    out = run(
        """
        zero = rt.pool.used
        i = new("m")
        module = i.module
        f, g, m, t, e = i.exports.five, i.exports.g, i.memory, i.exports.t, i.exports
        print(error(rt.unload, module))
        rt.deinstantiate(i)
        for use in (f, lambda: f.type, lambda: f.call_bits(), lambda: g.value, lambda: setattr(g, "value", 1), lambda: m[0], lambda: len(m), m.grow,
                    lambda: m.view(0, 1), lambda: t[0], lambda: len(t), lambda: e.five, lambda: list(e), lambda: i.exports, lambda: i.memory,
                    lambda: i.module, lambda: rt.deinstantiate(i), lambda: rt.lookup_function(i, "five"), lambda: rt.register_module("x", i)):
            print(error(use, *((1,) if use == m.grow else ())))
        rt.unload(module)
        for use in (lambda: module.exports, lambda: module.imports, lambda: rt.unload(module), lambda: rt.instantiate(module),
                    lambda: rt.register_module("x", module)):
            print(error(use))
        print(rt.pool.used - zero)
        # Another instance in the same place is not taken for the old one.
        i = new("m")
        print(error(f), i.exports.five(), error(i.exports.t.__setitem__, 0, f))
        with rt.instantiate(i.module) as j:
            f = j.exports.five
        print(error(f), error(lambda: j.exports))
        rt.destroy()
        print(error(lambda: i.exports), rt.pool.used - zero, rt.instances(), rt.modules())
        """,
        pool=300_000,
        m=PARTS.replace('(import "env" "log" (func $log (param i32 i64)))', "").replace('(export "log" (func $log))', ""),
    )
    gone = "PitwasmError: this instance is gone"
    assert out[0] == "PitwasmError: m: the module has instances; deinstantiate them first"
    assert out[1] == "PitwasmError: the instance of this function is gone"
    assert out[2] == gone
    assert out[3] == "PitwasmError: the instance of this function is gone"
    assert out[4:20] == [gone] * 16
    assert out[20:25] == ["PitwasmError: this module is gone"] * 5
    assert out[25] == "0"
    assert out[26] == f"PitwasmError: the instance of this function is gone 5 {gone}"
    assert out[27] == f"PitwasmError: the instance of this function is gone {gone}"
    assert out[28] == f"{gone} 0 [] []"


SHARED_A = """
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (elem (i32.const 0) $step)
  (func $step (export "step") (result i32) (global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
"""
SHARED_B = """
  (import "a" "memory" (memory 1))
  (import "a" "table" (table 2 funcref))
  (import "a" "count" (global (mut i32)))
  (import "a" "step" (func $step (result i32)))
  (global $own (mut i32) (i32.const 700))
  (elem (i32.const 1) $mine)
  (func $mine (result i32) (global.set $own (i32.add (global.get $own) (i32.const 1))) (global.get $own))
  (func (export "twice") (result i32) (drop (call $step)) (call $step))
  (func (export "poke") (param i32) (i32.store (i32.const 40) (local.get 0)) (global.set 0 (local.get 0)))
  (export "again" (func $step))
  (export "memory" (memory 0))
  (export "count" (global 0))
"""


def test_sharing_and_staying_for_others(run) -> None:
    out = run(
        """
        zero = rt.pool.used
        a = new("a")
        rt.register_module("a", a)
        am, step = a.module, a.exports.step
        b = new("b")
        bm = b.module
        print(b.exports.twice(), step(), b.exports.again(), a.exports.call(0), a.exports.call(1), a.exports.call(1))
        b.exports.poke(55)
        print(a.memory[40], a.exports.count.value, b.exports.count.value, b.exports.again())
        # B goes, but its function in A's table stays and works; its module waits.
        rt.deinstantiate(b)
        rt.unload(bm)
        print(a.exports.call(1), a.exports.table[1](), error(lambda: b.exports), error(lambda: bm.exports))
        a.exports.table[1] = None
        rt._sweep()
        one = rt.pool.used
        # A goes, but the second B holds it.
        b = new("b")
        rt.deinstantiate(a)
        rt.unload(am)
        print(error(step), error(lambda: a.exports), b.exports.twice(), b.exports.memory[40], rt.find_module_registered("a"))
        bm = b.module
        rt.deinstantiate(b)
        print(rt.pool.used - zero > 0)
        rt.unload(bm)
        print(rt.pool.used - zero)
        """,
        a=SHARED_A,
        b=SHARED_B,
    )
    gone = "PitwasmError: this instance is gone"
    assert out == [
        "2 3 4 5 701 702",
        "55 55 55 56",
        f"703 704 {gone} PitwasmError: this module is gone",
        f"PitwasmError: the instance of this function is gone {gone} 58 55 None",
        "True",
        "0",
    ]


def test_a_failed_instance_stays_for_what_it_left_behind(run) -> None:
    """WebAssembly 2.0, linking.wast: segments before the one that traps have been written."""
    out = run(
        """
        a = new("a")
        rt.register_module("a", a)
        a.exports.step()
        used = rt.pool.used
        bad = load("bad")
        print(error(rt.instantiate, bad))
        print(a.exports.call(2), a.memory[5], len(rt.instances()))
        rt.unload(bad)
        print(a.exports.call(2), rt.pool.used > used)
        a.exports.table[2] = None
        rt._sweep()
        print(rt.pool.used - used)
        print(error(new, "start"), len(rt.instances()))
        """,
        a=SHARED_A,
        bad="""(import "a" "table" (table 4 funcref)) (import "a" "memory" (memory 1)) (elem (i32.const 2) $f)
               (data (i32.const 5) "*") (data (i32.const 65536) "*") (func $f (result i32) (i32.const 77))""",
        start="(func $s (drop (i32.div_u (i32.const 1) (i32.const 0)))) (start $s)",
    )
    assert out == [
        "Trap: bad: out of bounds memory access",
        "77 42 1",
        "77 True",
        "0",
        "Trap: start: integer divide by zero 1",
    ]


LINK = """
  (func (export "f") (param i32)) (table (export "t") 2 4 funcref) (memory (export "m") 1 2) (global (export "g") i32 (i32.const 3))
  (global (export "v") (mut i64) (i64.const 3))
"""
IMPORTS = {
    '"a" "f" (func (param i32))': None,
    '"a" "f" (func)': "incompatible import type a.f",
    '"a" "f" (func (param i64))': "incompatible import type a.f",
    '"a" "f" (global i32)': "incompatible import type a.f",
    '"a" "g" (func)': "incompatible import type a.g",
    '"a" "x" (func)': "unknown import a.x",
    '"b" "f" (func)': "unknown import b.f",
    '"" "" (func)': "unknown import .",
    '"a" "t" (table 2 funcref)': None,
    '"a" "t" (table 2 4 funcref)': None,
    '"a" "t" (table 1 5 funcref)': None,
    '"a" "t" (table 3 funcref)': "incompatible import type a.t",
    '"a" "t" (table 2 3 funcref)': "incompatible import type a.t",
    '"a" "t" (table 2 externref)': "incompatible import type a.t",
    '"a" "m" (memory 1)': None,
    '"a" "m" (memory 0 2)': None,
    '"a" "m" (memory 2)': "incompatible import type a.m",
    '"a" "m" (memory 1 1)': "incompatible import type a.m",
    '"a" "g" (global i32)': None,
    '"a" "g" (global (mut i32))': "incompatible import type a.g",
    '"a" "g" (global i64)': "incompatible import type a.g",
    '"a" "v" (global (mut i64))': None,
    '"a" "v" (global i64)': "incompatible import type a.v",
    '"env" "n" (func (param i32))': None,
    '"env" "n" (func (param i32 i32))': "incompatible import type env.n",
    '"env" "f" (func (param i32))': "unknown import env.f",
}


def test_import_matching(run) -> None:
    out = run(
        f"""
        rt.register_natives("env", {{"n": ("(i)", lambda n: None)}})
        rt.register_module("a", new("a"))
        used = rt.pool.used
        for k in range({len(IMPORTS)}):
            module = load("m%d" % k)
            i = error(rt.instantiate, module)
            print(i if isinstance(i, str) else None)
            if not isinstance(i, str):
                rt.deinstantiate(i)
            rt.unload(module)
        print(rt.pool.used - used)
        """,
        a=LINK,
        **{f"m{k}": f"(import {text})" for k, text in enumerate(IMPORTS)},
    )
    assert out == [f"LinkError: m{k}: {text}" if text else "None" for k, text in enumerate(IMPORTS.values())] + ["0"]


def test_registered_modules_are_instantiated_for_their_importers(run) -> None:
    out = run(
        """
        zero = rt.pool.used
        c = load("c")
        print(error(rt.instantiate, c))
        a, b = load("a"), load("b")
        for name, module in (("mA", a), ("mB", b)):
            rt.register_module(name, module)
            rt.register_module(name, module)
        before = rt.pool.used
        print(error(rt.register_module, "mA", b), "|", error(rt.register_module, "", a), "|", error(rt.register_module, "env", a))
        i = rt.instantiate(c)
        print(i.exports.C1(), i.exports.C1(), rt.lookup_function(i, "$mA$next")(), len(rt.instances()))
        print(rt.lookup_function(i, "C1", "()i").type, error(rt.lookup_function, i, "C1", "(i)i"), error(rt.lookup_function, i, "C2"))
        for name in ("$mA", "$$x", "$mA$", "$mX$f", "$mA$$next", "$mA$nope", "$main$C1", "$"):
            print(error(rt.lookup_function, i, name))
        print(rt.find_module_registered("mA") is a, rt.find_module_registered("mX"))
        rt.deinstantiate(i)
        print(rt.pool.used - before, rt.find_module_registered("mB") is b, error(rt.lookup_function, rt.instantiate(load("plain")), "$mA$next"))
        # Failing deep down: everything made on the way goes, and the chain is named.
        bad = load("bad")
        rt.register_module("bad", bad)
        used = rt.pool.used
        top = load("top")
        print(error(rt.instantiate, top))
        rt.unload(top)
        print(rt.pool.used - used)
        x, y = load("x"), load("y")
        rt.register_module("x", x)
        rt.register_module("y", y)
        print(error(rt.instantiate, x))
        rt.destroy()
        print(rt.pool.used - zero)
        """,
        a='(global $n (mut i32) (i32.const 0)) (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))',
        b='(import "mA" "next" (func $next (result i32))) (export "B1" (func $next))',
        c="""(import "mA" "next" (func $a (result i32))) (import "mB" "B1" (func $b (result i32)))
             (func (export "C1") (result i32) (i32.add (i32.mul (call $a) (i32.const 10)) (call $b)))""",
        bad='(import "mA" "next" (func (result i32))) (import "mB" "nope" (func))',
        top='(import "mA" "next" (func (result i32))) (import "bad" "f" (func))',
        x='(import "y" "f" (func)) (func (export "f"))',
        y='(import "x" "f" (func)) (func (export "f"))',
        plain="",
    )
    malformed = "PitwasmError: malformed function name '%s': function or $module$function"
    assert out == [
        "LinkError: c: unknown import mA.next",
        "PitwasmError: Register module failed: the name 'mA' is taken"
        + " | PitwasmError: Register module failed: can not register as a built-in module" * 2,
        "12 34 5 3",
        "('', 'i32') PitwasmError: c: function 'C1' has not the signature (i)i PitwasmError: c: there is no function 'C2'",
        malformed % "$mA",
        malformed % "$$x",
        malformed % "$mA$",
        "PitwasmError: no module 'mX' is registered",
        malformed % "$mA$$next",
        "PitwasmError: a: there is no function 'nope'",
        "PitwasmError: no module 'main' is registered",
        malformed % "$",
        "True None",
        "0 True PitwasmError: no module 'mA' is instantiated",
        "LinkError: bad: unknown import mB.nope (top -> bad -> mB.nope)",
        "0",
        "LinkError: y: found circular dependency on x",
        "0",
    ]


def test_exhaustion_at_every_allocation(run) -> None:
    """Whichever allocation fails, of loading, linking and the first call: PoolExhausted, and the pool is as it was."""
    out = run(
        """
        rt.register_natives("env", {"log": (None, lambda a, b: None)})
        rt.register_module("mA", load("a"))
        used, free = rt.pool.used, rt.pool.free_bytes
        n = 0
        while True:
            n += 1
            rt.pool.fail_at = n
            module = i = None
            try:
                module = load("m")
                i = rt.instantiate(module)
                i.exports.five()
                i.exports.log(1, 2)
                assert rt.pool.fail_at
                rt.pool.fail_at = 0
            except PoolExhausted as exc:
                assert exc.asked >= 0 and exc.free <= free and exc.largest <= exc.free, exc
            else:
                break
            rt.pool.fail_at = 0
            if i:
                print("call", i.exports.five())
                rt.deinstantiate(i)
            if module:
                rt.unload(module)
            assert rt.pool.used == used, (n, rt.pool.used - used)
        print("all", n > 25)
        """,
        m='(import "mA" "next" (func $next (result i32)))' + PARTS,
        a='(global $n (mut i32) (i32.const 0)) (func (export "next") (result i32) (global.get $n))',
    )
    assert out == ["call 5", "all True"]


def test_cycles_do_not_drift(run) -> None:
    out = run(
        """
        import gc
        rt.register_natives("env", {"log": ("(iI)", lambda a, b: None)})
        def once():
            with load("m") as module:
                with rt.instantiate(module) as i:
                    i.exports.log(1, 2)
                    i.exports.x[0] = object()
                    i.memory.grow(1)
                    return i.exports.five()
        once()
        used, largest = rt.pool.used, rt.pool.largest()
        gc.collect()
        heap = gc.mem_alloc()
        for _ in range(300):
            once()
        gc.collect()
        print(rt.pool.used - used, rt.pool.largest() == largest, gc.mem_alloc() - heap < 512, len(rt._externs), len(rt._hosts))
        """,
        m=PARTS,
    )
    assert out == ["0 True True 0 0"]


def test_relocation(run) -> None:
    """A copy of the pool is the same store: state, memory, tables and shared functions carry on."""
    out = run(
        """
        a = new("a")
        rt.register_module("a", a)
        b = new("b")
        print(b.exports.twice(), a.exports.call(1))
        b.exports.poke(9)
        copy = bytearray(rt.pool.buf)
        rt2 = pitwasm.Runtime(pitwasm.Pool.attach(copy))
        for k in range(len(rt.pool.buf)):
            rt.pool.buf[k] = 0xa5
        a, b = rt2.instances()
        print(a.name, b.name, a.memory[40], b.exports.twice(), a.exports.call(1), rt2.find_module_registered("a") is a.module)
        c = rt2.instantiate(rt2.load(open("b.wasm", "rb"), "c"))
        print(c.exports.again(), a.exports.call(1))
        rt2.destroy()
        print(rt2.pool.used)
        """,
        a=SHARED_A,
        b=SHARED_B,
    )
    assert out == ["2 701", "a b 9 11 702 True", "12 701", "0"]


def test_lazy(run) -> None:
    out = run(
        """
        source = open("m.wasm", "rb").read()
        module = rt.load(source, "m", lazy=True)
        i = rt.instantiate(module)
        e = i.exports
        print(e.outer(0), e.call(0), error(e.outer, 3), error(e.div, 1, 0), e.div(7, 2))
        rt.register_module("m", i)
        j = new("user")
        print(j.exports.go(), error(e.rec))
        rt.pool.fail_at = 1
        print(error(e.load, 1)[:14], e.load(0), e.load(8))
        """,
        m=TRAPS,
        user='(import "m" "div64" (func $d (param i64 i64) (result i64))) (func (export "go") (result i64) (call $d (i64.const 100) (i64.const 7)))',
    )
    assert out == [
        "2 1 Trap: m: uninitialized element 3 Trap: m: integer divide by zero 3",
        "2 Trap: m: call stack exhausted",
        "PoolExhausted: 0 0",
    ]


def test_dropping_the_loader(run) -> None:
    out = run(
        """
        import sys
        i = new("m")
        add = i.exports.add
        there = lambda: sorted(name[8:] for name in sys.modules if name.startswith("pitwasm."))
        rt.drop_loader()
        print(there())
        print(add(1, 2), i.exports.add(3, 4), i.exports.long(5), error(i.exports.add, 1))
        j = rt.instantiate(load("m"))
        print(j.exports.add(5, 6))
        rt.drop_loader()
        rt.destroy()
        print(rt.pool.used)
        """,
        m=CALLS,
    )
    assert out[0] == "['access', 'driver', 'errors', 'loop', 'pool', 'runtime']"
    assert out[1:] == ["3 7 4 TypeError: 2 arguments expected, 1 given", "11", "0"]


def test_errors_of_use(run) -> None:
    out = run(
        """
        for sig in ("i", "(i", "(x)", "(i)i)", "()q"):
            print(error(rt.register_natives, "env", {"f": (sig, print)})[:40])
        print(error(rt.register_natives, "env", {"f": ("()", 5)})[:40])
        print(error(rt.load, b"\\0asm"), "|", error(rt.load, b"\\0asm\\2\\0\\0\\0"), "|", error(rt.load, 5)[:9])
        print(error(pitwasm.Runtime, 10), "|", error(pitwasm.Runtime, "x"))
        print(error(lambda: rt.nothing), error(lambda: pitwasm.nothing))
        said = []
        rt.register_natives("env", {"f": ("()", lambda: said.append(error(rt.destroy)))})
        new("m").exports.go()
        print(said)
        """,
        m='(import "env" "f" (func $f)) (func (export "go") (call $f))',
    )
    assert out[:6] == ["PitwasmError: not a signature and a call"] * 6
    assert out[6].count("LoadError") == 2 and out[6].endswith("TypeError")
    assert out[7].startswith("ValueError: a pool has") and "TypeError" in out[7]
    assert out[8].startswith("AttributeError") and out[8].count("AttributeError") == 2
    assert out[9] == "['PitwasmError: the runtime is running']"


def test_ending_an_instance_while_it_runs(run) -> None:
    """A host function deinstantiates its caller: it still returns, then all is freed."""
    out = run(
        """
        used = rt.pool.used
        rt.register_natives("env", {"f": ("()", lambda: (rt.deinstantiate(i), rt.unload(m)))})
        m = load("m")
        i = rt.instantiate(m)
        go = i.exports.go
        print(go(), rt.pool.used - used, error(go))
        """,
        m='(import "env" "f" (func $f)) (func (export "go") (result i32) (call $f) (i32.const 12))',
    )
    assert out == ["12 0 PitwasmError: the instance of this function is gone"]


def test_ctrl_c(mp: MicroPython, tmp_path: Path) -> None:
    modules(tmp_path, m=FUEL)
    script = START.replace("POOL", "100000") + textwrap.dedent("""
        rt.register_natives("env", {"back": (None, lambda n: n)})
        e = new("m").exports
        for _ in range(3):
            try:
                print("running")
                e.forever()
            except KeyboardInterrupt:
                print("stopped", e.spin(1000), error(rt.resume))
        rt.destroy()
        print(rt.pool.used)
    """)
    command = mp.command(script)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=mp.environ(), cwd=tmp_path) as child:
        for _ in range(3):
            assert child.stdout.readline() == "running\n"
            time.sleep(0.02)  # on unix it comes anywhere in the loop, on a board between two slices
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "stopped 3000 PitwasmError: there is no call to resume\n"
        assert child.stdout.read() == "0\n"
    assert child.returncode == 0
