# Prepares modules ahead of time: images that a board loads without translating (python -m tools.aot app.wasm); docs/image.md
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import sys
from functools import cache
from pathlib import Path

from tools import build, mp
from tools.cli.errors import CliError
from tools.cli.imaging import Host, prepare
from tools.host import OUT, HostError

# Architecture -> its number in an image (layout.IH_MACHINE), bits of a word. Code for armv6m is what all Cortex-M run.
MACHINES = {"armv6m": (4, 32), "armv7m": (4, 32), "x64": (2, 64), "x86": (1, 32), "rv32imc": (11, 32)}


@cache
def assembler(arch: str) -> Path:
    """The folder of pitwasm for this machine that makes the machine code of another."""
    if arch in ("x64", "x86"):
        return mp.get(MACHINES[arch][1]).packages
    return build.build_all(["x86"], OUT / "aot" / build.MACHINES.get(arch, arch), machine=arch)[0]


def image(data: bytes, bits: int = 64, names: bool = False, memories: bool = False, arch: str | None = None) -> bytes:
    """The prepared image of a module, made with MicroPython of that word size: both make the same. arch: with machine code for that."""
    number = 0
    if arch:
        number, bits = MACHINES[arch]
    machine = mp.get(bits)
    package = assembler(arch) if arch else machine.packages
    return prepare(data, Host(machine.path, package / "pitwasm"), names, memories, number)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.aot", description="Make prepared images, which boards load without translating.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.wasm")
    parser.add_argument("--out", type=Path, metavar="FILE.pwi", help="default: beside the module")
    parser.add_argument("--names", action="store_true", help="with the name section's function names, for backtraces")
    parser.add_argument("--multi-memory", action="store_true", help="for Runtime(multi_memory=True): modules may have several memories")
    parser.add_argument("--arch", choices=MACHINES, help="with machine code for that; the board neither translates nor compiles")
    args = parser.parse_args(argv)
    if args.out and len(args.files) > 1:
        parser.error("--out goes with one module")
    try:
        for path in args.files:
            data = path.read_bytes()
            made = image(data, names=args.names, memories=args.multi_memory, arch=args.arch)
            out = args.out or path.with_suffix(".pwi")
            out.write_bytes(made)
            print(f"{out}: {len(made):,} bytes, of {len(data):,} bytes of WebAssembly")
    except OSError as exc:
        print(exc, file=sys.stderr)
        return 1
    except (CliError, HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
