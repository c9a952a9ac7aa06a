# Loads a prepared image: a module as it lies in the pool when it has been loaded, without the offsets (docs/image.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What was read is checked first, where it lies: its checksum, then every size, index and offset in it but the code words. Only
# then does the store come to know of it, and nothing can fail any more. Whoever makes an image is trusted as firmware is.

import micropython
from micropython import const

from . import layout
from .errors import LoadError, PitwasmError, PoolExhausted, ValidationError
from .modules import _same_type, discard
from .pool import get32, put16, put32
from .source import MAGIC, readinto

FORMAT = const(1)
CODE = const(layout.IMAGE_CODE)

# Module flags that an image may have.
FLAGS = const(layout.MF_FLOAT | layout.MF_GROWS | layout.MF_BULK | layout.MF_WASI | layout.MF_CAPPED)

RECORD = const((layout.M_SIZE + 7) & -8)

# The blocks behind the module record, in this order: the record's field, the one that counts entries, bytes of an entry at least
# (0: checked elsewhere), kind. A field of the record that is not 0 has its block. Segments follow the array they are entries of.
BLOCKS = bytes(
    (
        layout.M_TYPES >> 2, layout.M_NTYPES >> 2, 4, layout.K_FUNCS,
        layout.M_FTYPES >> 2, layout.M_NFUNCS >> 2, 2, layout.K_FUNCS,
        layout.M_ENTRIES >> 2, layout.M_NFUNCS >> 2, 0, layout.K_FUNCS,
        layout.M_TABLES >> 2, layout.M_NTABLES >> 2, layout.TD_SIZE, layout.K_DEFS,
        layout.M_MEMS >> 2, layout.M_NMEMS >> 2, layout.MD_SIZE, layout.K_DEFS,
        layout.M_GLOBALS >> 2, layout.M_NGLOBALS >> 2, layout.GD_SIZE, layout.K_DEFS,
        layout.M_IMPORTS >> 2, layout.M_NIMPORTS >> 2, layout.IM_NAME, layout.K_IMPORTS,
        layout.M_EXPORTS >> 2, layout.M_NEXPORTS >> 2, layout.EX_NAME, layout.K_EXPORTS,
        layout.M_ELEMS >> 2, layout.M_NELEMS >> 2, 4, layout.K_ELEM,
        layout.M_DATAS >> 2, layout.M_NDATAS >> 2, 4, layout.K_DATA,
        layout.M_CODE >> 2, layout.M_WORDS >> 2, 1, layout.K_CODE,
        layout.M_NAMES >> 2, layout.M_NAMES >> 2, 0, layout.K_NAMES,
    )
)
# What an import or export of each kind is an index of; the same for imports alone.
_ALL = bytes((layout.M_NFUNCS >> 2, layout.M_NTABLES >> 2, layout.M_NMEMS >> 2, layout.M_NGLOBALS >> 2))
_IMPORTED = bytes((layout.M_NIMPF >> 2, layout.M_NIMPT >> 2, layout.M_NIMPM >> 2, layout.M_NIMPG >> 2))


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


# ---- what is in it: each of these says 0 when something is not as it has to be ---------------------------------------------------
# Cells are read as signed on 32-bit words: an index is good when it is not negative and below its bound.


@micropython.viper
def _blocks(buf, table: ptr8, mod: int, end: int) -> int:
    """Point the fields of module record `mod` to the blocks between it and `end`, and each array of segments to these."""
    c = ptr32(buf)
    at = mod + RECORD
    segments = i = to = 0
    while segments or i < 48:
        f = (mod >> 2) + table[i]
        count = c[(mod >> 2) + table[i + 1]]
        if not segments and not c[f]:
            if count and table[i + 2]:
                return 0
        else:
            if at >= end:
                return 0
            size = c[at >> 2]
            if size < 16 or size & 7 or size > end - at or c[(at >> 2) + 1] != table[i + 3]:
                return 0
            c[(at >> 2) + 1] |= mod << 5
            off = at + layout.BLOCK
            at += size
            size -= layout.BLOCK
            if segments:
                c[to] = off
                to += 1
                segments -= 1
                if not int(_segment(buf, mod, off, size, table[i + 3])):
                    return 0
            else:
                c[f] = off
                if table[i + 2]:
                    if count < 0 or count > size or count * table[i + 2] > size:
                        return 0
                    if table[i + 3] == layout.K_ELEM or table[i + 3] == layout.K_DATA:
                        segments = count
                        to = off >> 2
        if not segments:
            i += 4
    return int(at == end)


