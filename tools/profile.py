# What the loop does: code words, pairs and triples that run in many programs, and what each costs on a Cortex-M0+: make profile
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from tools import build, counting, machine
from tools.bench import EXPECTED, WASM
from tools.dis import operations
from tools.host import OUT, ROOT, HostError

PROGRAMS = ROOT / "bench" / "programs"
SAMPLES = ROOT / "samples"
PATH = OUT / "profile.json"
BOARD = OUT / "bench-board.json"

# Every export of one i32 is called, with 8 or what stands here: enough to run for a while.
MODULES = {
    "bench -O2": [WASM],
    "C -O0": [PROGRAMS / f"{name}-O0.wasm" for name in ("workloads", "life", "text", "codec", "sort", "number")],
    "C -Os": [PROGRAMS / "workloads-Os.wasm", *(SAMPLES / name / f"{name}.wasm" for name in ("life", "kit", "desk"))],
    "C -O2": [PROGRAMS / f"{name}-O2.wasm" for name in ("life", "kit", "desk")],
    "Rust": [PROGRAMS / "collections.wasm"],
    "AssemblyScript": [PROGRAMS / "classes.wasm"],
}
ARGUMENTS = {
    **{name: spec["args"][0] for name, spec in json.loads(EXPECTED.read_text()).items()},
    **{"run": 20, "records": 300, "paths": 12, "shapes": 200, "expressions": 7, "counts": 300, "strings": 100, "arrays": 24},
    **{"words": 20, "sort": 200, "table": 200, "tree": 200, "queue": 100, "leb128": 100, "bases": 100, "tape": 1000, "computer": 1000},
    **{"beaver": 1000, "calendar": 500, "fixed": 300, "primes": 40, "maze": 3, "picture": 60, "change": 200, "hanoi": 9, "permutations": 6},
    **{"power": 30, "regex": 1, "queens": 6, "inflate": 0, "hamming": 60, "sip": 40, "wide": 100, "md5": 300, "sha1": 300, "sha256": 300},
}


@dataclass
class Ran:
    """One function of one program."""

    group: str
    name: str
    instructions: int
    counts: counting.Counts


def functions(path: Path) -> dict[str, tuple[list[int], int, int]]:
    """Of each export that takes one i32: its arguments, the result's bits and the instructions executed, as wasmtime has them."""
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, str(path))
    store = wasmtime.Store(engine)
    store.set_fuel(1 << 60)
    exports = wasmtime.Instance(store, module, []).exports(store)
    found = {}
    for export in module.exports:
        if not isinstance(export.type, wasmtime.FuncType) or [str(kind) for kind in export.type.params] != ["i32"]:
            continue
        arguments = [ARGUMENTS.get(export.name, 8)]
        store.set_fuel(1 << 60)
        result = exports[export.name](store, *arguments)
        found[export.name] = arguments, counting.bits(result, str(export.type.results[0])), (1 << 60) - store.get_fuel()
    return found


def run(modules: dict[str, list[Path]]) -> list[Ran]:
    """Every program, its results checked against wasmtime's."""
    machine = counting.machine()
    ran = []
    for group, paths in modules.items():
        for path in paths:
            expected = functions(path)
            counts = counting.count(path, [(name, arguments) for name, (arguments, _, _) in expected.items()], machine)
            for (name, (_, bits, instructions)), found in zip(expected.items(), counts, strict=True):
                if found.results != [bits]:
                    raise HostError(f"{path}: {name} gave {found.results}, wasmtime {bits}")
                ran.append(Ran(group, f"{path.stem} {name}", instructions, found))
    return ran


# ---- tables ------------------------------------------------------------------------------------------------------------------------


def names() -> dict[int, str]:
    """Code -> name, members of families numbered."""
    return {
        code: known[0].name.lower() + (f".{known[1]}" if known[0].bits else "") if known else f"?{code}"
        for code, known in enumerate(operations())
    }


