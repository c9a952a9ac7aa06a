// Numbers: 256-bit integers, primes, FFT, matrices, elementary functions, printing and reading doubles, calendar, fixed point.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "../kit/kit.h"

// ---- 256-bit unsigned integers, eight words, least significant first

enum { LIMBS = 8 };

static u32 big_add(u32 *r, const u32 *a, const u32 *b) {
    u64 carry = 0;
    for (u32 i = 0; i < LIMBS; i++) {
        carry += (u64)a[i] + b[i];
        r[i] = carry;
        carry >>= 32;
    }
    return carry;
}

static u32 big_sub(u32 *r, const u32 *a, const u32 *b) {
    u64 borrow = 0;
    for (u32 i = 0; i < LIMBS; i++) {
        u64 d = (u64)a[i] - b[i] - borrow;
        r[i] = d;
        borrow = d >> 63;
    }
    return borrow;
}

static i32 big_less(const u32 *a, const u32 *b) {
    for (u32 i = LIMBS; i--;)
        if (a[i] != b[i]) return a[i] < b[i];
    return 0;
}

static void big_mul_mod(u32 *r, const u32 *a, const u32 *b, const u32 *m) {  // by doubling and adding: no wide product needed
    u32 sum[LIMBS] = {0};
    for (u32 i = LIMBS * 32; i--;) {
        u32 carry = big_add(sum, sum, sum);
        if (carry || !big_less(sum, m)) big_sub(sum, sum, m);
        if (a[i / 32] >> i % 32 & 1) {
            carry = big_add(sum, sum, b);
            if (carry || !big_less(sum, m)) big_sub(sum, sum, m);
        }
    }
    for (u32 i = 0; i < LIMBS; i++) r[i] = sum[i];
}

EXPORT(power) u32 power(u32 exponent) {  // 3 ^ exponent modulo 2^255 - 19
    u32 m[LIMBS], base[LIMBS] = {3}, result[LIMBS] = {1};
    for (u32 i = 0; i < LIMBS; i++) m[i] = ~0u;
    m[0] -= 18;
    m[7] >>= 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) big_mul_mod(result, result, base, m);
        big_mul_mod(base, base, base, m);
    }
    return mix_bytes(0, (u8 *)result, sizeof result);
}

// ---- number theory

static u64 mul_mod(u64 a, u64 b, u64 m) {  // Russian peasants; m < 2^63
    u64 r = 0;
    for (; b; b >>= 1) {
        if (b & 1) r = (r + a) % m;
        a = (a + a) % m;
    }
    return r;
}

static u64 pow_mod(u64 a, u64 e, u64 m) {
    u64 r = 1;
    for (a %= m; e; e >>= 1) {
        if (e & 1) r = mul_mod(r, a, m);
        a = mul_mod(a, a, m);
    }
    return r;
}

static i32 is_prime(u64 n) {  // Miller and Rabin; these bases decide up to 3.4e14
    static const u8 bases[] = {2, 3, 5, 7, 11, 13, 17};
    if (n < 2) return 0;
    for (u32 i = 0; i < COUNT(bases); i++)
        if (n % bases[i] == 0) return n == bases[i];
    u64 d = n - 1;
    u32 s = 0;
    while (!(d & 1)) d >>= 1, s++;
    for (u32 i = 0; i < COUNT(bases); i++) {
        u64 x = pow_mod(bases[i], d, n);
        if (x == 1 || x == n - 1) continue;
        u32 k = 1;
        for (; k < s && x != n - 1; k++) x = mul_mod(x, x, n);
        if (x != n - 1) return 0;
    }
    return 1;
}

static u64 gcd(u64 a, u64 b) {
    while (b) {
        u64 t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static u64 factor(u64 n) {  // Pollard's rho
    if (n % 2 == 0) return 2;
    for (u64 c = 1;; c++) {
        u64 x = 2, y = 2, d = 1;
        while (d == 1) {
            x = (mul_mod(x, x, n) + c) % n;
            y = (mul_mod(y, y, n) + c) % n;
            y = (mul_mod(y, y, n) + c) % n;
            d = gcd(x > y ? x - y : y - x, n);
        }
        if (d != n) return d;
    }
}

EXPORT(primes) u64 primes(u32 count) {
    u64 n = 1000000007, sum = 0;
    while (count--) {
        while (!is_prime(n)) n += 2;
        sum = sum * 31 + n;
        n += 2;
    }
    return sum * 31 + factor(1000003ull * 10007);
}

// ---- elementary functions in doubles

#define PI 3.141592653589793

static double floor_(double x) { return __builtin_floor(x); }

static double sin_(double x) {
    double turns = floor_(x / PI + 0.5), r = x - turns * PI, s = r * r;
    double p = r * (1 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880 - s * (1.0 / 39916800))))));
    return (i64)turns & 1 ? -p : p;
}

