# The device's side of the tests of the UART reader: MicroPython at one end of a line, and a host that lies at the other
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.faultyline import Line
from tools.host import ROOT
from tools.mp import MicroPython
from tools.uartlink import FIELDS, Answerer, Library, frame

CHILD = ROOT / "tests" / "device" / "uart_child.py"
SIZES = {"mA": 1, "mB": 330, "mC": 1024, "mD": 2921, "mE": 6000}
BAUD = 115200

DEVICE = """
import sys, time
from pitwasm.errors import LoadError
from pitwasm.uart import UartReader as _UartReader

def UartReader(*args, **options):
    options.setdefault("patience", 30000)  # the machine may be busy with other things; nobody waits for it when all is well
    return _UartReader(*args, **options)

def read(reader, name, piece=256):
    source = reader(name)
    if source is None:
        return None
    out = b""
    buf = bytearray(piece)
    try:
        while True:
            n = source.readinto(buf)
            if not n:
                return out
            out += buf[:n]
    finally:
        reader.destroy(name, source)

def error(f, *args):
    try:
        f(*args)
    except LoadError as exc:
        return str(exc)
    assert False, args

line = open(sys.argv[1], "r+b")
"""


# Names that are no module's, wherever they are looked for.
ESCAPES = ["", ".", "..", "../out", "a/../../out", "/etc/passwd", "in/../out", "sub/in", "..\\out", "C:out", "0:out", "out\0", "mA.wasm\0",
           "\0", "a\nb", "m*", "m?", ".hidden", "\x7f", "x" * 300]  # fmt: skip


def fill(folder: Path) -> Path:
    """Modules of SIZES; their bytes mean nothing."""
    source = random.Random(1)
    for name, size in SIZES.items():
        (folder / f"{name}.wasm").write_bytes(source.randbytes(size))
    return folder


def trap(folder: Path) -> Path:
    """modules/mA.wasm, and things around it that are not to be read."""
    modules = folder / "modules"
    (modules / "sub").mkdir(parents=True)
    (modules / "folder.wasm").mkdir()
    (modules / "mA.wasm").write_bytes(b"module A" * 40)
    (modules / "plain").write_bytes(b"plain")
    for path in ("out.wasm", "modules/sub/in.wasm", "modules/.hidden.wasm"):
        (folder / path).write_bytes(b"secret")
    os.mkfifo(modules / "fifo.wasm")
    return folder


def device(mp: MicroPython, line: Line | str, script: str, **options) -> str:
    path = line.path if isinstance(line, Line) else line
    done = mp.run(["-c", DEVICE + script, path], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loads(mp: MicroPython, line: Line | str, folder: Path, count: int, names: str, **options) -> list[str]:
    """What uart_child.py says of so many loads."""
    modules = {}
    for name in names.split():
        data = (folder / f"{name}.wasm").read_bytes()
        modules[name] = [len(data), hashlib.sha256(data).hexdigest()]
    job = json.dumps({"modules": modules, "count": count, "seed": 1, **options})
    done = mp.run([CHILD, line.path if isinstance(line, Line) else line], stdin=job, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == count
    return lines


def outcome(lines: list[str]) -> Counter:
    return Counter(line.split()[0] for line in lines)


def answers(folder: Path) -> Callable[[bytes], bytes]:
    return Answerer(Library(folder)).answer


class Liar:
    """Answers as it should, but for what `change` makes of (kind, payload); None: nothing."""

    def __init__(self, folder: Path, change: Callable[[int, bytes], tuple[int, bytes] | None]) -> None:
        self.honest = Answerer(Library(folder))
        self.change = change
        self.asked: list[tuple[bytes, int, int]] = []

    def answer(self, request: bytes) -> bytes | None:
        self.asked.append(FIELDS.unpack_from(request))
        answer = self.honest.answer(request)
        changed = self.change(answer[1], answer[4:-4])
        return frame(*changed) if changed else None
