# Runs app.wasm, which imports from thermo.wasm and average.wasm; thermo imports from average too. For the RP2040's thermometer
# MIT license; Copyright (c) 2026 the pitwasm authors

from pitwasm import Runtime
from pitwasm.peripherals import grant

THERMOMETER = 4


def load(name):
    with open(name + ".wasm", "rb") as stream:
        return rt.load(stream, name)


rt = Runtime(12288)
for name in ("average", "thermo"):
    rt.register_module(name, load(name))
grant(rt, only="app", adc={THERMOMETER: True}, time=True)  # the plugins get nothing
app = rt.instantiate(load("app"))

print("mean of 10: %.1f degrees" % (app.exports.run(THERMOMETER, 10) / 1000))
print("%d readings in average" % rt.lookup_function(app, "$average$count")())
print("warm" if rt.lookup_function(app, "$thermo$warm")() else "not warm")
rt.destroy()
