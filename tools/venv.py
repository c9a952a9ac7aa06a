# The virtual environment build/venv, from pinned requirement files; runs on the machine's own Python, before anything else
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from tools.host import OUT, ROOT, HostError, call, has, lock, need_packages, say

VENV = OUT / "venv"
BASE = "requirements.txt"
BENCH = "requirements-bench.txt"

# pywasm3's C is from before GCC 14 made this an error.
CFLAGS = "-Wno-incompatible-pointer-types"


def ensure(extras: list) -> None:
    """Have everything installed that requirements.txt and the further files named say."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this file also runs where it fails)
        raise HostError("pitwasm's tools need Python 3.11 or later; make PYTHON=... names another one")
    with lock(VENV.parent):
        for name in [BASE, *extras]:
            text = (ROOT / name).read_text()
            key = hashlib.sha256((sys.version + text).encode()).hexdigest()
            stamp = VENV / (name + ".stamp")
            if stamp.exists() and stamp.read_text() == key and _works():
                continue
            if name == BASE:
                _create()
            if name == BENCH:
                headers = Path(sysconfig.get_path("include")) / "Python.h"
                need_packages({"build-essential": has("gcc"), "python3-dev": headers.exists()}, "compiling pywasm3")
            say("installing " + name)
            call(_python(), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", ROOT / name, CFLAGS=CFLAGS)
            stamp.write_text(key)


def _python() -> Path:
    return VENV / "bin" / "python"


def _works() -> bool:
    """The Python it was made of may have gone."""
    try:
        return subprocess.run([str(_python()), "-c", ""]).returncode == 0
    except OSError:
        return False


def _create() -> None:
    need_packages({"python3-venv": find_spec("ensurepip") is not None}, "making a virtual environment")
    shutil.rmtree(str(VENV), ignore_errors=True)
    call(sys.executable, "-m", "venv", VENV)


def main() -> int:
    try:
        ensure(sys.argv[1:])
    except HostError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