def shares(ran: list[Ran], kind: str) -> Counter[int]:
    """Of words, pairs or triples: parts of all that run, each function of each program counting the same."""
    sums: dict[int, float] = defaultdict(float)
    for one in ran:
        counts: Counter[int] = getattr(one.counts, kind)
        total = one.counts.total
        for key, number in counts.items():
            sums[key] += number / total / len(ran)
    return Counter(sums)


def text_of(key: int, length: int, known: dict[int, str]) -> str:
    return " ".join(known[key >> 8 * i & 255] for i in reversed(range(length)))


def ranking(ran: list[Ran], kind: str, length: int, top: int) -> list[str]:
    """The most frequent, and their share in each group of programs."""
    groups = list(dict.fromkeys(one.group for one in ran))
    parts = {group: shares([one for one in ran if one.group == group], kind) for group in groups}
    known = names()
    width = (16, 34, 52)[length - 1]
    lines = [f"{kind:{width}}{'all':>7}{'sum':>7}" + "".join(f"{group:>15}" for group in groups)]
    total = 0.0
    for key, share in shares(ran, kind).most_common(top):
        total += share
        row = f"{text_of(key, length, known):{width}}{100 * share:7.2f}{100 * total:7.1f}"
        lines.append(row + "".join(f"{100 * parts[group][key]:15.2f}" for group in groups))
    return lines


def overview(ran: list[Ran]) -> list[str]:
    lines = [f"{'program':32}{'group':>16}{'WebAssembly':>14}{'code words':>12}{'instr./word':>12}"]
    for one in ran:
        total = one.counts.total
        lines.append(f"{one.name:32}{one.group:>16}{one.instructions:14,}{total:12,}{one.instructions / total:12.2f}")
    return lines


# ---- machine code ------------------------------------------------------------------------------------------------------------------


def machine_costs() -> dict[int, machine.Cost]:
    """Of each code, in the loop as the Pico runs it."""
    loop = machine.Loop(build.build("armv6m") / "pitwasm" / "loop.mpy")
    return machine.costs(loop, {code: known[0].name for code, known in enumerate(operations()) if known})


def expense(ran: list[Ran], costs: dict[int, machine.Cost]) -> list[str]:
    """Each operation's cost, those first on which most cycles are spent (share x cycles, the middle of the handler's ways)."""
    part = shares(ran, "words")
    each = {code: c.dispatch[1] + (c.least[1] + c.most[1]) / 2 for code, c in costs.items()}
    total = sum(part[code] * each[code] for code in costs)
    known = names()
    lines = [
        "Cost on a Cortex-M0+ without wait states, from the loop's machine code: tests before the handler; instructions and cycles of",
        "fetch and dispatch, and of the handler with its way back, the cheapest and the dearest (not taken, taken backward with fuel);",
        "* and what it calls. Time: share of the cycles, over all programs.",
        "",
        f"{'word':16}{'words %':>9}{'time %':>8}{'tests':>7}{'dispatch':>14}{'handler, least':>18}{'most':>14}",
    ]
    for code in sorted(costs, key=lambda code: -part[code] * each[code]):
        if not part[code]:
            continue
        c = costs[code]
        row = f"{known[code]:16}{100 * part[code]:9.2f}{100 * part[code] * each[code] / total:8.2f}{c.tests:7}"
        row += "".join(f"{n:>{w}}{cycles:>7}" for (n, cycles), w in ((c.dispatch, 7), (c.least, 11), (c.most, 7)))
        lines.append(row + (" *" if c.calls else ""))
    sums = [0.0] * 4
    for code, c in costs.items():
        for i, value in enumerate((c.tests, c.dispatch[1], c.least[1], c.most[1])):
            sums[i] += part[code] * value
    weight = sum(part[code] for code in costs)
    tests, dispatch, least, most = (value / weight for value in sums)
    lines += ["", f"a word, on average: {tests:.2f} tests, {dispatch:.1f} cycles of dispatch, {least:.1f} to {most:.1f} of handler"]
    lines += [f"not weighed: {', '.join(known[code] for code in part if code not in costs)}"]
    return lines


