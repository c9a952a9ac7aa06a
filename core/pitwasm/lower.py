# Native tier: the registers while a function's code words are lowered, and the exits that wait for their code (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The frame is always right at labels, calls and exits, but for the pinned slots, which every exit of the function stores, and for
# temporaries that nothing reads any more.
import micropython

from . import layout
from .machine import asm


# ---- registers -------------------------------------------------------------------------------------------------------------------------
@micropython.viper
def take(s: int) -> int:
    """A free register; the one used longest ago is written to the frame if it has to be. Locked until the word is done."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    locked = S[layout.N_LOCKED]
    n = S[layout.N_REGS]
    best = 0 - 1
    age = 0 - 1
    r = 0
    while r < n:
        f = B[layout.N_RF + r]
        if f != layout.RF_PINNED and locked & (1 << r) == 0:
            if f == layout.RF_FREE:
                S[layout.N_LOCKED] = locked | (1 << r)
                return r
            t = (S[layout.N_TICK] - B[layout.N_RT + r]) & 255
            if t > age:
                age = t
                best = r
        r += 1
    if best < 0:
        S[layout.N_ERROR] = layout.NX_NEVER
        return 0
    t = B[layout.N_RS + best]
    if B[layout.N_RF + best] == layout.RF_DIRTY:
        asm(s, layout.A_STS, best, t, 0)
    B[layout.N_SR + t] = 0xff
    B[layout.N_RF + best] = layout.RF_FREE
    S[layout.N_LOCKED] = locked | (1 << best)
    return best


@micropython.viper
def use(s: int, slot: int) -> int:
    """The register that holds a slot, loaded if need be."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    r = B[layout.N_SR + slot]
    if r > 15:
        r = int(take(s))
        if B[layout.N_SR + slot] == 0xfe:
            S[layout.N_IMM] = ptr32(int(S) + layout.N_CV)[slot]
            asm(s, layout.A_IMM, r, 0, 0)
            B[layout.N_RF + r] = layout.RF_DIRTY
        else:
            asm(s, layout.A_LDS, r, slot, 0)
            B[layout.N_RF + r] = layout.RF_CLEAN
        B[layout.N_SR + slot] = r
        B[layout.N_RS + r] = slot
    B[layout.N_RT + r] = S[layout.N_TICK]
    S[layout.N_LOCKED] |= 1 << r
    return r


@micropython.viper
def copy(s: int, r: int, slot: int):
    """A slot's value to a register of one's own."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    t = B[layout.N_SR + slot]
    if t == 0xfe:
        S[layout.N_IMM] = ptr32(int(S) + layout.N_CV)[slot]
        asm(s, layout.A_IMM, r, 0, 0)
    elif t < 16:
        asm(s, layout.A_MOV, r, t, 0)
    else:
        asm(s, layout.A_LDS, r, slot, 0)


@micropython.viper
def drop(s: int, slot: int):
    """A slot's value is not needed any more; its register may be taken, also by the word at hand."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    r = B[layout.N_SR + slot]
    if r < 16:
        if B[layout.N_RF + r] != layout.RF_PINNED:
            B[layout.N_RF + r] = layout.RF_FREE
            B[layout.N_SR + slot] = 0xff
            S[layout.N_LOCKED] &= (1 << r) ^ -1
    elif r == 0xfe:
        B[layout.N_SR + slot] = 0xff


@micropython.viper
def define(s: int, slot: int) -> int:
    """The register for a slot's new value, which the word at hand puts there."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    r = B[layout.N_SR + slot]
    if r > 15:
        B[layout.N_SR + slot] = 0xff
        r = int(take(s))
        B[layout.N_SR + slot] = r
        B[layout.N_RS + r] = slot
    S[layout.N_LOCKED] |= 1 << r
    B[layout.N_RT + r] = S[layout.N_TICK]
    if B[layout.N_RF + r] != layout.RF_PINNED:
        B[layout.N_RF + r] = layout.RF_DIRTY
    return r


@micropython.viper
def wrote(s: int, slot: int):
    """The value is in the slot's register: to the frame with it, when it must be there."""
    B = ptr8(s << 2)
    r = B[layout.N_SR + slot]
    if B[layout.N_RF + r] == layout.RF_DIRTY:
        if B[layout.N_EX + slot]:
            asm(s, layout.A_STS, r, slot, 0)
            B[layout.N_RF + r] = layout.RF_CLEAN


@micropython.viper
def constant(s: int, slot: int, value: int):
    """A slot becomes a constant: in a register when it is first read, if it is a temporary."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    n = S[layout.N_DEFERRED]
    if B[layout.N_EX + slot] == 0 and n < 16:
        drop(s, slot)
        B[layout.N_SR + slot] = 0xfe
        ptr32(int(S) + layout.N_CV)[slot] = value
        B[layout.N_DL + n] = slot
        S[layout.N_DEFERRED] = n + 1
    else:
        r = int(define(s, slot))
        S[layout.N_IMM] = value
        asm(s, layout.A_IMM, r, 0, 0)
        wrote(s, slot)


@micropython.viper
def save(s: int, pinned: int):
    """Everything that differs from the frame goes there (pinned: the pinned slots too); registers keep what they have."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    n = S[layout.N_REGS]
    r = 0
    while r < n:
        f = B[layout.N_RF + r]
        if f == layout.RF_DIRTY:
            asm(s, layout.A_STS, r, B[layout.N_RS + r], 0)
            B[layout.N_RF + r] = layout.RF_CLEAN
        elif f == layout.RF_PINNED and pinned:
            asm(s, layout.A_STS, r, B[layout.N_RS + r], 0)
        r += 1
    n = S[layout.N_DEFERRED]
    r = S[layout.N_SCRATCH]
    while n:
        n -= 1
        slot = B[layout.N_DL + n]
        if B[layout.N_SR + slot] == 0xfe:
            S[layout.N_IMM] = ptr32(int(S) + layout.N_CV)[slot]
            asm(s, layout.A_IMM, r, 0, 0)
            asm(s, layout.A_STS, r, slot, 0)


