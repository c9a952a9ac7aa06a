# Fixtures: MicroPython with the built pitwasm, 64-bit, 32-bit, and each in turn
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import guests, wasicalls, wat
from tools import aot
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


@pytest.fixture
def run(mp: MicroPython, tmp_path: Path) -> Callable[..., list[str]]:
    """run(script, name=module as text, ...): the lines it prints; what it starts with is tests.wat.START."""

    def _run(text: str, pool: int = 200_000, **texts: str) -> list[str]:
        wat.modules(tmp_path, **texts)
        return mp.out(wat.script(text, pool), cwd=tmp_path).splitlines()

    return _run


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., Path]:
    """images(name=text): NAME.wasm and NAME.pwi in the folder that `run` works in."""

    def make(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.wasm").write_bytes(wat.assemble(text))
            (tmp_path / f"{name}.pwi").write_bytes(aot.image(wat.assemble(text)))
        return tmp_path

    return make


@pytest.fixture
def board(run: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """board(script, name=module as text, ...): as run(), on a board that is pretended; what it starts with is tests.guests.PRELUDE."""

    def on_board(text: str, **modules: str) -> list[str]:
        return run(guests.PRELUDE.replace("\n", "\n        ") + text, **modules)

    return on_board


@pytest.fixture(params=wasicalls.PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> wasicalls.Place:
    """Where WASI calls are made: under wasmtime, in MicroPython, on the filesystems of boards."""
    word = {"64-bit": "mp64", "32-bit": "mp32", "lfs2": "mp32", "fat": "mp32"}.get(request.param)
    return wasicalls.Place(request.param, request.getfixturevalue(word) if word else None, tmp_path)
