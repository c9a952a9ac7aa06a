# The loader's window on a module's bytes: integers, bytes and names from a buffer or a stream (WebAssembly 5.2)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The window lies in the pool behind the translator's state block (T_*), so that the viper code here and in translate.py reads
# it directly. SLACK zero bytes follow its last byte: a LEB128 integer cut off by the end of the window always stops in them.

import micropython
from micropython import const

from . import layout
from .errors import LoadError
from .pool import get32, put32
from .source import buffer, readinto

_WINDOW = const(256)  # bytes read at a time; at least layout.NEED

# What _u32 returns besides values.
_BOXED = const(-1)  # 2**30 or more: in T_LO
_MORE = const(-2)  # goes on behind the window; nothing was read
_LONG = const(-3)
_LARGE = const(-4)

_ZEROS = bytes(layout.SLACK)


@micropython.viper
def _u32(buf: ptr8, t: int) -> int:
    """The u32 at T_POS (5.2.2)."""
    c = ptr32(buf)
    t >>= 2
    pos = c[t + (layout.T_POS >> 2)]
    b = buf[pos]
    value = b & 127
    shift = 0
    while b > 127:
        if shift == 28:
            return _LONG
        pos += 1
        shift += 7
        b = buf[pos]
        value |= (b & 127) << shift
    if pos >= c[t + (layout.T_END >> 2)]:
        return _MORE
    if shift == 28:
        if b > 15:
            return _LARGE
    c[t + (layout.T_POS >> 2)] = pos + 1
    if uint(value) >> 30:
        c[t + (layout.T_LO >> 2)] = value
        return _BOXED
    return value


@micropython.viper
def _ascii(p: ptr8, off: int, end: int) -> int:
    """The place of the first byte that is not ASCII, or the end."""
    while off < end:
        if p[off] & 128:
            break
        off += 1
    return off


def _utf8(buf, off, n):
    """Whether n bytes are well-formed UTF-8 (5.2.4: no overlong forms, no surrogates, nothing above 0x10ffff)."""
    end = off + n
    more = low = high = 0
    off = _ascii(buf, off, end)
    while off < end:
        b = buf[off]
        off += 1
        if more:
            if not low <= b <= high:
                return False
            more -= 1
            low = 0x80
            high = 0xBF
        elif b >= 0x80:
            if not 0xC2 <= b <= 0xF4:
                return False
            more = 1 + (b >= 0xE0) + (b >= 0xF0)
            low = 0xA0 if b == 0xE0 else 0x90 if b == 0xF0 else 0x80
            high = 0x9F if b == 0xED else 0x8F if b == 0xF4 else 0xBF
    return not more


