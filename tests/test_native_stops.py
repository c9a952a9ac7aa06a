# The native tier when it is stopped: fuel, Ctrl-C, a locked heap, no room or an interrupt while a function is lowered; what makes one hot
# MIT license; Copyright (c) 2026 the pitwasm authors

import signal
import subprocess
from pathlib import Path

import pytest

from tests.test_native import HOST, NATIVE, WORK
from tests.wat import assemble
from tools import aot
from tools.mp import MicroPython

ARCH = {64: "x64", 32: "x86"}
MODES = {"always": "always", "hot": "hot", "image": None}  # what Runtime(native=...) is given
HOT = "\nrt._tier.slice = rt._tier.left = 1\n"  # a function met twice becomes machine code; later looks are seldomer

# The scripts go to a Pico as well: tests/board/test_native.py.

# What runs only as long as it is let; then everything is freed.
FUEL = """
i = new("m")
e = i.exports
def stopped(fuel):
    rt.fuel = fuel
    out = [error(e.endless), rt.fuel]
    for more in (0, 1, 2, 777):
        rt.fuel += more
        out += [error(rt.resume), rt.fuel]
    rt.fuel = None
    return out
print(stopped(50_000) == stopped(0) == ["OutOfFuel: out of fuel", 0] * 5)
print(e.fib(10), e.sum(100), bool(rt._tier.first))
rt.destroy()
print(rt.pool.used)
"""
FUEL_OUT = "True\n55 4950 True\n0\n"

# Call after call without an allocation; `first` may make machine code, and then it is there.
LOCKED = """
import gc, micropython
i = new("m")
def locked(f, a, fuel):
    f(*a)
    f(*a)
    gc.collect()
    rt.fuel = fuel
    before = gc.mem_alloc()
    micropython.heap_lock()
    try:
        if len(a) == 1:
            f(a[0])
        else:
            f(a[0], a[1])
        after = gc.mem_alloc()
    finally:
        micropython.heap_unlock()
        rt.fuel = None
    return after - before
e = i.exports
for fuel in (None, 1 << 28):
    print([locked(f, a, fuel) for f, a in ((e.fib, (14,)), (e.sum, (3000,)), (e.hosts, (40,)), (e.indirect, (1, 21)), (e.deep, (60,)))])
print(bool(rt._tier.first))
"""
LOCKED_OUT = "[0, 0, 0, 0, 0]\n[0, 0, 0, 0, 0]\nTrue\n"

# With the heap locked at the start: nothing can be lowered, nothing is lost, and it is made up for later.
LOCKED_WHILE_LOWERING = """
import gc, micropython
m = load("m")
i = rt.instantiate(m)
f = i.exports.fib
f(7)
tier = rt._tier
tier.discard(m._off)
tier.slice = tier.left = 4
def locked():
    n = done = 0
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    try:
        n = f(12) + f(12) + f(12)
        done = tier.compile(m._off, 0)
        after = gc.mem_alloc()
    finally:
        micropython.heap_unlock()
    return n, done, after - before
start = rt.pool.used, rt.pool.largest(), tier.used
print(*locked(), tier.first, start == (rt.pool.used, rt.pool.largest(), tier.used))
tier.slice = tier.left = 4
tier.module(m._off) if tier.mode == "always" else f(12)
print(bool(tier.first), f(12))
"""
LOCKED_WHILE_LOWERING_OUT = "432 False 0 0 True\nTrue 144\n"

# Ctrl-C comes while a function is lowered, which on a board shows when the assembler returns: the block that was all of the pool's
# largest hole is given back, and the next one finds room.
INTERRUPTED = """
import pitwasm.native as native
m = load("m")
i = rt.instantiate(m)
i.exports.fib(1)
rt._tier.discard(m._off)
start = rt.pool.used, rt.pool.largest(), rt._tier.used
class Interrupted:
    def __getattr__(self, name):
        return getattr(words, name)
    def lower(self, state):
        words.lower(state)
        raise KeyboardInterrupt
words = native.words
native.words = Interrupted()
for k in range(8):
    try:
        rt._tier.compile(m._off, k)
        print("lowered")
    except KeyboardInterrupt:
        assert start == (rt.pool.used, rt.pool.largest(), rt._tier.used), k
native.words = words
print(i.exports.fib(9), rt._tier.first, rt._tier.module(m._off) > 5, i.exports.fib(9))
"""
INTERRUPTED_OUT = "34 0 True 34\n"