def estimate(counts: counting.Counts, costs: dict[int, machine.Cost]) -> tuple[int, int]:
    """Cycles of all words, by the cheapest and by the dearest ways through their handlers; without what they call."""
    words = [(costs[code], n) for code, n in counts.words.items() if code in costs]
    return sum(n * (c.dispatch[1] + c.least[1]) for c, n in words), sum(n * (c.dispatch[1] + c.most[1]) for c, n in words)


def predicted(ran: list[Ran], costs: dict[int, machine.Cost]) -> list[str]:
    """The workloads' cycles from counts and costs, beside what make bench-board measured last: what both are worth."""
    if not BOARD.exists():
        return ["no measured cycles to compare with: make bench-board"]
    measured = json.loads(BOARD.read_text())
    lines = [f"{'workload':16}{'measured':>13}{'from counts and costs':>28}{'the rest, a word':>20}"]
    for one in ran:
        name = one.name.removeprefix("workloads ")
        if one.group != "bench -O2" or name not in measured:
            continue
        low, high = estimate(one.counts, costs)
        rest = (measured[name] - (low + high) / 2) / one.counts.total
        lines.append(f"{name:16}{measured[name]:13,}{low:14,}{high:14,}{rest:20.1f}")
    return lines


def markdown(ran: list[Ran], costs: dict[int, machine.Cost], top: int) -> str:
    """The tables of docs/profile.md: percent over all programs, in brackets over the workloads alone; and cycles."""
    known = names()
    own = [one for one in ran if one.group == next(iter(MODULES))]
    columns = []
    for kind, length in (("words", 1), ("pairs", 2), ("triples", 3)):
        part = shares(own, kind)
        found = shares(ran, kind).most_common(top)
        columns.append([f"{text_of(k, length, known)} {100 * share:.2f} ({100 * part[k]:.2f})" for k, share in found])
    lines = ["| words | pairs | triples |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in zip(*columns, strict=True)]
    lines += ["", "| word | tests | dispatch | handler |", "|---|---|---|---|"]
    for code, _ in shares(ran, "words").most_common(top):
        if code in costs:
            c = costs[code]
            handler = f"{c.least[1]}" if c.least == c.most else f"{c.least[1]}-{c.most[1]}"
            lines.append(f"| {known[code]} | {c.tests} | {c.dispatch[1]} | {handler}{' *' if c.calls else ''} |")
    return "\n".join(lines)


def save(ran: list[Ran], costs: dict[int, machine.Cost]) -> None:
    """build/profile.json: shares by name over all programs and by group, costs, counts of each program."""
    known = names()
    groups = {"all": ran, **{group: [one for one in ran if one.group == group] for group in dict.fromkeys(one.group for one in ran)}}
    kinds = (("words", 1, 256), ("pairs", 2, 400), ("triples", 3, 400))
    found = {
        "shares": {
            group: {
                kind: {text_of(key, n, known): round(share, 7) for key, share in shares(members, kind).most_common(top)}
                for kind, n, top in kinds
            }
            for group, members in groups.items()
        },
        "costs": {known[code]: vars(cost) for code, cost in costs.items()},
        "programs": [
            {
                "group": one.group,
                "name": one.name,
                "instructions": one.instructions,
                "words": {known[code]: n for code, n in one.counts.words.most_common()},
            }
            for one in ran
        ],
    }
    PATH.write_text(json.dumps(found, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.profile", description="Count the code words that run in many programs.")
    parser.add_argument("--top", type=int, default=40, metavar="N", help="rows of each table (default 40)")
    parser.add_argument("--groups", help=f"comma-separated: {', '.join(MODULES)}")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/profile.md instead")
    args = parser.parse_args(argv)
    modules = {name: MODULES[name] for name in args.groups.split(",")} if args.groups else MODULES
    try:
        ran = run(modules)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    costs = machine_costs()
    if args.markdown:
        print(markdown(ran, costs, args.top))
        return 0
    lines = overview(ran)
    for kind, length in (("words", 1), ("pairs", 2), ("triples", 3)):
        lines += ["", *ranking(ran, kind, length, args.top)]
    lines += ["", *expense(ran, costs), "", *predicted(ran, costs)]
    print("\n".join(lines))
    if not args.groups:
        save(ran, costs)
        print(f"\nall in {PATH.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
