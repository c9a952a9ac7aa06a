# Prints the machine code of modules, for tests/nativecode.py: arguments: [--loop] and .wasm files; a JSON line for each function
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Nothing of it runs: the assembler may be another machine's.
import binascii
import json
import sys
from uctypes import bytearray_at

from pitwasm import Runtime, decode
from pitwasm.native import Native
from pitwasm.pool import get16, get32

paths = sys.argv[1:]
if "--loop" in paths:
    paths.remove("--loop")
    Native._ready = lambda self, wanted: False  # no routines for whole words: floats, 64-bit division … are the loop's

for path in paths:
    with open(path, "rb") as f:
        data = f.read()
    size = 1500000 + 24 * len(data)
    rt = Runtime(size, native="always", native_budget=400000 + 12 * len(data))
    tier = rt._tier
    mod = decode.load(rt.pool, data, None, False, False)
    tier.module(mod)
    buf = rt._buf
    words = get32(buf, mod + 112)  # layout.M_CODE …
    entries = get32(buf, mod + 36)
    imported = get32(buf, mod + 28)
    headers = [get32(buf, entries + 4 * i) for i in range(get32(buf, mod + 24) - imported)]
    ends = headers[1:] + [words + get32(buf, mod + 140)]
    at = tier.first
    while at:
        code, size, func = get32(buf, at + 8), get32(buf, at + 12), get32(buf, at + 20)
        i = headers.index(func - 8)
        records = [[get32(buf, at + 24 + 20 * n + 4 * k) for k in range(5)] for n in range(get32(buf, at + 4))]
        places = [p - code for p in tier._places]
        found = {
            "file": path, "code": str(binascii.hexlify(bytearray_at(tier._base() + code, size)), "ascii"),
            "stubs": places[:4], "floats": places[6], "routines": places,
            "entries": [r[2] - code for r in records],
            "slots": get16(buf, func - 8), "results": get16(buf, func - 2), "params": get16(buf, func - 6), "clear": get16(buf, func - 4),
            "state": tier._address + tier._state, "func": func, "headers": headers, "number": i, "imported": imported,
            "words": str(binascii.hexlify(bytearray_at(tier._address + func, ends[i] - func)), "ascii"),
            # number of the code word, what it was, its code, the loader, where calls come in
            "records": [[r[1] - func >> 2, r[0], r[2] - code, r[3] - code, r[4] and r[4] - code] for r in records],
            "least": get32(buf, mod + 124), "globals": get32(buf, mod + 64),
        }  # fmt: skip
        print(json.dumps(found))
        at = get32(buf, at)
    rt.destroy()
