# The flash reader, chains of readers, what they keep and what they refuse (port/flash.py, chain.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
from pathlib import Path

import pytest

from tests.uartdevice import ESCAPES, trap
from tools.host import ROOT
from tools.mp import MicroPython

COMMON = """
import os
from pitwasm.errors import LoadError
from pitwasm.flash import FlashReader
from pitwasm.chain import Chain

class Remote:
    "A reader that gives what is verified; fail: at which byte it breaks."
    verifies = True
    def __init__(self, modules, fail=None):
        self.modules = modules; self.fail = fail; self.asked = []; self.destroyed = []
    def __call__(self, name):
        self.asked.append(name)
        if name not in self.modules:
            return None
        source = Source(self.modules[name], self.fail)
        return source
    def destroy(self, name, source):
        assert type(source) is Source
        self.destroyed.append(name)

class Source:
    def __init__(self, data, fail):
        self.data = data; self.at = 0; self.fail = fail
    def readinto(self, buf):
        n = min(len(buf), len(self.data) - self.at)
        if self.fail is not None and self.at + n > self.fail:
            raise LoadError("broken")
        buf[:n] = self.data[self.at:self.at + n]
        self.at += n
        return n

def read(reader, name, piece=100, limit=None):
    source = reader(name)
    if source is None:
        return None
    try:
        out = b""
        buf = bytearray(piece)
        while limit is None or len(out) < limit:
            n = source.readinto(buf)
            if not n:
                break
            out += buf[:n]
        return out
    finally:
        reader.destroy(name, source)

def error(f, *args):
    try:
        f(*args)
    except LoadError as exc:
        return str(exc)
    assert False, args
"""


