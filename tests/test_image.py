# Prepared images: what they give is what the .wasm gives; what is damaged, foreign or hostile is refused and harms nothing
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import itertools
import shutil
import struct
from pathlib import Path

import pytest

from tests.binary import L
from tests.library import DIAMOND, END, READER, SEED
from tests.wat import assemble
from tools import aot
from tools.host import ROOT
from tools.mp import MicroPython

SAMPLES = [ROOT / "bench" / "workloads.wasm", *sorted((ROOT / "samples").glob("*/*.wasm"))]

# Something of everything an image has.
ALL = """
  (import "host" "seen" (func $seen (param i32)))
  (import "other" "limit" (global $limit i32))
  (import "other" "ref" (global $ref funcref))
  (type $twice (func (param i32) (result i32)))
  (memory (export "memory") 1 3)
  (global $n (export "n") (mut i64) (i64.const 5))
  (global $copy i32 (global.get $limit))
  (global $own funcref (ref.func $double))
  (global (export "__heap_base") i32 (i32.const 512))
  (table $t (export "table") 6 funcref)
  (elem (i32.const 1) $double $halve)
  (elem (table $t) (global.get $limit) funcref (global.get $ref) (ref.null func))
  (elem $later func $halve)
  (data (i32.const 16) "hello")
  (data $more "later")
  (func $double (type $twice) (i32.add (local.get 0) (local.get 0)))
  (func $halve (type $twice) (i32.shr_u (local.get 0) (i32.const 1)))
  (func (export "by") (param i32 i32) (result i32) (call_indirect (type $twice) (local.get 1) (local.get 0)))
  (func (export "init") (memory.init $more (i32.const 32) (i32.const 0) (i32.const 5))
    (table.init $t $later (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "float") (param f64) (result f32) (f32.demote_f64 (f64.sqrt (local.get 0))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "wide") (result i64 i32) (global.get $n) (global.get $copy))
  (func $s (call $seen (i32.const 7))) (start $s)"""
OTHER = """(global (export "limit") i32 (i32.const 4)) (global (export "ref") funcref (ref.func $same))
  (func $same (export "same") (param i32) (result i32) (local.get 0))"""

# Prepares what load() of tests.wat has loaded; sealed() puts the right checksum into a changed image.
PREPARE = """
import sys
from io import BytesIO
import pitwasm.image as image
import pitwasm.prepare as prepare
from pitwasm import LoadError, ValidationError
def made(name):
    with open(name + ".pwi", "rb") as f:
        return f.read()
def sealed(data):
    data = bytearray(data)
    body = bytearray(data[%(IMAGE)d:])
    s = image.checksum(body, image.checksum(data, 0, 0, %(IH_SUM)d), 0, len(body) & -4)
    for i in range(4):
        data[%(IH_SUM)d + i] = s >> 8 * i & 255
    return data
seen = []
def host(rt):
    rt.register_natives("host", {"seen": ("(i)", seen.append)})
    rt.register_module("other", rt.load(open("other.wasm", "rb"), "other"))
""" % L


@pytest.fixture
def images(tmp_path: Path):
    """images(name=text): NAME.wasm and NAME.pwi in the folder that `run` works in."""

    def make(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.wasm").write_bytes(assemble(text))
            (tmp_path / f"{name}.pwi").write_bytes(aot.image(assemble(text)))
        return tmp_path

    return make


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


# ---- bad images ------------------------------------------------------------------------------------------------------------------

# good() says that what was loaded before works, and that nothing else is in the pool.
GOOD = """
host(rt)
keep = new("other")
keep.exports.same(3)
used = rt.pool.used
def good():
    return keep.exports.same(3) == 3 and rt.pool.used == used and rt.pool.largest()[1] > %d
"""


def test_cut_anywhere(run, images) -> None:
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + """
data = made("all")
kinds = {}
for n in range(len(data)):
    for source in (data[:n], BytesIO(data[:n])):
        try:
            rt.load(source, "cut")
            kind = "loaded"
        except LoadError as exc:
            kind = exc.text[:14]
        kinds[kind] = kinds.get(kind, 0) + 1
    assert good(), n
print(sorted(kinds), len(data))
for source in (data + b"x", BytesIO(data + b"x")):
    print(error(rt.load, source, "long"))
"""
    )
    assert out[0].startswith("['damaged image:', 'unexpected end'") and "loaded" not in out[0]
    assert [line.partition(" it ")[0] for line in out[1:]] == ["LoadError: long: damaged image:"] * 2


