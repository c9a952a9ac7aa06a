# The official WebAssembly suite, run by MicroPython children on unix 64- and 32-bit: make spec
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tools import build, mp, suite
from tools.child import DEVICE, Child, ChildLost
from tools.host import OUT, HostError
from tools.mp import MicroPython
from tools.suite import EXPECTED, MULTI_MEMORY, SpecFile

SILENCE = 60.0  # seconds a child may work on one command
POOL = 4 << 20  # bytes; MicroPython's collector searches all of a pool for pointers, so no more than is needed
POOLS = {"memory_grow": 56 << 20, "call": 24 << 20, "call_indirect": 24 << 20}  # these grow a memory to 803 and 307 pages
HEAP = 12 << 20  # bytes besides the pool
LOSSES = 10  # children a file may cost before it is given up
ARCHS = {"x64": 64, "x86": 32}
MODES = ("bytes", "stream", "drip", "lazy", "image")

# Commands that need nothing of those before them: where a new child can take up the file after the death of another.
FRESH = ("module", "module_definition", "assert_invalid", "assert_malformed")


@dataclass
class Result:
    """What became of one file."""

    group: str
    name: str
    total: int = 0
    skipped: int = 0  # text-format modules
    failures: list[dict] = field(default_factory=list)  # command number, line of the .wast, type, why
    lost: list[str] = field(default_factory=list)  # children that died or hung
    leaked: str = "0"  # bytes in use after everything was freed (or the error that came up then)
    high: int = 0  # high-water mark of the pool
    native: int = 0  # calls that machine code had a part in
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        return self.total - len(self.failures)

    @property
    def ok(self) -> bool:
        return not self.failures and not self.lost and self.leaked == "0"


class Worker:
    """Runs files one after the other in one child, replaced when it is lost."""

    def __init__(self, micropython: MicroPython, mode: str):
        self.micropython = micropython
        self.mode = mode
        self.child: Child | None = None
        self.pool = 0  # of the child
        self.commands = tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8")

    def close(self) -> None:
        self.commands.close()
        self._drop()

    def _drop(self) -> None:
        if self.child is not None:
            self.child.close()
        self.child = None

    def run(self, spec: SpecFile) -> Result:
        suite.read(spec)
        result = Result(spec.group, spec.name, len(spec.commands), spec.skipped)
        self.commands.seek(0)
        self.commands.truncate()
        self.commands.writelines(line + "\n" for line in spec.lines)
        self.commands.flush()
        start = time.monotonic()
        at = 0
        while at is not None:
            at = self._from(spec, result, at)
        result.seconds = time.monotonic() - start
        return result

    def _from(self, spec: SpecFile, result: Result, at: int) -> int | None:
        """Run the commands from this one on; where to go on after the loss of a child, None when the file is done."""
        try:
            pool = POOLS.get(spec.name, POOL)
            if self.child is None or self.pool != pool:
                self._drop()
                self.pool = pool
                self.child = Child.of(self.micropython, DEVICE / "spec_child.py", str(pool), heap=str(pool + HEAP))
            job = {"commands": self.commands.name, "from": at, "mode": self.mode, "multi_memory": spec.group in MULTI_MEMORY}
            self.child.send(json.dumps(job))
            while True:
                answer = self.child.receive(SILENCE)
                number, _, why = answer.partition(" ")
                if number == "end":
                    result.leaked, high, native = why.split(" ")
                    result.high = int(high)
                    result.native += int(native)
                    break
                if number != str(at):
                    raise ChildLost(f"said {answer!r}")
                if why:
                    self._fail(spec, result, at, why)
                at += 1
        except ChildLost as exc:
            self._drop()
            result.lost.append(f"command {at}: {exc}")
            # Lost in the end, when everything is freed: no command of the file is left.
            give_up = len(result.lost) >= LOSSES
            for number in range(at, len(spec.commands)):
                if number > at and not give_up and spec.commands[number]["type"] in FRESH:
                    return number
                self._fail(spec, result, number, f"child lost: {exc}" if number == at else "not run: the child was lost before")
        return None

    def _fail(self, spec: SpecFile, result: Result, number: int, why: str) -> None:
        command = spec.commands[number]
        result.failures.append({"command": number, "line": command["line"], "type": command["type"], "why": why})


def run_files(specs: list[SpecFile], micropython: MicroPython, mode: str, jobs: int) -> list[Result]:
    """Run files in several children at once, the longest first; the results in the order given."""
    queue = sorted(specs, key=lambda spec: spec.path.stat().st_size)
    results: dict[str, Result] = {}
    errors: list[Exception] = []

    def work() -> None:
        worker = Worker(micropython, mode)
        try:
            while queue and not errors:
                try:
                    spec = queue.pop()
                except IndexError:
                    break
                results[spec.id] = worker.run(spec)
        except Exception as exc:
            errors.append(exc)
        finally:
            worker.close()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[spec.id] for spec in specs]


