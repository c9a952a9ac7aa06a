# The workloads on the emulated Pico: cycles, beside C engines on the same core; what code words run: make bench-board
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import ast
import json
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools import aot, bench, build, counting
from tools.bench import EXPECTED, WASM, bits_of, mean
from tools.board import Board, BoardError, BoardLost
from tools.dis import operations
from tools.emulator import Emulator
from tools.host import OUT, ROOT, HostError

PEERS = ROOT / "bench" / "peers.json"
BASELINE = ROOT / "bench" / "baseline.json"
LARGE = ROOT / "samples" / "desk" / "desk.wasm"  # what loading is measured with: 23 KB, 20 KB of it code
MHZ = 125
POOL = 76 * 1024
NATIVE_POOL = 90 * 1024  # for running: the machine code and the room it is made in lie in the pool, too
SLACK = 0.03  # a regression is more than this

# us x 125 MHz: the emulator's microseconds follow its cycles. What is measured is the whole call, from Python, warmed up once.
PREPARE = """
import gc, time, pitwasm
def timed(f, *args):
    gc.collect()
    t = time.ticks_us()
    r = f(*args)
    return r, time.ticks_diff(time.ticks_us(), t)
"""
# Before so large a pool is made: what would find no room in one piece beside it.
FIRST = """
from pitwasm import Runtime, decode, native, shift, translate
gc.collect()
"""
START = """
rt = pitwasm.Runtime(%d, native=%r)
m = rt.load(open("/workloads.wasm", "rb"))
i = rt.instantiate(m)
"""
CALL = """
f = i.exports[%r]
f(%d)
r, us = timed(f, %d)
print(repr((r, us)))
"""
# native="hot" from a fresh start: the first call is interpreted until its functions are machine code.
EVERY = "every, seen = rt._tier.slice, len(rt._tier._seen)"
HOT = """
rt._tier.discard(0)
rt._tier.slice = rt._tier.left = every
rt._tier._seen = [0] * seen
f = i.exports[%r]
r, us = timed(f, %d)
print(repr((r, us)))
"""
LOWER = """
rt.deinstantiate(i)
rt._tier.discard(0)
none = rt._tier.used
n, us = timed(rt._tier.module, m._off)
print(repr((n, rt._tier.used - none, us)))
"""
# Loading, in a fresh MicroPython, the second time (the first one reads the loader's files): what is put on the board, and how it is
# opened. Cycles a byte are those of the WebAssembly.
LOADS: dict[str, tuple[Path, Callable[[bytes], bytes], str]] = {
    "translated": (LARGE, bytes, 'open("/module", "rb")'),
    "a prepared image": (LARGE, aot.image, 'open("/module", "rb")'),
    "a prepared image in RAM": (LARGE, aot.image, 'open("/module", "rb").read()'),
    "an image with machine code": (WASM, lambda data: aot.image(data, arch="armv6m"), 'open("/module", "rb")'),
}
LOAD = """
source = lambda: %s
rt = pitwasm.Runtime(%d)
rt.unload(rt.load(source()))
data = source()
m, us = timed(rt.load, data)
print(us)
"""


@dataclass
class Measured:
    """native: whether machine code was measured (native="always")."""

    native: bool
    cycles: dict[str, int] = field(default_factory=dict)  # by workload
    first: dict[str, int] = field(default_factory=dict)  # of machine code: the first call with native="hot", lowering included
    lowering: tuple[int, int, int] = 0, 0, 0  # bytes of the code section, of machine code for it; cycles
    load: dict[str, tuple[int, int]] = field(default_factory=dict)  # bytes, cycles

    @property
    def mode(self) -> str:
        return "native always" if self.native else "interpreted"

    @property
    def path(self) -> Path:
        return OUT / f"bench-board{'-native' if self.native else ''}.json"

    def numbers(self) -> dict[str, int]:
        """What a baseline holds."""
        numbers = {**self.cycles, **{f"load, {name}": cycles for name, (_, cycles) in self.load.items()}}
        return numbers | {"lowering": self.lowering[2]} if self.native else numbers


def install(board: Board) -> None:
    """pitwasm from .mpy files and the modules, into the flash of a stock Pico."""
    files = {f"/lib/pitwasm/{path.name}": path.read_bytes() for path in sorted((build.build("armv6m") / "pitwasm").glob("*.mpy"))}
    board.put_all({**files, "/workloads.wasm": WASM.read_bytes()})


def check(name: str, spec: dict, result: object) -> None:
    """The workload's result is wasmtime's. MicroPython's floats on a Pico have 30 bits, which is not all of the result."""
    if isinstance(result, float):
        want = struct.unpack("<d", struct.pack("<Q", int(spec["bits"], 16)))[0]
        right = abs(result - want) < 1e-6 * abs(want)
    else:
        right = bits_of(str(result), spec["type"]) == int(spec["bits"], 16)
    if not right:
        raise HostError(f"{name}({spec['args'][0]}) gave {result} on the board, expected {spec['bits']} ({spec['type']})")


