# A board that is only pretended, for guests on a PC: what they do is noted down in `events`, what they read comes from `inputs`
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The classes are called like those of `machine`, and do what pitwasm.peripherals asks of them.

events = []  # ("pin", 25, 1), ("pwm", 15, "duty", 32768), ("i2c", 0, "write", 0x48, b"\0"), …, oldest first
inputs = {}  # what pins, by number, and analogue inputs, by ("adc", number), give; else what was last written, or 0


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, number, mode=IN, pull=0, value=None):
        if not 0 <= number < 48:
            raise ValueError("invalid pin")
        self.number = number
        self.mode = mode
        self.level = 1 if pull == Pin.PULL_UP else 0
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return inputs.get(self.number, self.level)
        self.level = 1 if level else 0
        events.append(("pin", self.number, self.level))


class ADC:
    def __init__(self, number):
        self.number = number

    def read_u16(self):
        return inputs.get(("adc", self.number), 0)


class PWM:
    def __init__(self, number):
        self.number = number

    def freq(self, hz):
        if not 8 <= hz <= 62500000:
            raise ValueError("freq out of range")
        events.append(("pwm", self.number, "freq", hz))

    def duty_u16(self, width):
        events.append(("pwm", self.number, "duty", width))


class I2C:
    """A bus; `devices`: address -> object with write(bytes) and read(n)."""

    def __init__(self, number, **_):
        self.number = number
        self.devices = {}

    def _device(self, address):
        if address not in self.devices:
            raise OSError(5)  # nobody acknowledges
        return self.devices[address]

    def writeto(self, address, data, stop=True):
        events.append(("i2c", self.number, "write" if stop else "command", address, bytes(data)))
        self._device(address).write(bytes(data))
        return len(data)

    def readfrom_into(self, address, data):
        data[:] = self._device(address).read(len(data))
        events.append(("i2c", self.number, "read", address, bytes(data)))


class SPI:
    """A bus; `answer`: what comes back, byte by byte (else what was sent, inverted)."""

    def __init__(self, number, **_):
        self.number = number
        self.answer = b""

    def write_readinto(self, out, data):
        if len(out) != len(data):
            raise ValueError("buffers must be the same length")
        events.append(("spi", self.number, bytes(out)))
        for i in range(len(data)):
            data[i] = self.answer[i] if i < len(self.answer) else out[i] ^ 255
        self.answer = self.answer[len(data) :]

    def write(self, data):
        events.append(("spi", self.number, bytes(data)))

    def readinto(self, data):
        self.write_readinto(bytes(len(data)), data)


class UART:
    """A port; `received`: what has come in."""

    def __init__(self, number, **_):
        self.number = number
        self.received = b""

    def any(self):
        return len(self.received)

    def write(self, data):
        events.append(("uart", self.number, bytes(data)))
        return len(data)

    def readinto(self, data):
        n = min(len(data), len(self.received))
        data[:n] = self.received[:n]
        self.received = self.received[n:]
        return n or None


def adc(number):
    return ADC(number)


def pwm(number):
    return PWM(number)
