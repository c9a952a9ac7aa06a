# Loads a prepared image: a module as it lies in the pool when it has been loaded, without the offsets (docs/image.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What was read is checked first, where it lies: its checksum, then every size, index and offset in it but the code words. Only
# then does the store come to know of it, and nothing can fail any more. Whoever makes an image is trusted as firmware is.

import micropython
from micropython import const

from . import layout
from .errors import LoadError, PitwasmError, PoolExhausted
from .imagecheck import check
from .modules import _same_type, discard
from .pool import get32, put16, put32
from .source import MAGIC, readinto

FORMAT = const(1)
CODE = const(layout.IMAGE_CODE)


@micropython.viper
def checksum(p: ptr32, s: int, at: int, n: int) -> uint:
    """The checksum of n bytes (a multiple of 4) at offset `at`, s being that of what came before.

    Each step is one to one in s and in the word, so that one wrong word is always noticed, and more of them but for one time in 2**32.
    """
    p = ptr32(int(p) + at)
    while n >= 32:
        s = Z32((s ^ p[0]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[1]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[2]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[3]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[4]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[5]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[6]) * 0xB5)
        s ^= int(UC(s) >> 15)
        s = Z32((s ^ p[7]) * 0xB5)
        s ^= int(UC(s) >> 15)
        p = ptr32(int(p) + 32)
        n -= 32
    while n:
        s = Z32((s ^ p[0]) * 0xB5)
        s ^= int(UC(s) >> 15)
        p = ptr32(int(p) + 4)
        n -= 4
    return uint(s)


@micropython.viper
def _commit(buf, mod: int, at: int, end: int, limit: int) -> int:
    """Keep of the type blocks from `at` to `end` those that are new to the store, and make blocks of all that lies before `limit`.
    The last one, which is not needed."""
    c = ptr32(buf)
    t = c[(mod + layout.M_TYPES) >> 2] >> 2
    to = at
    while at < end:
        i = at >> 2
        size = c[i]
        n = c[i + ((layout.BLOCK + layout.Y_NP) >> 2)]
        y = at + layout.BLOCK
        y = int(_same_type(buf, y, y + layout.Y_BYTES + (n & 0xFFFF) + ((n >> 16) & 0xFFFF) + 3))
        at += size
        if not y:
            y = to + layout.BLOCK
            n = to >> 2
            to += size
            while size:
                c[n] = c[i]
                n += 1
                i += 1
                size -= 4
            c[(y + layout.Y_NEXT) >> 2] = c[layout.P_TYPES >> 2]
            c[(y + layout.Y_REFS) >> 2] = 0
            c[layout.P_TYPES >> 2] = y
        c[(y + layout.Y_REFS) >> 2] += 1
        c[t] = y
        t += 1
    c[(mod - layout.BLOCK) >> 2] = layout.RECORD + layout.BLOCK
    c[(mod - 4) >> 2] = layout.K_MODULE
    c[to >> 2] = limit - to
    c[(to + 4) >> 2] = layout.K_WORK | mod << 5
    return to + layout.BLOCK


_AGAIN = "make it again from the .wasm: python -m tools.aot"


def start():
    """What the header of every image for this pitwasm starts with, up to IH_MACHINE."""
    head = bytearray(MAGIC) + bytearray(layout.IH_MACHINE - 4)
    put32(head, layout.IH_FORMAT, FORMAT)
    put32(head, layout.IH_CODE, CODE)
    return bytes(head)


_START = start()


def header(head, size):
    """(bytes behind it but machine code, those of types among them, those of machine code) that an image's header tells of; size: of
    all the image, None: not known.

    LoadError: it is for another pitwasm, or damaged.
    """
    if head[: layout.IH_MACHINE] != _START:
        n = get32(head, layout.IH_FORMAT)
        if n != FORMAT:
            raise LoadError("the image has format %d, this pitwasm loads format %d; %s" % (n, FORMAT, _AGAIN))
        raise LoadError("the image was made by another version of pitwasm, with other code words; " + _AGAIN)
    n = get32(head, layout.IH_SIZE)
    types = get32(head, layout.IH_TYPES)
    native = get32(head, layout.IH_NATIVE)
    if (
        (n | types | native) & 7
        or n >> 27
        or native > n
        or types + layout.RECORD > n - native
        or bool(native) != bool(get32(head, layout.IH_MACHINE))
    ):
        raise LoadError("damaged image: its header makes no sense")
    if size is not None and size != layout.IMAGE + n:
        raise LoadError("damaged image: it has %d bytes and should have %d" % (size, layout.IMAGE + n))
    return n - native, types, native


