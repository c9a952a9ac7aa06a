# Random programs give what wasmtime gives: results to the bit, traps, globals, memory (tools/programs.py); seeds in the failure's text
# MIT license; Copyright (c) 2026 the pitwasm authors
import pytest

from tools import programs
from tools.mp import MicroPython


@pytest.mark.parametrize("first", range(1, 301, 100))
def test_programs_agree_with_wasmtime(mp: MicroPython, first: int) -> None:
    assert programs.run(first, 100, mp) == []


def test_known_hard_ones(mp: MicroPython) -> None:
    """Seeds that once failed: locals and values around slot 248, constants returned behind a br_if."""
    for seed in (2153, 2445, 2461, 2631, 2773):
        assert programs.run(seed, 1, mp) == []
