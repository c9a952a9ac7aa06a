# What is frozen into the firmware of a Pico 2 (Arm): ../manifest.py
# MIT license; Copyright (c) 2026 the pitwasm authors

options.defaults(pitwasm=True, lib=True)

include("../manifest.py", arch="armv7m", pitwasm=options.pitwasm, lib=options.lib)
