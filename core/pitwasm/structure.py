# Translator: blocks, branches, calls, tables, references and bulk memory (WebAssembly 3.3.2-3.3.8)
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .operands import conditional, control, emit, expect, extend, fail, flush, jump, label, leb, move, patch, pop, push, settle, source, widen


@micropython.viper
def open_block(pool, kind: int, yo: int):
    """Enter a block of type record yo; its parameters are on the stack, in their own slots."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    y = ptr16(base + yo)
    n = y[layout.Y_NP >> 1]
    if kind == layout.CK_FUNC:
        n = 0  # its parameters are locals
    sp = T[layout.T_SP >> 2] + n * layout.OPERAND
    if n:
        T[layout.T_NEXT >> 2] = ptr32(base + sp - layout.OPERAND)[2]
    c = sp - layout.CONTROL
    if c - T[layout.T_CODE >> 2] < 64 + n * layout.OPERAND:
        fail(1)
    r = ptr32(base + c)
    r[layout.C_PREV >> 2] = T[layout.T_CTL >> 2]
    r[layout.C_KIND >> 2] = kind
    r[layout.C_TYPE >> 2] = yo
    r[layout.C_NEXT >> 2] = T[layout.T_NEXT >> 2]
    r[layout.C_TARGET >> 2] = 0
    r[layout.C_ELSE >> 2] = 0
    r[layout.C_DEAD >> 2] = 0
    r[layout.C_LIVE >> 2] = T[layout.T_LIVE >> 2]
    r[layout.C_TRAMP >> 2] = 0
    if kind == layout.CK_LOOP:
        r[layout.C_TARGET >> 2] = T[layout.T_CODE >> 2]
        T[layout.T_LAST >> 2] = 0
        T[layout.T_LASTD >> 2] = 0xffff
    T[layout.T_CTL >> 2] = c
    T[layout.T_SP >> 2] = c
    p = ptr8(base + yo + layout.Y_BYTES)
    i = 0
    while i < n:
        push(pool, p[i])
        i += 1


@micropython.viper
def _block_type(pool) -> int:
    """Read a block type (WebAssembly 5.4.1) -> type record."""
    base = int(ptr8(pool))
    tt = ptr32(base)[layout.P_T >> 2]
    T = ptr32(base + tt)
    M = ptr32(base + T[layout.T_MOD >> 2])
    k = ptr8(base + T[layout.T_POS >> 2])[0]
    n = 0
    if k != 0x40:
        while n < 7:
            n += 1
            if n == 7:
                if k & 0xC0 == 0x40:
                    fail(9)
                x = int(leb(pool))
                if uint(x) >= uint(M[layout.M_NTYPES >> 2]):
                    fail(16)
                return ptr32(base + M[layout.M_TYPES >> 2])[x]
            if k == ptr8(b"\x00\x7f\x7e\x7d\x7c\x70\x6f")[n]:
                break
    T[layout.T_POS >> 2] += 1
    return tt + layout.T_TYPES + 24 * n


@micropython.viper
def _dead(pool):
    """The rest of the block cannot be reached."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    c = ptr32(base + T[layout.T_CTL >> 2])
    c[layout.C_DEAD >> 2] = 1
    T[layout.T_SP >> 2] = T[layout.T_CTL >> 2]
    T[layout.T_NEXT >> 2] = c[layout.C_NEXT >> 2]
    T[layout.T_LIVE >> 2] = 0
    T[layout.T_LASTD >> 2] = 0xffff


