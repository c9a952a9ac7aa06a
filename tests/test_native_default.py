# native=None: machine code once calls have taken a while, where the tier is installed and there is room; what it took it gives back
# MIT license; Copyright (c) 2026 the pitwasm authors
import shutil
from pathlib import Path

import pytest

from tests.wat import START, modules
from tools.mp import MicroPython

WORK = """
  (memory (export "m") 1 40)
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "count") (param i32) (result i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func (export "grow") (param i32) (result i32) (local i32)
    (loop $l
      (br_if $l (i32.and (i32.rem_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 1000)) (i32.const 1023)))
      (br_if $l (i32.ne (memory.grow (local.get 0)) (i32.const -1))))
    (memory.size))
"""
SLICES = "rt._warm = 40_000\nimport sys, gc\ndef loaded():\n    return 'pitwasm.native' in sys.modules\n"


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path):
    modules(tmp_path, m=WORK)
    return lambda text, pool=300_000, **options: mp.out(START % pool + SLICES + text, cwd=tmp_path, heap="8M", **options)


def test_the_tier_is_loaded_after_a_while(run) -> None:
    """Not for what is short; the call at hand goes on as machine code, with the same results and fuel."""
    out = run("""
e = new("m").exports
e.fib(10)
print(loaded(), rt._tier)
rt.fuel = 10**7
print(e.fib(27), 10**7 - rt.fuel, loaded(), rt._tier.used > rt._tier._fixed, rt._native is not None)
rt.destroy()
print(rt.pool.used)
rt = pitwasm.Runtime(300_000, native="never")
e = new("m").exports
rt.fuel = 10**7
print(e.fib(27), 10**7 - rt.fuel)
""")
    assert out == "False None\n196418 635621 True True True\n0\n196418 635621\n"


def test_many_short_calls_are_a_while(run) -> None:
    """635 units of fuel each."""
    out = run("""
f = new("m").exports.fib
seen = [f(13) and loaded() for _ in range(80)]
print(seen.index(True), seen[-1], f(13), rt._tier.first != 0)
""")
    first, last, result, made = out.split()
    assert 40 <= int(first) <= 70 and (last, result, made) == ("True", "233", "True"), out


def test_unloading_gives_every_byte_back(run) -> None:
    """The tier goes with the last module, and comes with the next one."""
    out = run("""
for _ in range(2):
    rt._warm = 40_000
    m = load("m")
    i = rt.instantiate(m)
    print(i.exports.fib(27), rt._tier is not None)
    rt.deinstantiate(i)
    rt.unload(m)
    print(rt.pool.used, rt._tier, rt._native, rt._warm > 0)
""")
    assert out == "196418 True\n0 None None True\n" * 2


def test_never_means_never(run) -> None:
    text = "rt = pitwasm.Runtime(300_000, native='never')\ne = new('m').exports\nprint(rt._warm, e.count(10**7), loaded())"
    assert run(text) == "0 0 False\n"


