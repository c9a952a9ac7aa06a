// A guest that calls its host: prints through an imported function, chooses among functions through a table.
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// The host gives "env" "print": (address, bytes). Built with its name section, so that backtraces name functions.

typedef unsigned char u8;
typedef unsigned u32;
#define EXPORT(name) __attribute__((export_name(#name), noinline))

__attribute__((import_module("env"), import_name("print"))) void print(const char *text, u32 bytes);

static char line[80];
static u32 length;

static void put(const char *s) {
    while (*s && length < sizeof line) line[length++] = *s++;
}

static void put_number(u32 n) {
    if (n > 9) put_number(n / 10);
    if (length < sizeof line) line[length++] = '0' + n % 10;
}

static u32 twice(u32 x) { return 2 * x; }
static u32 square(u32 x) { return x * x; }
static u32 triangle(u32 x) { return x * (x + 1) / 2; }
static u32 collatz(u32 x) {
    u32 steps = 0;
    for (; x > 1; steps++) x = x & 1 ? 3 * x + 1 : x / 2;
    return steps;
}
__attribute__((noinline)) static u32 refuse(u32 x) {
    if (x > 40) __builtin_trap();
    return x;
}

static const struct {
    const char *name;
    u32 (*function)(u32);
} table[] = {{"twice", twice}, {"the square of", square}, {"the triangle of", triangle}, {"steps from", collatz}, {"just", refuse}};

EXPORT(hello) u32 hello(u32 x) {
    u32 sum = 0;
    for (u32 i = 0; i < sizeof table / sizeof *table; i++) {
        u32 y = table[i].function(x);
        sum += y;
        length = 0;
        put(table[i].name);
        put(" ");
        put_number(x);
        put(": ");
        put_number(y);
        put("\n");
        print(line, length);
    }
    return sum;
}
