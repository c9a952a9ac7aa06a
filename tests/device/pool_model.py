# What holds of a pool at any time, read from its bytes alone; with numbers as arguments, a random run against a model
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# arguments: seed, steps, bytes of the pool

import struct
import sys

from pitwasm.errors import PoolExhausted
from pitwasm.pool import Pool

HEADER = 80  # layout.HEADER; check() would notice a difference
BLOCK = 8


def cell(pool, off):
    return struct.unpack_from("<I", pool.buf, off)[0]


def check(pool):
    """Blocks fill the pool, free ones do not touch and are listed in order, the sums are right. How many are free."""
    size = cell(pool, 4)
    at, used, free, last_free = HEADER, 0, [], 0
    while at < size:
        n = cell(pool, at)
        assert at % 8 == 0 and (n & -2) % 8 == 0 and n & -2 >= 16, (at, n)
        if n & 1:
            assert not last_free, "free blocks touch"
            free.append(at)
        else:
            used += n
        last_free = n & 1
        at += n & -2
    assert at == size
    assert used == pool.used <= pool.high and used + pool.free_bytes == size - HEADER
    listed, at = [], cell(pool, 8)
    while at:
        listed.append(at)
        at = cell(pool, at + 4)
    assert listed == free, (listed, free)
    return len(free)


def refused(function, *args):
    try:
        function(*args)
    except PoolExhausted as exc:
        return exc
    raise AssertionError("nothing raised")


class Model:
    """A pool next to a dictionary of what ought to be in it: offset -> (bytes, kind, owner)."""

    def __init__(self, seed, size):
        self.state = seed
        self.size = size
        self.pool = Pool(size)
        self.live = {}
        self.refusals = self.moved = self.stayed = 0

    def rnd(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n

    def fill(self, off, size, kind, owner):
        marks = bytes((off + i * 7 + size) & 255 for i in range(size))
        self.pool.buf[off : off + size] = marks
        self.live[off] = (marks, kind, owner)

    def intact(self, off):
        marks, kind, owner = self.live[off]
        assert bytes(self.pool.buf[off : off + len(marks)]) == marks, off
        assert self.pool.owner_of(off) == (kind, owner), off

    def step(self):
        pool, live, rnd = self.pool, self.live, self.rnd
        what = rnd(10)
        size = rnd(300) if rnd(4) else rnd(self.size // 3)
        offs = list(live)
        off = offs[rnd(len(offs))] if offs else 0
        if off:
            self.intact(off)
        try:
            if what < 4 or not off:
                kind, owner = rnd(20), rnd(self.size) & -8
                new = pool.alloc(size, kind, owner)
                assert new not in live and bytes(pool.buf[new : new + size]) == bytes(size)
                self.fill(new, size, kind, owner)
            elif what < 7:
                pool.free(off)
                del live[off]
            elif what < 9:
                marks, kind, owner = live[off]
                old = len(marks)
                new = pool.grow(off, size)
                self.moved += new != off
                self.stayed += new == off and size > old
                assert bytes(pool.buf[new : new + max(old, size)]) == marks + bytes(max(size - old, 0))
                del live[off]
                self.fill(new, max(size, old), kind, owner)
            else:
                marks, kind, owner = live[off]
                pool.shrink(off, min(size, len(marks)))
                live[off] = (marks[:size], kind, owner)
                self.intact(off)
        except PoolExhausted as exc:
            self.refusals += 1
            assert exc.asked == size and exc.free == pool.free_bytes and exc.largest == pool.largest()[1] < size
            if off:
                self.intact(off)
        assert pool.used == sum(pool.size_of(off) + BLOCK for off in live)

    def whole(self):
        """Neither overlaps nor gaps: the used blocks are exactly the live ones."""
        check(self.pool)
        assert [off for off, _, kind, owner in self.pool.blocks() if kind or owner or off in self.live] == sorted(self.live)
        for off in self.live:
            self.intact(off)

    def run(self, steps):
        for step in range(steps):
            self.step()
            if step % 16 == 0:
                self.whole()
            if step % 500 == 499:
                self.pool = Pool.attach(bytearray(self.pool.buf))  # moves house, everything in it
        for off in sorted(self.live, key=lambda off: off * 7919 % 1009):
            self.intact(off)
            self.pool.free(off)
        assert self.pool.used == 0 and check(self.pool) == 1
        assert min(self.refusals, self.moved, self.stayed) > steps // 100, (self.refusals, self.moved, self.stayed)


if __name__ == "__main__":
    seed, steps, size = (int(arg) for arg in sys.argv[1:])
    Model(seed, size).run(steps)
    print("ok")
