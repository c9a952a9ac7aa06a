// Scratch memory, random numbers, and material to work on.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "kit.h"

union kit_work work;

u32 next_random(u32 *state) {  // xorshift, Marsaglia 2003
    u32 x = *state ? *state : 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

u32 mix(u32 hash, u32 value) {  // FNV-1a over the four bytes
    for (u32 i = 0; i < 4; i++) hash = (hash ^ (value >> 8 * i & 255)) * 16777619u;
    return hash;
}

u32 mix_bytes(u32 hash, const u8 *bytes, u32 count) {
    while (count--) hash = (hash ^ *bytes++) * 16777619u;
    return hash;
}

u32 length_of(const char *text) {
    u32 n = 0;
    while (text[n]) n++;
    return n;
}

void fill_random(u8 *bytes, u32 count, u32 seed) {
    while (count--) *bytes++ = next_random(&seed) >> 11;
}

static const char *const words[] = {"board", "flash", "pin", "timer", "the", "a", "of", "stack", "memory", "reads", "writes", "and"};

void fill_text(u8 *bytes, u32 count, u32 seed) {
    u32 i = 0;
    while (i < count) {
        const char *word = words[(next_random(&seed) >> 9) % COUNT(words)];
        while (*word && i < count) bytes[i++] = *word++;
        if (i < count) bytes[i++] = next_random(&seed) >> 28 ? ' ' : '\n';
    }
}