def measure(board: Board, specs: dict[str, dict], native: bool = False, loads: bool = True) -> Measured:
    """On a board that install() has seen."""
    found = Measured(native)
    board.soft_reset()
    if native:
        board.exec(PREPARE + FIRST + START % (NATIVE_POOL, "always"), timeout=120)
    else:
        board.exec(PREPARE + START % (POOL, "never"), timeout=120)
    for name, spec in specs.items():
        found.cycles[name] = cycles(board, CALL % (name, spec["small"]["args"][0], spec["args"][0]), name, spec)
    if native:
        _, size, us = ast.literal_eval(board.exec(LOWER, timeout=120))
        found.lowering = code_section(WASM.read_bytes()), size, us * MHZ
        board.soft_reset()
        board.exec(PREPARE + FIRST + START % (NATIVE_POOL, "hot") + EVERY, timeout=120)
        for name, spec in specs.items():
            found.first[name] = cycles(board, HOT % (name, spec["args"][0]), name, spec)
    for name, (path, made, source) in LOADS.items() if loads and not native else ():
        module = path.read_bytes()
        board.put("/module", made(module))
        board.soft_reset()
        us = int(board.exec(PREPARE + LOAD % (source, POOL), timeout=300))
        found.load[name] = len(module), us * MHZ
    return found


def cycles(board: Board, script: str, name: str, spec: dict) -> int:
    """Of a script that prints a workload's result, and microseconds."""
    result, us = ast.literal_eval(board.exec(script, timeout=300))
    check(name, spec, result)
    return us * MHZ


