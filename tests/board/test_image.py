# Prepared images on a Pico: cycles to load one, the heap it takes beside that of the loader
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
from collections.abc import Callable

import pytest

from tools import aot
from tools.emulator import Emulator
from tools.host import ROOT

MHZ = 125
MOST = 30  # cycles for each byte of the .wasm
MODULE = ROOT / "samples" / "desk" / "desk.wasm"

LOAD = """
import gc, sys, time
import pitwasm
def timed(f, *args):
    t = time.ticks_us()
    r = f(*args)
    return r, time.ticks_diff(time.ticks_us(), t)
def free():
    gc.collect()
    return gc.mem_free()
rt = pitwasm.Runtime(60 * 1024)
before = free()
m = rt.load(open(PATH, "rb"))
i = rt.instantiate(m)
taken = before - free()
result = i.exports.queens(6)
rt.deinstantiate(i)
rt.unload(m)
times = []
for _ in range(5):
    m, us = timed(rt.load, open(PATH, "rb"))
    times.append(us)
    used = rt.pool.used
    rt.unload(m)
print(repr((sorted(times)[2], taken, used, result, "pitwasm.decode" in sys.modules)))
"""


@pytest.fixture(scope="module")
def loads(pico: Emulator) -> dict[str, tuple]:
    """For the module and its image: (microseconds, heap taken, pool used, result, was the loader there)."""
    data = MODULE.read_bytes()
    found = {}
    for name, content in (("/desk.pwi", aot.image(data)), ("/desk.wasm", data)):
        pico.board.put(name, content)
        pico.board.soft_reset()
        found[name] = ast.literal_eval(pico.board.exec(LOAD.replace("PATH", repr(name)), timeout=300))
    return found


def test_an_image_loads_fast(loads: dict[str, tuple], record: Callable[[str, str], None]) -> None:
    size = MODULE.stat().st_size
    lines = [f"{MODULE.name}, {size:,} bytes of WebAssembly, on a Pico (emulated), from flash", ""]
    lines.append(f"{'':14}{'cycles':>14}{'a byte':>10}{'heap':>12}{'pool':>10}")
    for name, (us, taken, used, _, _) in loads.items():
        lines.append(f"{name:14}{us * MHZ:14,}{us * MHZ / size:10.1f}{taken:12,}{used:10,}")
    record("image-board", "\n".join(lines))
    assert loads["/desk.pwi"][0] * MHZ / size <= MOST


def test_an_image_needs_no_loader(loads: dict[str, tuple]) -> None:
    """The same module in the same pool; the loader's heap is left to the program."""
    image, wasm = loads["/desk.pwi"], loads["/desk.wasm"]
    assert not image[4] and wasm[4]
    assert image[2:4] == wasm[2:4]
    assert wasm[1] - image[1] > 15_000
