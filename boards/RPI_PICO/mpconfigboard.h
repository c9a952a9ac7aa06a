// Raspberry Pi Pico with pitwasm: nothing differs from MicroPython's own board but what is frozen
// MIT license; Copyright (c) 2026 the pitwasm authors

// 640 KB for the firmware, 1408 KB for the filesystem. Stock 1.26 takes 325 KB, pitwasm adds 157 KB: it fits as it is.
#include "boards/RPI_PICO/mpconfigboard.h"
