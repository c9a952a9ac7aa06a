// Conway's Game of Life on a torus, its history packed and unpacked by a small LZ coder, both checked by CRC-32.
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// run(generations) plays, packs every board and returns the CRC-32 of all boards; it returns 0 when what was unpacked
// differs from what was packed. text() and text_size() give the last board and the figures as text.

typedef unsigned char u8;
typedef unsigned u32;
#define EXPORT(name) __attribute__((export_name(#name), noinline))

enum { WIDTH = 48, HEIGHT = 20, STRIDE = WIDTH / 8, BOARD = STRIDE * HEIGHT, KEPT = 16, HISTORY = BOARD * KEPT };

static u8 history[HISTORY];   // what changed from board to board, KEPT boards, one bit a cell: the packer's input
static u8 packed[HISTORY + HISTORY / 8 + 8];
static u8 unpacked[HISTORY];
static u8 board[BOARD], next_board[BOARD];
static char text_buffer[(WIDTH + 1) * HEIGHT + 200];
static u32 text_length, packed_total, board_total;

// ---- CRC-32 (IEEE 802.3), four bits at a time

static const u32 nibbles[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static u32 crc32(u32 crc, const u8 *p, u32 n) {
    while (n--) {
        crc ^= *p++;
        crc = nibbles[crc & 15] ^ (crc >> 4);
        crc = nibbles[crc & 15] ^ (crc >> 4);
    }
    return crc;
}

// ---- the game

static u32 cell(const u8 *b, u32 x, u32 y) { return b[y * STRIDE + (x >> 3)] >> (x & 7) & 1; }

static void fill(u32 seed) {
    for (u32 i = 0; i < BOARD; i++) {
        u32 bits = 0;
        for (u32 k = 0; k < 8; k++) {  // one cell in four lives
            seed = seed * 1664525u + 1013904223u;
            bits |= (seed >> 30 == 0) << k;
        }
        board[i] = bits;
    }
}

static void generation(void) {
    for (u32 y = 0; y < HEIGHT; y++) {
        u32 up = y ? y - 1 : HEIGHT - 1, down = y + 1 < HEIGHT ? y + 1 : 0;
        for (u32 x = 0; x < WIDTH; x++) {
            u32 left = x ? x - 1 : WIDTH - 1, right = x + 1 < WIDTH ? x + 1 : 0;
            u32 count = cell(board, left, up) + cell(board, x, up) + cell(board, right, up) + cell(board, left, y)
                      + cell(board, right, y) + cell(board, left, down) + cell(board, x, down) + cell(board, right, down);
            u32 lives = count == 3 || (count == 2 && cell(board, x, y));
            u8 *p = &next_board[y * STRIDE + (x >> 3)];
            *p = lives ? *p | 1u << (x & 7) : *p & ~(1u << (x & 7));
        }
    }
    for (u32 i = 0; i < BOARD; i++) board[i] = next_board[i];
}

// ---- packing: groups of eight items behind a byte of flags; an item is a literal, or two bytes distance and length

enum { MIN_MATCH = 3, MAX_MATCH = MIN_MATCH + 15, MAX_DISTANCE = 4095 };

static unsigned short latest[256];  // hash of three bytes -> where they were seen last, plus one

static u32 pack(const u8 *in, u32 n, u8 *out) {
    u32 o = 0, flags = 0, bit = 8;
    for (u32 i = 0; i < 256; i++) latest[i] = 0;
    for (u32 i = 0; i < n;) {
        if (bit == 8) { flags = o; out[o++] = 0; bit = 0; }
        u32 length = 0, distance = 0;
        if (i + MIN_MATCH <= n) {
            unsigned short *seen = &latest[(in[i] * 31u + in[i + 1] * 7u + in[i + 2]) & 255];
            distance = *seen ? i + 1 - *seen : 0;
            *seen = i + 1;
            if (distance && distance <= MAX_DISTANCE)
                while (length < MAX_MATCH && i + length < n && in[i + length - distance] == in[i + length]) length++;
        }
        if (length >= MIN_MATCH) {
            out[flags] |= 1u << bit;
            out[o++] = distance;
            out[o++] = distance >> 8 << 4 | (length - MIN_MATCH);
            i += length;
        } else {
            out[o++] = in[i++];
        }
        bit++;
    }
    return o;
}

static u32 unpack(const u8 *in, u32 n, u8 *out, u32 room) {
    u32 o = 0;
    for (u32 i = 0; i < n;) {
        u32 flags = in[i++];
        for (u32 bit = 0; bit < 8 && i < n; bit++) {
            if (flags >> bit & 1) {
                u32 distance = in[i] | (in[i + 1] >> 4) << 8, length = (in[i + 1] & 15) + MIN_MATCH;
                i += 2;
                if (distance > o || o + length > room) return 0;
                for (; length--; o++) out[o] = out[o - distance];
            } else {
                if (o == room) return 0;
                out[o++] = in[i++];
            }
        }
    }
    return o;
}

// ---- the report

static void put(const char *s) { while (*s) text_buffer[text_length++] = *s++; }

static void put_number(u32 n) {
    char digits[10];
    u32 k = 0;
    do { digits[k++] = '0' + n % 10; n /= 10; } while (n);
    while (k) text_buffer[text_length++] = digits[--k];
}

static void report(u32 generations) {
    u32 living = 0;
    text_length = 0;
    for (u32 y = 0; y < HEIGHT; y++) {
        for (u32 x = 0; x < WIDTH; x++) {
            u32 lives = cell(board, x, y);
            living += lives;
            text_buffer[text_length++] = lives ? 'o' : '.';
        }
        put("\n");
    }
    put("after "); put_number(generations); put(" generations "); put_number(living); put(" cells live; ");
    put_number(board_total); put(" bytes of boards packed into "); put_number(packed_total); put("\n");
}

static int flush(u32 boards) {
    u32 bytes = boards * BOARD, size = pack(history, bytes, packed);
    packed_total += size;
    board_total += bytes;
    return unpack(packed, size, unpacked, HISTORY) == bytes && crc32(~0u, history, bytes) == crc32(~0u, unpacked, bytes);
}

EXPORT(run) u32 run(u32 generations) {
    u32 crc = ~0u, kept = 0;
    packed_total = board_total = 0;
    fill(2026);
    for (u32 g = 0; g < generations; g++) {
        u8 *change = &history[kept * BOARD];
        for (u32 i = 0; i < BOARD; i++) change[i] = board[i];
        generation();
        for (u32 i = 0; i < BOARD; i++) change[i] ^= board[i];
        crc = crc32(crc, board, BOARD);
        if (++kept == KEPT || g + 1 == generations) {
            if (!flush(kept)) return 0;
            kept = 0;
        }
    }
    report(generations);
    return ~crc;
}

EXPORT(text) const char *text(void) { return text_buffer; }
EXPORT(text_size) u32 text_size(void) { return text_length; }
