# The official suite on a board: a seeded sample of it, or all that has room there
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import base64
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools import build, firmware, suite
from tools.board import Board, BoardError, BoardLost
from tools.child import DEVICE
from tools.emulator import Emulator
from tools.host import OUT, HostError
from tools.suite import SpecFile

# Jobs whose modules have memories need pages of 64 KB: they run on the firmware with pitwasm in it, whose heap has room for two.
# The others run on stock firmware, pitwasm loaded from .mpy files into RAM. What has no room there is run again on the other
# firmware; what MicroPython's heap had no room for is run a last time with a small pool.
POOLS = {"stock": 28 * 1024, "frozen": 176 * 1024, "roomy": 96 * 1024}
# With machine code, all of them run on the firmware with pitwasm in it: its files take some 22 KB, and it goes to the pool.
NATIVE_POOLS = {"stock": 96 * 1024, "frozen": 184 * 1024, "roomy": 96 * 1024}
ORDER = tuple(POOLS)
SILENCE = 120.0  # seconds a board may work on one command
WINDOW = 4000  # bytes of commands sent ahead of their answers: what the emulator and USB buffer gladly

# Commands that need nothing of the others, and change nothing for them.
ALONE = ("assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable")

# Of a group with more commands than this, so many are sampled, in files of functions without state.
MOST = 60
PURE = frozenset(
    "f32 f32_bitwise f32_cmp f64 f64_bitwise f64_cmp i32 i64 int_exprs int_literals float_literals float_misc conversions const".split()
)


