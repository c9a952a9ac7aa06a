# Prints the machine code of modules, for tests/test_native_code.py: arguments: .wasm files; a JSON line for each function
# MIT license; Copyright (c) 2026 the pitwasm authors
import binascii
import json
import sys
from uctypes import bytearray_at

from pitwasm import Runtime
from pitwasm.pool import get16, get32

for path in sys.argv[1:]:
    rt = Runtime(1500000, native="always", native_budget=400000)
    tier = rt._tier
    module = rt.load(open(path, "rb"))
    buf = rt._buf
    at = tier.first
    while at:
        code, size, func = get32(buf, at + 8), get32(buf, at + 12), get32(buf, at + 20)
        data = str(binascii.hexlify(bytearray_at(tier._base() + code, size)), "ascii")
        entries = [get32(buf, at + 24 + 20 * i + 8) - code for i in range(get32(buf, at + 4))]
        slots = max(get16(buf, func - 8), get16(buf, func - 2))
        places = [p - code for p in tier._places]
        found = {"file": path, "code": data, "stubs": places[:4], "floats": places[6], "slots": slots, "entries": entries}
        found["state"] = tier._address + tier._state
        print(json.dumps(found))
        at = get32(buf, at)
    rt.destroy()