@micropython.viper
def _segment(buf, mod: int, off: int, size: int, kind: int) -> int:
    """An element or data segment; but for their items the two are alike."""
    p = ptr8(buf)
    c = ptr32(buf)
    mod >>= 2
    i = off >> 2
    n = c[i + (layout.ES_COUNT >> 2)]
    bound = c[mod + (layout.M_NMEMS >> 2)]
    if kind == layout.K_ELEM:
        if n < 0 or n > size >> 2:
            return 0
        n <<= 2
        bound = c[mod + (layout.M_NTABLES >> 2)]
    if n < 0 or n > size - layout.ES_ITEMS:
        return 0
    if not p[off + layout.ES_MODE]:
        f = c[i + (layout.ES_TABLE >> 2)]
        if f < 0 or f >= bound:
            return 0
        if c[i + (layout.ES_OKIND >> 2)]:
            f = c[i + (layout.ES_OFFSET >> 2)]
            if f < 0 or f >= c[mod + (layout.M_NIMPG >> 2)] or c[i + (layout.ES_OKIND >> 2)] != layout.CE_GLOBAL:
                return 0
    if kind == layout.K_ELEM:
        i += layout.ES_ITEMS >> 2
        n = i + (n >> 2)
        bound = c[mod + (layout.M_NFUNCS >> 2)]
        while i < n:
            f = c[i]
            if (f >> 31) & 1:
                if f & 0x3FFFFFFF >= c[mod + (layout.M_NGLOBALS >> 2)]:
                    return 0
            elif f > bound:
                return 0
            i += 1
    return 1


@micropython.viper
def _functions(buf: ptr32, mod: int) -> int:
    """Types of functions, and their entries: relative to the code in the image, ascending."""
    h = ptr16(buf)
    m = mod >> 2
    n = buf[m + (layout.M_NFUNCS >> 2)]
    i = buf[m + (layout.M_FTYPES >> 2)] >> 1
    end = i + n
    bound = buf[m + (layout.M_NTYPES >> 2)]
    while i < end:
        if h[i] >= bound:
            return 0
        i += 1
    n -= buf[m + (layout.M_NIMPF >> 2)]
    if n:
        i = buf[m + (layout.M_ENTRIES >> 2)]
        at = buf[m + (layout.M_CODE >> 2)]
        if not i or not at or n > (buf[(i - layout.BLOCK) >> 2] >> 2) - 2:
            return 0
        code = at
        bound = at + buf[m + (layout.M_WORDS >> 2)] - layout.FUNC
        i >>= 2
        while n:
            f = buf[i]
            if f < 0 or f > bound or f & 3:
                return 0
            f += code
            if f < at or f > bound:
                return 0
            buf[i] = f
            at = f + layout.FUNC
            i += 1
            n -= 1
    return 1


@micropython.viper
def _list(buf, mod: int, field: int, many: int, head: int, bounds: ptr8) -> int:
    """Entries of the list of imports or exports, each with `head` bytes before its names, the last four of them the index."""
    p = ptr8(buf)
    h = ptr16(buf)
    c = ptr32(buf)
    n = c[(mod + many) >> 2]
    at = c[(mod + field) >> 2]
    if n:
        end = at + c[(at - layout.BLOCK) >> 2] - layout.BLOCK
        while n:
            if at + head > end or p[at] > 3:
                return 0
            i = c[(at + head - 4) >> 2]
            if i < 0 or i >= c[(mod >> 2) + bounds[p[at]]]:
                return 0
            i = h[(at + 2) >> 1]
            if head == layout.IM_NAME:
                i += h[(at + layout.IM_FLEN) >> 1]
            at = ((at + head + i + 3) >> 2) << 2
            n -= 1
        if at > end:
            return 0
    return 1


@micropython.viper
def _imports(buf, mod: int, imported: ptr8) -> int:
    """Of each kind as many imports as there should be, in the order of their indices: what has none in an instance is nowhere."""
    p = ptr8(buf)
    h = ptr16(buf)
    c = ptr32(buf)
    kind = 0
    while kind < 4:
        found = 0
        at = c[(mod + layout.M_IMPORTS) >> 2]
        n = c[(mod + layout.M_NIMPORTS) >> 2]
        while n:
            if p[at] == kind:
                if c[(at + layout.IM_INDEX) >> 2] != found:
                    return 0
                found += 1
            at = ((at + layout.IM_NAME + h[(at + layout.IM_MLEN) >> 1] + h[(at + layout.IM_FLEN) >> 1] + 3) >> 2) << 2
            n -= 1
        if found != c[(mod >> 2) + imported[kind]]:
            return 0
        kind += 1
    return 1


