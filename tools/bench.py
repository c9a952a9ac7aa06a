# pitwasm beside plain MicroPython, CPython, pywasm and wasm3, on the same workloads in one run: make bench
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import math
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tools import build, mp
from tools.child import Child, ChildLost
from tools.host import OUT, ROOT, HostError

BENCH = ROOT / "bench"
WASM = BENCH / "workloads.wasm"
EXPECTED = BENCH / "expected.json"
FLOATS = ("mandel32", "mandel64", "nbody")
# Of each workload: the argument, and the one for contenders that are too slow for it (expect() writes both down).
ARGUMENTS = {
    "fib": (24, 16),
    "sieve": (4, 1),
    "crc32": (4, 1),
    "quicksort": (1000, 100),
    "matmult": (3, 1),
    "i64loop": (4000, 400),
    "mandel32": (16, 6),
    "mandel64": (16, 6),
    "nbody": (10, 1),
}
BASE = "MicroPython"  # what the others are set against, and
WASM3 = "wasm3"
NATIVE = "native x64"  # pitwasm with native="always"

SAMPLE = 0.025  # seconds a sample takes at least: short ones find the moments when nothing else runs
SETTLED = 0.02  # the two best samples differ by no more, or more are taken
LIMIT = 300.0  # seconds after which a contender is given up


@dataclass
class Contender:
    """One way to run the workloads, in a child of its own."""

    name: str
    command: list
    environ: dict[str, str] | None = None
    small: bool = False  # too slow for the full arguments: runs the small ones, times are scaled by instructions executed
    child: Child | None = None
    absent: str | None = None  # why it does not take part
    calls: dict[str, int] = field(default_factory=dict)  # of each workload in one sample
    samples: dict[str, list[float]] = field(default_factory=dict)  # seconds of one call with the full arguments

    def run(self, workload: str, spec: dict, calls: int) -> float:
        """Seconds of so many calls; the result is checked."""
        case = spec["small"] if self.small else spec
        self.child.send(f"{workload} {case['args'][0]} {calls}")
        result, seconds = self.child.receive(LIMIT).split()
        if bits_of(result, spec["type"]) != int(case["bits"], 16):
            raise HostError(f"{self.name}: {workload}({case['args'][0]}) gave {result}, expected {case['bits']} ({spec['type']})")
        return float(seconds)

    def calibrate(self, workload: str, spec: dict) -> None:
        """Find how many calls make a sample; also the warm-up, and the check of the result."""
        seconds = self.run(workload, spec, 1)
        calls = 1 if self.small else max(1, math.ceil(SAMPLE / max(seconds, 1e-6)))
        self.calls[workload] = calls
        self.samples[workload] = []

    def sample(self, workload: str, spec: dict) -> None:
        scale = spec["instructions"] / spec["small"]["instructions"] if self.small else 1
        calls = self.calls[workload]
        self.samples[workload].append(self.run(workload, spec, calls) / calls * scale)

    def best(self, workload: str) -> float:
        """What other programs on the machine do only adds to the time."""
        return min(self.samples[workload])

    def settled(self, workload: str) -> bool:
        best, second = (sorted(self.samples[workload]) * 2)[:2] if self.small else sorted(self.samples[workload])[:2]
        return second <= best * (1 + SETTLED)


def bits_of(result: str, kind: str) -> int:
    if result.startswith("f"):
        bits = int(result[1:], 16)
        if kind == "f32":
            return struct.unpack("<I", struct.pack("<f", struct.unpack("<d", struct.pack("<Q", bits))[0]))[0]
        return bits
    return int(result) & ((1 << int(kind[1:])) - 1)


