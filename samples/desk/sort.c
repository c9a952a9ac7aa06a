// Sorting and searching: seven sorts checked against each other, a balanced tree, a hash table, a priority queue.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "../kit/kit.h"

static void swap(i32 *a, i32 *b) {
    i32 t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(i32 *a, i32 n) {
    for (i32 i = 1; i < n; i++) {
        i32 v = a[i], k = i;
        for (; k && a[k - 1] > v; k--) a[k] = a[k - 1];
        a[k] = v;
    }
}

static void shell_sort(i32 *a, i32 n) {
    i32 gap = 1;
    while (gap < n / 3) gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (i32 i = gap; i < n; i++) {
            i32 v = a[i], k = i;
            for (; k >= gap && a[k - gap] > v; k -= gap) a[k] = a[k - gap];
            a[k] = v;
        }
}

static void sift(i32 *a, i32 i, i32 n) {
    for (i32 child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && a[child + 1] > a[child]) child++;
        if (a[i] >= a[child]) return;
        swap(&a[i], &a[child]);
    }
}

static void heap_sort(i32 *a, i32 n) {
    for (i32 i = n / 2; i--;) sift(a, i, n);
    while (n > 1) {
        swap(&a[0], &a[--n]);
        sift(a, 0, n);
    }
}

static void quick_sort(i32 *a, i32 n) {
    while (n > 8) {
        i32 m = n / 2;
        if (a[m] < a[0]) swap(&a[m], &a[0]);
        if (a[n - 1] < a[0]) swap(&a[n - 1], &a[0]);
        if (a[n - 1] < a[m]) swap(&a[n - 1], &a[m]);
        i32 pivot = a[m], i = 0, k = n - 1;
        while (i <= k) {
            while (a[i] < pivot) i++;
            while (a[k] > pivot) k--;
            if (i <= k) swap(&a[i++], &a[k--]);
        }
        if (k + 1 < n - i) {
            quick_sort(a, k + 1);
            a += i;
            n -= i;
        } else {
            quick_sort(a + i, n - i);
            n = k + 1;
        }
    }
    insertion_sort(a, n);
}

static void merge_sort(i32 *a, i32 n) {  // bottom up, through the second half of the scratch area
    i32 *from = a, *to = work.ints + WORK / 8;
    for (i32 width = 1; width < n; width *= 2) {
        for (i32 i = 0; i < n; i += 2 * width) {
            i32 middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
            i32 l = i, r = middle;
            for (i32 o = i; o < end; o++) to[o] = l < middle && (r >= end || from[l] <= from[r]) ? from[l++] : from[r++];
        }
        i32 *t = from;
        from = to;
        to = t;
    }
    if (from != a)
        for (i32 i = 0; i < n; i++) a[i] = from[i];
}

static void radix_sort(i32 *a, i32 n) {
    i32 *other = work.ints + WORK / 8;
    for (u32 shift = 0; shift < 32; shift += 4) {
        i32 start[17];
        for (u32 i = 0; i < 17; i++) start[i] = 0;
        for (i32 i = 0; i < n; i++) start[(((u32)a[i] ^ 0x80000000u) >> shift & 15) + 1]++;
        for (u32 i = 1; i < 17; i++) start[i] += start[i - 1];
        for (i32 i = 0; i < n; i++) other[start[((u32)a[i] ^ 0x80000000u) >> shift & 15]++] = a[i];
        for (i32 i = 0; i < n; i++) a[i] = other[i];
    }
}

static void comb_sort(i32 *a, i32 n) {
    i32 gap = n, swapped = 1;
    while (gap > 1 || swapped) {
        gap = gap * 10 / 13;
        if (gap < 1) gap = 1;
        swapped = 0;
        for (i32 i = 0; i + gap < n; i++)
            if (a[i] > a[i + gap]) {
                swap(&a[i], &a[i + gap]);
                swapped = 1;
            }
    }
}

static void (*const sorts[])(i32 *, i32) = {insertion_sort, shell_sort, heap_sort, quick_sort, merge_sort, radix_sort, comb_sort};

EXPORT(sort) i32 sort(i32 n) {
    u32 hash = 0;
    if (n < 0 || n > 250) return -1;
    for (u32 s = 0; s < COUNT(sorts); s++) {
        u32 seed = n + 1, sum = 0;
        for (i32 i = 0; i < n; i++) sum += work.ints[i] = (i32)next_random(&seed) >> (i & 24);
        sorts[s](work.ints, n);
        for (i32 i = 0; i < n; i++) {
            if (i && work.ints[i - 1] > work.ints[i]) return -2 - s;
            sum -= work.ints[i];
        }
        u32 got = mix_bytes(sum, work.bytes, 4 * n);
        if (s && got != hash) return -20 - s;
        hash = got;
    }
    return hash;
}

// ---- an AA tree (Andersson 1993) in arrays: insert, delete, walk in order

enum { NODES = 120 };

struct node {
    i32 key;
    u8 left, right, level, spare;
};

#define TREE ((struct node *)work.bytes)

static u32 free_node;

