# run, call, bench, inspect, map: results, and the sentences for what goes wrong on the board
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.kit import fails, options
from tests.wat import modules
from tools import aot
from tools.cli import inspection, maps, wasm
from tools.cli.errors import CliError, Stopped
from tools.cli.transport import Link
from tools.host import ROOT
from tools.mp import MicroPython


def test_call(cli: Callable) -> None:
    assert cli("call", "maths.wasm", "add", 1, "-4") == (0, "-3:i32\n", "")
    given = ("-7:i64", "0.1", "1e300", "null")
    assert cli("call", "maths.wasm", "all", *given)[1] == "null:externref\n1e+300:f64\n0.1:f32\n-7:i64\n"
    assert cli("call", "--bits", "maths.wasm", "all", 1, "0x7fc00001", "nan", "null")[1].split() == [
        "null:externref",
        "0x7ff8000000000000:f64",
        "0x7fc00001:f32",
        "1:i64",
    ]
    fails(cli("call", "maths.wasm", "ad", 1), "maths exports no function ad; it exports add(i32, i32), all(", status=2)
    fails(cli("call", "maths.wasm", "add", 1), "add takes 2 arguments (i32, i32), 1 given", status=2)
    fails(cli("call", "maths.wasm", "add", 1, "x"), "argument x is no i32", status=2)
    fails(cli("call", "maths.wasm", "add", 1, "1:i64"), "argument 1:i64 is for a parameter of type i64"[:21], status=2)
    fails(cli("call", "nowhere/maths.wasm", "add"), "there is no file nowhere/maths.wasm", status=2)


def test_call_from_flash(cli: Callable, place: Path) -> None:
    fails(cli("call", "maths", "add", 1, 2), "there is no maths on the board", "pitwasm push")
    fails(cli("call", "pair.wasm", "three"), "pair imports maths", "`pitwasm push maths.wasm`")
    assert cli("push", "maths.wasm", "pair.wasm")[0] == 0
    assert cli("call", "maths", "add", 1, 2)[1] == "3:i32\n"
    assert cli("call", "pair", "three")[1] == "3:i32\n"
    assert cli("call", "pair", "$maths$add", 4, 5)[1] == "9:i32\n"


def test_imports(cli: Callable, place: Path) -> None:
    fails(cli("call", "hosted.wasm", "f"), "hosted imports env.beep, and nothing on the board has it", "host functions")
    fails(cli("call", "blink.wasm", "open", 25), "blink imports pit_gpio", "not granted", "--grant pin:25=out")
    assert cli("call", "--grant", "pin:25=out", "blink.wasm", "open", 25)[1] == "1:i32\n"
    fails(cli("call", "--grant", "pin:25=out", "blink.wasm", "open", 24), "trap in blink: gpio 24 is not granted")
    modules(place, pair='(import "maths" "add" (func $add (param i32))) (func (export "f"))')
    cli("push", "maths.wasm")
    fails(cli("call", "pair.wasm", "f"), "pair imports maths.add with another type than it has")


def test_traps_and_limits(cli: Callable, mp: MicroPython) -> None:
    said = cli("call", "maths.wasm", "divide", 0)
    fails(said, "integer divide by zero", "\n  at maths!", "\n  at maths!divide+")
    fails(cli("call", "--fuel", 100, "maths.wasm", "spin"), "maths has used up its --fuel")
    assert "fuel: 0 of" in cli("call", "--fuel", 100, "maths.wasm", "add", 1, 1)[2].replace("1 of", "0 of")
    add = ("maths.wasm", "add", 1, 1)
    fails(cli("call", "--pool", "1K", *add), "maths is too large for the pool of 1,024 bytes", "larger pool with --pool")
    fails(cli("call", "--pool", "64M", *add), "no room on the board's heap for a pool of 67,108,864 bytes", "smaller --pool")
    port = f"unix:{mp.path}?heap=40K"
    fails(cli("call", "-p", port, *add), "no room on the board's heap")


def test_run(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"line {i}\n" for i in range(100))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert cli("run", "cat.wasm") == (7, text, "")
    fails(cli("run", "maths.wasm"), "maths is no program: it has no _start", "add(i32, i32)", "pitwasm call maths.wasm NAME")


