// An ESP32 with pitwasm: nothing differs from MicroPython's own board but what is frozen, and where the filesystem starts
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "boards/ESP32_GENERIC/mpconfigboard.h"
