# pit_adc for guests: analogue inputs
# MIT license; Copyright (c) 2026 the pitwasm authors

from . import board
from .peripherals import Peripheral


class Adc(Peripheral):
    NAME = "adc"

    def functions(self):
        found = super().functions()
        found["read"] = "(i)i", self.read
        return found

    def thing(self, number, given):
        return board.adc(number) if given is True else given

    def read(self, h):
        return self.of(h).read_u16()


make = Adc
