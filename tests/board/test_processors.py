# The official suite on the processors of other boards: Thumb-2 (Pico 2) under qemu-user, RV32 (ESP32-C3) and a Cortex-M7 in QEMU
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import aot, arm, boardspec, programs, qemu, spec, suite
from tools.host import ROOT

LEAST = 3000  # commands on RV32, which comes without files and runs what a Pico is sent
NATIVE = frozenset(
    "int_exprs fac call_indirect br_table i32 i64 memory load store labels switch endianness left-to-right".split()
)


def test_thumb2(record: Callable[[str, str], None]) -> None:
    """All of it; run as on unix (tests/test_spec.py)."""
    results = spec.run_files(suite.files(["core10", "core20", "custom-page-sizes"]), arm.get("armv7m"), "stream", 2)
    assert spec.troubles(results) == []
    totals = spec.totals(results)
    record("suite-armv7m", "Thumb-2: " + ", ".join(f"{name} {group['passed']} of {group['total']}" for name, group in totals.items()))
    assert {"core10", "core20"} <= totals.keys()
    for group in totals.values():
        assert group["passed"] == group["expected"]


def test_thumb_machine_code() -> None:
    """The native tier's code for all Cortex-M: files of calls, branches, memory and integers, every function made into machine code."""
    files = [file for file in suite.files(["core10", "core20"]) if file.name in NATIVE]
    assert len(files) == len(NATIVE)
    results = spec.run_files(files, arm.get("armv6m"), "stream+always", 2)
    assert spec.troubles(results) == []
    assert all(result.native for result in results)


@pytest.fixture(scope="module")
def rv32() -> Iterator[list[boardspec.Worker]]:
    """Two machines."""
    with qemu.machines("rv32") as workers:
        yield workers


def run(machines: list[boardspec.Worker], name: str, native: str, record: Callable[[str, str], None]) -> None:
    tally = qemu.run(machines, suite.files(["core10", "core20", "core30"]), LEAST, native)
    ran = f", machine code had a part in {tally.native} of {tally.calls} calls" if native != "never" else ""
    line = f"{name}, native={native!r}: {tally.passed} commands pass, {len(tally.no_room)} have no room{ran}, {tally.seconds:.0f} s"
    record(f"suite-{name}" if native == "never" else f"suite-{name}-{native}", line)
    assert not tally.failures, "\n".join(tally.failures[:20])
    assert tally.passed >= LEAST
    assert len(tally.no_room) < tally.passed // 50, "\n".join(tally.no_room[:20])
    assert native == "never" or tally.native > tally.calls // 2


@pytest.mark.parametrize("native", ["never", "always", "hot"])
def test_rv32(rv32: list[boardspec.Worker], native: str, record: Callable[[str, str], None]) -> None:
    """By the loop; every function made into machine code; those that have used two units of fuel."""
    run(rv32, "rv32", native, record)


def test_cortex_m7(record: Callable[[str, str], None]) -> None:
    """A core with caches: machine code goes through tier.py's way out of them."""
    with qemu.machines("m7") as workers:
        run(workers, "m7", "always", record)
        board = qemu.Qemu(qemu.TARGETS["m7"], {}, frozen=True)
    with board as machine:
        assert machine.connect().exec("from pitwasm import tier\nprint(tier._CACHED)").split() == ["True"]


@pytest.mark.parametrize("name", qemu.TARGETS)
def test_programs(name: str) -> None:
    """Random ones: the loop, machine code, also in slices of fuel, and wasmtime."""
    assert programs.run(30_001, 30, qemu.Machine(name), "always") == []


def test_machine_code_of_an_image(tmp_path: Path) -> None:
    """Made on the host, run by Thumb-1 and Thumb-2: what the loop gives, the fuel too."""
    (tmp_path / "m.pwi").write_bytes(aot.image((ROOT / "bench" / "workloads.wasm").read_bytes(), arch="armv6m"))
    script = """
import pitwasm
for native in (None, "never"):
    rt = pitwasm.Runtime(300_000, native=native)
    e = rt.instantiate(rt.load(open("m.pwi", "rb"))).exports
    rt.fuel = 10**9
    print(bool(rt._tier and rt._tier.used > 1000))
    print(e.fib(12), e.sieve(1), e.crc32(1), e.quicksort(100), e.matmult(1), e.i64loop(100), e.nbody(1), rt.fuel)
"""
    for arch in arm.ARCHS:
        coded, one, looped, other = arm.get(arch).out(script, cwd=tmp_path, heap="8M", timeout=300).splitlines()
        assert (coded, looped) == ("True", "False")
        assert one == other
