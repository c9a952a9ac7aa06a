# Packages for mip: dist/<arch>/ with the .mpy files and a package.json for each part; and the one that fits a board: make dist
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools import build
from tools.board import Board, BoardLost
from tools.cli.resources import ARCHS
from tools.host import ROOT, HostError
from tools.parts import PARTS, USUAL, modules_of, part_of

DIST = ROOT / "dist"

PROBE = """
import sys
i = sys.implementation
print(repr((i[0], tuple(i[1])[:3], getattr(i, "_mpy", 0), getattr(i, "_machine", sys.platform))))
"""


def version() -> str:
    return re.search(r'__version__ = "(.*)"', (ROOT / "core" / "pitwasm" / "__init__.py").read_text())[1]


def make(out: Path = DIST, archs: list[str] | None = None) -> list[Path]:
    """Make the packages of several architectures; their folders."""
    archs = archs or list(build.ARCHS)
    made = []
    for arch, packages in zip(archs, build.build_all(archs), strict=True):
        modules = sorted(path.stem for path in (packages / "pitwasm").glob("*.mpy"))
        lost = [module for module in modules if part_of(module) is None]
        if lost:
            raise HostError(f"tools/parts.py: no part for {', '.join(lost)}")
        fresh = out / f"{arch}.tmp"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(packages / "pitwasm", fresh / "pitwasm", ignore=shutil.ignore_patterns("*.tmp"))
        for name, parts in [("package", USUAL), ("package-all", tuple(PARTS)), *((f"package-{part}", (part,)) for part in PARTS)]:
            files = [f"pitwasm/{module}.mpy" for module in modules_of(parts, modules)]
            # Sources relative to the package.json, which mip resolves: a folder, a web server or a repository will do.
            package = {"urls": [[file, file] for file in files], "version": version()}
            (fresh / f"{name}.json").write_text(json.dumps(package, indent=1) + "\n")
        shutil.rmtree(out / arch, ignore_errors=True)
        made.append(fresh.rename(out / arch))
    index = {"version": version(), "archs": {str(number): arch for number, arch in enumerate(ARCHS) if arch}, "parts": list(PARTS)}
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")  # archs: by sys.implementation._mpy >> 10 & 15
    return made


def table(folders: list[Path]) -> str:
    rows = [f"{'KB of flash':14}" + "".join(f"{folder.name:>11}" for folder in folders)]
    for part, (purpose, _) in PARTS.items():
        row = f"{part:14}"
        for folder in folders:
            files = json.loads((folder / f"package-{part}.json").read_text())["urls"]
            row += f"{sum((folder / file).stat().st_size for _, file in files) / 1024:11.1f}"
        rows.append(f"{row}   {purpose}")
    return "\n".join(rows)


def arch_for(name: str, version: tuple[int, ...], mpy: int, machine: str) -> str:
    """The architecture whose package fits an implementation; HostError says why none does."""
    if name != "micropython" or version[:2] < (1, 23):
        found = f"{name} {'.'.join(str(part) for part in version)}"
        raise HostError(f"pitwasm needs MicroPython 1.23 or later; the board runs {found}. New firmware: https://micropython.org/download")
    if mpy & 0xFF != 6 or mpy >> 8 & 3 != 3:
        raise HostError(f"pitwasm's .mpy files have the format 6.3; this firmware takes {mpy & 0xFF}.{mpy >> 8 & 3}")
    number = mpy >> 10 & 0xF
    arch = ARCHS[number] if number < len(ARCHS) else ""
    if not arch:
        raise HostError(f"there is no pitwasm for the processor of this board ({machine})")
    return arch


def choose(url: str) -> tuple[str, str]:
    """The architecture for the board at a port, and what the board is."""
    board = Board(url, soft_reset=False)
    try:
        name, version, mpy, machine = board.eval_program(PROBE)
    finally:
        board.close()
    return arch_for(name, version, mpy, machine), f"{machine}, MicroPython {'.'.join(str(part) for part in version[:3])}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.dist", description="Make packages for mip, or name the one for a board.")
    parser.add_argument("--arch", help="comma-separated (default: all)")
    parser.add_argument("--port", help="a connected board: say which package is its own")
    parser.add_argument("--install", action="store_true", help="with --port: install it there")
    parser.add_argument("--parts", help=f"comma-separated, of {', '.join(PARTS)} (default: {', '.join(USUAL)})")
    args = parser.parse_args(argv)
    try:
        if args.port is None:
            folders = make(archs=args.arch.split(",") if args.arch else None)
            print(f"{table(folders)}\n\nmpremote mip install dist/ARCH/package.json   installs {', '.join(USUAL)}")
            return 0
        arch, what = choose(args.port)
        print(f"{what}: {arch}")
        make(archs=[arch])
        names = [f"package-{part}" for part in args.parts.split(",")] if args.parts else ["package"]
        files = [str(DIST / arch / f"{name}.json") for name in names]
        for file in files:
            if not Path(file).exists():
                parser.error(f"no part of that name: {file}; parts: {', '.join(PARTS)}")
        command = ["mpremote", "connect", args.port, "mip", "install", *files]
        print(shlex.join(command), flush=True)
        return subprocess.run([sys.executable, "-m", *command]).returncode if args.install else 0
    except (HostError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