def test_any_bit_flipped(run, images) -> None:
    """Bits of the digests, too: the checksum covers them. Without its magic it is no WebAssembly either."""
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + """
data = bytearray(made("all"))
texts = {}
for n in range(8 * len(data)):
    data[n >> 3] ^= 1 << (n & 7)
    try:
        rt.load(data, "bad")
        print("loaded", n)
    except LoadError as exc:
        text = exc.text.partition(":")[0]
        texts[text] = texts.get(text, 0) + 1
    data[n >> 3] ^= 1 << (n & 7)
    if n % 64 == 0:
        assert good(), n
print(good(), "|".join(sorted(texts)))
print(rt.load(data, "good").name)
"""
    )
    assert out[-1] == "good" and out[-2].startswith("True ") and "damaged image" in out[-2] and not out[:-2]


def test_other_versions(run, images) -> None:
    """Refused with a sentence that says what to do."""
    images(one=OTHER)
    out = run(
        PREPARE
        + """
for field, value in ((%(IH_FORMAT)d, 2), (%(IH_CODE)d, 1), (%(IH_MACHINE)d, 4), (%(IH_NATIVE)d, 8)):
    data = bytearray(made("one"))
    data[field : field + 4] = bytes((value, 0, 0, 0))
    print(error(rt.load, sealed(data), "old"))
    print(error(prepare.verify, sealed(data)))
"""
        % L
    )
    again = "make it again from the .wasm: python -m tools.aot"
    texts = [
        f"the image has format 2, this pitwasm loads format 1; {again}",
        f"the image was made by another version of pitwasm, with other code words; {again}",
        *["damaged image: its header makes no sense"] * 2,  # a machine without code, code without a machine
    ]
    assert out == [line for text in texts for line in (f"LoadError: old: {text}", f"LoadError: {text}")]


def test_digests(run, images) -> None:
    """verify() reads an image through; its SHA-256 is not reckoned at each load, a pin of the file's is."""
    folder = images(one=OTHER)
    pin = hashlib.sha256((folder / "one.pwi").read_bytes()).hexdigest()
    wasm = (folder / "one.wasm").read_bytes()
    out = run(
        PREPARE
        + """
from binascii import hexlify
from pitwasm import FlashReader
data = made("one")
for source in (data, BytesIO(data), open("one.pwi", "rb")):
    digest, wasm, size = prepare.verify(source)
print(digest == data[%(IH_DIGEST)d:%(IH_SUM)d], hexlify(wasm).decode(), size)
for at in (%(IH_SOURCE)d, %(IH_DIGEST)d, len(data) - 5):
    bad = bytearray(data)
    bad[at] ^= 1
    print(error(prepare.verify, bad), "|", error(prepare.verify, BytesIO(sealed(bad))))
print(error(prepare.verify, data[:-4]), "|", error(prepare.verify, BytesIO(data[:-4])), "|", error(prepare.verify, BytesIO(data + b"x")))
print(error(prepare.verify, open("one.wasm", "rb")))
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": PIN}))
print(rt.load(b"\\0asm\\1\\0\\0\\0" + IMPORTER, "main").name)
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": "00"}))
rt.destroy()
rt = pitwasm.Runtime(100000)
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": "00"}))
print(error(rt.load, b"\\0asm\\1\\0\\0\\0" + IMPORTER, "main"))
""".replace("PIN}", repr(pin) + "}").replace("IMPORTER", repr(assemble('(import "one" "limit" (global i32))')[8:]))
        % L
    )
    sums, digests = "LoadError: damaged image: its checksum is not right", "LoadError: damaged image: its SHA-256 is not right"
    assert out[0] == f"True {hashlib.sha256(wasm).hexdigest()} {len(wasm)}"
    assert out[1:4] == [f"{sums} | {digests}"] * 3
    assert out[4].startswith("LoadError: damaged image: it has ")
    assert out[4].endswith("| LoadError: unexpected end | LoadError: damaged image: it goes on behind its end")
    assert out[5:7] == ["LoadError: no prepared image", "main"]
    assert out[7].startswith("LoadError: one: its SHA-256 is not pinned")


# Cells that no checksum keeps a forger from; code words and the slots of types are beyond any check: he is trusted as firmware is.
HOSTILE = """
import struct
values = (0, 1, 2, 3, 7, 8, 9, 16, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFF, 0x8000000, 0x3FFFFFFF, 0x40000000, 0x7FFFFFF8,
          0x7FFFFFFF, 0x80000000, 0x80000001, 0xC0000000, 0xFFFFFFF0, 0xFFFFFFF8, 0xFFFFFFFF)
data = bytearray(made("all"))
counts = [0, 0, 0, 0]
def attempt():
    module = i = None
    try:
        module = rt.load(sealed(data), "bad")
        list(module.imports), list(module.exports)
        i = rt.instantiate(module, memory_cap=4096)
        counts[0] += 1
    except (LoadError, ValidationError):
        counts[1] += 1
    except (LinkError, Trap):
        counts[2] += 1
    except (PoolExhausted, UnicodeError):
        counts[3] += 1
    if i:
        rt.deinstantiate(i)
    if module:
        rt.unload(module)
    assert good()
"""


