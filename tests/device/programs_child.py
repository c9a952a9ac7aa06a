# Runs the random programs of tools/programs.py; arguments: a folder with jobs.json and SEED.wasm, what Runtime(native=...) gets, fuel
# of a slice (0: all at once); prints a line for each: its seed, what came out, the fuel that each call took
# MIT license; Copyright (c) 2026 the pitwasm authors
import binascii
import json
import sys

from pitwasm import OutOfFuel, PitwasmError, Runtime, Trap

folder = sys.argv[1]
native = sys.argv[2]
slice_ = int(sys.argv[3])
rt = Runtime(600000, stack=16384, native=native, native_budget=200000)
if native == "hot":
    rt._tier.slice = rt._tier.left = 2  # at first: what runs twice becomes machine code, and then runs for some time
start = rt.pool.used
for seed, calls in json.load(open(folder + "/jobs.json")):
    out = []
    used = []
    try:
        module = rt.load(open("%s/%d.wasm" % (folder, seed), "rb"))
        inst = rt.instantiate(module)
    except PitwasmError as exc:
        print(seed, json.dumps([["load " + str(exc)], []]))
        continue
    for name, arguments in calls:
        given = rt.fuel = slice_ or 3000000
        resume = False
        while True:
            try:
                out += rt.resume() if resume else inst.exports[name].call_bits(*arguments)
            except Trap as exc:
                if isinstance(exc, OutOfFuel) and slice_ and given < 3000000:
                    more = slice_ if given < 1000 else 3000000 - given
                    given += more
                    rt.fuel += more
                    resume = True
                    continue
                out.append("trap " + exc.text)
                out.append([str(frame) for frame in exc.frames])
            break
        used.append(given - rt.fuel)
    rt.fuel = None
    out.append(binascii.crc32(inst.memory[0 : len(inst.memory)]))
    rt.deinstantiate(inst)
    rt.unload(module)
    if rt.pool.used != start:
        out.append("leak %d" % (rt.pool.used - start))
    print(seed, json.dumps([out, used]))
