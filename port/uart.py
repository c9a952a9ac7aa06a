# The UART reader: asks a host for modules, block by block, over any stream; what goes over the line is in docs/uart.md
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Every request says all there is to know (module, version, offset, length), so the host keeps no state, and whatever goes
# wrong on the line or at the other end, the answer is to ask again. One answer is a frame in `_buf`, and is handed out from there.

import struct
import sys
import time
from hashlib import sha256

import micropython
from micropython import const

from .errors import LoadError

try:
    from binascii import crc32
except ImportError:  # ports of few features: slow, and the same

    def crc32(data):  # type: ignore[misc]
        crc = 0xFFFFFFFF
        for b in data:
            crc ^= b
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
        return crc ^ 0xFFFFFFFF


# A frame: MAGIC, kind, u16 length of the payload, payload, u32 CRC-32 of all that.
_MAGIC = const(0xFA)
_HEAD = const(4)
_REQUEST = const(0x52)  # R: 4 bytes of the digest, u32 offset, u16 length, name; all 0 but the name: what is it?
_INFO = const(0x49)  # I: CRC of the request, u32 size, SHA-256
_DATA = const(0x44)  # D: 4 bytes of the digest, u32 offset, bytes
_NO = const(0x4E)  # N: CRC of the request, reason; no reason: there is no such module
_BYTES = const(12)  # where those of a data frame begin

_SHORTEST = const(16)  # block asked for on the worst of lines


def _frame(kind, payload):
    frame = struct.pack("<BBH", _MAGIC, kind, len(payload)) + payload
    return frame + struct.pack("<I", crc32(frame))


