# Module records after loading: interned function types, exports by name, unloading (layouts: M_*, Y_*, EX_*)
# MIT license; Copyright (c) 2026 the pitwasm authors

import micropython

from . import layout
from .pool import get16, get32, put16, put32


@micropython.viper
def _same_type(p: ptr32, y: int, end: int) -> int:
    """The interned type that reads like the record from y to `end` (both padded with zeros), or 0."""
    y >>= 2
    end >>= 2
    at = p[layout.P_TYPES >> 2]
    while at:
        a = (at + layout.Y_NP) >> 2
        b = y + (layout.Y_NP >> 2)
        while b < end and p[a] == p[b]:
            a += 1
            b += 1
        if b >= end:
            break
        at = p[at >> 2]
    return at


def _slots(buf, off, n):
    """Slots that values of the n types at `off` take; -1 - v when byte v is not a value type (5.3.4)."""
    slots = n
    for at in range(off, off + n):
        v = buf[at]
        if v in b"\x7e\x7c":
            slots += 1
        elif v not in b"\x7f\x7d\x70\x6f":
            return -1 - v
    return slots


@micropython.viper
def _find(p: ptr8, at: int, n: int, name: ptr8, off: int, length: int) -> int:
    """The first of n export entries from `at` on that has the name at name[off : off + length], or 0."""
    half = ptr16(p)
    while n:
        size = half[(at + layout.EX_LEN) >> 1]
        if size == length:
            i = 0
            while i < size:
                if p[at + layout.EX_NAME + i] != name[off + i]:
                    break
                i += 1
            if i == size:
                return at
        at += (layout.EX_NAME + size + 3) & 0x7FFFFFC
        n -= 1
    return 0


def find_export(pool, mod, name):
    """The entry (EX_*) of the export called `name` (bytes), or 0."""
    n = get32(pool.buf, mod + layout.M_NEXPORTS)
    return _find(pool.buf, get32(pool.buf, mod + layout.M_EXPORTS), n, name, 0, len(name))


def intern(pool, y):
    """Make the type record `y` (a block with Y_NP, Y_NR and Y_BYTES set) one of the store, or free it if the store has that
    type already. Counts the use; the record to use, or -1 - v when byte v of it is no value type (then `y` stays)."""
    buf = pool.buf
    np = get16(buf, y + layout.Y_NP)
    end = y + layout.Y_BYTES + np
    params = _slots(buf, y + layout.Y_BYTES, np)
    results = _slots(buf, end, get16(buf, y + layout.Y_NR))
    if params < 0 or results < 0:
        return min(params, results)
    put16(buf, y + layout.Y_PSLOTS, params)
    put16(buf, y + layout.Y_RSLOTS, results)
    old = _same_type(buf, y, end + get16(buf, y + layout.Y_NR) + 3)
    if old:
        pool.free(y)
        y = old
    else:
        put32(buf, y + layout.Y_NEXT, get32(buf, layout.P_TYPES))
        put32(buf, layout.P_TYPES, y)
        put32(buf, y - 4, layout.K_TYPE)  # it belongs to nobody now (B_OWNER)
    put32(buf, y + layout.Y_REFS, get32(buf, y + layout.Y_REFS) + 1)
    return y


def make_type(pool, params, results):
    """Intern the type with these value types (bytes). Its record."""
    y = pool.alloc(layout.Y_BYTES + len(params) + len(results), layout.K_TYPE)
    put16(pool.buf, y + layout.Y_NP, len(params))
    put16(pool.buf, y + layout.Y_NR, len(results))
    off = y + layout.Y_BYTES
    for v in params:
        pool.buf[off] = v
        off += 1
    for v in results:
        pool.buf[off] = v
        off += 1
    return intern(pool, y)


def release(pool, y):
    """Give up one use of an interned type."""
    buf = pool.buf
    refs = get32(buf, y + layout.Y_REFS) - 1
    put32(buf, y + layout.Y_REFS, refs)
    if not refs:
        unlink(buf, layout.P_TYPES, y)
        pool.free(y)


def unlink(buf, head, record):
    """Take a record out of the list that starts at the cell `head`; its first cell is the link."""
    while True:
        at = get32(buf, head)
        if at == record:
            put32(buf, head, get32(buf, record))
            return
        head = at


def discard(pool, mod):
    """Free everything a module record owns, and the record. It is in no list."""
    buf = pool.buf
    at = get32(buf, mod + layout.M_TYPES)
    if at:
        for i in range(get32(buf, mod + layout.M_NTYPES)):
            y = get32(buf, at + 4 * i)
            if y:  # a load that failed may not have come to all of them
                release(pool, y)
    pool.free_owner(mod)
    pool.free(mod)


def unload(pool, mod):
    """Free a loaded module. It has no instances and nothing refers to it (the caller's to know)."""
    unlink(pool.buf, layout.P_MODULES, mod)
    discard(pool, mod)
