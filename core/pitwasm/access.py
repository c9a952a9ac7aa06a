# Memory accesses the loop leaves alone: unaligned, or with an offset that may lie beyond the memory, or out of bounds; memory.size
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout


@micropython.viper
def access(pool: ptr8, ipo: int, fpo: int, env: int) -> int:
    """The word at ipo: 0x100 + its bytes when done, 0x200 when it is not for this file, or a status. Without allocating.

    The address is the sum of two u32: every carry is looked at (WebAssembly 4.4.7). Bytes one by one: about 600 cycles for 4 bytes.
    """
    base = int(pool)
    ip = ptr8(base + ipo)
    fp = ptr32(base + fpo)
    e = ptr32(base + env)
    mm = ptr32(base + ptr32(base + e[layout.E_INST >> 2])[layout.I_MEM0 >> 2])
    op = ip[0]
    x = ip[1]
    y = ip[2]
    off = ip[3]
    length = 4
    kind = 0
    if op == layout.OP_RARE:
        if x < layout.SUB_G_LOAD:
            if x == layout.SUB_MEMORY_SIZE:
                fp[y] = mm[layout.MM_PAGES >> 2]
                return 0x108
            if x == layout.SUB_MEMORY_GROW:
                return layout.S_GROW
            return 0x200
        kind = x - layout.SUB_G_LOAD
        x = y
        y = off
        off = ptr32(ip)[1]
        length = 8
    elif op == layout.OP_TRAP_MEM:
        kind = 10
        if x:
            off = ptr32(ip)[1]
    else:
        # ACCESSES: op, kind + 16 for the wide form, + 32 for a constant address
        p = ptr8(ACCESSES)
        while p[0] != op:
            p = ptr8(int(p) + 2)
        kind = p[1]
        if kind & 16:
            off = ptr32(ip)[1]
            length = 8
        elif kind & 32:
            off = ptr16(ip)[1]
    a = uint(0)
    if kind & 15 >= 6 and kind < 32 and kind != 10:  # stores: base, value
        t = x
        x = y
        y = t
    if kind < 32:
        a = UC(fp[y])
    kind = kind & 15
    size = ptr8(b"\x04\x01\x01\x02\x02\x08\x04\x01\x02\x08\x00")[kind]
    o = U32(off)
    ea = U32(int(a + o))
    lim = mm[layout.MM_BYTES >> 2]
    if size == 0 or ea < a or lim < size or ea > uint(lim - size):
        e[layout.E_DETAIL >> 2] = 0 - 1 if ea < a else int(ea)
        return layout.TRAP_MEMORY
    m = ptr8(base + mm[layout.MM_DATA >> 2] + int(ea))
    q = ptr8(int(fp) + (x << 2))
    i = 0
    if kind >= 6:
        while i < size:
            m[i] = q[i]
            i += 1
        return 0x100 | length
    if size == 8:
        while i < 8:
            q[i] = m[i]
            i += 1
        return 0x100 | length
    t = m[0]
    if size > 1:
        t = t | m[1] << 8
        if size > 2:
            t = t | m[2] << 16 | m[3] << 24
    if kind == 1:
        t = (t ^ 0x80) - 0x80
    elif kind == 3:
        t = (t ^ 0x8000) - 0x8000
    fp[x] = t
    return 0x100 | length


# Memory words of the loop, in pairs: operation, kind (order of layout.SUB_G_*).
ACCESSES = bytes((
    layout.OP_LOAD, 0, layout.OP_LOAD_W, 16, layout.OP_LOAD_C, 32, layout.OP_LOAD8_S, 1, layout.OP_LOAD8_S_W, 17,
    layout.OP_LOAD8_U, 2, layout.OP_LOAD8_U_W, 18, layout.OP_LOAD8_U_C, 34, layout.OP_LOAD16_S, 3, layout.OP_LOAD16_S_W, 19,
    layout.OP_LOAD16_U, 4, layout.OP_LOAD16_U_W, 20, layout.OP_LOAD64, 5, layout.OP_LOAD64_W, 21,
    layout.OP_STORE, 6, layout.OP_STORE_W, 22, layout.OP_STORE_C, 38, layout.OP_STORE8, 7, layout.OP_STORE8_W, 23, layout.OP_STORE8_C, 39,
    layout.OP_STORE16, 8, layout.OP_STORE16_W, 24, layout.OP_STORE64, 9, layout.OP_STORE64_W, 25,
))  # fmt: skip