class UartReader:
    """Reads modules that `python -m tools.serve` has at the other end of a line.

    stream: a machine.UART, a socket, an open file (unix: a pty or a serial port in raw mode), or the streams of the USB
        console: UartReader(sys.stdin.buffer, sys.stdout.buffer); Ctrl-C does not work there while a block is on its way.
    pins: restricts what may be loaded, see flash.check_pin().
    block: most bytes asked for at a time, and what the reader takes of the heap. Shorter blocks when the line loses them.
    timeout: ms of silence, after which it asks again. patience: ms without a good answer, after which loading fails.
    ahead: always have one more block asked for: it comes while this one is being translated. For this the stream's own receive
        buffer must hold block + 16 bytes (machine.UART: rxbuf).
    """

    verifies = True  # that what it gave is complete and unharmed; Chain keeps only such

    def __init__(self, stream, out=None, pins=None, block=1024, timeout=250, patience=5000, ahead=False):
        if not 64 <= block <= 32768:
            raise ValueError("block is 64 to 32768")
        self._in = stream
        self._out = out or stream
        self._pins = pins
        self._block = self._length = block
        self._timeout = timeout
        self._patience = patience
        self._since = time.ticks_ms()  # the time of the last good answer
        self._buf = bytearray(block + _BYTES + 4)
        self._view = memoryview(self._buf)
        self._end = 0  # of the frame's payload
        self._pos = 0  # of what is not handed out yet
        self._owner = None  # the source it is for
        self._asked = None  # request sent ahead
        self._console = stream is getattr(sys.stdin, "buffer", None)
        self._ahead = ahead and not self._console
        self._poll = self._one = None
        if not hasattr(stream, "any"):
            import select

            self._poll = select.poll()
            self._poll.register(stream, select.POLLIN)
            if hasattr(stream, "setblocking"):
                stream.setblocking(False)
            else:
                self._one = bytearray(1)  # readinto() would wait for as many bytes as it is asked for

    def __call__(self, name):
        text = name.encode()
        if not 0 < len(text) < 256 or not self._ask(text, bytes(4), 0, 0):
            return None
        digest = bytes(self._view[12:44])
        if self._pins is not None:
            from .flash import check_pin

            check_pin(self._pins, name, digest)
        return _Source(self, text, struct.unpack_from("<I", self._buf, 8)[0], digest)

    def destroy(self, name, source):
        source.close()

    def _ask(self, name, digest, at, left):
        """Ask until the answer is in the buffer; left=0: for a description. False: there is no such module."""
        if self._console:
            micropython.kbd_intr(-1)
        try:
            return self._exchange(name, digest, at, left)
        except OSError as exc:
            raise LoadError("the line failed: %s" % exc, str(name, "utf-8"))
        finally:
            if self._console:
                micropython.kbd_intr(3)

    def _exchange(self, name, digest, at, left):
        buf = self._buf
        self._owner = None
        self._since = time.ticks_ms()
        heard = False
        ahead = self._ahead and left
        while True:
            request = self._asked
            if not request or request[4:12] != struct.pack("<4sI", digest, at):
                request = self._request(name, digest, at, left)
                self._out.write(request)  # less than all of it: as good as lost
            self._asked = None
            n = request[12] | request[13] << 8
            if ahead and n < left:
                self._asked = self._request(name, digest, at + n, left - n)
                self._out.write(self._asked)
            ahead = False
            while True:
                kind = self._receive()
                if kind <= 0:
                    break
                n = self._end - _BYTES
                if kind == _DATA:
                    # Late, double or of another version: not for us. Another length will do.
                    if buf[4:12] == request[4:12] and 0 < n <= left:
                        self._length = min(self._block, self._length << 1)
                        return True
                elif buf[4:8] == request[-4:]:
                    if kind == _NO:
                        if self._end == 8 and not left:
                            return False
                        why = str(self._view[8 : self._end], "utf-8") or "no such module any more"
                        raise LoadError("the host says: " + why, str(name, "utf-8"))
                    if n == 32 and not left:
                        return True
            heard = heard or kind < 0
            if self._late():
                raise LoadError(
                    "%s for %d ms: see that `python -m tools.serve` runs at the other end of the line, at the same speed"
                    % ("only damaged answers" if heard else "no answer", self._patience),
                    str(name, "utf-8"),
                )
            self._length = max(_SHORTEST, self._length >> 1)

    def _request(self, name, digest, at, left):
        return _frame(_REQUEST, struct.pack("<4sIH", digest, at, min(left, self._length)) + name)

    def _late(self):
        return time.ticks_diff(time.ticks_ms(), self._since) >= self._patience

    def _receive(self):
        """The kind of the next good frame; 0 when the line fell silent, -1 when all that came is damaged."""
        buf = self._buf
        view = self._view
        n = 0  # bytes in the buffer
        need = _HEAD
        nothing = 0
        while not self._late():
            got = self._read(n, need)
            if not got:
                break
            n += got
            while n >= need:
                # Is it a frame?
                if need == _HEAD:
                    size = (buf[2] | buf[3] << 8) + _HEAD
                    if buf[0] == _MAGIC and buf[1] in b"DIN" and 8 <= size <= len(buf) - 4:
                        need = size + 4
                        continue
                else:
                    if struct.unpack_from("<I", buf, size)[0] == crc32(view[:size]):
                        self._end = size
                        return buf[1]
                    nothing = -1
                # No: one may begin further on in what is there.
                at = 1
                while at < n and buf[at] != _MAGIC:
                    at += 1
                n -= at
                view[:n] = view[at : at + n]
                need = _HEAD
            if nothing and not n:
                break
        return nothing

    def _read(self, start, end):
        """Whatever is there for _buf[start:end]; waits for it. How many bytes, 0 after a silence."""
        if self._poll is None:
            since = time.ticks_ms()
            while True:
                n = self._in.any()
                if n:
                    return self._in.readinto(self._view[start : min(end, start + n)]) or 0
                if time.ticks_diff(time.ticks_ms(), since) >= self._timeout:
                    return 0
                time.sleep_ms(1)
        for _ in self._poll.ipoll(self._timeout):
            break
        else:
            return 0
        if self._one:
            n = self._in.readinto(self._one)
            self._buf[start] = self._one[0]
        else:
            n = self._in.readinto(self._view[start:end])
        if n == 0:
            raise OSError("closed at the other end")
        return n or 0

    def _fetch(self, source):
        """The next bytes of a source, to _buf[_pos:_end]."""
        self._ask(source.name, source.digest[:4], source.size - source.left, source.left)
        self._owner = source
        self._pos = _BYTES


class _Source:
    """One module on its way. Its last bytes are handed out only if the digest of all is the one announced."""

    def __init__(self, reader, name, size, digest):
        self.reader = reader  # None when closed
        self.name = name
        self.size = size
        self.left = size
        self.digest = digest
        self.hash = sha256()

    def readinto(self, buf):
        reader = self.reader
        if reader is None:
            raise LoadError("this source is closed", str(self.name, "utf-8"))
        if not self.left or not len(buf):
            return 0
        # Several sources may be open in turns: what another one has overwritten is asked for again.
        if reader._owner is not self or reader._pos == reader._end:
            reader._fetch(self)
        n = min(len(buf), reader._end - reader._pos)
        piece = reader._view[reader._pos : reader._pos + n]
        reader._pos += n
        self.hash.update(piece)
        self.left -= n
        if not self.left and self.hash.digest() != self.digest:
            self.close()
            raise LoadError("the SHA-256 of what came is not the one announced; load it again", str(self.name, "utf-8"))
        buf[:n] = piece
        return n

    def close(self):
        if self.reader and self.reader._owner is self:
            self.reader._owner = None
        self.reader = None