static double exp_(double x) {
    double k = floor_(x * 1.4426950408889634 + 0.5), r = x - k * 0.6931471805599453, term = 1, sum = 1;
    for (u32 i = 1; i < 16; i++) sum += term *= r / i;
    union { double d; u64 u; } scale = {.u = (u64)((i64)k + 1023) << 52};
    return sum * scale.d;
}

static double log_(double x) {
    union { double d; u64 u; } v = {.d = x};
    i32 e = (i32)(v.u >> 52 & 0x7ff) - 1023;
    v.u = (v.u & 0xfffffffffffffull) | 1023ull << 52;
    if (v.d > 1.4142135623730951) v.d *= 0.5, e++;
    double t = (v.d - 1) / (v.d + 1), s = t * t, sum = 0;
    for (i32 i = 21; i > 0; i -= 2) sum = sum * s + 1.0 / i;
    return 2 * t * sum + e * 0.6931471805599453;
}

static double atan_(double x) {
    if (x < 0) return -atan_(-x);
    if (x > 1) return PI / 2 - atan_(1 / x);
    if (x > 0.4142135623730950) return PI / 4 + atan_((x - 1) / (x + 1));
    double s = x * x, sum = 0;
    for (i32 i = 31; i > 0; i -= 2) sum = 1.0 / i - s * sum;
    return x * sum;
}

EXPORT(functions) double functions(i32 n) {
    double sum = 0;
    for (i32 i = 1; i <= n; i++) {
        double x = i * 0.37;
        sum += sin_(x) * exp_(-x / 10) + log_(x + 1) * atan_(x - 3) + __builtin_sqrt(x) + __builtin_fabs(sin_(x + 1));
        sum = __builtin_copysign(__builtin_trunc(sum * 1e9) / 1e9, sum);
    }
    return sum;
}

EXPORT(fourier) float fourier(u32 size) {  // complex FFT and back, single precision; size a power of two up to 128
    float *re = work.floats, *im = re + 128, worst = 0, power = 0;
    u32 seed = 4;
    if (size > 128 || size & (size - 1)) return -1;
    for (u32 i = 0; i < size; i++) re[i] = (float)(i32)(next_random(&seed) >> 20) / 1024 - 2, im[i] = 0;
    for (u32 pass = 0; pass < 2; pass++) {
        for (u32 i = 1, k = 0; i < size; i++) {
            u32 bit = size >> 1;
            for (; k & bit; bit >>= 1) k ^= bit;
            k ^= bit;
            if (i < k) {
                float t = re[i]; re[i] = re[k]; re[k] = t;
                t = im[i]; im[i] = im[k]; im[k] = t;
            }
        }
        for (u32 length = 2; length <= size; length <<= 1) {
            double angle = (pass ? 2 : -2) * PI / length;
            for (u32 k = 0; k < length / 2; k++) {
                float c = sin_(angle * k + PI / 2), s = sin_(angle * k);
                for (u32 i = k; i < size; i += length) {
                    u32 o = i + length / 2;
                    float x = re[o] * c - im[o] * s, y = re[o] * s + im[o] * c;
                    re[o] = re[i] - x; im[o] = im[i] - y;
                    re[i] += x; im[i] += y;
                }
            }
        }
        if (!pass)
            for (u32 i = 0; i < size; i++) power += re[i] * re[i] + im[i] * im[i];
    }
    seed = 4;
    for (u32 i = 0; i < size; i++) {
        float d = re[i] / size - ((float)(i32)(next_random(&seed) >> 20) / 1024 - 2);
        worst = __builtin_fabsf(d) > worst ? __builtin_fabsf(d) : worst;
    }
    return worst < 1e-4f ? power : -2;
}

EXPORT(matrix) double matrix(u32 n) {  // determinant by LU with pivots, then A * inverse against the unit matrix
    double *a = work.doubles, *b = a + 64, det = 1, error = 0;
    u32 seed = 17;
    if (n > 8) return -1;
    for (u32 i = 0; i < n * n; i++) a[i] = (i32)next_random(&seed) / 4294967296.0;
    for (u32 i = 0; i < n; i++)
        for (u32 k = 0; k < n; k++) b[i * n + k] = i == k;
    for (u32 c = 0; c < n; c++) {
        u32 p = c;
        for (u32 i = c + 1; i < n; i++)
            if (__builtin_fabs(a[i * n + c]) > __builtin_fabs(a[p * n + c])) p = i;
        if (p != c) {
            for (u32 k = 0; k < n; k++) {
                double t = a[c * n + k]; a[c * n + k] = a[p * n + k]; a[p * n + k] = t;
                t = b[c * n + k]; b[c * n + k] = b[p * n + k]; b[p * n + k] = t;
            }
            det = -det;
        }
        double pivot = a[c * n + c];
        det *= pivot;
        for (u32 k = 0; k < n; k++) a[c * n + k] /= pivot, b[c * n + k] /= pivot;
        for (u32 i = 0; i < n; i++) {
            double f = a[i * n + c];
            if (i == c) continue;
            for (u32 k = 0; k < n; k++) a[i * n + k] -= f * a[c * n + k], b[i * n + k] -= f * b[c * n + k];
        }
    }
    seed = 17;
    for (u32 i = 0; i < n; i++) {
        double row[8];
        for (u32 k = 0; k < n; k++) row[k] = (i32)next_random(&seed) / 4294967296.0;
        for (u32 k = 0; k < n; k++) {
            double sum = -(double)(i == k);
            for (u32 j = 0; j < n; j++) sum += row[j] * b[j * n + k];
            error += __builtin_fabs(sum);
        }
    }
    return error < 1e-9 ? det : -2;
}

