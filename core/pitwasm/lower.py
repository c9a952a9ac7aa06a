# Native tier: marks a function's code words, pins slots, and keeps the registers while words.py walks the words (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# All functions take the state (layout.N_*) as its address / 4, a small integer everywhere. The frame is always right at labels, calls and exits,
# but for the pinned slots, which every exit of the function stores, and for temporaries that nothing reads any more.
import micropython

from . import layout
from .forms import FORMS
from .machine import asm


# ---- marks ---------------------------------------------------------------------------------------------------------------------------
@micropython.viper
def mark(s: int):
    """Where labels, loop heads and entries are, for every word; N_ERROR when the function cannot be lowered."""
    S = ptr32(s << 2)
    top = int(S) - S[layout.N_SELF] + S[layout.N_FUNC]
    n = S[layout.N_WORDS]
    F = ptr8(int(S) + S[layout.N_MARKS])
    P = ptr32(int(S) + S[layout.N_PLACES])
    forms = ptr8(FORMS)
    i = 0
    F[0] = layout.MK_LABEL | layout.MK_ENTRY
    wide = 0
    constant = 256  # slot that the word before made constant
    while i < n:
        F[i] |= layout.MK_WORD
        ip = ptr8(top + (i << 2))
        k = forms[ip[0] << 2]
        after = i + forms[(ip[0] << 2) + 3]
        if after > n:
            S[layout.N_ERROR] = layout.NX_NEVER
            return
        t = 0
        far = 0
        if k == layout.L_SHIFT64 and ip[3] != constant or k == layout.L_ROT64:
            k = layout.L_HAND
        if k == layout.L_DIV and S[layout.N_FLAGS] & layout.NG_DIVIDES == 0:
            k = layout.L_HAND
        constant = 256
        if k == layout.L_CONST64:
            constant = ip[1]
        if k == layout.L_BR:
            t = S32(ptr32(ip)[0]) >> 8
            far = 1
        elif k == layout.L_BRR or k == layout.L_BRI:
            t = S32(ptr32(ip)[1])
            far = 1
        elif k == layout.L_TABLE:
            t = ptr32(ip)[1] + 1
            if t > n - after:
                S[layout.N_ERROR] = layout.NX_NEVER
                return
            while t:
                t -= 1
                F[after + t] |= layout.MK_LABEL
        elif k == layout.L_NEVER:
            S[layout.N_ERROR] = layout.NX_NEVER
            return
        elif k == layout.L_MUL64 or k == layout.L_SHIFT64 or k == layout.L_CMP64:
            wide = 1
        if k == layout.L_HAND or k == layout.L_STOP or k == layout.L_CALL or k == layout.L_REF:
            F[i] |= layout.MK_HAND
            if k != layout.L_STOP and after < n:
                F[after] |= layout.MK_LABEL | layout.MK_ENTRY
        if far:
            t = i + 1 + (t >> 2)
            if t < 0 or t >= n:
                S[layout.N_ERROR] = layout.NX_NEVER
                return
            F[t] |= layout.MK_LABEL
            if t <= i:
                F[t] |= layout.MK_HEAD | layout.MK_ENTRY
                P[t] = i
        i = after
    while i:
        i -= 1
        if F[i] & layout.MK_LABEL:
            if F[i] & layout.MK_WORD == 0:
                S[layout.N_ERROR] = layout.NX_NEVER
    if wide and S[layout.N_PINS] > S[layout.N_REGS] - 4:
        S[layout.N_PINS] = S[layout.N_REGS] - 4  # some of these take four registers