static u32 skew(u32 t) {
    u32 l = TREE[t].left;
    if (!t || TREE[l].level != TREE[t].level) return t;
    TREE[t].left = TREE[l].right;
    TREE[l].right = t;
    return l;
}

static u32 split(u32 t) {
    u32 r = TREE[t].right;
    if (!t || TREE[TREE[r].right].level != TREE[t].level) return t;
    TREE[t].right = TREE[r].left;
    TREE[r].left = t;
    TREE[r].level++;
    return r;
}

static u32 insert(u32 t, i32 key) {
    if (!t) {
        u32 n = free_node;
        free_node = TREE[n].left;
        TREE[n] = (struct node){key, 0, 0, 1, 0};
        return n;
    }
    if (key < TREE[t].key)
        TREE[t].left = insert(TREE[t].left, key);
    else if (key > TREE[t].key)
        TREE[t].right = insert(TREE[t].right, key);
    return split(skew(t));
}

static u32 discard(u32 t, i32 key) {
    if (!t) return 0;
    if (key < TREE[t].key) {
        TREE[t].left = discard(TREE[t].left, key);
    } else if (key > TREE[t].key) {
        TREE[t].right = discard(TREE[t].right, key);
    } else if (!TREE[t].left && !TREE[t].right) {
        TREE[t].left = free_node;
        TREE[t].level = 0;
        free_node = t;
        return 0;
    } else if (!TREE[t].left) {
        u32 s = TREE[t].right;
        while (TREE[s].left) s = TREE[s].left;
        TREE[t].key = TREE[s].key;
        TREE[t].right = discard(TREE[t].right, TREE[s].key);
    } else {
        u32 s = TREE[t].left;
        while (TREE[s].right) s = TREE[s].right;
        TREE[t].key = TREE[s].key;
        TREE[t].left = discard(TREE[t].left, TREE[s].key);
    }
    u32 l = TREE[TREE[t].left].level, r = TREE[TREE[t].right].level, level = (l < r ? l : r) + 1;
    if (level < TREE[t].level) {
        TREE[t].level = level;
        if (level < r) TREE[TREE[t].right].level = level;
    }
    t = skew(t);
    TREE[t].right = skew(TREE[t].right);
    u32 rr = TREE[t].right;
    if (rr) TREE[rr].right = skew(TREE[rr].right);
    t = split(t);
    TREE[t].right = split(TREE[t].right);
    return t;
}

static u32 walk(u32 t, u32 hash, i32 *last, i32 *bad) {
    if (!t) return hash;
    hash = walk(TREE[t].left, hash, last, bad);
    if (TREE[t].key <= *last) *bad = 1;
    *last = TREE[t].key;
    return walk(TREE[t].right, mix(hash, TREE[t].key + TREE[t].level), last, bad);
}

EXPORT(tree) i32 tree(u32 steps) {
    u32 root = 0, seed = 77, hash = 0;
    for (u32 i = 0; i < NODES; i++) TREE[i] = (struct node){0, i + 1 < NODES ? i + 1 : 0, 0, 0, 0};
    free_node = 1;
    TREE[0].left = 0;
    for (u32 i = 0; i < steps; i++) {
        i32 key = next_random(&seed) % 500 + 1, last = 0, bad = 0;
        if (free_node && (i & 3) != 3)
            root = insert(root, key);
        else
            root = discard(root, TREE[root].key);
        if (i % 16 == 0) hash = walk(root, hash, &last, &bad);
        if (bad) return -1;
    }
    return hash;
}

// ---- a hash table with linear probing, and a priority queue driving a simulation

EXPORT(table) u32 table(u32 steps) {
    u32 *keys = work.words, *values = keys + 128, seed = 3, found = 0, hash = 0;
    for (u32 i = 0; i < 256; i++) keys[i] = 0;
    for (u32 i = 0; i < steps; i++) {
        u32 key = next_random(&seed) % 100 + 1, at = key * 2654435761u >> 25;
        while (keys[at] && keys[at] != key) at = (at + 1) & 127;
        if (keys[at]) found++;
        keys[at] = key;
        values[at] += i;
    }
    for (u32 i = 0; i < 128; i++) hash = mix(hash, values[i]);
    return mix(hash, found);
}

EXPORT(queue) u32 queue(u32 events) {
    i32 n = 0;
    u32 seed = 12, hash = 0, clock = 0;
    for (u32 e = 0; e < events; e++) {
        if (n < 200 && (e < 20 || next_random(&seed) >> 31)) {
            i32 i = n++;
            work.ints[i] = clock + next_random(&seed) % 1000;
            for (; i && work.ints[(i - 1) / 2] > work.ints[i]; i = (i - 1) / 2) swap(&work.ints[i], &work.ints[(i - 1) / 2]);
        } else if (n) {
            clock = work.ints[0];
            hash = mix(hash, clock);
            work.ints[0] = work.ints[--n];
            for (i32 i = 0, child; (child = 2 * i + 1) < n; i = child) {
                if (child + 1 < n && work.ints[child + 1] < work.ints[child]) child++;
                if (work.ints[i] <= work.ints[child]) break;
                swap(&work.ints[i], &work.ints[child]);
            }
        }
    }
    return mix(hash, n);
}
