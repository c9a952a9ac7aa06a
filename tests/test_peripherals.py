# What guests may touch of a board: only what was granted, by handles of their own, in their own memory
# MIT license; Copyright (c) 2026 the pitwasm authors

import re

import pytest

from tools import mp
from tools.build import ARCHS, build
from tools.host import ROOT

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

# $name: (parameters and result) of an import of the same name, exported again.
I2C = "open: i32 i32 > i32, close: i32 >, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32, write_read: i32 i32 i32 i32 i32 > i32"
SPI = (
    "open: i32 > i32, close: i32 >, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32, "
    "write_read: i32 i32 i32 i32 i32 > i32, transfer: i32 i32 i32 i32 i32 > i32"
)
UART = "open: i32 > i32, close: i32 >, any: i32 > i32, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32"
ADC = "open: i32 > i32, close: i32 >, read: i32 > i32"
PWM = "open: i32 > i32, close: i32 >, freq: i32 i32 > i32, duty: i32 i32 >"
TIME = "ticks_ms: > i32, ticks_us: > i32, sleep_ms: i32 >, sleep_us: i32 >, unix: > i64"
LOG = "text: i32 i32 >, value: i32 i32 i32 >"


def guest(module: str, functions: str) -> str:
    """A module that exports what it imports, through functions of its own, so that it is the caller; and 64 bytes to use."""
    text = ""
    for function in functions.split(", "):
        name, _, type = function.partition(":")
        params, _, results = type.partition(">")
        params, results = params.split(), results.strip()
        result = f"(result {results})" if results else ""
        text += f'(import "pit_{module}" "{name}" (func ${name} (param {" ".join(params)}) {result}))\n'
    for function in functions.split(", "):
        name, _, type = function.partition(":")
        params, _, results = type.partition(">")
        params, results = params.split(), results.strip()
        result = f"(result {results})" if results else ""
        gets = " ".join(f"(local.get {i})" for i in range(len(params)))
        text += f'(func (export "{name}") (param {" ".join(params)}) {result} (call ${name} {gets}))\n'
    return text + '(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 64))'


PRELUDE = """
from pitwasm import board
from pitwasm.peripherals import grant, revoke
def clear():
    seen = board.events[:]
    board.events[:] = []
    return seen
"""


@pytest.fixture
def board(run):
    def on_board(text: str, **modules: str) -> list[str]:
        return run(PRELUDE.replace("\n", "\n        ") + text, **modules)

    return on_board


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


def test_adc_and_pwm(board) -> None:
    out = board(
        """
        class Own:
            def read_u16(self):
                return 65535
        grant(rt, adc={26: True, 0: Own()}, pwm={15: True})
        board.inputs["adc", 26] = 4711
        a, p = new("adc").exports, new("pwm").exports
        print(a.read(a.open(26)), a.read(a.open(0)), error(a.open, 27))
        h = p.open(15)
        print(p.freq(h, 1000), p.freq(h, 1), p.duty(h, 32768), p.duty(h, 1 << 20), p.duty(h, -5))
        p.close(h)
        print(clear(), error(p.duty, h, 1))
        p.duty(p.open(15), 7)
        revoke(rt)
        print(clear())
        """,
        adc=guest("adc", ADC),
        pwm=guest("pwm", PWM),
    )
    pulses = "('pwm', 15, 'freq', 1000), " + "".join(f"('pwm', 15, 'duty', {duty}), " for duty in (32768, 65535, 0, 0))[:-2]
    assert out == [
        "4711 65535 Trap: adc: adc 27 is not granted",
        "0 -22 None None None",
        f"[{pulses}] Trap: pwm: pwm handle 1 is not open",
        "[('pwm', 15, 'duty', 7), ('pwm', 15, 'duty', 0)]",
    ]


