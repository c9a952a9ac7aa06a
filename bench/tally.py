# Counts the code words that run: a module of the traced pitwasm that tools/counting.py makes, for 64-bit MicroPython
# MIT license; Copyright (c) 2026 the pitwasm authors

import micropython

# 32 bits for each three words in a row (the oldest in bits 16-23 of the index); behind them: the last three, and where the last one was.
TALLY = bytearray((1 << 26) + 8)


@micropython.viper
def tally(ip: int):
    """The word at this address runs. Seen by two loops one after the other, it still counts once."""
    t = ptr32(TALLY)
    end = ptr32(int(t) + (1 << 26))
    if (end[1] ^ ip) << 32 == 0:
        return
    end[1] = ip
    three = (end[0] << 8 | ptr8(ip)[0]) & 0xFFFFFF
    end[0] = three
    t[three] = t[three] + 1


@micropython.viper
def reset():
    t = ptr32(TALLY)
    i = 0
    while i < (1 << 24) + 2:
        t[i] = 0
        i += 1


@micropython.viper
def following(i: int) -> int:
    """The first index from i on with a count; 1 << 24: no more."""
    t = ptr32(TALLY)
    while i < 1 << 24:
        if t[i]:
            return i
        i += 1
    return i


@micropython.viper
def count(i: int) -> int:
    return ptr32(TALLY)[i]


def found() -> dict:
    """Three words in a row -> how often; the first two of all stand behind zeros."""
    counts = {}
    i = following(0)
    while i < 1 << 24:
        counts[i] = count(i)
        i = following(i + 1)
    return counts
