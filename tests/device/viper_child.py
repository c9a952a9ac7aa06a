# Compares modules two compilers made of the same programs (tests/viperrun.py): results, exceptions and memory
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# cases.txt, next to the modules a<seed> and b<seed>: a line (seed, kind of buffer, [(function, arguments)]) each.
import gc
import sys

import uctypes


def outcome(module, kind, name, args, last, seed):
    pool = bytearray(1024)
    x = seed & 0x3FFFFFFF
    for i in range(1024):
        x = x * 1103515245 + 12345 & 0x3FFFFFFF
        pool[i] = x >> 16 if x & 0x4000 else x >> 16 & 3
    turns = [0]

    def callback(p, k):
        if p is not pool:
            raise ValueError("not the pool")
        turns[0] += 1
        p[4 * k + 1] ^= 0x5A
        p[7 * k & 1023] = k & 255
        if turns[0] % 8 == 1:
            gc.collect()
        return k * 0x1234567 - 0x40000000

    try:
        if kind == "cells":
            cells = uctypes.struct(uctypes.addressof(pool), (uctypes.ARRAY, 256 | uctypes.UINT32))
            result = getattr(module, name)(pool, cells, callback, *args)
        elif kind == "callback" and last:
            result = getattr(module, name)(pool, callback, *args)
        else:
            result = getattr(module, name)(pool, *args)
    except Exception as exc:
        result = (type(exc).__name__, exc.args)
    return result, turns[0], pool


def main(folder):
    gc.threshold(20000)
    with open(folder + "/cases.txt") as file:
        for line in file:
            seed, kind, calls = eval(line)
            print("at", seed)
            one, two = (__import__(letter + str(seed)) for letter in "ab")
            for name, args in calls:
                expected, found = (outcome(module, kind, name, args, name == calls[-1][0], seed) for module in (one, two))
                if expected != found:
                    places = [i for i in range(1024) if expected[2][i] != found[2][i]]
                    print("differs", seed, name, args, expected[:2], found[:2], places[:8])
            for letter in "ab":
                del sys.modules[letter + str(seed)]
    print("done")


main(sys.argv[1])
