# Native tier: words that routines do, called from machine code: floats, 64-bit division, bit counting, shifts (layout.R_*, docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The routines read code words and keep everything in the frame. They get copies of the words, which lie in the machine code behind the
# call: the code words themselves may be replaced where native code is entered. What is behind the copies stops a routine, and runs next.
import micropython

from . import layout
from .forms import FORMS
from .lower import forget, pend, save
from .machine import asm


@micropython.viper
def extent(s: int, i: int) -> int:
    """Words from the word i to the last one that the same call does: no label between them, at most 64 bytes."""
    S = ptr32(s << 2)
    top = int(S) - S[layout.N_SELF] + S[layout.N_FUNC]
    F = ptr8(int(S) + S[layout.N_MARKS])
    forms = ptr8(FORMS)
    f = top + (i << 2)
    g = forms[(ptr8(f)[0] << 2) + 1]
    n = forms[(ptr8(f)[0] << 2) + 3]
    if g >= layout.R_SHIFT:
        return n
    t = 1
    while i + t < S[layout.N_WORDS] and t < 14 and F[i + t] & layout.MK_LABEL == 0:
        f = ptr8(top + ((i + t) << 2))[0] << 2
        k = forms[f]
        t += forms[f + 3]
        if k == layout.L_FLOAT and forms[f + 1] == g:
            n = t
        elif k != (layout.L_CONST64W if g else layout.L_CONSTW):
            break
    return n


@micropython.viper
def _touched(s: int, i: int, n: int, g: int, slot: int) -> int:
    """Of the n words from i on: 1 = they may read a slot, 2 = write it, 3 = both."""
    S = ptr32(s << 2)
    top = int(S) - S[layout.N_SELF] + S[layout.N_FUNC]
    forms = ptr8(FORMS)
    found = 0
    n += i
    while i < n:
        ip = ptr8(top + (i << 2))
        f = ip[0] << 2
        k = forms[f]
        if k == layout.L_RARE:
            ip = ptr8(int(ip) + 1)
        # the slot, or the one before it when there are pairs
        if ip[1] == slot or g and ip[1] == slot - 1:
            found |= 3  # the pair may be none
        if k != layout.L_CONSTW and k != layout.L_CONST64W:
            if ip[2] == slot or g and ip[2] == slot - 1:
                found |= 1
            if g != layout.R_CONVERT:
                if ip[3] == slot or g and ip[3] == slot - 1:
                    found |= 1
        i += forms[f + 3]
    return found


@micropython.viper
def floats(s: int, i: int, n: int, g: int):
    """The n words from the word i on, which the routine g does."""
    S = ptr32(s << 2)
    B = ptr8(s << 2)
    at = S[layout.N_FUNC] + (i << 2)
    ip = ptr8(int(S) - S[layout.N_SELF] + at)
    S[layout.N_FLAGS] |= layout.NG_USES << g
    save(s, 0)
    r = 0
    while r < S[layout.N_REGS]:
        if B[layout.N_RF + r] == layout.RF_PINNED:
            if int(_touched(s, i, n, g, B[layout.N_RS + r])):
                asm(s, layout.A_STS, r, B[layout.N_RS + r], 0)
        r += 1
    S[layout.N_IMM] = at
    asm(s, layout.A_FLOAT, 0, g, n << 2)
    forget(s)
    r = 0
    if g == layout.R_CONVERT:
        if ip[3] & 56 == 16:
            r = 1
    elif g == layout.R_INTEGER:
        if ip[1] <= layout.SUB_I64_REM_U:
            r = 1
    if r:
        # one that may trap: the loop does it again
        S[layout.N_IMM] = 0
        S[layout.N_KIND] = 1
        S[layout.N_TARGET] = 0
        S[layout.N_REACH] = 0
        pend(s, int(asm(s, layout.A_BRI, 0, 0, 0)), 0)
    r = 0
    while r < S[layout.N_REGS]:
        if B[layout.N_RF + r] == layout.RF_PINNED:
            if int(_touched(s, i, n, g, B[layout.N_RS + r])) & 2:
                asm(s, layout.A_LDS, r, B[layout.N_RS + r], 0)
        r += 1
