# Instantiation: what a module imports from first, imports resolved, the instance's records made, segments written, start run
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# WebAssembly 4.5.4. Needed only while instantiating. Whatever goes wrong, the unfinished instance is marked dead and swept up
# with those that were made for it, unless it has left references in tables that outlive it: then it stays for their sake.

import micropython

from . import layout
from .driver import environment
from .errors import LinkError, PitwasmError, Trap
from .events import answer, size_memory, view
from .link import entry, export, fits, function_type, native, unresolved, walk
from .modules import find_export
from .pool import get32, put32


def instantiate(rt, mod, stack, cap):
    """Make an instance of the module record `mod`, and before it of each registered module it imports from that has none yet.

    Its handle. cap: bytes of its memory at most, None: what it needs.
    """
    buf = rt._buf
    outer = rt._linking, rt._context
    rt._linking = path = []
    rt._context = None
    made = []  # handles

    def look(mod, item):
        kind, index, module, field, _ = item
        at = rt._registered(module)
        if not at or get32(buf, at + layout.R_INSTANCE) or kind == 0 and native(rt, mod, index, module, field):
            return 0
        sub = get32(buf, at + layout.R_MODULE)
        if sub in path:
            raise unresolved(rt, "found circular dependency on", module, field, False)
        at = find_export(rt.pool, sub, b"_start")
        if at and not buf[at]:
            raise unresolved(rt, "a command (with _start function) can not be a sub-module:", module, field, False)
        return sub

    def leave(mod):
        main = len(path) == 1
        made.append(rt._instance(_instantiate(rt, mod, stack, cap if main else None)))
        inst = made[-1]._off
        _name(rt, mod, inst)
        env = get32(buf, inst + layout.I_ENV)
        if env and not main:  # for the start function; others call it on their own stacks
            put32(buf, inst + layout.I_ENV, 0)
            rt.pool.free(env)

    rt._answer = answer  # before anything runs: from then on nothing is loaded unless it traps
    try:
        walk(rt, mod, look, leave)
        _auto(made[:-1])
        return made[-1]
    except BaseException:
        _auto(made)
        if not rt._env:
            rt._paused = None  # a start function out of fuel
        rt._sweep()
        raise
    finally:
        rt._linking, rt._context = outer


def _auto(made):
    """From now on they go with the last that imports from them; until then nobody did."""
    for handle in made:
        if handle._off:
            put32(handle._rt._buf, handle._off + layout.I_FLAGS, handle._cell(layout.I_FLAGS) | layout.IF_AUTO)


def _name(rt, mod, inst):
    """The first instance of a registered module is the one that others import from."""
    buf = rt._buf
    at = get32(buf, layout.P_REGISTRY)
    while at:
        if get32(buf, at + layout.R_MODULE) == mod and not get32(buf, at + layout.R_INSTANCE):
            put32(buf, at + layout.R_INSTANCE, inst)
        at = get32(buf, at + layout.R_NEXT)


def _instantiate(rt, mod, stack, cap):
    """One instance; what it imports from is there. Its record."""
    pool = rt.pool
    buf = pool.buf
    inst = pool.alloc(layout.I_SIZE, layout.K_INSTANCE)
    try:
        number = _number(rt)
    except PitwasmError:
        pool.free(inst)
        raise
    put32(buf, inst + layout.I_ID, number)
    put32(buf, get32(buf, layout.P_ITAB) + (number << 2), inst)
    put32(buf, inst + layout.I_MODULE, mod)
    put32(buf, mod + layout.M_REFS, get32(buf, mod + layout.M_REFS) + 1)
    try:
        put32(buf, inst + layout.I_STACK, (max(stack, 64) + 7) & -8)
        _links(rt, inst, mod)
        _imports(rt, inst, mod)
        _tables(rt, inst, mod)
        if get32(buf, mod + layout.M_FLAGS) & layout.MF_GROWS:
            environment(rt, inst)  # now, so as not to be in the way of a memory that grows
        _memories(rt, inst, mod, cap)
        _globals(rt, inst, mod)
        _elements(rt, inst, mod)
        _data(rt, inst, mod)
        start = get32(buf, mod + layout.M_START)
        if start:
            rt._instance(inst)._function(start - 1)()
        _initialize(rt, inst, mod)
        put32(buf, inst + layout.I_FLAGS, layout.IF_STARTED)
        return inst
    except BaseException:
        put32(buf, inst + layout.I_FLAGS, layout.IF_DEAD)
        rt._instance(inst)._dead = True
        raise