// ---- doubles as text: seventeen digits out, any number of digits in, through 128-bit-free scaling by powers of ten

static char *put_double(char *out, double x) {
    union { double d; u64 u; } v = {.d = x};
    if (v.u >> 63) *out++ = '-', x = -x;
    if ((v.u >> 52 & 0x7ff) == 0x7ff) return *out++ = v.u << 12 ? 'n' : 'i', out;
    if (x == 0) return *out++ = '0', out;
    i32 e = 0;
    while (x >= 10) x /= 10, e++;
    while (x < 1) x *= 10, e--;
    u64 digits = (u64)(x * 1e14 + 0.5);
    if (digits >= 1000000000000000ull) digits /= 10, e++;
    for (i32 i = 14; i >= 0; i--) {
        out[i + (i > 0)] = '0' + digits % 10;
        digits /= 10;
    }
    out[1] = '.';
    out += 16;
    *out++ = 'e';
    if (e < 0) *out++ = '-', e = -e;
    if (e > 99) *out++ = '0' + e / 100;
    *out++ = '0' + e / 10 % 10;
    *out++ = '0' + e % 10;
    return out;
}

static double read_double(const char *p, const char *end) {
    double x = 0, scale = 1;
    i32 negative = *p == '-', e = 0, point = 0;
    for (p += negative; p < end && *p != 'e'; p++) {
        if (*p == '.') {
            point = 1;
            continue;
        }
        x = x * 10 + (*p - '0');
        if (point) scale *= 10;
    }
    x /= scale;
    if (p < end) {
        i32 down = *++p == '-';
        for (p += down; p < end; p++) e = e * 10 + *p - '0';
        while (e--) x = down ? x / 10 : x * 10;
    }
    return negative ? -x : x;
}

EXPORT(decimal) u32 decimal(u32 count) {
    u32 seed = 55, hash = 0;
    for (u32 i = 0; i < count; i++) {
        double x = ((i32)next_random(&seed) + next_random(&seed) / 4294967296.0) * exp_((i32)(i % 40) - 20), back;
        char *text = (char *)work.bytes, *end = put_double(text, x);
        hash = mix_bytes(hash, work.bytes, end - text);
        back = read_double(text, end);
        if (__builtin_fabs(back - x) > __builtin_fabs(x) * 1e-13) return i;
    }
    return hash;
}

// ---- calendar, roman numerals, fixed point, integer square root

static i32 days_from_civil(i32 y, i32 m, i32 d) {
    y -= m <= 2;
    i32 era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    i32 of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(i32 z, i32 *y, i32 *m, i32 *d) {
    z += 719468;
    i32 era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    i32 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    i32 of_year = of_era - (365 * year + year / 4 - year / 100), mp = (5 * of_year + 2) / 153;
    *d = of_year - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = year + era * 400 + (*m <= 2);
}

EXPORT(calendar) i32 calendar(i32 count) {
    u32 hash = 0;
    for (i32 i = 0, day = -800000; i < count; i++, day += 997) {
        i32 y, m, d;
        civil_from_days(day, &y, &m, &d);
        if (days_from_civil(y, m, d) != day) return -1;
        hash = mix(hash, y * 512 + m * 32 + d);
    }
    return hash;
}

EXPORT(fixed) i32 fixed(i32 count) {
    static const struct { u16 value; char text[3]; } roman[] = {
        {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"},
    };
    u32 hash = 0;
    i32 angle = 0, x = 39797, y = 0;  // 16.16; CORDIC-like rotation by 1/16 of a radian
    for (i32 i = 1; i <= count; i++) {
        u32 n = i * 7919u, root = 0, o = 0;
        for (u32 bit = 1u << 30; bit; bit >>= 2) {
            if (n >= root + bit) n -= root + bit, root = (root >> 1) + bit;
            else root >>= 1;
        }
        i32 dx = (i64)x * 65408 >> 16, dy = (i64)y * 65408 >> 16, t = (i64)x * 4093 >> 16, u = (i64)y * 4093 >> 16;
        x = dx - u;
        y = dy + t;
        angle += 4096;
        for (i32 k = 0, left = i % 4000; left && k < (i32)COUNT(roman);) {
            if (left < roman[k].value) {
                k++;
                continue;
            }
            left -= roman[k].value;
            for (const char *p = roman[k].text; *p; p++) work.bytes[o++] = *p;
        }
        hash = mix_bytes(mix(mix(hash, root), x ^ y << 8 ^ angle), work.bytes, o);
    }
    return hash;
}
