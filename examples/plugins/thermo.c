// A plugin that imports from average: turns readings of the RP2040's thermometer into temperatures, and adds them up there
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "pitwasm.h"

PIT_IMPORT("average", "add") void average_add(int32_t x);
PIT_IMPORT("average", "mean") int32_t average_mean(void);

// Thousandths of a degree from a reading of 16 bits (RP2040 datasheet, 4.9.5).
PIT_EXPORT(convert) int32_t convert(int32_t reading) {
    int32_t microvolts = (reading >> 4) * 80566 / 100;
    int32_t t = 27000 - (microvolts - 706000) * 100 / 172;
    average_add(t);
    return t;
}

PIT_EXPORT(warm) int32_t warm(void) { return average_mean() > 30000; }
