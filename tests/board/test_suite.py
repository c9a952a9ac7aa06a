# A sample of the official suite on the emulated Pico: stock firmware, and frozen firmware for modules with memories
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable

import pytest

from tools import boardspec, suite
from tools.emulator import Emulator

LEAST = 3000
SEED = 1


def test_sample(boot: Callable[[str], Emulator], record: Callable[[str, str], None]) -> None:
    jobs = boardspec.sample(suite.files(["core10", "core20"]), LEAST + 300, SEED)
    with boot("stock") as stock, boot("frozen") as frozen:
        tally = boardspec.run(jobs, [boardspec.prepare(stock, "stock"), boardspec.prepare(frozen, "frozen")])
    record("suite-board", boardspec.short(tally))
    assert not tally.failures, "\n".join(tally.failures[:20])
    assert tally.passed >= LEAST
    # Memories of three pages and more are beyond the RAM of a Pico; that is little of the suite.
    assert len(tally.no_room) < tally.passed // 50, "\n".join(tally.no_room[:20])


@pytest.mark.parametrize("native, step", [("always", 1), ("hot", 4)])
def test_machine_code(boot: Callable[[str], Emulator], record: Callable[[str, str], None], native: str, step: int) -> None:
    """Of every file what hangs together and a module with its calls: all functions become machine code that have room for it. Of every
    fourth file: those that have used two units of fuel."""
    jobs = boardspec.sample(suite.files(["core10", "core20", "core30"])[::step], 1, SEED)
    with boot(boardspec.firmware_of("stock", native)) as one, boot("frozen") as two:
        workers = [boardspec.prepare(one, "stock", native), boardspec.prepare(two, "frozen", native)]
        tally = boardspec.run(jobs, workers, f"stream+{native}")
    part = f"machine code had a part in {tally.native} of {tally.calls} calls"
    record(f"suite-board-{native}", f"native={native!r}\n{boardspec.short(tally)}\n{part}, {tally.seconds:.0f} s")
    assert not tally.failures, "\n".join(tally.failures[:20])
    assert tally.native > tally.calls // 3  # many calls take less than two units of fuel
    assert len(tally.no_room) < tally.passed // 50, "\n".join(tally.no_room[:20])
