# pit_log for guests: lines for people
# MIT license; Copyright (c) 2026 the pitwasm authors

from micropython import const

from .peripherals import Peripheral

_MOST = const(200)  # bytes of a line


class Log(Peripheral):
    """What was granted is a function that takes a line; True stands for print."""

    NAME = "log"

    def functions(self):
        return {"text": ("(*~)", self.text), "value": ("(*~i)", self.value)}

    def text(self, text, _, end=""):
        show = self.may()
        # No control characters: what a terminal makes of them is not for guests to say.
        data = bytes([c if c > 31 and c != 127 else 63 for c in text[:_MOST]])
        try:
            line = str(data, "utf-8")
        except UnicodeError:
            line = str(data)  # b'…'
        line = "%s: %s%s" % (self._rt.caller.name, line, end)
        (print if show is True else show)(line)

    def value(self, text, n, value):
        self.text(text, n, " = %d" % value)


make = Log
