# Running: traps and backtraces, the depth of the stack, fuel, Ctrl-C
# MIT license; Copyright (c) 2026 the pitwasm authors

import signal
import subprocess
import time
from pathlib import Path

from tests.wat import modules, script
from tools.mp import MicroPython

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
    assert out == [
        f"b [{inner}]",
        f"b [{inner}, ('a', 'deep'), ('a', 'deep'), ('a', 'deep')]",
        "[('b', 'boom'), ('b', 'first'), ('a', 1), ('a', 'via')]",
    ]


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
        one = cost(e.spin, 1)
        print(one, cost(e.spin, 11) - one, cost(e.spin, 50001) - one, cost(e.calls, 11) - cost(e.calls, 1))
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


def test_ctrl_c(mp: MicroPython, tmp_path: Path) -> None:
    modules(tmp_path, m=FUEL)
    text = """
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
    """
    command = mp.command(script(text))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=mp.environ(), cwd=tmp_path) as child:
        for _ in range(3):
            assert child.stdout.readline() == "running\n"
            time.sleep(0.02)  # on unix it comes anywhere in the loop, on a board between two slices
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "stopped 3000 PitwasmError: there is no call to resume\n"
        assert child.stdout.read() == "0\n"
    assert child.returncode == 0


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
        user='(import "m" "div64" (func $d (param i64 i64) (result i64)))'
        '(func (export "go") (result i64) (call $d (i64.const 100) (i64.const 7)))',
    )
    assert out == [
        "2 1 Trap: m: uninitialized element 3 Trap: m: integer divide by zero 3",
        "2 Trap: m: call stack exhausted",
        "PoolExhausted: 0 0",
    ]


def test_wrap_leaves_the_next_local_alone(run) -> None:
    """i32.wrap_i64 makes no code word: what it takes the lower half of fills two slots, and may not go to an i32 local."""
    text = """(func (export "f") (param i64) (result i32) (local i32 i32) (local.set 2 (i32.const 5))
      (local.set 1 (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 4)))) (i32.add (i32.mul (local.get 2) (i32.const 100)) (local.get 1)))
      (func (export "g") (param i64) (result i32) (local i32 i32) (local.set 2 (i32.const 5))
      (i32.add (local.tee 1 (i32.wrap_i64 (i64.mul (local.get 0) (i64.const 0x100000001)))) (local.get 2)))"""
    assert run('e = new("m").exports\nprint(e.f(0x7FFFFFFFFFFFFFF0), e.g(7))', m=text) == ["499 12"]
