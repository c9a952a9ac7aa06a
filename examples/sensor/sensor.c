// Reads an LM75 thermometer over I2C (LM75, TMP75 and TMP175 speak alike)
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "pitwasm.h"

static pit_handle device;
static int32_t last;  // in thousandths of a degree Celsius

// Wake the device up: 0, or a negative errno when nobody answers at that address.
PIT_EXPORT(setup) int32_t setup(int32_t bus, int32_t address) {
    static const uint8_t awake[] = {1, 0};  // configuration register: not shut down
    device = pit_i2c_open(bus, address);
    return pit_i2c_write(device, awake, sizeof awake);
}

// Take a reading: 0 or a negative errno.
PIT_EXPORT(sample) int32_t sample(void) {
    static const uint8_t temperature = 0;  // register: a signed number of 1/256 degrees, big-endian
    uint8_t raw[2];
    int32_t code = pit_i2c_write_read(device, &temperature, 1, raw, sizeof raw);
    if (code < 0) return code;
    last = (int16_t)(raw[0] << 8 | raw[1]) * 125 / 32;
    PIT_LOG_VALUE("m°C", last);
    return 0;
}

PIT_EXPORT(milli_celsius) int32_t milli_celsius(void) { return last; }
