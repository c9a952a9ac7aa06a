# One contender of the benchmark, in a process of its own: "workload argument calls" on stdin, "result seconds" on stdout
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Arguments: its kind (python, pitwasm, native, pywasm, wasm3) and workloads.wasm. Runs under MicroPython (the first three) and CPython.
# A result is a decimal integer or, for a float, "f" and its 64 bits in hexadecimal.

import struct
import sys
import time

if hasattr(time, "perf_counter_ns"):

    def seconds(f, argument, calls):
        start = time.perf_counter_ns()
        for _ in range(calls):
            f(argument)
        return (time.perf_counter_ns() - start) / 1e9

else:

    def seconds(f, argument, calls):
        start = time.ticks_us()
        for _ in range(calls):
            f(argument)
        return time.ticks_diff(time.ticks_us(), start) / 1e6


def python(path):
    import algorithms

    return lambda name: getattr(algorithms, name)


def pitwasm(path, native="never"):
    import pitwasm

    rt = pitwasm.Runtime(256 * 1024, stack=8192, native=native)
    with open(path, "rb") as stream:
        instance = rt.instantiate(rt.load(stream))
    return lambda name: rt.lookup_function(instance, name)


def native(path):
    return pitwasm(path, "always")


def pywasm(path):
    import pywasm

    rt = pywasm.Runtime()
    module = rt.instance_from_file(path)
    return lambda name: lambda argument: rt.invocate(module, name, [argument])[0]


def wasm3(path):
    import wasm3

    env = wasm3.Environment()
    rt = env.new_runtime(64 * 1024)
    with open(path, "rb") as f:
        rt.load(env.parse_module(f.read()))
    return rt.find_function


def main():
    sys.path.insert(0, path.rsplit("/", 1)[0])
    find = {"python": python, "pitwasm": pitwasm, "native": native, "pywasm": pywasm, "wasm3": wasm3}[kind](path)
    functions = {}
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        name, argument, calls = line.split()
        f = functions.get(name)
        if f is None:
            f = functions[name] = find(name)
        argument = int(argument)
        result = f(argument)
        taken = seconds(f, argument, int(calls)) if int(calls) else 0
        text = "f%x" % struct.unpack("<Q", struct.pack("<d", result))[0] if isinstance(result, float) else str(result)
        print(text, taken)
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


kind, path = sys.argv[1:3]
main()