def contenders(only: list[str] | None) -> list[Contender]:
    micropython, small = mp.get(64), mp.get(32)
    environ = micropython.environ()
    script, wasm = BENCH / "contender.py", str(WASM)
    found = [
        Contender("pitwasm", micropython.command([script, "pitwasm", wasm], "8M"), environ),
        Contender(NATIVE, micropython.command([script, "native", wasm], "8M"), environ),
        Contender("native x86", small.command([script, "native", wasm], "8M"), small.environ()),
        Contender("MicroPython", micropython.command([script, "python", wasm], "8M"), environ),
        Contender("CPython", [sys.executable, script, "python", wasm]),
        Contender("pywasm", [sys.executable, script, "pywasm", wasm], small=True),
        Contender("wasm3", [sys.executable, script, "wasm3", wasm]),
    ]
    for contender in found:
        package = {"pywasm": "pywasm", "wasm3": "pywasm3"}.get(contender.name)
        if package and not _version(package):
            contender.absent = f"{package} is not installed (pip install -r requirements-bench.txt, or make bench)"
    return [contender for contender in found if only is None or contender.name in only]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def measure(group: list[Contender], specs: dict[str, dict], repeats: int) -> None:
    """At least so many samples, the contenders taking turns; up to four times as many where the two best differ."""
    for contender in group:
        if contender.absent:
            continue
        contender.child = Child(contender.command, contender.environ)
        try:
            for workload, spec in specs.items():
                contender.calibrate(workload, spec)
        except ChildLost as exc:
            contender.absent = f"failed: {exc}"
    running = [contender for contender in group if not contender.absent]
    for turn in range(4 * repeats):
        for workload, spec in specs.items():
            for contender in running:
                if turn < (1 if contender.small else repeats) or (turn >= repeats > 1 and not contender.settled(workload)):
                    contender.sample(workload, spec)
    for contender in running:
        contender.child.close()