def _initialize(rt, inst, mod):
    """A reactor's _initialize is called once, before all else (WASI application ABI); a command, with _start, has none."""
    entry = find_export(rt.pool, mod, b"_initialize")
    if entry and rt._buf[entry] == 0 and not find_export(rt.pool, mod, b"_start"):
        f = rt._instance(inst)._function(get32(rt._buf, entry + layout.EX_INDEX))
        if f.type == ("", ""):
            f()


def _number(rt):
    """A free instance number."""
    pool = rt.pool
    buf = pool.buf
    table = get32(buf, layout.P_ITAB)
    n = get32(buf, layout.P_ITABN)
    for i in range(1, n):
        if not get32(buf, table + (i << 2)):
            return i
    if n >= 1 << 31 - layout.REF_SHIFT:
        raise LinkError("too many instances")
    table = pool.grow(table, 4 * n + 16) if table else pool.alloc(16, layout.K_HOST)
    put32(buf, layout.P_ITAB, table)
    put32(buf, layout.P_ITABN, n + 4)
    return n or 1


def _links(rt, inst, mod):
    """The block of arrays and records that the instance is made of, and what it copies from the module."""
    buf = rt.pool.buf

    def count(field):
        return get32(buf, mod + field)

    n = count(layout.M_NMEMS) + count(layout.M_NTABLES) + count(layout.M_NGLOBALS) + count(layout.M_NIMPF) << 2
    n += (count(layout.M_NMEMS) - count(layout.M_NIMPM)) * layout.MM_SIZE
    n += (count(layout.M_NTABLES) - count(layout.M_NIMPT)) * layout.TT_SIZE
    n += count(layout.M_NELEMS) + count(layout.M_NDATAS)
    at = rt.pool.alloc(n, layout.K_LINKS, inst) if n else 0
    for field, many, own, size in (
        (layout.I_MEMS, layout.M_NMEMS, layout.M_NIMPM, layout.MM_SIZE),
        (layout.I_TABLES, layout.M_NTABLES, layout.M_NIMPT, layout.TT_SIZE),
    ):
        put32(buf, inst + field, at)
        record = at + (count(many) << 2)
        for i in range(count(own), count(many)):
            put32(buf, at + (i << 2), record)
            record += size
        at = record
    put32(buf, inst + layout.I_GLOBALS, at)
    at += count(layout.M_NGLOBALS) << 2
    put32(buf, inst + layout.I_IMPORTS, at)
    put32(buf, inst + layout.I_DROPPED, at + (count(layout.M_NIMPF) << 2))
    for field, source in (
        (layout.I_ENTRIES, layout.M_ENTRIES),
        (layout.I_TYPES, layout.M_TYPES),
        (layout.I_FTYPES, layout.M_FTYPES),
        (layout.I_NIMPF, layout.M_NIMPF),
    ):
        put32(buf, inst + field, count(source))


# ---- imports ---------------------------------------------------------------------------------------------------------------------


def _imports(rt, inst, mod):
    buf = rt.pool.buf
    at = get32(buf, mod + layout.M_IMPORTS)
    for _ in range(get32(buf, mod + layout.M_NIMPORTS)):
        item = entry(buf, at)
        kind, index, module, field, at = item
        value = _native(rt, mod, index, module, field) if kind == 0 else 0
        if not value:
            value = _export(rt, mod, item)
        array = (layout.I_IMPORTS, layout.I_TABLES, layout.I_MEMS, layout.I_GLOBALS)[kind]
        if kind == 2:
            _whole(rt, value)
        put32(buf, get32(buf, inst + array) + (index << 2), value)


