# Freeing what nothing refers to any more: dead instances, their modules, host functions, external references
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A mark and sweep over the store. Roots are the instances in use. An instance reaches those it imports from and those whose
# functions its tables and globals hold. Runs when no call does, so frames hold nothing. Needs a few bytes of Python heap.

import micropython

from . import layout
from .modules import release, unload
from .pool import get16, get32, put32


@micropython.viper
def _mark(p: ptr32, at: int, n: int, hosts: ptr8):
    """Mark what n function references reach."""
    table = p[layout.P_ITAB >> 2] >> 2
    at >>= 2
    end = at + n
    while at < end:
        ref = p[at]
        if ref:
            n = ref >> layout.REF_SHIFT
            if n:
                n = p[table + n]
                if n:
                    p[(n + layout.I_FLAGS) >> 2] |= layout.IF_MARK
            else:
                hosts[ref - 1] = 1
        at += 1


@micropython.viper
def _mark_externs(p: ptr32, at: int, n: int, externs: ptr8, most: int):
    """Mark n external references; some may be raw numbers that no object has."""
    at >>= 2
    end = at + n
    while at < end:
        ref = p[at]
        if ref > 0 and ref <= most:
            externs[ref - 1] = 1
        at += 1


@micropython.viper
def _next(p: ptr32, mask: int, want: int) -> int:
    """The first instance whose flags under `mask` are `want`, or 0."""
    i = p[layout.P_ITAB >> 2] >> 2
    end = i + p[layout.P_ITABN >> 2]
    while i < end:
        inst = p[i]
        if inst:
            if p[(inst + layout.I_FLAGS) >> 2] & mask == want:
                return inst
        i += 1
    return 0


def sweep(rt):
    """Free what is dead and not reached; give numbers, names and Python objects back."""
    buf = rt.pool.buf
    hosts = bytearray(len(rt._hosts))
    externs = bytearray(len(rt._externs))
    for i in range(get32(buf, layout.P_ITABN)):
        inst = get32(buf, get32(buf, layout.P_ITAB) + (i << 2))
        if inst:
            flags = get32(buf, inst + layout.I_FLAGS) & ~(layout.IF_MARK | layout.IF_SEEN)
            if not flags & (layout.IF_DEAD | layout.IF_AUTO):
                flags |= layout.IF_MARK
            put32(buf, inst + layout.I_FLAGS, flags)
    while True:
        inst = _next(buf, layout.IF_MARK | layout.IF_SEEN, layout.IF_MARK)
        if not inst:
            break
        _reach(buf, inst, hosts, externs)
    while True:
        inst = _next(buf, layout.IF_MARK, 0)
        if not inst:
            break
        _free(rt, inst)
    _numbers(rt, hosts)
    for i, seen in enumerate(externs):
        if not seen:
            rt._externs[i] = None
    while rt._externs and rt._externs[-1] is None:
        rt._externs.pop()
    _modules(rt)


@micropython.viper
def _next_module(p: ptr32, mask: int, want: int) -> int:
    """The first module whose flags under `mask` are `want`, or 0."""
    mod = p[layout.P_MODULES >> 2]
    while mod:
        if p[(mod + layout.M_FLAGS) >> 2] & mask == want:
            break
        mod = p[mod >> 2]
    return mod


def _modules(rt):
    """Free modules that are unloaded and have no instances, and those loaded for others of which none is left.

    What imports from a module is seen by name: the names are unique, and loading has found every one.
    """
    buf = rt.pool.buf
    mod = get32(buf, layout.P_MODULES)
    while mod:
        flags = get32(buf, mod + layout.M_FLAGS) & ~(layout.MF_MARK | layout.MF_SEEN)
        if get32(buf, mod + layout.M_REFS) or not flags & (layout.MF_DEAD | layout.MF_AUTO):
            flags |= layout.MF_MARK
        put32(buf, mod + layout.M_FLAGS, flags)
        mod = get32(buf, mod + layout.M_NEXT)
    while True:
        mod = _next_module(buf, layout.MF_MARK | layout.MF_SEEN, layout.MF_MARK)
        if not mod:
            break
        put32(buf, mod + layout.M_FLAGS, get32(buf, mod + layout.M_FLAGS) | layout.MF_SEEN)
        at = get32(buf, mod + layout.M_IMPORTS)
        last = None
        for _ in range(get32(buf, mod + layout.M_NIMPORTS)):
            start = at + layout.IM_NAME
            end = start + get16(buf, at + layout.IM_MLEN)
            name = bytes(buf[start:end])
            at = end + get16(buf, at + layout.IM_FLEN) + 3 & -4
            if name != last:
                last = name
                found = rt._registered(name)
                found = found and get32(buf, found + layout.R_MODULE)
                if found:
                    put32(buf, found + layout.M_FLAGS, get32(buf, found + layout.M_FLAGS) | layout.MF_MARK)
    while True:
        mod = _next_module(buf, layout.MF_MARK, 0)
        if not mod:
            break
        rt._unregister(layout.R_MODULE, mod)
        handle = rt._modules.pop(mod, None)
        if handle:
            handle._off = 0
        if rt._tier:
            rt._tier.discard(mod)
        unload(rt.pool, mod)
    if rt._tier:
        rt._tier.idle()


