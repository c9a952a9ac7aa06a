# The command line on the emulated Pico: the same commands as on MicroPython's unix port (tests/cli), through mpremote's transport
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.kit import BLINK, CAT, MATHS, PAIR, fails
from tests.wat import modules
from tools.cli import main
from tools.emulator import Emulator
from tools.host import ROOT

PROGRAM = """
import sys
from pitwasm import Runtime
from pitwasm.uart import UartReader
rt = Runtime(16000)
rt.set_module_reader(UartReader(sys.stdin.buffer, sys.stdout.buffer))
with open("modules/pair.wasm", "rb") as f:
    print("three:", rt.instantiate(rt.load(f, "pair")).exports.three())
"""


@pytest.fixture
def cli(pico: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Iterator[Callable]:
    """cli(words): (status, stdout, stderr)."""
    modules(tmp_path, maths=MATHS, pair=PAIR, blink=BLINK, cat=CAT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PITWASM_PORT", pico.url)
    pico.release()

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    yield run


def test_install_and_modules(cli: Callable) -> None:
    status, out, err = cli("install")
    assert (status, err) == (0, "") and "Pico" in out and "pitwasm for armv6m" in out and "\n0 files copied" in out
    assert cli("push", "maths.wasm", "pair.wasm")[0] == 0
    assert "2 modules in modules" in cli("ls")[1]
    assert cli("call", "pair", "three")[1] == "3:i32\n"
    assert cli("rm", "pair")[0] == 0
    fails(cli("call", "pair", "three"), "there is no pair on the board")


def test_calls_and_failures(cli: Callable) -> None:
    assert cli("call", "maths.wasm", "all", -7, 0.1, 1e300, "null")[1] == "null:externref\n1e+300:f64\n0.1:f32\n-7:i64\n"
    fails(cli("call", "maths.wasm", "divide", 0), "integer divide by zero", "\n  at maths!divide+")
    fails(cli("call", "--pool", "1K", "maths.wasm", "add", 1, 1), "too large for the pool of 1,024 bytes")
    fails(cli("call", "--pool", "300K", "maths.wasm", "add", 1, 1), "no room on the board's heap for a pool of 307,200 bytes")
    fails(cli("call", "blink.wasm", "open", 25), "not granted")
    assert cli("call", "--grant", "pin:25=out", "blink.wasm", "open", 25)[1] == "1:i32\n"


def test_run_and_map(cli: Callable, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tools.cli", "run", "cat.wasm"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environ, input="one\ntwo\n", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "one\ntwo\n", "")
    status, out, _ = cli("map", "--svg", tmp_path / "pool.svg", "maths.wasm")
    assert status == 0 and "memory" in out and (tmp_path / "pool.svg").read_text().startswith("<svg")


def test_stopped(cli: Callable) -> None:
    words = [sys.executable, "-m", "tools.cli", "call", "maths.wasm", "spin"]
    child = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    time.sleep(12)
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 130 and b"stopped" in child.stderr.read()
    assert cli("call", "maths.wasm", "add", 1, 2)[1] == "3:i32\n"


def test_serve_on_the_line_of_the_repl(cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    assert cli("push", "pair.wasm")[0] == 0
    status, out, err = cli("serve", tmp_path, "--program", "main.py")
    assert status == 0 and "three: 3" in out, err


def test_bench(cli: Callable) -> None:
    status, out, err = cli("bench", "--ms", 20)
    assert (status, err) == (0, "") and "987:i32" in out and "457:i32" in out
