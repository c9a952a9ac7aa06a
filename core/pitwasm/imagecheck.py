# What is in a prepared image, checked before the store relies on it: sizes, counts, indices, offsets (docs/image.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Each of these functions says 0 when something is not as it has to be.
# Cells are read as signed on 32-bit words: an index is good when it is not negative and below its bound.

import micropython
from micropython import const

from . import layout
from .errors import LoadError, ValidationError
from .pool import get32

# Module flags that an image may have.
FLAGS = const(layout.MF_FLOAT | layout.MF_GROWS | layout.MF_BULK | layout.MF_WASI | layout.MF_CAPPED)

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
def _blocks(buf, table: ptr8, mod: int, end: int) -> int:
    """Point the fields of module record `mod` to the blocks between it and `end`, and each array of segments to these."""
    c = ptr32(buf)
    at = mod + layout.RECORD
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


def check(buf, mod, types, end):
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