def run(mp: MicroPython, folder: Path, script: str, **options) -> str:
    return mp.out(COMMON + script, cwd=folder, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return trap(tmp_path)


def test_flash(mp: MicroPython, folder: Path) -> None:
    run(
        mp,
        folder,
        """
for directory in ("modules", "modules/", "./modules", os.getcwd() + "/modules"):
    reader = FlashReader(directory)
    assert read(reader, "mA") == b"module A" * 40
    for name in ("mB", "folder", "fifo", "plain", "mA.wasm"):
        assert reader(name) is None, name
assert read(FlashReader("modules", suffix=""), "mA.wasm") == read(reader, "mA")
assert read(FlashReader("modules", suffix=""), "plain") == b"plain"
assert FlashReader("/").path("mA") == "/mA.wasm"
assert FlashReader("nowhere")("mA") is None
""",
    )


def test_names_cannot_leave_the_directory(mp: MicroPython, folder: Path) -> None:
    run(
        mp,
        folder,
        f"""
for suffix in (".wasm", ""):
    reader = FlashReader("modules", suffix)
    for name in {ESCAPES!r}:
        assert reader(name) is None, name
        assert reader(name + ".wasm") is None or name == "mA.wasm\\0", name
    # A chain writes as little outside as a flash reader reads.
    remote = Remote({{name: b"data" for name in {ESCAPES!r}}})
    chain = Chain(reader, remote, keep="kept")
    for name in {ESCAPES!r}:
        assert read(chain, name) == b"data"
    assert os.listdir("kept") == []
""",
    )
    assert sorted(path.name for path in folder.iterdir()) == ["kept", "modules", "out.wasm"]
    assert list((folder / "kept").iterdir()) == []
    assert (folder / "out.wasm").read_bytes() == b"secret"


def test_pins(mp: MicroPython, folder: Path) -> None:
    digest = hashlib.sha256(b"module A" * 40).hexdigest()
    (folder / "modules" / "mB.wasm").write_bytes(b"module B")
    run(
        mp,
        folder,
        f"""
good = "{digest}"
for pins in ([good], (good,), {{good}}, {{"mA": good}}, {{"mA": ["0" * 64, good]}}):
    reader = FlashReader("modules", pins=pins)
    assert read(reader, "mA") == b"module A" * 40
    text = error(reader, "mB")
    assert text == "mB: its SHA-256 is not pinned: {hashlib.sha256(b"module B").hexdigest()}; pin it if it is what you want to run", text
    assert reader("mC") is None
for pins in ([], (), {{}}, "", [good[:63]], {{"mB": good}}, {{"mA": "0" * 64}}):
    assert good in error(FlashReader("modules", pins=pins), "mA")
""",
    )


def test_chain_takes_the_first_that_has_it(mp: MicroPython, folder: Path) -> None:
    run(
        mp,
        folder,
        """
flash = FlashReader("modules")
one = Remote({"mB": b"B of one"})
two = Remote({"mA": b"A of two", "mB": b"B of two", "mC": b"C of two"})
def broken(name):
    raise LoadError("no answer", name)
chain = Chain(flash, one, two)
assert read(chain, "mA") == b"module A" * 40 and not one.asked
assert read(chain, "mB") == b"B of one"
assert read(chain, "mC") == b"C of two"
assert chain("mD") is None
assert one.destroyed == ["mB"] and two.destroyed == ["mC"]
# What fails is passed over, and tells why if nobody else has the module.
chain = Chain(broken, flash, lambda name: b"bytes" if name == "mE" else None)
assert read(chain, "mA") == b"module A" * 40
assert error(chain, "mD") == "mD: no answer"
# Bytes, from a plain function; destroyed twice, or what was never given.
given = chain("mE")
assert given == b"bytes"
chain.destroy("mE", given)
chain.destroy("mE", given)
chain.destroy("mX", None)
assert Chain()("mA") is None
""",
    )


def test_kept_whole_or_not_at_all(mp: MicroPython, folder: Path) -> None:
    run(
        mp,
        folder,
        """
data = bytes(range(256)) * 9
backwards = bytes(reversed(data))
def kept():
    return sorted(os.listdir("kept"))
# Read to its end: kept, and from flash the next time.
remote = Remote({"mB": data})
chain = Chain(FlashReader("kept"), remote, keep="kept")
for piece in (1, 100, 5000):
    assert read(chain, "mB", piece) == data
assert kept() == ["mB.wasm"] and remote.asked == ["mB"], (kept(), remote.asked)
with open("kept/mB.wasm", "rb") as f:
    assert f.read() == data
# The old one stays until the new one is complete.
chain = Chain(remote, keep="kept")
remote.modules["mB"] = backwards
for limit in (0, 1, 100, len(data)):
    source = chain("mB")
    source.readinto(bytearray(limit))
    assert kept() == ["mB.wasm", "mB.wasm~"]
    chain.destroy("mB", source)
    assert kept() == ["mB.wasm"]
    assert read(FlashReader("kept"), "mB") == data
assert read(chain, "mB") == backwards == read(FlashReader("kept"), "mB")
os.remove("kept/mB.wasm")
# A source that fails.
for fail in (0, 1, 500, len(data) - 1):
    chain = Chain(Remote({"mB": data}, fail), keep="kept")
    assert error(read, chain, "mB") == "broken"
    assert kept() == []
# Two at a time, and a reader that does not verify.
chain = Chain(Remote({"mB": b"B" * 300, "mC": b"C" * 200}), keep=FlashReader("kept", ".mod"))
b = chain("mB"); c = chain("mC")
buf = bytearray(250)
assert (b.readinto(buf), c.readinto(buf), b.readinto(buf), c.readinto(buf)) == (250, 200, 50, 0)
assert kept() == ["mB.mod~", "mC.mod"]
chain.destroy("mC", c); chain.destroy("mB", b)
assert kept() == ["mC.mod"]
careless = Remote({"mD": b"D"}); careless.verifies = False
assert read(Chain(careless, keep="kept"), "mD") == b"D" and kept() == ["mC.mod"]
""",
    )


def test_no_room_to_keep_it_is_no_reason_not_to_load_it(mp: MicroPython, folder: Path) -> None:
    run(
        mp,
        folder,
        """
for keep in ("modules/mA.wasm", "no/where", "/dev/full"):
    chain = Chain(Remote({"mB": b"B" * 300}), keep=keep)
    assert read(chain, "mB") == b"B" * 300
    assert type(chain.trouble) is OSError
# The disk is full: an alias of FlashReader's path that leads to a device without room.
class Full(FlashReader):
    def path(self, name):
        return "full/" + name
os.mkdir("full")
os.system("ln -s /dev/full full/mB~")
chain = Chain(Remote({"mB": b"B" * 300}), keep=Full("full"))
assert read(chain, "mB") == b"B" * 300
assert chain.trouble.errno == 28 and os.listdir("full") == []
""",
    )


def test_what_a_power_cut_left_is_cleaned_up(mp: MicroPython, folder: Path) -> None:
    (folder / "kept").mkdir()
    (folder / "kept" / "mB.wasm~").write_bytes(b"half")
    (folder / "kept" / "notes~").write_bytes(b"mine")
    run(
        mp,
        folder,
        """
chain = Chain(FlashReader("kept"), Remote({}), keep="kept")
assert sorted(os.listdir("kept")) == ["notes~"]
assert chain("mB") is None
""",
    )


def test_modules_from_readers_run(mp: MicroPython, folder: Path) -> None:
    """The runtime loads from what a chain gives; a source that fails makes the load fail, and the pool is as it was."""
    run(
        mp,
        folder,
        f"""
import pitwasm
with open("{ROOT}/samples/life/life.wasm", "rb") as f:
    data = f.read()
rt = pitwasm.Runtime(64 * 1024)
before = rt.pool.used
for n in range(0, len(data), 97):
    chain = Chain(FlashReader("kept"), Remote({{"life": data}}, n), keep="kept")
    source = chain("life")
    text = error(rt.load, source, "life")
    assert text.startswith("life: ") and "broken" in text, text
    chain.destroy("life", source)
    assert rt.pool.used == before and os.listdir("kept") == []
for _ in range(2):
    chain = Chain(FlashReader("kept"), Remote({{"life": data}} if _ == 0 else {{}}), keep="kept")
    source = chain("life")
    module = rt.load(source, "life")
    chain.destroy("life", source)
    assert os.listdir("kept") == ["life.wasm"]
    with rt.instantiate(module) as instance:
        assert "run" in instance.exports
    rt.unload(module)
assert rt.pool.used == before
""",
    )
