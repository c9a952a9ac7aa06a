// Codecs: base64, base85, run lengths, LZ, canonical Huffman, inflate (RFC 1951), variable-length integers, Hamming codes.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "kit.h"

// ---- base64 (RFC 4648) and base85

static u32 base64_digit(u32 v) { return v < 26 ? 'A' + v : v < 52 ? 'a' + v - 26 : v < 62 ? '0' + v - 52 : v == 62 ? '+' : '/'; }

static i32 base64_value(u32 c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static u32 base64_encode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0;
    for (u32 i = 0; i < n; i += 3) {
        u32 left = n - i, v = in[i] << 16 | (left > 1 ? in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        out[o++] = base64_digit(v >> 18);
        out[o++] = base64_digit(v >> 12 & 63);
        out[o++] = left > 1 ? base64_digit(v >> 6 & 63) : '=';
        out[o++] = left > 2 ? base64_digit(v & 63) : '=';
    }
    return o;
}

static i32 base64_decode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0, bits = 0, have = 0;
    for (u32 i = 0; i < n && in[i] != '='; i++) {
        i32 v = base64_value(in[i]);
        if (v < 0) return -1;
        bits = bits << 6 | v;
        have += 6;
        if (have >= 8) out[o++] = bits >> (have -= 8);
    }
    return o;
}

static u32 base85_encode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0;
    for (u32 i = 0; i + 4 <= n; i += 4) {
        u32 v = (u32)in[i] << 24 | in[i + 1] << 16 | in[i + 2] << 8 | in[i + 3];
        for (i32 k = 4; k >= 0; k--, v /= 85) out[o + k] = '!' + v % 85;
        o += 5;
    }
    return o;
}

static u32 base85_decode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0;
    for (u32 i = 0; i + 5 <= n; i += 5) {
        u32 v = 0;
        for (u32 k = 0; k < 5; k++) v = v * 85 + (in[i + k] - '!');
        for (u32 k = 0; k < 4; k++) out[o++] = v >> (24 - 8 * k);
    }
    return o;
}

EXPORT(bases) i32 bases(u32 count) {
    u8 *plain = work.bytes, *coded = plain + 512, *back = coded + 1024;
    u32 hash = 0;
    if (count > 480) count = 480;
    for (u32 n = 0; n < count; n += 1 + n / 4) {
        fill_random(plain, n, n);
        u32 size = base64_encode(plain, n, coded);
        hash = mix_bytes(hash, coded, size);
        if (base64_decode(coded, size, back) != (i32)n || mix_bytes(1, plain, n) != mix_bytes(1, back, n)) return -1;
        size = base85_encode(plain, n, coded);
        hash = mix_bytes(hash, coded, size);
        if (base85_decode(coded, size, back) != n / 4 * 4 || mix_bytes(1, plain, n / 4 * 4) != mix_bytes(1, back, n / 4 * 4)) return -2;
    }
    return hash;
}

// ---- run lengths and LZ

static u32 runs_encode(const u8 *in, u32 n, u8 *out) {  // PackBits
    u32 o = 0;
    for (u32 i = 0; i < n;) {
        u32 run = 1;
        while (i + run < n && run < 128 && in[i + run] == in[i]) run++;
        if (run > 2) {
            out[o++] = 257 - run;
            out[o++] = in[i];
            i += run;
            continue;
        }
        u32 at = o++, literals = 0;
        while (i < n && literals < 128 && !(i + 2 < n && in[i] == in[i + 1] && in[i] == in[i + 2])) out[o++] = in[i++], literals++;
        out[at] = literals - 1;
    }
    return o;
}

static u32 runs_decode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0;
    for (u32 i = 0; i < n;) {
        u32 c = in[i++];
        if (c < 128)
            for (c++; c--;) out[o++] = in[i++];
        else
            for (c = 257 - c; c--;) out[o++] = in[i], i += !c;
    }
    return o;
}

static u32 lz_encode(const u8 *in, u32 n, u8 *out) {  // tokens as in LZ4: literal count, match length; two bytes distance
    u32 o = 0, from = 0, i = 0;
    while (i < n) {
        u32 best = 0, where = 0;
        for (u32 j = i > 255 ? i - 255 : 0; j < i; j++) {
            u32 k = 0;
            while (k < 18 && i + k < n && in[j + k] == in[i + k]) k++;
            if (k > best) best = k, where = i - j;
        }
        if (best < 4) {
            i++;
            if (i < n && i - from < 15) continue;
            best = 0;
        }
        u32 literals = i - from;
        out[o++] = literals << 4 | (best ? best - 3 : 0);
        while (from < i) out[o++] = in[from++];
        if (best) out[o++] = where;
        from = i += best;
    }
    return o;
}