def mean(values: list[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else math.nan


def table(group: list[Contender], specs: dict[str, dict]) -> str:
    running = [contender for contender in group if not contender.absent]
    bases = [(base, contender) for base in (BASE, WASM3) for contender in running if contender.name == base]
    lines = ["milliseconds a call, the best of several samples", ""]
    lines.append(f"{'workload':18}{'instructions':>13}" + "".join(f"{c.name + (' *' if c.small else ''):>14}" for c in running))
    for workload, spec in specs.items():
        row = f"{workload + '(' + str(spec['args'][0]) + ')':18}{spec['instructions']:13,}"
        lines.append(row + "".join(f"{contender.best(workload) * 1e3:14.3f}" for contender in running))
    for base, contender in bases:
        say = "times as fast as plain MicroPython" if base == BASE else "times the time of wasm3"
        lines += ["", f"{say:31}" + "".join(f"{c.name:>14}" for c in running)]
        for name, kind in [*((workload, [workload]) for workload in specs), *groups(specs).items()]:
            label = name if name in specs else f"geometric mean, {name}"
            factors = [mean([contender.best(w) / c.best(w) for w in kind]) for c in running]
            lines.append(f"{label:31}" + "".join(f"{factor if base == BASE else 1 / factor:14.3g}" for factor in factors))
    lines += ["", *(f"{'met' if met else 'NOT met':8} {text}" for text, met in marks(running, specs))]
    if any(contender.small for contender in running):
        lines += ["", "* with smaller arguments; times scaled by the WebAssembly instructions executed"]
    lines += [f"{contender.name}: {contender.absent}" for contender in group if contender.absent]
    return "\n".join(lines)


def groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Kinds of workloads, those of them that are there."""
    kinds = {"integer": [name for name in names if name not in FLOATS], "float": [name for name in names if name in FLOATS]}
    return {kind: found for kind, found in kinds.items() if found}


def marks(running: list[Contender], specs: dict[str, dict]) -> list[tuple[str, bool]]:
    """What pitwasm is to reach beside wasm3 and plain MicroPython, with what it has reached."""
    by_name = {contender.name: contender for contender in running}
    found: list[tuple[str, bool]] = []
    if "pitwasm" not in by_name:
        return found

    def factors(name: str, workloads: list[str]) -> dict[str, float]:
        return {w: by_name[name].best(w) / by_name["pitwasm"].best(w) for w in workloads}

    kinds = groups(specs)
    if WASM3 in by_name and "integer" in kinds:
        ratio = 1 / mean(list(factors(WASM3, kinds["integer"]).values()))
        found.append((f"at most 8 times the time of wasm3 on integer workloads, geometric mean: {ratio:.2f}", ratio <= 8))
    if WASM3 in by_name and NATIVE in by_name and "integer" in kinds:
        ratios = {w: by_name[WASM3].best(w) / by_name[NATIVE].best(w) for w in kinds["integer"]}
        worst = min(ratios, key=lambda w: ratios[w])
        text = f"machine code at least as fast as wasm3 on every integer workload: {ratios[worst]:.2f} on {worst}"
        found.append((text, ratios[worst] >= 1))
    for least, text, workloads in ((4, "at least 4 times as fast as plain MicroPython on every integer workload", kinds.get("integer")),
                                   (1, "never slower than plain MicroPython", list(specs))):
        if BASE in by_name and workloads:
            faster = factors(BASE, workloads)
            worst = min(faster, key=lambda w: faster[w])
            found.append((f"{text}: {faster[worst]:.2f} on {worst}", faster[worst] >= least))
    return found


def save(group: list[Contender], specs: dict[str, dict]) -> Path:
    result = {
        "unit": "seconds a call, the best of the samples",
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "versions": {package: _version(package) for package in ("pywasm", "pywasm3")},
        "workloads": {
            workload: {
                contender.name: {
                    "seconds": contender.best(workload),
                    "samples": contender.samples[workload],
                    "calls": contender.calls[workload],
                    "scaled": contender.small,
                }
                for contender in group
                if not contender.absent
            }
            for workload in specs
        },
        "absent": {contender.name: contender.absent for contender in group if contender.absent},
    }
    path = OUT / "bench.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def expect() -> None:
    """Write bench/expected.json anew: results and executed instructions as wasmtime has them."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    store = wasmtime.Store(wasmtime.Engine(config))
    store.set_fuel(1 << 60)
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(WASM)), []).exports(store)

    def case(name: str, argument: int) -> dict:
        store.set_fuel(1 << 60)
        result = exports[name](store, argument)
        kind = str(exports[name].type(store).results[0])
        form, width = {"i32": ("<i", 4), "i64": ("<q", 8), "f32": ("<f", 4), "f64": ("<d", 8)}[kind]
        bits = int.from_bytes(struct.pack(form, result), "little")
        return {"args": [argument], "type": kind, "bits": f"0x{bits:0{2 * width}x}", "instructions": (1 << 60) - store.get_fuel()}

    found = {name: {**case(name, full), "small": case(name, small)} for name, (full, small) in ARGUMENTS.items()}
    EXPECTED.write_text(json.dumps(found, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.bench", description="Measure pitwasm beside other runtimes.")
    parser.add_argument("--repeats", type=int, default=10, metavar="N", help="samples of each workload, at least (default 10)")
    parser.add_argument("--only", metavar="NAMES", help="contenders: pitwasm,native x64,native x86,MicroPython,CPython,pywasm,wasm3")
    parser.add_argument("--workloads", metavar="NAMES", help="workloads, comma-separated")
    parser.add_argument("--expect", action="store_true", help="write bench/expected.json anew (with wasmtime), and end")
    args = parser.parse_args(argv)
    if args.expect:
        expect()
        return 0
    try:
        specs = json.loads(EXPECTED.read_text())
        if args.workloads:
            specs = {name: specs[name] for name in args.workloads.split(",")}
        group = contenders(args.only.split(",") if args.only else None)
        measure(group, specs, args.repeats)
        print(table(group, specs))
        print(f"results in {save(group, specs)}")
    except (HostError, ChildLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    failed = [contender for contender in group if contender.absent and contender.absent.startswith("failed")]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
