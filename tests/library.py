# Modules that import from each other, for tests: what scripts on the device read them with, and what they count
# MIT license; Copyright (c) 2026 the pitwasm authors

# The reader gives NAME.wasm of the current directory; log has "+name" for each source given, "-name" for each given back, "?name"
# for what is not there. end() says what is left in use, and that every source was given back once.
READER = """
log = []
given = []
def read(name):
    try:
        source = open(name + ".wasm", "rb")
    except OSError:
        log.append("?" + name)
        return None
    log.append("+" + name)
    given.append((name, source))
    return source
def destroy(name, source):
    given.remove((name, source))
    log.append("-" + name)
    source.close()
rt.set_module_reader(read, destroy)
zero = rt.pool.used
def names():
    return sorted([module.name for module in rt.modules()])
def drop(*instances):
    "Deinstantiate and unload."
    for i in instances:
        m = i.module
        rt.deinstantiate(i)
        rt.unload(m)
def end():
    return rt.pool.used - zero, rt.pool.largest()[1] == rt.pool.free_bytes - 8, rt.modules(), rt.instances(), given
"""
END = "(0, True, [], [], [])"


def answer(name: str, value: int) -> str:
    """A module that exports a function NAME with that result."""
    return f'(func (export "{name}") (result i32) (i32.const {value}))'


# The seed's three modules.
MA = answer("A1", 11) + "(func $A2 (result i32) (i32.const 12))"
MB = '(import "mA" "A1" (func $A1 (result i32)))' + answer("B1", 21) + '(func (export "B2") (result i32) (call $A1))'
MC = (
    """(import "mA" "A1" (func $A1 (result i32))) (import "mB" "B1" (func $B1 (result i32))) (import "mB" "B2" (func $B2 (result i32)))
    (func (export "C2") (result i32) (call $B1)) (func (export "C3") (result i32) (call $A1))
    (func (export "C4") (result i32) (call $B2)) (func (export "_start"))"""
    + answer("C1", 31)
)
SEED = {"mA": MA, "mB": MB, "mC": MC}

# C -> {A, B}, B -> A, with a counter in A, and start functions that use it.
COUNTER = """(global $n (export "count") (mut i32) (i32.const 0)) (memory (export "memory") 1) (table (export "table") 8 funcref)
  (func $next (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))"""
ALL_OF_A = """(import "A" "next" (func $next (result i32))) (import "A" "memory" (memory 1)) (import "A" "table" (table 8 funcref))
  (import "A" "count" (global $n (mut i32)))"""
DIAMOND = {
    "A": COUNTER + '(func $s (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))) (start $s)',
    "B": ALL_OF_A
    + """(global $own (mut i32) (i32.const 500)) (elem (i32.const 2) $mine)
      (func $mine (result i32) (global.set $own (i32.add (global.get $own) (i32.const 1))) (global.get $own))
      (func (export "b") (result i32) (call $next))
      (func $s (i32.store (i32.const 4) (i32.add (i32.load (i32.const 0)) (i32.const 10)))) (start $s)""",
    "C": ALL_OF_A
    + """(import "B" "b" (func $b (result i32)))
      (func (export "both") (result i32 i32) (call $next) (call $b))
      (func (export "poke") (global.set $n (i32.const 70)) (i32.store (i32.const 8) (i32.const 7)))
      (func (export "indirect") (result i32) (call_indirect (result i32) (i32.const 2)))
      (func (export "_initialize") (i32.store (i32.const 12) (i32.add (i32.load (i32.const 4)) (i32.const 100))))""",
}


def chain(n: int) -> dict[str, str]:
    """m0 imports from m1, … the last from none; each has a function that adds its number, and a start function that calls env.started."""
    texts = {}
    for k in range(n):
        more = f'(import "m{k + 1}" "f" (func $f (result i32)))' if k < n - 1 else "(func $f (result i32) (i32.const 0))"
        texts[f"m{k}"] = f"""(import "env" "started" (func $started (param i32))) {more}
          (func (export "f") (result i32) (i32.add (call $f) (i32.const {k})))
          (func $s (call $started (i32.const {k}))) (start $s)"""
    return texts
