# Loads modules over a line again and again on the device side: whole, or with a clear error; driven by tests/test_uart.py
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Argument: path of the line; on stdin a line of JSON: {"modules": {name: [size, SHA-256]}, "count", "seed", options of UartReader}.
# Prints a line for each load: "ok NAME | ms", "error TEXT | ms", or "BAD ..." for anything else.

import json
import sys
import time
from binascii import hexlify
from hashlib import sha256

from mutate import Random
from pitwasm.errors import LoadError
from pitwasm.uart import UartReader


def load(reader, name, want, random):
    """One module in pieces of all sizes."""
    try:
        source = reader(name)
    except LoadError as exc:
        return "error %s" % exc
    if source is None:
        return "BAD no module %s" % name
    digest = sha256()
    total = 0
    buf = bytearray(512)
    view = memoryview(buf)
    try:
        while True:
            n = 1 + random.below((8, 256, 512)[random.below(3)])
            n = source.readinto(view[:n])
            if not n:
                break
            digest.update(view[:n])
            total += n
            if total > want[0]:
                break
    except LoadError as exc:
        return "error %s" % exc
    finally:
        reader.destroy(name, source)
    if [total, str(hexlify(digest.digest()), "ascii")] != want:
        return "BAD %s: %d bytes" % (name, total)
    return "ok %s" % name


def main(path):
    options = json.loads(sys.stdin.readline())
    modules = options.pop("modules")
    names = sorted(modules)
    count = options.pop("count")
    random = Random(options.pop("seed"))
    with open(path, "r+b") as line:
        reader = UartReader(line, **options)
        for _ in range(count):
            name = names[random.below(len(names))]
            start = time.ticks_ms()
            print(load(reader, name, modules[name], random), "|", time.ticks_diff(time.ticks_ms(), start))


main(*sys.argv[1:])
