# Runs blink.wasm; the light is pin 25 of a Pico, pin 2 of most ESP32 boards
# MIT license; Copyright (c) 2026 the pitwasm authors

from pitwasm import Runtime, Trap
from pitwasm.peripherals import grant

LED = 25

rt = Runtime(8192)
grant(rt, pins={LED: "out"}, time=True)
with open("blink.wasm", "rb") as stream:
    blink = rt.instantiate(rt.load(stream, "blink")).exports.blink
blink(LED, 5, 100)
print("blinked 5 times")

try:
    blink(LED - 1, 5, 100)
except Trap as exc:
    print("and no other pin:", exc)
rt.destroy()