@micropython.viper
def _return(pool):
    """Results of the function are on top: return them."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    c = T[layout.T_CTL >> 2]
    while ptr32(base + c)[layout.C_PREV >> 2]:
        c = ptr32(base + c)[layout.C_PREV >> 2]
    r = ptr32(base + c)
    yo = r[layout.C_TYPE >> 2]
    y = ptr16(base + yo)
    n = y[layout.Y_NR >> 1]
    types = yo + layout.Y_BYTES + y[layout.Y_NP >> 1]
    expect(pool, types, n, 0)
    if T[layout.T_LIVE >> 2] == 0:
        return
    if n == 0:
        emit(pool, layout.OP_RET, 0, 0, 0)
    elif n == 1:
        s = int(source(pool, T[layout.T_SP >> 2], 248))
        emit(pool, layout.OP_RET1 if y[layout.Y_RSLOTS >> 1] == 1 else layout.OP_RET2, s, 0, 0)
    else:
        settle(pool, c, types, n, 0)
        emit(pool, layout.OP_RETN, 0, 0, 0)
        extend(pool, r[layout.C_NEXT >> 2] | y[layout.Y_RSLOTS >> 1] << 16)


@micropython.viper
def _results(pool, ctl: int):
    """A block's end is reached by falling: its results, and nothing else, must be there; they go to the label's slots."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    yo = ptr32(base + ctl)[layout.C_TYPE >> 2]
    y = ptr16(base + yo)
    n = y[layout.Y_NR >> 1]
    types = yo + layout.Y_BYTES + y[layout.Y_NP >> 1]
    expect(pool, types, n, 0)
    if T[layout.T_SP >> 2] + n * layout.OPERAND != ctl:
        fail(4)
    settle(pool, ctl, types, n, 0)


@micropython.viper
def leave(pool) -> int:
    """end; 1 when it was the function's."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    ctl = T[layout.T_CTL >> 2]
    c = ptr32(base + ctl)
    kind = c[layout.C_KIND >> 2]
    yo = c[layout.C_TYPE >> 2]
    y = ptr16(base + yo)
    if kind == layout.CK_FUNC:
        link = c[layout.C_TARGET >> 2]
        if link == 0:
            _return(pool)
            if T[layout.T_SP >> 2] + y[layout.Y_NR >> 1] * layout.OPERAND != ctl:
                fail(4)
            return 1
        _results(pool, ctl)
        patch(pool, link)
        T[layout.T_LIVE >> 2] = c[layout.C_LIVE >> 2]
        T[layout.T_SP >> 2] = ctl
        T[layout.T_NEXT >> 2] = c[layout.C_NEXT >> 2]
        p = ptr8(base + yo + layout.Y_BYTES + y[layout.Y_NP >> 1])
        i = 0
        while i < y[layout.Y_NR >> 1]:
            push(pool, p[i])
            i += 1
        _return(pool)
        return 1
    _results(pool, ctl)
    live = T[layout.T_LIVE >> 2]
    if kind == layout.CK_IF:  # no else: the parameters are the results
        n = y[layout.Y_NP >> 1]
        if n != y[layout.Y_NR >> 1]:
            fail(4)
        p = ptr8(base + yo + layout.Y_BYTES)
        i = 0
        while i < n:
            if p[i] != p[i + n]:
                fail(4)
            i += 1
        patch(pool, c[layout.C_ELSE >> 2])
        live = c[layout.C_LIVE >> 2]
    if kind != layout.CK_LOOP:
        if c[layout.C_TARGET >> 2]:
            patch(pool, c[layout.C_TARGET >> 2])
            live = c[layout.C_LIVE >> 2]
    T[layout.T_LAST >> 2] = 0
    T[layout.T_LASTD >> 2] = 0xffff
    T[layout.T_LIVE >> 2] = live
    T[layout.T_SP >> 2] = ctl + layout.CONTROL
    T[layout.T_CTL >> 2] = c[layout.C_PREV >> 2]
    T[layout.T_NEXT >> 2] = c[layout.C_NEXT >> 2]
    # The record is gone once something is pushed: types are in yo.
    p = ptr8(base + yo + layout.Y_BYTES + y[layout.Y_NP >> 1])
    i = 0
    while i < y[layout.Y_NR >> 1]:
        push(pool, p[i])
        i += 1
    return 0


@micropython.viper
def finish(pool):
    """The function is done: its frame size goes to the header."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    n = T[layout.T_MAX >> 2]
    if n > layout.GAP:
        if n < 256:
            n = 256
    elif n == layout.GAP:
        n = 256
    ptr16(base + T[layout.T_START >> 2])[layout.F_SLOTS >> 1] = n
    if T[layout.T_FLAGS >> 2] & layout.TF_CHECK:
        T[layout.T_CODE >> 2] = T[layout.T_START >> 2]


