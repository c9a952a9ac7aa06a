# Prepared images: what they give is what the .wasm gives
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import itertools
import shutil
import struct
from pathlib import Path

import pytest

from tests.binary import L
from tests.images import ALL, OTHER, PREPARE
from tests.library import DIAMOND, END, READER, SEED
from tests.wat import assemble
from tools import aot
from tools.host import ROOT
from tools.mp import MicroPython

SAMPLES = [ROOT / "bench" / "workloads.wasm", *sorted((ROOT / "samples").glob("*/*.wasm"))]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_both_word_sizes_make_the_same(path: Path) -> None:
    data = path.read_bytes()
    made = aot.image(data, 64)
    assert made == aot.image(data, 32)
    assert hashlib.sha256(data).digest() == made[L["IH_SOURCE"] : L["IH_DIGEST"]]
    assert struct.unpack_from("<I", made, L["IH_WASM"]) == (len(data),)
    assert hashlib.sha256(made[: L["IH_DIGEST"]] + made[L["IMAGE"] :]).digest() == made[L["IH_DIGEST"] : L["IH_SUM"]]


def test_checksum(mp: MicroPython) -> None:
    """As docs/image.md has it, in plain Python."""
    made = aot.image(SAMPLES[0].read_bytes())
    s = 0
    for (word,) in struct.iter_unpack("<I", made[: L["IH_SUM"]] + made[L["IMAGE"] :]):
        s = (s ^ word) * 0xB5 & 0xFFFFFFFF
        s ^= s >> 15
    assert struct.unpack_from("<I", made, L["IH_SUM"]) == (s,)


def test_an_image_is_its_module(run, images) -> None:
    """The same results, the same pool, the same image made of it again; and none of the loader's files is needed."""
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + """
loader = "decode sections definitions reader translate operands simple labels structure uncommon tables messages".split()
with open("other.pwi", "rb") as f:
    other = rt.load(f, "other")
rt.register_natives("host", {"seen": ("(i)", seen.append)})
rt.register_module("other", other)
before = rt.pool.used
with open("all.pwi", "rb") as f:
    m = rt.load(f, "all")
print([name for name in loader if "pitwasm." + name in sys.modules])
out = BytesIO()
prepare.write(m, out, made("all")[%(IH_SOURCE)d:%(IH_DIGEST)d], len(open("all.wasm", "rb").read()))
print(out.getvalue() == made("all"))
def use(m, rt):
    i = rt.instantiate(m)
    e = i.exports
    print(list(i.exports), m.name, list(m.imports))
    print(e.by(1, 21), e.by(2, 21), e.by(4, 18), error(e.by, 5, 1), error(e.by, 0, 1), e.init(), e.by(0, 8), e.float(2.25), e.wide())
    print(bytes(i.memory[16:21]), bytes(i.memory[32:37]), len(i.memory), error(e.load, 510), e.n.value, seen)
    rt.deinstantiate(i)
    seen.clear()
use(m, rt)
print([name for name in loader if "pitwasm." + name in sys.modules])
size = rt.pool.used - before
rt.unload(m)
print(rt.pool.used == before, rt.pool.largest()[1] == rt.pool.free_bytes - 8)
m = load("all")
print(rt.pool.used - before == size)
use(m, rt)
"""
        % L
    )
    assert out[:2] == ["[]", "True"]
    assert out[2:5] == out[-3:]
    assert out[3] == (
        "42 10 18 Trap: all: uninitialized element 5 Trap: all: uninitialized element 0 None 4 1.5 (5, 4)"
        if "uninitialized element 5" in out[3]
        else "42 10 18 Trap: all: uninitialized element Trap: all: uninitialized element None 4 1.5 (5, 4)"
    )
    assert out[4].startswith("b'hello' b'later' 512 Trap: all: out of bounds memory access")
    assert out[5:8] == ["[]", "True True", "True"]


