# The examples: every prebuilt module does what its main.py promises, on a pretended board, in the small pool given there
# MIT license; Copyright (c) 2026 the pitwasm authors

import re
import subprocess
from pathlib import Path

import pytest
import wasmtime

from tools.host import ROOT
from tools.mp import MicroPython

EXAMPLES = ROOT / "examples"
BOARD = ROOT / "tests" / "device" / "simulated"
PREBUILT = sorted(EXAMPLES.glob("*/*.wasm"))


def main(mp: MicroPython, name: str, after: str = "") -> list[str]:
    """What main.py of an example prints, on the board that machine.py pretends; then what the lines `after` print."""
    script = f'import machine\nexec(open("main.py").read())\nfrom pitwasm.board import events\n{after}'
    return mp.out(script, cwd=EXAMPLES / name, paths=[BOARD], heap="256K").splitlines()


def test_blink(mp: MicroPython) -> None:
    found = main(mp, "blink", "print([e[2] for e in events if e[:2] == ('pin', 25)], len(events))")
    assert found == ["blinked 5 times", "and no other pin: blink: gpio 24 is not granted", f"{[1, 0] * 5} 10"]


def test_sensor(mp: MicroPython) -> None:
    found = main(mp, "sensor", "print(events)")
    reading = "('i2c', 0, 'command', 72, b'\\x00'), ('i2c', 0, 'read', 72, b'\\x15\\x80')"
    assert found == [
        *["sensor: m°C = 21500"] * 3,
        "21.500 degrees",
        "[('i2c', 0, 'write', 72, b'\\x01\\x00'), " + ", ".join([reading] * 3) + "]",
    ]


TEMPERATURES = [("\\x19\\x00", "25.000"), ("\\xff\\x80", "-0.500"), ("\\xc9\\x00", "-55.000"), ("\\x7d\\0", "125.000")]


@pytest.mark.parametrize(("raw", "text"), TEMPERATURES)
def test_temperatures(mp64: MicroPython, raw: str, text: str) -> None:
    script = f'import machine\nmachine.LM75.registers[0] = b"{raw}"\nexec(open("main.py").read())'
    assert mp64.out(script, cwd=EXAMPLES / "sensor", paths=[BOARD]).splitlines()[-1] == f"{text} degrees"


def test_sensor_is_missing(mp64: MicroPython) -> None:
    script = 'import machine\nmachine.I2C = machine.board.I2C\nexec(open("main.py").read())'
    assert mp64.out(script, cwd=EXAMPLES / "sensor", paths=[BOARD]) == "errno 5\n"


def test_filter(mp: MicroPython) -> None:
    found = main(mp, "filter")
    assert found[0] == "(0, 0, 0, 0, 0, 0, 0, 200, 350, 462, 546, 610, 657, 693, 719, 739, 754, 766)"
    assert re.fullmatch(r"filter: filtered = 40\d\d", found[1])
    assert re.fullmatch(r"input 26: 40\d\d", found[2])


def test_plugins(mp: MicroPython) -> None:
    """Three modules, and what one of them adds to another the third one sees."""
    assert main(mp, "plugins") == ["mean of 10: 27.6 degrees", "10 readings in average", "not warm"]


def wasmtime_says(text: bytes, folder: Path) -> tuple[str, int]:
    """What the WASI program prints for this input, and its exit status, under wasmtime."""
    (folder / "in").write_bytes(text)
    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.stdin_file = str(folder / "in")
    config.stdout_file = str(folder / "out")
    store.set_wasi(config)
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, str(EXAMPLES / "wasi" / "count.wasm")))
    status = 0
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as exc:
        status = exc.code
    return (folder / "out").read_text(), status


@pytest.mark.parametrize("text", [b"", b"one two\nthree\n\n four ", bytes(range(1, 127)) * 20])
def test_wasi(mp: MicroPython, text: bytes, tmp_path: Path) -> None:
    """The program as wasmtime runs it; main.py counts itself, here something else."""
    script = (EXAMPLES / "wasi" / "main.py").read_text()
    output, status = wasmtime_says(text, tmp_path)
    (tmp_path / "main.py").write_bytes(text)
    (tmp_path / "count.wasm").write_bytes((EXAMPLES / "wasi" / "count.wasm").read_bytes())
    assert mp.out(script, cwd=tmp_path) == f"{output}status {status}\n"
    assert main(mp, "wasi") == [wasmtime_says(script.encode(), tmp_path)[0].strip(), "status 0"]


@pytest.mark.parametrize("path", PREBUILT, ids=[path.stem for path in PREBUILT])
def test_small(mp32: MicroPython, path: Path) -> None:
    """In flash and in the pool; and they need none of the parts that are loaded only when a module uses them."""
    assert path.stat().st_size <= 1300
    script = f"""
import sys
from pitwasm import decode
from pitwasm.pool import Pool
pool = Pool(8192)
with open({str(path)!r}, "rb") as f:
    decode.load(pool, f)
print(pool.used)
print([name for name in sys.modules if name[8:] in ("bulk", "single", "double", "convert")])
"""
    used, parts = mp32.out(script).splitlines()
    assert int(used) <= 3200
    assert parts == "[]"


def test_each_has_source_and_driver() -> None:
    sources = {path.with_suffix(".wasm") for path in EXAMPLES.glob("*/*.c")} | {EXAMPLES / "filter" / "filter.wasm"}
    assert sources == set(PREBUILT)
    makefile = (EXAMPLES / "Makefile").read_text()
    for path in PREBUILT:
        assert f"{path.parent.name}/{path.name}" in makefile
        assert (path.parent / "main.py").is_file()
    listed = subprocess.run(["git", "check-ignore", *map(str, PREBUILT)], cwd=ROOT, capture_output=True, text=True)
    assert listed.stdout == ""
