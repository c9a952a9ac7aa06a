# Native tier on unix: memory that may be executed, which is where MicroPython keeps the machine code of a viper function
# MIT license; Copyright (c) 2026 the pitwasm authors
from uctypes import bytearray_at

from micropython import const

# Bytes of machine code that a statement of Region.__init__ takes at least (on x64 some 84, on x86 70); nothing need be mapped behind them.
_LEAST = const(30)

_spare = []  # regions that no runtime has any more: MicroPython never gives such memory back, and making one takes 0.2 s


def get(size):
    """A region of `size` bytes at least."""
    for region in _spare:
        if region.size >= size:
            _spare.remove(region)
            return region
    return Region(size)


def code_of(f):
    """Address of a native function's machine code: the fourth word of the object."""
    n = 8 if W64 else 4
    return int.from_bytes(bytearray_at(id(f) + 3 * n, n), "little")


class Region:
    """`size` bytes that can be written and executed; the function whose code it is stays alive with it."""

    def __init__(self, size):
        lines = size // _LEAST + 64
        names = {}
        exec("import micropython\n@micropython.viper\ndef f(x: ptr32):\n" + " x[100000] += 100000\n" * lines, names)
        self._f = names["f"]
        self.address = code_of(self._f)
        self.size = size
        self._free = [(0, size)]

    def leave(self):
        """Nothing in it is needed any more: for the next one who asks."""
        self._free = [(0, self.size)]
        _spare.append(self)

    def hole(self):
        """(place, bytes) of the largest hole."""
        return max(self._free, key=lambda hole: hole[1]) if self._free else (0, 0)

    def take(self, n):
        """The first n bytes of the largest hole, which has them; their place."""
        hole = at, size = self.hole()
        n = (n + 15) & -16
        self._free.remove(hole)
        if size > n:
            self._free.append((at + n, size - n))
        return at

    def free(self, at, n):
        n = (n + 15) & -16
        free = sorted(self._free + [(at, n)])
        self._free = []
        for at, n in free:
            if self._free and sum(self._free[-1]) == at:
                self._free[-1] = (self._free[-1][0], self._free[-1][1] + n)
            else:
                self._free.append((at, n))