def _flag(buf, inst):
    put32(buf, inst + layout.I_FLAGS, get32(buf, inst + layout.I_FLAGS) | layout.IF_MARK)


def _reach(buf, inst, hosts, externs):
    """Mark all that an instance refers to."""
    put32(buf, inst + layout.I_FLAGS, get32(buf, inst + layout.I_FLAGS) | layout.IF_SEEN)
    mod = get32(buf, inst + layout.I_MODULE)
    array = get32(buf, inst + layout.I_IMPORTS)
    if array:
        _mark(buf, array, get32(buf, mod + layout.M_NIMPF), hosts)
    array = get32(buf, inst + layout.I_MEMS)
    for i in range(get32(buf, mod + layout.M_NMEMS) if array else 0):
        mm = get32(buf, array + (i << 2))
        if mm and get32(buf, mm + layout.MM_OWNER):
            _flag(buf, get32(buf, mm + layout.MM_OWNER))
    array = get32(buf, inst + layout.I_TABLES)
    for i in range(get32(buf, mod + layout.M_NTABLES) if array else 0):
        tt = get32(buf, array + (i << 2))
        owner = get32(buf, tt + layout.TT_OWNER) if tt else 0
        if owner == inst and get32(buf, tt + layout.TT_COUNT):
            _cells(buf, get32(buf, tt + layout.TT_TYPE), get32(buf, tt), get32(buf, tt + layout.TT_COUNT), hosts, externs)
        elif owner:
            _flag(buf, owner)
    array = get32(buf, inst + layout.I_GLOBALS)
    first = get32(buf, mod + layout.M_NIMPG)
    decl = get32(buf, mod + layout.M_GLOBALS)
    for i in range(get32(buf, mod + layout.M_NGLOBALS) if array else 0):
        cell = get32(buf, array + (i << 2))
        if cell and i < first:
            _flag(buf, _owner(buf, cell))
        elif cell:
            _cells(buf, buf[decl + i * layout.GD_SIZE + layout.GD_TYPE], cell, 1, hosts, externs)


def _cells(buf, kind, at, n, hosts, externs):
    if kind == layout.V_FUNCREF:
        _mark(buf, at, n, hosts)
    elif kind == layout.V_EXTERNREF:
        _mark_externs(buf, at, n, externs, len(externs))


def _owner(buf, cell):
    """The instance that a global cell belongs to."""
    for i in range(get32(buf, layout.P_ITABN)):
        inst = get32(buf, get32(buf, layout.P_ITAB) + (i << 2))
        if inst:
            mod = get32(buf, inst + layout.I_MODULE)
            n = get32(buf, mod + layout.M_NGLOBALS) - get32(buf, mod + layout.M_NIMPG)
            if 0 <= cell - get32(buf, inst + layout.I_CELLS) < n * layout.CELL:
                return inst


def _free(rt, inst):
    buf = rt.pool.buf
    mod = get32(buf, inst + layout.I_MODULE)
    put32(buf, mod + layout.M_REFS, get32(buf, mod + layout.M_REFS) - 1)
    put32(buf, get32(buf, layout.P_ITAB) + (get32(buf, inst + layout.I_ID) << 2), 0)
    rt._unregister(layout.R_INSTANCE, inst)
    handle = rt._instances.pop(inst, None)
    if handle:
        handle._dead = True
        handle._off = 0
    rt.pool.free_owner(inst)
    rt.pool.free(inst)


def _numbers(rt, hosts):
    """Free the host functions not marked; tables without entries go."""
    pool = rt.pool
    buf = pool.buf
    table = get32(buf, layout.P_HTAB)
    n = len(hosts)
    for i in range(n):
        if not hosts[i] and rt._hosts[i]:
            fn = rt._hosts[i][0]
            rt._hosts[i] = None
            if hasattr(fn, "_released"):  # of WASI
                fn._released()
            release(pool, get32(buf, table + (i << 2)))
    while n and not rt._hosts[n - 1]:
        rt._hosts.pop()
        n -= 1
    put32(buf, layout.P_HTABN, n)
    _fit(pool, layout.P_HTAB, n)
    table = get32(buf, layout.P_ITAB)
    n = get32(buf, layout.P_ITABN)
    while n and not get32(buf, table + (n - 1 << 2)):
        n -= 1
    _fit(pool, layout.P_ITAB, n)
    put32(buf, layout.P_ITABN, n + 3 & -4)


def _fit(pool, field, n):
    """Keep n cells, in fours, of the block that a cell of the header names."""
    table = get32(pool.buf, field)
    if table and n:
        pool.shrink(table, (n + 3 & -4) << 2)
    elif table:
        pool.free(table)
        put32(pool.buf, field, 0)