def _whole(rt, mm):
    """A memory that others import is theirs to use as declared: the cut to what its own module needs is undone."""
    buf = rt.pool.buf
    n = min(get32(buf, mm + layout.MM_PAGES) << get32(buf, mm + layout.MM_PAGE), get32(buf, mm + layout.MM_LIMIT))
    if n > get32(buf, mm + layout.MM_BYTES):
        size_memory(rt, mm, n)


def _native(rt, mod, index, module, field):
    """The reference of a registered Python function, 0 when there is none of that name."""
    found = native(rt, mod, index, module, field)
    if not found and module == b"wasi_snapshot_preview1":
        from . import wasi

        found = wasi.native(rt, str(field, "utf-8"))
        if found and not fits(rt._buf, function_type(rt._buf, mod, index), found[0]):
            raise unresolved(rt, "incompatible import type", module, field)
    if not found:
        return 0
    pool = rt.pool
    buf = pool.buf
    y = function_type(buf, mod, index)
    text, fn = found
    letters = text and text[1 : text.find(")")]
    table = get32(buf, layout.P_HTAB)
    n = get32(buf, layout.P_HTABN)
    free = n
    for i in range(n):
        host = rt._hosts[i]
        if host is None:
            free = i
        elif host[0] is fn and host[1] == letters and get32(buf, table + (i << 2)) == y:
            return i + 1
    if free == n:
        if not table or 4 * n >= pool.size_of(table):
            table = pool.grow(table, 4 * n + 16) if table else pool.alloc(16, layout.K_HOST)
            put32(buf, layout.P_HTAB, table)
        rt._hosts.append(None)
        put32(buf, layout.P_HTABN, n + 1)
    rt._hosts[free] = (fn, letters, "%s.%s" % (str(module, "utf-8"), str(field, "utf-8")))
    put32(buf, table + (free << 2), y)
    put32(buf, y + layout.Y_REFS, get32(buf, y + layout.Y_REFS) + 1)
    return free + 1


def _export(rt, mod, item):
    """What an import gets of a registered module: reference, table, memory or cell."""
    buf = rt.pool.buf
    kind, index, module, field, _ = item
    at = rt._registered(module)
    inst = get32(buf, at + layout.R_INSTANCE) if at else 0
    i = export(rt, mod, item, get32(buf, inst + layout.I_MODULE) if inst else 0)
    if kind == 0:
        if i < get32(buf, inst + layout.I_NIMPF):
            return get32(buf, get32(buf, inst + layout.I_IMPORTS) + (i << 2))
        return get32(buf, inst + layout.I_ID) << layout.REF_SHIFT | i
    value = get32(buf, get32(buf, inst + (layout.I_TABLES, layout.I_MEMS, layout.I_GLOBALS)[kind - 1]) + (i << 2))
    # Limits of what is there against the limits asked for (3.4.1 of 2.0: limits match).
    if kind == 1:
        decl = get32(buf, mod + layout.M_TABLES) + index * layout.TD_SIZE + layout.TD_MIN
        size = get32(buf, value + layout.TT_COUNT)
        most = get32(buf, value + layout.TT_MAX)
    elif kind == 2:
        decl = get32(buf, mod + layout.M_MEMS) + index * layout.MD_SIZE
        same = get32(buf, value + layout.MM_PAGE) == get32(buf, decl + layout.MD_PAGE) and not get32(buf, decl + layout.MD_FLAGS) & 4
        decl += layout.MD_MIN
        size = get32(buf, value + layout.MM_PAGES) if same else -1
        most = get32(buf, value + layout.MM_MAX)
    else:
        return value
    asked = get32(buf, decl + 4)
    if size < get32(buf, decl) or asked != 0xFFFFFFFF and most > asked:
        raise unresolved(rt, "incompatible import type", module, field)
    return value


# ---- what the instance has of its own --------------------------------------------------------------------------------------------


