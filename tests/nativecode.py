# Machine code of the native tier for the tests that verify it: what is made of all modules at hand, and what damage to it is seen
# MIT license; Copyright (c) 2026 the pitwasm authors
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.nativeproof import Function, Ins
from tools import aot, mp, programs, suite
from tools.host import ROOT

CHILD = ROOT / "tests" / "device" / "native_child.py"


def modules() -> list[Path]:
    """Every module in the repository: benchmarks, samples, examples, guests, tests."""
    return sorted(path for folder in ("bench", "samples", "examples", "guests", "tests") for path in (ROOT / folder).rglob("*.wasm"))


@cache
def suite_modules() -> list[Path]:
    """The modules of the official suite that are to be loaded, the same one once."""
    found: dict[bytes, Path] = {}
    for spec in suite.files(["core10", "core20", "core30"]):
        for command in suite.read(spec).commands:
            if command["type"] == "module":
                path = spec.path.parent / command["filename"]
                found.setdefault(path.read_bytes(), path)
    return list(found.values())


def random_modules(folder: Path, first: int, count: int) -> list[Path]:
    paths = []
    for seed in range(first, first + count):
        paths.append(folder / f"{seed}.wasm")
        paths[-1].write_bytes(programs.Program(seed).wasm)
    return paths


def dump(paths: list[Path], arch: str = "x64", calls: bool = True) -> list[dict]:
    """What the tier makes of each function (native_child.py); calls: of routines for floats, 64-bit division and the like, or they are
    the loop's."""
    machine = replace(mp.get(aot.MACHINES[arch][1]), packages=aot.assembler(arch))
    done = machine.run([CHILD, *([] if calls else ["--loop"]), *paths], heap="96M", timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def prove(form: type[Function], arch: str, paths: list[Path], functions: int, accesses: int, calls: bool = True) -> Counter[str]:
    """All of it, and that there is as much to prove as was found once: functions, accesses of memory 0. How much of each kind."""
    kinds: Counter[str] = Counter()
    bad = []
    reached = written = 0
    made = dump(paths, arch, calls)
    for found in made:
        f = form(found)
        bad += f.proof()
        reached += len(f.reached)
        written += len(f.ins)
        kinds.update({kind: len(which) for kind, which in f.kinds.items()})
    assert bad == []
    assert len(made) >= functions and reached > 0.8 * written
    assert kinds["memory load"] + kinds["memory store"] >= accesses
    return kinds


@cache
def proved(form: type[Function], path: Path, arch: str) -> list[Function]:
    """The functions of a module whose proof there is, to damage them."""
    functions = [form(found) for found in dump([path], arch)]
    assert [line for f in functions for line in f.proof()] == []
    return functions


def missed(functions: list[Function], changes: Callable[[Function], Iterator[dict[int, bytes]]]) -> tuple[int, list[str]]:
    """Each change of these functions alone, by place: how many there are, and those that the proof does not see.

    Of several places it is the last one that counts: what is wrong has to be less than 48 bytes behind it."""
    count = 0
    unseen = []
    for f in functions:
        for change in changes(f):
            count += 1
            code = bytearray(f.code)
            for place, data in change.items():
                code[place:place + len(data)] = data
            other = type(f)({**f.found, "code": code.hex()})
            other.proof()
            last = max(change)
            if bytes(code) == f.code or not any(len(change) == 1 or last <= place < last + 48 for place in other.places):
                unseen.append(f"function {f.found['number']} {last:#x}: {change[last].hex()}")
    return count, unseen


def kinds(f: Function, *names: str) -> list[Ins]:
    """The instructions of which something of these kinds was proved, each once."""
    return list({i.address: i for name in names for i in f.kinds.get(name, [])}.values())


def before(f: Function, i: Ins, n: int = 1) -> Ins:
    return f.ins[f.index[i.address] - n]


def words_beyond(f: Function) -> Iterator[dict[int, bytes]]:
    """The copies of code words that routines get: a slot that is none, another operation."""
    for i in kinds(f, "routine"):
        yield {i.address + 5: b"\xf7"}
        yield {i.address + 4: b"\xff"}
