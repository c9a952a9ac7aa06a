# What is frozen into the firmware of an ESP32-C3: MicroPython's own modules and pitwasm, made by `make build ARGS="--arch rv32imc"`
# MIT license; Copyright (c) 2026 the pitwasm authors

# pitwasm=False: stock. lib=False: without the drivers from micropython-lib, which Debian's source package leaves out.
options.defaults(pitwasm=True, lib=True)

if options.lib:
    include("$(PORT_DIR)/boards/manifest.py")
else:
    freeze("$(PORT_DIR)/modules")
    include("$(MPY_DIR)/extmod/asyncio")

if options.pitwasm:
    include("../../manifest.py", arch="rv32imc")