@micropython.viper
def _branch(pool, depth: int):
    """br: values to the label's slots, and go."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    ctl = int(control(pool, depth))
    if ptr32(base + ctl)[layout.C_PREV >> 2] == 0:
        _return(pool)
    else:
        types = int(label(pool, ctl))
        n = T[layout.T_LO >> 2]
        expect(pool, types, n, 0)
        settle(pool, ctl, types, n, 0)
        jump(pool, ctl, layout.C_TARGET, layout.OP_BR, 0, 0, 0)
    _dead(pool)


@micropython.viper
def _branch_if(pool, depth: int):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    cond = int(pop(pool, 0x7F))
    ctl = int(control(pool, depth))
    types = int(label(pool, ctl))
    n = T[layout.T_LO >> 2]
    if n == 0:
        conditional(pool, ctl, layout.C_TARGET, cond, 0)
        return
    # A record may be made up below it: keep the condition's
    v = ptr32(base + cond)
    kind = v[0]
    at = v[1]
    slot = v[2]
    expect(pool, types, n, 0)
    v[0] = kind
    v[1] = at
    v[2] = slot
    if T[layout.T_LIVE >> 2] == 0:
        T[layout.T_PKIND >> 2] = 0xff
        return
    if int(settle(pool, ctl, types, n, 1)) == 0:
        conditional(pool, ctl, layout.C_TARGET, cond, 0)
        return
    here = T[layout.T_CTL >> 2]  # its C_TRAMP field is free to hold the branch over the moves
    conditional(pool, here, layout.C_TRAMP, cond, 1)
    if ptr32(base + ctl)[layout.C_PREV >> 2] == 0:
        _return(pool)
    else:
        settle(pool, ctl, types, n, 0)
        jump(pool, ctl, layout.C_TARGET, layout.OP_BR, 0, 0, 0)
    c = ptr32(base + here)
    patch(pool, c[layout.C_TRAMP >> 2])
    c[layout.C_TRAMP >> 2] = 0


@micropython.viper
def _branch_table(pool, refill):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    count = int(leb(pool))
    x = int(source(pool, int(pop(pool, 0x7F)), 248))
    stop = T[layout.T_BODY >> 2] - T[layout.T_BASE >> 2] + T[layout.T_WINDOW >> 2]
    if uint(count) > uint(stop - T[layout.T_POS >> 2]):
        fail(7)
    arity = 0
    i = 0
    while i <= count:
        if T[layout.T_END >> 2] - T[layout.T_POS >> 2] < layout.NEED:
            refill()
            stop = T[layout.T_BODY >> 2] - T[layout.T_BASE >> 2] + T[layout.T_WINDOW >> 2]
        depth = int(leb(pool))
        if T[layout.T_POS >> 2] > stop or T[layout.T_POS >> 2] > T[layout.T_END >> 2]:
            fail(7)
        ctl = int(control(pool, depth))
        types = int(label(pool, ctl))
        n = T[layout.T_LO >> 2]
        if i == 0:
            arity = n
            # own slots, so that the moves behind the table find them wherever they were
            j = n
            sp = T[layout.T_SP >> 2]
            while j:
                if sp == T[layout.T_CTL >> 2]:
                    break
                sp += layout.OPERAND
                j -= 1
            if j == 0:
                flush(pool, n)
            emit(pool, layout.OP_BR_TABLE, x, 0, 0)
            extend(pool, count)
        elif n != arity:
            fail(4)
        expect(pool, types, n, 1)
        if int(settle(pool, ctl, types, n, 1)):
            jump(pool, ctl, layout.C_TRAMP, layout.OP_BR, 0, 0, 0)
        else:
            jump(pool, ctl, layout.C_TARGET, layout.OP_BR, 0, 0, 0)
        i += 1
    ctl = T[layout.T_CTL >> 2]
    while ctl:
        c = ptr32(base + ctl)
        if c[layout.C_TRAMP >> 2]:
            patch(pool, c[layout.C_TRAMP >> 2])
            c[layout.C_TRAMP >> 2] = 0
            types = int(label(pool, ctl))
            settle(pool, ctl, types, T[layout.T_LO >> 2], 0)
            jump(pool, ctl, layout.C_TARGET, layout.OP_BR, 0, 0, 0)
        ctl = c[layout.C_PREV >> 2]
    _dead(pool)


@micropython.viper
def _if(pool):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    yo = int(_block_type(pool))
    cond = int(pop(pool, 0x7F))
    v = ptr32(base + cond)
    kind = v[0]
    at = v[1]
    slot = v[2]
    y = ptr16(base + yo)
    expect(pool, yo + layout.Y_BYTES, y[layout.Y_NP >> 1], 0)
    flush(pool, 0 - 1)
    # the condition's slots lie above all others: nothing has touched them. Its record gives way to the control record.
    s = 0
    if T[layout.T_PKIND >> 2] == 0xff:
        v[0] = kind
        v[1] = at
        v[2] = slot
        s = int(source(pool, cond, 248))
    open_block(pool, layout.CK_IF, yo)
    here = T[layout.T_CTL >> 2]
    if T[layout.T_PKIND >> 2] == 0xff:
        jump(pool, here, layout.C_ELSE, layout.OP_BR_EQ_I, s, 0, 0)
    else:
        conditional(pool, here, layout.C_ELSE, 0, 1)


@micropython.viper
def _else(pool):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    ctl = T[layout.T_CTL >> 2]
    c = ptr32(base + ctl)
    if c[layout.C_KIND >> 2] != layout.CK_IF:
        fail(8)
    _results(pool, ctl)
    jump(pool, ctl, layout.C_TARGET, layout.OP_BR, 0, 0, 0)
    patch(pool, c[layout.C_ELSE >> 2])
    c[layout.C_KIND >> 2] = layout.CK_ELSE
    c[layout.C_DEAD >> 2] = 0
    T[layout.T_LIVE >> 2] = c[layout.C_LIVE >> 2]
    T[layout.T_SP >> 2] = ctl
    T[layout.T_NEXT >> 2] = c[layout.C_NEXT >> 2]
    yo = c[layout.C_TYPE >> 2]
    n = ptr16(base + yo)[layout.Y_NP >> 1]
    p = ptr8(base + yo + layout.Y_BYTES)
    i = 0
    while i < n:
        push(pool, p[i])
        i += 1


@micropython.viper
def _call(pool, yo: int, op: int, x: int, index: int, table: int):
    """Call a function of type record yo; index: record of the element index popped before, or 0; x: function or type."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    y = ptr16(base + yo)
    n = y[layout.Y_NP >> 1]
    ps = y[layout.Y_PSLOTS >> 1]
    most = y[layout.Y_RSLOTS >> 1]
    if ps > most:
        most = ps
    expect(pool, yo + layout.Y_BYTES, n, 0)
    flush(pool, n)
    sp = T[layout.T_SP >> 2] + n * layout.OPERAND
    a = T[layout.T_NEXT >> 2]
    if n:
        a = ptr32(base + sp - layout.OPERAND)[2]
    top = a
    far = 0
    if a > 255 or (a < layout.GAP and a + most > layout.GAP):
        # Side by side above everything else: index, then arguments; slots count from there while the call word runs.
        far = T[layout.T_NEXT >> 2] + 4
        if far < 256:
            far = 256
        i = 0
        d = far + 1
        p = ptr8(base + yo + layout.Y_BYTES)
        while i < n:
            v = ptr32(base + sp - layout.OPERAND * (i + 1))
            move(pool, d, v[2], p[i])
            d += 1
            if p[i] == 0x7E or p[i] == 0x7C:
                d += 1
            i += 1
        if op == layout.OP_CALL_REF and table >= 0:
            move(pool, far, index, 0x7F)
            index = 0
        emit(pool, layout.OP_FP_ADD, 0, far & 255, far >> 8)
        a = 1
        top = far + 1
    T[layout.T_SP >> 2] = sp
    T[layout.T_NEXT >> 2] = top if far == 0 else T[layout.T_NEXT >> 2]
    if n:
        T[layout.T_NEXT >> 2] = ptr32(base + sp - layout.OPERAND)[2]
    if op == layout.OP_CALL:
        emit(pool, op, a, x & 255, x >> 8)
    else:
        emit(pool, op, index, x & 255, x >> 8)
        if table < 0:
            extend(pool, 1 | a << 8)
        else:
            extend(pool, a << 8 | table << 16)
    T[layout.T_LASTD >> 2] = 0xffff
    if top + most > T[layout.T_MAX >> 2]:
        T[layout.T_MAX >> 2] = top + most
        if top + most > 60000:
            fail(5)
    if far:
        emit(pool, layout.OP_FP_SUB, 0, far & 255, far >> 8)
    n = y[layout.Y_NR >> 1]
    p = ptr8(base + yo + layout.Y_BYTES + y[layout.Y_NP >> 1])
    i = 0
    d = far + 1
    while i < n:
        v = ptr32(base + int(push(pool, p[i])))
        if far:
            move(pool, v[2], d, p[i])
            d += 1
            if p[i] == 0x7E or p[i] == 0x7C:
                d += 1
        i += 1
    T[layout.T_LASTD >> 2] = 0xffff


