# push, ls, rm, install: what is on the board afterwards, also when something goes wrong
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.kit import fails, options
from tests.wat import assemble, modules
from tools import aot
from tools import mp as processes
from tools.cli import board, files, installing, running
from tools.cli.board import Board
from tools.cli.errors import CliError, Stopped
from tools.cli.transport import Link
from tools.mp import MicroPython


def test_push_ls_rm(cli: Callable, place: Path) -> None:
    data = (place / "maths.wasm").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    status, out, err = cli("push", "maths.wasm", "pair.wasm")
    assert (status, err) == (0, "") and f"maths: {len(data)} bytes, SHA-256 {digest[:16]}" in out
    assert (place / "modules" / "maths.wasm").read_bytes() == data
    assert "is there already" in cli("push", "maths.wasm")[1]
    status, out, _ = cli("ls", "--digest")
    assert status == 0 and digest in out and "2 modules in modules" in out and "free" in out
    assert cli("rm", "maths", "pair.wasm")[:2] == (0, "maths removed\npair.wasm removed\n")
    assert "no modules in modules" in cli("ls")[1]
    fails(cli("rm", "maths"), "there is no module maths in modules", "pitwasm ls")


def test_push_replaces(cli: Callable, place: Path) -> None:
    assert cli("push", "maths.wasm", "--name", "x", "--dir", "a/b")[0] == 0
    assert cli("push", "pair.wasm", "--name", "x", "--dir", "a/b")[0] == 0
    assert (place / "a" / "b" / "x.wasm").read_bytes() == (place / "pair.wasm").read_bytes()
    assert [path.name for path in (place / "a" / "b").iterdir()] == ["x.wasm"]


def test_push_images(cli: Callable, place: Path) -> None:
    """Under the names of the modules, so that all that is done with these goes on as before."""
    status, out, err = cli("push", "--image", "maths.wasm", "pair.wasm")
    assert (status, err) == (0, "") and "compared on the board" in out
    assert (place / "modules" / "maths.wasm").read_bytes() == aot.image((place / "maths.wasm").read_bytes())
    assert "is there already" in cli("push", "--image", "maths.wasm")[1]
    assert cli("call", "pair", "three") == (0, "3:i32\n", "")
    assert cli("push", "maths.wasm")[0] == 0
    assert cli("call", "pair", "three") == (0, "3:i32\n", "")


def test_push_large(cli: Callable, place: Path) -> None:
    modules(place, large=f'(memory 2) (data (i32.const 0) "{"x" * 100_000}")')
    assert cli("push", "large.wasm")[0] == 0
    assert (place / "modules" / "large.wasm").read_bytes() == (place / "large.wasm").read_bytes()


def test_push_says_what_is_missing(cli: Callable) -> None:
    assert "note: pair imports add from maths, and there is no maths.wasm" in cli("push", "pair.wasm")[2]
    assert cli("push", "maths.wasm", "pair.wasm", "blink.wasm")[2] == ""


def test_push_refuses(cli: Callable, place: Path) -> None:
    (place / "text.wasm").write_text("(module)")
    (place / "cut.wasm").write_bytes((place / "maths.wasm").read_bytes()[:-5])
    (place / "simd.wasm").write_bytes(assemble("(func (result v128) (v128.const i64x2 0 0))"))
    fails(cli("push", "maths.wasm", "text.wasm"), "text.wasm is no WebAssembly module", "text format")
    fails(cli("push", "cut.wasm"), "cut.wasm is not valid: ", "unexpected end")
    fails(cli("push", "simd.wasm"), "simd.wasm is not valid: ", "SIMD")
    fails(cli("push", "nothing.wasm"), "nothing.wasm cannot be read: No such file")
    fails(cli("push", "maths.wasm", "--name", "a/b"), "cannot be the name", status=2)
    fails(cli("push", "maths.wasm", "pair.wasm", "--name", "a"), "--name goes with one file", status=2)
    assert not (place / "modules").exists()


def test_push_is_atomic(link: Link, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not arrive unharmed leaves the old file and no other."""
    board.put(link, {"modules/m.wasm": b"old"})
    good = board.pieces
    monkeypatch.setattr(board, "pieces", lambda data, n: good(b"x" + data[1:], n))
    with pytest.raises(CliError, match="did not arrive unharmed: its SHA-256 differs"):
        board.put(link, {"modules/m.wasm": b"new" * 500})

    def broken(data: bytes, n: int) -> Iterator[bytes]:
        yield from list(good(data, 100))[:3]
        raise KeyboardInterrupt

    monkeypatch.setattr(board, "pieces", broken)
    with pytest.raises(Stopped):
        board.put(link, {"modules/m.wasm": b"new" * 500})
    assert {path.name: path.read_bytes() for path in (place / "modules").iterdir()} == {"m.wasm": b"old"}
    monkeypatch.undo()
    board.put(link, {"modules/m.wasm": b"new" * 500})  # the connection is as good as before
    assert (place / "modules" / "m.wasm").read_bytes() == b"new" * 500


RAM_DISK = """
import os
class Disk:
    def __init__(self, blocks):
        self.data = bytearray(blocks * 512)
    def readblocks(self, n, buf, off=0):
        at = n * 512 + off
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, n, buf, off=0):
        at = n * 512 + off
        self.data[at : at + len(buf)] = buf
    def ioctl(self, op, arg):
        return len(self.data) // 512 if op == 4 else 512 if op == 5 else 0