def test_hostile_cells(run, images) -> None:
    """Each cell but the code words', with each of these values."""
    text = ALL.replace("(start $s)", "")
    images(all=text, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + HOSTILE
        + """
at = %(IMAGE)d
size = %(M_SIZE)d + 7 & -8
while at < len(data):
    kind = data[at - 4] if at > %(IMAGE)d else 1
    for cell in range(at if kind == 1 else at - 8, at + size, 4) if kind != 9 else (at - 8, at - 4):
        old = data[cell : cell + 4]
        now = struct.unpack("<I", old)[0]
        for value in values + (now + 1, now + 4, now + 8, now - 1, now - 4, now - 8, now ^ 0x80000000, now << 8, now << 16):
            data[cell : cell + 4] = struct.pack("<I", value & 0xFFFFFFFF)
            attempt()
        data[cell : cell + 4] = old
    at += size + 8
    if at < len(data):
        size = struct.unpack_from("<I", data, at - 8)[0] - 8
print(counts)
"""
        % L,
        pool=220_000,
    )
    loaded, refused, unlinked, _ = eval(out[-1])
    assert loaded > 300 and refused > 3000, out


def test_hostile_bytes(run, images) -> None:
    """20,000 random changes, of one to four bytes, of all but the code words."""
    text = ALL.replace("(start $s)", "")
    images(all=text, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + HOSTILE
        + """
state = 2026
def below(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) %% n
places = []
at = %(IMAGE)d
size = %(M_SIZE)d + 7 & -8
while at < len(data):
    if at == %(IMAGE)d or data[at - 4] != 9:
        places.extend(range(at, at + size))
    at += size + 8
    if at < len(data):
        size = struct.unpack_from("<I", data, at - 8)[0] - 8
good_data = bytes(data)
for n in range(20000):
    for _ in range(1 + below(4)):
        data[places[below(len(places))]] = (0, 1, 0x7F, 0x80, 0xFF, below(256))[below(6)]
    attempt()
    data[:] = good_data
print(counts)
"""
        % L,
        pool=220_000,
    )
    loaded, refused, unlinked, _ = eval(out[-1])
    assert loaded > 1000 and refused > 5000, out


def test_no_room(run, images) -> None:
    """Whichever allocation fails, and whatever the pool's size: PoolExhausted, and the pool as before."""
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 10
        + """
n = 0
while True:
    n += 1
    rt.pool.fail_at = n
    try:
        m = rt.load(made("all"), "all")
        break
    except PoolExhausted:
        assert good(), n
rt.pool.fail_at = 0
rt.unload(m)
print(n, good())
data = made("other")
sizes = {}
for size in range(256, 1400, 8):
    small = pitwasm.Runtime(size)
    before = small.pool.used
    try:
        small.load(data, "other")
        sizes[size] = True
    except PoolExhausted:
        assert small.pool.used == before and small.pool.largest()[1] == small.pool.free_bytes - 8
print(min(sizes) - len(data) < 200, len(sizes) == (1400 - min(sizes)) // 8)
"""
    )
    assert out[0].endswith(" True") and int(out[0].split()[0]) >= 2
    assert out[1] == "True True"


def test_stream_that_fails(run, images) -> None:
    images(one=OTHER)
    out = run(
        PREPARE
        + """
class Broken:
    def __init__(self, n):
        self.f = open("one.pwi", "rb"); self.left = n
    def readinto(self, view):
        if not self.left:
            raise OSError(5)
        n = self.f.readinto(view[: self.left])
        self.left -= n
        return n
class Nested:
    def __init__(self):
        self.f = open("one.pwi", "rb")
    def readinto(self, view):
        inner = pitwasm.decode.load(rt.pool, open("one.wasm", "rb"))
        n = self.f.readinto(view)
        pitwasm.modules.unload(rt.pool, inner)
        return n
zero = rt.pool.used
for n in (0, 3, 4, 99, 100, 150, 300):
    print(error(rt.load, Broken(n), "one"), rt.pool.used == zero)
m = rt.load(Nested(), "nested")
print(rt.instantiate(m).exports.same(4))
print(error(rt.load, 5, "five"), rt.pool.used > zero)
"""
    )
    assert [line.partition(" (at")[0].replace(" True", "") for line in out[:7]] == ["LoadError: one: source failed: OSError(5,)"] * 7
    assert all(line.endswith(" True") for line in out[:7])
    assert out[7:] == ["4", "TypeError: a module's source is bytes-like or has readinto() True"]


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
