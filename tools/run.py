# make run: a program compiled from C, streamed from a file into a 64 KB pool, run by MicroPython
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import subprocess
import sys
from pathlib import Path

from tools import build, mp
from tools.host import ROOT, HostError
from tools.macros import load_layout

SAMPLE = ROOT / "samples" / "life" / "life.wasm"


def command(bits: int, wasm: Path = SAMPLE, pool: int = 65536, name: str = "run", argument: int = 100) -> tuple[list, dict]:
    """Command line and environment of the demonstration."""
    layout = load_layout(ROOT / "core" / "pitwasm" / "layout.py")
    micropython = mp.get(bits)
    words = [str(wasm), str(pool), name, str(argument), str(layout["M_WORDS"]), str(layout["M_CODEBYTES"])]
    return micropython.command([ROOT / "samples" / "demo.py", *words]), micropython.environ()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.run", description="Run the sample program in a 64 KB pool.")
    parser.add_argument("argument", type=int, nargs="?", default=100, help="generations of the Game of Life (default 100)")
    parser.add_argument("--bits", type=int, choices=(64, 32), default=64, help="MicroPython's word size (default 64)")
    parser.add_argument("--pool", type=int, default=65536, help="bytes (default 65536)")
    args = parser.parse_args(argv)
    try:
        words, environ = command(args.bits, pool=args.pool, argument=args.argument)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{SAMPLE.relative_to(ROOT)} (from life.c, see samples/Makefile): {SAMPLE.stat().st_size} bytes\n", flush=True)
    return subprocess.run(words, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main())