def test_where_it_is_not_installed_the_loop_goes_on(run, mp: MicroPython, tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "pitwasm"
    folder.mkdir(parents=True)
    for path in (mp.packages / "pitwasm").glob("*.mpy"):
        if path.stem != "native":
            shutil.copy(path, folder)
    text = "import sys\nsys.path.insert(0, 'lib')\n" + START % 300_000 + SLICES
    text += "e = new('m').exports\nprint(e.fib(27), rt._tier, rt._warm)"
    assert mp.out(text, cwd=tmp_path, heap="8M") == "196418 None 0\n"


def test_a_small_heap_is_left_alone(run) -> None:
    """As much of it is taken as leaves less than 64 KB free."""
    out = run("""
e = new("m").exports
e.fib(5)
taken = []
while gc.mem_free() > 64_000:
    taken.append(bytearray(1000))
print(e.fib(27), loaded(), rt._tier)
""")
    assert out == "196418 False None\n"


def test_nothing_is_allocated_with_a_locked_heap(run) -> None:
    """The loop does it all."""
    out = run("""
import micropython
f = new("m").exports.count
def locked():
    f(5)
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    r = f(2_000_000)
    after = gc.mem_alloc()
    micropython.heap_unlock()
    return r, after - before, loaded()
print(*locked())
rt._warm = 40_000
print(f(2_000_000), loaded())
""")
    assert out == "0 0 False\n0 True\n"


def test_a_memory_grows_as_far_as_without_the_tier(run) -> None:
    """The machine code goes, then the tier's own; what runs does not notice."""
    text = """
for pool in range(150_000, 480_000, 33_000):
    got = []
    for native in (None, "never"):
        rt = pitwasm.Runtime(pool, native=native)
        rt._warm = rt._warm and 40_000
        e = new("m").exports
        e.fib(27)
        got.append((e.grow(1), len(e.m), e.fib(20)))
        rt.destroy()
    print(got[0] == got[1] and got[0] or got, loaded())
"""
    lines = run(text).splitlines()
    assert len(lines) == 10 and all(line.startswith("(") and line.endswith(" True") for line in lines), lines


def test_loading_has_the_room_it_has_without_the_tier(run, tmp_path: Path) -> None:
    """The smallest pool that another module fits in is the same, but for what pieces that cannot join take."""
    body = "".join(f"(func (export \"f{k}\") (param i32) (result i32) (i32.add (local.get 0) (i32.const {k})))" for k in range(300))
    modules(tmp_path, big=body)
    out = run("""
def fits(pool, native):
    rt = pitwasm.Runtime(pool, native=native)
    rt._warm = rt._warm and 40_000
    try:
        with open("m.wasm", "rb") as f:
            e = rt.instantiate(rt.load(f)).exports
        e.fib(26)
        if native is None and rt._tier:
            assert rt._tier.used > rt._tier._fixed
        with open("big.wasm", "rb") as f:
            r = rt.instantiate(rt.load(f)).exports.f299(1) == 300
        return r and e.fib(15) == 610
    except PoolExhausted:
        return False
    finally:
        rt.destroy()
def least(native):
    low, high = 66_000, 200_000
    while high - low > 64:
        pool = low + high >> 1
        if fits(pool, native):
            high = pool
        else:
            low = pool
    return high
a, b = least("never"), least(None)
print(a, b, loaded())
""", pool=1000)
    a, b, loaded = out.split()
    assert loaded == "True" and int(b) <= int(a) + 256, out


def test_room_that_is_asked_for_again_and_again(run) -> None:
    """Each time there may be half as much machine code, until there is no tier any more; results stay right."""
    out = run("""
e = new("m").exports
e.fib(27)
tier = rt._tier
seen = []
while rt._tier and len(seen) < 40:
    seen.append(tier.budget)
    assert rt.pool.spare(0)
    assert e.fib(20) == 6765
print(len(seen) > 1, seen[1:] == sorted(seen[1:], reverse=True), seen[-1] < seen[0] // 4, rt._tier, rt.pool.spare, rt._native)
print(rt.pool.fail_at, e.fib(27), rt._tier)
""")
    assert out == "True True True None None None\n0 196418 None\n"


def test_ctrl_c_while_the_tier_is_loaded(run) -> None:
    """Wherever it comes: what was taken is given back, no half a file stays, the fuel is paid, and the tier is loaded later."""
    out = run("""
import pitwasm.tier, pitwasm.region
f = new("m").exports.fib
f(5)
start = rt.pool.used
def stop(*_):
    raise KeyboardInterrupt
def interrupted(module, name):
    kept = getattr(module, name)
    setattr(module, name, stop)
    rt._warm = 1
    rt.fuel = 10**6
    try:
        f(15)
    except KeyboardInterrupt:
        setattr(module, name, kept)
        print(rt.pool.used == start, rt._tier, rt._native, loaded(), rt.fuel < 10**6, rt._warm > 0)
interrupted(pitwasm.region, "get")
import pitwasm.native
interrupted(pitwasm.native.Native, "_start")
import pitwasm.native
interrupted(pitwasm.native.Native, "_begin")
rt._warm = 1
print(f(20), f(20), loaded(), rt._tier.first != 0)
""")
    assert out == "True None None False True True\n" * 3 + "6765 6765 True True\n"
