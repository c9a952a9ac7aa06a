# pit_i2c for guests: devices on I2C buses; a handle is a device at its address
# MIT license; Copyright (c) 2026 the pitwasm authors

from .peripherals import Peripheral, attempt


class I2c(Peripheral):
    """A thing is (bus, address)."""

    NAME = "i2c"

    def functions(self):
        found = super().functions()
        found["open"] = "(ii)i", self.open
        found["write"] = "(i*~)i", self.write
        found["read"] = "(i*~)i", self.read
        found["write_read"] = "(i*~*~)i", self.write_read
        return found

    def open(self, number: int, address: int) -> int:  # type: ignore[override]
        given = self.may(number)
        bus = given
        if isinstance(given, tuple):
            bus = given[0]
            if address not in given[1:]:
                self.refuse("%d: address 0x%02x is not granted" % (number, address))
        return self.handle((bus, address))

    def write(self, h, data, _):
        bus, address = self.of(h)
        return attempt(bus.writeto, address, data)

    def read(self, h, data, _):
        bus, address = self.of(h)
        return attempt(bus.readfrom_into, address, data)

    def write_read(self, h, command, n, data, _):
        """Without a stop between the two."""
        bus, address = self.of(h)
        return attempt(bus.writeto, address, command, False) or attempt(bus.readfrom_into, address, data)


make = I2c