def table(results: list[Result]) -> str:
    lines = [f"{'file':34}{'passed':>8}{'total':>8}{'skipped':>9}{'pool KB':>9}{'seconds':>9}"]
    for r in results:
        mark = "" if r.ok else "  <--"
        count = f"{r.passed:8}{r.total:8}{r.skipped:9}{r.high // 1024:9}{r.seconds:9.2f}"
        lines.append(f"{r.group + '/' + r.name:34}{count}{mark}")
    return "\n".join(lines)


def totals(results: list[Result]) -> dict[str, dict]:
    """By group: passed, total, what the total should be, seconds."""
    groups: dict[str, dict] = {}
    for r in results:
        group = groups.setdefault(r.group, {"passed": 0, "total": 0, "expected": EXPECTED.get(r.group), "native": 0, "seconds": 0.0})
        group["native"] += r.native
        group["passed"] += r.passed
        group["total"] += r.total
        group["seconds"] = round(group["seconds"] + r.seconds, 2)
    return groups


def part(results: list[Result], specs: list[SpecFile]) -> str:
    """In how many calls machine code had a part."""
    calls = sum(suite.is_call(command) for spec in specs for command in spec.commands)
    return f"machine code had a part in {sum(result.native for result in results)} of {calls} calls"


def troubles(results: list[Result], most: int = 20) -> list[str]:
    """What went wrong, a line each, not more than `most` for a file."""
    lines = []
    for r in results:
        where = f"{r.group}/{r.name}"
        lines += [f"{where}: child lost at {lost}" for lost in r.lost]
        if r.leaked != "0":
            lines.append(f"{where}: after freeing everything: {r.leaked} bytes of the pool in use")
        for failure in r.failures[:most]:
            lines.append(f"{where}:{failure['line']}: {failure['type']}: {failure['why']}")
        if len(r.failures) > most:
            lines.append(f"{where}: … {len(r.failures) - most} more")
    return lines


def save(results: list[Result], arch: str, mode: str) -> Path:
    """mode: how modules are loaded, and +always or +hot."""
    path = OUT / (f"spec-{arch}.json" if mode == "stream" else f"spec-{arch}-{mode}.json")
    found = {"arch": arch, "mode": mode, "groups": totals(results)}
    files = {f"{r.group}/{r.name}": {**vars(r), "passed": r.passed} for r in results}
    path.write_text(json.dumps({**found, "files": files}, indent=1) + "\n")
    return path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.spec", description="Run the official WebAssembly suite on MicroPython.")
    parser.add_argument("--arch", default="x64,x86", help="comma-separated: x64, x86 (default both)")
    parser.add_argument("--groups", default="core10,core20,core30", help="comma-separated (default: core10,core20,core30)")
    parser.add_argument("--file", help="only the files of this name, for example memory_grow")
    parser.add_argument("--mode", choices=MODES, default="stream", help="how modules are loaded (default: stream)")
    parser.add_argument("--images", dest="mode", action="store_const", const="image", help="the same as --mode image: prepared images")
    parser.add_argument("--native", choices=("never", "hot", "always", "image"), default="never", help="machine code (default: never)")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="children at once (default 2)")
    args = parser.parse_args(argv)
    if args.native == "image":
        args.mode = "image"
    mode = args.mode if args.native == "never" else f"{args.mode}+{args.native}"
    good = True
    try:
        for arch in args.arch.split(","):
            if arch not in ARCHS:
                parser.error(f"unknown architecture {arch!r}; one of {', '.join(ARCHS)}")
            micropython = mp.get(ARCHS[arch])
            specs = suite.files(args.groups.split(","), args.file)
            start = time.monotonic()
            results = run_files(specs, micropython, mode, args.j)
            print(f"{arch} ({ARCHS[arch]}-bit), modules loaded from: {mode}\n{table(results)}")
            for name, group in totals(results).items():
                want = group["expected"] if args.file is None and group["expected"] else group["total"]
                good &= group["passed"] == group["total"] == want
                print(f"{name:34}{group['passed']:8}{group['total']:8}  of {want} expected")
            for name in args.groups.split(","):
                if name not in totals(results):
                    print(f"{name:34} not in this suite")
            said = troubles(results)
            print("\n".join(said[:200] + ([f"… {len(said) - 200} more lines; all failures are in the .json"] if len(said) > 200 else [])))
            good &= all(r.ok for r in results)
            if args.native != "never":
                print(part(results, specs))
            print(f"{arch}: {time.monotonic() - start:.1f} s, results in {save(results, arch, mode)}\n", flush=True)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
