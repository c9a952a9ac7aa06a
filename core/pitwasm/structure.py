# Translator: blocks, branches and calls (WebAssembly 3.3.8)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Bytecode: it is a fifth of the size of viper where calls are most of the work. `pool` is the bytearray, `c` its cells as an array
# of u32, `T` the index of the translator's state (layout.T_*) in it. Offsets of records are in bytes, as everywhere. Written so that
# tools/viperc can make machine code of it for the boards it knows: integers, pool and c, no objects.

from . import layout
from .labels import conditional, expect, jump, label, patch, settle, shorten
from .operands import constant, emit, extend, fail, flush, leb, move, pop, push, source


SHORT = b"\x40\x7f\x7e\x7d\x7c\x70\x6f"  # block types of one byte, in the order of T_TYPES


def open_block(pool, c, T, kind, yo):
    """Enter a block of type record yo; its parameters are on the stack, in their own slots."""
    n = 0 if kind == layout.CK_FUNC else c[yo + layout.Y_NP >> 2] & 0xFFFF  # a function's parameters are its locals
    sp = c[T + layout.T_SP // 4] + n * layout.OPERAND
    if n:
        c[T + layout.T_NEXT // 4] = c[sp - layout.OPERAND + layout.O_SLOT >> 2]
    ctl = sp - layout.CONTROL
    if ctl - c[T + layout.T_CODE // 4] < 64 + n * layout.OPERAND:
        fail(1)
    r = ctl >> 2
    c[r + layout.C_PREV // 4] = c[T + layout.T_CTL // 4]
    c[r + layout.C_KIND // 4] = kind
    c[r + layout.C_TYPE // 4] = yo
    c[r + layout.C_NEXT // 4] = c[T + layout.T_NEXT // 4]
    c[r + layout.C_TARGET // 4] = 0
    c[r + layout.C_ELSE // 4] = 0
    c[r + layout.C_DEAD // 4] = 0
    c[r + layout.C_LIVE // 4] = c[T + layout.T_LIVE // 4]
    c[r + layout.C_TRAMP // 4] = 0
    if kind == layout.CK_LOOP:
        c[r + layout.C_TARGET // 4] = c[T + layout.T_CODE // 4]
        c[T + layout.T_LASTD // 4] = 0xFFFF
    c[T + layout.T_CTL // 4] = ctl
    c[T + layout.T_SP // 4] = ctl
    _push_all(pool, yo + layout.Y_BYTES, n)
    return ctl


def _push_all(pool, types, n):
    for i in range(n):
        push(pool, pool[types + i])


def _block_type(pool, c, T):
    """Read a block type (WebAssembly 5.4.1) -> type record."""
    pos = c[T + layout.T_POS // 4]
    k = pool[pos]
    for n in range(7):
        if SHORT[n] == k:
            c[T + layout.T_POS // 4] = pos + 1
            return (T << 2) + layout.T_TYPES + 24 * n
    if k & 0xC0 == 0x40:
        fail(9)
    x = leb(pool)
    M = c[T + layout.T_MOD // 4] >> 2
    if x >= c[M + layout.M_NTYPES // 4]:
        fail(16)
    return c[(c[M + layout.M_TYPES // 4] >> 2) + x]


def _dead(pool, c, T):
    """The rest of the block cannot be reached."""
    ctl = c[T + layout.T_CTL // 4]
    c[ctl + layout.C_DEAD >> 2] = 1
    c[T + layout.T_SP // 4] = ctl
    c[T + layout.T_NEXT // 4] = c[ctl + layout.C_NEXT >> 2]
    c[T + layout.T_LIVE // 4] = 0
    c[T + layout.T_LASTD // 4] = 0xFFFF


def _result_types(pool, c, yo):
    """Number and place of a type's results."""
    n = c[yo + layout.Y_NP >> 2]
    return n >> 16, yo + layout.Y_BYTES + (n & 0xFFFF)


def _return(pool, c, T):
    """Results of the function are on top: return them."""
    ctl = c[T + layout.T_CTL // 4]
    while c[ctl + layout.C_PREV >> 2]:
        ctl = c[ctl + layout.C_PREV >> 2]
    yo = c[ctl + layout.C_TYPE >> 2]
    n, types = _result_types(pool, c, yo)
    expect(pool, c, T, types, n)
    if not c[T + layout.T_LIVE // 4]:
        return
    slots = c[yo + layout.Y_PSLOTS >> 2] >> 16
    if n == 0:
        emit(pool, layout.OP_RET, 0, 0, 0)
    elif n == 1:
        # The operand's record stays as it is: behind a br_if all this is only run when the branch is taken.
        r = c[T + layout.T_SP // 4] >> 2
        s = c[r + 1]
        if c[r] & 0x100 or s > 255:
            k = c[r] & 0xFF
            s = 0  # where results go: nothing of the frame is needed any more, and every frame has room there
            if c[r] & 0x100:
                constant(pool, s, c[r + 1], k)
            else:
                move(pool, s, c[r + 1], k)
        emit(pool, layout.OP_RET1 if slots == 1 else layout.OP_RET2, s, 0, 0)
    else:
        settle(pool, c, T, ctl, types, n)
        emit(pool, layout.OP_RETN, 0, 0, 0)
        extend(pool, c[ctl + layout.C_NEXT >> 2] | slots << 16)


def _results(pool, c, T, ctl):
    """A block's end is reached by falling: its results, and nothing else, must be there; they go to the label's slots."""
    n, types = _result_types(pool, c, c[ctl + layout.C_TYPE >> 2])
    expect(pool, c, T, types, n)
    if c[T + layout.T_SP // 4] + n * layout.OPERAND != ctl:
        fail(4)
    settle(pool, c, T, ctl, types, n)


def leave(pool, c, T):
    """end; 1 when it was the function's."""
    ctl = c[T + layout.T_CTL // 4]
    r = ctl >> 2
    kind = c[r + layout.C_KIND // 4]
    yo = c[r + layout.C_TYPE // 4]
    link = c[r + layout.C_TARGET // 4]
    n, types = _result_types(pool, c, yo)
    if kind == layout.CK_FUNC:
        if link == 0:
            _return(pool, c, T)
            if c[T + layout.T_SP // 4] + n * layout.OPERAND != ctl:
                fail(4)
            return 1
        _results(pool, c, T, ctl)
        patch(pool, c, T, link)
        c[T + layout.T_LIVE // 4] = c[r + layout.C_LIVE // 4]
        c[T + layout.T_SP // 4] = ctl
        c[T + layout.T_NEXT // 4] = c[r + layout.C_NEXT // 4]
        _push_all(pool, types, n)
        _return(pool, c, T)
        return 1
    _results(pool, c, T, ctl)
    live = c[T + layout.T_LIVE // 4]
    if kind == layout.CK_IF:  # no else: the parameters are the results
        if types - yo - layout.Y_BYTES != n:
            fail(4)
        for i in range(n):
            if pool[types + i] != pool[yo + layout.Y_BYTES + i]:
                fail(4)
        patch(pool, c, T, c[r + layout.C_ELSE // 4])
        live = c[r + layout.C_LIVE // 4]
    if kind != layout.CK_LOOP and link:
        patch(pool, c, T, link)
        live = c[r + layout.C_LIVE // 4]
    c[T + layout.T_LASTD // 4] = 0xFFFF
    c[T + layout.T_LIVE // 4] = live
    c[T + layout.T_SP // 4] = ctl + layout.CONTROL
    c[T + layout.T_CTL // 4] = c[r + layout.C_PREV // 4]
    c[T + layout.T_NEXT // 4] = c[r + layout.C_NEXT // 4]
    _push_all(pool, types, n)
    return 0


def finish(pool, c, T):
    """The function is done: its frame size goes to the header."""
    n = c[T + layout.T_MAX // 4]
    if n >= layout.GAP and n < 256:
        n = 256
    start = c[T + layout.T_START // 4]
    pool[start + layout.F_SLOTS] = n & 255
    pool[start + layout.F_SLOTS + 1] = n >> 8
    if c[T + layout.T_FLAGS // 4] & layout.TF_CHECK:
        c[T + layout.T_CODE // 4] = start
    else:
        shorten(pool, c, start + layout.FUNC, c[T + layout.T_CODE // 4])


def _go(pool, c, T, ctl, types, n):
    """Values to the label's slots, and branch."""
    if c[ctl + layout.C_PREV >> 2] == 0:
        _return(pool, c, T)
    else:
        settle(pool, c, T, ctl, types, n)
        jump(pool, c, T, ctl, layout.C_TARGET, layout.OP_BR)


def _branch_if(pool, c, T, depth):
    cond = pop(pool, 0x7F)
    ctl, n, types = label(pool, c, T, depth)
    if n:
        # Operands may be made up where its record lies: keep it.
        r = cond >> 2
        kind, at, slot = c[r], c[r + 1], c[r + 2]
        expect(pool, c, T, types, n)
        c[r], c[r + 1], c[r + 2] = kind, at, slot
        if c[T + layout.T_LIVE // 4] == 0:
            c[T + layout.T_PKIND // 4] = 0xFF
            return
    if n == 0 or settle(pool, c, T, ctl, types, n, True) == 0:
        conditional(pool, c, T, ctl, layout.C_TARGET, cond, 0)
        return
    here = c[T + layout.T_CTL // 4]  # its C_TRAMP field is free to hold the branch over the moves
    conditional(pool, c, T, here, layout.C_TRAMP, cond, 1)
    _go(pool, c, T, ctl, types, n)
    patch(pool, c, T, c[here + layout.C_TRAMP >> 2])
    c[here + layout.C_TRAMP >> 2] = 0


def _label_types(pool, c, ctl):
    yo = c[ctl + layout.C_TYPE >> 2]
    if c[ctl + layout.C_KIND >> 2] == layout.CK_LOOP:
        return yo + layout.Y_BYTES
    n, types = _result_types(pool, c, yo)
    return types


def _branch_table(pool, c, T, refill):
    count = leb(pool)
    x = source(pool, pop(pool, 0x7F), 248)
    left = c[T + layout.T_BODY // 4] - c[T + layout.T_BASE // 4] + c[T + layout.T_WINDOW // 4] - c[T + layout.T_POS // 4]
    if count > left:
        fail(7)
    arity = -1
    for _ in range(count + 1):
        if c[T + layout.T_END // 4] - c[T + layout.T_POS // 4] < layout.NEED:
            refill()
        ctl, n, types = label(pool, c, T, leb(pool))
        if c[T + layout.T_POS // 4] > c[T + layout.T_END // 4]:
            fail(7)
        if arity < 0:
            arity = n
            # to their own slots, so that the moves behind the table find them wherever they were
            if c[T + layout.T_CTL // 4] - c[T + layout.T_SP // 4] >= n * layout.OPERAND:
                flush(pool, n)
            emit(pool, layout.OP_BR_TABLE, x, 0, 0)
            extend(pool, count)
        elif n != arity:
            fail(4)
        expect(pool, c, T, types, n, True)
        jump(pool, c, T, ctl, layout.C_TRAMP if settle(pool, c, T, ctl, types, n, True) else layout.C_TARGET, layout.OP_BR, 0, 0)
    ctl = c[T + layout.T_CTL // 4]
    while ctl:
        link = c[ctl + layout.C_TRAMP >> 2]
        if link:
            patch(pool, c, T, link)
            c[ctl + layout.C_TRAMP >> 2] = 0
            settle(pool, c, T, ctl, _label_types(pool, c, ctl), arity)
            jump(pool, c, T, ctl, layout.C_TARGET, layout.OP_BR)
        ctl = c[ctl + layout.C_PREV >> 2]
    _dead(pool, c, T)


def _if(pool, c, T):
    yo = _block_type(pool, c, T)
    cond = pop(pool, 0x7F)
    r = cond >> 2
    kind, at, slot = c[r], c[r + 1], c[r + 2]
    expect(pool, c, T, yo + layout.Y_BYTES, c[yo + layout.Y_NP >> 2] & 0xFFFF)
    flush(pool, -1)
    # The condition's slots lie above all others: nothing has touched them. Its record gives way to the control record.
    waiting = c[T + layout.T_PKIND // 4] != 0xFF
    if not waiting:
        c[r], c[r + 1], c[r + 2] = kind, at, slot
        s = source(pool, cond, 248)
    here = open_block(pool, c, T, layout.CK_IF, yo)
    if waiting:
        conditional(pool, c, T, here, layout.C_ELSE, 0, 1)
    else:
        jump(pool, c, T, here, layout.C_ELSE, layout.OP_BR_EQ_I, s)


def _else(pool, c, T):
    ctl = c[T + layout.T_CTL // 4]
    r = ctl >> 2
    if c[r + layout.C_KIND // 4] != layout.CK_IF:
        fail(8)
    _results(pool, c, T, ctl)
    jump(pool, c, T, ctl, layout.C_TARGET, layout.OP_BR)
    patch(pool, c, T, c[r + layout.C_ELSE // 4])
    c[r + layout.C_KIND // 4] = layout.CK_ELSE
    c[r + layout.C_DEAD // 4] = 0
    c[T + layout.T_LIVE // 4] = c[r + layout.C_LIVE // 4]
    c[T + layout.T_SP // 4] = ctl
    c[T + layout.T_NEXT // 4] = c[r + layout.C_NEXT // 4]
    yo = c[r + layout.C_TYPE // 4]
    _push_all(pool, yo + layout.Y_BYTES, c[yo + layout.Y_NP >> 2] & 0xFFFF)


def _slots(pool, kind):
    return 2 if kind == 0x7E or kind == 0x7C else 1


def _call(pool, c, T, yo, x, index, table):
    """Call: of function x (table -2), of imported function x (table -1), or through a table (index: slot, x: type)."""
    n = c[yo + layout.Y_NP >> 2] & 0xFFFF
    slots = c[yo + layout.Y_PSLOTS >> 2]
    most = slots >> 16
    if most < slots & 0xFFFF:
        most = slots & 0xFFFF
    types = yo + layout.Y_BYTES
    expect(pool, c, T, types, n)
    flush(pool, n)
    sp = c[T + layout.T_SP // 4] + n * layout.OPERAND
    top = a = c[sp - layout.OPERAND + layout.O_SLOT >> 2] if n else c[T + layout.T_NEXT // 4]
    far = 0
    if a > 255 or a + most > layout.GAP:
        # Side by side above everything else: index, then arguments; slots count from there while the call word runs.
        far = c[T + layout.T_NEXT // 4] + 4
        if far < 256:
            far = 256
        d = far + 1
        for i in range(n):
            k = pool[types + i]
            move(pool, d, c[sp - layout.OPERAND * (i + 1) + layout.O_SLOT >> 2], k)
            d += _slots(pool, k)
        if table >= 0:
            move(pool, far, index, 0x7F)
            index = 0
        emit(pool, layout.OP_FP_ADD, 0, far & 255, far >> 8)
        a = 1
        top = far + 1
    c[T + layout.T_SP // 4] = sp
    if n:
        c[T + layout.T_NEXT // 4] = c[sp - layout.OPERAND + layout.O_SLOT >> 2]
    if table == -2:
        emit(pool, layout.OP_CALL, a, x & 255, x >> 8)
    else:
        emit(pool, layout.OP_CALL_REF, index, x & 255, x >> 8)
        extend(pool, 1 | a << 8 if table < 0 else a << 8 | table << 16)
    if top + most > c[T + layout.T_MAX // 4]:
        c[T + layout.T_MAX // 4] = top + most
        if top + most > 60000:
            fail(5)
    if far:
        emit(pool, layout.OP_FP_SUB, 0, far & 255, far >> 8)
    n, types = _result_types(pool, c, yo)
    d = far + 1
    for i in range(n):
        k = pool[types + i]
        v = push(pool, k)
        if far:
            move(pool, c[v + layout.O_SLOT >> 2], d, k)
            d += _slots(pool, k)
    c[T + layout.T_LASTD // 4] = 0xFFFF


def other(pool, c, T, k, refill):
    """An instruction of class k, from W_I64_CONST on."""
    M = c[T + layout.T_MOD // 4] >> 2
    if k == layout.W_CALL:
        x = leb(pool)
        if x >= c[M + layout.M_NFUNCS // 4]:
            fail(15)
        f = c[M + layout.M_FTYPES // 4] + 2 * x
        yo = c[(c[M + layout.M_TYPES // 4] >> 2) + (pool[f] | pool[f + 1] << 8)]
        _call(pool, c, T, yo, x, 0, -1 if x < c[M + layout.M_NIMPF // 4] else -2)
    elif k == layout.W_BR_IF:
        _branch_if(pool, c, T, leb(pool))
    elif k == layout.W_BLOCK or k == layout.W_LOOP:
        yo = _block_type(pool, c, T)
        expect(pool, c, T, yo + layout.Y_BYTES, c[yo + layout.Y_NP >> 2] & 0xFFFF)
        flush(pool, -1)
        open_block(pool, c, T, layout.CK_BLOCK if k == layout.W_BLOCK else layout.CK_LOOP, yo)
    elif k == layout.W_IF:
        _if(pool, c, T)
    elif k == layout.W_ELSE:
        _else(pool, c, T)
    elif k == layout.W_BR:
        ctl, n, types = label(pool, c, T, leb(pool))
        expect(pool, c, T, types, n)
        _go(pool, c, T, ctl, types, n)
        _dead(pool, c, T)
    elif k == layout.W_RETURN:
        _return(pool, c, T)
        _dead(pool, c, T)
    elif k == layout.W_BR_TABLE:
        _branch_table(pool, c, T, refill)
    elif k == layout.W_CALL_INDIRECT:
        x = leb(pool)
        if x >= c[M + layout.M_NTYPES // 4]:
            fail(16)
        table = leb(pool)
        if table >= c[M + layout.M_NTABLES // 4]:
            fail(17)
        if pool[c[M + layout.M_TABLES // 4] + table * layout.TD_SIZE] != 0x70:
            fail(4)
        y = source(pool, pop(pool, 0x7F), 250)
        _call(pool, c, T, c[(c[M + layout.M_TYPES // 4] >> 2) + x], x, y, table)
    elif k == layout.W_UNREACHABLE:
        emit(pool, layout.OP_UNREACHABLE, 0, 0, 0)
        _dead(pool, c, T)
    elif k != layout.W_NOP:
        from .uncommon import uncommon

        uncommon(pool, c, T, k)
