# The loader's sections but code: one function each, decoding and validating into the module record (WebAssembly 5.5, 3.4)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Each takes the Reader, whose limit is the end of the section, and leaves it there or has raised. Names of what is malformed or
# invalid are those of the official test suite. Arrays grow as entries come, since a stream cannot be counted beforehand.

from . import layout
from .definitions import add_global, add_memory, add_table, constant, declared, index, no_type, reftype
from .errors import LoadError, ValidationError
from .modules import _find, intern
from .pool import get16, get32, put16, put32


def _entries(r):
    """How many entries the section has: at most what u16 type indices can name, which bounds the other loops too."""
    n = r.count()
    if n > 0xFFFF:
        raise LoadError("too many entries")
    return n


def types(r):
    """Section 1."""
    pool = r.pool
    buf = pool.buf
    n = _entries(r)
    block = r.array(layout.M_TYPES, 4 * n, layout.K_FUNCS)
    r.put(layout.M_NTYPES, n)
    for i in range(n):
        form = r.byte()
        if form != 0x60:
            raise LoadError("malformed definition type" if form < 128 else "integer representation too long")
        n_params = r.count()
        y = pool.alloc(layout.Y_BYTES + n_params, layout.K_TYPE, r.mod)
        r.into(y + layout.Y_BYTES, n_params)
        n_results = r.count()
        y = pool.grow(y, layout.Y_BYTES + n_params + n_results)
        r.into(y + layout.Y_BYTES + n_params, n_results)
        if n_params + n_results > 10000:
            raise LoadError("too many parameters or results")
        put16(buf, y + layout.Y_NP, n_params)
        put16(buf, y + layout.Y_NR, n_results)
        y = intern(pool, y)
        if y < 0:
            raise no_type(-1 - y)
        put32(buf, block + 4 * i, y)


def imports(r):
    """Section 2."""
    buf = r.pool.buf
    n = _entries(r)
    at = 0
    for _ in range(n):
        name = at + layout.IM_NAME
        k = r.length()
        block = r.room(layout.M_IMPORTS, name + k, layout.K_IMPORTS, at >> 2)
        r.name(block + name, k)
        if k == 22 and bytes(r.pool.part(block + name, k)) == b"wasi_snapshot_preview1":
            r.put(layout.M_FLAGS, r.get(layout.M_FLAGS) | layout.MF_WASI)
        j = r.length()
        block = r.room(layout.M_IMPORTS, name + k + j, layout.K_IMPORTS, at >> 2)
        r.name(block + name + k, j)
        kind = r.byte()
        if kind > 3:
            raise LoadError("malformed import kind")
        buf[block + at + layout.IM_KIND] = kind
        put16(buf, block + at + layout.IM_MLEN, k)
        put16(buf, block + at + layout.IM_FLEN, j)
        count = (layout.M_NIMPF, layout.M_NIMPT, layout.M_NIMPM, layout.M_NIMPG)[kind]
        i = r.get(count)
        put32(buf, block + at + layout.IM_INDEX, i)
        if kind == 0:
            off = r.room(layout.M_FTYPES, 2 * i + 2, layout.K_FUNCS, i)
            put16(buf, off + 2 * i, index(r, r.get(layout.M_NTYPES), "type"))
            r.put(layout.M_NFUNCS, i + 1)
        elif kind == 1:
            add_table(r)
        elif kind == 2:
            add_memory(r)
        else:
            add_global(r)
            r.put(layout.M_NGLOBALS, i + 1)
        r.put(count, i + 1)
        at = (name + k + j + 3) & -4
    r.put(layout.M_NIMPORTS, n)
    r.fit(layout.M_IMPORTS, at)
    r.fit(layout.M_FTYPES, 2 * r.get(layout.M_NIMPF))
    r.fit(layout.M_TABLES, r.get(layout.M_NIMPT) * layout.TD_SIZE)
    r.fit(layout.M_GLOBALS, r.get(layout.M_NIMPG) * layout.GD_SIZE)


