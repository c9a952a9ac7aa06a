# Builds programs with mpy-cross alone and with viperc, and compares what they do in MicroPython: python -m tests.viperrun --count 20000
# MIT license; Copyright (c) 2026 the pitwasm authors
import argparse
import ast
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.viperfuzz import Program, Writer
from tests.viperplain import PlainWriter
from tools import arm, build, micropython, viperc
from tools.mp import MicroPython

CHILD = Path(__file__).with_name("device") / "viper_child.py"
HELP = '''
class Failed(Exception):
    pass


def get32(buf, at):
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | buf[at + 3] << 24


def put32(buf, at, v):
    for k in range(4):
        buf[at + k] = v >> 8 * k & 255
'''


@dataclass
class Tally:
    """What came of many programs."""

    programs: int = 0
    functions: int = 0
    refused: list[int] = field(default_factory=list)  # by mpy-cross: a constant it worked out is no small integer
    kept: list[str] = field(default_factory=list)  # functions viperc did not compile
    differences: list[str] = field(default_factory=list)
    sizes: tuple[int, int] = (0, 0)


class Refused(Exception):
    """mpy-cross does not take the program."""


def program_of(seed: int, bits: int = 32) -> Program:
    """The program of that seed: two in three viper functions, one in three plain ones."""
    return (PlainWriter if seed % 3 == 2 else Writer)(seed, bits).program()


def cross(source: str, path: Path, arch: str) -> bytes:
    text = path.with_suffix(".src")
    text.write_text(source)
    done = subprocess.run([build.mpy_cross(), f"-march={arch}", "-O3", "-s", path.name, "-o", path, text], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    return path.read_bytes()


def both(program: Program, folder: Path, name: str, arch: str) -> viperc.Unit:
    """a<name>.mpy of mpy-cross, b<name>.mpy of viperc."""
    cross(program.source, folder / f"a{name}.mpy", arch)
    unit = viperc.Unit({"b": ast.parse(program.source)}, program.wanted, program.plain, arch)
    path = folder / f"b{name}.mpy"
    path.write_bytes(unit.improve(cross(unit.source(), path, arch), build.built_in))
    return unit


def runner(arch: str) -> MicroPython:
    """A MicroPython that runs the architecture's code here."""
    if arch.startswith("arm"):
        return MicroPython(arm.ensure(), 32, Path("/nonexistent"))
    return MicroPython(micropython.ensure(64), 64, Path("/nonexistent"))


def batch(seeds: Iterable[int], arch: str, machine: MicroPython, tally: Tally) -> None:
    """Build the programs of these seeds and run them in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "viperhelp.py").write_text(HELP)
        cases = []
        a = b = 0
        for seed in seeds:
            program = program_of(seed, build.ARCHS[arch][0])
            try:
                unit = both(program, folder, str(seed), arch)
            except Refused:
                tally.refused.append(seed)
                continue
            except Exception as exc:
                tally.differences.append(f"seed {seed}: compiler: {type(exc).__name__} {exc}")
                continue
            tally.programs += 1
            tally.functions += len(unit.functions)
            tally.kept += [f"seed {seed}: {function}: {why}" for function, why in unit.report.items()]
            a += (folder / f"a{seed}.mpy").stat().st_size
            b += (folder / f"b{seed}.mpy").stat().st_size
            cases.append(repr((seed, program.buffer, program.calls)))
        tally.sizes = tally.sizes[0] + a, tally.sizes[1] + b
        (folder / "cases.txt").write_text("\n".join(cases) + "\n" if cases else "")
        try:
            done = machine.run([CHILD, folder], heap="8M", paths=[folder], timeout=60)
            text, error = done.stdout, done.stderr
        except AssertionError as exc:  # it died
            text, error = str(exc), "died"
        lines = text.splitlines()
        tally.differences += [f"seed {x.split(' ', 2)[1]}: {x}" for x in lines if x.startswith("differs")]
        if "done" not in lines:
            at = [x for x in lines if x.startswith("at ")][-1:]
            tally.differences.append(f"seed {at[0][3:] if at else '?'}: ended: {error.strip()[-300:]}")


def many(seeds: range, arch: str, jobs: int = 2, each: int = 40) -> Tally:
    """Programs of many seeds."""
    tally = Tally()
    machine = runner(arch)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda at: batch(seeds[at : at + each], arch, machine, tally), range(0, len(seeds), each)))
    return tally


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.viperrun", description="Random programs, compiled twice.")
    parser.add_argument("--arch", default="armv6m")
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("-j", type=int, default=1, metavar="N")
    parser.add_argument("--show", action="store_true", help="the program of --seed")
    args = parser.parse_args(argv)
    if args.show:
        print(program_of(args.seed, build.ARCHS[args.arch][0]).source)
    start = time.monotonic()
    tally = many(range(args.seed, args.seed + args.count), args.arch, args.j)
    print("\n".join(tally.differences[:40] + tally.kept[:40]))
    print(
        f"{args.arch}: seeds {args.seed} to {args.seed + args.count - 1}: {tally.programs} programs, {tally.functions} functions; "
        f"{len(tally.refused)} refused by mpy-cross, {len(tally.kept)} kept, {len(tally.differences)} differences; "
        f"{tally.sizes[0]} -> {tally.sizes[1]} bytes; {time.monotonic() - start:.0f} s"
    )
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
