# A sample of the official suite on the emulated Pico: stock firmware, and frozen firmware for modules with memories
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable

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