# Room runs out at every allocation, at every budget: what was begun is given back, and the loop goes on.
NO_ROOM = """
m = load("m")
i = rt.instantiate(m)
i.exports.fib(1)
rt._tier.discard(m._off)
full = rt._tier.used
used = rt.pool.used
for k in range(1, TIMES):
    rt.pool.fail_at = k
    rt._tier.module(m._off)
    rt.pool.fail_at = 0
    assert i.exports.fib(9) == 34, k
    rt._tier.discard(m._off)
    assert rt.pool.used == used and rt._tier.used == full, k
for budget in range(full, full + 8000, STEP):
    rt._tier.budget = budget
    rt._tier.module(m._off)
    assert rt._tier.used <= budget, (rt._tier.used, budget)
    assert i.exports.fib(9) == 34, budget
    assert i.exports.sum(100) == 4950, budget
    rt._tier.discard(m._off)
    assert rt.pool.used == used, budget
print("ok")
"""

# The pool itself is too small: for the tier, for the module, for some of the machine code, for none of it.
SMALL_POOLS = """
rt.destroy()
buf = bytearray(LARGEST)
refused = lowered = looped = 0
for size in range(0, LARGEST - LEAST, STEP):
    pool = pitwasm.Pool(buf)
    pool.alloc(size, 9)  # somebody else's
    others = pool.used
    try:
        rt = pitwasm.Runtime(pool, native=MODE, native_threshold=2)
    except PoolExhausted:
        rt = pitwasm.Runtime(pool, native="never")
    try:
        rt.register_natives("env", {"host": ("(i)i", lambda x: x * 3)})
        m = load("m")
        i = rt.instantiate(m)
        n = i.exports.fib(9)
    except PoolExhausted:
        refused += 1
    else:
        assert (n, i.exports.sum(100), i.exports.hosts(5)) == (34, 4950, 45), size
        functions = 0
        at = rt._tier and rt._tier.first
        while at:
            functions += 1
            at = pitwasm.pool.get32(rt._buf, at)
        lowered += functions > 2
        looped += functions < 3
    rt.destroy()
    assert pool.used == others, (size, pool.used - others)
print(refused > 0, lowered > 0, looped > 0)
"""


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path):
    """run(text, mode=key of MODES): what it prints."""

    def work(text: str, mode: str = "always", pool: int = 300_000) -> str:
        place(tmp_path, mp, mode)
        return mp.out(script(text, mode, pool), cwd=tmp_path, heap="8M")

    return work


def script(text: str, mode: str, pool: int = 300_000) -> str:
    return NATIVE % (pool, MODES[mode]) + HOST + (HOT if mode == "hot" else "") + text


def place(folder: Path, mp: MicroPython, mode: str) -> None:
    wasm = assemble(WORK)
    (folder / "m.wasm").write_bytes(aot.image(wasm, arch=ARCH[mp.bits]) if mode == "image" else wasm)


@pytest.mark.parametrize("mode", MODES)
def test_fuel_stops_machine_code(run, mode: str) -> None:
    """To the unit; the call can be resumed with as little as nothing."""
    assert run(FUEL, mode) == FUEL_OUT


