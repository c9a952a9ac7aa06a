# What the tools need of the machine itself: commands with their Debian packages, a lock between concurrent makes, progress
# MIT license; Copyright (c) 2026 the pitwasm authors

from __future__ import annotations  # tools.venv says what is wrong on an older Python, so this file has to load there

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build"


class HostError(Exception):
    """Something this machine lacks or refused; the text is a sentence for the user."""


def say(text: str) -> None:
    """A progress line; on stderr, since stdout belongs to results (make env)."""
    print(f"[pitwasm] {text}", file=sys.stderr, flush=True)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One process at a time in a folder under build/; the lock goes with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that works in {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def call(*command: str | Path, cwd: Path | None = None, **environ: str) -> None:
    """Run a command without input; environ adds to its environment. On failure raises with the last lines of what it said."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        done = subprocess.run(
            command, cwd=cwd, env={**_clean(), **environ}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            log.seek(0)
            tail = "".join(log.readlines()[-30:]).rstrip()
            raise HostError(f"{' '.join(str(part) for part in command)} failed (status {done.returncode})\n{tail}")


def _clean() -> dict[str, str]:
    """The environment less what an outer make would hand to an inner one."""
    drop = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "BUILD", "CFLAGS", "CROSS_COMPILE"}
    return {name: value for name, value in os.environ.items() if name not in drop}


def need_packages(checks: dict[str, bool], purpose: str) -> None:
    """Raise, with the line that mends it, unless every Debian package's check came out true."""
    missing = " ".join(package for package, there in checks.items() if not there)
    if missing:
        raise HostError(f"{purpose} needs packages that are not installed. Run:\n    apt-get install {missing}")


def has(command: str) -> bool:
    return shutil.which(command) is not None


def compiles(program: str, *flags: str) -> bool:
    """Does the C compiler take this program with these flags?"""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "try.c"
        source.write_text(program)
        try:
            call("gcc", *flags, "-o", Path(folder) / "try", source)
        except (HostError, OSError):
            return False
    return True
