# What guests do to the board, seen from outside: pins, an I2C device, a UART, and Ctrl-C
# MIT license; Copyright (c) 2026 the pitwasm authors

import subprocess
import sys

from tools.emulator import Emulator
from tools.host import ROOT

EXAMPLES = ROOT / "examples"


def example(pico: Emulator, name: str) -> list[str]:
    """Run an example as it is; what it prints."""
    board = pico.board
    files = [*(EXAMPLES / name).glob("*.wasm"), EXAMPLES / name / "main.py"]
    board.put_all({f"/{name}/{file.name}": file.read_bytes() for file in files})
    board.soft_reset()
    return board.exec(f"import os\nos.chdir('/{name}')\nexec(open('main.py').read())", timeout=120).splitlines()


def test_blink(pico: Emulator) -> None:
    pico.command("watch", pins=[24, 25])
    assert example(pico, "blink") == ["blinked 5 times", "and no other pin: blink: gpio 24 is not granted"]
    events = []
    while event := pico.event(0.5):
        events.append(event)
    assert {event["pin"] for event in events} == {25}
    driven = [event for event in events if event["value"] is not None][-10:]
    assert [event["value"] for event in driven] == [1, 0] * 5
    steps = [b["us"] - a["us"] for a, b in zip(driven, driven[1:], strict=False)]
    assert all(99_000 <= step < 110_000 for step in steps), steps


def test_sensor(pico: Emulator) -> None:
    pico.command("i2c", bus=0, address=0x48, registers="15800000", width=2)  # temperature: 21.5 degrees; configuration
    lines = example(pico, "sensor")
    assert lines[-1] == "21.500 degrees"
    pico.command("i2c", bus=0, address=0x48, registers=None)
    assert pico.board.exec("exec(open('main.py').read())") == "errno 5\n"


def test_thermometer(pico: Emulator) -> None:
    pico.command("adc", channel=4, value=876)  # 27 degrees: 0.706 V of 3.3
    lines = example(pico, "plugins")
    assert lines[0].startswith("mean of 10: 2"), lines


def test_dependency_over_uart(pico: Emulator) -> None:
    """mC and mB from flash, mA from a server at the other end of UART 0."""
    seed = ROOT / "samples" / "seed"
    board = pico.board
    board.put_all({f"/modules/{path.name}": path.read_bytes() for path in (seed / "flash" / "mB.wasm", seed / "mC.wasm")})
    board.soft_reset()
    line = f"socket://127.0.0.1:{pico.ports['uart0']}"
    command = [sys.executable, "-m", "tools.cli", "--port", line, "serve", seed / "host"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        printed = board.exec(
            "import pitwasm\nfrom machine import UART, Pin\nfrom pitwasm.chain import Chain\nfrom pitwasm.flash import FlashReader\n"
            "from pitwasm.uart import UartReader\n"
            "rt = pitwasm.Runtime(32768)\nuart = UART(0, 115200, tx=Pin(0), rx=Pin(1), rxbuf=1100)\n"
            "rt.set_module_reader(Chain(FlashReader('/modules'), UartReader(uart)))\n"
            "i = rt.instantiate(rt.load(open('/modules/mC.wasm', 'rb'), 'mC'))\n"
            "print([i.exports[name]() for name in ('C1', 'C2', 'C3', 'C4')], rt.lookup_function(i, '$mA$A1')())",
            timeout=120,
        )
    finally:
        server.terminate()
        said = server.communicate()[0]
    assert printed.startswith("[31, "), printed
    assert "mA: " in said and "bytes in" in said


def test_ctrl_c(pico: Emulator) -> None:
    """An endless guest stops within 100 ms of the board's time, and the runtime goes on."""
    board = pico.board
    head = b"\0asm\1\0\0\0" b"\1\4\1\x60\0\0" b"\3\2\1\0" b"\7\5\1\1f\0\0"  # exports f: [] -> []
    endless = head + b"\x0a\x09\1\7\0\3\x40\x0c\0\x0b\x0b"  # loop br 0 end
    nothing = head + b"\x0a\4\1\2\0\x0b"
    board.soft_reset()
    board.exec(f"import pitwasm\nrt = pitwasm.Runtime(8192)\ni = rt.instantiate(rt.load({endless!r}))")
    board.start("import time\nprint('go')\ntry:\n i.exports.f()\nexcept KeyboardInterrupt:\n print('stopped', time.ticks_us())")
    assert board.receive(30) == "go"
    before = pico.command("state")["us"]
    board.send(b"\x03")
    word, at = board.receive(30).split()
    assert word == "stopped"
    # The state is from before Ctrl-C was sent, so what it took is less than this.
    assert int(at) - before < 100_000
    assert board.receive(30) is None
    board.exec(f"i2 = rt.instantiate(rt.load({nothing!r}))\ni2.exports.f()\nrt.destroy()")
