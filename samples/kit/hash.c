// Digests: MD5, SHA-1, SHA-256, a relative of SHA-512, SipHash, Adler-32 and two CRCs.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "kit.h"

#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define ROR64(x, n) ((x) >> (n) | (x) << (64 - (n)))

static u32 big32(const u8 *p) { return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static u64 big64(const u8 *p) { return (u64)big32(p) << 32 | big32(p + 4); }

// ---- SHA-256 (FIPS 180-4)

#define ROUND256(a, b, c, d, e, f, g, h, k, i)                                                          \
    t = h + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + ((e & f) ^ (~e & g)) + k + w[i];                     \
    d += t;                                                                                             \
    h = t + (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
#define EIGHT256(i, k0, k1, k2, k3, k4, k5, k6, k7)                                                      \
    ROUND256(a, b, c, d, e, f, g, h, k0, i) ROUND256(h, a, b, c, d, e, f, g, k1, i + 1)                  \
    ROUND256(g, h, a, b, c, d, e, f, k2, i + 2) ROUND256(f, g, h, a, b, c, d, e, k3, i + 3)              \
    ROUND256(e, f, g, h, a, b, c, d, k4, i + 4) ROUND256(d, e, f, g, h, a, b, c, k5, i + 5)              \
    ROUND256(c, d, e, f, g, h, a, b, k6, i + 6) ROUND256(b, c, d, e, f, g, h, a, k7, i + 7)

static void sha256_block(u32 *s, const u8 *block) {
    u32 *w = work.words + WORK / 4 - 64, t;
    for (u32 i = 0; i < 16; i++) w[i] = big32(block + 4 * i);
    for (u32 i = 16; i < 64; i++)
        w[i] = w[i - 16] + (ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7]
             + (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
    u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    EIGHT256(0, 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5)
    EIGHT256(8, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174)
    EIGHT256(16, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da)
    EIGHT256(24, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967)
    EIGHT256(32, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85)
    EIGHT256(40, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070)
    EIGHT256(48, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3)
    EIGHT256(56, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2)
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
}

// ---- MD5 (RFC 1321) and SHA-1 (FIPS 180-4)

#define STEP_MD5(f, a, b, c, d, i, k, s) a += (f) + m[i] + k; a = b + ROL(a, s);
#define F1(b, c, d) (d ^ (b & (c ^ d)))
#define F2(b, c, d) (c ^ (d & (b ^ c)))
#define F3(b, c, d) (b ^ c ^ d)
#define F4(b, c, d) (c ^ (b | ~d))
#define FOUR(f, i0, i1, i2, i3, s0, s1, s2, s3, k0, k1, k2, k3)                                           \
    STEP_MD5(f(b, c, d), a, b, c, d, i0, k0, s0) STEP_MD5(f(a, b, c), d, a, b, c, i1, k1, s1)             \
    STEP_MD5(f(d, a, b), c, d, a, b, i2, k2, s2) STEP_MD5(f(c, d, a), b, c, d, a, i3, k3, s3)

static void md5_block(u32 *s, const u32 *m) {
    u32 a = s[0], b = s[1], c = s[2], d = s[3];
    FOUR(F1, 0, 1, 2, 3, 7, 12, 17, 22, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee)
    FOUR(F1, 4, 5, 6, 7, 7, 12, 17, 22, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501)
    FOUR(F1, 8, 9, 10, 11, 7, 12, 17, 22, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be)
    FOUR(F1, 12, 13, 14, 15, 7, 12, 17, 22, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821)
    FOUR(F2, 1, 6, 11, 0, 5, 9, 14, 20, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa)
    FOUR(F2, 5, 10, 15, 4, 5, 9, 14, 20, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8)
    FOUR(F2, 9, 14, 3, 8, 5, 9, 14, 20, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed)
    FOUR(F2, 13, 2, 7, 12, 5, 9, 14, 20, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a)
    FOUR(F3, 5, 8, 11, 14, 4, 11, 16, 23, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c)
    FOUR(F3, 1, 4, 7, 10, 4, 11, 16, 23, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70)
    FOUR(F3, 13, 0, 3, 6, 4, 11, 16, 23, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05)
    FOUR(F3, 9, 12, 15, 2, 4, 11, 16, 23, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665)
    FOUR(F4, 0, 7, 14, 5, 6, 10, 15, 21, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039)
    FOUR(F4, 12, 3, 10, 1, 6, 10, 15, 21, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1)
    FOUR(F4, 8, 15, 6, 13, 6, 10, 15, 21, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1)
    FOUR(F4, 4, 11, 2, 9, 6, 10, 15, 21, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391)
    s[0] += a; s[1] += b; s[2] += c; s[3] += d;
}

#define STEP_SHA1(f, a, b, c, d, e, i) e += ROL(a, 5) + (f) + w[i]; b = ROL(b, 30);
#define FIVE(f, i, k)                                                                                     \
    STEP_SHA1(f(b, c, d) + k, a, b, c, d, e, i) STEP_SHA1(f(a, b, c) + k, e, a, b, c, d, i + 1)            \
    STEP_SHA1(f(e, a, b) + k, d, e, a, b, c, i + 2) STEP_SHA1(f(d, e, a) + k, c, d, e, a, b, i + 3)        \
    STEP_SHA1(f(c, d, e) + k, b, c, d, e, a, i + 4)
#define TWENTY(f, from, k) for (u32 i = from; i < from + 20; i += 10) { FIVE(f, i, k) FIVE(f, i + 5, k) }
#define F5(b, c, d) ((b & c) | (d & (b | c)))

static void sha1_block(u32 *s, const u8 *block) {
    u32 *w = work.words + WORK / 4 - 80;
    for (u32 i = 0; i < 16; i++) w[i] = big32(block + 4 * i);
    for (u32 i = 16; i < 80; i++) w[i] = ROL(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];
    TWENTY(F1, 0, 0x5a827999)
    TWENTY(F3, 20, 0x6ed9eba1)
    TWENTY(F5, 40, 0x8f1bbcdc)
    TWENTY(F3, 60, 0xca62c1d6)
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e;
}

// ---- like SHA-512, but with its first sixteen constants used over and over: the same work without the 640-byte table

static const u64 k512[16] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694,
};

#define ROUND512(a, b, c, d, e, f, g, h, i)                                                              \
    t = h + (ROR64(e, 14) ^ ROR64(e, 18) ^ ROR64(e, 41)) + ((e & f) ^ (~e & g)) + k512[(i) & 15] + w[(i) & 15];  \
    d += t;                                                                                              \
    h = t + (ROR64(a, 28) ^ ROR64(a, 34) ^ ROR64(a, 39)) + ((a & b) ^ (a & c) ^ (b & c));                \
    w[(i) & 15] += (ROR64(w[(i + 1) & 15], 1) ^ ROR64(w[(i + 1) & 15], 8) ^ w[(i + 1) & 15] >> 7) + w[(i + 9) & 15]  \
                + (ROR64(w[(i + 14) & 15], 19) ^ ROR64(w[(i + 14) & 15], 61) ^ w[(i + 14) & 15] >> 6);

static void wide_block(u64 *s, const u8 *block) {
    u64 *w = work.longs + WORK / 8 - 16, t;
    for (u32 i = 0; i < 16; i++) w[i] = big64(block + 8 * i);
    u64 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (u32 i = 0; i < 80; i += 8) {
        ROUND512(a, b, c, d, e, f, g, h, i) ROUND512(h, a, b, c, d, e, f, g, i + 1)
        ROUND512(g, h, a, b, c, d, e, f, i + 2) ROUND512(f, g, h, a, b, c, d, e, i + 3)
        ROUND512(e, f, g, h, a, b, c, d, i + 4) ROUND512(d, e, f, g, h, a, b, c, i + 5)
        ROUND512(c, d, e, f, g, h, a, b, i + 6) ROUND512(b, c, d, e, f, g, h, a, i + 7)
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
}

// ---- SipHash-2-4 (Aumasson, Bernstein 2012)

#define SIPROUND                                                                                         \
    v0 += v1; v1 = ROR64(v1, 51) ^ v0; v0 = ROR64(v0, 32); v2 += v3; v3 = ROR64(v3, 48) ^ v2;             \
    v0 += v3; v3 = ROR64(v3, 43) ^ v0; v2 += v1; v1 = ROR64(v1, 47) ^ v2; v2 = ROR64(v2, 32);

static u64 siphash(const u8 *p, u32 n, u64 k0, u64 k1) {
    u64 v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d, v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
    u64 last = (u64)n << 56;
    for (; n >= 8; n -= 8, p += 8) {
        u64 m = *(const u64 *)p;
        v3 ^= m;
        SIPROUND SIPROUND
        v0 ^= m;
    }
    for (u32 i = 0; i < n; i++) last |= (u64)p[i] << 8 * i;
    v3 ^= last;
    SIPROUND SIPROUND
    v0 ^= last;
    v2 ^= 255;
    SIPROUND SIPROUND SIPROUND SIPROUND
    return v0 ^ v1 ^ v2 ^ v3;
}

// ---- exports: the digest of `count` bytes (rounded down to blocks, no padding)

static u32 material(u32 count, u32 block) {
    if (count > 1024) count = 1024;
    fill_random(work.bytes, count, count + 1);
    return count / block;
}

EXPORT(sha256) u32 sha256(u32 count) {
    u32 s[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u32 blocks = material(count, 64);
    for (u32 i = 0; i < blocks; i++) sha256_block(s, work.bytes + 64 * i);
    return mix_bytes(0, (u8 *)s, sizeof s);
}

EXPORT(sha1) u32 sha1(u32 count) {
    u32 s[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    u32 blocks = material(count, 64);
    for (u32 i = 0; i < blocks; i++) sha1_block(s, work.bytes + 64 * i);
    return mix_bytes(0, (u8 *)s, sizeof s);
}

EXPORT(md5) u32 md5(u32 count) {
    u32 s[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    u32 blocks = material(count, 64);
    for (u32 i = 0; i < blocks; i++) md5_block(s, work.words + 16 * i);
    return mix_bytes(0, (u8 *)s, sizeof s);
}

EXPORT(wide) u64 wide(u32 count) {
    u64 s[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    u32 blocks = material(count, 128);
    for (u32 i = 0; i < blocks; i++) wide_block(s, work.bytes + 128 * i);
    return s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7];
}

EXPORT(sip) u64 sip(u32 count) {
    u32 bytes = material(count, 1);
    return siphash(work.bytes, bytes, 0x0706050403020100, 0x0f0e0d0c0b0a0908);
}

EXPORT(checks) u32 checks(u32 count) {
    u32 bytes = material(count, 1), a = 1, b = 0, crc = ~0u, ccitt = 0xffff;
    for (u32 i = 0; i < bytes; i++) {
        a = (a + work.bytes[i]) % 65521;  // Adler-32
        b = (b + a) % 65521;
        crc ^= work.bytes[i];
        ccitt ^= (u32)work.bytes[i] << 8;
        for (u32 k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (0xedb88320 & (0u - (crc & 1)));
            ccitt = (ccitt << 1 ^ (ccitt & 0x8000 ? 0x1021 : 0)) & 0xffff;
        }
    }
    return mix(mix(b << 16 | a, ~crc), ccitt);
}