class Reader:
    """Reads `source`, a bytes-like object or anything with readinto(); of a stream, never beyond `limit`.

    head: what was read of a stream already. Owns the translator's state block `t` until close(); `mod`, the module record being
    filled, owns what is allocated here.
    """

    def __init__(self, pool, source, mod, head=b""):
        self.pool = pool
        self.mod = mod
        self.bytes = buffer(source)
        self.source = source
        self.total = 0 if self.bytes is None else len(self.bytes)
        self.at = len(head)  # file offset of the next byte the source will give
        self.limit = 0  # file offset of the end of what may be read now
        self.top = False  # between sections: the limit goes along byte by byte
        buf = pool.buf
        self.t = t = pool.alloc(layout.T_SIZE + _WINDOW + layout.SLACK, layout.K_WORK, mod)
        put32(buf, t + layout.T_MOD, mod)
        put32(buf, t + layout.T_WSIZE, _WINDOW)
        window = t + layout.T_SIZE
        put32(buf, t + layout.T_WINDOW, window)
        put32(buf, t + layout.T_POS, window)
        put32(buf, t + layout.T_END, window + len(head))
        pool.part(window, len(head))[:] = head
        # A source's readinto() may use the runtime, so loads can nest.
        self.outer = get32(buf, layout.P_T)
        put32(buf, layout.P_T, t)

    def close(self):
        put32(self.pool.buf, layout.P_T, self.outer)
        self.pool.free(self.t)

    def offset(self):
        """File offset of the next byte."""
        buf = self.pool.buf
        return self.at - get32(buf, self.t + layout.T_END) + get32(buf, self.t + layout.T_POS)

    def left(self):
        """Bytes before the limit."""
        return self.limit - self.offset()

    def seek(self, at):
        """Go on at a file offset (bytes-like sources), with no other limit than the end."""
        put32(self.pool.buf, self.t + layout.T_POS, get32(self.pool.buf, self.t + layout.T_END))
        self._moved(at)
        self.limit = self.total

    def _moved(self, at):
        """The window is empty and the source stands at `at`."""
        self.at = at
        buf = self.pool.buf
        t = self.t
        put32(buf, t + layout.T_BASE, at + get32(buf, t + layout.T_WINDOW) - get32(buf, t + layout.T_POS))

    # ---- the module record ----

    def get(self, field):
        return get32(self.pool.buf, self.mod + field)

    def put(self, field, value):
        put32(self.pool.buf, self.mod + field, value)

    def array(self, field, size, kind):
        """A block of `size` bytes for a field. Its offset; 0 for no bytes."""
        off = self.pool.alloc(size, kind, self.mod) if size else 0
        self.put(field, off)
        return off

    def room(self, field, size, kind, spare=0):
        """At least `size` bytes in a field's block, with some to spare when it has to grow. Its offset."""
        off = self.get(field)
        if not off:
            return self.array(field, size, kind)
        if size > self.pool.size_of(off):
            off = self.pool.grow(off, size + spare)
            self.put(field, off)
        return off

    def fit(self, field, size):
        """Give back what a field's block has beyond `size` bytes."""
        off = self.get(field)
        if off:
            self.pool.shrink(off, size)

    # ---- getting bytes ----

    def _read(self, to, n):
        """Up to n bytes (n > 0) from the source to pool offset `to`; how many, 0 at the end."""
        if self.bytes is not None:
            n = min(n, self.total - self.at)
            if n > 0:
                self.pool.part(to, n)[:] = self.bytes[self.at : self.at + n]
        else:
            n = readinto(self.source, self.pool.part(to, n))
        self.at += n
        return n

    def _fill(self):
        """Bring NEED bytes into the window, or all that are left before the limit. False at the end of the source."""
        buf = self.pool.buf
        t = self.t
        window = get32(buf, t + layout.T_WINDOW)
        pos = get32(buf, t + layout.T_POS)
        end = get32(buf, t + layout.T_END)
        have = end - pos
        if pos != window:
            self.pool.part(window, have)[:] = self.pool.part(pos, have)
            end = window + have
        base = self.at - have
        need = min(layout.NEED, self.limit - base)
        n = 1
        while have < need and n:
            n = self._read(end, min(_WINDOW - have, self.limit - self.at))
            have += n
            end += n
        self.pool.part(end, layout.SLACK)[:] = _ZEROS
        put32(buf, t + layout.T_POS, window)
        put32(buf, t + layout.T_END, end)
        put32(buf, t + layout.T_BASE, base)
        return n > 0

    def refill(self, _=None):
        """For the translator: NEED bytes in the window, or all that are left of the section."""
        if not self._fill():
            raise LoadError("unexpected end")

    def _more(self):
        """At least one byte more than the window has."""
        if self.top:
            self.limit = self.at + 1
        elif self.at >= self.limit:
            raise LoadError("unexpected end of section or function")
        self.refill()

    def section(self):
        """The id of the next section (5.5.2), whose end is the limit then; -1 at the end of the module."""
        self.limit = self.at + 1
        if not self._fill():
            return -1
        section = self.byte()
        self.top = True
        size = self.u32()
        self.top = False
        if self.bytes is not None and size > self.total - self.at:
            raise LoadError("length out of bounds")
        self.limit = self.at + size
        return section

    # ---- values ----

    def byte(self):
        buf = self.pool.buf
        t = self.t
        if get32(buf, t + layout.T_POS) == get32(buf, t + layout.T_END):
            self._more()
        pos = get32(buf, t + layout.T_POS)
        put32(buf, t + layout.T_POS, pos + 1)
        return buf[pos]

    def u32(self):
        while True:
            value = _u32(self.pool.buf, self.t)
            if value >= 0:
                return value
            if value == _BOXED:
                return get32(self.pool.buf, self.t + layout.T_LO)
            if value != _MORE:
                raise LoadError("integer representation too long" if value == _LONG else "integer too large")
            self._more()

    def sleb(self, bits):
        """The signed integer of 32 or 64 bits (5.2.2) to T_LO and T_HI."""
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                break
            if shift >= bits:
                raise LoadError("integer representation too long")
        if b & 64:
            value -= 1 << shift
        if not -1 <= value >> (bits - 1) <= 0:
            raise LoadError("integer too large")
        put32(self.pool.buf, self.t + layout.T_LO, value)
        put32(self.pool.buf, self.t + layout.T_HI, value >> 32)

    def count(self):
        """Length of a vector (5.1.3). Every element takes at least a byte."""
        n = self.u32()
        if n > self.left():
            raise LoadError("unexpected end of section or function")
        return n

    def length(self):
        """Length of a name that a u16 can hold."""
        n = self.u32()
        if n > self.left():
            raise LoadError("length out of bounds")
        if n > 0xFFFF:
            raise LoadError("name too long")
        return n

    def into(self, to, n):
        """n bytes to pool offset `to`."""
        if n > self.left():
            raise LoadError("unexpected end of section or function")
        buf = self.pool.buf
        t = self.t
        pos = get32(buf, t + layout.T_POS)
        k = min(n, get32(buf, t + layout.T_END) - pos)
        self.pool.part(to, k)[:] = self.pool.part(pos, k)
        put32(buf, t + layout.T_POS, pos + k)
        while n > k:
            to += k
            n -= k
            k = self._read(to, n)
            if not k:
                raise LoadError("unexpected end")
            self._moved(self.at)

    def name(self, to, n):
        """A name's n bytes to pool offset `to` (5.2.4)."""
        self.into(to, n)
        if not _utf8(self.pool.buf, to, n):
            raise LoadError("malformed UTF-8 encoding")

    def skip(self, n):
        """Go n bytes on, not beyond the limit."""
        buf = self.pool.buf
        t = self.t
        while n > 0:
            pos = get32(buf, t + layout.T_POS)
            k = min(n, get32(buf, t + layout.T_END) - pos)
            put32(buf, t + layout.T_POS, pos + k)
            n -= k
            if n and self.bytes is not None:
                self._moved(self.at + n)
                return
            if n:
                self._more()
