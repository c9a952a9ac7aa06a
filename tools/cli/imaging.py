# Prepared images: made and verified by pitwasm itself, in a MicroPython of this machine; there is no second translator
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import os
import subprocess
import tempfile
from pathlib import Path

from . import unixport
from .errors import CliError
from .resources import ARCHS, importable, packages

MAGIC = b"\0pwi"

# argv: module, image, bytes of pool, "names" or "", "memories" or "", the machine whose code goes along (layout.IH_MACHINE).
PREPARE = """
import sys
from hashlib import sha256
import pitwasm
import pitwasm.prepare as prepare
from pitwasm import decode
path, image, pool, names, memories, machine = sys.argv[1:]
machine = int(machine)
rt = pitwasm.Runtime(int(pool), multi_memory=bool(memories))
try:
    with open(path, "rb") as f:
        data = f.read()
    module = decode.load(rt.pool, data, None, False, bool(names))
    native = b""
    if machine:
        from pitwasm import precompile
        native = precompile.native(rt, module, machine == 11)
    with open(image, "wb") as f:
        prepare.write_record(rt.pool, module, f, sha256(data).digest(), len(data), machine, native)
except pitwasm.PitwasmError as exc:
    print(type(exc).__name__, exc)
"""

# argv: image.
VERIFY = """
import sys
import pitwasm.prepare as prepare
from pitwasm import LoadError
try:
    with open(sys.argv[1], "rb") as f:
        print(repr(prepare.verify(f)))
except LoadError as exc:
    print("LoadError", exc)
"""
PROBE = "import sys; print(getattr(sys.implementation, '_mpy', 0))"


class Host:
    """A MicroPython of this machine with the pitwasm that fits it."""

    def __init__(self, path: Path | None = None, package: Path | None = None):
        try:
            self.path = path or unixport.find()
        except CliError:
            raise CliError(
                "images are made by pitwasm in a MicroPython of this machine, and there is none: put micropython on PATH or set MICROPYTHON"
            ) from None
        if package is None:
            said = self._call(PROBE, (), {**os.environ, "MICROPYPATH": ""}, 4 << 20)
            number = int(said) >> 10 & 0xF if said.isdigit() else 0
            arch = ARCHS[number] if number < len(ARCHS) else ""
            if not arch:
                raise CliError(f"{self.path} is no MicroPython that pitwasm runs on")
            package = packages(arch)
        self.package = package

    def run(self, script: str, *args: object, heap: int = 4 << 20) -> str:
        with importable(self.package) as folder:
            return self._call(script, args, {**os.environ, "MICROPYPATH": str(folder)}, heap)

    def _call(self, script: str, args: tuple[object, ...], environ: dict[str, str], heap: int) -> str:
        command = [self.path, "-X", f"heapsize={heap}", "-c", script, *map(str, args)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise CliError(f"{self.path} does not run: {exc}") from None
        if done.returncode:
            raise CliError(f"{self.path} ended with status {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout.strip()


def prepare(data: bytes, host: Host | None = None, names: bool = False, memories: bool = False, machine: int = 0) -> bytes:
    """The prepared image of a module. names: function names go along, for backtraces; memories: it may have several (multi-memory);
    machine: that machine's code goes along (layout.IH_MACHINE), with a host whose pitwasm has its assembler."""
    pool = 16 * len(data) + (1 << 20)
    with tempfile.TemporaryDirectory() as folder:
        module, image = Path(folder, "module.wasm"), Path(folder, "module.pwi")
        module.write_bytes(data)
        said = (host or Host()).run(
            PREPARE, module, image, pool, "names" * names, "memories" * memories, machine, heap=2 * pool + len(data) + (8 << 20)
        )
        if said:
            raise CliError(f"pitwasm does not take this module: {said.partition(' ')[2]}")
        return image.read_bytes()


def verify(path: Path, host: Host | None = None) -> tuple[str, str, int]:
    """SHA-256 of an image's content and of the .wasm it was made of, and how large that was. CliError when it is not what it was made."""
    said = (host or Host()).run(VERIFY, path)
    if said.startswith("LoadError"):
        raise CliError(f"{path}: {said.partition(' ')[2]}")
    digest, source, size = ast.literal_eval(said)
    return digest.hex(), source.hex(), size