@micropython.viper
def _table(pool) -> int:
    """Read a table index -> it."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    x = int(leb(pool))
    if uint(x) >= uint(ptr32(base + T[layout.T_MOD >> 2])[layout.M_NTABLES >> 2]):
        fail(17)
    return x


@micropython.viper
def _table_type(pool, x: int) -> int:
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    M = ptr32(base + T[layout.T_MOD >> 2])
    return ptr8(base + M[layout.M_TABLES >> 2] + x * layout.TD_SIZE)[layout.TD_TYPE]


@micropython.viper
def _rare(pool, sub: int, x: int, y: int, z: int, k: int, j: int):
    emit(pool, layout.OP_RARE, sub, x, y)
    extend(pool, z | k << 8 | j << 16)


@micropython.viper
def _give(pool, sub: int, kind: int, y: int, z: int, k: int):
    """A rare operation with a result."""
    base = int(ptr8(pool))
    d = ptr32(base + int(push(pool, kind)))[2]
    if d > 255:
        _rare(pool, sub, 254, y, z, k, 0)
        widen(pool, d, kind)
    else:
        _rare(pool, sub, d, y, z, k, 0)


@micropython.viper
def _bulk(pool, c: int):
    """memory.*, table.*, data.drop, elem.drop."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    M = ptr32(base + T[layout.T_MOD >> 2])
    k = 0
    j = 0
    kind = 0x7F
    sub = 0
    if c <= layout.W_TABLE_SET:  # W_TABLE_GET, W_TABLE_SET
        k = int(_table(pool))
        kind = int(_table_type(pool, k))
        if c == layout.W_TABLE_GET:
            y = int(source(pool, int(pop(pool, 0x7F)), 248))
            _give(pool, layout.SUB_TABLE_GET, kind, y, 0, k)
        else:
            y = int(source(pool, int(pop(pool, kind)), 248))
            x = int(source(pool, int(pop(pool, 0x7F)), 250))
            _rare(pool, layout.SUB_TABLE_SET, x, y, 0, k, 0)
        return
    if c == layout.W_TABLE_SIZE:
        _give(pool, layout.SUB_TABLE_SIZE, 0x7F, 0, 0, int(_table(pool)))
        return
    if c == layout.W_TABLE_GROW:
        k = int(_table(pool))
        y = int(source(pool, int(pop(pool, 0x7F)), 248))
        z = int(source(pool, int(pop(pool, int(_table_type(pool, k)))), 250))
        _give(pool, layout.SUB_TABLE_GROW, 0x7F, y, z, k)
        return
    if c == layout.W_MEMORY_INIT or c == layout.W_DATA_DROP:
        if M[layout.M_NDATACOUNT >> 2] == 0:
            fail(24)
        j = int(leb(pool))
        if uint(j) >= uint(M[layout.M_NDATACOUNT >> 2] - 1):
            fail(22)
        sub = layout.SUB_MEMORY_INIT if c == layout.W_MEMORY_INIT else layout.SUB_DATA_DROP
    elif c == layout.W_TABLE_INIT or c == layout.W_ELEM_DROP:
        j = int(leb(pool))
        if uint(j) >= uint(M[layout.M_NELEMS >> 2]):
            fail(23)
        sub = layout.SUB_TABLE_INIT if c == layout.W_TABLE_INIT else layout.SUB_ELEM_DROP
    elif c == layout.W_TABLE_COPY or c == layout.W_TABLE_FILL:
        k = int(_table(pool))
        sub = layout.SUB_TABLE_FILL
        kind = int(_table_type(pool, k))
        if c == layout.W_TABLE_COPY:
            j = int(_table(pool))
            sub = layout.SUB_TABLE_COPY
            if kind != int(_table_type(pool, j)):
                fail(4)
            kind = 0x7F
    else:
        sub = layout.SUB_MEMORY_COPY if c == layout.W_MEMORY_COPY else layout.SUB_MEMORY_FILL
    if c == layout.W_TABLE_INIT:
        k = int(_table(pool))
        if ptr8(base + ptr32(base + M[layout.M_ELEMS >> 2])[j])[layout.ES_TYPE] != int(_table_type(pool, k)):
            fail(4)
    x = 0
    while c != layout.W_DATA_DROP and c != layout.W_ELEM_DROP and x < 3:
        # memory index bytes of memory.init, .copy, .fill
        if sub == layout.SUB_MEMORY_INIT or sub == layout.SUB_MEMORY_FILL or sub == layout.SUB_MEMORY_COPY:
            n = 2 if sub == layout.SUB_MEMORY_COPY else 1
            while n:
                if ptr8(base + T[layout.T_POS >> 2])[0]:
                    fail(27)
                T[layout.T_POS >> 2] += 1
                n -= 1
            if M[layout.M_NMEMS >> 2] == 0:
                fail(18)
        x = 3
    if x == 0:
        _rare(pool, sub, 0, 0, 0, 0, j)
        return
    z = int(source(pool, int(pop(pool, 0x7F)), 248))
    y = int(source(pool, int(pop(pool, kind)), 250))
    x = int(source(pool, int(pop(pool, 0x7F)), 252))
    _rare(pool, sub, x, y, z, k, j)


