# make lint: ruff, and mypy over the device package as each platform sees it, against MicroPython's own stubs
# MIT license; Copyright (c) 2026 the pitwasm authors

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.build import BuildError, sources
from tools.host import OUT, ROOT, HostError, call, lock, say

LINT = OUT / "lint"

# Platform -> an architecture it builds for.
PLATFORMS = {"unix": "x64", "rp2": "armv6m", "esp32": "xtensawin"}

# What the builder and the viper compiler define, for the type checker (the stubs say nothing of them).
BUILTINS = """
W64: bool
W32: bool
UNIT: bool
def S32(x: int, /) -> int: ...
def U32(x: int, /) -> int: ...
def UC(x: int, /) -> int: ...
def Z32(x: int, /) -> int: ...
class uint(int): ...
class ptr(int): ...
class ptr8(ptr):
    def __getitem__(self, i: int, /) -> int: ...
    def __setitem__(self, i: int, value: int, /) -> None: ...
class ptr16(ptr8): ...
class ptr32(ptr8): ...
"""


def stubs(platform: str) -> Path:
    """The platform's stubs, installed apart from the others: their files have the same names."""
    wanted = (ROOT / "requirements-stubs.txt").read_text()
    pins = [pin for pin in re.findall(r"^[\w.-]+==\S+", wanted, re.M) if f"-{platform}-" in pin or "-stdlib-" in pin]
    folder = LINT / f"stubs-{platform}"
    stamp = "\n".join(pins) + BUILTINS
    with lock(LINT):
        if not (folder / ".stamp").exists() or (folder / ".stamp").read_text() != stamp:
            shutil.rmtree(folder, ignore_errors=True)
            say(f"installing MicroPython's stubs for {platform}")
            call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, *pins)
            with open(folder / "stdlib" / "builtins.pyi", "a") as file:
                file.write(BUILTINS)
            (folder / ".stamp").write_text(stamp)
    return folder


def package(platform: str) -> dict[Path, Path]:
    """The device package of that platform as links in one folder, link -> source: so relative imports resolve."""
    folder = LINT / platform / "pitwasm"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    links: dict[Path, Path] = {}
    for source in sources(PLATFORMS[platform]).values():
        link = folder / source.name
        link.symlink_to(source)
        links[link] = source
    # What the build folds in as `layout` has two sources.
    halves = (ROOT / "core" / "pitwasm" / "layout.py", ROOT / "core" / "gen" / "opcodes.py")
    (folder / "layout.py").write_text("\n".join(half.read_text() for half in halves))
    return links


def types(platform: str) -> list[str]:
    """What mypy has against everything that is not viper, whose casts and word sizes are beyond it."""
    typeshed = stubs(platform)
    links = package(platform)
    files = [link for link, source in links.items() if "@micropython.viper" not in source.read_text()]
    cache = f"--cache-dir={OUT / 'cache' / f'mypy-{platform}'}"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", cache, "--follow-imports=silent", f"--custom-typeshed-dir={typeshed}", *files],
        cwd=ROOT,
        env={"MYPYPATH": f"{LINT / platform}:{typeshed}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    complaints: list[str] = []
    for line in (done.stdout + done.stderr).splitlines() if done.returncode else []:
        path, _, rest = line.partition(":")
        if source := links.get(ROOT / path):
            complaints.append(f"{source.relative_to(ROOT)}:{rest}")
        elif not line.startswith("Found "):
            complaints.append(line)
    return complaints or ["mypy failed without a word"] * (done.returncode != 0)


def main() -> int:
    try:
        clean = subprocess.run([sys.executable, "-m", "ruff", "check", *sys.argv[1:], "."], cwd=ROOT).returncode == 0
        complaints: dict[str, list[str]] = {}
        for platform in PLATFORMS:
            for line in types(platform):
                complaints.setdefault(line, []).append(platform)
    except (HostError, BuildError) as exc:
        print(exc, file=sys.stderr)
        return 1
    for line, platforms in complaints.items():
        print(line if len(platforms) == len(PLATFORMS) else f"{line} (on {', '.join(platforms)})")
    if not complaints:
        print(f"Types as on {', '.join(PLATFORMS)}: all checks passed!")
    return 0 if clean and not complaints else 1


if __name__ == "__main__":
    sys.exit(main())
