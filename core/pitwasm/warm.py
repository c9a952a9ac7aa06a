# native=None: the tier that makes machine code, loaded once calls have taken a while (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
import gc
import sys

from micropython import const

from .errors import PoolExhausted
from .tier import MACHINE

# Bytes of heap that have to be free for the tier to be loaded. It takes some 38 KB where tools/viperc made it, else 100.
_HEAP = const(65536 if UNIT else 163840)
# What goes again where the heap was too small all the same, or Ctrl-C came while it was read: half a file would stay.
_FILES = (
    "native", "words", "marks", "lower", "wide", "forms", "machine", "encode", "flow", "routines", "callref", "callfloat", "region"
)  # fmt: skip


def warm(rt):
    """Give the runtime its tier, unless this machine has none, or there is no room. MemoryError."""
    if MACHINE:
        gc.collect()
        try:
            if gc.mem_free() >= _HEAP:
                from .native import Native

                tier = Native(rt, "hot", rt._budget)
                if tier.budget:
                    tier.lent = True
                    rt._tier = tier
                    rt.pool.spare = tier.spare
        except (MemoryError, KeyboardInterrupt):
            for name in _FILES:
                sys.modules.pop("pitwasm." + name, None)
            raise
        except PoolExhausted:
            pass