def functions(r):
    """Section 3."""
    i = r.get(layout.M_NFUNCS)
    n = r.count()
    if i + n >= 1 << layout.REF_SHIFT:
        raise LoadError("too many functions")
    if not n:
        return
    off = r.room(layout.M_FTYPES, 2 * (i + n), layout.K_FUNCS) + 2 * i
    bound = r.get(layout.M_NTYPES)
    for at in range(off, off + 2 * n, 2):
        put16(r.pool.buf, at, index(r, bound, "type"))
    r.put(layout.M_NFUNCS, i + n)


def tables(r):
    """Section 4."""
    n = _entries(r)
    r.room(layout.M_TABLES, (r.get(layout.M_NTABLES) + n) * layout.TD_SIZE, layout.K_DEFS)
    for _ in range(n):
        add_table(r)


def memories(r):
    """Section 5."""
    for _ in range(r.count()):
        add_memory(r)


def globals_(r):
    """Section 6."""
    buf = r.pool.buf
    n = _entries(r)
    r.room(layout.M_GLOBALS, (r.get(layout.M_NGLOBALS) + n) * layout.GD_SIZE, layout.K_DEFS)
    for _ in range(n):
        off = add_global(r)
        buf[off + layout.GD_INIT] = constant(r, buf[off + layout.GD_TYPE], off + layout.GD_LO)
        r.put(layout.M_NGLOBALS, r.get(layout.M_NGLOBALS) + 1)


def exports(r):
    """Section 7."""
    buf = r.pool.buf
    n = _entries(r)
    at = 0
    for i in range(n):
        k = r.length()
        block = r.room(layout.M_EXPORTS, at + layout.EX_NAME + k, layout.K_EXPORTS, at >> 2)
        name = block + at + layout.EX_NAME
        r.name(name, k)
        if _find(buf, block, i, buf, name, k):
            raise ValidationError("duplicate export name")
        kind = r.byte()
        if kind > 3:
            raise LoadError("malformed export kind")
        bound = (layout.M_NFUNCS, layout.M_NTABLES, layout.M_NMEMS, layout.M_NGLOBALS)[kind]
        x = index(r, r.get(bound), ("function", "table", "memory", "global")[kind])
        if kind == 0:
            declared(r, x)
        buf[block + at + layout.EX_KIND] = kind
        put16(buf, block + at + layout.EX_LEN, k)
        put32(buf, block + at + layout.EX_INDEX, x)
        at = (at + layout.EX_NAME + k + 3) & -4
    r.put(layout.M_NEXPORTS, n)
    r.fit(layout.M_EXPORTS, at)


def start(r):
    """Section 8."""
    i = index(r, r.get(layout.M_NFUNCS), "function")
    y = get32(r.pool.buf, r.get(layout.M_TYPES) + 4 * get16(r.pool.buf, r.get(layout.M_FTYPES) + 2 * i))
    if get32(r.pool.buf, y + layout.Y_NP):  # Y_NP and Y_NR
        raise ValidationError("start function")
    r.put(layout.M_START, i + 1)