@pytest.mark.parametrize("mode", MODES)
def test_ctrl_c_stops_machine_code(mp: MicroPython, tmp_path: Path, mode: str) -> None:
    """Wherever it is; the pool is as it was before, and the same function runs again."""
    place(tmp_path, mp, mode)
    text = """
i = new("m")
e = i.exports
for k in range(4):
    e.fib(16), e.sum(1000)
    rt.fuel = 10**6  # "hot" looks every 20,000 units then
    error(e.endless)
    rt.fuel = None
start = rt.pool.used, rt._tier.used
for k in range(4):
    try:
        print("running", bool(rt._tier.first))
        e.endless() if k < 3 else e.fib(60)
    except KeyboardInterrupt:
        print("stopped", e.fib(10), e.sum(100), start == (rt.pool.used, rt._tier.used), error(rt.resume))
rt.destroy()
print(rt.pool.used)
"""
    with subprocess.Popen(
        mp.command(script(text, mode)), stdout=subprocess.PIPE, text=True, env=mp.environ(), cwd=tmp_path
    ) as child:
        for _ in range(4):
            assert child.stdout.readline() == "running True\n"
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "stopped 55 4950 True PitwasmError: there is no call to resume\n"
        assert child.stdout.read() == "0\n"
    assert child.returncode == 0


@pytest.mark.parametrize("mode", MODES)
def test_machine_code_allocates_nothing(run, mode: str) -> None:
    """Calls, loops, memory, calls through a table, host functions, with and without fuel."""
    assert run(LOCKED, mode) == LOCKED_OUT


@pytest.mark.parametrize("mode", ["always", "hot"])
def test_a_locked_heap_while_lowering(run, mode: str) -> None:
    assert run(LOCKED_WHILE_LOWERING, mode) == LOCKED_WHILE_LOWERING_OUT


def test_ctrl_c_while_lowering(run) -> None:
    assert run(INTERRUPTED) == INTERRUPTED_OUT


def test_without_room_the_loop_goes_on(run) -> None:
    """Every allocation on the way fails once, and every budget is too small somewhere."""
    assert run(NO_ROOM.replace("TIMES", "40").replace("STEP", "97")) == "ok\n"


@pytest.mark.parametrize("mode", ["always", "hot"])
def test_small_pools(run, mode: str) -> None:
    """There is room for some of it, or none; with "always", which lowers before there are instances, no module is left without its code."""
    text = SMALL_POOLS.replace("LARGEST", "90_000").replace("LEAST", "66_000").replace("STEP", "88").replace("MODE", repr(mode))
    assert run(text, mode) == f"True True {mode == 'hot'}\n"


def test_threshold(run) -> None:
    """A function becomes machine code when it has used so many units of fuel, calls or backward branches, in one call or in many."""
    text = """
rt.destroy()
def units(threshold, name, *args):
    rt = pitwasm.Runtime(300_000, native="hot", native_threshold=threshold)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    m = load_in(rt)
    f = rt.instantiate(m).exports[name]
    rt.fuel = fuel = 10**6
    k = 0
    while not rt._tier.first:
        f(*args)
        k += 1
    every = rt._tier.slice
    for _ in range(50):
        f(*args)
    same = every == rt._tier.slice
    rt.destroy()
    return k, same
def load_in(rt):
    with open("m.wasm", "rb") as f:
        return rt.load(f)
# far: one unit a call, noticed when the next one starts; sum(5): the call, and four branches back; with none given, slices get longer
print([units(n, "far", 0) for n in (2, 4, 100)])
print([units(n, "sum", 5) for n in (2, 4, 10, 100)])
print(units(None, "sum", 300))
"""
    assert run(text, "hot").splitlines() == [
        "[(3, True), (5, True), (101, True)]",
        "[(1, True), (1, True), (3, True), (21, True)]",
        "(3, False)",
    ]


def test_what_was_seen_is_forgotten_with_its_module(run) -> None:
    """Another function in its place starts anew."""
    text = """
rt.destroy()
rt = pitwasm.Runtime(300_000, native="hot", native_threshold=2)
rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
for k in range(5):
    m = load("m")
    i = rt.instantiate(m)
    i.exports.far(0)
    i.exports.far(0)
    print(rt._tier.first, end=" ")
    rt.deinstantiate(i)
    rt.unload(m)
"""
    assert run(text, "hot") == "0 0 0 0 0 "
