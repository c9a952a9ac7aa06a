# What guests do with a board's peripherals, kind by kind, in their own memory: analog pins, buses, UARTs, the clock, the log
# MIT license; Copyright (c) 2026 the pitwasm authors

from tests.guests import ADC, I2C, LOG, PWM, SPI, TIME, UART, guest


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
