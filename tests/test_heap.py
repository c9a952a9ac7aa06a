# MicroPython's heap: calls allocate nothing, handles cost little, dropping the loader gives its memory back
# MIT license; Copyright (c) 2026 the pitwasm authors

import textwrap
from pathlib import Path

import pytest

from tests.wat import modules
from tools.mp import MicroPython

# Each function takes one small i32 and returns one.
WORK = """
  (memory (export "memory") 1)
  (global $g (mut i64) (i64.const 0x123456789abcdef))
  (table $t (export "t") 4 20 funcref)
  (elem (i32.const 0) $inc $dec)
  (elem $passive func $dec $inc)
  (data $d "hello wasm")
  (type $f (func (param i32) (result i32)))
  (func $inc (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func $dec (type $f) (i32.sub (local.get 0) (i32.const 1)))
  (func (export "integers") (param i32) (result i32) (local i32)
    (local.set 1 (i32.const 0x7654321))
    (loop (local.set 1 (i32.mul (i32.add (local.get 1) (local.get 0)) (i32.const 1664525)))
      (local.set 1 (i32.xor (local.get 1) (i32.shr_u (local.get 1) (i32.const 3))))
      (local.set 1 (i32.add (local.get 1) (i32.popcnt (i32.rotl (local.get 1) (i32.clz (local.get 0))))))
      (local.set 1 (i32.sub (local.get 1) (i32.ctz (i32.rotr (local.get 1) (local.get 0)))))
      (local.set 1 (i32.add (local.get 1) (i32.rem_u (local.get 1) (i32.const 77))))
      (local.set 1 (i32.sub (local.get 1) (i32.div_s (local.get 1) (i32.const -3))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.and (local.get 1) (i32.const 0xffff)))
  (func (export "longs") (param i32) (result i32)
    (loop (global.set $g (i64.add (i64.mul (global.get $g) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (global.set $g (i64.xor (global.get $g) (i64.shr_u (global.get $g) (i64.extend_i32_u (local.get 0)))))
      (global.set $g (i64.add (global.get $g) (i64.div_s (global.get $g) (i64.const -12345))))
      (global.set $g (i64.sub (global.get $g) (i64.rem_u (global.get $g) (i64.const 999999999999))))
      (global.set $g (i64.rotl (global.get $g) (i64.ctz (i64.extend8_s (global.get $g)))))
      (global.set $g (i64.add (global.get $g) (i64.add (i64.popcnt (global.get $g)) (i64.clz (global.get $g)))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.and (i32.wrap_i64 (global.get $g)) (i32.const 0xffff)))
  (func (export "singles") (param i32) (result i32) (local f32)
    (local.set 1 (f32.const 1.5))
    (loop (local.set 1 (f32.sqrt (f32.add (f32.mul (local.get 1) (f32.const 3.25)) (f32.convert_i32_s (local.get 0)))))
      (local.set 1 (f32.div (f32.sub (local.get 1) (f32.const 0.125)) (f32.min (local.get 1) (f32.const 2))))
      (local.set 1 (f32.copysign (f32.floor (f32.mul (local.get 1) (f32.const 64))) (f32.neg (f32.abs (f32.const -2)))))
      (local.set 1 (f32.max (f32.trunc (f32.nearest (local.get 1))) (f32.demote_f64 (f64.promote_f32 (f32.ceil (local.get 1))))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.trunc_sat_f32_s (local.get 1)))
  (func (export "doubles") (param i32) (result i32) (local f64)
    (local.set 1 (f64.const 1.5))
    (loop (local.set 1 (f64.sqrt (f64.add (f64.mul (local.get 1) (f64.const 3.25)) (f64.convert_i32_s (local.get 0)))))
      (local.set 1 (f64.div (f64.sub (local.get 1) (f64.const 0.125)) (f64.min (local.get 1) (f64.const 2))))
      (local.set 1 (f64.convert_i64_s (i64.trunc_f64_s (f64.mul (local.get 1) (f64.const 1e12)))))
      (local.set 1 (f64.div (local.get 1) (f64.const 1e12)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.trunc_f64_u (f64.mul (local.get 1) (f64.const 1000))))
  (func (export "memory_") (param i32) (result i32) (local i32)
    (loop (i64.store offset=3 (local.get 0) (i64.const 0x123456789abcdef0))
      (i32.store16 offset=1 (local.get 0) (local.get 1))
      (i32.store8 (local.get 0) (i32.const 200))
      (local.set 1 (i32.add (local.get 1) (i32.load offset=2 align=1 (local.get 0))))
      (local.set 1 (i32.add (local.get 1) (i32.load16_s offset=60000 (local.get 0))))
      (local.set 1 (i32.add (local.get 1) (i32.wrap_i64 (i64.load32_u (local.get 0)))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.and (local.get 1) (i32.const 0xffff)))
  (func (export "bulk") (param i32) (result i32)
    (loop (memory.fill (i32.const 100) (i32.sub (i32.const 0) (local.get 0)) (i32.const 300))
      (memory.copy (i32.const 150) (i32.const 101) (i32.const 200))
      (memory.copy (i32.const 101) (i32.const 150) (i32.const 200))
      (memory.init $d (i32.const 10) (i32.const 0) (i32.const 10))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.add (memory.size) (i32.load8_u (i32.const 14))))
  (func (export "tables") (param i32) (result i32)
    (table.set (i32.const 2) (table.get (i32.and (local.get 0) (i32.const 1))))
    (table.set (i32.const 3) (ref.func $dec))
    (table.copy (i32.const 1) (i32.const 2) (i32.const 2))
    (table.fill (i32.const 2) (ref.null func) (i32.const 1))
    (table.init $passive (i32.const 2) (i32.const 0) (i32.const 2))
    (i32.add (i32.ne (table.size) (i32.const 0)) (ref.is_null (table.get (i32.const 1)))))
  (func (export "indirect") (param i32) (result i32) (local i32)
    (loop (local.set 1 (call_indirect (type $f) (local.get 1) (i32.and (local.get 0) (i32.const 1))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
  (func (export "slices") (param i32) (result i32)
    (local.set 0 (i32.mul (local.get 0) (i32.const 300)))
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func (export "grow") (param i32) (result i32) (drop (memory.grow (i32.const 1))) (drop (table.grow (ref.null func) (i32.const 2)))
    (memory.size))
  (func (export "four") (param i32 i32 i32 i32) (result i32)
    (i32.add (i32.add (local.get 0) (local.get 1)) (i32.add (local.get 2) (local.get 3))))
  (func (export "none"))
"""
NAMES = "integers longs singles doubles memory_ bulk tables indirect deep slices grow".split()