def elements(r):
    """Section 9. Flags (5.5.12): 1 passive or declarative, 2 explicit table or declarative, 4 expressions."""
    pool = r.pool
    buf = pool.buf
    n = r.count()
    block = r.array(layout.M_ELEMS, 4 * n, layout.K_ELEM)
    r.put(layout.M_NELEMS, n)
    for i in range(n):
        flags = r.u32()
        if flags > 7:
            raise LoadError("malformed elements segment kind")
        mode = flags & 3
        table = table_type = offset_kind = 0
        # The offset waits in the record until the number of items is known.
        seg = pool.alloc(layout.ES_ITEMS, layout.K_ELEM, r.mod)
        put32(buf, block + 4 * i, seg)
        if mode in (0, 2):
            table = r.u32() if mode else 0
            if table >= r.get(layout.M_NTABLES):
                raise ValidationError("unknown table %d" % table)
            table_type = get32(buf, r.get(layout.M_TABLES) + table * layout.TD_SIZE)
            offset_kind = constant(r, layout.V_I32, seg + layout.ES_OFFSET)
        type = layout.V_FUNCREF
        if mode:
            if flags & 4:
                type = reftype(r)
            elif r.byte():
                raise LoadError("malformed element kind")
        if table_type and table_type != type:
            raise ValidationError("type mismatch")
        count = r.count()
        items = count
        if mode == 3:
            items = 0  # dropped before anything can use it
        seg = pool.grow(seg, layout.ES_ITEMS + 4 * items)
        put32(buf, block + 4 * i, seg)
        buf[seg + layout.ES_MODE] = (0, 1, 0, 2)[mode]
        buf[seg + layout.ES_TYPE] = type
        put32(buf, seg + layout.ES_TABLE, table)
        put32(buf, seg + layout.ES_OKIND, offset_kind)
        put32(buf, seg + layout.ES_COUNT, items)
        to = seg + layout.ES_ITEMS if items else 0
        value = r.t + layout.T_LO
        bound = r.get(layout.M_NFUNCS)
        for _ in range(count):
            if flags & 4:
                kind = constant(r, type, value)
                x = get32(buf, value)
                if kind == layout.CE_FUNC:
                    x += 1
                elif kind == layout.CE_GLOBAL:
                    x |= 0x80000000
            else:
                x = index(r, bound, "function")
                declared(r, x)
                x += 1
            if to:
                put32(buf, to, x)
                to += 4


def data_count(r):
    """Section 12."""
    n = r.u32()
    if n == 0xFFFFFFFF:
        raise LoadError("too many data segments")
    r.put(layout.M_NDATACOUNT, n + 1)


def data(r):
    """Section 11. Flags (5.5.14): 1 passive, 2 explicit memory."""
    pool = r.pool
    buf = pool.buf
    n = r.count()
    if r.get(layout.M_NDATACOUNT) not in (0, n + 1):
        raise LoadError("data count and data section have inconsistent lengths")
    block = r.array(layout.M_DATAS, 4 * n, layout.K_DATA)
    r.put(layout.M_NDATAS, n)
    for i in range(n):
        flags = r.u32()
        if flags > 2:
            raise LoadError("malformed data segment kind")
        memory = 0
        kind = -1
        value = r.t + layout.T_LO
        if flags != 1:
            memory = r.u32() if flags else 0
            if memory >= r.get(layout.M_NMEMS):
                raise ValidationError("unknown memory %d" % memory)
            kind = constant(r, layout.V_I32, value)
        offset = get32(buf, value)
        size = r.count()
        seg = pool.alloc(layout.DS_BYTES + size, layout.K_DATA, r.mod, False)
        put32(buf, block + 4 * i, seg)
        put32(buf, seg + layout.DS_MODE, flags & 1)
        put32(buf, seg + layout.DS_MEM, memory)
        put32(buf, seg + layout.DS_OKIND, max(kind, 0))
        put32(buf, seg + layout.DS_OFFSET, offset if kind >= 0 else 0)
        put32(buf, seg + layout.DS_LEN, size)
        r.into(seg + layout.DS_BYTES, size)
        if kind >= 0 and not memory:
            _reach(r, kind, offset + size)


def _reach(r, kind, end):
    """An active data segment needs memory 0 up to `end`: the cut has to leave that, or cannot be."""
    cut = r.get(layout.M_CUT)
    if cut != 0xFFFFFFFF and (kind != layout.CE_CONST or end > cut):
        size = whole(r)
        r.put(layout.M_CUT, 0xFFFFFFFF if kind != layout.CE_CONST or end > size else min((end + 7) & -8, size))


def whole(r):
    """Bytes of memory 0 to begin with, as declared."""
    off = r.get(layout.M_MEMS)
    return get32(r.pool.buf, off + layout.MD_MIN) << get32(r.pool.buf, off + layout.MD_PAGE)
