// What a pitwasm host can give to guests written in C or C++: pins, buses, time, a log (docs/peripherals.md)
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// Nothing of this works unless the host granted it: importing from a peripheral that was not granted fails when the module is
// loaded; opening a pin or device that was not granted, a handle that is not open and a buffer beyond the memory trap.
// Functions that return an int and can fail outside (no answer on a bus) return a negative errno: PIT_EIO, …
// No C library is needed. Functions that are not called are not imported.

#ifndef PITWASM_H
#define PITWASM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// PIT_EXPORT(tick) int32_t tick(void) { … }: the host finds it by that name.
// PIT_IMPORT("module", "name") int32_t f(void); is a function of another module.
#define PIT_EXPORT(name) __attribute__((export_name(#name)))
#define PIT_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

typedef int32_t pit_handle;  // at least 1

enum { PIT_EIO = -5, PIT_ENODEV = -19, PIT_EINVAL = -22, PIT_ETIMEDOUT = -110 };

// ---- pit_gpio: digital pins ----

PIT_IMPORT("pit_gpio", "open") pit_handle pit_gpio_open(int32_t pin);
PIT_IMPORT("pit_gpio", "close") void pit_gpio_close(pit_handle h);
PIT_IMPORT("pit_gpio", "read") int32_t pit_gpio_read(pit_handle h);  // 0 or 1
PIT_IMPORT("pit_gpio", "write") void pit_gpio_write(pit_handle h, int32_t level);  // traps on an input
PIT_IMPORT("pit_gpio", "toggle") void pit_gpio_toggle(pit_handle h);

// ---- pit_adc: analogue inputs ----

PIT_IMPORT("pit_adc", "open") pit_handle pit_adc_open(int32_t input);
PIT_IMPORT("pit_adc", "close") void pit_adc_close(pit_handle h);
PIT_IMPORT("pit_adc", "read") int32_t pit_adc_read(pit_handle h);  // 0 … 65535

// ---- pit_pwm: pulses ----

PIT_IMPORT("pit_pwm", "open") pit_handle pit_pwm_open(int32_t output);
PIT_IMPORT("pit_pwm", "close") void pit_pwm_close(pit_handle h);  // ends the pulses
PIT_IMPORT("pit_pwm", "freq") int32_t pit_pwm_freq(pit_handle h, int32_t hertz);  // 0, PIT_EINVAL
PIT_IMPORT("pit_pwm", "duty") void pit_pwm_duty(pit_handle h, int32_t width);  // 0 … 65535

// ---- pit_i2c: a handle is the device at an address (7 bits) ----

PIT_IMPORT("pit_i2c", "open") pit_handle pit_i2c_open(int32_t bus, int32_t address);
PIT_IMPORT("pit_i2c", "close") void pit_i2c_close(pit_handle h);
PIT_IMPORT("pit_i2c", "write") int32_t pit_i2c_write(pit_handle h, const void *data, size_t n);  // 0 or negative
PIT_IMPORT("pit_i2c", "read") int32_t pit_i2c_read(pit_handle h, void *data, size_t n);
// The usual way to read a register: write, then read without a stop between the two.
PIT_IMPORT("pit_i2c", "write_read") int32_t pit_i2c_write_read(pit_handle h, const void *command, size_t n, void *data, size_t m);

// ---- pit_spi: a handle is a bus with a chip select, which is low during each of these ----

PIT_IMPORT("pit_spi", "open") pit_handle pit_spi_open(int32_t bus);
PIT_IMPORT("pit_spi", "close") void pit_spi_close(pit_handle h);
PIT_IMPORT("pit_spi", "write") int32_t pit_spi_write(pit_handle h, const void *data, size_t n);  // 0 or negative
PIT_IMPORT("pit_spi", "read") int32_t pit_spi_read(pit_handle h, void *data, size_t n);
PIT_IMPORT("pit_spi", "write_read") int32_t pit_spi_write_read(pit_handle h, const void *command, size_t n, void *data, size_t m);
PIT_IMPORT("pit_spi", "transfer") int32_t pit_spi_transfer(pit_handle h, const void *out, size_t n, void *data, size_t m);  // n == m

// ---- pit_uart: serial ports ----

PIT_IMPORT("pit_uart", "open") pit_handle pit_uart_open(int32_t port);
PIT_IMPORT("pit_uart", "close") void pit_uart_close(pit_handle h);
PIT_IMPORT("pit_uart", "any") int32_t pit_uart_any(pit_handle h);  // bytes that can be read at once
PIT_IMPORT("pit_uart", "write") int32_t pit_uart_write(pit_handle h, const void *data, size_t n);  // bytes written, or negative
PIT_IMPORT("pit_uart", "read") int32_t pit_uart_read(pit_handle h, void *data, size_t n);  // bytes read (0: none there), or negative

// ---- pit_time ----

// Ticks have 30 bits and wrap around: compare them with pit_ticks_diff() only.
PIT_IMPORT("pit_time", "ticks_ms") int32_t pit_ticks_ms(void);
PIT_IMPORT("pit_time", "ticks_us") int32_t pit_ticks_us(void);
PIT_IMPORT("pit_time", "sleep_ms") void pit_sleep_ms(int32_t n);
PIT_IMPORT("pit_time", "sleep_us") void pit_sleep_us(int32_t n);
PIT_IMPORT("pit_time", "unix") int64_t pit_time_unix(void);  // seconds since 1970, as far as the board knows

static inline int32_t pit_ticks_diff(int32_t later, int32_t earlier) {
    return (int32_t)(((uint32_t)later - (uint32_t)earlier) << 2) >> 2;
}

// ---- pit_log: lines for people ----

PIT_IMPORT("pit_log", "text") void pit_log_text(const char *text, size_t n);
PIT_IMPORT("pit_log", "value") void pit_log_value(const char *name, size_t n, int32_t value);  // "name = value"

// For literals: PIT_LOG("ready"), PIT_LOG_VALUE("level", 42)
#define PIT_LOG(literal) pit_log_text(literal, sizeof(literal) - 1)
#define PIT_LOG_VALUE(literal, value) pit_log_value(literal, sizeof(literal) - 1, value)

#ifdef __cplusplus
}
#endif
#endif
