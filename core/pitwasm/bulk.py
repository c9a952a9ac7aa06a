# Operations kept out of the loop: bulk memory, tables; those of integer.py (layout.SUB_*). Loaded when a module uses them
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Functions hand each other offsets and small numbers only: a pointer or a value beyond 30 bits would be boxed on the heap.
import micropython
from micropython import const

from . import layout
from .access import access
from .integer import integer

_DONE = const(0x108)  # done, go on 8 bytes further


@micropython.viper
def _fits(i: int, n: int, size: int) -> int:
    """1 when i + n <= size, all unsigned (size is below 2**31)."""
    if U32(i) > uint(size):
        return 0
    if U32(n) > uint(size - i):
        return 0
    return 1


@micropython.viper
def _copy(pool: ptr8, d: int, s: int, n: int):
    """Overlapping copy of n bytes between pool offsets, by words where both lie alike (about 40 cycles for 4 bytes)."""
    p = ptr8(int(pool) + d)
    q = ptr8(int(pool) + s)
    if d == s:
        return
    i = 0
    if uint(d - s) >= uint(n):  # not into the bytes still to be read: upwards
        if (d ^ s) & 3 == 0:
            while i < n and (d + i) & 3:
                p[i] = q[i]
                i += 1
            a = ptr32(int(p) + i)
            b = ptr32(int(q) + i)
            k = (n - i) >> 2
            i += k << 2
            while k:
                a[0] = b[0]
                a = ptr32(int(a) + 4)
                b = ptr32(int(b) + 4)
                k -= 1
        while i < n:
            p[i] = q[i]
            i += 1
        return
    i = n
    if (d ^ s) & 3 == 0:
        while i and (d + i) & 3:
            i -= 1
            p[i] = q[i]
        a = ptr32(int(p) + i)
        b = ptr32(int(q) + i)
        k = i >> 2
        i -= k << 2
        while k:
            a = ptr32(int(a) - 4)
            b = ptr32(int(b) - 4)
            a[0] = b[0]
            k -= 1
    while i:
        i -= 1
        p[i] = q[i]


@micropython.viper
def _fill(pool: ptr8, d: int, value: int, n: int):
    """n bytes at a pool offset."""
    p = ptr8(int(pool) + d)
    i = 0
    while i < n and (d + i) & 3:
        p[i] = value
        i += 1
    value = value | value << 8
    value = value | value << 16
    a = ptr32(int(p) + i)
    k = (n - i) >> 2
    i += k << 2
    while k:
        a[0] = value
        a = ptr32(int(a) + 4)
        k -= 1
    while i < n:
        p[i] = value
        i += 1


@micropython.viper
def _reference(pool: ptr8, to: int, inst: int, at: int, item: int):
    """Store at `to` what an element segment's item (the cell at `at`, else `item`) is in an instance."""
    base = int(pool)
    I = ptr32(base + inst)  # noqa: E741
    if at:
        item = ptr32(base + at)[0]
    if item:
        if S32(item) < 0:
            item = ptr32(base + ptr32(base + I[layout.I_GLOBALS >> 2])[item & 0x3fffffff])[0]
        else:
            item -= 1
            if item < I[layout.I_NIMPF >> 2]:
                item = ptr32(base + I[layout.I_IMPORTS >> 2])[item]
            else:
                item = I[layout.I_ID >> 2] << layout.REF_SHIFT | item
    ptr32(base + to)[0] = item


@micropython.viper
def _memory_init(pool, inst: int, memory: int, seg: int, d: int, s: int, n: int) -> int:
    """memory.init (WebAssembly 4.4.7). A dropped segment has no bytes."""
    base = int(ptr8(pool))
    I = ptr32(base + inst)  # noqa: E741
    M = ptr32(base + I[layout.I_MODULE >> 2])
    D = ptr32(base + ptr32(base + M[layout.M_DATAS >> 2])[seg])
    size = D[layout.DS_LEN >> 2]
    if ptr8(base + I[layout.I_DROPPED >> 2])[M[layout.M_NELEMS >> 2] + seg]:
        size = 0
    mm = ptr32(base + memory)
    if int(_fits(s, n, size)) == 0 or int(_fits(d, n, mm[layout.MM_BYTES >> 2])) == 0:
        return layout.TRAP_MEMORY
    _copy(pool, mm[layout.MM_DATA >> 2] + d, int(D) - base + layout.DS_BYTES + s, n)
    return 0


@micropython.viper
def table_init(pool, inst: int, table: int, seg: int, d: int, s: int, n: int) -> int:
    """table.init (WebAssembly 4.4.6); also writes active segments."""
    base = int(ptr8(pool))
    I = ptr32(base + inst)  # noqa: E741
    M = ptr32(base + I[layout.I_MODULE >> 2])
    E = ptr32(base + ptr32(base + M[layout.M_ELEMS >> 2])[seg])
    size = E[layout.ES_COUNT >> 2]
    if ptr8(base + I[layout.I_DROPPED >> 2])[seg]:
        size = 0
    tt = ptr32(base + ptr32(base + I[layout.I_TABLES >> 2])[table])
    if int(_fits(s, n, size)) == 0 or int(_fits(d, n, tt[layout.TT_COUNT >> 2])) == 0:
        return layout.TRAP_TABLE
    d = tt[layout.TT_DATA >> 2] + (d << 2)
    s = int(E) - base + layout.ES_ITEMS + (s << 2)
    while n:
        _reference(pool, d, inst, s, 0)
        d += 4
        s += 4
        n -= 1
    return 0


