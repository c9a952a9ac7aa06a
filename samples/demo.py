# Streams a compiled C program from a file into a pool and runs it; started by tools/run.py
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Arguments: the .wasm, bytes of pool, the function and its argument, and where a module record keeps the sizes of its code.

import sys
import time

from pitwasm import Runtime
from pitwasm.pool import get32

path, size, name, argument, words_at, code_at = sys.argv[1:]

started = time.ticks_us()
rt = Runtime(int(size))
with open(path, "rb") as stream:
    module = rt.load(stream, name="life")
loaded = time.ticks_us()
instance = rt.instantiate(module)
run = instance.exports[name]
ready = time.ticks_us()
result = run(int(argument))
done = time.ticks_us()

if "text" in instance.exports:
    start = instance.exports.text()
    print(str(instance.memory[start : start + instance.exports.text_size()], "utf-8"), end="")
print("result: %s(%s) = %d (0x%08x)" % (name, argument, result, result & 0xFFFFFFFF))
print()
rt.pool.map()
print()
words = get32(rt.pool.buf, module._off + int(words_at))
code = get32(rt.pool.buf, module._off + int(code_at))
print("code: %d bytes of code words for %d bytes of code section: %.2f a byte" % (words, code, words / code))
print("memory: %d bytes of its page of 65536 are in the pool, all that __heap_base says it uses" % len(instance.memory))


def ms(start, end):
    return time.ticks_diff(end, start) / 1000


print("time: %.2f ms to load, %.2f ms to run" % (ms(started, loaded), ms(ready, done)))
rt.deinstantiate(instance)
rt.unload(module)
print("unloaded: %d bytes of the pool in use" % rt.pool.used)