disk = Disk(40)
kind = getattr(os, "VfsLfs2", None) or os.VfsFat
kind.mkfs(disk)
os.mount(kind(disk), "/flash")
"""


def test_no_room_on_flash(link: Link, place: Path) -> None:
    link.run(RAM_DISK)
    modules(place, large=f'(memory 1) (data (i32.const 0) "{"x" * 30_000}")', small='(data "x")')
    args = options(dir="/flash", files=[place / "large.wasm"], name=None)
    with pytest.raises(CliError, match="no room on the board's flash: /flash/large.wasm takes 30,208 bytes, [0-9,]+ bytes are free"):
        files.do_push(link, args)
    with pytest.raises(CliError, match="no room on the board's flash"):  # the filesystem itself says so
        board.put(link, {"/flash/x": bytes(30_000)})
    files.do_push(link, options(dir="/flash", files=[place / "small.wasm"], name=None))
    assert [name for name, _, _ in board.listing(link, "/flash")] == ["small.wasm"]


# ---- install ---------------------------------------------------------------------------------------------------------------------


def test_install(cli: Callable, mp: MicroPython, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROPYPATH", str(place / "lib"))
    fails(cli("call", "maths.wasm", "add", 1, 2), "pitwasm is not on the board; run `pitwasm install`")
    status, out, err = cli("install")
    assert (status, err) == (0, ""), err
    assert f"pitwasm for {'x64' if mp.bits == 64 else 'x86'}" in out and "works there" in out
    built = {path.name: path.read_bytes() for path in (mp.packages / "pitwasm").glob("*.mpy")}
    assert {path.name: path.read_bytes() for path in (place / "lib" / "pitwasm").iterdir()} == built
    assert cli("call", "maths.wasm", "add", 1, 2)[1] == "3:i32\n"
    (place / "lib" / "pitwasm" / "old.mpy").write_bytes(b"")
    (place / "lib" / "pitwasm" / "pool.mpy").write_bytes(b"")
    assert "1 files copied" in cli("install")[1]
    assert {path.name for path in (place / "lib" / "pitwasm").iterdir()} == set(built)
    assert cli("install", "--parts", "core,floats,tools")[0] == 0
    assert not [path for path in (place / "lib" / "pitwasm").iterdir() if path.stem.startswith(("wasi", "pit_"))]
    fails(cli("run", "cat.wasm"), "cat needs a part of pitwasm that is not on the board: wasi; run `pitwasm install`")
    fails(cli("install", "--parts", "core,x"), "there is no part x; parts are core, floats", status=2)


def test_wrong_architecture(cli: Callable, mp: MicroPython, monkeypatch: pytest.MonkeyPatch) -> None:
    other = processes.get(96 - mp.bits)
    monkeypatch.setenv("MICROPYPATH", str(other.packages))
    fails(cli("call", "maths.wasm", "add", 1, 2), "the pitwasm on the board is for another processor; run `pitwasm install`")


def firmware(**named: object) -> Board:
    plain = {"name": "micropython", "version": (1, 26, 0), "mpy": 0x1306, "platform": "rp2", "machine": "a board", "heap": 1}
    return Board(**plain | {"path": ["", "/lib"]} | named)


@pytest.mark.parametrize(
    "named, sentence",
    [
        ({"version": (1, 19, 1), "mpy": 0x1206}, "the board runs MicroPython 1.19.1; pitwasm needs 1.23 or later"),
        ({"name": "circuitpython", "version": (9, 0, 0)}, "the board runs circuitpython 9.0.0 on a board; pitwasm needs MicroPython"),
        ({"mpy": 0x1206}, "takes .mpy files of the format 6.2, and pitwasm's have 6.3"),
        ({"mpy": 9 << 10 | 0x306}, "there is no pitwasm for the processor of this board"),
        ({"path": [""]}, "the board has no lib folder"),
    ],
)
def test_firmware(link: Link, named: dict, sentence: str) -> None:
    link.probed = firmware(**named)
    with pytest.raises(CliError) as info:
        installing.do_install(link, options(target=None, parts=None))
    assert sentence in str(info.value)
    if "version" in named:
        with pytest.raises(CliError) as info:
            running.do_call(link, options(module="maths.wasm", function="add", arguments=[], bits=False))
        assert sentence in str(info.value)


def test_architectures() -> None:
    numbers = {4: "armv6m", 5: "armv7m", 7: "armv7m", 10: "xtensawin", 11: "rv32imc"}
    assert {n: firmware(mpy=n << 10 | 0x306).arch for n in numbers} == numbers
