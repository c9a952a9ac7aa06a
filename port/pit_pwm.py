# pit_pwm for guests: pulses of a frequency and a width; closing a handle ends them
# MIT license; Copyright (c) 2026 the pitwasm authors

from . import board
from .peripherals import Peripheral, attempt


class Pwm(Peripheral):
    NAME = "pwm"

    def functions(self):
        found = super().functions()
        found["freq"] = "(ii)i", self.freq
        found["duty"] = "(ii)", self.duty
        return found

    def thing(self, number, given):
        return board.pwm(number) if given is True else given

    def freq(self, h, hz):
        return attempt(self.of(h).freq, hz)

    def duty(self, h, width):
        self.of(h).duty_u16(max(0, min(width, 65535)))

    def shut(self, h):
        if self._handles[h]:
            self._handles[h][1].duty_u16(0)
        super().shut(h)


make = Pwm
