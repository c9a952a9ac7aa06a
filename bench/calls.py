# What calls cost: Python into WebAssembly, WebAssembly into Python, one instance into another (docs/numbers.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# micropython bench/calls.py, from the repository, with MICROPYPATH as `make env` says. calls.wasm is made from calls.wat.

import time

from pitwasm import Runtime

N = 2000

# (func (export "id") (param i32) (result i32) (local.get 0))
OTHER = b"\0asm\1\0\0\0\1\6\1\x60\1\x7f\1\x7f\3\2\1\0\7\6\1\2id\0\0\x0a\6\1\4\0\x20\0\x0b"


def best(f, *args):
    """The shortest of 40 runs, in ns for each of N."""
    times = []
    for _ in range(40):
        start = time.ticks_us()
        f(*args)
        times.append(time.ticks_diff(time.ticks_us(), start))
    return min(times) * 1000 // N


def repeat(f, *args):
    if not args:
        for _ in range(N):
            f()
    elif len(args) == 1:
        a = args[0]
        for _ in range(N):
            f(a)
    elif len(args) == 2:
        a, b = args
        for _ in range(N):
            f(a, b)
    else:
        a, b, c, d = args
        for _ in range(N):
            f(a, b, c, d)


rt = Runtime(131072, native="never")
rt.register_natives("env", {"one": ("(i)i", lambda n: n), "view": ("(*~)", lambda view, n: None)})
rt.register_module("other", rt.instantiate(rt.load(OTHER)))
with open("bench/calls.wasm", "rb") as file:
    e = rt.instantiate(rt.load(file)).exports
print("Python calls a Python function (i32) -> i32: %d ns" % best(repeat, lambda n: n, 7))
for name, args in (("none", ()), ("id", (7,)), ("four", (1, 2, 3, 4)), ("wide", (7, 1.5))):
    print("Python calls %s: %d ns" % (name, best(repeat, e[name], *args)))
empty = best(e.empty, N)
print("a turn of an empty loop: %d ns" % empty)
for name, text in (("hosts", "a host function (i)i"), ("views", "a host function (*~)"), ("others", "another instance")):
    print("WebAssembly calls %s and comes back: %d ns" % (text, best(e[name], N) - empty))
