# Fixtures: MicroPython with the built pitwasm, 64-bit, 32-bit, and each in turn
# MIT license; Copyright (c) 2026 the pitwasm authors

import pytest

from tools import mp as processes
from tools.mp import MicroPython


@pytest.fixture(scope="session")
def mp64() -> MicroPython:
    return processes.get(64)


@pytest.fixture(scope="session")
def mp32() -> MicroPython:
    return processes.get(32)


@pytest.fixture(scope="session", params=[64, 32], ids=["64-bit", "32-bit"])
def mp(request: pytest.FixtureRequest) -> MicroPython:
    """The test runs once for each word size."""
    return processes.get(request.param)
