# Stands in for MicroPython's machine module on a PC: the pretended board, with an LM75 thermometer of 21.5 degrees on every I2C bus
# MIT license; Copyright (c) 2026 the pitwasm authors

from pitwasm import board
from pitwasm.board import ADC, PWM, SPI, UART, Pin  # noqa: F401

board.inputs["adc", 26] = 4096
board.inputs["adc", 4] = 14000


class LM75:
    register = 0
    registers = {0: b"\x15\x80", 1: b"\0"}

    def write(self, data):
        self.register = data[0]
        if len(data) > 1:
            self.registers[data[0]] = data[1:]

    def read(self, n):
        return (self.registers[self.register] + bytes(n))[:n]


class I2C(board.I2C):
    def __init__(self, number, **settings):
        super().__init__(number, **settings)
        self.devices[0x48] = LM75()
