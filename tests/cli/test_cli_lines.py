# Finding the board and talking to it: ports, transports, serve, repl; words of the command line
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.kit import fails
from tools.cli import grants, transport, values
from tools.cli.errors import CliError, DeviceError, Usage, explain
from tools.cli.transport import Link
from tools.host import ROOT
from tools.mp import MicroPython

# ---- serve, repl, devices --------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pitwasm import Runtime
from pitwasm.uart import UartReader
rt = Runtime(50000)
reader = UartReader(sys.stdin.buffer, sys.stdout.buffer)
rt.set_module_reader(reader)
with open("pair.wasm", "rb") as f:
    print("three:", rt.instantiate(rt.load(f, "pair")).exports.three())
"""


def test_serve_program(cli: Callable, place: Path) -> None:
    """Over the one line of the REPL."""
    (place / "main.py").write_text(PROGRAM)
    status, out, err = cli("serve", place, "--program", "main.py")
    assert (status, err) == (0, "") and "three: 3" in out and "maths: " in out
    (place / "main.py").write_text("print('so far')\nraise ValueError('enough')")
    status, out, err = cli("serve", place, "--program", "main.py")
    assert status == 1 and "so far" in out and "ValueError: enough" in err and "main.py ended with an exception" in err
    fails(cli("serve", place, "--program", "none.py"), "none.py: No such file")
    fails(cli("serve", "none"), "none is no folder")


def test_serve(cli: Callable, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list = []
    monkeypatch.setattr("tools.serve.main", lambda words: said.append(words) or 0)
    assert cli("serve", place, "-p", "/dev/ttyX", "--baud", 9600, "--text")[0] == 0
    assert said == [[str(place), "--port", "/dev/ttyX", "--baud", "9600", "--text"]]


def test_repl(place: Path, mp: MicroPython) -> None:
    words = [sys.executable, "-m", "tools.cli", "repl"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environ, input="print(6 * 7)\n", capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "42" in done.stdout


# ---- connecting ------------------------------------------------------------------------------------------------------------------


def test_no_board(cli: Callable, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("PITWASM_PORT", "")
    monkeypatch.setattr(transport, "ports", lambda: [])
    fails(cli("ls"), "no board found: plug one in, or name where it is with --port")
    fails(cli("ls", "-p", "/dev/ttyNONE"), "no board at /dev/ttyNONE: there is no such port; is it plugged in?")
    fails(cli("-p", "socket://127.0.0.1:9", "ls"), "no board at socket://127.0.0.1:9", "make emulate")
    fails(cli("-p", "unix:/nowhere", "ls"), "there is no MicroPython at /nowhere")
    fails(cli("-p", "unix:/bin/true", "ls"), "unix:/bin/true")
    fails(cli("-p", "unix?x=1", "ls"), "what may follow the ? is heap=SIZE")
    monkeypatch.setattr(transport, "ports", lambda: ["/dev/ttyA", "/dev/ttyB"])
    fails(cli("ls"), "there are several serial ports", "/dev/ttyA, /dev/ttyB")


@pytest.mark.parametrize("kind", ["mpremote", "ampy"])
def test_serial_port(cli: Callable, wire: str, kind: str) -> None:
    if kind == "ampy":
        pytest.importorskip("ampy")
    words = ("-p", wire, "--transport", kind)
    assert cli(*words, "push", "maths.wasm")[0] == 0
    assert cli(*words, "call", "maths", "add", 20, 22) == (0, "42:i32\n", "")
    fails(cli(*words, "map"), "no pool found" if kind == "mpremote" else "the map of what runs needs mpremote")


def test_ampy_when_mpremote_cannot(cli: Callable, wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mpremote.transport import TransportError
    from mpremote.transport_serial import SerialTransport

    def refuse(self: object, **_: object) -> None:
        raise TransportError("could not enter raw repl")

    monkeypatch.setattr(SerialTransport, "enter_raw_repl", refuse)
    fails(cli("-p", wire, "--transport", "mpremote", "ls"), "does not answer as a board with MicroPython does")
    pytest.importorskip("ampy")
    assert cli("-p", wire, "ls")[0] == 0


def test_port_in_use(cli: Callable, wire: str) -> None:
    import serial

    with serial.Serial(wire, exclusive=True):
        fails(cli("-p", wire, "ls"), "is in use by another program")


def test_board_lost(link: Link) -> None:
    link.port.child.kill()
    with pytest.raises(CliError, match="is gone"):
        link.run("print(1)")


def test_usage(cli: Callable) -> None:
    assert cli()[0] == 2
    assert cli("dance")[0] == 2
    assert cli("push")[0] == 2
    assert cli("--help")[0] == 0
    assert cli("--version")[1].startswith("pitwasm 0.")


# ---- small things ----------------------------------------------------------------------------------------------------------------


def test_grants() -> None:
    words = ["pin:25=out", "pin:2=in up", "adc:26", "i2c:0,sda=4,scl=5,freq=100000", "uart:1", "time", "log"]
    assert grants.expression(words) == (
        "{'pins': {25: 'out', 2: 'in up'}, 'adc': {26: True}, "
        "'i2c': {0: machine.I2C(0, sda=machine.Pin(4), scl=machine.Pin(5), freq=100000)}, "
        "'uart': {1: machine.UART(1)}, 'time': True, 'log': True}"
    )
    assert grants.expression([]) == ""
    for word in ("pin:25", "pin:x=out", "pin:1=up", "disk", "adc:1,2", "i2c:0,sda=x", "time:1", "i2c:0,x()=1"):
        with pytest.raises(Usage, match="--grant"):
            grants.expression([word])


def test_values() -> None:
    assert values.show(0xFFFFFFFF, "i32", False) == "-1:i32" and values.show(5, "funcref", False) == "5:funcref"
    assert values.parse("0xffffffff", "i32", False) == 0xFFFFFFFF and values.parse("nan:0x200000", "f32", False) == 0x7FA00000
    for text, kind in (("4294967296", "i32"), ("1.5", "i64"), ("x", "f32"), ("1", "externref")):
        with pytest.raises(Usage):
            values.parse(text, kind, False)


def test_sentences() -> None:
    for exc, part in (
        (DeviceError("OSError", "30"), "read-only"),
        (DeviceError("OSError", "[Errno 28] ENOSPC"), "no room on the board's flash"),
        (DeviceError("ImportError", "no module named 'machine'"), "the board's firmware has no module machine"),
        (DeviceError("ImportError", "pitwasm needs MicroPython 1.23 or later; this is x"), "https://micropython.org"),
        (DeviceError("KeyError", "x"), "KeyError: x"),
    ):
        assert part in str(explain(exc))
    found = DeviceError.from_traceback('Traceback (most recent call last):\r\n  File "<stdin>", line 1\r\nOSError: [Errno 2] ENOENT\r\n')
    assert (found.kind, found.text) == ("OSError", "[Errno 2] ENOENT")
