# The official suite: core10, core20 and core30 whole on 64- and 32-bit, modules loaded from streams, from bytes and lazily
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Iterator

import pytest

from tools import mp as processes
from tools import spec, suite
from tools.host import HostError
from tools.suite import EXPECTED, SpecFile

GROUPS = ["core10", "core20", "core30"]


def _files() -> dict[str, SpecFile]:
    return {file.id: file for file in suite.files(GROUPS)}


try:
    FILES = _files()
    MISSING = None
except HostError as exc:
    FILES = {}
    MISSING = str(exc)


@pytest.fixture(scope="session")
def workers() -> Iterator[dict]:
    """One child for each word size and way of loading, for as many files as it lives."""
    found: dict[tuple[int, str], spec.Worker] = {}
    yield found
    for worker in found.values():
        worker.close()


def _run(workers: dict, name: str, bits: int, mode: str) -> None:
    if (bits, mode) not in workers:
        workers[bits, mode] = spec.Worker(processes.get(bits), mode)
    result = workers[bits, mode].run(FILES[name])
    assert result.ok, "\n".join(spec.troubles([result]))


def test_suite_is_complete() -> None:
    """Nothing is skipped but text-format modules: every group has as many commands as it should."""
    assert MISSING is None, MISSING
    groups = {file.group for file in FILES.values()}
    for group in groups:
        total = sum(len(suite.read(SpecFile(file.group, file.name, file.path, file.strict)).commands) for file in suite.files([group]))
        assert total == EXPECTED[group]


@pytest.mark.parametrize("bits", [64, 32], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", FILES)
def test_stream(workers: dict, name: str, bits: int) -> None:
    """Loaded from a stream, as from a file."""
    _run(workers, name, bits, "stream")


@pytest.mark.parametrize("name", FILES)
def test_drip(workers: dict, name: str) -> None:
    """Loaded from a stream that gives a few bytes at a time."""
    _run(workers, name, 32, "drip")


@pytest.mark.parametrize("name", FILES)
def test_lazy(workers: dict, name: str) -> None:
    """Loaded from bytes, each function translated when it is first called."""
    _run(workers, name, 64, "lazy")