@micropython.viper
def _counts(buf: ptr32, mod: int, every: ptr8, imported: ptr8) -> int:
    """The record's flags and counts; the start function; tables, memories, globals, and what these start with."""
    mod >>= 2
    if buf[mod + (layout.M_FLAGS >> 2)] & (FLAGS ^ -1) or buf[mod + (layout.M_NAME >> 2)] or buf[mod + (layout.M_REFS >> 2)]:
        return 0
    if buf[mod + (layout.M_BODIES >> 2)] or buf[mod + (layout.M_DECLARED >> 2)]:
        return 0
    i = 0
    while i < 4:
        n = buf[mod + every[i]]
        k = buf[mod + imported[i]]
        if n < 0 or k < 0 or k > n:
            return 0
        i += 1
    funcs = buf[mod + (layout.M_NFUNCS >> 2)]
    if funcs >> layout.REF_SHIFT or buf[mod + (layout.M_NMEMS >> 2)] > 255:
        return 0
    i = buf[mod + (layout.M_START >> 2)]
    if i < 0 or i > funcs:
        return 0
    n = buf[mod + (layout.M_NTABLES >> 2)]
    i = buf[mod + (layout.M_TABLES >> 2)] >> 2
    while n:
        if buf[i] != layout.V_FUNCREF and buf[i] != layout.V_EXTERNREF:
            return 0
        i += layout.TD_SIZE >> 2
        n -= 1
    n = buf[mod + (layout.M_NMEMS >> 2)]
    i = buf[mod + (layout.M_MEMS >> 2)] >> 2
    while n:
        if buf[i + (layout.MD_PAGE >> 2)] & -17:
            return 0
        i += layout.MD_SIZE >> 2
        n -= 1
    n = buf[mod + (layout.M_NGLOBALS >> 2)]
    i = buf[mod + (layout.M_GLOBALS >> 2)] >> 2
    while n:
        kind = buf[i] & 255
        if kind > layout.V_I32 or kind < layout.V_F64 and kind != layout.V_FUNCREF and kind != layout.V_EXTERNREF:
            return 0
        i += layout.GD_SIZE >> 2
        n -= 1
    n = buf[mod + (layout.M_NGLOBALS >> 2)] - k  # the last of the kinds: globals
    i = (buf[mod + (layout.M_GLOBALS >> 2)] + k * layout.GD_SIZE) >> 2
    while n:
        kind = (buf[i] >> 16) & 255
        f = buf[i + (layout.GD_LO >> 2)]
        if kind > layout.CE_FUNC:
            return 0
        if kind == layout.CE_GLOBAL:
            if f < 0 or f >= k:
                return 0
        if kind == layout.CE_FUNC:
            if f < 0 or f >= funcs:
                return 0
        i += layout.GD_SIZE >> 2
        n -= 1
    return 1


@micropython.viper
def _types(buf, mod: int, at: int, end: int) -> int:
    """Function types in blocks from `at` to `end`, the start function's without parameters and results; the module has none yet."""
    p = ptr8(buf)
    h = ptr16(buf)
    c = ptr32(buf)
    n = c[(mod + layout.M_NTYPES) >> 2]
    t = c[(mod + layout.M_TYPES) >> 2] >> 2
    start = c[(mod + layout.M_START) >> 2]
    if start:
        start = t + h[(c[(mod + layout.M_FTYPES) >> 2] >> 1) + start - 1]
    while n:
        if at >= end:
            return 0
        size = c[at >> 2]
        if size < 24 or size & 7 or size > end - at or c[(at >> 2) + 1] != layout.K_TYPE:
            return 0
        c[t] = 0
        y = (at + layout.BLOCK + layout.Y_NP) >> 1
        at += size
        i = y << 1
        i += layout.Y_BYTES - layout.Y_NP
        if i + h[y] + h[y + 1] > at:
            return 0
        if t == start:
            if h[y] + h[y + 1]:
                return 0
        k = 0
        while k < 2:
            last = i + h[y + k]
            slots = h[y + k]
            while i < last:
                if p[i] == layout.V_I64 or p[i] == layout.V_F64:
                    slots += 1
                elif p[i] != layout.V_I32 and p[i] != layout.V_F32 and p[i] != layout.V_FUNCREF and p[i] != layout.V_EXTERNREF:
                    return 0
                i += 1
            if slots != h[y + k + 2]:
                return 0
            k += 1
        t += 1
        n -= 1
    return int(at == end)


# ---- made part of the store ------------------------------------------------------------------------------------------------------


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
    c[(mod - layout.BLOCK) >> 2] = RECORD + layout.BLOCK
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
        or types + RECORD > n - native
        or bool(native) != bool(get32(head, layout.IH_MACHINE))
    ):
        raise LoadError("damaged image: its header makes no sense")
    if size is not None and size != layout.IMAGE + n:
        raise LoadError("damaged image: it has %d bytes and should have %d" % (size, layout.IMAGE + n))
    return n - native, types, native


def _check(buf, mod, types, end):
    """What checksums cannot see: whether the image was made well. It is for the store to rely on, and costs little."""
    if not (
        _blocks(buf, BLOCKS, mod, types)
        and _counts(buf, mod, _ALL, _IMPORTED)
        and _functions(buf, mod)
        and _list(buf, mod, layout.M_IMPORTS, layout.M_NIMPORTS, layout.IM_NAME, _IMPORTED)
        and _imports(buf, mod, _IMPORTED)
        and _list(buf, mod, layout.M_EXPORTS, layout.M_NEXPORTS, layout.EX_NAME, _ALL)
        and _types(buf, mod, types, end)
    ):
        raise LoadError("malformed image: not made by pitwasm")
    if get32(buf, mod + layout.M_NMEMS) > 1 and not buf[layout.P_FLAGS] & layout.PF_MEMORIES:
        raise ValidationError("multiple memories")


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
        _check(buf, work, types, end)
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