# In MicroPython: for each name, the first call ever and a second one, with the heap locked.
LOCKED = """
import gc, micropython, pitwasm
rt = pitwasm.Runtime(600_000, stack=60_000)
with open("m.wasm", "rb") as f:
    i = rt.instantiate(rt.load(f))
def locked(f, n, a):
    gc.collect()
    r = None
    before = gc.mem_alloc()
    micropython.heap_lock()
    try:
        if n == 1:
            r = f(a)
        elif n == 4:
            r = f(a, a, a, a)
        else:
            r = f()
        after = gc.mem_alloc()
    finally:
        micropython.heap_unlock()
    return r, after - before
"""


@pytest.mark.parametrize("name", NAMES)
def test_calls_do_not_allocate(mp: MicroPython, tmp_path: Path, name: str) -> None:
    modules(tmp_path, m=WORK)
    script = f"""
        f = rt.lookup_function(i, "{name}")
        print(locked(f, 1, 900), locked(f, 1, 900))
        rt.fuel = 1 << 28
        print(locked(f, 1, 900)[1], (1 << 28) - rt.fuel > 0)
    """
    first, fuelled = mp.out(LOCKED + textwrap.dedent(script), cwd=tmp_path).splitlines()
    results = eval(first.replace(") (", "), ("))
    assert [grown for _, grown in results] == [0, 0]
    assert all(isinstance(result, int) for result, _ in results)
    assert fuelled == "0 True"


