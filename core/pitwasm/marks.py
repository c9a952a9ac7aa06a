# Native tier: what a function's code words say before they are lowered: labels, entries, which slots the frame must hold (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# All functions of the lowering take the state (layout.N_*) as its address / 4, a small integer everywhere.
import micropython

from . import layout
from .forms import FORMS


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
        if k == layout.L_SHIFT64 or k == layout.L_ROT64:
            if ip[3] != constant and S[layout.N_FLAGS] & layout.NG_HAS << layout.R_SHIFT == 0:
                k = layout.L_HAND
        elif k == layout.L_DIV:
            if S[layout.N_FLAGS] & layout.NG_DIVIDES == 0:
                k = layout.L_HAND
        elif k == layout.L_FLOAT or k == layout.L_RARE:
            if k == layout.L_RARE and ip[1] > layout.SUB_I32_POPCNT:
                k = layout.L_HAND
            elif S[layout.N_FLAGS] & layout.NG_HAS << forms[(ip[0] << 2) + 1]:
                F[i] |= layout.MK_FLOAT
            else:
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
        elif k == layout.L_MUL64 or k == layout.L_SHIFT64 or k == layout.L_ROT64 or k == layout.L_CMP64:
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
        count = 0
        if F[i] & (layout.MK_HAND | layout.MK_FLOAT):
            use = 0
            # the loop does it, or a routine: any byte may be a slot, or the first of two
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
        if F[i] & layout.MK_FLOAT:
            # any byte may be a slot, or the first of two
            k = forms[(ip[0] << 2) + 3] << 2
            while k > 1:
                k -= 1
                t = ip[k]
                live[t] = stamp
                if t < 255:
                    live[t + 1] = stamp
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
