# The pool: one bytearray in blocks, handed out first fit and coalesced when freed (docs/design.md, "Pool")
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Header, block format and kinds: layout.py (P_*, B_*, K_*). Blocks lie one behind the other from HEADER to P_SIZE; a used one
# says who owns it, a free one links to the next free one in address order, and no two free ones touch. Offsets handed out are
# those of payloads; sizes are payload bytes. Nothing here allocates on MicroPython's heap but PoolExhausted and map().

from typing import Any
from uctypes import addressof, bytearray_at

import micropython
from micropython import const

from . import layout
from .errors import PoolExhausted

# The kind and the owner's offset / 8 share a cell.
_MAX = const(0x8000000)
_VIEW = const(0xFFFFFF)  # where memoryviews end on 32-bit words

# ---- cells, for bytecode ---------------------------------------------------------------------------------------------------


@micropython.viper
def get32(buf: ptr32, off: int) -> uint:
    """The u32 at offset `off`. Values from 2**30 come back boxed."""
    return uint(buf[off >> 2])


@micropython.viper
def put32(buf: ptr32, off: int, value: int):
    buf[off >> 2] = value


@micropython.viper
def get16(buf: ptr16, off: int) -> int:
    return buf[off >> 1]


@micropython.viper
def put16(buf: ptr16, off: int, value: int):
    buf[off >> 1] = value


# ---- blocks ----------------------------------------------------------------------------------------------------------------
# `at` is a block, `off` its payload. `link` is the block whose B_OWNER cell names the free block at hand; the header serves
# as the first one, since P_FREE lies B_OWNER behind offset 4.
_ROOT = const(4)  # layout.P_FREE - layout.B_OWNER


@micropython.viper
def _take(p: ptr32, need: int, kind: int, owner: int) -> int:
    """First free block with `need` bytes, what is too much cut off; its payload, or 0 when there is none."""
    link = _ROOT
    at = p[layout.P_FREE >> 2]
    while at:
        c = at >> 2
        size = p[c] - 1
        if size >= need:
            rest = p[c + 1]
            size -= need
            if size < 16:
                need += size
            else:
                p[(at + need) >> 2] = size + 1
                p[((at + need) >> 2) + 1] = rest
                rest = at + need
            p[(link >> 2) + 1] = rest
            p[c] = need
            p[c + 1] = kind | owner << 5
            need += p[layout.P_USED >> 2]
            p[layout.P_USED >> 2] = need
            if need > p[layout.P_HIGH >> 2]:
                p[layout.P_HIGH >> 2] = need
            return at + layout.BLOCK
        link = at
        at = p[c + 1]
    return 0


@micropython.viper
def _zero(p: ptr32, off: int, end: int):
    """Clear cells."""
    off >>= 2
    end >>= 2
    while off < end:
        p[off] = 0
        off += 1


@micropython.viper
def _copy(p: ptr32, to: int, src: int, end: int):
    """Copy cells between blocks that do not overlap."""
    to >>= 2
    src >>= 2
    end >>= 2
    while src < end:
        p[to] = p[src]
        to += 1
        src += 1