def _tables(rt, inst, mod):
    buf = rt.pool.buf
    for i in range(get32(buf, mod + layout.M_NIMPT), get32(buf, mod + layout.M_NTABLES)):
        decl = get32(buf, mod + layout.M_TABLES) + i * layout.TD_SIZE
        tt = get32(buf, get32(buf, inst + layout.I_TABLES) + (i << 2))
        n = get32(buf, decl + layout.TD_MIN)
        if n >> 26:
            raise rt.pool.exhausted(n << 2)
        put32(buf, tt + layout.TT_OWNER, inst)
        put32(buf, tt + layout.TT_TYPE, buf[decl + layout.TD_TYPE])
        put32(buf, tt + layout.TT_MAX, get32(buf, decl + layout.TD_MAX))
        put32(buf, tt + layout.TT_DATA, rt.pool.alloc(n << 2, layout.K_TABLE, inst) if n else 0)
        put32(buf, tt + layout.TT_COUNT, n)


def _memories(rt, inst, mod, cap):
    """Memories: full pages, or what the module can use (M_CUT), or what the embedder allows (cap)."""
    buf = rt.pool.buf
    for i in range(get32(buf, mod + layout.M_NIMPM), get32(buf, mod + layout.M_NMEMS)):
        decl = get32(buf, mod + layout.M_MEMS) + i * layout.MD_SIZE
        mm = get32(buf, get32(buf, inst + layout.I_MEMS) + (i << 2))
        if get32(buf, decl + layout.MD_FLAGS) & 4:
            raise LinkError("memories with 64-bit addresses are not supported")
        page = get32(buf, decl + layout.MD_PAGE)
        pages = get32(buf, decl + layout.MD_MIN)
        put32(buf, mm + layout.MM_OWNER, inst)
        put32(buf, mm + layout.MM_PAGES, pages)
        put32(buf, mm + layout.MM_MAX, get32(buf, decl + layout.MD_MAX))
        limit = 0xFFFFFFFF if cap is None else max(0, min(cap, 0xFFFFFFFF))
        put32(buf, mm + layout.MM_LIMIT, limit)
        put32(buf, mm + layout.MM_PAGE, page)
        size_memory(rt, mm, min(pages << page, get32(buf, mod + layout.M_CUT) if cap is None and i == 0 else limit))
    if get32(buf, mod + layout.M_NMEMS):
        mm = get32(buf, get32(buf, inst + layout.I_MEMS))
        put32(buf, inst + layout.I_MEM0, mm)
        _fit(rt, mod, get32(buf, mm + layout.MM_BYTES))


def _fit(rt, mod, n):
    """The code may count on more of memory 0 than the n bytes there are: then accesses that cannot succeed become traps."""
    buf = rt._buf
    safe = get32(buf, mod + layout.M_SAFE)
    flags = get32(buf, mod + layout.M_FLAGS)
    if n > safe and flags & layout.MF_CAPPED:
        raise LinkError("the code was fitted to a memory of %d bytes; load the module again for a larger one" % safe)
    if n < safe:
        from .caps import slow_memory

        if rt._tier:
            rt._tier.discard(mod)
        slow_memory(buf, mod, n)
        put32(buf, mod + layout.M_SAFE, n)
        put32(buf, mod + layout.M_FLAGS, flags | layout.MF_CAPPED)
        if rt._tier and rt._tier.mode == "always":
            rt._tier.module(mod)


def _globals(rt, inst, mod):
    buf = rt.pool.buf
    first = get32(buf, mod + layout.M_NIMPG)
    n = get32(buf, mod + layout.M_NGLOBALS)
    if n == first:
        return
    cell = rt.pool.alloc((n - first) * layout.CELL, layout.K_GLOBALS, inst)
    put32(buf, inst + layout.I_CELLS, cell)
    decl = get32(buf, mod + layout.M_GLOBALS) + first * layout.GD_SIZE
    for i in range(first, n):
        put32(buf, get32(buf, inst + layout.I_GLOBALS) + (i << 2), cell)
        kind = buf[decl + layout.GD_INIT]
        value = get32(buf, decl + layout.GD_LO)
        if kind == layout.CE_GLOBAL:
            source = get32(buf, get32(buf, inst + layout.I_GLOBALS) + (value << 2))
            put32(buf, cell, get32(buf, source))
            put32(buf, cell + 4, get32(buf, source + 4))
        elif kind == layout.CE_FUNC:
            put32(buf, cell, _reference(buf, inst, value))
        else:
            put32(buf, cell, value)
            put32(buf, cell + 4, get32(buf, decl + layout.GD_HI))
        cell += layout.CELL
        decl += layout.GD_SIZE