def test_i2c(board) -> None:
    """Talks to a device that is pretended; buffers are the guest's own memory, or else it traps."""
    out = board(
        """
        class Device:
            got = b""
            def write(self, data):
                self.got = data
            def read(self, n):
                return (self.got + b"0123456789")[:n]
        bus = board.I2C(0)
        bus.devices[0x48] = bus.devices[0x50] = Device()
        grant(rt, i2c={0: (bus, 0x48, 0x49), 1: bus})
        i = new("i2c")
        e = i.exports
        h = e.open(0, 0x48)
        i.memory[0:4] = b"abcd"
        print(h, e.open(0, 0x48) == h, e.open(1, 0x48) == h, e.write(h, 1, 2), e.read(h, 10, 5), i.memory[8:16])
        print(e.write_read(h, 0, 1, 61, 3), i.memory[60:64], clear())
        print(e.write(h, 64, 0), e.write(e.open(0, 0x49), 0, 1), e.read(e.open(1, 0x7f), 0, 1))
        print(error(e.open, 0, 0x50), error(e.open, 2, 0x48), e.write(e.open(1, 0x50), 0, 1))
        clear()
        for args in ((h, 64, 1), (h, 0, 65), (h, -1, 1), (h, 1, -1), (h, 0x7fffffff, 0x7fffffff)):
            print(error(e.read, *args), error(e.write, *args), error(e.write_read, h, 0, 1, *args[1:]))
        def stuck(*_):
            raise OSError(110)
        bus.writeto = stuck
        print(clear(), e.write(h, 0, 1), e.write_read(h, 0, 1, 0, 1))
        def broken(*_):
            raise RuntimeError("on fire")
        bus.writeto = broken
        print(error(e.write, h, 0, 1))
        """,
        i2c=guest("i2c", I2C),
    )
    beyond = "Trap: i2c: out of bounds memory access"
    capped = beyond + " (beyond the cap of 64 bytes)"
    assert out == [
        "1 True True 0 0 b'\\x00\\x00bc012\\x00'",
        "0 b'\\x00a01' [('i2c', 0, 'write', 72, b'bc'), ('i2c', 0, 'read', 72, b'bc012'), "
        "('i2c', 0, 'command', 72, b'a'), ('i2c', 0, 'read', 72, b'a01')]",
        "0 -5 -5",
        "Trap: i2c: i2c 0: address 0x50 is not granted Trap: i2c: i2c 2 is not granted 0",
        *[f"{capped} {capped} {capped}"] * 2,
        f"{beyond} {beyond} {beyond}",
        f"{capped} {capped} {capped}",
        f"{beyond} {beyond} {beyond}",
        "[] -110 -110",
        "Trap: host function pit_i2c.write: RuntimeError: on fire",
    ]


def test_spi(board) -> None:
    """Chip select is low during each transfer, and high after it, whatever happens."""
    out = board(
        """
        bus = board.SPI(0)
        grant(rt, spi={0: (bus, board.Pin(17)), 1: bus})
        i = new("spi")
        e = i.exports
        h, bare = e.open(0), e.open(1)
        i.memory[0:4] = b"abcd"
        bus.answer = b"wxyz"
        print(e.write(h, 0, 2), e.read(h, 8, 3), i.memory[8:12], e.transfer(bare, 0, 3, 8, 3), i.memory[8:12])
        print(clear())
        print(e.write_read(h, 0, 1, 16, 2), clear())
        print(e.transfer(h, 0, 3, 8, 2), clear())
        def stuck(*_):
            raise OSError(5)
        bus.write = stuck
        print(e.write_read(h, 0, 1, 16, 2), clear())
        def stop(*_):
            raise KeyboardInterrupt
        bus.write = stop
        try:
            e.write(h, 0, 1)
        except KeyboardInterrupt:
            print("stopped", clear())
        print(error(e.write, h, 63, 2), error(e.transfer, h, 0, 1, 64, 1), error(e.read, 3, 0, 1))
        """,
        spi=guest("spi", SPI),
    )
    low, high = "('pin', 17, 0)", "('pin', 17, 1)"
    capped = "Trap: spi: out of bounds memory access (beyond the cap of 64 bytes)"
    assert out == [
        "0 0 b'wxy\\x00' 0 b'z\\x9d\\x9c\\x00'",
        f"[{low}, ('spi', 0, b'ab'), {high}, {low}, ('spi', 0, b'\\x00\\x00\\x00'), {high}, ('spi', 0, b'abc')]",
        f"0 [{low}, ('spi', 0, b'a'), ('spi', 0, b'\\x00\\x00'), {high}]",
        f"-22 [{low}, {high}]",
        f"-5 [{low}, {high}]",
        f"stopped [{low}, {high}]",
        f"{capped} {capped} Trap: spi: spi handle 3 is not open",
    ]


def test_uart(board) -> None:
    out = board(
        """
        import io
        port = board.UART(1)
        grant(rt, uart={1: port, 9: io.BytesIO(b"from a file")})
        i = new("uart")
        e = i.exports
        h, other = e.open(1), e.open(9)
        i.memory[0:4] = b"ping"
        port.received = b"pong!"
        print(e.write(h, 0, 4), e.any(h), e.read(h, 8, 4), e.read(h, 12, 4), e.read(h, 12, 4), i.memory[8:16], clear())
        print(e.read(other, 20, 6), i.memory[20:26], error(e.any, other)[:37])
        def stuck(*_):
            raise OSError(116)
        port.readinto = stuck
        print(e.read(h, 0, 1), error(e.write, h, 60, 5))
        """,
        uart=guest("uart", UART),
    )
    assert out == [
        "4 5 4 1 0 b'pong!\\x00\\x00\\x00' [('uart', 1, b'ping')]",
        "6 b'from a' Trap: host function pit_uart.any: Att",
        "-116 Trap: uart: out of bounds memory access (beyond the cap of 64 bytes)",
    ]