static u32 lz_decode(const u8 *in, u32 n, u8 *out) {
    u32 o = 0;
    for (u32 i = 0; i < n;) {
        u32 token = in[i++];
        for (u32 k = token >> 4; k--;) out[o++] = in[i++];
        if (token & 15) {
            u32 where = in[i++];
            for (u32 k = (token & 15) + 3; k--; o++) out[o] = out[o - where];
        }
    }
    return o;
}

EXPORT(lz) i32 lz(u32 count) {
    u8 *plain = work.bytes, *coded = plain + 600, *back = coded + 700;
    if (count > 600) count = 600;
    fill_text(plain, count, count + 7);
    u32 size = lz_encode(plain, count, coded), hash = mix_bytes(size, coded, size);
    if (lz_decode(coded, size, back) != count || mix_bytes(1, plain, count) != mix_bytes(1, back, count)) return -1;
    for (u32 i = 0; i < count; i++) plain[i] = plain[i] > 'p' ? plain[i] & 3 : 0;
    size = runs_encode(plain, count, coded);
    hash = mix_bytes(hash, coded, size);
    if (runs_decode(coded, size, back) != count || mix_bytes(1, plain, count) != mix_bytes(1, back, count)) return -2;
    return hash;
}

// ---- inflate: the whole of RFC 1951

struct bits {
    const u8 *in;
    u32 left, hold, have, failed;
};

struct tree {
    u16 count[16], symbol[288];
};

static u32 take(struct bits *b, u32 n) {
    while (b->have < n) {
        if (!b->left) {
            b->failed = 1;
            return 0;
        }
        b->hold |= (u32)*b->in++ << b->have;
        b->have += 8;
        b->left--;
    }
    u32 v = b->hold & ((1u << n) - 1);
    b->hold >>= n;
    b->have -= n;
    return v;
}

static void plant(struct tree *t, const u8 *lengths, u32 n) {
    u16 at[16];
    for (u32 i = 0; i < 16; i++) t->count[i] = 0;
    for (u32 i = 0; i < n; i++) t->count[lengths[i]]++;
    t->count[0] = at[0] = at[1] = 0;
    for (u32 i = 1; i < 15; i++) at[i + 1] = at[i] + t->count[i];
    for (u32 i = 0; i < n; i++)
        if (lengths[i]) t->symbol[at[lengths[i]]++] = i;
}

static u32 symbol(struct bits *b, const struct tree *t) {
    i32 code = 0, first = 0, index = 0;
    for (u32 length = 1; length < 16; length++) {
        code |= take(b, 1);
        i32 count = t->count[length];
        if (code - first < count) return t->symbol[index + code - first];
        index += count;
        first = (first + count) << 1;
        code <<= 1;
        if (b->failed) break;
    }
    b->failed = 1;
    return 256;
}

