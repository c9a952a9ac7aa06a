# The native tier on a Pico when it is stopped: fuel, Ctrl-C, a locked heap, no room, an interrupt while a function is lowered
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable, Iterator

import pytest

from tests import test_native_stops as stops
from tests.test_native import WORK
from tests.wat import assemble
from tools import aot
from tools.emulator import Emulator

POOL = 112 * 1024  # a memory of 64 KB in it


@pytest.fixture(scope="module")
def pico(boot: Callable[[str], Emulator]) -> Iterator[Emulator]:
    """With pitwasm in the firmware, whose heap has room for that; the module and its image are there."""
    with boot("frozen") as emulator:
        wasm = assemble(WORK)
        emulator.board.put_all({"/wasm/m.wasm": wasm, "/image/m.wasm": aot.image(wasm, arch="armv6m")})
        yield emulator


@pytest.fixture
def script(pico: Emulator) -> Callable[..., str]:
    """script(text, mode): as for unix, in a fresh MicroPython."""

    def make(text: str, mode: str = "always", pool: int = POOL) -> str:
        pico.board.soft_reset()
        folder = "image" if mode == "image" else "wasm"
        return f"import os\nos.chdir('/{folder}')\n" + stops.script(text, mode, pool).replace("100_000", "30_000")

    return make


@pytest.mark.parametrize("mode", stops.MODES)
def test_fuel_stops_machine_code(pico: Emulator, script: Callable[..., str], mode: str) -> None:
    assert pico.board.exec(script(stops.FUEL, mode), timeout=120) == stops.FUEL_OUT


@pytest.mark.parametrize("mode", stops.MODES)
def test_machine_code_allocates_nothing(pico: Emulator, script: Callable[..., str], mode: str) -> None:
    assert pico.board.exec(script(stops.LOCKED, mode), timeout=120) == stops.LOCKED_OUT


@pytest.mark.parametrize("mode", ["always", "hot"])
def test_a_locked_heap_while_lowering(pico: Emulator, script: Callable[..., str], mode: str) -> None:
    assert pico.board.exec(script(stops.LOCKED_WHILE_LOWERING, mode), timeout=120) == stops.LOCKED_WHILE_LOWERING_OUT


def test_without_room_the_loop_goes_on(pico: Emulator, script: Callable[..., str]) -> None:
    """Every allocation on the way fails once; some budgets."""
    text = stops.NO_ROOM.replace("TIMES", "16").replace("STEP", "1009")
    assert pico.board.exec(script(text), timeout=120) == "ok\n"


@pytest.mark.parametrize("mode", ["always", "hot"])
def test_small_pools(pico: Emulator, script: Callable[..., str], mode: str) -> None:
    text = stops.SMALL_POOLS.replace("LARGEST", str(POOL)).replace("LEAST", "66_000").replace("STEP", "2_104").replace("MODE", repr(mode))
    text = text.replace("buf = bytearray", "buf = rt.pool.buf  # ")
    assert pico.board.exec(script(text, mode), timeout=240) == f"True True {mode == 'hot'}\n"


def test_ctrl_c_as_the_assembler_returns(pico: Emulator, script: Callable[..., str]) -> None:
    assert pico.board.exec(script(stops.INTERRUPTED), timeout=120) == stops.INTERRUPTED_OUT


@pytest.mark.parametrize("mode", stops.MODES)
def test_ctrl_c_stops_machine_code(pico: Emulator, script: Callable[..., str], mode: str) -> None:
    """From the REPL: an endless loop, and calls without end in sight, within 100 ms; the pool is as it was before."""
    board = pico.board
    board.start(
        script(
            """
import time
i = new("m")
e = i.exports
for k in range(4):
    e.fib(12), e.sum(1000)
    rt.fuel = 10**5
    error(e.endless)
    rt.fuel = None
start = rt.pool.used, rt._tier.used
for f, a in ((e.endless, ()), (e.fib, (50,)), (e.endless, ())):
    try:
        print(bool(rt._tier.first))
        f(*a)
    except KeyboardInterrupt:
        at = time.ticks_us()
        print(at, e.fib(10), e.sum(100), start == (rt.pool.used, rt._tier.used), error(rt.resume))
rt.destroy()
print(rt.pool.used)
""",
            mode,
        )
    )
    for _ in range(3):
        assert board.receive(60) == "True"
        before = pico.command("state")["us"]
        board.send(b"\x03")
        at, said = board.receive(60).split(" ", 1)
        assert int(at) - before < 100_000
        assert said == "55 4950 True PitwasmError: there is no call to resume"
    assert board.receive(60) == "0"
    assert board.receive(60) is None


def test_ctrl_c_while_loading(pico: Emulator, script: Callable[..., str]) -> None:
    """Wherever it comes while modules are loaded, lowered and unloaded: the next one is loaded, lowered and runs."""
    board = pico.board
    board.start(
        script(
            """
start = rt.pool.used
for k in range(12):
    m = i = None
    try:
        print("loading")
        while True:
            m = load("m")
            i = rt.instantiate(m)
            rt.deinstantiate(i)
            rt.unload(m)
            m = i = None
    except KeyboardInterrupt:
        pass
    for module in rt.modules():
        for instance in rt.instances():
            rt.deinstantiate(instance)
        rt.unload(module)
    print(rt.pool.used == start, end=" ")
    with new("m") as i:
        print(i.exports.fib(10), rt._tier.used > 1000)
        module = i.module
    rt.unload(module)
"""
        )
    )
    for _ in range(12):
        assert board.receive(60) == "loading"
        board.send(b"\x03")
        assert board.receive(60) == "True 55 True"
    assert board.receive(60) is None
