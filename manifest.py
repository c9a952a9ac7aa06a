# Freezes pitwasm into a firmware: include("…/pitwasm/manifest.py", arch="armv7m") in the board's manifest, after make build
# MIT license; Copyright (c) 2026 the pitwasm authors

# The .mpy files go in as they were tested: a firmware's own mpy-cross may be older than 1.29 and mistranslate viper.
# arch is mpy-cross's name for the board's processor: armv6m, armv7m, xtensawin, rv32imc (x64 and x86 for unix).
options.defaults(arch="armv6m")

freeze_mpy("build/" + options.arch, "pitwasm")
