// A program for WASI, written against an ordinary C library: counts lines, words and bytes of its input; status 1 if there are none
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// read() and write() instead of stdio, no malloc(), no argv: then wasi-libc's heap stays out, and the memory never grows.

#include <stdbool.h>
#include <unistd.h>

static char line[48];
static size_t length;

static void put(const char *text) {
    while (*text) line[length++] = *text++;
}

static void put_number(unsigned n) {
    if (n > 9) put_number(n / 10);
    line[length++] = '0' + n % 10;
}

int main(void) {
    static char input[64];
    unsigned lines = 0, words = 0, bytes = 0;
    bool inside = false;
    ssize_t n;
    while ((n = read(STDIN_FILENO, input, sizeof input)) > 0) {
        bytes += n;
        for (ssize_t i = 0; i < n; i++) {
            bool space = input[i] == ' ' || (input[i] >= '\t' && input[i] <= '\r');
            lines += input[i] == '\n';
            words += inside && space;
            inside = !space;
        }
    }
    put_number(lines);
    put(" lines, ");
    put_number(words + inside);
    put(" words, ");
    put_number(bytes);
    put(" bytes\n");
    write(STDOUT_FILENO, line, length);
    return bytes == 0;
}