def code_section(wasm: bytes) -> int:
    """Bytes of its contents."""
    at = 8
    while True:
        kind, size, shift = wasm[at], 0, 0
        at += 1
        while True:
            byte = wasm[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if kind == 10:
            return size
        at += size


# ---- tables ------------------------------------------------------------------------------------------------------------------------


def table(found: Measured, specs: dict[str, dict], counts: dict[str, counting.Counts]) -> str:
    """Cycles, and times the peers' cycles."""
    peers = json.loads(PEERS.read_text())["cycles"]
    lines = [f"cycles on a Pico (emulated, {MHZ} MHz), pitwasm from .mpy files in RAM, the loop; times those of C engines, gcc -O2", ""]
    lines.append(f"{'':17}{'WebAssembly':>12}{'code':>11}{'':>13}{'cycles a':>9}{'a':>7}" + "".join(f"{'times':>13}" for _ in peers))
    head = f"{'workload':17}{'instructions':>12}{'words':>11}{'cycles':>13}{'instr.':>9}{'word':>7}"
    lines.append(head + "".join(f"{peer:>13}" for peer in peers))
    for name, cycles in found.cycles.items():
        n = specs[name]["instructions"]
        words = counts[name].total if name in counts else 0
        row = f"{name + '(' + str(specs[name]['args'][0]) + ')':17}{n:12,}{f'{words:,}' if words else '-':>11}{cycles:13,}{cycles / n:9.1f}"
        row += f"{cycles / words:7.1f}" if words else f"{'-':>7}"
        lines.append(row + "".join(f"{cycles / peers[peer][name]:13.3g}" for peer in peers))
    for kind, names in groups(found.cycles).items():
        if not names:
            continue
        row = f"geometric mean, {kind}"
        each = mean([found.cycles[n] / specs[n]["instructions"] for n in names])
        word = f"{mean([found.cycles[n] / counts[n].total for n in names]):7.1f}" if counts else f"{'-':>7}"
        lines.append(f"{row:53}{each:9.1f}{word}" + "".join(f"{ratio(found.cycles, peers[p], names):13.3g}" for p in peers))
    lines.append("")
    for name, (size, cycles) in found.load.items():
        lines.append(f"load, {name:27} {LOADS[name][0].name + ',':15} {size:6,} bytes {cycles:14,}{cycles / size:9.1f} a byte")
    return "\n".join(lines)


def native_table(found: Measured, loop: dict[str, int]) -> str:
    """Machine code: cycles, beside gcc's and the loop's; a first call that has to be lowered on the way."""
    peers = json.loads(PEERS.read_text())["cycles"]["native"]
    lines = [f"cycles on a Pico (emulated, {MHZ} MHz), machine code; times those of gcc -O2; and of a first call with native='hot'", ""]
    lines.append(f"{'workload':17}{'cycles':>13}{'times gcc':>11}{'the loop':>13}{'first call':>13}{'times gcc':>11}")
    for name, n in found.cycles.items():
        first = found.first[name]
        before = f"{loop[name]:13,}" if name in loop else f"{'-':>13}"
        lines.append(f"{name:17}{n:13,}{n / peers[name]:11.2f}{before}{first:13,}{first / peers[name]:11.2f}")
    for kind, names in groups(found.cycles).items():
        if names:
            row = f"geometric mean, {kind}"
            lines.append(f"{row:30}{ratio(found.cycles, peers, names):11.2f}{'':26}{ratio(found.first, peers, names):11.2f}")
    code, made, n = found.lowering
    lines += ["", f"lowering {WASM.name}: {n:,} cycles, {n / code:.0f} for each of {code:,} bytes of its code section"]
    lines.append(f"machine code: {made:,} bytes, {made / code:.2f} for each")
    return "\n".join(lines)


def groups(names: dict[str, int]) -> dict[str, list[str]]:
    """Kinds of workloads, those of them that are there."""
    kinds = bench.groups(names)
    plain = [name for name in kinds.get("integer", []) if name != "i64loop"]
    return {"integer": kinds.get("integer", []), "integer but i64": plain, "float": kinds.get("float", [])}


def ratio(cycles: dict[str, int], peer: dict[str, int], names: list[str]) -> float:
    return mean([cycles[name] / peer[name] for name in names])


def mix(counts: dict[str, counting.Counts], top: int = 8) -> str:
    """What code words each workload runs: the share of the most frequent."""
    known = operations()
    lines = ["code words, percent of those that run", ""]
    for name, found in counts.items():
        shares = []
        for code, number in found.words.most_common(top):
            row, member = known[code] or (None, 0)
            word = f"?{code}" if row is None else row.name.lower() + (f".{member}" if row.bits else "")
            shares.append(f"{word} {100 * number / found.total:.1f}")
        lines.append(f"{name:10} {', '.join(shares)}")
    return "\n".join(lines)


# ---- the baseline ------------------------------------------------------------------------------------------------------------------


def compare(found: Measured) -> tuple[str, list[str]]:
    """Beside the baseline of this mode: the text, and what has got slower by more than SLACK."""
    modes = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    before = modes.get(found.mode, {})
    lines, worse = [], []
    for name, cycles in found.numbers().items():
        if name not in before:
            lines.append(f"{name:30} {cycles:13,}  (not in {BASELINE.name})")
            continue
        change = cycles / before[name] - 1
        lines.append(f"{name:30} {cycles:13,} {100 * change:+7.1f} %")
        if change > SLACK:
            worse.append(f"{name}: {cycles:,} cycles, {100 * change:.1f} % more than {before[name]:,}")
    return "\n".join(["beside bench/baseline.json:", *lines]), worse


def renew(found: Measured) -> None:
    """Take these figures as the baseline of their mode; other modes and what was not measured stay."""
    modes = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    modes.setdefault(found.mode, {}).update(found.numbers())
    BASELINE.write_text(json.dumps(modes, indent=1) + "\n")


def save(found: Measured) -> None:
    found.path.write_text(json.dumps(found.cycles, indent=1) + "\n")
    if found.native:
        code, made, n = found.lowering
        more = {"first call, hot": found.first, "lowering": {"bytes": code, "machine code": made, "cycles": n}}
        found.path.with_name(found.path.stem + "-compile.json").write_text(json.dumps(more, indent=1) + "\n")
    loads = {name: {"bytes": size, "cycles": cycles} for name, (size, cycles) in found.load.items()}
    if loads:
        found.path.with_name(found.path.stem + "-load.json").write_text(json.dumps(loads, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.benchboard", description="Measure pitwasm in cycles of an emulated Pico.")
    parser.add_argument("--workloads", metavar="NAMES", help="workloads, comma-separated")
    parser.add_argument("--only", choices=("loop", "native"), help="not both of them")
    parser.add_argument("--renew", action="store_true", help="take what is measured as bench/baseline.json")
    parser.add_argument("--no-count", action="store_true", help="do not count the code words")
    parser.add_argument("--no-load", action="store_true", help="do not measure loading")
    args = parser.parse_args(argv)
    specs = json.loads(EXPECTED.read_text())
    if args.workloads:
        specs = {name: specs[name] for name in args.workloads.split(",")}
    measured = []
    try:
        counts = {}
        if not args.no_count and args.only != "native":
            found = counting.count(WASM, [(name, spec["args"]) for name, spec in specs.items()])
            counts = dict(zip(specs, found, strict=True))
        with tempfile.TemporaryDirectory() as folder, Emulator(flash=Path(folder) / "flash.img") as pico:
            install(pico.board)
            for native in (False, True):
                if args.only != ("loop" if native else "native"):
                    measured.append(measure(pico.board, specs, native, not args.no_load))
    except (HostError, BoardError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    slower = []
    for found in measured:
        text, worse = compare(found)
        slower += worse
        if found.native:
            print(native_table(found, measured[0].cycles if not measured[0].native else {}), text, sep="\n\n", end="\n\n")
        else:
            print(table(found, specs, counts), *([mix(counts)] if counts else []), text, sep="\n\n", end="\n\n")
        if not args.workloads:
            save(found)
            print(f"cycles in {found.path.relative_to(ROOT)}\n")
        if args.renew:
            renew(found)
            print(f"{BASELINE.relative_to(ROOT)} renewed")
    if slower and not args.renew:
        print("slower than the baseline:", *slower, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
