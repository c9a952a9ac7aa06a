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
    source = _source()
    say(f"building MicroPython, {bits}-bit (once, about half a minute)")
    flags = MAKE_FLAGS + (MAKE_FLAGS_32 if bits == 32 else [])
    folder = source / "ports" / "unix"
    call("make", "-j2", f"PYTHON={sys.executable}", f"BUILD=build-{bits}", *flags, cwd=folder)
    path = CACHE / f"micropython{bits}"
    fresh = CACHE / f"micropython{bits}.tmp"
    shutil.copy2(folder / f"build-{bits}" / "micropython", fresh)
    if not fits(fresh, bits):
        raise HostError(f"{fresh} was built, but is not a MicroPython {OLDEST[0]}.{OLDEST[1]} or later of {bits} bits")
    return fresh.rename(path)


def _source() -> Path:
    """MicroPython's unpacked source, from the Debian package."""
    source = CACHE / "src"
    if source.exists():
        return source
    archive = _download()
    fresh = CACHE / "src.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    call("tar", "-xf", archive, "-C", fresh, "--strip-components=1")
    return fresh.rename(source)


def _download() -> Path:
    """The source archive, through an apt configuration of our own: the machine's apt keeps its state as it is."""
    if not has("apt-get"):
        raise HostError("there is no micropython >= 1.26 on PATH, and no apt-get to get its source with")
    apt, downloads = CACHE / "apt", CACHE / "dl"
    for folder in (apt / "lists" / "partial", apt / "cache" / "archives" / "partial", downloads):
        folder.mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    options = [
        f"Dir::Etc::sourcelist={apt}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::lists={apt}/lists",
        f"Dir::State::status={apt}/status",
        f"Dir::Cache={apt}/cache",
        "APT::Sandbox::User=",  # root's apt would otherwise read our folders as another user
        "Acquire::Languages=none",
        "Acquire::Retries=3",
    ]
    command = ["apt-get", "-q", *(part for option in options for part in ("-o", option))]
    mirror = os.environ.get("PITWASM_MIRROR") or debian_mirror()
    suites = os.environ["PITWASM_SUITE"].split() if "PITWASM_SUITE" in os.environ else SUITES
    errors: list[str] = []
    for suite in suites:
        say(f"fetching MicroPython's source from Debian {suite}")
        (apt / "sources.list").write_text(f"deb-src [signed-by={_keyring()}] {mirror} {suite} main\n")
        try:
            call(*command, "update")
            call(*command, "source", "--download-only", "micropython", cwd=downloads)
        except HostError as exc:
            errors.append(str(exc))
            continue
        archives = sorted(downloads.glob("micropython_*.orig.tar.*[!c]"), key=lambda path: path.stat().st_mtime)
        if archives:
            shutil.rmtree(apt)
            return archives[-1]
        errors.append(f"Debian {suite}: no micropython_*.orig.tar archive came")
    raise HostError("\n".join(errors) + "\nPITWASM_SUITE names other suites, PITWASM_MIRROR another mirror.")


def _keyring() -> str:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    need_packages({"debian-archive-keyring": Path(keyring).exists()}, "checking Debian's signatures")
    return keyring


def debian_mirror(etc: Path = Path("/etc")) -> str:
    """The mirror this machine takes Debian itself from, whichever way its sources are written."""
    own = {"stable", "testing", "unstable", "sid", "forky"}
    release = etc / "os-release"
    if release.exists() and (name := re.search(r"^VERSION_CODENAME=\"?(\w+)", release.read_text(), re.M)):
        own.add(name[1])
    for uri, suites, components in _apt_sources(etc / "apt"):
        if "main" in components and own & set(suites):
            return uri
    raise HostError("apt's sources name no Debian mirror; set PITWASM_MIRROR to the URI of one")


def _apt_sources(apt: Path) -> list[tuple[str, list[str], list[str]]]:
    """(URI, suites, components) of every source apt knows, in the order of the files."""
    found: list[tuple[str, list[str], list[str]]] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        text = re.sub(r"^\s*#.*\n?", "", path.read_text(), flags=re.M)
        if path.suffix == ".list":
            for line in re.findall(r"^deb(?:-src)?\s+(.*)", text, re.M):
                words = re.sub(r"^\[.*?\]\s*", "", line).split()
                found.append((words[0], words[1:2], words[2:]))
            continue
        for stanza in re.split(r"\n\s*\n", text):
            fields = {key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):((?:.|\n[ \t])*)", stanza, re.M)}
            if fields.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0", "off"):
                found += [(uri, fields.get("suites", []), fields.get("components", [])) for uri in fields.get("uris", [])]
    return found


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
