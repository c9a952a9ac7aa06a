# The benchmark on a Pico: results as wasmtime has them, cycles of each workload, cycles to load a byte
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import json
import struct
from collections.abc import Callable

from tools.bench import bits_of
from tools.emulator import Emulator
from tools.host import OUT, ROOT

MHZ = 125
WORKLOADS = json.loads((ROOT / "bench" / "expected.json").read_text())

# What is measured is the whole call, from Python. us × 125 MHz: the emulator's microseconds follow its cycles.
SCRIPT = """
import gc, time, pitwasm
def timed(f, *args):
    t = time.ticks_us()
    r = f(*args)
    return r, time.ticks_diff(time.ticks_us(), t)
rt = pitwasm.Runtime(76 * 1024)
timed(rt.unload, rt.load(open("/workloads.wasm", "rb")))
m, load = timed(rt.load, open("/workloads.wasm", "rb"))
i = rt.instantiate(m)
print(load)
"""
CALL = """
f = i.exports[%r]
f(%d)
r, us = timed(f, %d)
print(repr((r, us)))
"""
LOAD = """
rt = pitwasm.Runtime(60 * 1024)
rt.unload(rt.load(open("/module.wasm", "rb")))
m, us = timed(rt.load, open("/module.wasm", "rb"))
print(repr((us, rt.pool.used)))
"""


def test_workloads(pico: Emulator, record: Callable[[str, str], None]) -> None:
    board = pico.board
    board.put("/workloads.wasm", (ROOT / "bench" / "workloads.wasm").read_bytes())
    load = int(board.exec(SCRIPT, timeout=120)) * MHZ
    size = (ROOT / "bench" / "workloads.wasm").stat().st_size
    cycles = {}
    for name, spec in WORKLOADS.items():
        argument = spec["args"][0]
        result, us = ast.literal_eval(board.exec(CALL % (name, spec["small"]["args"][0], argument), timeout=300))
        if isinstance(result, float):  # MicroPython's floats on a Pico have 30 bits: not the result's own
            want = struct.unpack("<d", struct.pack("<Q", int(spec["bits"], 16)))[0]
            assert abs(result - want) < 1e-6 * abs(want), name
        else:
            assert bits_of(str(result), spec["type"]) == int(spec["bits"], 16), name
        cycles[name] = us * MHZ
    lines = ["cycles on a Pico (emulated, 125 MHz), pitwasm from .mpy files in RAM", ""]
    lines.append(f"{'workload':16}{'instructions':>14}{'cycles':>14}{'each':>8}")
    for name, spec in WORKLOADS.items():
        n = spec["instructions"]
        lines.append(f"{name + '(' + str(spec['args'][0]) + ')':16}{n:14,}{cycles[name]:14,}{cycles[name] / n:8.1f}")
    lines.append(f"load{'':12}{size:14,}{load:14,}{load / size:8.0f}   (bytes; the second time)")
    record("bench-board", "\n".join(lines))
    found = {"mhz": MHZ, "load": {"bytes": size, "cycles": load}, "cycles": cycles}
    (OUT / "bench-board.json").write_text(json.dumps(found, indent=1) + "\n")


def test_exact_float_result(pico: Emulator) -> None:
    """nbody's f64, bit by bit."""
    spec = WORKLOADS["nbody"]
    board = pico.board
    assert board.eval(f"i.exports.nbody.call_bits({spec['args'][0]})") == (int(spec["bits"], 16),)


def test_load_a_large_module(pico: Emulator, record: Callable[[str, str], None]) -> None:
    """A module of some 20 KB from flash."""
    module = ROOT / "samples" / "desk" / "desk.wasm"
    board = pico.board
    board.put("/module.wasm", module.read_bytes())
    board.soft_reset()
    board.exec(SCRIPT.split("rt =")[0])
    us, used = ast.literal_eval(board.exec(LOAD, timeout=300))
    size = module.stat().st_size
    each = us * MHZ / size
    record("load-board", f"{module.name}, {size:,} bytes: {us // 1000} ms from flash, {each:.0f} cycles a byte, {used:,} bytes of pool")