def test_stopped(place: Path) -> None:
    """Ctrl-C here stops the guest there."""
    words = [sys.executable, "-m", "tools.cli", "call", "maths.wasm", "spin"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert (child.returncode, err) == (130, "pitwasm: stopped\n")


def test_interrupt_keeps_the_connection(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Link.read

    def stop(self: Link, seconds: float) -> bytes:
        data = read(self, seconds)
        if b"go" in data or data.endswith(b"o"):
            monkeypatch.setattr(Link, "read", read)
            raise KeyboardInterrupt
        return data

    monkeypatch.setattr(Link, "read", stop)
    with pytest.raises(Stopped):
        link.run("print('go')\nwhile True: pass")
    assert link.run("print(1)")[0] == "1\n"


def test_bench(cli: Callable) -> None:
    status, out, err = cli("bench", "--ms", 1)
    assert (status, err) == (0, "") and "fib(16)" in out and "987:i32" in out and "loaded in" in out
    assert "add(2, 3)" in cli("bench", "--ms", 1, "maths.wasm", "add", 2, 3)[1]
    fails(cli("bench", "maths.wasm"), "which function", status=2)
    fails(cli("bench", "maths.wasm", "add"), "add takes 2 arguments", status=2)


# ---- inspect, map ----------------------------------------------------------------------------------------------------------------


def test_inspect(cli: Callable, place: Path) -> None:
    status, out, err = cli("inspect", "maths.wasm")
    assert (status, err) == (0, "") and "add          func    (i32, i32) -> (i32)" in out
    assert "up to __heap_base" in out and "measured with the loader" in out and "RPI_PICO" in out
    out = cli("inspect", "blink.wasm")[1]
    assert "pit_gpio.open  func  (i32) -> (i32)  pitwasm, when granted" in out
    modules(place, big="(memory 2)")
    assert "too large" in cli("inspect", "big.wasm")[1] and "export __heap_base" in cli("inspect", "big.wasm")[1]
    fails(cli("inspect", "none.wasm"), "cannot be read")


def test_inspect_images(cli: Callable, place: Path) -> None:
    """--image writes one; what was made of what is shown of an image, if it is whole."""
    status, out, err = cli("inspect", "--image", "maths.pwi", "maths.wasm")
    made = (place / "maths.pwi").read_bytes()
    assert (status, err) == (0, "") and f"maths.pwi: the prepared image, {len(made):,} bytes" in out
    assert made == aot.image((place / "maths.wasm").read_bytes())
    assert json.loads(cli("inspect", "--json", "--image", "again.pwi", "maths.wasm")[1])["image"]["bytes"] == len(made)
    status, out, err = cli("inspect", "maths.pwi")
    assert (status, err) == (0, "") and hashlib.sha256((place / "maths.wasm").read_bytes()).hexdigest() in out
    (place / "bad.pwi").write_bytes(made[:-1] + b"!")
    fails(cli("inspect", "bad.pwi"), "bad.pwi: damaged image: its checksum is not right")


def test_pool_of_inspect_is_enough(cli: Callable, mp: MicroPython, place: Path) -> None:
    """A pool of that size is enough to run in, a slightly smaller one is not; the estimate is not far from it."""
    shared = '(import "m" "mem" (memory 1 2)) (import "m" "t" (table 2 funcref)) (import "m" "g" (global (mut i64)))'
    modules(place, shared=shared)
    assert inspection.facts(place / "shared.wasm", None, 2048)["how"].startswith("measured")
    for name in ("maths", "workloads"):
        path = place / "maths.wasm" if name == "maths" else ROOT / "bench" / "workloads.wasm"
        found = json.loads(cli("inspect", "--json", path)[1])
        assert found["how"].startswith("measured")
        _, estimated = inspection.estimate(wasm.parse(path.read_bytes()), None, 2048)
        assert 0.8 < estimated / found["pool"] < 1.3, (estimated, found["pool"])
        if mp.bits == 32:
            function = ("add", 1, 1) if name == "maths" else ("fib", 5)
            pool = found["pool"]
            assert cli("call", "--stack", 2048, "--pool", pool, path, *function)[0] == 0
            fails(cli("call", "--stack", 2048, "--pool", pool - max(128, pool // 32), path, *function), "too large for the pool")


def test_inspect_without_micropython(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "micropython32", lambda: None)
    assert "estimated from its sections" in cli("inspect", "maths.wasm")[1]


def test_map_of_what_runs(link: Link, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CliError, match="no pool found on the board: keep the Runtime in a global variable"):
        maps.do_map(link, options())
    program = "import pitwasm\nclass App: pass\napp = App()\napp.rt = pitwasm.Runtime(20000)\n"
    link.run(program + "with open('maths.wasm', 'rb') as f: inst = app.rt.instantiate(app.rt.load(f, 'maths'))")
    maps.do_map(link, options(svg=place / "pool.svg"))
    out = capsys.readouterr().out
    assert "pool of 20,000 bytes (app.rt)" in out and "code" in out and "maths" in out and "20000 bytes: " in out
    drawing = ET.parse(place / "pool.svg").getroot()
    titles = [title.text for title in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("memory maths: 1024 bytes") for title in titles)
    assert link.run("print(inst.exports.add(1, 2))")[0] == "3\n"  # nothing was disturbed


def test_map_of_a_module(cli: Callable) -> None:
    status, out, _ = cli("map", "maths.wasm", "--pool", "16K")
    assert status == 0 and "pool of 16,384 bytes" in out and "memory" in out


def test_strip() -> None:
    lines = ["offset bytes kind owner", "      88      112  code         m", "     208     1800  free", "2008 bytes: 1"]
    pool = maps.parse([("pool", "rt"), *lines])[0]
    assert [block.kind for block in pool.blocks] == ["code", "free"] and pool.bytes == 2008
    assert maps.strip(pool, 10) == ["code"] + ["free"] * 9
