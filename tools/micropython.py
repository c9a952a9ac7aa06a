# MicroPython's unix port, 64- and 32-bit: from PATH when it fits, else built from Debian's source package and kept
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import debian
from tools.host import OUT, HostError, call, compiles, has, lock, need_packages, say

CACHE = OUT / "micropython"
OLDEST = (1, 26)

# Word size -> architecture number in sys.implementation._mpy, and the name that goes with it in tools/build.py.
ARCH = {64: (2, "x64"), 32: (1, "x86")}

# Debian suites that have had a recent enough MicroPython, tried in this order.
SUITES = ("forky", "sid")

PROBE = "import sys;i=sys.implementation;print(list(i[1])[:2],getattr(i,'_mpy',0),sys.maxsize)"

# No TLS and no btree, whose sources the package leaves out, nothing frozen: that would need mpy-cross built first.
MAKE_FLAGS = ["VARIANT=standard", "MICROPY_PY_SSL=0", "MICROPY_SSL_MBEDTLS=0", "MICROPY_PY_BTREE=0", "FROZEN_MANIFEST="]
# For 32 bits on a 64-bit machine there is no libffi to link.
MAKE_FLAGS_32 = ["CC=gcc -m32", "MICROPY_PY_FFI=0"]


def fits(path: Path, bits: int) -> bool:
    """Is this a MicroPython of that word size that is recent enough and loads native .mpy files?"""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    answer = re.fullmatch(r"(\[\d+, \d+\]) (\d+) (\d+)\s*", done.stdout)
    if done.returncode != 0 or answer is None:
        return False
    version, mpy, maxsize = json.loads(answer[1]), int(answer[2]), int(answer[3])
    loads_native = mpy & 0xFF == 6 and mpy >> 10 & 0xF == ARCH[bits][0]
    return tuple(version) >= OLDEST and loads_native and maxsize == (1 << (bits - 1)) - 1


def find(bits: int) -> Path | None:
    """The MicroPython of that word size on PATH or built earlier."""
    on_path = [Path(folder) / "micropython" for folder in os.get_exec_path()]
    for path in [*on_path, CACHE / f"micropython{bits}"]:
        if os.access(path, os.X_OK) and path.is_file() and fits(path, bits):
            return path.resolve()
    return None


def ensure(bits: int) -> Path:
    """The MicroPython of that word size, built if need be."""
    path = find(bits)
    if path is None:
        with lock(CACHE):
            path = find(bits) or _build(bits)
    return path


def _build(bits: int) -> Path:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise HostError("pitwasm's tests run on x86-64 Linux; on this machine put a fitting micropython on PATH")
    need_packages(
        {
            "build-essential": has("gcc") and has("make"),
            "gcc-multilib": bits == 64 or compiles("#include <stdlib.h>\nint main(void) { return 0; }", "-m32"),
            "pkg-config": bits == 32 or has("pkg-config"),
            "libffi-dev": bits == 32 or compiles("#include <ffi.h>\nint main(void) { return 0; }"),
            "xz-utils": has("xz"),
        },
        f"building MicroPython ({bits}-bit)",
    )
    folder = source() / "ports" / "unix"
    say(f"building MicroPython, {bits}-bit (once, about half a minute)")
    flags = MAKE_FLAGS + (MAKE_FLAGS_32 if bits == 32 else [])
    call("make", "-j2", f"PYTHON={sys.executable}", f"BUILD=build-{bits}", *flags, cwd=folder)
    path = CACHE / f"micropython{bits}"
    fresh = CACHE / f"micropython{bits}.tmp"
    shutil.copy2(folder / f"build-{bits}" / "micropython", fresh)
    if not fits(fresh, bits):
        raise HostError(f"{fresh} was built, but is not a MicroPython {OLDEST[0]}.{OLDEST[1]} or later of {bits} bits")
    return fresh.rename(path)


def source() -> Path:
    """MicroPython's unpacked source, from the Debian package. The caller holds the lock of CACHE."""
    folder = CACHE / "src"
    if folder.exists():
        return folder
    if not has("apt-get"):
        raise HostError("there is no micropython >= 1.26 on PATH, and no apt-get to get its source with")
    archive = debian.fetch(CACHE / "dl", debian.suites(*SUITES), sources=["micropython"])["micropython"]
    return debian.unpack_source(archive, folder)


def main() -> int:
    try:
        for bits in ARCH:
            ensure(bits)
    except HostError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
