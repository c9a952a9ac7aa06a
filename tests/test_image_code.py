# Prepared images with machine code give what the loop gives; without room, or on another machine, it is the loop that gives it
# MIT license; Copyright (c) 2026 the pitwasm authors
import struct
from pathlib import Path

import pytest

from tests.binary import L
from tests.test_native import CALLS, FLOAT_USES, FLOATS, HOST, INTEGERS, USES, WORK
from tests.wat import START, assemble
from tools import aot, programs
from tools.host import ROOT
from tools.mp import MicroPython

ARCH = {64: "x64", 32: "x86"}
WORKLOADS = ROOT / "bench" / "workloads.wasm"
RUNTIME = START.replace("Runtime(%d)", "Runtime(%d, native=%r, native_budget=100_000)")

# Calls m.work, which is another module's; both may be images.
CALLER = """(import "m" "fib" (func $fib (param i32) (result i32)))
  (func $more (param i32) (result i32) (i32.add (call $fib (local.get 0)) (i32.const 1)))
  (func (export "twice") (param i32) (result i32) (i32.add (call $fib (local.get 0)) (call $more (local.get 0))))"""


@pytest.fixture
def image(mp: MicroPython):
    """image(text): with machine code for the machine that the test runs on."""
    return lambda text, arch=None: aot.image(assemble(text), arch=arch or ARCH[mp.bits])


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path, image):
    """run(script, native=, pool=, m=image ...): the lines it prints."""

    def work(script: str, native: str | None = None, pool: int = 300_000, **images: bytes) -> list[str]:
        for name, content in images.items():
            (tmp_path / f"{name}.wasm").write_bytes(content)  # what it is shows in its first bytes
        return mp.out(RUNTIME % (pool, native) + HOST + script, cwd=tmp_path, heap="16M").splitlines()

    return work


def cells(content: bytes, **changes: int) -> bytes:
    """With other numbers at the end of the machine code, and the checksum for them."""
    data = bytearray(content)
    for name, value in changes.items():
        struct.pack_into("<I", data, len(data) - L["IN_SIZE"] + L[f"IN_{name}"], value)
    s = 0
    for (word,) in struct.iter_unpack("<I", data[: L["IH_SUM"]] + data[L["IMAGE"] :]):
        s = (s ^ word) * 0xB5 & 0xFFFFFFFF
        s ^= s >> 15
    struct.pack_into("<I", data, L["IH_SUM"], s)
    return bytes(data)


def test_an_image_does_what_the_loop_does(run, image) -> None:
    """Results, traps, backtraces, fuel, memory, globals: tests/test_native.py has them of the tier."""
    content = image(WORK)
    loop = run(CALLS, "never", m=content)
    assert any("call stack exhausted" in line for line in loop) and any("out of bounds" in line for line in loop)
    used = "\nprint(rt._tier.used > 1000, 'pitwasm.native' in sys.modules, 'pitwasm.words' in sys.modules)"
    assert run("import sys" + CALLS + used, m=content) == [*loop, "True False False"]
    assert run(CALLS, "always", m=content) == loop
    assert run(CALLS, "hot", m=content) == loop


def test_floats_and_whole_numbers_are_called(run, image) -> None:
    """What machine code calls is found when the image is loaded; nothing of it is left to the loop."""
    for text, script in ((FLOATS, FLOAT_USES), (INTEGERS, USES)):
        content = image(text)
        loop = run(script, "never", d=content)
        assert any("overflow" in line for line in loop)
        there = "\nprint(rt._tier._there, 'pitwasm.native' in sys.modules)"
        assert run("import sys" + script + there, d=content) == [*loop, "19 False" if text == FLOATS else "12 False"]


def test_workloads(run, mp: MicroPython) -> None:
    content = aot.image(WORKLOADS.read_bytes(), arch=ARCH[mp.bits])
    script = """
e = new("m").exports
rt.fuel = 10**9
print(e.fib(15), e.sieve(1), e.crc32(1), e.quicksort(200), e.matmult(1), e.i64loop(300), e.nbody(2), e.mandel32(6), e.mandel64(6), rt.fuel)
"""
    assert run(script, m=content) == run(script, "never", m=content)


