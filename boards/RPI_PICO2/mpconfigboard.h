// Raspberry Pi Pico 2 with pitwasm: nothing differs from MicroPython's own board but what is frozen
// MIT license; Copyright (c) 2026 the pitwasm authors

// 1 MB of flash for the firmware, 3 MB for the filesystem. With pitwasm the firmware takes 472 KB: it fits as it is.
#include "boards/RPI_PICO2/mpconfigboard.h"