@micropython.viper
def _select(pool, c: int):
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    kind = 0
    if c == layout.W_SELECT_T:
        if int(leb(pool)) != 1:
            fail(25)
        kind = ptr8(base + T[layout.T_POS >> 2])[0]
        T[layout.T_POS >> 2] += 1
        if kind != 0x70 and kind != 0x6F and (kind > 0x7F or kind < 0x7C):
            fail(9)
    z = int(source(pool, int(pop(pool, 0x7F)), 252))
    at = int(pop(pool, kind))
    k = ptr32(base + at)[0] & 0xff
    y = int(source(pool, at, 250))
    if kind == 0:
        kind = k
    at = int(pop(pool, kind))
    if kind == 0:
        kind = ptr32(base + at)[0] & 0xff
    if c == layout.W_SELECT:
        if kind == 0x70 or kind == 0x6F:
            fail(4)
    x = int(source(pool, at, 248))
    d = ptr32(base + int(push(pool, kind)))[2]
    op = layout.OP_SELECT
    if kind == 0x7E or kind == 0x7C:
        op = layout.OP_SELECT64
    if d > 255:
        emit(pool, op, 254, x, y)
    else:
        emit(pool, op | 0x100, d, x, y)
    extend(pool, z)
    if d > 255:
        widen(pool, d, kind)


