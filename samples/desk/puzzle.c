// Puzzles and pictures: queens, sudoku, knight's tour, maze, shortest path, flood fill, lines and circles, permutations, change.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "../kit/kit.h"

static u32 queens_below(u32 all, u32 columns, u32 left, u32 right) {
    if (columns == all) return 1;
    u32 count = 0;
    for (u32 free = all & ~(columns | left | right); free; free &= free - 1) {
        u32 bit = free & (0u - free);
        count += queens_below(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

EXPORT(queens) u32 queens(u32 n) { return n < 1 || n > 10 ? 0 : queens_below((1u << n) - 1, 0, 0, 0); }

// ---- sudoku: fewest candidates first

static u32 candidates(const u8 *grid, u32 at) {
    u32 used = 0, row = at / 9, column = at % 9, box = row / 3 * 27 + column / 3 * 3;
    for (u32 i = 0; i < 9; i++) used |= 1u << grid[row * 9 + i] | 1u << grid[i * 9 + column] | 1u << grid[box + i / 3 * 9 + i % 3];
    return ~used & 0x3fe;
}

static i32 solve(u8 *grid, u32 *steps) {
    u32 best = 81, fewest = 10, choice = 0;
    for (u32 i = 0; i < 81; i++) {
        if (grid[i]) continue;
        u32 c = candidates(grid, i), n = __builtin_popcount(c);
        if (n < fewest) fewest = n, best = i, choice = c;
    }
    if (best == 81) return 1;
    for (; choice; choice &= choice - 1) {
        if (++*steps > 5000) return 0;
        grid[best] = __builtin_ctz(choice);
        if (solve(grid, steps)) return 1;
    }
    grid[best] = 0;
    return 0;
}

EXPORT(sudoku) u32 sudoku(u32 shift) {
    static const char puzzle[] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
    u32 steps = 0;
    for (u32 i = 0; i < 81; i++) work.bytes[i] = puzzle[i] == '.' ? 0 : (puzzle[i] - '1' + shift) % 9 + 1;
    if (!solve(work.bytes, &steps)) return 0;
    return mix_bytes(steps, work.bytes, 81);
}

EXPORT(knight) u32 knight(u32 start) {  // Warnsdorff's rule
    static const signed char dx[] = {1, 2, 2, 1, -1, -2, -2, -1}, dy[] = {-2, -1, 1, 2, 2, 1, -1, -2};
    u8 *seen = work.bytes;
    i32 x = start & 7, y = start >> 3 & 7;
    u32 hash = 0, visited = 0;
    for (u32 i = 0; i < 64; i++) seen[i] = 0;
    for (;;) {
        seen[y * 8 + x] = ++visited;
        hash = mix(hash, y * 8 + x);
        i32 best = -1;
        u32 fewest = 9;
        for (u32 k = 0; k < 8; k++) {
            i32 nx = x + dx[k], ny = y + dy[k];
            if ((nx | ny) & ~7 || seen[ny * 8 + nx]) continue;
            u32 ways = 0;
            for (u32 j = 0; j < 8; j++) {
                i32 mx = nx + dx[j], my = ny + dy[j];
                ways += !((mx | my) & ~7) && !seen[my * 8 + mx];
            }
            if (ways < fewest) fewest = ways, best = k;
        }
        if (best < 0) return visited << 24 ^ (hash & 0xffffff);
        x += dx[best];
        y += dy[best];
    }
}

// ---- a maze dug by depth first, its longest shortest path by breadth first

enum { SIDE = 21 };

EXPORT(maze) u32 maze(u32 seed) {
    static const signed char step[] = {-SIDE, 1, SIDE, -1};
    u8 *wall = work.bytes;
    u16 *stack = work.halves + 256, *far = work.halves + 512, at = SIDE + 1;
    u32 depth = 0, hash = 0, last = 0;
    seed += 1;
    for (u32 i = 0; i < SIDE * SIDE; i++) wall[i] = 1;
    wall[at] = 0;
    for (;;) {
        u32 ways[4], n = 0;
        for (u32 k = 0; k < 4; k++) {
            i32 x = at % SIDE + 2 * (step[k] == 1) - 2 * (step[k] == -1), y = at / SIDE + 2 * (step[k] == SIDE) - 2 * (step[k] == -SIDE);
            if (x > 0 && y > 0 && x < SIDE && y < SIDE && wall[y * SIDE + x]) ways[n++] = k;
        }
        if (!n) {
            if (!depth) break;
            at = stack[--depth];
            continue;
        }
        u32 k = ways[(next_random(&seed) >> 8) % n];
        stack[depth++] = at;
        wall[at + step[k]] = wall[at + 2 * step[k]] = 0;
        at += 2 * step[k];
    }
    hash = mix_bytes(0, wall, SIDE * SIDE);
    for (u32 round = 0; round < 2; round++) {
        u32 head = 0, tail = 0;
        for (u32 i = 0; i < SIDE * SIDE; i++) far[i] = wall[i] ? 0xffff : 0;
        far[at] = 1;
        stack[tail++] = at;
        while (head != tail) {
            at = stack[head++ & 255];
            for (u32 k = 0; k < 4; k++) {
                u32 to = at + step[k];
                if (far[to]) continue;
                far[to] = far[at] + 1;
                stack[tail++ & 255] = to;
            }
            last = far[at];
        }
    }
    return mix(hash, last);
}

// ---- a picture of 64 by 64 bits

#define PIXEL(x, y) work.bytes[1024 + (y) * 8 + ((x) >> 3)]

static void dot(i32 x, i32 y) {
    if (!((x | y) & ~63)) PIXEL(x, y) |= 1u << (x & 7);
}

static void line(i32 x, i32 y, i32 x2, i32 y2) {
    i32 dx = x2 > x ? x2 - x : x - x2, dy = y2 > y ? y - y2 : y2 - y, sx = x < x2 ? 1 : -1, sy = y < y2 ? 1 : -1, error = dx + dy;
    for (;;) {
        dot(x, y);
        if (x == x2 && y == y2) return;
        i32 twice = 2 * error;
        if (twice >= dy) error += dy, x += sx;
        if (twice <= dx) error += dx, y += sy;
    }
}

static void circle(i32 cx, i32 cy, i32 r) {
    i32 x = r, y = 0, error = 1 - r;
    while (x >= y) {
        dot(cx + x, cy + y); dot(cx - x, cy + y); dot(cx + x, cy - y); dot(cx - x, cy - y);
        dot(cx + y, cy + x); dot(cx - y, cy + x); dot(cx + y, cy - x); dot(cx - y, cy - x);
        y++;
        if (error < 0) error += 2 * y + 1;
        else x--, error += 2 * (y - x) + 1;
    }
}

static void flood(i32 x, i32 y) {
    u16 *stack = work.halves;
    u32 n = 0;
    stack[n++] = y << 6 | x;
    while (n) {
        u32 at = stack[--n], px = at & 63, py = at >> 6;
        if (PIXEL(px, py) >> (px & 7) & 1) continue;
        while (px && !(PIXEL(px - 1, py) >> ((px - 1) & 7) & 1)) px--;
        for (; px < 64 && !(PIXEL(px, py) >> (px & 7) & 1); px++) {
            dot(px, py);
            if (n < 500) {
                if (py && !(PIXEL(px, py - 1) >> (px & 7) & 1)) stack[n++] = (py - 1) << 6 | px;
                if (py < 63 && !(PIXEL(px, py + 1) >> (px & 7) & 1)) stack[n++] = (py + 1) << 6 | px;
            }
        }
    }
}

EXPORT(picture) u32 picture(u32 count) {
    u32 seed = count + 30, lit = 0;
    for (u32 i = 0; i < 512; i++) work.bytes[1024 + i] = 0;
    for (u32 i = 0; i < count; i++) {
        u32 a = next_random(&seed), b = next_random(&seed);
        if (i & 1) line(a & 63, a >> 6 & 63, b & 63, b >> 6 & 63);
        else circle(a & 63, a >> 6 & 63, b & 31);
    }
    flood(32, 32);
    for (u32 i = 0; i < 512; i++) lit += __builtin_popcount(work.bytes[1024 + i]);
    return mix_bytes(lit, work.bytes + 1024, 512);
}

// ---- combinatorics

EXPORT(permutations) u32 permutations(u32 n) {  // in lexicographic order
    u8 *p = work.bytes;
    u32 hash = 0, count = 0;
    if (n > 7) return 0;
    for (u32 i = 0; i < n; i++) p[i] = i;
    for (;;) {
        hash = mix_bytes(hash, p, n);
        count++;
        i32 i = (i32)n - 2, k = (i32)n - 1;
        while (i >= 0 && p[i] > p[i + 1]) i--;
        if (i < 0) return mix(hash, count);
        while (p[k] < p[i]) k--;
        u8 t = p[i]; p[i] = p[k]; p[k] = t;
        for (i++, k = n - 1; i < k; i++, k--) t = p[i], p[i] = p[k], p[k] = t;
    }
}

EXPORT(change) u64 change(u32 amount) {
    static const u8 coins[] = {1, 2, 5, 10, 20, 50, 100, 200};
    if (amount > 255) return 0;
    for (u32 i = 0; i <= amount; i++) work.longs[i] = i == 0;
    for (u32 c = 0; c < COUNT(coins); c++)
        for (u32 i = coins[c]; i <= amount; i++) work.longs[i] += work.longs[i - coins[c]];
    return work.longs[amount];
}

EXPORT(hanoi) u32 hanoi(u32 disks) {  // without recursion, checked on the way
    u8 peg[16];
    u32 hash = 0;
    if (disks > 12) return 0;
    for (u32 i = 0; i < disks; i++) peg[i] = 0;
    for (u32 move = 1; move < 1u << disks; move++) {
        u32 disk = __builtin_ctz(move), direction = (disks - disk) & 1 ? 2 : 1;
        peg[disk] = (peg[disk] + direction) % 3;
        for (u32 i = 0; i < disk; i++)
            if (peg[i] == peg[disk]) return 0;
        hash = mix(hash, disk * 3 + peg[disk]);
    }
    return hash;
}
