# Runs the random programs of tools/programs.py: argument: a folder with jobs.json and SEED.wasm; prints a line for each
# MIT license; Copyright (c) 2026 the pitwasm authors
import binascii
import json
import sys

from pitwasm import PitwasmError, Runtime, Trap

folder = sys.argv[1]
rt = Runtime(600000, stack=16384)
start = rt.pool.used
for seed, calls in json.load(open(folder + "/jobs.json")):
    out = []
    try:
        module = rt.load(open("%s/%d.wasm" % (folder, seed), "rb"))
        inst = rt.instantiate(module)
    except PitwasmError as exc:
        print(seed, json.dumps(["load " + str(exc)]))
        continue
    for name, arguments in calls:
        try:
            rt.fuel = 3000000
            out += inst.exports[name].call_bits(*arguments)
        except Trap as exc:
            out.append("trap " + exc.text)
    rt.fuel = None
    out.append(binascii.crc32(inst.memory[0 : len(inst.memory)]))
    rt.deinstantiate(inst)
    rt.unload(module)
    if rt.pool.used != start:
        out.append("leak %d" % (rt.pool.used - start))
    print(seed, json.dumps(out))
