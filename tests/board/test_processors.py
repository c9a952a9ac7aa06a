# The official suite on the processors of other boards: Thumb-2 (Pico 2) under qemu-user, RV32 (ESP32-C3) in QEMU
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable

from tools import arm, rv32, spec, suite

LEAST = 3000  # commands on RV32, which comes without files and runs what a Pico is sent


def test_thumb2(record: Callable[[str, str], None]) -> None:
    """All of it; run as on unix (tests/test_spec.py)."""
    results = spec.run_files(suite.files(["core10", "core20", "custom-page-sizes"]), arm.get("armv7m"), "stream", 2)
    assert spec.troubles(results) == []
    totals = spec.totals(results)
    record("suite-armv7m", "Thumb-2: " + ", ".join(f"{name} {group['passed']} of {group['total']}" for name, group in totals.items()))
    assert {"core10", "core20"} <= totals.keys()
    for group in totals.values():
        assert group["passed"] == group["expected"]


def test_rv32(record: Callable[[str, str], None]) -> None:
    tally = rv32.run(suite.files(["core10", "core20"]), LEAST)
    record("suite-rv32", f"RV32: {tally.passed} commands pass, {len(tally.no_room)} have no room, {tally.seconds:.0f} s")
    assert not tally.failures, "\n".join(tally.failures[:20])
    assert tally.passed >= LEAST
    assert len(tally.no_room) < tally.passed // 50, "\n".join(tally.no_room[:20])
