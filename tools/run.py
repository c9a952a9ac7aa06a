# make run: the seed's example, modules that import from each other; `life`: a C program streamed from a file into a 64 KB pool
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import subprocess
import sys
from pathlib import Path

from tools import build, mp, serve
from tools.host import ROOT, HostError
from tools.macros import load_layout

SEED = ROOT / "samples" / "seed"
LIFE = ROOT / "samples" / "life" / "life.wasm"


def seed(bits: int, pool: int = 65536, **options) -> subprocess.CompletedProcess:
    """mC from a file, mB by the flash reader, mA by the UART reader from a server at the other end of a pseudo-terminal."""
    micropython = mp.get(bits)
    with serve.background(SEED / "host") as line:
        words = [SEED / "seed.py", SEED / "mC.wasm", SEED / "flash", line, str(pool)]
        return subprocess.run(micropython.command(words), env=micropython.environ(), **options)


def command(bits: int, wasm: Path = LIFE, pool: int = 65536, name: str = "run", argument: int = 100) -> tuple[list, dict]:
    """Command line and environment of the other demonstration."""
    layout = load_layout(ROOT / "core" / "pitwasm" / "layout.py")
    micropython = mp.get(bits)
    words = [str(wasm), str(pool), name, str(argument), str(layout["M_WORDS"]), str(layout["M_CODEBYTES"])]
    return micropython.command([ROOT / "samples" / "demo.py", *words]), micropython.environ()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.run", description="Run a sample in a pool of 64 KB.")
    parser.add_argument("sample", nargs="?", choices=("seed", "life"), default="seed", help="default: seed")
    parser.add_argument("argument", type=int, nargs="?", default=100, help="life: generations of the Game of Life (default 100)")
    parser.add_argument("--bits", type=int, choices=(64, 32), default=64, help="MicroPython's word size (default 64)")
    parser.add_argument("--pool", type=int, default=65536, help="bytes (default 65536)")
    args = parser.parse_args(argv)
    try:
        if args.sample == "seed":
            return seed(args.bits, args.pool).returncode
        words, environ = command(args.bits, pool=args.pool, argument=args.argument)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{LIFE.relative_to(ROOT)} (from life.c, see samples/Makefile): {LIFE.stat().st_size} bytes\n", flush=True)
    return subprocess.run(words, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main())
