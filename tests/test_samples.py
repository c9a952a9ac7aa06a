# The sample programs: the same results as wasmtime, in the pools they are meant for; 30 KB of module in 48 KB of pool
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import re
import struct
import subprocess
from functools import cache
from pathlib import Path

import pytest
import wasmtime

from tools import run
from tools.host import ROOT
from tools.macros import load_layout
from tools.mp import MicroPython

SAMPLES = ROOT / "samples"
LAYOUT = load_layout(ROOT / "core" / "pitwasm" / "layout.py")
ARGUMENTS = [0, 1, 7, 8, 100]

# Calls every exported function of type (i32) -> one result with every argument and prints a line of JSON for each.
CALL_ALL = """
import json, sys
import pitwasm
from pitwasm.pool import get32
path, pool, stack, lazy, drop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "lazy", sys.argv[5] == "drop"
rt = pitwasm.Runtime(pool, stack=stack)
before = rt.pool.used
with open(path, "rb") as f:
    module = rt.load(f.read() if lazy else f, lazy=lazy)
instance = rt.instantiate(module)
names = [name for name, kind, type in module.exports if kind == "func" and type[0] == "i32"]
if drop:
    rt.drop_loader()
for name in names:
    f = instance.exports[name]
    for argument in json.loads(sys.argv[6]):
        rt.fuel = 400000
        try:
            bits = f.call_bits(argument)[0]
        except pitwasm.OutOfFuel:
            bits = "fuel"
        except pitwasm.Trap as exc:
            bits = exc.text
        print(json.dumps([name, argument, bits]))
words, code = [get32(rt.pool.buf, module._off + int(at)) for at in sys.argv[7:9]]
print(json.dumps(["sizes", len(instance.memory), words, code, rt.pool.high]))
rt.deinstantiate(instance)
rt.unload(module)
assert rt.pool.used == before
"""


@cache
def reference(path: Path) -> dict[tuple[str, int], int | str]:
    """What wasmtime gives, as raw bits."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    module = wasmtime.Module.from_file(engine, str(path))
    exports = wasmtime.Instance(store, module, []).exports(store)
    found: dict[tuple[str, int], int | str] = {}
    for export in module.exports:
        if not isinstance(export.type, wasmtime.FuncType) or [str(kind) for kind in export.type.params] != ["i32"]:
            continue
        kind = str(export.type.results[0])
        for argument in ARGUMENTS:
            result = exports[export.name](store, argument)
            form = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}[kind]
            found[export.name, argument] = int.from_bytes(struct.pack(form, result), "little")
    return found


def call_all(mp: MicroPython, path: Path, pool: int, lazy: str = "eager", drop: str = "keep", stack: int = 1024) -> dict:
    words = [path, pool, stack, lazy, drop, json.dumps(ARGUMENTS), LAYOUT["M_WORDS"], LAYOUT["M_CODEBYTES"]]
    done = mp.run(["-c", CALL_ALL, *map(str, words)], heap="4M", timeout=240)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1][0] == "sizes"
    found = {(name, argument): bits for name, argument, bits in lines[:-1]}
    found["sizes"] = lines[-1][1:]
    return found


def check(found: dict, path: Path) -> None:
    expected = reference(path)
    assert found.keys() - {"sizes"} == expected.keys()
    wrong = {key: (bits, expected[key]) for key, bits in found.items() if key != "sizes" and bits not in (expected[key], "fuel")}
    assert not wrong
    assert sum(bits == "fuel" for bits in found.values()) <= len(expected) // 4


def test_30_kb_in_a_pool_of_48_kb(mp: MicroPython) -> None:
    """A module of 30 KB, loaded from a stream, and its 4 KB of memory; run with the loader dropped."""
    path = SAMPLES / "kit" / "kit.wasm"
    assert path.stat().st_size > 30 * 1024
    found = call_all(mp, path, 48 * 1024, drop="drop")
    check(found, path)
    memory, words, code, high = found["sizes"]
    assert 3900 <= memory <= 4096
    assert high <= 48 * 1024


def test_desk(mp: MicroPython) -> None:
    path = SAMPLES / "desk" / "desk.wasm"
    found = call_all(mp, path, 40 * 1024, stack=4096)
    check(found, path)


def test_lazily(mp: MicroPython) -> None:
    for path in (SAMPLES / "kit" / "kit.wasm", SAMPLES / "desk" / "desk.wasm"):
        check(call_all(mp, path, 80 * 1024, lazy="lazy", stack=4096), path)


@pytest.mark.parametrize("name", ["life", "kit", "desk"])
def test_code_words(mp64: MicroPython, name: str) -> None:
    """At most 1.3 bytes of code words for a byte of code section."""
    _, words, code, _ = call_all(mp64, SAMPLES / name / f"{name}.wasm", 64 * 1024, stack=4096)["sizes"]
    assert words <= 1.3 * code


def test_make_run(mp: MicroPython) -> None:
    """The demonstration: its output is what wasmtime computes, and the pool is empty in the end."""
    words, environ = run.command(mp.bits, argument=40)
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(engine, str(run.LIFE)), []).exports(store)
    result = exports["run"](store, 40)
    start = exports["text"](store)
    text = exports["memory"].read(store, start, start + exports["text_size"](store)).decode()
    assert done.stdout.startswith(text)
    assert f"result: run(40) = {result} " in done.stdout
    assert re.search(r"65536 bytes: \d+ used", done.stdout)
    assert "unloaded: 0 bytes of the pool in use" in done.stdout
