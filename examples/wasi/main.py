# Runs count.wasm, an ordinary WASI program, with a file as its input
# MIT license; Copyright (c) 2026 the pitwasm authors

from pitwasm import Exit, Runtime

rt = Runtime(12288)
with open("count.wasm", "rb") as stream:
    module = rt.load(stream, "count")
status = 0
with open("main.py", "rb") as text:
    rt.set_wasi_args(module, stdin=text)
    try:
        rt.instantiate(module).exports._start()
    except Exit as exc:
        status = exc.status
print("status", status)
rt.destroy()
