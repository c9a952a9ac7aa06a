# What guests may touch of the board: nothing, until it is granted, pin by pin and bus by bus (docs/peripherals.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A guest opens what it was granted and gets a handle: a small number that is good only in the instance that opened it. What is
# the guest's own mistake (not granted, no such handle, a buffer beyond its memory) traps; what goes wrong outside comes back as
# a negative errno. A peripheral that was never granted is not loaded, and to import from it is a LinkError.

from typing import TYPE_CHECKING, Any

from .errors import Trap

if TYPE_CHECKING:
    from .runtime import Runtime


def grant(rt: "Runtime", only: str | None = None, **what: Any) -> None:
    """Let guests use parts of the board, before they are loaded. May be called again for more.

    only: name of the one module this is for. What can be granted:
      pins={25: "out", 2: "in up", 3: machine.Pin(3)}    "in", "in up", "in down", "out", "od" (open drain), or a Pin as it is
      adc={26: True}  pwm={15: True}                     or an object of yours: {0: machine.ADC(4)}
      i2c={0: machine.I2C(0)}                            or (bus, 0x48, 0x49): only devices at these addresses
      spi={0: machine.SPI(0)}                            or (bus, Pin): with this chip select
      uart={1: machine.UART(1)}                          or any stream with readinto(), write() and any()
      time=True  log=True                                log may be a function that takes a line
    The numbers are what guests give to open(); with objects of yours they need not be those of the board.
    """
    mine: Any = getattr(rt, "peripherals", None)
    if mine is None:
        rt.peripherals = mine = {}  # type: ignore[attr-defined]
    for name, things in what.items():
        if things:
            name = "pit_" + ("gpio" if name == "pins" else name)
            if name not in rt._natives:
                mine[name] = __import__("pitwasm." + name, None, None, ("*",)).make(rt)
            mine[name].grant(things, only)


def revoke(rt: "Runtime") -> None:
    """Take back all that was granted: handles are closed, to open or use anything traps."""
    for _, peripheral in (getattr(rt, "peripherals", None) or {}).items():
        peripheral.revoke()


def attempt(f, *args):
    """0, or the negative errno of what went wrong outside."""
    try:
        f(*args)
        return 0
    except OSError as exc:
        return -(exc.errno or 5)  # EIO
    except ValueError:
        return -22  # EINVAL: the driver does not do that


class Peripheral:
    """What was granted of one kind, and the handles that guests have. Subclasses: NAME, and functions()."""

    NAME = ""

    def __init__(self, rt: "Runtime"):
        self._rt: Any = rt
        self._granted: list[Any] = []  # (number, name of a module or None, thing), newest first; without handles the number is None
        self._handles: list[Any] = [None]  # [instance, thing, times opened] by handle, None = free; 0 is never one
        rt.register_natives("pit_" + self.NAME, self.functions())

    def functions(self):
        """{name: (signature, callable)} for Runtime.register_natives()."""
        return {"open": ("(i)i", self.open), "close": ("(i)", self.close)}

    def grant(self, things, only):
        if not isinstance(things, dict):
            things = {None: things}
        for number, given in things.items():
            self._granted.insert(0, (number, only, self.thing(number, given)))

    def thing(self, number, given):
        """What a handle stands for."""
        return given

    def revoke(self):
        self._granted = []
        for h in range(1, len(self._handles)):
            self.shut(h)

    def refuse(self, text):
        raise Trap("%s %s" % (self.NAME, text), self._rt.caller.name)

    def may(self, number=None):
        """The thing that the calling module was granted under this number."""
        for n, only, thing in self._granted:
            if n == number and (only is None or only == self._rt.caller.name):
                return thing
        self.refuse("is not granted" if number is None else "%d is not granted" % number)

    def open(self, number: int, *more: int) -> int:
        return self.handle(self.may(number))

    def handle(self, thing):
        """The caller's handle on a thing: the one it has already, if so, which bounds their number."""
        caller = self._rt.caller
        handles = self._handles
        free = 0
        for h in range(1, len(handles)):
            entry = handles[h]
            if not entry or not entry[0]._off:  # its instance has gone
                free = h
            elif entry[0] is caller and entry[1] == thing:
                entry[2] += 1
                return h
        if not free:
            free = len(handles)
            handles.append(None)
        handles[free] = [caller, thing, 1]
        return free

    def of(self, h):
        """The thing of a handle. Allocates nothing."""
        if 0 < h < len(self._handles):
            entry = self._handles[h]
            if entry and entry[0] is self._rt.caller:
                return entry[1]
        self.refuse("handle %d is not open" % h)

    def close(self, h):
        """As often as it was opened."""
        self.of(h)
        entry = self._handles[h]
        entry[2] -= 1
        if not entry[2]:
            self.shut(h)

    def shut(self, h):
        self._handles[h] = None
