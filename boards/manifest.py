# What is frozen into every board's firmware: MicroPython's own modules and pitwasm, made before by `make build ARGS="--arch …"`
# MIT license; Copyright (c) 2026 the pitwasm authors

# pitwasm=False: stock. lib=False: without the drivers from micropython-lib, which Debian's source package leaves out.
options.defaults(arch="", pitwasm=True, lib=True)

if options.lib:
    include("$(PORT_DIR)/boards/manifest.py")
else:
    freeze("$(PORT_DIR)/modules")
    include("$(MPY_DIR)/extmod/asyncio")

if options.pitwasm:
    include("../manifest.py", arch=options.arch)
