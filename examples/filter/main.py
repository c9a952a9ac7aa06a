# Runs filter.wasm: over samples put into its memory, and over an analogue input (pin 26 of a Pico)
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct

from pitwasm import Runtime
from pitwasm.peripherals import grant

INPUT = 26

rt = Runtime(8192)
grant(rt, adc={INPUT: True}, log=True)
with open("filter.wasm", "rb") as stream:
    instance = rt.instantiate(rt.load(stream, "filter"))
f = instance.exports

raw = [0, 0, 0, 900, 0, 0] + [800] * 12  # a peak, then a step
at = f.samples()
form = "<%dh" % len(raw)
instance.memory[at : at + 2 * len(raw)] = struct.pack(form, *raw)
f.smooth(len(raw))
print(struct.unpack(form, instance.memory[at : at + 2 * len(raw)]))
print("input %d: %d" % (INPUT, f.measure(INPUT, 20)))
rt.destroy()
