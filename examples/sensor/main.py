# Runs sensor.wasm: an LM75 at address 0x48, on a Pico's pins 4 (SDA) and 5 (SCL)
# MIT license; Copyright (c) 2026 the pitwasm authors

from machine import I2C, Pin
from pitwasm import Runtime
from pitwasm.peripherals import grant

BUS = 0
ADDRESS = 0x48

rt = Runtime(8192)
grant(rt, i2c={BUS: (I2C(BUS, sda=Pin(4), scl=Pin(5), freq=100000), ADDRESS)}, log=True)
with open("sensor.wasm", "rb") as stream:
    sensor = rt.instantiate(rt.load(stream, "sensor")).exports

code = sensor.setup(BUS, ADDRESS)
for _ in range(3):
    code = code or sensor.sample()
print("errno %d" % -code if code else "%.3f degrees" % (sensor.milli_celsius() / 1000))
rt.destroy()