static const u8 order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static i32 inflate_to(const u8 *in, u32 n, u8 *out, u32 room, struct tree *literal, struct tree *distance, u8 *lengths) {
    struct bits b = {in, n, 0, 0, 0};
    u32 o = 0, last;
    do {
        last = take(&b, 1);
        u32 kind = take(&b, 2);
        if (kind == 0) {  // stored
            b.hold = b.have = 0;
            u32 size = take(&b, 16);
            if ((take(&b, 16) ^ 0xffff) != size || o + size > room) return -1;
            while (size--) out[o++] = take(&b, 8);
        } else if (kind == 3) {
            return -2;
        } else {
            if (kind == 1) {  // the fixed code
                for (u32 i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
                plant(literal, lengths, 288);
                for (u32 i = 0; i < 30; i++) lengths[i] = 5;
                plant(distance, lengths, 30);
            } else {
                u32 literals = take(&b, 5) + 257, distances = take(&b, 5) + 1, codes = take(&b, 4) + 4, i = 0;
                for (u32 k = 0; k < 19; k++) lengths[order[k]] = k < codes ? take(&b, 3) : 0;
                plant(literal, lengths, 19);
                while (i < literals + distances && !b.failed) {
                    u32 s = symbol(&b, literal);
                    if (s < 16) {
                        lengths[i++] = s;
                        continue;
                    }
                    u32 repeat = s == 16 ? 3 + take(&b, 2) : s == 17 ? 3 + take(&b, 3) : 11 + take(&b, 7);
                    u32 value = s == 16 && i ? lengths[i - 1] : 0;
                    if (i + repeat > literals + distances) return -3;
                    while (repeat--) lengths[i++] = value;
                }
                u8 *second = lengths + literals;
                plant(literal, lengths, literals);
                plant(distance, second, distances);
            }
            while (!b.failed) {
                u32 s = symbol(&b, literal);
                if (s == 256) break;
                if (o >= room) return -4;
                if (s < 256) {
                    out[o++] = s;
                    continue;
                }
                s -= 257;
                u32 extra = s < 8 || s == 28 ? 0 : (s >> 2) - 1;
                u32 length = s == 28 ? 258 : s < 8 ? s + 3 : (((s & 3) + 4) << extra) + 3 + take(&b, extra);
                u32 d = symbol(&b, distance);
                extra = d < 4 ? 0 : (d >> 1) - 1;
                u32 back = d < 4 ? d + 1 : (((d & 1) + 2) << extra) + 1 + take(&b, extra);
                if (back > o || o + length > room) return -5;
                for (; length--; o++) out[o] = out[o - back];
            }
        }
        if (b.failed) return -6;
    } while (!last);
    return o;
}

// "The quick brown fox jumps over the lazy dog. " four times, deflated with a dynamic code; then a stored and a fixed block.
static const u8 deflated[] = {
#include "deflated.inc"
};

EXPORT(inflate) i32 inflate(u32 damage) {
    u8 *base = work.bytes, *out = base + 2 * sizeof(struct tree) + 320;
    if (damage && damage <= sizeof deflated) {  // cut short: must be noticed
        i32 n = inflate_to(deflated, damage - 1, out, 300, (struct tree *)base, (struct tree *)base + 1, base + 2 * sizeof(struct tree));
        return n;
    }
    i32 n = inflate_to(deflated, sizeof deflated, out, 300, (struct tree *)base, (struct tree *)base + 1, base + 2 * sizeof(struct tree));
    return n < 0 ? n : (i32)mix_bytes(n, out, n);
}

// ---- small codes

EXPORT(leb128) i32 leb128(u32 count) {
    u32 hash = 0, seed = 99;
    for (u32 i = 0; i < count; i++) {
        i64 value = (i64)((u64)next_random(&seed) << 32 | next_random(&seed)) >> (i % 60), left = value, back = 0;
        u32 n = 0, shift = 0, more = 1;
        while (more) {
            u32 byte = left & 127;
            left >>= 7;
            more = !((left == 0 && !(byte & 64)) || (left == -1 && (byte & 64)));
            work.bytes[n++] = byte | more << 7;
        }
        for (u32 k = 0; k < n; k++, shift += 7) back |= (i64)(work.bytes[k] & 127) << shift;
        if (shift < 64 && work.bytes[n - 1] & 64) back |= -1ll << shift;
        if (back != value) return -1;
        hash = mix_bytes(hash, work.bytes, n);
    }
    return hash;
}

static u32 hamming_encode(u32 nibble) {
    u32 a = nibble & 1, b = nibble >> 1 & 1, c = nibble >> 2 & 1, d = nibble >> 3;
    return (a ^ b ^ d) | (a ^ c ^ d) << 1 | a << 2 | (b ^ c ^ d) << 3 | b << 4 | c << 5 | d << 6;
}

EXPORT(hamming) i32 hamming(u32 count) {
    u32 hash = 0, seed = 5;
    for (u32 i = 0; i < count; i++) {
        u32 nibble = i & 15, code = hamming_encode(nibble), flip = next_random(&seed) % 8, syndrome = 0;
        if (flip) code ^= 1u << (flip - 1);
        for (u32 k = 0; k < 7; k++)
            if (code >> k & 1) syndrome ^= k + 1;
        if (syndrome) code ^= 1u << (syndrome - 1);
        u32 back = (code >> 2 & 1) | (code >> 3 & 14);
        if (back != nibble || syndrome != flip) return -1;
        hash = mix(hash, code);
    }
    return hash;
}