@micropython.viper
def exposed(s: int):
    """N_EX: slots that the frame has to hold, since some word reads them that no word of the same stretch has written. Pins slots."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    base = int(S) - S[layout.N_SELF]
    top = base + S[layout.N_FUNC]
    n = S[layout.N_WORDS]
    F = ptr8(int(S) + S[layout.N_MARKS])
    P = ptr32(int(S) + S[layout.N_PLACES])
    forms = ptr8(FORMS)
    ex = ptr8(int(S) + layout.N_EX)
    done = ptr8(int(S) + layout.N_SET)
    weight = ptr32(int(S) + layout.N_CV)
    ends = ptr32(int(S) + layout.N_STRETCH)
    depth = 0
    stamp = 0
    words = 0
    i = 0
    t = S[layout.N_LOCALS]
    if t > 256:
        t = 256
    while i < t:
        ex[i] = 1
        i += 1
    i = 0
    while i < n:
        ip = ptr8(top + (i << 2))
        if F[i] & layout.MK_LABEL or words == 250:
            F[i] |= layout.MK_LABEL
            words = 0
            stamp += 1
            if stamp == 256:
                stamp = 1
                t = 0
                while t < 256:
                    done[t] = 0
                    t += 1
            while depth and ends[depth - 1] < i:
                depth -= 1
            if F[i] & layout.MK_HEAD and depth < 12:
                ends[depth] = P[i]
                depth += 1
        words += 1
        P[i] = 0
        op = ip[0]
        k = forms[op << 2]
        use = forms[(op << 2) + 2]
        after = i + forms[(op << 2) + 3]
        t = depth
        if t > 5:
            t = 5
        w = 1 << (t + t)
        first = 1
        count = 0
        if F[i] & layout.MK_HAND:
            use = 0
            # the loop does it: any byte may be a slot, or the first of two
            count = ((after - i) << 2) - 1
            if k == layout.L_CALL or k == layout.L_REF:
                # … or a call, whose arguments lie side by side
                t = ptr16(ip)[1]
                x = ip[1]
                count = 1
                if k == layout.L_REF:
                    x = ip[5]
                    count = ip[4]
                if count:
                    t = ptr16(base + S[layout.N_FTYPES])[t]
                t = ptr16(base + ptr32(base + S[layout.N_TYPES])[t])[layout.Y_PSLOTS >> 1]
                count = 1
                while t:
                    if x < 256 and done[x] != stamp:
                        ex[x] = 1
                    x += 1
                    t -= 1
            while count:
                t = ip[count]
                if done[t] != stamp:
                    ex[t] = 1
                if t < 255:
                    if done[t + 1] != stamp:
                        ex[t + 1] = 1
                count -= 1
        elif k == layout.L_RETN:
            t = ptr32(ip)[1]
            count = int(uint(t) >> 16)
            t = t & 0xffff
            while count:
                if t < 256 and done[t] != stamp:
                    ex[t] = 1
                t += 1
                count -= 1
        if use & 2:
            t = ip[1]
            weight[t] += w
            if done[t] != stamp:
                ex[t] = 1
            if use & 4:
                weight[t + 1] += w
                if done[t + 1] != stamp:
                    ex[t + 1] = 1
        if use & 8:
            t = ip[2]
            weight[t] += w
            if done[t] != stamp:
                ex[t] = 1
            if use & 16:
                weight[t + 1] += w
                if done[t + 1] != stamp:
                    ex[t + 1] = 1
        if use & 32:
            t = ip[3]
            weight[t] += w
            if done[t] != stamp:
                ex[t] = 1
            if use & 64:
                weight[t + 1] += w
                if done[t + 1] != stamp:
                    ex[t + 1] = 1
        if use & 128:
            t = ip[4]
            weight[t] += w
            if done[t] != stamp:
                ex[t] = 1
        if use & 1:
            t = ip[1]
            weight[t] += w
            done[t] = stamp
            if use & 4:
                weight[t + 1] += w
                done[t + 1] = stamp
        i = after
    # The locals used most go to registers of their own.
    n = S[layout.N_LOCALS]
    if n > layout.GAP:
        n = layout.GAP
    r = S[layout.N_REGS]
    t = S[layout.N_PINS]
    while t:
        t -= 1
        x = 2
        words = 256
        i = 0
        while i < n:
            if weight[i] > x:
                x = weight[i]
                words = i
            i += 1
        if words == 256:
            break
        weight[words] = 0
        r -= 1
        B[layout.N_PIN + r] = words
        B[layout.N_RF + r] = layout.RF_PINNED
        B[layout.N_RS + r] = words
        S[layout.N_PINNED] += 1
    t = 0
    while t < 256:
        weight[t] = 0
        done[t] = 0
        B[layout.N_SR + t] = 0xff
        t += 1
    t = S[layout.N_REGS]
    while t > r:
        t -= 1
        B[layout.N_SR + B[layout.N_PIN + t]] = t
    S[layout.N_STAMP] = 1


@micropython.viper
def stretch(s: int, i: int):
    """N_LAST for the words from i to the next label: which operands are read there for the last time, which results never are."""
    S = ptr32(s << 2)
    top = int(S) - S[layout.N_SELF] + S[layout.N_FUNC]
    n = S[layout.N_WORDS]
    F = ptr8(int(S) + S[layout.N_MARKS])
    forms = ptr8(FORMS)
    ex = ptr8(int(S) + layout.N_EX)
    live = ptr8(int(S) + layout.N_SET)
    last = ptr8(int(S) + layout.N_LAST)
    list_ = ptr16(int(S) + layout.N_STRETCH)
    stamp = S[layout.N_STAMP] + 2
    if stamp > 250:
        stamp = 2
        t = 0
        while t < 256:
            live[t] = 0
            t += 1
    S[layout.N_STAMP] = stamp
    count = 0
    while True:
        list_[count] = i
        count += 1
        op = ptr8(top + (i << 2))[0]
        every = F[i] & layout.MK_HAND
        i += forms[(op << 2) + 3]
        if i >= n:
            break
        if F[i] & layout.MK_LABEL:
            break
    # live[s] = stamp: yes, stamp + 1: no, else: whether the last word reads everything
    if forms[op << 2] == layout.L_RETN:
        every = 1
    while count:
        count -= 1
        i = list_[count]
        ip = ptr8(top + (i << 2))
        use = forms[(ip[0] << 2) + 2]
        bits = 0
        if F[i] & layout.MK_HAND:
            use = 0
        if use & 1:
            t = ip[1]
            if ex[t] == 0:
                if live[t] == stamp or live[t] != stamp + 1 and every:
                    pass
                else:
                    bits = 16
                    if use & 4:
                        if ex[t + 1] or live[t + 1] == stamp or live[t + 1] != stamp + 1 and every:
                            bits = 0
            live[t] = stamp + 1
            if use & 4:
                live[t + 1] = stamp + 1
        k = 1
        while k < 5:
            t = 256
            pair = 0
            if k == 1:
                if use & 2:
                    t = ip[1]
                    pair = use & 4
            elif k == 2:
                if use & 8:
                    t = ip[2]
                    pair = use & 16
            elif k == 3:
                if use & 32:
                    t = ip[3]
                    pair = use & 64
            elif use & 128:
                t = ip[4]
            if t < 256:
                if ex[t] == 0:
                    if live[t] == stamp or live[t] != stamp + 1 and every:
                        pass
                    elif pair and (ex[t + 1] or live[t + 1] == stamp or live[t + 1] != stamp + 1 and every):
                        pass
                    else:
                        bits = bits | (1 << (k - 1))
                # the same slot twice in one word: only one of them says so, both are read before anything is freed
                live[t] = stamp
                if pair:
                    live[t + 1] = stamp
            k += 1
        last[count] = bits


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
    S[layout.N_END] = t - 256
    p = ptr32(int(S) + t)
    p[0] = place
    p[1] = word
