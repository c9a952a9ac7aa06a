// A plugin that others import from: the mean of everything they add, whoever adds it
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "pitwasm.h"

static int32_t sum, n;

PIT_EXPORT(add) void add(int32_t x) {
    sum += x;
    n++;
}

PIT_EXPORT(mean) int32_t mean(void) { return n ? sum / n : 0; }
PIT_EXPORT(count) int32_t count(void) { return n; }
