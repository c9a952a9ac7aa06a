# Translator: labels, the values branches carry, branch words and their targets (layout.C_*); bytecode, see structure.py
# MIT license; Copyright (c) 2026 the pitwasm authors

from . import layout
from .operands import constant, emit, extend, fail, move, push, source
from .tables import BRANCH, LENGTHS


def expect(pool, c, T, types, n, keep=False):
    """The top n operands must be of the types at pool offset `types`. Missing ones of an unreachable block are made up, unless keep."""
    sp = c[T + layout.T_SP // 4]
    top = c[T + layout.T_CTL // 4]
    for i in range(n - 1, -1, -1):
        if sp == top:
            if not c[top + layout.C_DEAD >> 2]:
                fail(4)
            if not keep:
                c[T + layout.T_SP // 4] = top
                c[T + layout.T_NEXT // 4] = c[top + layout.C_NEXT >> 2]
                for i in range(n):
                    push(pool, pool[types + i])
            return
        want = pool[types + i]
        is_ = c[sp >> 2] & 0xFF
        if is_ != want:
            if is_:
                fail(4)
            if not keep:
                c[sp >> 2] = want
        sp += layout.OPERAND


def label(pool, c, T, depth):
    """Label `depth` blocks out: its control record, the number of values a branch to it takes, where their types are."""
    ctl = c[T + layout.T_CTL // 4]
    while depth:
        ctl = c[ctl + layout.C_PREV >> 2]
        if not ctl:
            fail(6)
        depth -= 1
    yo = c[ctl + layout.C_TYPE >> 2]
    n = c[yo + layout.Y_NP >> 2]
    if c[ctl + layout.C_KIND >> 2] == layout.CK_LOOP:
        return ctl, n & 0xFFFF, yo + layout.Y_BYTES
    return ctl, n >> 16, yo + layout.Y_BYTES + (n & 0xFFFF)


def settle(pool, c, T, ctl, types, n, dry=False):
    """Copy the top n operands to the slots from C_NEXT of ctl on. How many copies that takes; dry: only count."""
    moves = 0
    if n and c[T + layout.T_LIVE // 4]:
        d = c[ctl + layout.C_NEXT >> 2]
        at = (c[T + layout.T_SP // 4] >> 2) + n * (layout.OPERAND // 4)
        for i in range(n):
            at -= layout.OPERAND // 4
            k = pool[types + i]
            size = 2 if k == 0x7E or k == 0x7C else 1
            if d < 256 and d + size > layout.GAP:
                d = 256
            if c[at] & 0x100:
                moves += 1
                if not dry:
                    constant(pool, d, c[at + 1], k)
            elif c[at + 1] != d:
                moves += 1
                if not dry:
                    move(pool, d, c[at + 1], k)
            d += size
    return moves


def jump(pool, c, T, ctl, field, op, x=0, y=0, z=0):
    """A branch word to the label of ctl; field C_TARGET, C_ELSE or C_TRAMP: where branches wait that do not know their target yet.

    Distances count from behind the (first) word: the loop has gone on by then.
    """
    if not c[T + layout.T_LIVE // 4]:
        return
    emit(pool, op, x, y, z)
    at = c[T + layout.T_LAST // 4]
    v = c[ctl + field >> 2]
    if field == layout.C_TARGET and c[ctl + layout.C_KIND >> 2] == layout.CK_LOOP:
        v -= at + 4
    else:
        c[ctl + field >> 2] = at - c[T + layout.T_START // 4]
    if op == layout.OP_BR:
        c[at >> 2] = (v << 8 | op) & 0xFFFFFFFF
    else:
        extend(pool, v)


def patch(pool, c, T, link):
    """Let the waiting branches (the last one is `link`, relative to T_START) go to the next word."""
    c[T + layout.T_LASTD // 4] = 0xFFFF
    start = c[T + layout.T_START // 4]
    target = c[T + layout.T_CODE // 4]
    while link:
        at = start + link
        v = c[at >> 2]
        if v & 0xFF == layout.OP_BR:
            link = v >> 8
            c[at >> 2] = (target - at - 4 << 8 | layout.OP_BR) & 0xFFFFFFFF
        else:
            at += 4
            link = c[at >> 2]
            c[at >> 2] = target - at


def shorten(pool, c, at, end):
    """Branches that lead to a branch go where that leads, if that costs the same fuel: a unit for each that goes backward."""
    while at < end:
        w = c[at >> 2]
        op = w & 0xFF
        n = LENGTHS[op]
        kind = n >> 6
        if kind:
            d = c[at + 4 >> 2]
            if d >> 31:
                d -= 1 << 32
        elif op == layout.OP_BR:
            d = w >> 8 & 0xFFFFFF
            if d >> 23:
                d -= 1 << 24
            kind = 2
        if kind:
            old = d
            for _ in range(8):
                to = at + 4 + d
                w = c[to >> 2]
                if w & 0xFF != layout.OP_BR:
                    break
                far = w >> 8 & 0xFFFFFF
                if far >> 23:
                    far -= 1 << 24
                new = d + far + 4
                if (1 if d < 0 else 0) + (1 if far < 0 else 0) != (1 if new < 0 else 0):
                    break
                d = new
            if d != old:
                if kind == 1:
                    c[at + 4 >> 2] = d & 0xFFFFFFFF
                else:
                    c[at >> 2] = (d << 8 | op) & 0xFFFFFFFF
        at += (n & 15) << 2


def conditional(pool, c, T, ctl, field, cond, flip):
    """Branch to ctl when operand record cond is not 0 (flip = 1: is 0); takes the waiting comparison if there is one."""
    k = c[T + layout.T_PKIND // 4]
    if k == 0xFF:
        jump(pool, c, T, ctl, field, BRANCH[9 ^ flip], source(pool, cond, 248))
        return
    c[T + layout.T_PKIND // 4] = 0xFF
    b = c[T + layout.T_PB // 4]
    jump(pool, c, T, ctl, field, BRANCH[k ^ flip], c[T + layout.T_PA // 4], b & 255, b >> 8)
