# What is frozen into the firmware of a Pico: ../manifest.py
# MIT license; Copyright (c) 2026 the pitwasm authors

options.defaults(pitwasm=True, lib=True)

include("../manifest.py", arch="armv6m", pitwasm=options.pitwasm, lib=options.lib)
