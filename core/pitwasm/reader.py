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

_WINDOW = const(256)  # bytes read at a time; at least layout.NEED
_RETRIES = const(200)  # times a stream may have nothing to give, 5 ms apart

# What _u32, _sleb and _indices return besides values.
_BOXED = const(-1)  # 2**30 or more: in T_LO
_MORE = const(-2)  # goes on behind the window; nothing was read
_LONG = const(-3)
_LARGE = const(-4)
_BOUND = const(-5)


@micropython.viper
def _u8(buf: ptr8, t: int) -> int:
    c = ptr32(buf)
    t >>= 2
    pos = c[t + (layout.T_POS >> 2)]
    if pos >= c[t + (layout.T_END >> 2)]:
        return _MORE
    c[t + (layout.T_POS >> 2)] = pos + 1
    return buf[pos]


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
def _sleb(buf: ptr8, t: int, last: int) -> int:
    """The signed integer at T_POS (5.2.2) to T_LO and T_LO + 4. `last`: shift of its last byte, 28 for s32, 63 for s64."""
    c = ptr32(buf)
    t >>= 2
    pos = c[t + (layout.T_POS >> 2)]
    low = 0
    high = 0
    shift = 0
    while True:
        b = buf[pos]
        pos += 1
        if shift < 32:
            low |= (b & 127) << shift
            if shift == 28:
                high = (b & 127) >> 4
        else:
            high |= (b & 127) << (shift - 32)
        if b < 128:
            break
        if shift == last:
            return _LONG
        shift += 7
    if pos > c[t + (layout.T_END >> 2)]:
        return _MORE
    if shift == last:
        # The bits beyond the value repeat its sign.
        mask = 0x78 if last == 28 else 0x7F
        if b & mask != 0 and b & mask != mask:
            return _LARGE
    elif b & 64:
        shift += 7
        if shift < 32:
            low |= -1 << shift
            high = -1
        else:
            high |= -1 << (shift - 32)
    c[t + (layout.T_LO >> 2)] = low
    c[t + (layout.T_LO >> 2) + 1] = high
    c[t + (layout.T_POS >> 2)] = pos
    return 0


@micropython.viper
def _indices(buf: ptr8, t: int, n: int, to: int, bound: int, wide: int, marks: int) -> int:
    """Read n indices below `bound` to `to`: u16, or u32 plus 1 if wide (to 0: nowhere); set their bits in the map `marks`
    unless 0. How many the window did not hold, or an error."""
    c = ptr32(buf)
    t >>= 2
    pos = c[t + (layout.T_POS >> 2)]
    end = c[t + (layout.T_END >> 2)]
    half = ptr16(buf)
    while n:
        at = pos
        b = buf[at]
        at += 1
        value = b & 127
        shift = 0
        while b > 127:
            if shift == 28:
                return _LONG
            shift += 7
            b = buf[at]
            at += 1
            value |= (b & 127) << shift
        if at > end:
            break
        if shift == 28:
            if b > 15:
                return _LARGE
        if uint(value) >= uint(bound):
            return _BOUND
        pos = at
        n -= 1
        if marks:
            buf[marks + (value >> 3)] |= 1 << (value & 7)
        if to:
            if wide:
                c[to >> 2] = value + 1
                to += 4
            else:
                half[to >> 1] = value
                to += 2
    c[t + (layout.T_POS >> 2)] = pos
    return n


@micropython.viper
def _shift(buf: ptr8, t: int) -> int:
    """Move what is left in the window to its start; how many bytes."""
    c = ptr32(buf)
    t >>= 2
    pos = c[t + (layout.T_POS >> 2)]
    end = c[t + (layout.T_END >> 2)]
    to = c[t + (layout.T_WINDOW >> 2)]
    c[t + (layout.T_POS >> 2)] = to
    c[t + (layout.T_BASE >> 2)] += pos - to
    left = end - pos
    while pos < end:
        buf[to] = buf[pos]
        to += 1
        pos += 1
    c[t + (layout.T_END >> 2)] = to
    return left


@micropython.viper
def _filled(buf: ptr8, t: int, n: int):
    """n bytes have come behind the end of the window: move it, and clear the slack."""
    c = ptr32(buf)
    t = (t + layout.T_END) >> 2
    n += c[t]
    c[t] = n
    end = n + layout.SLACK
    while n < end:
        buf[n] = 0
        n += 1


@micropython.viper
def _utf8(p: ptr8, off: int, n: int) -> int:
    """1 when n bytes are well-formed UTF-8 (5.2.4: no overlong forms, no surrogates, nothing above 0x10ffff)."""
    end = off + n
    while off < end:
        b = p[off]
        off += 1
        if b < 0x80:
            continue
        if b < 0xC2 or b > 0xF4:
            return 0
        more = 1
        low = 0x80
        high = 0xBF
        if b >= 0xE0:
            more = 2
            if b == 0xE0:
                low = 0xA0
            elif b == 0xED:
                high = 0x9F
            elif b >= 0xF0:
                more = 3
                if b == 0xF0:
                    low = 0x90
                elif b == 0xF4:
                    high = 0x8F
        if off + more > end:
            return 0
        while more:
            b = p[off]
            if b < low or b > high:
                return 0
            low = 0x80
            high = 0xBF
            off += 1
            more -= 1
    return 1


