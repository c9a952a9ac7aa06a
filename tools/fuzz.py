# Bad input: cut and mutated modules, loaded and run in MicroPython children that must neither die nor hang nor lose pool
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools import build, mp, oracle, suite
from tools.child import DEVICE, Child, ChildLost
from tools.host import ROOT, HostError
from tools.mp import MicroPython

SILENCE = 20.0  # seconds for one module
BATCH = 500
SEED = 2026
COUNT = 20_000
REAL = [ROOT / "bench" / "workloads.wasm", ROOT / "samples" / "life" / "life.wasm", ROOT / "samples" / "hello" / "hello.wasm"]
MOST = 40  # lines about what went wrong
GROUPS = ["core10", "core20", "core30"]


@dataclass
class Outcome:
    done: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * 5)  # loaded, instantiated, calls, traps, results
    bad: list[str] = field(default_factory=list)
    told: dict[int, list] = field(default_factory=dict)  # number of a mutation -> what the child made of it

    def text(self) -> str:
        names = ("loaded", "instantiated", "calls", "traps", "results")
        return f"{self.done} modules: " + ", ".join(f"{n} {name}" for n, name in zip(self.counts, names, strict=True))


def sources() -> list[str]:
    """The suite's valid modules, and the samples small enough to be loaded often."""
    found = []
    for spec in suite.files(GROUPS):
        for command in json.loads(spec.path.read_text(encoding="utf-8"))["commands"]:
            if command["type"] == "module" and command.get("module_type", "binary") == "binary":
                path = spec.path.parent / command["filename"]
                if path.stat().st_size < 8192:
                    found.append(str(path))
    return found + [str(path) for path in REAL]


def mutation_jobs(seed: int, start: int, count: int, tell: bool = False) -> list[dict]:
    common = {"kind": "mutations", "seed": seed, "paths": sources(), "tell": tell}
    numbers = range(start, start + count, BATCH)
    return [{**common, "from": n, "count": min(BATCH, start + count - n)} for n in numbers]


def prefix_jobs(paths: list[Path]) -> list[dict]:
    """Every prefix of these files, the shortest first."""
    jobs = []
    for path in paths:
        size = path.stat().st_size
        jobs += [{"kind": "prefixes", "path": str(path), "from": n, "to": min(n + BATCH, size)} for n in range(0, size, BATCH)]
    return jobs


def run(jobs: list[dict], micropython: MicroPython, children: int) -> Outcome:
    """Work off the jobs in several children at once."""
    outcome = Outcome()
    queue = list(reversed(jobs))
    guard = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        child = None
        try:
            while True:
                with guard:
                    if not queue or errors:
                        break
                    job = queue.pop()
                if child is None:
                    child = Child.of(micropython, DEVICE / "fuzz_child.py", heap="16M")
                    child.receive(SILENCE)
                rest = _job(job, child, outcome, guard)
                if rest is not None:
                    child.close()
                    child = None
                    if rest:
                        with guard:
                            queue.append(rest)
        except Exception as exc:
            errors.append(exc)
        finally:
            if child is not None:
                child.close()

    threads = [threading.Thread(target=work) for _ in range(children)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return outcome


def _job(job: dict, child: Child, outcome: Outcome, guard: threading.Lock) -> dict | None:
    """None when the job is done; what is left of it ({} when nothing) after the loss of the child."""
    at = job["from"]
    where = f"seed {job['seed']}" if "seed" in job else Path(job["path"]).name
    try:
        child.send(json.dumps(job))
        while True:
            word, _, rest = child.receive(SILENCE).partition(" ")
            if word == "start":
                at = int(rest)
                with guard:
                    outcome.done += 1
            elif word == "bad":
                with guard:
                    outcome.bad.append(f"{where} number {rest}")
            elif word == "was":
                with guard:
                    outcome.told[at] = json.loads(rest.partition(" ")[2])
            elif word == "end":
                with guard:
                    outcome.counts = [a + int(b) for a, b in zip(outcome.counts, rest.split(), strict=True)]
                return None
            else:
                raise ChildLost(f"said {word} {rest}")
    except ChildLost as exc:
        with guard:
            outcome.bad.append(f"{where} number {at} (of a batch from {job['from']}): child {exc}")
            if len(outcome.bad) > 30:
                return {}
        if "count" in job:
            left = job["from"] + job["count"] - (at + 1)
            return {**job, "from": at + 1, "count": left} if left else {}
        return {**job, "from": at + 1} if at + 1 < job["to"] else {}


def mutated(seed: int, index: int) -> tuple[str, bytes]:
    """One mutation, made here: the file it came from, and the bytes."""
    if str(DEVICE) not in sys.path:
        sys.path.insert(0, str(DEVICE))
    import mutate

    return mutate.numbered(seed, index, _sources(), _bytes)


@cache
def _sources() -> list[str]:
    return sources()


@cache
def _bytes(path: str) -> bytes:
    return Path(path).read_bytes()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fuzz", description="Load and run cut and mutated modules.")
    parser.add_argument("--arch", default="x64,x86", help="comma-separated: x64, x86 (default both)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default {SEED}")
    parser.add_argument("--start", type=int, default=0, help="number of the first mutation (default 0)")
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutations (default {COUNT})")
    parser.add_argument("--prefixes", nargs="*", type=Path, metavar="FILE", help="instead: every prefix of these files")
    parser.add_argument("--compare", action="store_true", help="also compare every verdict and result with wasmtime's")
    parser.add_argument("--keep", metavar="FILE", help="only write mutation --start of --seed to this file")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="children at once (default 2)")
    args = parser.parse_args(argv)
    good = True
    try:
        if args.keep:
            path, data = mutated(args.seed, args.start)
            Path(args.keep).write_bytes(data)
            print(f"{args.keep}: {len(data)} bytes, from {path}")
            return 0
        for arch in args.arch.split(","):
            if arch not in ("x64", "x86"):
                parser.error(f"unknown architecture {arch!r}; one of x64, x86")
            micropython = mp.get(64 if arch == "x64" else 32)
            if args.prefixes is None:
                jobs = mutation_jobs(args.seed, args.start, args.count, args.compare)
            else:
                jobs = prefix_jobs(args.prefixes or REAL)
            start = time.monotonic()
            outcome = run(jobs, micropython, args.j)
            print(f"{arch}: {outcome.text()}; {time.monotonic() - start:.1f} s", flush=True)
            if args.compare:
                outcome.bad += oracle.compare(args.seed, outcome.told, mutated)
            print("\n".join(f"  {line}" for line in outcome.bad[:MOST]))
            if len(outcome.bad) > MOST:
                print(f"  … {len(outcome.bad) - MOST} more")
            good &= not outcome.bad
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
