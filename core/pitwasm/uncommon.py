# Translator: long constants, globals, select, references, tables, bulk memory (WebAssembly 3.3.1-3.3.7); bytecode, see structure.py
# MIT license; Copyright (c) 2026 the pitwasm authors

from . import layout
from .operands import constant, emit, extend, fail, leb, memory_index, pop, push, put, sleb, source


def _byte(pool, c, T):
    at = c[T + layout.T_POS // 4]
    c[T + layout.T_POS // 4] = at + 1
    return pool[at]


def _word(pool, c, T):
    lo = _byte(pool, c, T)
    lo |= _byte(pool, c, T) << 8
    lo |= _byte(pool, c, T) << 16
    return lo | _byte(pool, c, T) << 24


def _table(pool, c, T):
    """Read a table index -> it, and the table's type."""
    x = leb(pool)
    M = c[T + layout.T_MOD // 4] >> 2
    if x >= c[M + layout.M_NTABLES // 4]:
        fail(17)
    return x, pool[c[M + layout.M_TABLES // 4] + x * layout.TD_SIZE + layout.TD_TYPE]


def _constant(pool, c, T, k):
    """i64, f32 and f64.const. What is the sign extension of its low 32 bits stays a constant until it is used."""
    kind = 0x7E
    hi = 0
    if k == layout.W_I64_CONST:
        sleb(pool, 1)
        lo = c[T + layout.T_LO // 4]
        hi = c[T + layout.T_HI // 4]
    else:
        kind = 0x7D
        lo = _word(pool, c, T)
        if k == layout.W_F64_CONST:
            kind = 0x7C
            hi = _word(pool, c, T)
    v = push(pool, kind) >> 2
    if kind == 0x7D or hi == (0xFFFFFFFF if lo >> 31 else 0):
        c[v] = kind | 0x100
        c[v + 1] = lo
        return
    d = c[v + 2]
    if d > 255:
        constant(pool, d, lo, 0x7F)
        constant(pool, d + 1, hi, 0x7F)
    else:
        emit(pool, layout.OP_CONST64_W | 0x100, d, 0, 0)
        extend(pool, lo)
        extend(pool, hi)


def _global(pool, c, T, k):
    x = leb(pool)
    M = c[T + layout.T_MOD // 4] >> 2
    if x >= c[M + layout.M_NGLOBALS // 4]:
        fail(13)
    g = c[M + layout.M_GLOBALS // 4] + x * layout.GD_SIZE
    kind = pool[g + layout.GD_TYPE]
    two = kind == 0x7E or kind == 0x7C
    if k == layout.W_GLOBAL_GET:
        put(pool, layout.OP_GLOBAL_GET64 if two else layout.OP_GLOBAL_GET, kind, x & 255, x >> 8, 0)
    else:
        if not pool[g + layout.GD_MUT]:
            fail(14)
        emit(pool, layout.OP_GLOBAL_SET64 if two else layout.OP_GLOBAL_SET, source(pool, pop(pool, kind), 248), x & 255, x >> 8)


def _select(pool, c, T, k):
    kind = 0
    if k == layout.W_SELECT_T:
        if leb(pool) != 1:
            fail(25)
        kind = _byte(pool, c, T)
        if kind not in (0x7F, 0x7E, 0x7D, 0x7C, 0x70, 0x6F):
            fail(9)
    z = source(pool, pop(pool, 0x7F), 252)
    at = pop(pool, kind)
    if kind == 0:
        kind = c[at >> 2] & 0xFF
    y = source(pool, at, 250)
    at = pop(pool, kind)
    if kind == 0:
        kind = c[at >> 2] & 0xFF
    if k == layout.W_SELECT and (kind == 0x70 or kind == 0x6F):
        fail(4)
    x = source(pool, at, 248)
    op = layout.OP_SELECT64 if kind == 0x7E or kind == 0x7C else layout.OP_SELECT
    put(pool, op | 0x200, kind, x, y, z)


def _three(pool, sub, kind, k, j):
    """Operands i32, kind, i32 of a bulk operation."""
    z = source(pool, pop(pool, 0x7F), 248)
    y = source(pool, pop(pool, kind), 250)
    x = source(pool, pop(pool, 0x7F), 252)
    emit(pool, layout.OP_RARE, sub, x, y)
    extend(pool, z | k << 8 | j << 16)


def uncommon(pool, c, T, k):
    """An instruction of class k."""
    M = c[T + layout.T_MOD // 4] >> 2
    if k <= layout.W_F64_CONST:
        _constant(pool, c, T, k)
    elif k <= layout.W_GLOBAL_SET:
        _global(pool, c, T, k)
    elif k == layout.W_DROP:
        pop(pool, 0)
    elif k == layout.W_SELECT or k == layout.W_SELECT_T:
        _select(pool, c, T, k)
    elif k == layout.W_MEMORY_SIZE or k == layout.W_MEMORY_GROW:
        x = memory_index(pool)
        sub = layout.SUB_MEMORY_SIZE
        y = 0
        if k == layout.W_MEMORY_GROW:
            sub = layout.SUB_MEMORY_GROW
            c[T + layout.T_FLAGS // 4] |= layout.TF_GROWS
            y = source(pool, pop(pool, 0x7F), 248)
        if x:
            emit(pool, layout.OP_RARE, layout.SUB_OTHER_MEMORY, x, 0)
            extend(pool, 0)
        put(pool, sub | 0x1000, 0x7F, y, 0, 0)
    elif k == layout.W_MEMORY_COPY:
        x = memory_index(pool)
        _three(pool, layout.SUB_MEMORY_COPY, 0x7F, x, memory_index(pool))
    elif k == layout.W_MEMORY_FILL:
        _three(pool, layout.SUB_MEMORY_FILL, 0x7F, memory_index(pool), 0)
    elif k == layout.W_MEMORY_INIT or k == layout.W_DATA_DROP:
        n = c[M + layout.M_NDATACOUNT // 4]
        if n == 0:
            fail(24)
        j = leb(pool)
        if j >= n - 1:
            fail(22)
        if k == layout.W_MEMORY_INIT:
            _three(pool, layout.SUB_MEMORY_INIT, 0x7F, memory_index(pool), j)
        else:
            emit(pool, layout.OP_RARE, layout.SUB_DATA_DROP, 0, 0)
            extend(pool, j << 16)
    elif k == layout.W_TABLE_INIT or k == layout.W_ELEM_DROP:
        j = leb(pool)
        if j >= c[M + layout.M_NELEMS // 4]:
            fail(23)
        if k == layout.W_TABLE_INIT:
            x, kind = _table(pool, c, T)
            if pool[c[(c[M + layout.M_ELEMS // 4] >> 2) + j] + layout.ES_TYPE] != kind:
                fail(4)
            _three(pool, layout.SUB_TABLE_INIT, 0x7F, x, j)
        else:
            emit(pool, layout.OP_RARE, layout.SUB_ELEM_DROP, 0, 0)
            extend(pool, j << 16)
    elif k == layout.W_REF_NULL:
        kind = _byte(pool, c, T)
        if kind != 0x70 and kind != 0x6F:
            fail(26)
        v = push(pool, kind) >> 2
        c[v] = kind | 0x100
        c[v + 1] = 0
    elif k == layout.W_REF_IS_NULL:
        at = pop(pool, 0)
        if c[at >> 2] & 0xFF not in (0, 0x70, 0x6F):
            fail(4)
        put(pool, layout.OP_I32_CMP_I, 0x7F, source(pool, at, 248), 0, 0)
    elif k == layout.W_REF_FUNC:
        f = leb(pool)
        if f >= c[M + layout.M_NFUNCS // 4]:
            fail(15)
        if not pool[c[M + layout.M_DECLARED // 4] + (f >> 3)] >> (f & 7) & 1:
            fail(21)
        put(pool, layout.SUB_REF_FUNC | 0x1000, 0x70, 0, 0, f)
    else:
        x, kind = _table(pool, c, T)
        if k == layout.W_TABLE_GET:
            put(pool, layout.SUB_TABLE_GET | 0x1000, kind, source(pool, pop(pool, 0x7F), 248), 0, x << 8)
        elif k == layout.W_TABLE_SET:
            y = source(pool, pop(pool, kind), 248)
            emit(pool, layout.OP_RARE, layout.SUB_TABLE_SET, source(pool, pop(pool, 0x7F), 250), y)
            extend(pool, x << 8)
        elif k == layout.W_TABLE_SIZE:
            put(pool, layout.SUB_TABLE_SIZE | 0x1000, 0x7F, 0, 0, x << 8)
        elif k == layout.W_TABLE_GROW:
            y = source(pool, pop(pool, 0x7F), 248)
            z = source(pool, pop(pool, kind), 250)
            put(pool, layout.SUB_TABLE_GROW | 0x1000, 0x7F, y, 0, z | x << 8)
        elif k == layout.W_TABLE_FILL:
            _three(pool, layout.SUB_TABLE_FILL, kind, x, 0)
        else:
            y, other = _table(pool, c, T)
            if other != kind:
                fail(4)
            _three(pool, layout.SUB_TABLE_COPY, 0x7F, x, y)