@dataclass
class Job:
    """Commands of one file that are run one after the other in one runtime."""

    spec: SpecFile
    numbers: list[int]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """What is sent for each command."""
        for number in self.numbers:
            command = json.loads(self.spec.lines[number])
            data = self.module(number)
            if data is not None:
                command[2] = f"@{len(data)}"
            text = json.dumps(command, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            yield number, text if data is None else text + base64.b64encode(data) + b"\n"

    def module(self, number: int) -> bytes | None:
        """The module that a command loads."""
        command = json.loads(self.spec.lines[number])
        if len(command) > 2 and isinstance(command[2], str) and command[2].endswith(".wasm"):
            return Path(command[2]).read_bytes()
        return None

    def kind(self) -> str:
        """The firmware it runs on."""
        modules = [self.module(number) for number in self.numbers]
        return "frozen" if any(data and has_memory(data) for data in modules) else "stock"

    def spectest_cap(self) -> int:
        """Bytes that the memory of the test host's module gets: all of its page only where it is imported."""
        modules = [self.module(number) for number in self.numbers]
        return 65536 if any(data and b"\x08spectest\x06memory" in data for data in modules) else 64


def has_memory(wasm: bytes) -> bool:
    """Does it define or import a memory? (A section 5 in what may be no module at all; an import of a memory ends in 02 and limits.)"""
    at = 8
    while at < len(wasm):
        kind, size, shift = wasm[at], 0, 0
        at += 1
        while at < len(wasm):
            byte = wasm[at]
            size |= (byte & 127) << shift
            shift += 7
            at += 1
            if byte < 128:
                break
        if kind == 5 or (kind == 2 and b"mem" in wasm[at : at + size]):
            return True
        at += size
    return False


@dataclass
class Tally:
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    no_room: list[str] = field(default_factory=list)  # of these commands nothing was learnt
    by_file: dict[str, list[int]] = field(default_factory=dict)  # passed, without room
    high: int = 0
    calls: int = 0
    native: int = 0  # … that machine code had a part in
    heap: int = 1 << 30  # least heap free after a job
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.no_room += other.no_room
        for name, counts in other.by_file.items():
            mine = self.by_file.setdefault(name, [0, 0])
            mine[:] = [a + b for a, b in zip(mine, counts, strict=True)]
        self.high = max(self.high, other.high)
        self.calls += other.calls
        self.native += other.native
        self.heap = min(self.heap, other.heap)


def hangs_together(spec: SpecFile) -> bool:
    """Do modules of a file refer to each other?"""
    return any(_names(command) for command in suite.read(spec).commands)


def _names(command: dict) -> bool:
    return command["type"] in ("register", "module_definition", "module_instance") or bool(command.get("name"))


def units(spec: SpecFile) -> tuple[list[int], list[list[int]]]:
    """The numbers of a file's commands: those that others may need, and groups that can be left out."""
    suite.read(spec)
    base: list[int] = []
    groups: list[list[int]] = []
    current = base
    for number, command in enumerate(spec.commands):
        if command["type"] in ALONE and not hangs_together(spec):
            groups.append([number])
        elif command["type"] == "module":
            current = [number]
            groups.append(current)
        else:
            current.append(number)
        if _names(command) and current is not base:
            base += current
            groups = [group for group in groups if group is not current]
            current = base
    return base, groups


def sample(specs: list[SpecFile], least: int, seed: int) -> list[Job]:
    """At least so many commands: of every file what hangs together and a module with its calls, then groups at random."""
    rng = random.Random(seed)
    jobs: list[Job] = []
    others: list[tuple[Job, list[int]]] = []
    for spec in specs:
        base, groups = units(spec)
        if spec.name in PURE:
            groups = [group if len(group) <= MOST else [group[0], *sorted(rng.sample(group[1:], MOST))] for group in groups]
        several = [group for group in groups if len(group) > 1] or groups
        first = rng.choice(several) if several else []
        jobs.append(Job(spec, base + first))
        others += [(jobs[-1], group) for group in groups if group is not first]
    rng.shuffle(others)
    total = sum(len(job.numbers) for job in jobs)
    while others and total < least:
        job, group = others.pop()
        job.numbers += group
        total += len(group)
    for job in jobs:
        job.numbers.sort()
    return [job for job in jobs if job.numbers]


def whole(specs: list[SpecFile]) -> list[Job]:
    return [Job(spec, list(range(len(suite.read(spec).commands)))) for spec in specs]


class BoardChild:
    """tests/device/board_child.py on a board."""

    def __init__(self, board: Board, pool: int):
        self.board = board
        self.grows = False
        board.start(f"buf = globals().get('buf') or bytearray({pool})\nimport board_child\nboard_child.main(buf)")

    def run(self, job: Job, mode: str = "stream") -> Tally:
        tally = Tally(calls=sum(suite.is_call(job.spec.commands[number]) for number in job.numbers))
        counts = tally.by_file.setdefault(job.spec.id, [0, 0])
        spectest = base64.b64encode((DEVICE / "spectest.wasm").read_bytes()).decode()
        head = {"spectest": spectest, "cap": job.spectest_cap(), "mode": mode}
        self.board.send(json.dumps(head).encode() + b"\n")
        self.grows = False
        waiting: list[tuple[int, int]] = []  # (number, bytes) of the commands sent that have not been answered
        blocked = False
        for number, text in job.lines():
            while waiting and sum(size for _, size in waiting) + len(text) > WINDOW:
                blocked = self._answer(job, tally, counts, waiting.pop(0)[0], blocked)
            self.board.send(text)
            waiting.append((number, len(text)))
        for number, _ in waiting:
            blocked = self._answer(job, tally, counts, number, blocked)
        self.board.send(b'[0,"end"]\n')
        word, left, high, heap, native = self._receive().split(" ")
        tally.high, tally.heap, tally.native = int(high), int(heap), int(native)
        if word != "end" or (left != "0" and not blocked):
            tally.failures.append(f"{job.spec.id}: after freeing everything: {left} bytes of the pool in use")
        return tally

    def _receive(self) -> str:
        line = self.board.receive(SILENCE)
        if line is None:
            raise BoardLost("the program on the board has ended")
        return line

    def _answer(self, job: Job, tally: Tally, counts: list[int], number: int, blocked: bool) -> bool:
        """Take in one answer. blocked: a module had no room, so that nothing of it can be tested until the next one."""
        answer = self._receive()
        said, _, why = answer.partition(" ")
        where = f"{job.spec.id}:{job.spec.commands[number]['line']}: {job.spec.commands[number]['type']}"
        if said != str(number):
            raise BoardLost(f"{where}: the board said {answer!r}")
        if job.spec.commands[number]["type"] in ("module", "module_definition"):
            together = hangs_together(job.spec)
            blocked = blocked and together
            self.grows = self.grows and together or b"\x40\0" in (job.module(number) or b"")  # memory.grow, which may say no here
        if not why:
            tally.passed += 1
            counts[0] += 1
        elif why.startswith("room ") or blocked or self.grows:
            tally.no_room.append(f"{where}: {why}")
            counts[1] += 1
            blocked = True
        else:
            tally.failures.append(f"{where}: {why}")
        return blocked

    def close(self) -> None:
        self.board.send(b"quit\n")
        if self.board.receive(30) is not None:
            raise BoardLost("the program on the board did not end")


def child_files(arch: str) -> dict[str, bytes]:
    """The programs to put on the board, compiled: it need not do that."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("spec_child", "board_child"):
            target = Path(folder) / f"{name}.mpy"
            command = [build.mpy_cross(), f"-march={arch}", "-O3", "-o", target, DEVICE / f"{name}.py"]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise HostError(done.stderr)
            found[f"{name}.mpy"] = target.read_bytes()
    return found


@dataclass
class Worker:
    """A board that is prepared; for each pool it gets, one after the other, the kinds of jobs it then runs."""

    board: Board
    pools: list[tuple[int, tuple[str, ...]]]


class Queues:
    """Jobs by kind, the longest first. Those that had no room go on to the next kind that somebody runs."""

    def __init__(self, jobs: list[Job], workers: list[Worker]):
        self.jobs = {kind: sorted((job for job in jobs if job.kind() == kind), key=lambda job: len(job.numbers)) for kind in ORDER}
        self.served = {kind for worker in workers for _, kinds in worker.pools for kind in kinds}
        self.busy = dict.fromkeys(ORDER, 0)
        self.changed = threading.Condition()
        self.tally = Tally()
        self.errors: list[Exception] = []

    def take(self, kinds: tuple[str, ...]) -> tuple[str, Job] | None:
        """A job of one of these kinds; None when no more can come."""
        earlier = ORDER[: ORDER.index(kinds[-1])]
        with self.changed:
            while not self.errors:
                for kind in kinds:
                    if self.jobs[kind]:
                        self.busy[kind] += 1
                        return kind, self.jobs[kind].pop()
                if not any(self.jobs[kind] and kind in self.served or self.busy[kind] for kind in earlier):
                    return None
                self.changed.wait()
        return None

    def done(self, kind: str, job: Job, result: Tally) -> None:
        with self.changed:
            self.busy[kind] -= 1
            then = dict(zip(ORDER, ORDER[1:], strict=False)).get(kind)
            if then in self.served and (kind == "stock" or any("memory allocation" in why for why in result.no_room)) and result.no_room:
                self.jobs[then].append(job)
                result = Tally(failures=result.failures, high=result.high, heap=result.heap)
            self.tally.add(result)
            self.changed.notify_all()

    def fail(self, exc: Exception) -> None:
        with self.changed:
            self.errors.append(exc)
            self.changed.notify_all()


def run(jobs: list[Job], workers: list[Worker], mode: str = "stream") -> Tally:
    """Run jobs on several boards at once."""
    queues = Queues(jobs, workers)
    start = time.monotonic()

    def work(worker: Worker) -> None:
        try:
            child = None
            for pool, kinds in worker.pools:
                if child:
                    child.close()
                    worker.board.soft_reset()
                child = None
                while taken := queues.take(kinds):
                    child = child or BoardChild(worker.board, pool)
                    queues.done(*taken, child.run(taken[1], mode))
            if child:
                child.close()
        except Exception as exc:
            queues.fail(exc)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if queues.errors:
        raise queues.errors[0]
    queues.tally.seconds = time.monotonic() - start
    return queues.tally


def prepare(pico: Emulator, kind: str, native: str = "never") -> Worker:
    """Put on a fresh emulated Pico what the tests of a kind need; its firmware is to be firmware_of()'s."""
    board = pico.board
    if firmware_of(kind, native) == "stock":
        board.put_tree(build.build("armv6m") / "pitwasm", "/lib/pitwasm")
    board.put_all({"/" + name: data for name, data in child_files("armv6m").items()})
    board.soft_reset()
    pools = POOLS if native == "never" else NATIVE_POOLS
    return Worker(board, [(pools[place], (place,)) for place in pools if (place == "stock") == (kind == "stock")])


def firmware_of(kind: str, native: str) -> str:
    return kind if native == "never" else "frozen"


def table(tally: Tally) -> str:
    rows = [f"{'file':34}{'passed':>8}{'no room':>9}"]
    rows += [f"{name:34}{passed:8}{room:9}" for name, (passed, room) in sorted(tally.by_file.items())]
    rows.append(f"{'all':34}{tally.passed:8}{len(tally.no_room):9}   failed {len(tally.failures)}, {tally.seconds:.0f} s")
    rows.append(f"pool: at most {tally.high} bytes in use; heap free after a job: at least {tally.heap}")
    rows.append(f"machine code had a part in {tally.native} of {tally.calls} calls")
    return "\n".join(rows)


def short(tally: Tally) -> str:
    """The totals, and the files of which something had no room."""
    groups: dict[str, list[int]] = {}
    for name, counts in tally.by_file.items():
        group = groups.setdefault(name.partition("/")[0], [0, 0])
        group[:] = [a + b for a, b in zip(group, counts, strict=True)]
    rows = [f"{'':24}{'passed':>8}{'no room':>9}{'failed':>8}"]
    for name, (passed, room) in sorted(groups.items()):
        failed = sum(failure.startswith(name) for failure in tally.failures)
        rows.append(f"{name:24}{passed:8,}{room:9}{failed:8}")
    rows += [f"  {name:22}{passed:8,}{room:9}" for name, (passed, room) in sorted(tally.by_file.items()) if room]
    return "\n".join(rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.boardspec", description="Run the WebAssembly suite on the emulated Pico.")
    parser.add_argument("--groups", default="core10,core20", help="comma-separated (default core10,core20)")
    parser.add_argument("--file", help="only the files of this name")
    parser.add_argument("--sample", type=int, metavar="N", help="a sample of at least N commands (default: everything)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=("stream", "bytes"), default="stream")
    parser.add_argument("--native", choices=("never", "hot", "always"), default="never", help="machine code (default: never)")
    args = parser.parse_args(argv)
    try:
        files = suite.files(args.groups.split(","), args.file)
        jobs = sample(files, args.sample, args.seed) if args.sample else whole(files)
        images = [firmware.firmware(frozen=firmware_of(kind, args.native) == "frozen") for kind in ("stock", "frozen")]
        with Emulator(images[0]) as one, Emulator(images[1]) as two:
            workers = [prepare(one, "stock", args.native), prepare(two, "frozen", args.native)]
            tally = run(jobs, workers, f"{args.mode}+{args.native}")
    except (HostError, BoardError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(table(tally))
    print("\n".join(tally.failures[:50] + tally.no_room[:50]))
    if not args.sample and not args.file and args.native == "never":
        (OUT / "suite-whole.txt").write_text(short(tally) + "\n")
    (OUT / "spec-board.json").write_text(json.dumps(vars(tally), indent=1) + "\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