def test_time_and_log(board) -> None:
    out = board(
        """
        import time
        said = []
        grant(rt, time=True, log=said.append)
        t, i = new("time").exports, new("log")
        before = time.ticks_ms()
        a, b = t.ticks_ms(), t.ticks_us()
        t.sleep_ms(20)
        t.sleep_us(1000)
        t.sleep_ms(-1)
        c, d = t.ticks_ms(), t.ticks_us()
        print(0 <= a < 1 << 30, 15 <= c - a & 0x3fffffff < 2000, 15000 <= d - b & 0x3fffffff < 2000000)
        print(abs(t.unix() - time.time()) < 2)
        def text(data, value=None):
            i.memory[0 : len(data)] = data
            return i.exports.text(0, len(data)) if value is None else i.exports.value(0, len(data), value)
        text(b"21\\xc2\\xb0")
        text(b"\\x1b[2J\\r\\n\\x7f|")
        text(b"\\xff\\xfe")
        text(b"")
        text(b"level", -42)
        print(said, error(i.exports.text, 60, 5))
        grant(rt, log=True)
        text(b"printed")
        """,
        time=guest("time", TIME),
        log=guest("log", LOG),
    )
    assert out == [
        "True True True",
        "True",
        "['log: 21\\xb0', 'log: ?[2J???|', \"log: b'\\\\xff\\\\xfe'\", 'log: ', 'log: level = -42'] "
        "Trap: log: out of bounds memory access (beyond the cap of 64 bytes)",
        "log: printed",
    ]


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


# ---- what is written down for guests is what there is ----


@pytest.fixture(scope="module")
def natives() -> dict[tuple[str, str], str]:
    """(module, function) -> WAMR signature, of all that can be granted."""
    script = """
from pitwasm import Runtime, board
from pitwasm.peripherals import grant
rt = Runtime(4096)
grant(rt, pins={0: "in"}, adc={0: True}, pwm={0: True}, i2c={0: 1}, spi={0: 1}, uart={0: 1}, time=True, log=True)
for module, functions in rt._natives.items():
    for name, (signature, _) in functions.items():
        print(module, name, signature)
"""
    words = [line.split() for line in mp.get(64).out(script).splitlines()]
    return {(module, name): signature for module, name, signature in words}


def signature(params: list[str], result: str) -> str:
    """The value types of a function declared in C, Rust or TypeScript; pointers and sizes are i32."""
    letters = {"int64_t": "I", "i64": "I"}
    return f"({''.join(letters.get(param, 'i') for param in params)}){'' if result in ('', 'void') else letters.get(result, 'i')}"


def split(params: str) -> list[str]:
    return [] if params in ("", "void") else params.split(", ")


def test_sdk_for_c(natives) -> None:
    text = (ROOT / "guests" / "c" / "pitwasm.h").read_text()
    found = re.findall(r'^PIT_IMPORT\("(\w+)", "(\w+)"\) (\w+) \w+\((.*?)\);', text, re.M)
    assert {(m, f): signature(split(p), r) for m, f, r, p in found} == {key: plain(s) for key, s in natives.items()}


def test_sdk_for_rust(natives) -> None:
    text = (ROOT / "guests" / "rust" / "src" / "lib.rs").read_text()
    found = {}
    for module, block in re.findall(r'wasm_import_module = "(\w+)"\)\]\s+extern "C" \{(.*?)\n    \}', text, re.S):
        functions = re.findall(r'(?:link_name = "(\w+)"\] )?pub fn (\w+)\((.*?)\)(?: -> (\w+))?;', " ".join(block.split()))
        for name, own, params, result in functions:
            types = [part.split(": ")[1] for part in params.strip(" ,").split(", ") if part]
            found[module, name or own] = signature(types, result)
    assert found == {key: plain(s) for key, s in natives.items()}


def test_sdk_for_assemblyscript(natives) -> None:
    text = (ROOT / "guests" / "assemblyscript" / "pitwasm.ts").read_text()
    found = re.findall(r'@external\("(\w+)", "(\w+)"\)\s+(?:export )?declare function \w+\((.*?)\): (\w+);', text)
    assert {(m, f): signature(split(p), r) for m, f, p, r in found} == {key: plain(s) for key, s in natives.items()}


def test_documentation(natives) -> None:
    rows = re.findall(r"^\| (`pit_\w+`)? ?\| `(\w+)\(.*?\)` \| `(.*?)` \|", (ROOT / "docs" / "peripherals.md").read_text(), re.M)
    found, module = {}, ""
    for new, name, type in rows:
        module = new.strip("`") or module
        found[module, name] = type
    assert found == natives


def plain(signature: str) -> str:
    return re.sub(r"[*~]", "i", signature)
