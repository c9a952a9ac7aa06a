# pit_uart for guests: serial ports, or any other stream
# MIT license; Copyright (c) 2026 the pitwasm authors

from .peripherals import Peripheral


class Uart(Peripheral):
    NAME = "uart"

    def functions(self):
        found = super().functions()
        found["any"] = "(i)i", self.any
        found["write"] = "(i*~)i", self.write
        found["read"] = "(i*~)i", self.read
        return found

    def any(self, h):
        return self.of(h).any()

    def write(self, h, data, _):
        return self.count(self.of(h).write, data)

    def read(self, h, data, _):
        """What is there, without waiting longer than the stream does."""
        return self.count(self.of(h).readinto, data)

    def count(self, f, data):
        try:
            return f(data) or 0
        except OSError as exc:
            return -(exc.errno or 5)  # EIO


make = Uart