@micropython.viper
def _table(pool, ipo: int, fpo: int, inst: int) -> int:
    """table.* operations."""
    base = int(ptr8(pool))
    ip = ptr8(base + ipo)
    fp = ptr32(base + fpo)
    sub = ip[1]
    x = ip[2]
    tables = ptr32(base + ptr32(base + inst)[layout.I_TABLES >> 2])
    tt = ptr32(base + tables[ip[5]])
    size = tt[layout.TT_COUNT >> 2]
    p = ptr32(base + tt[layout.TT_DATA >> 2])
    if sub == layout.SUB_TABLE_SIZE:
        fp[x] = size
        return 0
    if sub == layout.SUB_TABLE_GROW:
        return layout.S_TGROW
    d = fp[x]
    v = fp[ip[3]]
    if sub == layout.SUB_TABLE_GET:
        if UC(v) >= uint(size):
            return layout.TRAP_TABLE
        fp[x] = p[v]
        return 0
    if sub == layout.SUB_TABLE_SET:
        if UC(d) >= uint(size):
            return layout.TRAP_TABLE
        p[d] = v
        return 0
    n = fp[ip[4]]
    if sub == layout.SUB_TABLE_FILL:
        if int(_fits(d, n, size)) == 0:
            return layout.TRAP_TABLE
        while n:
            p[d] = v
            d += 1
            n -= 1
        return 0
    if sub == layout.SUB_TABLE_INIT:
        return int(table_init(pool, inst, ip[5], ptr16(ip)[3], d, v, n))
    st = ptr32(base + tables[ptr16(ip)[3]])
    if int(_fits(d, n, size)) == 0 or int(_fits(v, n, st[layout.TT_COUNT >> 2])) == 0:
        return layout.TRAP_TABLE
    _copy(pool, tt[layout.TT_DATA >> 2] + (d << 2), st[layout.TT_DATA >> 2] + (v << 2), n << 2)
    return 0


@micropython.viper
def bulk(pool, ipo: int, fpo: int, env: int) -> int:
    """The RARE word at ipo: [RARE, sub, x, y][z, k, jj] -> 0x108 (done, 8 bytes), or a status (layout.TRAP_*). Without allocating."""
    base = int(ptr8(pool))
    ip = ptr8(base + ipo)
    fp = ptr32(base + fpo)
    sub = ip[1]
    x = ip[2]
    y = ip[3]
    e = ptr32(base + env)
    if sub <= layout.SUB_I32_POPCNT:
        e[layout.E_IP >> 2] = ipo
        e[layout.E_FP >> 2] = fpo
        s = int(integer(int(e) >> 2))
        return s if s else _DONE
    inst = e[layout.E_INST >> 2]
    I = ptr32(base + inst)  # noqa: E741
    M = ptr32(base + I[layout.I_MODULE >> 2])
    if sub == layout.SUB_REF_FUNC:
        _reference(pool, fpo + (x << 2), inst, 0, ptr32(ip)[1] + 1)
        return _DONE
    mems = ptr32(base + I[layout.I_MEMS >> 2])
    if sub == layout.SUB_OTHER_MEMORY:  # what the word behind this one does to memory 0 is for memory x
        d = I[layout.I_MEM0 >> 2]
        I[layout.I_MEM0 >> 2] = mems[x]
        s = int(access(pool, ipo + 8, fpo, env))
        I[layout.I_MEM0 >> 2] = d
        return s + 8 if s & 0x100 else s
    j = ptr16(ip)[3]
    if sub == layout.SUB_ELEM_DROP:
        ptr8(base + I[layout.I_DROPPED >> 2])[j] = 1
        return _DONE
    if sub == layout.SUB_DATA_DROP:
        ptr8(base + I[layout.I_DROPPED >> 2])[M[layout.M_NELEMS >> 2] + j] = 1
        return _DONE
    d = fp[x]
    s = fp[y]
    n = fp[ip[4]]
    if sub >= layout.SUB_TABLE_GET:
        s = int(_table(pool, ipo, fpo, inst))
        return s if s else _DONE
    e[layout.E_DETAIL >> 2] = d
    mm = ptr32(base + mems[ip[5]])
    if sub == layout.SUB_MEMORY_INIT:
        s = int(_memory_init(pool, inst, mems[ip[5]], j, d, s, n))
    else:
        size = mm[layout.MM_BYTES >> 2]
        if int(_fits(d, n, size)) == 0:
            return layout.TRAP_MEMORY
        m = mm[layout.MM_DATA >> 2]
        if sub == layout.SUB_MEMORY_FILL:
            _fill(pool, m + d, s & 255, n)
            return _DONE
        mm = ptr32(base + mems[j])
        if int(_fits(s, n, mm[layout.MM_BYTES >> 2])) == 0:
            e[layout.E_DETAIL >> 2] = s
            return layout.TRAP_MEMORY
        _copy(pool, m + d, mm[layout.MM_DATA >> 2] + s, n)
        return _DONE
    if s == 0:
        return _DONE
    return s
