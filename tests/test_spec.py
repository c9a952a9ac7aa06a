# The official suite: core10, core20, core30, custom-page-sizes on 64- and 32-bit: streams, bytes, lazily, images, machine code
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Iterator

import pytest

from tools import mp as processes
from tools import spec, suite
from tools.host import HostError
from tools.suite import EXPECTED, SpecFile

GROUPS = ["core10", "core20", "core30", "custom-page-sizes"]


def _files() -> dict[str, SpecFile]:
    return {file.id: file for file in suite.files(GROUPS)}


try:
    FILES = _files()
    MISSING = None
except HostError as exc:
    FILES = {}
    MISSING = str(exc)
NATIVE = [name for name, file in FILES.items() if file.group != "custom-page-sizes"]


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


@pytest.mark.parametrize("bits", [64, 32], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", FILES)
def test_images(workers: dict, name: str, bits: int) -> None:
    """Every module made into a prepared image first, and loaded from that."""
    _run(workers, name, bits, "image")


@pytest.mark.parametrize("bits", [64, 32], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", NATIVE)
def test_machine_code(workers: dict, name: str, bits: int) -> None:
    """Every function made into machine code when its module is loaded."""
    _run(workers, name, bits, "stream+always")


@pytest.mark.parametrize("bits", [64, 32], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", NATIVE)
def test_hot_functions(workers: dict, name: str, bits: int) -> None:
    """The loop starts; a function it is met in twice, after two units of fuel each, becomes machine code."""
    _run(workers, name, bits, "stream+hot")


# A runtime that takes everything, gives no results, and dies or hangs on its third call.
STUB = """
class PitwasmError(Exception):
    pass
LinkError = LoadError = Trap = ValidationError = PitwasmError
class Instance:
    exports = property(lambda self: self)
    calls = 0
    def __getitem__(self, name):
        return self
    def call_bits(self, *args):
        Instance.calls += 1
        if Instance.calls == 3:
            DIE
        return ()
class Runtime:
    used = high = 0
    _tier = None
    def __init__(self, buf, **options):
        self.pool = self
    def load(self, source, **options):
        return self
    def instantiate(self, module, **options):
        return Instance()
    def register_module(self, name, instance):
        pass
    deinstantiate = unload = lambda self, what: None
"""


@pytest.mark.parametrize("die, how", [("import sys; sys.exit(3)", "ended with status 3"), ("while True: pass", "silent for")])
def test_lost_child_is_a_failure(tmp_path, monkeypatch: pytest.MonkeyPatch, die: str, how: str) -> None:
    """Of the command it was at and of those that needed what it held; the next module goes on in another child."""
    (tmp_path / "pitwasm.py").write_text(STUB.replace("DIE", die))
    monkeypatch.setattr(spec, "SILENCE", 0.5)
    file = next(file for file in FILES.values() if file.name == "int_exprs")
    found = processes.get(64)
    worker = spec.Worker(processes.MicroPython(found.path, 64, tmp_path), "stream")
    result = worker.run(file)
    worker.close()
    assert not result.ok
    assert len(result.lost) == spec.LOSSES
    assert how in result.lost[0]
    assert result.total == len(file.commands)
    first = next(failure for failure in result.failures if how in failure["why"])
    after = [failure for failure in result.failures if failure["command"] == first["command"] + 1]
    assert file.commands[first["command"] + 1]["type"] in spec.FRESH or "not run" in after[0]["why"]
    assert result.passed <= sum(command["type"] in spec.FRESH for command in file.commands)