class Reader:
    """Reads `source`, a bytes-like object or anything with readinto(); of a stream, never beyond `limit`.

    Owns the translator's state block `t` until close(); `mod`, the module record being filled, owns what is allocated here.
    """

    def __init__(self, pool, source, mod):
        self.pool = pool
        self.mod = mod
        try:
            self.bytes = memoryview(source)
            self.total = len(self.bytes)
        except TypeError:
            self.bytes = None
            if not hasattr(source, "readinto"):
                raise TypeError("a module's source is bytes-like or has readinto()") from None
        self.source = source
        self.at = 0  # file offset of the next byte the source will give
        self.limit = 0  # file offset of the end of what may be read now
        self.top = False  # between sections: the limit goes along byte by byte
        buf = pool.buf
        self.t = t = pool.alloc(layout.T_SIZE + _WINDOW + layout.SLACK, layout.K_WORK, mod)
        put32(buf, t + layout.T_MOD, mod)
        put32(buf, t + layout.T_WSIZE, _WINDOW)
        window = t + layout.T_SIZE
        put32(buf, t + layout.T_WINDOW, window)
        put32(buf, t + layout.T_POS, window)
        put32(buf, t + layout.T_END, window)
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
        _shift(self.pool.buf, self.t)
        window = get32(self.pool.buf, self.t + layout.T_WINDOW)
        put32(self.pool.buf, self.t + layout.T_END, window)
        _filled(self.pool.buf, self.t, 0)
        self._moved(at)
        self.limit = self.total

    def _moved(self, at):
        """The window is empty and the source stands at `at`."""
        self.at = at
        buf = self.pool.buf
        t = self.t
        put32(buf, t + layout.T_BASE, at + get32(buf, t + layout.T_WINDOW) - get32(buf, t + layout.T_POS))

    # ---- getting bytes ----

    def _read(self, to, n):
        """Up to n bytes (n > 0) from the source to pool offset `to`; how many, 0 at the end."""
        if self.bytes is not None:
            n = min(n, self.total - self.at)
            if n > 0:
                self.pool.view[to : to + n] = self.bytes[self.at : self.at + n]
        else:
            n = self._readinto(self.pool.view[to : to + n])
        self.at += n
        return n

    def _readinto(self, view):
        for _ in range(_RETRIES):
            try:
                n = self.source.readinto(view)
            except OSError as exc:
                error = LoadError("source failed: %r" % exc)
                error.__cause__ = exc
                raise error
            if n is not None:
                if isinstance(n, int) and 0 <= n <= len(view):
                    return n
                raise LoadError("source failed: readinto() gave %r" % (n,))
            import time

            time.sleep_ms(5)
        raise LoadError("source failed: no data for %d ms" % (5 * _RETRIES))

    def _fill(self):
        """Bring NEED bytes into the window, or all that are left before the limit. False at the end of the source."""
        buf = self.pool.buf
        t = self.t
        have = _shift(buf, t)
        ok = True
        need = min(layout.NEED, have + self.limit - self.at)
        while have < need:
            n = self._read(get32(buf, t + layout.T_END), min(_WINDOW - have, self.limit - self.at))
            _filled(buf, t, n)
            have += n
            if not n:
                ok = False
                break
        return ok

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
        b = _u8(self.pool.buf, self.t)
        if b < 0:
            self._more()
            b = _u8(self.pool.buf, self.t)
        return b

    def u32(self):
        while True:
            value = _u32(self.pool.buf, self.t)
            if value >= 0:
                return value
            if value == _BOXED:
                return get32(self.pool.buf, self.t + layout.T_LO)
            self._check(value)

    def sleb(self, last):
        """s32 (last = 28) or s64 (63), to T_LO."""
        while True:
            value = _sleb(self.pool.buf, self.t, last)
            if not value:
                return
            self._check(value)

    def _check(self, status):
        if status == _MORE:
            self._more()
        else:
            raise LoadError("integer representation too long" if status == _LONG else "integer too large")

    def indices(self, n, to, bound, wide, marks, text):
        """n indices below `bound` (else ValidationError with the text): see _indices."""
        while n:
            rest = _indices(self.pool.buf, self.t, n, to, bound, wide, marks)
            if rest == _BOUND:
                from .errors import ValidationError

                raise ValidationError(text)
            if rest < 0:
                self._check(rest)
            if rest:
                self._more()
            if to:
                to += (n - rest) << (2 if wide else 1)
            n = rest

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
        self.pool.view[to : to + k] = self.pool.view[pos : pos + k]
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

    def skip(self):
        """Go to the limit."""
        while self.left():
            buf = self.pool.buf
            t = self.t
            put32(buf, t + layout.T_POS, get32(buf, t + layout.T_END))
            if self.bytes is not None:
                self._moved(min(self.limit, self.total))
            if self.at < self.limit:
                self._more()
