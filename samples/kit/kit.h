// A kit of classic algorithms in one 30 KB module that needs less than 4 KB of memory: what the files share.
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// Every export takes a seed or a size and returns a number that depends on everything it computed; none of them keeps
// anything between calls.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

#define EXPORT(name) __attribute__((export_name(#name), noinline))
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { WORK = 2048 };

extern union kit_work {  // the one scratch area
    u8 bytes[WORK];
    u16 halves[WORK / 2];
    u32 words[WORK / 4];
    i32 ints[WORK / 4];
    u64 longs[WORK / 8];
    float floats[WORK / 4];
    double doubles[WORK / 8];
} work;

u32 next_random(u32 *state);
u32 mix(u32 hash, u32 value);
u32 mix_bytes(u32 hash, const u8 *bytes, u32 count);
u32 length_of(const char *text);
void fill_random(u8 *bytes, u32 count, u32 seed);
void fill_text(u8 *bytes, u32 count, u32 seed);
