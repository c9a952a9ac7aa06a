# Python functions called by WebAssembly: signatures, views of memory, errors, calling back
# MIT license; Copyright (c) 2026 the pitwasm authors

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
