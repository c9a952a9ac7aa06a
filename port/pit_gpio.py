# pit_gpio for guests: digital pins
# MIT license; Copyright (c) 2026 the pitwasm authors

from .board import Pin
from .peripherals import Peripheral


class Gpio(Peripheral):
    """A thing is (Pin, whether it may be written)."""

    NAME = "gpio"

    def functions(self):
        found = super().functions()
        found["read"] = "(i)i", self.read
        found["write"] = "(ii)", self.write
        found["toggle"] = "(i)", self.toggle
        return found

    def thing(self, number, given):
        if not isinstance(given, str):
            return given, True
        mode, _, pull = given.partition(" ")
        if mode not in ("in", "out", "od") or pull and (mode != "in" or pull not in ("up", "down")):
            raise ValueError("pin %d: '%s' is none of: in, in up, in down, out, od" % (number, given))
        way = Pin.IN if mode == "in" else Pin.OUT if mode == "out" else Pin.OPEN_DRAIN
        if pull:
            return Pin(number, way, Pin.PULL_UP if pull == "up" else Pin.PULL_DOWN), False
        return Pin(number, way), mode != "in"

    def read(self, h):
        return self.of(h)[0].value()

    def write(self, h, value):
        pin, output = self.of(h)
        if not output:
            self.refuse("handle %d is an input" % h)
        pin.value(value != 0)

    def toggle(self, h):
        self.write(h, not self.read(h))


make = Gpio