@micropython.viper
def other(pool, c: int, refill):
    """An instruction of class c, from W_CALL on."""
    base = int(ptr8(pool))
    T = ptr32(base + ptr32(base)[layout.P_T >> 2])
    M = ptr32(base + T[layout.T_MOD >> 2])
    if c == layout.W_CALL:
        x = int(leb(pool))
        if uint(x) >= uint(M[layout.M_NFUNCS >> 2]):
            fail(15)
        yo = ptr32(base + M[layout.M_TYPES >> 2])[ptr16(base + M[layout.M_FTYPES >> 2])[x]]
        if x < M[layout.M_NIMPF >> 2]:
            _call(pool, yo, layout.OP_CALL_REF, x, 0, 0 - 1)
        else:
            _call(pool, yo, layout.OP_CALL, x, 0, 0)
    elif c == layout.W_BR:
        _branch(pool, int(leb(pool)))
    elif c == layout.W_BR_IF:
        _branch_if(pool, int(leb(pool)))
    elif c == layout.W_BLOCK or c == layout.W_LOOP:
        yo = int(_block_type(pool))
        expect(pool, yo + layout.Y_BYTES, ptr16(base + yo)[layout.Y_NP >> 1], 0)
        flush(pool, 0 - 1)
        open_block(pool, layout.CK_BLOCK if c == layout.W_BLOCK else layout.CK_LOOP, yo)
    elif c == layout.W_IF:
        _if(pool)
    elif c == layout.W_ELSE:
        _else(pool)
    elif c == layout.W_RETURN:
        _return(pool)
        _dead(pool)
    elif c == layout.W_DROP:
        pop(pool, 0)
    elif c == layout.W_SELECT or c == layout.W_SELECT_T:
        _select(pool, c)
    elif c == layout.W_BR_TABLE:
        _branch_table(pool, refill)
    elif c == layout.W_CALL_INDIRECT:
        x = int(leb(pool))
        if uint(x) >= uint(M[layout.M_NTYPES >> 2]):
            fail(16)
        k = int(_table(pool))
        if int(_table_type(pool, k)) != 0x70:
            fail(4)
        y = int(source(pool, int(pop(pool, 0x7F)), 250))
        _call(pool, ptr32(base + M[layout.M_TYPES >> 2])[x], layout.OP_CALL_REF, x, y, k)
    elif c == layout.W_UNREACHABLE:
        emit(pool, layout.OP_UNREACHABLE, 0, 0, 0)
        _dead(pool)
    elif c == layout.W_NOP:
        pass
    elif c == layout.W_MEMORY_SIZE or c == layout.W_MEMORY_GROW:
        if ptr8(base + T[layout.T_POS >> 2])[0]:
            fail(27)
        T[layout.T_POS >> 2] += 1
        if M[layout.M_NMEMS >> 2] == 0:
            fail(18)
        if c == layout.W_MEMORY_SIZE:
            _give(pool, layout.SUB_MEMORY_SIZE, 0x7F, 0, 0, 0)
        else:
            T[layout.T_FLAGS >> 2] = T[layout.T_FLAGS >> 2] | layout.TF_GROWS
            y = int(source(pool, int(pop(pool, 0x7F)), 248))
            _give(pool, layout.SUB_MEMORY_GROW, 0x7F, y, 0, 0)
    elif c == layout.W_REF_NULL:
        k = ptr8(base + T[layout.T_POS >> 2])[0]
        T[layout.T_POS >> 2] += 1
        if k != 0x70 and k != 0x6F:
            fail(26)
        v = ptr32(base + int(push(pool, k)))
        v[0] = k | 0x100
        v[1] = 0
    elif c == layout.W_REF_IS_NULL:
        at = int(pop(pool, 0))
        k = ptr32(base + at)[0] & 0xff
        if k:
            if k != 0x70 and k != 0x6F:
                fail(4)
        y = int(source(pool, at, 248))
        d = ptr32(base + int(push(pool, 0x7F)))[2]
        if d > 255:
            emit(pool, layout.OP_I32_EQ_I, 254, y, 0)
            widen(pool, d, 0x7F)
        else:
            emit(pool, layout.OP_I32_EQ_I | 0x100, d, y, 0)
    elif c == layout.W_REF_FUNC:
        x = int(leb(pool))
        if uint(x) >= uint(M[layout.M_NFUNCS >> 2]):
            fail(15)
        if ptr8(base + M[layout.M_DECLARED >> 2])[x >> 3] >> (x & 7) & 1 == 0:
            fail(21)
        _give(pool, layout.SUB_REF_FUNC, 0x70, 0, 0, 0)
        # the function index fills the extension word
        if T[layout.T_LIVE >> 2]:
            at = T[layout.T_LAST >> 2]
            if ptr8(base + at)[0] != layout.OP_RARE:
                at -= 8  # widen() came behind it
            ptr32(base + at)[1] = x
    else:
        _bulk(pool, c)