def test_both_make_the_same_again(mp: MicroPython, image) -> None:
    """Machine code that held anything of where it was made would differ."""
    assert image(WORK) == image(WORK)


@pytest.mark.parametrize("first", range(41_001, 41_041, 20))
def test_random_programs(mp: MicroPython, run, first: int) -> None:
    for seed in range(first, first + 4):
        program = programs.Program(seed)
        content = aot.image(program.wasm, arch=ARCH[mp.bits])
        script = """
m = load("m")
i = rt.instantiate(m)
rt.fuel = 100_000
for name, kind, what in list(m.exports):
    if kind == "func":
        parameters = what[0].split()
        if all(p in ("i32", "i64") for p in parameters):
            for start in (0, 3, -2):
                print(name, error(i.exports[name], *[start + k for k in range(len(parameters))]), rt.fuel)
                rt._paused = None
"""
        assert run(script, m=content) == run(script, "never", m=content), seed


def test_unloading_puts_everything_back(run, image) -> None:
    """Two images, one of which calls the other; the loop's way in is the first's, and then the second's."""
    out = run(
        """
m = load("m", name="m")
used = rt.pool.used
k = rt.instantiate(m)
rt.register_module("m", k)
c = load("c")
i = rt.instantiate(c)
print(i.exports.twice(12), rt._tier.used)
both = rt._tier.used
rt.deinstantiate(i)
rt.unload(c)
print(rt._tier.used < both, k.exports.fib(12))
rt.destroy()
print(rt.pool.used)
rt = pitwasm.Runtime(300_000, native_budget=100_000)
rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
a = load("m")
b = load("m")
j = rt.instantiate(b)
rt.unload(a)
print(j.exports.fib(12), rt._native is not None)
copy = pitwasm.Runtime(pitwasm.Pool.attach(bytearray(rt.pool.buf)))
print(copy.instances()[0].exports.fib(12), copy._native, j.exports.fib(12))
rt.deinstantiate(j)
rt.unload(b)
print(rt._native, rt._tier, rt.pool.used)
""".replace('load("m", name="m")', 'rt.load(open("m.wasm", "rb"), "m")'),
        m=image(WORK),
        c=image(CALLER),
    )
    assert out[0].startswith("289 ")
    assert out[1:] == ["True 144", "0", "144 True", "144 None 144", "None None 0"]


def test_without_room_the_loop_does_it(run, image) -> None:
    """Every allocation fails once, every budget and pool is too small: the module is there or not, but not half."""
    out = run(
        """
data = open("m.wasm", "rb").read()
coded = looped = 0
for k in range(1, 12):
    rt = pitwasm.Runtime(300_000)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    rt.pool.fail_at = k
    try:
        m = rt.load(data, "m")
    except PoolExhausted:
        rt.pool.fail_at = 0
        m = rt.load(data, "m")
    rt.pool.fail_at = 0
    i = rt.instantiate(m)
    assert i.exports.fib(9) == 34 and i.exports.sum(100) == 4950, k
for budget in range(0, 6000, 197):
    rt = pitwasm.Runtime(300_000, native_budget=budget)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    i = rt.instantiate(rt.load(data, "m"))
    used = rt._tier.used if rt._tier else 0
    assert used <= budget and i.exports.fib(9) == 34, budget
    coded += used > 0
    looped += used == 0
print(coded > 3, looped > 3)
coded = looped = 0
for size in range(3000, 12000, 50):
    rt = pitwasm.Runtime(size)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    try:
        m = rt.load(data, "m")
    except PoolExhausted:
        assert rt.pool.used <= 80
        continue
    if rt._tier and rt._tier.used:
        coded += 1
    else:
        looped += 1
print(coded > 3, looped > 3)
""",
        m=image(WORK),
    )
    assert out == ["True True", "True True"]


