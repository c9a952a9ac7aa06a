# Linking: import matching, shared instances, those that stay for others, registered modules
# MIT license; Copyright (c) 2026 the pitwasm authors

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
    '"b" "f" (func)': "no sub module reader to load b",
    '"" "" (func)': "unknown import .",
    '"wasi_unstable" "fd_write" (func)': "unknown import wasi_unstable.fd_write",
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
            i = error(new, "m%d" % k)
            print(i if isinstance(i, str) else None)
            if not isinstance(i, str):
                rt.deinstantiate(i)
            for module in rt.modules()[:-1]:
                rt.unload(module)
        print(rt.pool.used - used)
        """,
        a=LINK,
        **{f"m{k}": f"(import {text})" for k, text in enumerate(IMPORTS)},
    )
    want = []
    for k, (imported, text) in enumerate(IMPORTS.items()):
        module, field = imported.split('"')[1:4:2]
        want.append(f"LinkError: m{k}: {text} (m{k} -> {module}.{field})" if text else "None")
    assert out == want + ["0"]


def test_registered_modules_are_instantiated_for_their_importers(run) -> None:
    out = run(
        """
        zero = rt.pool.used
        print(error(load, "c"), rt.pool.used - zero)
        a = load("a")
        rt.register_module("mA", a)
        b = load("b")
        for name, module in (("mA", a), ("mB", b)):
            rt.register_module(name, module)
            rt.register_module(name, module)
        c = load("c")
        before = rt.pool.used
        print(error(rt.register_module, "mA", b), "|", error(rt.register_module, "", a), "|", error(rt.register_module, "env", a))
        i = rt.instantiate(c)
        print(i.exports.C1(), i.exports.C1(), rt.lookup_function(i, "$mA$next")(), len(rt.instances()))
        print(rt.lookup_function(i, "C1", "()i").type, error(rt.lookup_function, i, "C1", "(i)i"), error(rt.lookup_function, i, "C2"))
        for name in ("$mA", "$$x", "$mA$", "$mX$f", "$mA$$next", "$mA$nope", "$main$C1", "$"):
            print(error(rt.lookup_function, i, name))
        print(rt.find_module_registered("mA") is a, rt.find_module_registered("mX"))
        rt.deinstantiate(i)
        print(rt.pool.used - before, rt.find_module_registered("mB") is b)
        print(error(rt.lookup_function, new("plain"), "$mA$next"))
        # Failing deep down: everything made on the way goes, and the chain is named.
        rt.register_module("bad", load("bad"))
        used = rt.pool.used
        top = load("top")
        print(error(rt.instantiate, top))
        rt.unload(top)
        print(rt.pool.used - used)
        # A cycle out of names that changed hands.
        x = load("x")
        rt.register_module("x", x)
        rt.register_module("y", load("y"))
        rt.unload(x)
        x = load("x2")
        rt.register_module("x", x)
        print(error(rt.instantiate, x))
        rt.destroy()
        print(rt.pool.used - zero)
        """,
        a="""(global $n (mut i32) (i32.const 0))
             (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))""",
        b='(import "mA" "next" (func $next (result i32))) (export "B1" (func $next))',
        c="""(import "mA" "next" (func $a (result i32))) (import "mB" "B1" (func $b (result i32)))
             (func (export "C1") (result i32) (i32.add (i32.mul (call $a) (i32.const 10)) (call $b)))""",
        bad="""(import "mA" "next" (func (result i32))) (func $s unreachable) (start $s) (func (export "f"))""",
        top='(import "mA" "next" (func (result i32))) (import "bad" "f" (func))',
        x='(func (export "f"))',
        x2='(import "y" "f" (func)) (func (export "f"))',
        y='(import "x" "f" (func)) (func (export "f"))',
        plain="",
    )
    malformed = "PitwasmError: malformed function name '%s': function or $module$function"
    assert out == [
        "LinkError: c: no sub module reader to load mA (c -> mA.next) 0",
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
        "0 True",
        "PitwasmError: no module 'mA' is instantiated",
        "Trap: bad: unreachable (top -> bad)",
        "0",
        "LinkError: y: found circular dependency on x (x2 -> y -> x.f)",
        "0",
    ]


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