@micropython.viper
def forget(s: int):
    """A label: nothing is known of the registers but the pinned ones."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    n = S[layout.N_REGS]
    r = 0
    while r < n:
        f = B[layout.N_RF + r]
        if f and f != layout.RF_PINNED:
            B[layout.N_SR + B[layout.N_RS + r]] = 0xff
            B[layout.N_RF + r] = layout.RF_FREE
        r += 1
    n = S[layout.N_DEFERRED]
    S[layout.N_DEFERRED] = 0
    while n:
        n -= 1
        slot = B[layout.N_DL + n]
        if B[layout.N_SR + slot] == 0xfe:
            B[layout.N_SR + slot] = 0xff


# ---- exits -----------------------------------------------------------------------------------------------------------------------------
@micropython.viper
def pend(s: int, place: int, also: int):
    """The branches at `place` and `also` (0 = none) leave at the word at hand, for the loop to do it, with the slots as they are now."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    p = ptr16(int(S) + layout.N_PEND + S[layout.N_PENDING])
    if S[layout.N_PENDING] == 0:
        S[layout.N_OLDEST] = place
        S[layout.N_STUBS] = 0
    # places as distances from the oldest
    p[0] = place - S[layout.N_OLDEST]
    p[1] = also - S[layout.N_OLDEST] if also else 0xffff
    p[2] = S[layout.N_WORD]
    n = S[layout.N_REGS]
    k = 4
    r = 0
    while r < n:
        if B[layout.N_RF + r] == layout.RF_DIRTY:
            p[k] = r << 8 | B[layout.N_RS + r]
            k += 1
        r += 1
    n = S[layout.N_DEFERRED]
    while n:
        n -= 1
        slot = B[layout.N_DL + n]
        if B[layout.N_SR + slot] == 0xfe:
            r = ptr32(int(S) + layout.N_CV)[slot]
            p[k] = 0xff00 | slot
            p[k + 1] = r & 0xffff
            p[k + 2] = r >> 16
            k += 3
    p[3] = k - 4
    S[layout.N_PENDING] += k << 1
    S[layout.N_STUBS] += 4 + (k << 2)


@micropython.viper
def flush(s: int, over: int):
    """The code of the exits that wait, and literals; over = 1: the code goes on behind them."""
    S = ptr32(s << 2)
    end = S[layout.N_PENDING]
    if end == 0 and S[layout.N_LITERALS] == 0:
        return
    # N_STUBS has 4 bytes for each instruction: some machines take twice that
    if S[layout.N_AT] + S[layout.N_STUBS] + S[layout.N_STUBS] + 64 > S[layout.N_TOP]:
        S[layout.N_ERROR] = layout.NX_ROOM
        return
    jump = 0
    if over:
        S[layout.N_TARGET] = 0
        S[layout.N_REACH] = 1
        jump = int(asm(s, layout.A_JUMP, 0, 0, 0))
    at = 0
    r = S[layout.N_SCRATCH]
    while at < end:
        p = ptr16(int(S) + layout.N_PEND + at)
        fix(s, S[layout.N_OLDEST] + p[0], S[layout.N_AT])
        if p[1] != 0xffff:
            fix(s, S[layout.N_OLDEST] + p[1], S[layout.N_AT])
        n = p[3]
        k = 4
        while k < 4 + n:
            t = p[k]
            if t >> 8 == 0xff:
                S[layout.N_IMM] = p[k + 1] | p[k + 2] << 16
                asm(s, layout.A_IMM, r, 0, 0)
                asm(s, layout.A_STS, r, t & 0xff, 0)
                k += 3
            else:
                asm(s, layout.A_STS, t >> 8, t & 0xff, 0)
                k += 1
        t = ptr8(int(S) + S[layout.N_MARKS])[p[2]]
        asm(s, layout.A_EXIT, 0, p[2], 1 if t & layout.MK_ENTRY else 0)  # entered there: S_UNDO
        at += k << 1
    S[layout.N_PENDING] = 0
    S[layout.N_STUBS] = 0
    asm(s, layout.A_FLUSH, 0, 0, 0)
    if jump:
        fix(s, jump, S[layout.N_AT])


@micropython.viper
def fix(s: int, place: int, target: int):
    """The branch at `place` goes to `target`."""
    S = ptr32(s << 2)
    S[layout.N_IMM] = place
    S[layout.N_TARGET] = target
    if int(asm(s, layout.A_FIX, 0, 0, 0)):
        S[layout.N_ERROR] = layout.NX_FAR


@micropython.viper
def later(s: int, place: int, word: int):
    """The branch at `place` goes to a word that has no code yet."""
    S = ptr32(s << 2)
    t = S[layout.N_TOP] - 8
    S[layout.N_TOP] = t
    S[layout.N_END] = t - 400
    p = ptr32(int(S) + t)
    p[0] = place
    p[1] = word