def test_calls_with_every_number_of_arguments_do_not_allocate(mp: MicroPython, tmp_path: Path) -> None:
    modules(tmp_path, m=WORK)
    script = """
        print(locked(i.exports.four, 4, 10), locked(i.exports.none, 0, 0))
    """
    assert mp.out(LOCKED + textwrap.dedent(script), cwd=tmp_path) == "(40, 0) (None, 0)\n"


def test_host_functions_and_other_instances_do_not_allocate(mp: MicroPython, tmp_path: Path) -> None:
    modules(
        tmp_path,
        m="""(import "lib" "add" (func $add (param i32) (result i32))) (import "env" "two" (func $two (param i32 i32) (result i32)))
             (func (export "go") (param i32) (result i32) (local i32)
               (loop (local.set 1 (call $add (call $two (local.get 1) (i32.const 2))))
                 (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))""",
        lib='(func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))',
    )
    script = LOCKED.replace('with open("m.wasm"', LIBRARY + 'with open("m.wasm"')
    assert mp.out(script + 'print(locked(i.exports.go, 1, 50), locked(i.exports.go, 1, 50))', cwd=tmp_path) == "(150, 0) (150, 0)\n"


LIBRARY = """
with open("lib.wasm", "rb") as f:
    rt.register_module("lib", rt.load(f))
rt.register_natives("env", {"two": ("(ii)i", lambda a, b: a + b)})
"""


def test_cost_of_modules_and_instances(mp: MicroPython, tmp_path: Path) -> None:
    """At most 1 KB of MicroPython's heap for each module and each instance, however much they export."""
    one = '(func (export "function number {0}") (result i32) (i32.const {0})) (global (export "g{0}") i32 (i32.const 0))'
    many = "".join(one.format(k) for k in range(200))
    modules(tmp_path, m=many)
    script = """
        import gc, pitwasm
        rt = pitwasm.Runtime(200_000)
        def new():
            with open("m.wasm", "rb") as f:
                return rt.load(f, "m")
        def cost(make, n):
            kept = [None] * n
            make()
            gc.collect(); gc.collect()
            before = gc.mem_alloc()
            for k in range(n):
                kept[k] = make()
            gc.collect(); gc.collect()
            return (gc.mem_alloc() - before) // n
        per_module = cost(new, 8)
        module = new()
        per_instance = cost(lambda: rt.instantiate(module), 8)
        called = rt.instantiate(module)
        def calls():
            for k in range(200):
                called.exports["function number %d" % k]()
        calls()
        gc.collect(); gc.collect()
        before = gc.mem_alloc()
        calls()
        gc.collect(); gc.collect()
        print(per_module, per_instance, gc.mem_alloc() - before)
    """
    per_module, per_instance, calls = map(int, mp.out(textwrap.dedent(script), cwd=tmp_path, heap="4M").split())
    assert per_module <= 1024 and per_instance <= 1024
    assert calls <= 256


def test_dropping_the_loader_frees_its_code(mp: MicroPython, tmp_path: Path) -> None:
    modules(tmp_path, m=WORK)
    script = """
        import gc, pitwasm
        rt = pitwasm.Runtime(200_000)
        def new():
            with open("m.wasm", "rb") as f:
                return rt.lookup_function(rt.instantiate(rt.load(f)), "deep")
        f = new()
        f(1)
        gc.collect(); gc.collect()
        before = gc.mem_free()
        rt.drop_loader()
        gc.collect(); gc.collect()
        freed = gc.mem_free() - before
        print(f(7), freed)
    """
    result, freed = map(int, mp.out(textwrap.dedent(script), cwd=tmp_path).split())
    assert result == 7
    # On unix native code is not in the collected heap: this is the loader's bytecode and objects only.
    assert freed > 20_000
