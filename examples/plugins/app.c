// Imports from both plugins; what thermo added to average is seen here too: there is one instance of it
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "pitwasm.h"

PIT_IMPORT("thermo", "convert") int32_t thermo_convert(int32_t reading);
PIT_IMPORT("average", "mean") int32_t average_mean(void);

PIT_EXPORT(run) int32_t run(int32_t input, int32_t times) {
    pit_handle adc = pit_adc_open(input);
    while (times-- > 0) {
        thermo_convert(pit_adc_read(adc));
        pit_sleep_ms(1);
    }
    pit_adc_close(adc);
    return average_mean();
}
