# The workloads of workloads.c in plain Python, for MicroPython and CPython alike
# MIT license; Copyright (c) 2026 the pitwasm authors

from array import array
from math import sqrt

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def sieve(passes):
    flags = bytearray(8192)
    count = 0
    while passes > 0:
        passes -= 1
        count = 0
        for i in range(8192):
            flags[i] = 1
        for i in range(8192):
            if flags[i]:
                p = i + i + 3
                k = i + p
                while k < 8192:
                    flags[k] = 0
                    k += p
                count += 1
    return count


def crc32(passes):
    table = array("I", bytearray(1024))
    for i in range(256):
        c = i
        for _ in range(8):
            c = (c >> 1) ^ 0xEDB88320 if c & 1 else c >> 1
        table[i] = c
    buf = bytearray(4096)
    s = 12345
    for i in range(4096):
        s = (s * 1103515245 + 12345) & M32
        buf[i] = (s >> 16) & 255
    c = M32
    while passes > 0:
        passes -= 1
        for i in range(4096):
            c = table[(c ^ buf[i]) & 255] ^ (c >> 8)
    return c ^ M32


def i64loop(n):
    x = 88172645463325252
    acc = 0
    for _ in range(n):
        x = (x ^ (x << 13)) & M64
        x ^= x >> 7
        x = (x ^ (x << 17)) & M64
        y = (x * 2685821657736338717) & M64
        acc = (acc + y) & M64 if y > acc else (acc - (((y << 23) | (y >> 41)) & M64)) & M64
    return acc


def mandel(n):
    s = 0
    for py in range(n):
        for px in range(n):
            cx = px * 3.0 / n - 2.0
            cy = py * 2.0 / n - 1.0
            x = 0.0
            y = 0.0
            k = 0
            while k < 32:
                x2 = x * x
                y2 = y * y
                if x2 + y2 > 4.0:
                    break
                y = 2.0 * x * y + cy
                x = x2 - y2 + cx
                k += 1
            s += k
    return s


SOLAR = 4 * 3.141592653589793 * 3.141592653589793
DP = 365.24
BODIES = (  # sun, Jupiter, Saturn, Uranus, Neptune: position, velocity, mass
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, SOLAR),
    (
        4.84143144246472090e00,
        -1.16032004402742839e00,
        -1.03622044471123109e-01,
        1.66007664274403694e-03 * DP,
        7.69901118419740425e-03 * DP,
        -6.90460016972063023e-05 * DP,
        9.54791938424326609e-04 * SOLAR,
    ),
    (
        8.34336671824457987e00,
        4.12479856412430479e00,
        -4.03523417114321381e-01,
        -2.76742510726411868e-03 * DP,
        4.99852801234917238e-03 * DP,
        2.30417297573763929e-05 * DP,
        2.85885980666130812e-04 * SOLAR,
    ),
    (
        1.28943695621391310e01,
        -1.51111514016986312e01,
        -2.23307578892655734e-01,
        2.96460137564761618e-03 * DP,
        2.37847173959480950e-03 * DP,
        -2.96589568540237556e-05 * DP,
        4.36624404335156298e-05 * SOLAR,
    ),
    (
        1.53796971148509165e01,
        -2.59193146099879641e01,
        1.79258772950371181e-01,
        2.68067772490389322e-03 * DP,
        1.62824170038242295e-03 * DP,
        -9.51592254519715870e-05 * DP,
        5.15138902046611451e-05 * SOLAR,
    ),
)


def nbody(steps):
    b = [list(body) for body in BODIES]
    dt = 0.01
    while steps > 0:
        steps -= 1
        for i in range(5):
            bi = b[i]
            for j in range(i + 1, 5):
                bj = b[j]
                dx = bi[0] - bj[0]
                dy = bi[1] - bj[1]
                dz = bi[2] - bj[2]
                d2 = dx * dx + dy * dy + dz * dz
                mag = dt / (d2 * sqrt(d2))
                bi[3] -= dx * bj[6] * mag
                bi[4] -= dy * bj[6] * mag
                bi[5] -= dz * bj[6] * mag
                bj[3] += dx * bi[6] * mag
                bj[4] += dy * bi[6] * mag
                bj[5] += dz * bi[6] * mag
        for i in range(5):
            bi = b[i]
            bi[0] += dt * bi[3]
            bi[1] += dt * bi[4]
            bi[2] += dt * bi[5]
    e = 0.0
    for i in range(5):
        bi = b[i]
        e += 0.5 * bi[6] * (bi[3] * bi[3] + bi[4] * bi[4] + bi[5] * bi[5])
        for j in range(i + 1, 5):
            bj = b[j]
            dx = bi[0] - bj[0]
            dy = bi[1] - bj[1]
            dz = bi[2] - bj[2]
            e -= bi[6] * bj[6] / sqrt(dx * dx + dy * dy + dz * dz)
    return e


def _sort(a, lo, hi):
    while lo < hi:
        p = a[(lo + hi) >> 1]
        i = lo
        j = hi
        while i <= j:
            while a[i] < p:
                i += 1
            while a[j] > p:
                j -= 1
            if i <= j:
                t = a[i]
                a[i] = a[j]
                a[j] = t
                i += 1
                j -= 1
        if j - lo < hi - i:
            _sort(a, lo, j)
            lo = i
        else:
            _sort(a, i, hi)
            hi = j


def quicksort(n):
    a = array("i", bytearray(4 * n))
    s = 42
    for i in range(n):
        s = (s * 1664525 + 1013904223) & M32
        a[i] = (s if s < 0x80000000 else s - 0x100000000) >> 4
    _sort(a, 0, n - 1)
    c = 0
    for i in range(n):
        c = (c * 31 + a[i]) & M32
    return c


def matmult(reps):
    a = array("i", bytearray(1600))
    b = array("i", bytearray(1600))
    product = array("i", bytearray(1600))
    s = 7
    for i in range(400):
        s = (s * 1103515245 + 12345) & M32
        a[i] = (s >> 16) & 255
        b[i] = (s >> 20) & 255
    c = 0
    while reps > 0:
        reps -= 1
        for i in range(20):
            for j in range(20):
                t = 0
                for k in range(20):
                    t += a[i * 20 + k] * b[k * 20 + j]
                product[i * 20 + j] = t
        for i in range(400):
            c = (c * 33 + product[i]) & M32
        a[0] += 1
    return c


mandel32 = mandel64 = mandel