@pytest.mark.parametrize("source", ["bytes", "bytearray", "memoryview", "file", "one byte at a time", "at times nothing"])
def test_sources(run, images, source: str) -> None:
    images(one='(func (export "one") (result i32) (i32.const 1))')
    out = run(
        PREPARE
        + """
class Stream:
    def __init__(self, chunk, idle):
        self.data = made("one"); self.at = self.reads = 0; self.chunk = chunk; self.idle = idle
    def readinto(self, view):
        self.reads += 1
        if self.idle and self.reads % 3:
            return None
        n = min(len(view), self.chunk, len(self.data) - self.at)
        view[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n
sources = {"bytes": made("one"), "bytearray": bytearray(made("one")), "memoryview": memoryview(made("one")),
           "file": open("one.pwi", "rb"), "one byte at a time": Stream(1, False), "at times nothing": Stream(40, True)}
i = rt.instantiate(rt.load(sources[SOURCE], "one"))
print(i.exports.one(), rt.load(made("one"), "again", lazy=True, names=True).name)
""".replace("SOURCE", repr(source))
    )
    assert out == ["1 again"]


@pytest.mark.parametrize("kinds", list(itertools.product((".wasm", ".pwi"), repeat=3)), ids="".join)
def test_images_and_modules_import_from_each_other(run, images, kinds: tuple[str, ...]) -> None:
    """The reader may give either; what is an image shows in its first bytes, not in its name."""
    for texts in (SEED, DIAMOND):
        folder = images(**texts)
        for name, kind in zip(texts, kinds, strict=True):
            (folder / f"{name}.wasm").write_bytes((folder / (name + kind)).read_bytes())
    out = run(
        READER
        + """
i = new("mC")
print([i.exports[name]() for name in ("C1", "C2", "C3", "C4")], names(), log)
drop(i)
i = new("C")
print(i.exports.both(), i.exports.both(), i.exports.poke(), i.exports.indirect(), names())
print(rt.lookup_function(i, "$A$next")(), rt.find_module_registered("A").name)
drop(i)
print(end())
"""
    )
    assert out == [
        "[31, 21, 11, 11] ['mA', 'mB', 'mC'] ['+mA', '-mA', '+mB', '-mB']",
        "(1, 2) (3, 4) None 501 ['A', 'B', 'C']",
        "71 A",
        END,
    ]


def test_flash_reader(run, images, tmp_path: Path) -> None:
    """FlashReader(suffix=".pwi") in front of another reads images where there are some."""
    images(**SEED)
    (tmp_path / "mA.wasm").unlink()
    (tmp_path / "mB.pwi").unlink()
    out = run(
        """
from pitwasm import Chain, FlashReader
rt.set_module_reader(Chain(FlashReader("", suffix=".pwi"), FlashReader("")))
i = new("mC")
print(i.exports.C4(), [m.name for m in rt.modules()])
"""
    )
    assert out[0].startswith("11 ")


def test_types_are_shared(run, images) -> None:
    """Whatever goes first: the others keep their function types, and nothing is left in the end."""
    text = """(type $a (func (param i32))) (type $b (func (param i64 f32) (result i32))) (type $c (func)) (type $d (func (param i32)))
      (table 2 funcref) (elem (i32.const 0) $f $g)
      (func $f (type $b) (i32.const 3)) (func $g (type $d))
      (func (export "f") (result i32) (call_indirect (type $b) (i64.const 1) (f32.const 2) (i32.const 0)))
      (func (export "g") (call_indirect (type $a) (i32.const 9) (i32.const 1)))"""
    images(one=text)
    out = run(
        PREPARE
        + """
zero = rt.pool.used
orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
for order in orders:
    loaded = [rt.load(made("one"), "x"), load("one"), rt.load(made("one"), "y")]
    for k in order:
        i = rt.instantiate(loaded[k])
        print(i.exports.f(), i.exports.g(), end=" ")
        rt.deinstantiate(i)
        rt.unload(loaded[k])
print(rt.pool.used == zero, rt.pool.largest()[1] == rt.pool.free_bytes - 8)
"""
    )
    assert out == ["3 None " * 18 + "True True"]