class Pool:
    """All memory of a runtime. `source`: a bytearray, or the bytes of one to be made. What it held is overwritten."""

    # Asked before an allocation fails, with 0; before a workspace is taken, with the bytes it would get; before a block moves, with 1:
    # frees what its owner can do without (native.py); whether it did.
    spare: Any = None

    def __init__(self, source, _attach=False):
        buf = bytearray(source) if isinstance(source, int) else source
        if not isinstance(buf, bytearray):
            raise TypeError("the pool must be a bytearray or a size in bytes")
        size = len(buf) & -8
        if not 256 <= size <= _MAX or addressof(buf) & 7:
            raise ValueError("a pool has 256 bytes to 128 MB, and starts at a multiple of 8")
        self.buf = buf
        # For slices without copying: no reader or writer may resize buf while it exists.
        self._view = memoryview(buf)
        # Tests: counted down by every allocation; the one that reaches 0 raises PoolExhausted.
        self.fail_at = 0
        if _attach:
            if get32(buf, layout.P_MAGIC) != layout.MAGIC or get32(buf, layout.P_SIZE) > size:
                raise ValueError("no pool, or cut short")
            return
        _zero(buf, 0, layout.HEADER)
        put32(buf, layout.P_MAGIC, layout.MAGIC)
        put32(buf, layout.P_SIZE, size)
        put32(buf, layout.P_FREE, layout.HEADER)
        buf[layout.P_XRET + 4] = layout.OP_XRET
        buf[layout.P_EXIT + 4] = layout.OP_EXIT
        put16(buf, layout.P_LAZY + layout.F_SLOTS, 0xFFFF)
        put32(buf, layout.HEADER + layout.B_SIZE, size - layout.HEADER + 1)
        put32(buf, layout.HEADER + layout.B_OWNER, 0)

    @classmethod
    def attach(cls, buf):
        """Adopt a buffer that holds a pool already (a copy of another one: all references in it are offsets)."""
        return cls(buf, True)

    # Sizes, in bytes. Block headers count as used.

    @property
    def used(self):
        return get32(self.buf, layout.P_USED)

    @property
    def high(self):
        """Most bytes used so far; of a workspace, only what was kept of it or noted with note_high()."""
        return get32(self.buf, layout.P_HIGH)

    @property
    def free_bytes(self):
        return get32(self.buf, layout.P_SIZE) - layout.HEADER - self.used

    def largest(self):
        """(offset, size) of the largest block that could be allocated; (0, 0) when nothing is free."""
        buf = self.buf
        best = most = 0
        at = get32(buf, layout.P_FREE)
        while at:
            if get32(buf, at) > most:
                most = get32(buf, at)
                best = at + layout.BLOCK
            at = get32(buf, at + layout.B_OWNER)
        return best, max(most - 1 - layout.BLOCK, 0)

    def size_of(self, off):
        """Bytes that fit at `off`: what was asked for, rounded up."""
        return get32(self.buf, off - layout.BLOCK) - layout.BLOCK

    def owner_of(self, off):
        """(kind, offset of the owner's record or 0)."""
        word = get32(self.buf, off - 4)
        return word & 255, word >> 8 << 3

    # Allocating and freeing. On failure nothing has changed.

    def exhausted(self, size):
        """The error to raise when `size` bytes are not to be had."""
        return PoolExhausted(size, self.free_bytes, self.largest()[1])

    def _need(self, size):
        """Bytes of a block for `size` bytes."""
        if self.fail_at:
            self.fail_at -= 1
            if not self.fail_at:
                raise self.exhausted(size)
        if not 0 <= size < _MAX:
            raise self.exhausted(size)
        return (size + 15) & -8 if size else 16

    def _lack(self, size, kind):
        """There is no free block for `size` bytes: make room, or raise."""
        if kind == layout.K_NATIVE or not self.spare or not self.spare(0):
            raise self.exhausted(size)

    def _block(self, need, kind, owner, size):
        """A block of `need` bytes, which is for `size` of them, where there was none."""
        off = 0
        while not off:
            self._lack(size, kind)
            off = _take(self.buf, need, kind, owner)
        return off

    def part(self, off, n):
        """The n bytes at `off`, to read and write, without copying."""
        if off + n <= _VIEW:
            return self._view[off : off + n]
        return bytearray_at(addressof(self.buf) + off, n)  # 32-bit MicroPython has no memoryview there

    def alloc(self, size, kind, owner=0, zero=True):
        """A block of at least `size` bytes, cleared (with zero=False: whatever was there). Its offset."""
        need = self._need(size)
        off = _take(self.buf, need, kind, owner) or self._block(need, kind, owner, size)
        if zero:
            _zero(self.buf, off, off + self.size_of(off))
        return off

    def take_largest(self, kind, owner=0):
        """All of the largest free block, not cleared, as a workspace: [offset, size]. To be shrunk or freed soon.

        It counts as used, but not for the high-water mark.
        """
        if self.spare and kind != layout.K_NATIVE:
            self.spare(self.largest()[1])
        need = self._need(self.largest()[1])
        high = self.high
        taken = [0, need - layout.BLOCK]  # before anything is taken: MicroPython's heap may be full, or locked
        taken[0] = _take(self.buf, need, kind, owner) or self._block(need, kind, owner, 0)
        put32(self.buf, layout.P_HIGH, high)
        return taken

    def note_high(self, extra=0):
        """Raise the high-water mark to what is used now, plus `extra` bytes."""
        high = self.used + extra
        if high > self.high:
            put32(self.buf, layout.P_HIGH, high)

    def _before(self, at):
        """The free block whose link goes to `at` or beyond."""
        link = _ROOT
        while True:
            after = get32(self.buf, link + layout.B_OWNER)
            if not after or after >= at:
                return link
            link = after

    def free(self, off):
        """Give a block back. ValueError of an offset that is none, and (with luck) of a block freed already."""
        buf = self.buf
        end = get32(buf, layout.P_SIZE)
        at = off - layout.BLOCK
        size = 0 if at < layout.HEADER or at >= end or at & 7 else get32(buf, at)
        link = self._before(at)
        behind = 0 if link == _ROOT else link + get32(buf, link) - 1  # where the free block before ends
        after = get32(buf, link + layout.B_OWNER)
        if not size or size & 7 or behind > at or at + size > (after or end):
            raise ValueError("not a used block")
        put32(buf, layout.P_USED, self.used - size)
        if at + size == after:
            size += get32(buf, after) - 1
            put32(buf, after, 0)  # a header that is none any more must not pass for one when freed again
            after = get32(buf, after + layout.B_OWNER)
        if behind == at:
            put32(buf, at, 0)
            size += at - link
            at = link
        else:
            put32(buf, link + layout.B_OWNER, at)
        put32(buf, at, size + 1)
        put32(buf, at + layout.B_OWNER, after)

    def _trim(self, off, need):
        """Cut a used block down to `need` bytes with its header; 8 bytes too much stay when they cannot join the next one."""
        buf = self.buf
        at = off - layout.BLOCK
        size = get32(buf, at)
        rest = size - need
        if rest >= 16 or rest and at + size < get32(buf, layout.P_SIZE) and buf[at + size] & 1:
            put32(buf, at, need)
            put32(buf, at + need, rest)
            self.free(off + need)

    def grow(self, off, size):
        """Make a block `size` bytes long, new bytes cleared; the offset it has now.

        Takes only what is needed of the free block behind; without enough there it moves.
        """
        buf = self.buf
        old = get32(buf, off - layout.BLOCK)
        end = off + old - layout.BLOCK
        if off + size <= end:
            return off
        need = self._need(size)
        while True:
            more = get32(buf, end) - 1 if end < get32(buf, layout.P_SIZE) and buf[end] & 1 else 0
            if old + more >= need:
                put32(buf, self._before(end) + layout.B_OWNER, get32(buf, end + layout.B_OWNER))
                put32(buf, end, 0)
                put32(buf, off - layout.BLOCK, old + more)
                put32(buf, layout.P_USED, self.used + more)
                self._trim(off, need)
                self.note_high()
                break
            if self.spare and self.spare(1):
                continue  # in place is better than elsewhere
            owner = get32(buf, off - 4)
            new = _take(buf, need, owner & 255, owner >> 8 << 3)
            if new:
                _copy(buf, new, off, end)
                self.free(off)
                end += new - off
                off = new
                break
            self._lack(size, owner & 255)
        _zero(buf, end, off + self.size_of(off))
        return off

    def shrink(self, off, size):
        """Keep the first `size` bytes of a block, where they are."""
        self._trim(off, (size + 15) & -8 if size else 16)
        end = off + self.size_of(off)
        off += size
        while off & 3 and off < end:  # grow() promises cleared bytes
            self.buf[off] = 0
            off += 1
        _zero(self.buf, off, end)
        self.note_high()

    def free_owner(self, owner):
        """Free all blocks that belong to the record at `owner` (the record itself belongs to nobody)."""
        buf = self.buf
        at = layout.HEADER
        while at < get32(buf, layout.P_SIZE):
            size = get32(buf, at)
            after = at + (size & -2)
            if not size & 1 and owner and self.owner_of(at + layout.BLOCK)[1] == owner:
                # The block behind may melt into this one: go on beyond it.
                if after < get32(buf, layout.P_SIZE) and buf[after] & 1:
                    after += get32(buf, after) - 1
                self.free(at + layout.BLOCK)
            at = after

    # For people and tools.

    def blocks(self):
        """Every block in address order: (offset, size, kind, owner), kind 0 for a free one."""
        at = layout.HEADER
        while at < get32(self.buf, layout.P_SIZE):
            size = get32(self.buf, at)
            kind, owner = (0, 0) if size & 1 else self.owner_of(at + layout.BLOCK)
            size &= -2
            yield at + layout.BLOCK, size - layout.BLOCK, kind, owner
            at += size

    def map(self):
        """Print who owns what."""
        from . import poolmap

        poolmap.show(self)
