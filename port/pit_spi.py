# pit_spi for guests: devices on SPI buses, with the chip select that belongs to the grant
# MIT license; Copyright (c) 2026 the pitwasm authors

from .peripherals import Peripheral, attempt


class Spi(Peripheral):
    """A thing is (bus, chip select or None)."""

    NAME = "spi"

    def functions(self):
        found = super().functions()
        found["write"] = "(i*~)i", self.write
        found["read"] = "(i*~)i", self.read
        found["write_read"] = "(i*~*~)i", self.write_read
        found["transfer"] = "(i*~*~)i", self.transfer
        return found

    def thing(self, number, given):
        return given if isinstance(given, tuple) else (given, None)

    def select(self, h, *steps):
        """Methods of the bus, one after the other, with chip select low."""
        bus, pin = self.of(h)
        if pin:
            pin.value(0)
        try:
            for name, *args in steps:
                code = attempt(getattr(bus, name), *args)
                if code:
                    return code
            return 0
        finally:
            if pin:
                pin.value(1)

    def write(self, h, data, _):
        return self.select(h, ("write", data))

    def read(self, h, data, _):
        return self.select(h, ("readinto", data))

    def write_read(self, h, command, n, data, _):
        """First the one, then the other."""
        return self.select(h, ("write", command), ("readinto", data))

    def transfer(self, h, out, n, data, _):
        """Both at once."""
        return self.select(h, ("write_readinto", out, data))


make = Spi