def test_memory_cap(run, images) -> None:
    """Capped when it is instantiated, as any module; what was capped is no image's source any more."""
    images(m='(memory 1) (func (export "get") (param i32) (result i32) (i32.load offset=2000 (local.get 0)))')
    out = run(
        PREPARE
        + """
m = rt.load(made("m"), "m")
i = rt.instantiate(m, memory_cap=2010)
print(i.exports.get(6), error(i.exports.get, 7))
print(error(prepare.write, m, BytesIO()))
rt.deinstantiate(i)
print(error(prepare.write, m, BytesIO()), error(rt.instantiate, m, memory_cap=4000))
lazy = rt.load(open("m.wasm", "rb").read(), "lazy", lazy=True)
print(error(prepare.write, lazy, BytesIO()))
"""
    )
    refused = "an image is made of a module that was loaded whole and not instantiated yet"
    assert out == [
        "0 Trap: m: out of bounds memory access (beyond the cap of 2010 bytes)",
        f"PitwasmError: m: {refused}",
        f"PitwasmError: m: {refused} LinkError: m: the code was fitted to a memory of 2010 bytes; load the module again for a larger one",
        f"PitwasmError: lazy: {refused}",
    ]


def test_names_go_along(run, tmp_path: Path) -> None:
    data = assemble("(func $inner unreachable) (func (export \"f\") (call $inner))")
    (tmp_path / "named.pwi").write_bytes(aot.image(data, names=True))
    (tmp_path / "plain.pwi").write_bytes(aot.image(data))
    out = run(
        """
for name in ("named", "plain"):
    i = rt.instantiate(rt.load(open(name + ".pwi", "rb"), name))
    try:
        i.exports.f()
    except Trap as exc:
        print(exc.backtrace().replace("\\n", ";"))
"""
    )
    assert "named!inner+" in out[0] and "plain!0+" in out[1]


def test_several_memories(run, tmp_path: Path) -> None:
    """An image made for multi-memory loads only where that is allowed."""
    data = assemble('(memory 0) (memory (export "m") 1) (func (export "size") (result i32) (memory.size 1))')
    (tmp_path / "two.pwi").write_bytes(aot.image(data, memories=True))
    out = run(
        """
zero = rt.pool.used
print(error(rt.load, open("two.pwi", "rb"), "two"), rt.pool.used == zero)
rt = pitwasm.Runtime(100000, multi_memory=True)
print(rt.instantiate(rt.load(open("two.pwi", "rb"), "two")).exports.size())
"""
    )
    assert out == ["ValidationError: two: multiple memories True", "1"]


def test_without_the_part(mp: MicroPython, images, tmp_path: Path) -> None:
    """On a board that has not got image.mpy."""
    images(one=OTHER)
    folder = tmp_path / "less"
    shutil.copytree(mp.packages / "pitwasm", folder / "pitwasm", ignore=shutil.ignore_patterns("image.mpy", "prepare.mpy", "*.tmp"))
    less = MicroPython(mp.path, mp.bits, folder)
    out = less.out(
        """
import pitwasm
rt = pitwasm.Runtime(100000)
try:
    rt.load(open("one.pwi", "rb"), "one")
except pitwasm.LoadError as exc:
    print(exc)
""",
        cwd=tmp_path,
    )
    assert out.strip() == "one: this is a prepared image; to load it install pitwasm's part images"


# ---- on the host -----------------------------------------------------------------------------------------------------------------


def test_aot_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.wasm").write_bytes(assemble(OTHER))
    (tmp_path / "bad.wasm").write_bytes(b"\0asm\1\0\0\0\1")
    assert aot.main([str(tmp_path / "one.wasm")]) == 0
    assert (tmp_path / "one.pwi").read_bytes() == aot.image(assemble(OTHER))
    assert aot.main([str(tmp_path / "bad.wasm")]) == 1
    assert aot.main([str(tmp_path / "none.wasm")]) == 1
    said = capsys.readouterr()
    assert "one.pwi: " in said.out and "pitwasm does not take this module" in said.err and "No such file" in said.err
    assert not (tmp_path / "bad.pwi").exists()
