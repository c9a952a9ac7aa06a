# Prepares modules ahead of time: images that a board loads without translating (python -m tools.aot app.wasm); docs/image.md
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import sys
from pathlib import Path

from tools import build, mp
from tools.cli.errors import CliError
from tools.cli.imaging import Host, prepare
from tools.host import HostError


def image(data: bytes, bits: int = 64, names: bool = False, memories: bool = False) -> bytes:
    """The prepared image of a module, made with MicroPython of that word size: both make the same."""
    machine = mp.get(bits)
    return prepare(data, Host(machine.path, machine.packages / "pitwasm"), names, memories)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.aot", description="Make prepared images, which boards load without translating.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.wasm")
    parser.add_argument("--out", type=Path, metavar="FILE.pwi", help="default: beside the module")
    parser.add_argument("--names", action="store_true", help="with the name section's function names, for backtraces")
    parser.add_argument("--multi-memory", action="store_true", help="for Runtime(multi_memory=True): modules may have several memories")
    args = parser.parse_args(argv)
    if args.out and len(args.files) > 1:
        parser.error("--out goes with one module")
    try:
        for path in args.files:
            data = path.read_bytes()
            made = image(data, names=args.names, memories=args.multi_memory)
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
