# The runtime's face: calls and values, handles and their ends, giving everything back
# MIT license; Copyright (c) 2026 the pitwasm authors

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
        print(len(m), m.pages, m[4], m[4:8], m[65535:])
        print(error(lambda: m[65536])[:10], error(lambda: m[65535:65537])[:10], error(lambda: m[-1])[:10])
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
        "65536 1 97 b'abcd' b'\\x00'",
        "IndexError IndexError IndexError",
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


def test_handles_after_the_end(run) -> None:
    out = run(
        """
        zero = rt.pool.used
        i = new("m")
        module = i.module
        f, g, m, t, e = i.exports.five, i.exports.g, i.memory, i.exports.t, i.exports
        print(error(rt.unload, module))
        rt.deinstantiate(i)
        for use in (f, lambda: f.type, lambda: f.call_bits(), lambda: g.value, lambda: setattr(g, "value", 1), lambda: m[0], lambda: len(m),
                    lambda: m.grow(1), lambda: m.view(0, 1), lambda: t[0], lambda: len(t), lambda: e.five, lambda: list(e),
                    lambda: i.exports, lambda: i.memory, lambda: i.module, lambda: rt.deinstantiate(i),
                    lambda: rt.lookup_function(i, "five"), lambda: rt.register_module("x", i)):
            print(error(use))
        rt.unload(module)
        for use in (lambda: module.exports, lambda: module.imports, lambda: rt.unload(module), lambda: rt.instantiate(module),
                    lambda: rt.register_module("x", module)):
            print(error(use))
        print(rt.pool.used - zero)
        # Another instance in the same place is not taken for the old one.
        i = new("m")
        print(error(f), i.exports.five(), error(i.exports.t.__setitem__, 0, f), module.name)
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
    assert out[2] == "PitwasmError: the instance of this function is gone"
    assert out[3] == "PitwasmError: the instance of this function is gone"
    assert out[4:20] == [gone] * 16
    assert out[20:25] == ["PitwasmError: this module is gone"] * 5
    assert out[25] == "0"
    assert out[26] == "PitwasmError: the instance of this function is gone 5 PitwasmError: the instance of this function is gone None"
    assert out[27] == f"PitwasmError: the instance of this function is gone {gone}"
    assert out[28] == f"{gone} 0 [] []"


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
