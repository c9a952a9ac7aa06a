// Blinks a light, as often and as fast as its host says
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "pitwasm.h"

PIT_EXPORT(blink) void blink(int32_t pin, int32_t times, int32_t ms) {
    pit_handle led = pit_gpio_open(pin);
    for (; times > 0; times--) {
        pit_gpio_write(led, 1);
        pit_sleep_ms(ms);
        pit_gpio_write(led, 0);
        pit_sleep_ms(ms);
    }
    pit_gpio_close(led);
}
