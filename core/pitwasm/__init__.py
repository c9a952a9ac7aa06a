# pitwasm: a WebAssembly runtime for stock MicroPython. The names of its API, each loaded when first used
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import Exit, LinkError, LoadError, OutOfFuel, PitwasmError, PoolExhausted, Trap, ValidationError
    from .handles import Global, Memory, Table
    from .pool import Pool
    from .runtime import Exports, Function, Instance, Module, Runtime

__version__ = "0.1.0"

# Native code in .mpy files has the format 6.3 since MicroPython 1.23 (sys.implementation._mpy: version, sub-version << 8).
_mpy = getattr(sys.implementation, "_mpy", 0)
if sys.implementation.name != "micropython" or sys.implementation.version[:2] < (1, 23):
    raise ImportError("pitwasm needs MicroPython 1.23 or later; this is %s %s" % (sys.implementation.name, sys.version))
if _mpy & 0xFF != 6 or _mpy >> 8 & 3 != 3:
    raise ImportError("pitwasm's .mpy files have the format 6.3; this firmware takes %d.%d" % (_mpy & 0xFF, _mpy >> 8 & 3))

# A file and the names it has. Text: in a firmware it stays in flash, where a dict would take 0.2 KB of the heap.
_NAMES = (
    "runtime Runtime Module Instance Exports Function,handles Memory Global Table,pool Pool,flash FlashReader,uart UartReader,chain Chain,"
    "errors PitwasmError LoadError ValidationError LinkError Trap OutOfFuel Exit PoolExhausted"
)


def __getattr__(name: str) -> object:
    file = None
    for names in _NAMES.split(","):
        if name in names.split(" ")[1:]:
            file = names.split(" ")[0]
    if file is None:  # `from . import decode` asks here first
        try:
            return __import__("pitwasm." + name, None, None, ("*",))
        except ImportError:
            raise AttributeError(name)
    try:
        value = getattr(__import__("pitwasm." + file, None, None, ("*",)), name)
    except ValueError as exc:
        # "incompatible .mpy arch": the machine code in the file is for another processor. By its number, the package that fits:
        fits = ("", "x86", "x64", "", "armv6m", "armv7m", "armv7m", "armv7m", "armv7m", "", "xtensawin", "rv32imc")
        raise ImportError("%s; install pitwasm for %s" % (exc, fits[_mpy >> 10 & 0xF] or "this processor"))
    globals()[name] = value
    return value
