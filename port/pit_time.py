# pit_time for guests: clocks and sleeping
# MIT license; Copyright (c) 2026 the pitwasm authors

import time
from typing import Any

from micropython import const

from .peripherals import Peripheral

_WRAP = const(0x3FFFFFFF)  # 30 bits on every port, as on the boards


class Time(Peripheral):
    NAME = "time"

    def functions(self):
        return {
            "ticks_ms": ("()i", self.ticks_ms),
            "ticks_us": ("()i", self.ticks_us),
            "sleep_ms": ("(i)", self.sleep_ms),
            "sleep_us": ("(i)", self.sleep_us),
            "unix": ("()I", self.unix),
        }

    def ticks_ms(self):
        self.may()
        t: Any = time.ticks_ms()
        return t & _WRAP

    def ticks_us(self):
        self.may()
        t: Any = time.ticks_us()
        return t & _WRAP

    def sleep_ms(self, n):
        self.may()
        time.sleep_ms(max(n, 0))

    def sleep_us(self, n):
        self.may()
        time.sleep_us(max(n, 0))

    def unix(self):
        """Seconds since 1970 of the board's clock; some ports count from 2000."""
        self.may()
        return int(time.time()) + (946684800 if time.gmtime(0)[0] == 2000 else 0)


make = Time
