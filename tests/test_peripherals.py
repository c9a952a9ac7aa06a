# What guests may touch of a board: only what was granted, by handles of their own
# MIT license; Copyright (c) 2026 the pitwasm authors

import pytest

from tests.guests import ADC, LOG, TIME, guest
from tools.build import ARCHS, build

GUEST = """
  (import "pit_gpio" "open" (func $open (param i32) (result i32)))
  (import "pit_gpio" "close" (func $close (param i32)))
  (import "pit_gpio" "read" (func $read (param i32) (result i32)))
  (import "pit_gpio" "write" (func $write (param i32 i32)))
  (import "pit_gpio" "toggle" (func $toggle (param i32)))
  (export "open" (func $open)) (export "close" (func $close)) (export "read" (func $read))
  (export "write" (func $write)) (export "toggle" (func $toggle))
  (func (export "toggles") (param $h i32) (param $n i32)
    (loop $l (call $toggle (local.get $h)) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "use") (param i32) (call $write (local.get 0) (i32.const 1)))
"""


def test_deny_by_default(board) -> None:
    """Nothing granted: nothing to link with, nothing loaded. Something granted: that, and nothing else."""
    out = board(
        """
        import sys
        print(*error(new, "m").split(":")[:2], error(new, "m").endswith("(m -> pit_gpio.open)"))
        print([name for name in sys.modules if "pit_" in name])
        grant(rt, pins={25: "out"}, adc={}, i2c=None, log=False)
        print([name for name in sys.modules if "pit_" in name], error(new, "adc").split("->")[1])
        e = new("m").exports
        h = e.open(25)
        e.toggles(h, 3)
        e.write(h, -1)
        e.write(h, 0)
        print(clear(), e.read(h))
        for pin in (2, 26, -1, 0, 2**31):
            print(error(e.open, pin))
        print(error(grant, rt, pins={99: "out"}), error(grant, rt, pins={1: "inout"}), error(grant, rt, pins={1: "out up"}))
        print(error(grant, rt, sesame=True))
        print(e.open(25) == h, error(e.open, 1))
        """,
        m=GUEST,
        adc=guest("adc", ADC),
    )
    levels = "".join(f"('pin', 25, {level}), " for level in (1, 0, 1, 1, 0))[:-2]
    invalid = "is none of: in, in up, in down, out, od"
    assert out == [
        "LinkError  m True",
        "[]",
        "['pitwasm.pit_gpio']  pit_adc.open)",
        f"[{levels}] 0",
        "Trap: m: gpio 2 is not granted",
        "Trap: m: gpio 26 is not granted",
        "Trap: m: gpio -1 is not granted",
        "Trap: m: gpio 0 is not granted",
        "Trap: m: gpio -2147483648 is not granted",
        f"ValueError: invalid pin ValueError: pin 1: 'inout' {invalid} ValueError: pin 1: 'out up' {invalid}",
        "ImportError: no module named 'pitwasm.pit_sesame'",
        "True Trap: m: gpio 1 is not granted",
    ]


def test_pins(board) -> None:
    out = board(
        """
        grant(rt, pins={2: "in up", 3: "in down", 4: "od", 0: board.Pin(40, board.Pin.OUT)})
        e = new("m").exports
        up, down, od, own = [e.open(n) for n in (2, 3, 4, 0)]
        print(e.read(up), e.read(down), error(e.write, up, 1), error(e.toggle, down))
        board.inputs[2] = 0
        e.write(od, 1)
        e.toggle(own)
        print(e.read(up), e.read(own), clear())
        grant(rt, pins={2: "out"})  # the latest counts, for who opens from now on
        print(e.open(2) != up, error(e.write, up, 1), e.write(e.open(2), 1), clear())
        """,
        m=GUEST,
    )
    assert out == [
        "1 0 Trap: m: gpio handle 1 is an input Trap: m: gpio handle 2 is an input",
        "0 1 [('pin', 4, 1), ('pin', 40, 1)]",
        "True Trap: m: gpio handle 1 is an input None [('pin', 2, 1)]",
    ]


