# Instances whose memory is smaller than their code was translated for (memory_cap): accesses that can never fit become traps
# MIT license; Copyright (c) 2026 the pitwasm authors
import micropython

from . import layout
from .access import ACCESSES
from .pool import get32
from .tables import LENGTHS


@micropython.viper
def _walk(pool: ptr8, at: int, end: int, n: int):
    """The words of one function: those that reach beyond n bytes whatever their base is become TRAP_MEM."""
    base = int(pool)
    while at < end:
        ip = ptr8(base + at)
        op = ip[0]
        p = ptr8(ACCESSES)
        left = 26
        while left:
            if p[0] == op:
                kind = p[1]
                off = ip[3]
                if kind & 16:
                    off = ptr32(ip)[1]
                if kind < 32 and off + ptr8(b"\x04\x01\x01\x02\x02\x08\x04\x01\x02\x08")[kind & 15] > n:
                    if kind & 15 >= 6:
                        ip[2] = ip[1]
                    ip[0] = layout.OP_TRAP_MEM
                    ip[1] = kind & 16
                break
            p = ptr8(int(p) + 2)
            left -= 1
        at += (ptr8(LENGTHS)[op] & 15) << 2


def slow_memory(buf, mod, n):
    """Memory 0 of module `mod` has n bytes only: what was translated for more (M_SAFE) stays exact (WebAssembly 4.4.7: it traps)."""
    count = get32(buf, mod + layout.M_NFUNCS) - get32(buf, mod + layout.M_NIMPF)
    entries = get32(buf, mod + layout.M_ENTRIES)
    code = get32(buf, mod + layout.M_CODE)
    end = code + get32(buf, mod + layout.M_WORDS)
    for i in range(count - 1, -1, -1):
        at = get32(buf, entries + 4 * i)
        if at == layout.P_LAZY:
            continue
        if not code:  # translated one by one, each into a block of its own
            end = at - layout.BLOCK + (get32(buf, at - layout.BLOCK) & -8)
        _walk(buf, at + layout.FUNC, end, n)
        if code:
            end = at
