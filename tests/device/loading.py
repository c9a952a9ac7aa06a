# Loading on the device: streams of every temper, outcomes to print, and random damage to modules
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# As a program: seed, mutations for each module, then the modules (every prefix of the first three is tried too).

import sys

from pitwasm import decode
from pitwasm.errors import PitwasmError
from pitwasm.modules import unload
from pitwasm.pool import Pool
from pool_model import check


class Stream:
    """A module's bytes, at most `chunk` at a time; None for the first `idle` of every 10 reads; OSError at `broken`."""

    def __init__(self, data, chunk=1, idle=0, broken=None):
        self.data = data
        self.chunk = chunk
        self.idle = idle
        self.broken = broken
        self.at = self.reads = self.asked = 0

    def readinto(self, view):
        self.asked = max(self.asked, self.at + len(view))
        self.reads += 1
        if self.reads % 10 < self.idle:
            return None
        if self.broken is not None and self.at >= self.broken:
            raise OSError(5)
        n = min(len(view), self.chunk, len(self.data) - self.at)
        view[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n


def outcome(pool, source, **options):
    """What load() did: None when it worked (the module is unloaded again), else class, text, module, function, offset."""
    used = pool.used
    try:
        mod = decode.load(pool, source, "m", **options)
        assert pool.used > used
        unload(pool, mod)
        found = None
    except PitwasmError as exc:
        found = [type(exc).__name__, exc.text, exc.module, exc.function, exc.offset]
    assert pool.used == used, (pool.used, used)
    return found


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


def damaged(data):
    data = bytearray(data)
    for _ in range(1 + rnd(4)):
        at = 8 + rnd(len(data) - 8) if rnd(50) and len(data) > 8 else rnd(len(data))
        what = rnd(8)
        if what < 3:
            data[at] = rnd(256)
        elif what < 5:
            data[at] ^= 1 << rnd(8)
        elif what == 5:
            data = data[:at] + data[at + 1 + rnd(3) :]
        elif what == 6:
            data = data[:at] + bytes((rnd(256), 0x80, 0xFF)[: 1 + rnd(3)]) + data[at:]
        else:
            other = rnd(len(data))
            data = data[:at] + data[other : other + rnd(20)] + data[at:]
        if not data:
            break
    return bytes(data)


def fuzz(pool, data):
    how = rnd(4)
    found = outcome(pool, Stream(data, 1 + rnd(100)) if how == 0 else data, lazy=how == 1, names=how > 1)
    return found[0] if found else "loaded"


if __name__ == "__main__":
    state = int(sys.argv[1])
    count = int(sys.argv[2])
    pool = Pool(128 << 10)
    tally = {}
    for i, path in enumerate(sys.argv[3:]):
        with open(path, "rb") as file:
            data = file.read()
        cases = [data[:n] for n in range(len(data))] if i < 3 else []
        for n in range(len(cases)):
            kind = fuzz(pool, cases[n])
            # Cut between two sections, or behind one that may be missing, it may be a module.
            assert kind in ("LoadError", "loaded"), (path, n, kind)
        for n in range(count):
            before = state
            try:
                kind = fuzz(pool, damaged(data))
            except BaseException:
                print("%s, mutation %d (state %d)" % (path, n, before))
                raise
            tally[kind] = tally.get(kind, 0) + 1
        check(pool)
    print(sorted(tally.items()))