def _fill(pool, at, n, source, data, start):
    """The image's next n bytes go to `at`; they are those from `start` on."""
    if data is not None:
        pool.part(at, n)[:] = data[start : start + n]
        return
    n += at
    while at < n:
        k = readinto(source, pool.part(at, n - at))
        if not k:
            raise LoadError("unexpected end")
        at += k


def _tier(rt, machine):
    """What takes machine code for that machine, or None: then the loop does it all."""
    if rt is None or not rt._budget:
        return None
    try:
        from .tier import MACHINE, Tier
    except ImportError:
        return None
    if machine != MACHINE:
        return None
    if not rt._tier:
        try:
            rt._tier = Tier(rt, rt._budget)
        except (PoolExhausted, MemoryError):
            pass
    return rt._tier


def load(pool, source, data, name=None, rt=None):
    """Load an image from a stream, whose first four bytes have been read, or from `data`, a view of a bytes-like source. Its
    record, linked into P_MODULES.

    LoadError: damaged, or made for another pitwasm. ValidationError, PoolExhausted. The pool is then as it was.
    """
    buf = pool.buf
    mod = work = block = 0
    try:
        if data is not None:
            head = bytearray(data[: layout.IMAGE])
            n = len(head)
        else:
            head = bytearray(layout.IMAGE)
            head[:4] = MAGIC
            view = memoryview(head)
            n = 4
            while n < layout.IMAGE:
                k = readinto(source, view[n:])
                if not k:
                    break
                n += k
        if n < layout.IMAGE:
            raise LoadError("unexpected end")
        n, types, more = header(head, None if data is None else len(data))
        work = pool.alloc(n + 16, layout.K_WORK, 0, False)  # with something to spare, for _commit()
        at = work
        types = at + n - types
        end = at + n
        _fill(pool, at, n, source, data, layout.IMAGE)
        s = checksum(buf, checksum(head, 0, 0, layout.IH_SUM), work, n)
        if more:
            tier = _tier(rt, get32(head, layout.IH_MACHINE))
            block = tier.room(more) if tier else 0
            if block:
                _fill(pool, block, more, source, data, layout.IMAGE + n)
                s = checksum(buf, s, block, more)
            else:  # it is read nevertheless: the checksum is of all
                spare = bytearray(256)
                left = memoryview(spare)
                at = 0
                while at < more:
                    k = min(256, more - at)
                    i = 0
                    while i < k:
                        if data is not None:
                            left[:k] = data[layout.IMAGE + n + at : layout.IMAGE + n + at + k]
                            break
                        got = readinto(source, left[i:k])
                        if not got:
                            raise LoadError("unexpected end")
                        i += got
                    s = checksum(spare, s, 0, k)
                    at += k
        if data is None and readinto(source, view[:1]):
            raise LoadError("damaged image: it goes on behind its end")
        if s != get32(head, layout.IH_SUM):
            raise LoadError("damaged image: its checksum is not right")
        check(buf, work, types, end)
        limit = work + pool.size_of(work)
        mod = work
        pool.free(_commit(buf, mod, types, end, limit))
        if name is not None:
            text = name.encode()
            at = pool.alloc(2 + len(text), layout.K_NAMES, mod)
            put32(buf, mod + layout.M_NAME, at)
            put16(buf, at, len(text))
            buf[at + 2 : at + 2 + len(text)] = text
        if block:
            work = block
            block = 0
            tier.place(mod, work, more)
        put32(buf, mod + layout.M_NEXT, get32(buf, layout.P_MODULES))
        put32(buf, layout.P_MODULES, mod)
        return mod
    except BaseException as exc:
        if isinstance(exc, PitwasmError) and exc.module is None:  # a source's own errors say where they come from
            exc.module = name
        if block:
            pool.free(block)
        if mod:
            discard(pool, mod)
        elif work:
            pool.free(work)
        raise
