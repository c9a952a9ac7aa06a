# Fixtures for the command line: it runs in this process, its board is MicroPython's unix port, 64- and 32-bit
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.kit import BLINK, CAT, HOSTED, MATHS, PAIR
from tests.wat import modules
from tools.cli import main, transport
from tools.cli.transport import Link
from tools.cli.unixport import UnixTransport
from tools.mp import MicroPython


@pytest.fixture(autouse=True)
def place(mp: MicroPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both sides work in a folder of the test's; the board has the pitwasm built for it."""
    modules(tmp_path, maths=MATHS, pair=PAIR, hosted=HOSTED, blink=BLINK, cat=CAT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROPYPATH", str(mp.packages))
    monkeypatch.setenv("PITWASM_PORT", f"unix:{mp.path}")
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """cli(words): (status, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def link(mp: MicroPython) -> Iterator[Link]:
    found = transport.open_link(f"unix:{mp.path}")
    yield found
    found.close()


@pytest.fixture
def wire(mp: MicroPython, place: Path) -> Iterator[str]:
    """A serial port with a board behind it: a MicroPython's pseudo-terminal, copied to and from another."""
    inner = UnixTransport(f"unix:{mp.path}")
    inner.enter_raw_repl(soft_reset=False)  # it has started
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def copy(source: int, target: int) -> None:
        try:
            while data := os.read(source, 4096):
                os.write(target, data)
        except OSError:
            pass
        os.close(source)
        os.close(target)

    # With descriptors of their own: a number that is free again would soon be that of the next test's terminal.
    pairs = ((inner.serial.fd, ours), (ours, inner.serial.fd))
    threads = [threading.Thread(target=copy, args=(os.dup(source), os.dup(target)), daemon=True) for source, target in pairs]
    for thread in threads:
        thread.start()
    yield os.ttyname(theirs)
    inner.close()
    os.close(theirs)
    os.close(ours)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
