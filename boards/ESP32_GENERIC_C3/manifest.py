# What is frozen into the firmware of an ESP32-C3: ../manifest.py
# MIT license; Copyright (c) 2026 the pitwasm authors

options.defaults(pitwasm=True, lib=True)

include("../manifest.py", arch="rv32imc", pitwasm=options.pitwasm, lib=options.lib)