@pytest.mark.parametrize("arch", aot.MACHINES)
def test_another_machines_code_is_left_out(run, image, mp: MicroPython, arch: str) -> None:
    """It is read and in the checksum, takes no room and no file of the tier's; nor does any with native="never"."""
    content = image(WORK, arch)
    script = """
import sys
i = new("m")
print(i.exports.fib(12), i.exports.sum(100), i.exports.indirect(1, 21), bool(rt._tier and rt._tier.used))
"""
    same = arch == ARCH[mp.bits]
    assert run(script, m=content) == [f"144 4950 42 {same}"]
    assert run(script, "never", m=content) == ["144 4950 42 False"]


def test_streams(run, image) -> None:
    """A few bytes at a time; taken and left out."""
    out = run(
        """
data = open("m.wasm", "rb").read()
class Drip:
    at = 0
    def readinto(self, view):
        n = min(len(view), 7, len(data) - self.at)
        view[:n] = data[self.at : self.at + n]
        self.at += n
        return n
for native in (None, "never"):
    rt = pitwasm.Runtime(300_000, native=native)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    for source in (Drip(), data):
        print(rt.instantiate(rt.load(source)).exports.fib(12))
""",
        m=image(WORK),
    )
    assert out == ["144"] * 4


def test_damage_is_found(run, image) -> None:
    """One bit of each byte of machine code in turn, and each end: whether it is taken or left out."""
    content = image(WORK)
    assert len(content) > 4000
    out = run(
        """
import pitwasm.prepare as prepare
data = bytearray(open("m.wasm", "rb").read())
start = len(data) - NATIVE
print(prepare.verify(bytes(data))[2])
said = set()
for native in (None, "never"):
    rt = pitwasm.Runtime(300_000, native=native)
    rt.register_natives("env", {"host": ("(i)i", lambda x: x)})
    rt.load(bytes(data))
    used = rt.pool.used
    for at in range(start, len(data), 3 if native is None else 41):
        data[at] ^= 1 << at % 8
        said.add(error(rt.load, data))
        data[at] ^= 1 << at % 8
    for n in range(start, len(data), 211):
        said.add(error(rt.load, data[:n])[:32])
    print(rt.pool.used == used)
for text in sorted(said):
    print(text)
""".replace("NATIVE", str(struct.unpack_from("<I", content, L["IH_NATIVE"])[0])),
        m=content,
    )
    assert out[1:3] == ["True", "True"]
    assert out[3:] == ["LoadError: damaged image: it has", "LoadError: damaged image: its checksum is not right"]


def test_what_is_malformed_is_refused(run, image) -> None:
    """Its own numbers are looked at, as far as the loader goes by them."""
    content = image(WORK)
    size = struct.unpack_from("<I", content, len(content) - L["IN_SIZE"] + L["IN_CODE"])[0]
    bad = [cells(content, CODE=value) for value in (0, 4, size + 8, 1 << 20, 1 << 31)]
    bad += [cells(content, COUNT=1 << 16), cells(content, WAY=size), cells(content, FIXES=1 << 16)]
    out = run(
        "before = rt.load(open('m.wasm', 'rb')) and rt.pool.used\n"
        + "\n".join(f"print(error(rt.load, open('m{i}.wasm', 'rb'), 'm{i}'), rt.pool.used == before)" for i in range(len(bad))),
        m=content,
        **{f"m{i}": one for i, one in enumerate(bad)},
    )
    assert out == [f"LoadError: m{i}: malformed image: not made by pitwasm True" for i in range(len(bad))]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.wasm").write_bytes(assemble(WORK))
    assert aot.main([str(tmp_path / "m.wasm"), "--arch", "armv6m"]) == 0
    made = (tmp_path / "m.pwi").read_bytes()
    assert made == aot.image(assemble(WORK), arch="armv7m")
    assert struct.unpack_from("<I", made, L["IH_MACHINE"]) == (4,)
    with pytest.raises(SystemExit):
        aot.main([str(tmp_path / "m.wasm"), "--arch", "z80"])
    assert "invalid choice" in capsys.readouterr().err