def test_handles(board) -> None:
    """Good only while open, only in the instance that opened them; their number is bounded, and they end with the instance."""
    out = board(
        """
        grant(rt, pins={1: "out", 2: "out"}, adc={1: True})  # what is opened twice is closed when it was closed twice
        one, two = new("m"), new("m")
        h = one.exports.open(1)
        for bad in (0, -1, 2, 99, 2**31 - 1, -2**31):
            print(error(one.exports.toggle, bad))
        print(error(two.exports.toggle, h), error(two.exports.close, h), two.exports.open(1) != h)
        print(len({one.exports.open(1) for _ in range(100)} | {one.exports.open(2) for _ in range(100)}))
        for _ in range(101):
            one.exports.close(h)
        print(error(one.exports.toggle, h), error(one.exports.close, h), one.exports.open(1) == h)
        f = one.exports.toggle
        rt.deinstantiate(one)
        print(error(f, h), error(new("adc").exports.read, 1))
        for _ in range(50):  # those of instances that are gone are used again
            with new("m") as i:
                n = max(i.exports.open(1), i.exports.open(2))
        print(n < 5)
        revoke(rt)
        print(error(two.exports.toggle, 3), error(two.exports.open, 1))
        """,
        m=GUEST,
        adc=guest("adc", ADC),
    )
    closed = "Trap: m: gpio handle {} is not open"
    assert out == [
        *(closed.format(bad) for bad in (0, -1, 2, 99, 2**31 - 1, -(2**31))),
        f"{closed.format(1)} {closed.format(1)} True",
        "2",
        f"{closed.format(1)} {closed.format(1)} True",
        "PitwasmError: the instance of this function is gone Trap: adc: adc handle 1 is not open",
        "True",
        f"{closed.format(3)} Trap: m: gpio 1 is not granted",
    ]


def test_for_one_module_only(board) -> None:
    """A grant can be one module's; a handle that it passes on is of no use to others."""
    out = board(
        """
        grant(rt, "m", pins={1: "out"}, time=True, log=print)
        grant(rt, only="other", pins={2: "in"})
        m, other = new("m").exports, rt.instantiate(load("m2")).exports
        h = m.open(1)
        print(error(other.open, 1), error(m.open, 2), error(other.use, h))
        time = new("time").exports
        print(error(time.ticks_ms), error(time.sleep_ms, 1000000), error(new("log").exports.text, 0, 1))
        rt.destroy()
        grant(rt, pins={3: "out"})
        e = new("m").exports
        e.write(e.open(3), 1)
        print(clear())
        """,
        m=GUEST,
        m2=GUEST,
        time=guest("time", TIME),
        log=guest("log", LOG),
    )
    assert out == [
        "Trap: m2: gpio 1 is not granted Trap: m: gpio 2 is not granted Trap: m2: gpio handle 1 is not open",
        "Trap: time: time is not granted Trap: time: time is not granted Trap: log: log is not granted",
        "[('pin', 3, 1)]",
    ]


def test_traps_say_where(board) -> None:
    """The backtrace is the guest's, the instance goes on."""
    out = board(
        """
        grant(rt, pins={1: "out"})
        e = new("m").exports
        try:
            e.use(7)
        except Trap as exc:
            print(exc, exc.frames[0][:2])
        print(rt.get_exception())
        e.use(e.open(1))
        print(clear(), rt.get_exception())
        """,
        m=GUEST,
    )
    assert out == ["m: gpio handle 7 is not open ('m', 'use')", "Exception: gpio handle 7 is not open", "[('pin', 1, 1)] None"]


def test_nothing_is_allocated_for_pins(board) -> None:
    """Reading and writing pins, and the clock, work with the heap locked, as in an interrupt."""
    out = board(
        """
        import micropython
        class Silent:
            def value(self, level=None):
                return 1
        grant(rt, pins={1: Silent()}, time=True)
        e = new("m").exports
        t = new("time").exports
        toggles, ticks, h = e.toggles, t.ticks_ms, e.open(1)
        toggles(h, 1), ticks()
        micropython.heap_lock()
        toggles(h, 100)
        ticks()
        micropython.heap_unlock()
        print("done")
        """,
        m=GUEST,
        time=guest("time", TIME),
    )
    assert out == ["done"]


def test_revoked_while_the_loader_is_dropped(board) -> None:
    out = board(
        """
        import gc
        grant(rt, pins={1: "out"}, i2c={0: board.I2C(0)})
        e = new("m").exports
        rt.drop_loader()
        gc.collect()
        e.use(e.open(1))
        print(clear(), error(e.open, 3))
        """,
        m=GUEST,
    )
    assert out == ["[('pin', 1, 1)] Trap: m: gpio 3 is not granted"]


@pytest.mark.parametrize("arch", ARCHS)
def test_sizes(arch: str) -> None:
    """All of it together in 6 KB; the part that is always there when something is granted, and pins: 2.2 KB."""
    folder = build(arch) / "pitwasm"
    sizes = {path.stem: path.stat().st_size for path in [folder / "peripherals.mpy", *folder.glob("pit_*.mpy")]}
    if ARCHS[arch][1] != "unix":
        sizes["board"] = (folder / "board.mpy").stat().st_size
    assert len(sizes) >= 9
    assert sum(sizes.values()) <= 6 * 1024, sizes
    assert sizes["peripherals"] + sizes["pit_gpio"] + sizes.get("board", 0) <= 2300, sizes
