# Modules as dependencies: loaded through the reader, shared by all that import from them, gone with the last of these
# MIT license; Copyright (c) 2026 the pitwasm authors

import subprocess

from tests.library import DIAMOND, END, READER, SEED, answer, chain
from tools import run as demo
from tools.mp import MicroPython


def test_make_run(mp: MicroPython) -> None:
    """The seed's example: two reactors and a command, over the flash and the UART reader."""
    done: subprocess.CompletedProcess[str] = demo.seed(mp.bits, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    text, *maps = done.stdout.split("\nThe pool ")
    before = [f"find_module_registered('{name}') = None" for name in ("mA", "mB", "mC")]
    loaded = [f"find_module_registered('{name}') = module {name}" for name in ("mA", "mB", "mC")]
    assert text.splitlines() == [
        *before,
        "reader('mB') = FileIO",
        "destroyer('mB', FileIO)",
        "reader('mA') = _Source",
        "destroyer('mA', _Source)",
        *loaded[:2],
        before[2],
        *loaded,
        *("A1() = 11", "B1() = 21", "B2() = 11", "C1() = 31", "C2() = 21", "C3() = 11", "C4() = 11"),
        "$mB$B2 -> 11",
        "main: exit status 0",
        *before,
    ]
    assert [part.partition("\n")[0] for part in maps] == ["before loading", "while instantiated", "after unloading"]
    assert maps[0].splitlines()[1:3] == maps[2].splitlines()[1:3] and len(maps[1].splitlines()) > 30
    assert maps[2].endswith("65456 bytes free before, 65456 after unloading\n")


def test_the_seed(run) -> None:
    """Submodules are found in the registry right after load, the main module once it is registered."""
    out = run(
        READER
        + """
find = rt.find_module_registered
print([find(name) for name in SEED])
m = load("mC")
print(log, names(), [find(name) and find(name).name for name in SEED], rt.instances())
rt.register_module("mC", m)
print(find("mC") is m)
i = rt.instantiate(m)
for name in ("C1", "C2", "C3", "C4", "$mB$B1", "$mB$B2", "$mA$A1", "$mC$C1"):
    print(name, rt.lookup_function(i, name, "()i")(), rt.application_execute_func(i, name, []))
print(error(rt.lookup_function, i, "$mA$A2"), "|", rt.application_execute_main(i), rt.get_exception())
rt.deinstantiate(i)
print(rt.instances(), names())
rt.unload(m)
print(end(), [find(name) for name in SEED])
""".replace("SEED", repr(tuple(SEED))),
        **SEED,
    )
    assert out == [
        "[None, None, None]",
        "['+mA', '-mA', '+mB', '-mB'] ['mA', 'mB', 'mC'] ['mA', 'mB', None] []",
        "True",
        *("C1 31 31", "C2 21 21", "C3 11 11", "C4 11 11", "$mB$B1 21 21", "$mB$B2 11 11", "$mA$A1 11 11", "$mC$C1 31 31"),
        "PitwasmError: mA: there is no function 'A2' | 0 None",
        "[] ['mA', 'mB', 'mC']",
        END + " [None, None, None]",
    ]


def test_a_diamond(run) -> None:
    """One A for both (WebAssembly 4.5.4): its function, global, memory and table; B's function in A's table runs in B."""
    out = run(
        READER
        + """
i = new("C")
print(log, len(rt.instances()), rt.find_module_registered("A") is not None)
# Start functions ran once, dependencies first, _initialize after them.
a = rt.find_module_registered("A")
a = [inst for inst in rt.instances() if inst.module is a][0]
print([a.memory[k] for k in (0, 4, 12)])
print(i.exports.both(), i.exports.both(), rt.lookup_function(i, "$A$next")(), rt.lookup_function(i, "$B$b")())
i.exports.poke()
print(a.exports.count.value, a.memory[8], i.exports.both())
print(i.exports.indirect(), a.exports.call(2), a.exports.table[2]())
# A second C shares A and B, another module A alone.
j = rt.instantiate(i.module)
only = new("D")
print(i.exports.both(), j.exports.both(), only.exports.d(), log, len(rt.instances()))
drop(only)
rt.deinstantiate(i)
print(j.exports.both(), names(), len(rt.instances()))
# With the last, the instances go, the modules when C does; a new C has a new A.
m = j.module
rt.deinstantiate(j)
print(names(), rt.instances())
i = rt.instantiate(m)
print(i.exports.both(), log)
drop(i)
print(end())
""",
        **DIAMOND,
        D='(import "A" "next" (func $next (result i32))) (func (export "d") (result i32) (call $next))',
    )
    assert out == [
        "['+A', '-A', '+B', '-B'] 3 True",
        "[1, 11, 111]",
        "(1, 2) (3, 4) 5 6",
        "70 7 (71, 72)",
        "501 502 503",
        "(73, 74) (75, 76) 77 ['+A', '-A', '+B', '-B'] 5",
        "(78, 79) ['A', 'B', 'C'] 3",
        "['A', 'B', 'C'] []",
        "(1, 2) ['+A', '-A', '+B', '-B']",
        END,
    ]


def test_a_chain_of_100_modules(run) -> None:
    """Loaded one after the other, each source given back before the next is read; instantiated from the far end."""
    out = run(
        READER
        + """
started = []
rt.register_natives("env", {"started": ("(i)", started.append)})
i = new("m0", stack_size=4096)
print(log == [sign + "m%d" % k for k in range(1, 100) for sign in "+-"], len(rt.instances()))
print(started == list(range(99, -1, -1)), i.exports.f(), rt.lookup_function(i, "$m50$f")())
drop(i)
print(end())
""",
        pool=1 << 17,
        **chain(100),
    )
    assert out == ["True 100", f"True {sum(range(100))} {sum(range(50, 100))}", END]


def test_modules_of_ones_own(run) -> None:
    """What is registered already is not read, and stays; natives come before modules; the main module can be imported from."""
    out = run(
        READER
        + """
mA = load("mA")
rt.register_module("mA", mA)
i = new("mC")
print(log, i.exports.C4())
drop(i)
print(names(), rt.instances(), rt.find_module_registered("mA") is mA)
# The first instance of a registered module is everybody's.
a = rt.instantiate(mA)
i = new("mC")
print(len(rt.instances()), rt._instance(a._off) in rt.instances())
rt.deinstantiate(a)
print(i.exports.C4(), error(lambda: a.exports), error(rt.unload, i.module))
rt.unload(mA)
print(rt.find_module_registered("mA"), i.exports.C4())
drop(i)
print(names(), rt.pool.used - zero)
# Natives first: no module is asked for.
del log[:]
rt.register_natives("mA", {"A1": ("()i", lambda: 99)})
rt.register_natives("mB", {"B1": ("()i", lambda: 98)})
i = new("mC")
print(log, [i.exports[name]() for name in ("C2", "C3", "C4")])
drop(i)
rt.destroy()
rt.set_module_reader(read, destroy)
# Main modules: one registered before it is instantiated, one afterwards; both shared with those who import from them.
main = load("mB")
rt.register_module("main", main)
b = rt.instantiate(main)
late = new("late")
rt.register_module("late", late.module)
x, y = new("x"), new("y")
print(x.exports.x(), y.exports.y(), rt.lookup_function(x, "$main$B1")(), rt.lookup_function(x, "$late$next")(), len(rt.instances()))
drop(x, y, late, b)
print(end())
# Main modules may share what was loaded for one of them; whoever goes first.
for first in (0, 1):
    two = [load("mB"), load("mC")]
    rt.unload(two[first])
    print(names())
    rt.unload(two[1 - first])
print(end())
""",
        **SEED,
        x='(import "main" "B1" (func $f (result i32))) (func (export "x") (result i32) (call $f))',
        late='(global $n (mut i32) (i32.const 0))'
        '(func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))',
        y='(import "late" "next" (func $f (result i32))) (func (export "y") (result i32) (call $f))',
    )
    assert out == [
        "['+mB', '-mB'] 11",
        "['mA'] [] True",
        "3 True",
        "11 PitwasmError: this instance is gone PitwasmError: mC: the module has instances; deinstantiate them first",
        "None 11",
        "[] 0",
        "['+mB', '-mB'] [98, 99, 99]",
        "21 1 21 2 5",
        END,
        "['mA', 'mB', 'mC']",
        "['mA', 'mB']",
        END,
    ]


def test_sources(run) -> None:
    """Bytes, bytearray, memoryview, stream: given back as they came; without a destroyer, reader.destroy() when there is one."""
    out = run(
        READER
        + """
import io
with open("mA.wasm", "rb") as f:
    data = f.read()
for make in (bytes, bytearray, memoryview, io.BytesIO):
    source = make(data)
    seen = []
    rt.set_module_reader(lambda name: source, lambda name, s: seen.append((name, s is source)))
    m = load("mB")
    print(seen)
    rt.unload(m)
class Reader:
    def __call__(self, name):
        return data
    def destroy(self, name, source):
        print("destroy", name, source is data)
rt.set_module_reader(Reader())
rt.unload(load("mB"))
rt.set_module_reader(lambda name: data)
rt.unload(load("mB"))
rt.set_module_reader(None)
print(error(load, "mB"))
for bad in ((7,), (read, "x")):
    print(error(rt.set_module_reader, *bad))
print(end())
""",
        **SEED,
    )
    assert out == [
        *["[('mA', True)]"] * 4,
        "destroy mA True",
        "LinkError: mB: no sub module reader to load mA (mB -> mA.A1)",
        *["TypeError: reader and destroyer are callables, or None"] * 2,
        END,
    ]


def test_instances_from_host_functions(run) -> None:
    """A start function's host function sees its caller, and may call, load and instantiate; not take apart what is being made."""
    out = run(
        READER
        + """
def hook():
    i = rt.caller
    print(i.name, error(rt.deinstantiate, i), error(rt.unload, i.module), error(rt.destroy), names())
    other = new("other")
    print(other.exports.f(), rt.lookup_function(other, "$mA$A1")())
    drop(other)
    sub = rt.find_module_registered("sub")
    if i.name == "main":
        print(error(rt.unload, sub))
rt.register_natives("env", {"hook": ("()", hook)})
i = new("main")
print(i.exports.f(), names())
drop(i)
print(end())
# Taken away while it is waited for: an error, no crash.
def hook():
    if rt.caller.name == "low":
        rt.unload(rt.find_module_registered("sub"))
rt.register_natives("env", {"hook": ("()", hook)})
m = load("top")
print(error(rt.instantiate, m), rt.instances())
rt.unload(m)
print(end())
""",
        **SEED,
        sub='(import "env" "hook" (func $hook)) (start $hook)' + answer("f", 5),
        main='(import "sub" "f" (func $f (result i32))) (import "env" "hook" (func $hook)) (start $hook) (export "f" (func $f))',
        other='(import "mA" "A1" (func $f (result i32))) (export "f" (func $f))',
        low='(import "env" "hook" (func $hook)) (start $hook)' + answer("f", 6),
        top='(import "low" "f" (func (result i32))) (import "sub" "f" (func (result i32)))',
    )
    busy = "PitwasmError: the runtime is running"
    made = "PitwasmError: %s: the instance is still being made PitwasmError: %s: the module has instances; deinstantiate them first"
    assert out == [
        f"sub {made % ('sub', 'sub')} {busy} ['main', 'sub']",
        "11 11",
        f"main {made % ('main', 'main')} {busy} ['main', 'sub']",
        "11 11",
        "PitwasmError: sub: the module has instances; deinstantiate them first",
        "5 ['main', 'sub']",
        END,
        "LinkError: top: unknown import sub.f (top -> sub.f) []",
        END,
    ]


def test_no_room_at_every_allocation(run) -> None:
    """The n-th allocation fails, for every n: the pool is to the block as before, the sources are given back, the next try succeeds."""
    out = run(
        READER
        + """
import gc
def blocks():
    return list(rt.pool.blocks()), rt.pool.buf[44:76]
rt.register_natives("env", {"add": ("(ii)i", lambda a, b: a + b)})
def attempt(before, f, *args):
    n = 0
    while True:
        n += 1
        rt.pool.fail_at = n
        try:
            return n, f(*args)
        except PoolExhausted:
            assert rt.pool.fail_at == 0 and not given
            assert blocks() == before, n
        finally:
            rt.pool.fail_at = 0
        if n % 20 == 0:
            gc.collect()
empty = blocks()
n, m = attempt(empty, load, "C")
loaded = blocks()
k, i = attempt(loaded, rt.instantiate, m)
print(n > 60, k > 15, i.exports.both(), i.exports.indirect())
print(attempt(blocks(), i.exports.both)[1])
rt.deinstantiate(i)
print(blocks() == loaded)
rt.unload(m)
print(blocks() == empty, end())
""",
        pool=1 << 18,
        A='(import "env" "add" (func $add (param i32 i32) (result i32)))' + DIAMOND["A"],
        B=DIAMOND["B"],
        C=DIAMOND["C"] + "(func (drop (memory.grow (i32.const 0))))",
    )
    assert out == ["True True (1, 2) 501", "(3, 4)", "True", f"True {END}"]


def test_a_thousand_cycles(mp: MicroPython, run) -> None:
    """Loading, running and unloading a diamond leaves nothing, in the pool or on the heap."""
    out = run(
        READER
        + """
import gc
def once():
    i = new("C")
    assert i.exports.both() == (1, 2)
    drop(i)
    del log[:]
for _ in range(20):
    once()
gc.collect()
before = rt.pool.used, rt.pool.high, gc.mem_alloc()
most = 0
for k in range(1000):
    once()
    if k % 100 == 99:
        gc.collect()
        most = max(most, gc.mem_alloc() - before[2])
print(rt.pool.used - before[0], rt.pool.high - before[1], most <= 256 or most)
print(end())
""",
        **DIAMOND,
    )
    assert out == ["0 0 True", END]


def test_after_dropping_the_loader(run) -> None:
    out = run(
        READER
        + """
m = load("C")
rt.drop_loader()
i = rt.instantiate(m)
rt.drop_loader()
print(i.exports.both(), rt.find_module_registered("A").name)
rt.drop_loader()
drop(i)
print(end())
""",
        **DIAMOND,
    )
    assert out == ["(1, 2) A", END]


def test_relocation(run) -> None:
    """A copy of the pool knows which modules were loaded for others."""
    out = run(
        READER
        + """
i = new("C")
print(i.exports.both())
rt2 = pitwasm.Runtime(pitwasm.Pool.attach(bytearray(rt.pool.buf)))
m = [module for module in rt2.modules() if module.name == "C"][0]
i = [inst for inst in rt2.instances() if inst.module is m][0]
print(i.exports.both(), rt2.find_module_registered("B").name)
rt2.deinstantiate(i)
print(len(rt2.instances()), len(rt2.modules()))
rt2.unload(m)
print(rt2.pool.used, rt2.modules())
""",
        **DIAMOND,
    )
    assert out == ["(1, 2)", "(3, 4) B", "0 3", "0 []"]


def test_context_managers(run) -> None:
    out = run(
        READER
        + """
with load("C") as m:
    with rt.instantiate(m) as i:
        print(i.exports.both(), len(rt.instances()))
        i.exports.poke()
        i.exports.both()
    print(rt.instances(), names())
print(end())
with pitwasm.Runtime(100_000) as other:
    other.set_module_reader(read, destroy)
    other.instantiate(other.load(open("C.wasm", "rb")))
    print(len(other.modules()))
print(other.pool.used, given)
""",
        **DIAMOND,
    )
    assert out == ["(1, 2) 3", "[] ['A', 'B', 'C']", END, "3", "0 []"]