@micropython.viper
def _reference(p: ptr32, inst: int, fidx: int) -> int:
    """The reference of a function by its index in an instance."""
    if fidx < p[(inst + layout.I_NIMPF) >> 2]:
        return p[(p[(inst + layout.I_IMPORTS) >> 2] >> 2) + fidx]
    return p[(inst + layout.I_ID) >> 2] << layout.REF_SHIFT | fidx


# ---- segments, one after the other: what the ones before a trap have written stays (4.5.4) ---------------------------------------


def _offset(buf, inst, kind, value):
    """The value of a segment's offset expression."""
    if kind == layout.CE_GLOBAL:
        return get32(buf, get32(buf, get32(buf, inst + layout.I_GLOBALS) + (value << 2)))
    return value


@micropython.viper
def _write_elements(p: ptr32, inst: int, seg: int, to: int, n: int):
    """Store n items of an element segment as references."""
    to >>= 2
    seg = (seg + layout.ES_ITEMS) >> 2
    globals_ = p[(inst + layout.I_GLOBALS) >> 2] >> 2
    imported = p[(inst + layout.I_NIMPF) >> 2]
    imports = p[(inst + layout.I_IMPORTS) >> 2] >> 2
    number = p[(inst + layout.I_ID) >> 2] << layout.REF_SHIFT
    while n:
        v = p[seg]
        if (v >> 31) & 1:
            v = p[p[globals_ + (v & 0x3FFFFFFF)] >> 2]
        elif v:
            v -= 1
            if v < imported:
                v = p[imports + v]
            else:
                v |= number
        p[to] = v
        to += 1
        seg += 1
        n -= 1


def _elements(rt, inst, mod):
    buf = rt.pool.buf
    block = get32(buf, mod + layout.M_ELEMS)
    for i in range(get32(buf, mod + layout.M_NELEMS)):
        seg = get32(buf, block + (i << 2))
        mode = buf[seg + layout.ES_MODE]
        if mode == 0:
            tt = get32(buf, get32(buf, inst + layout.I_TABLES) + (get32(buf, seg + layout.ES_TABLE) << 2))
            to = _offset(buf, inst, get32(buf, seg + layout.ES_OKIND), get32(buf, seg + layout.ES_OFFSET))
            n = get32(buf, seg + layout.ES_COUNT)
            if to + n > get32(buf, tt + layout.TT_COUNT):
                raise Trap("out of bounds table access")
            if n:
                _write_elements(buf, inst, seg, get32(buf, tt + layout.TT_DATA) + (to << 2), n)
        if mode != 1:
            buf[get32(buf, inst + layout.I_DROPPED) + i] = 1


def _data(rt, inst, mod):
    buf = rt.pool.buf
    block = get32(buf, mod + layout.M_DATAS)
    for i in range(get32(buf, mod + layout.M_NDATAS)):
        seg = get32(buf, block + (i << 2))
        if buf[seg + layout.DS_MODE] == 0:
            n = get32(buf, seg + layout.DS_LEN)
            to = _offset(buf, inst, get32(buf, seg + layout.DS_OKIND), get32(buf, seg + layout.DS_OFFSET))
            mm = get32(buf, get32(buf, inst + layout.I_MEMS) + (get32(buf, seg + layout.DS_MEM) << 2))
            seg += layout.DS_BYTES
            view(rt._instance(inst), to, n, mm)[:] = rt.pool.part(seg, n)
            buf[get32(buf, inst + layout.I_DROPPED) + get32(buf, mod + layout.M_NELEMS) + i] = 1
