# The emulated Picos of the board tests: make test-board. Not collected by make test
# MIT license; Copyright (c) 2026 the pitwasm authors

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import dist, firmware
from tools.emulator import Emulator
from tools.host import OUT


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make dist makes for a Pico; next to it the other architectures'."""
    folders = dist.make(tmp_path_factory.mktemp("dist"))
    (OUT / "dist.txt").write_text(dist.table(folders) + "\n")
    return next(folder for folder in folders if folder.name == "armv6m")


@pytest.fixture(scope="session")
def server(packages: Path) -> Iterator[str]:
    """A web server with the packages."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=packages.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """The flash of a stock Pico with all of pitwasm in /lib, as mip installs it from the web server, to start others from."""
    flash = tmp_path_factory.mktemp("flash") / "installed.img"
    with Emulator(flash=flash) as pico:
        pico.mpremote("mip", "install", f"{server}/armv6m/package-all.json")
    return flash


@pytest.fixture(scope="session")
def boot(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Emulator]:
    """A Pico for a `with` statement: "bare", "stock" (with pitwasm in /lib) or "frozen" (with pitwasm in the firmware)."""

    def prepare(kind: str) -> Emulator:
        flash = tmp_path_factory.mktemp("flash") / "flash.img"
        if kind == "stock":
            shutil.copy2(installed, flash)
        return Emulator(firmware.firmware(frozen=kind == "frozen"), flash)

    return prepare


@pytest.fixture(scope="module")
def pico(boot: Callable[[str], Emulator]) -> Iterator[Emulator]:
    """A stock Pico with pitwasm installed."""
    with boot("stock") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def record() -> Callable[[str, str], None]:
    """Keeps a table: in build/<name>.txt, and on the terminal at the end."""

    def keep(name: str, text: str) -> None:
        (OUT / f"{name}.txt").write_text(text + "\n")
        TABLES.append(text)

    return keep


TABLES: list[str] = []


def pytest_terminal_summary(terminalreporter) -> None:
    for text in TABLES:
        terminalreporter.write_line("\n" + text)
