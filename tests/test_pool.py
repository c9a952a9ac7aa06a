# The pool: blocks, exhaustion, the map, relocation; a long random run against a model (core/pitwasm/pool.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import re
from pathlib import Path

from tools.build import load_layout
from tools.mp import MicroPython

LAYOUT = load_layout(Path(__file__).parent.parent / "core" / "pitwasm" / "layout.py")
HEADER, BLOCK = LAYOUT["HEADER"], LAYOUT["BLOCK"]

DEVICE = Path(__file__).parent / "device"


def run(mp: MicroPython, script: str, **options) -> str:
    return mp.out("from pitwasm.pool import *\nfrom pool_model import *\n" + script, paths=[DEVICE], **options)


def test_blocks_are_aligned_cleared_and_as_large_as_asked(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(bytearray(b"\\xff" * 4099))
assert cell(pool, 4) == 4096
offs = []
for n in range(40):
    off = pool.alloc(n, 1)
    size = pool.size_of(off)
    assert off % 8 == 0 and n <= size < n + 16 and (size <= n + 7 or n < 2)
    assert bytes(pool.buf[off : off + size]) == bytes(size)
    pool.buf[off : off + size] = b"\\xee" * size
    offs.append((off, size))
check(pool)
for a, b in zip(offs, offs[1:]):
    assert a[0] + a[1] + BLOCK == b[0], "blocks lie behind one another"
off = pool.alloc(30, 1, 0, False)
pool.free(offs[7][0])
assert pool.alloc(7, 1, 0, False) == offs[7][0], "first fit"
assert pool.buf[offs[7][0] + 6] == 0xee, "not cleared on request"
""",
    )


def test_freed_neighbours_become_one_block(mp: MicroPython) -> None:
    run(
        mp,
        """
for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
    pool = Pool(1024)
    fresh = bytes(pool.buf[HEADER:HEADER + 8])
    used = [pool.alloc(100, 1) for _ in range(3)] + [pool.alloc(8, 1)]
    for i in order:
        pool.free(used[i])
        check(pool)
    assert check(pool) == 2
    pool.free(used[3])
    assert check(pool) == 1 and pool.used == 0 and bytes(pool.buf[HEADER:HEADER + 8]) == fresh
""",
    )


def test_grow_takes_what_it_needs_of_the_block_behind(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(4096)
a = pool.alloc(64, 1); b = pool.alloc(256, 2); c = pool.alloc(64, 3)
pool.buf[a:a + 64] = b"a" * 64
pool.buf[b:b + 256] = b"b" * 256
pool.free(b)
assert pool.grow(a, 100) == a and pool.size_of(a) == 104 and check(pool) == 2
assert bytes(pool.buf[a:a + 104]) == b"a" * 64 + bytes(40)
assert pool.grow(a, 30) == a and pool.size_of(a) == 104, "never shrinks"
d = pool.alloc(200, 4)
assert a < d < c
# No room behind now: it moves, and what it left is free.
pool.buf[a + 64:a + 104] = b"x" * 40
e = pool.grow(a, 300)
assert e > c and check(pool) == 3 and pool.owner_of(e) == (1, 0)
assert bytes(pool.buf[e:e + 304]) == b"a" * 64 + b"x" * 40 + bytes(200)
# All of the block behind but 8 bytes, which are no block: they come along.
pool = Pool(4096)
a = pool.alloc(64, 1); b = pool.alloc(64, 2); c = pool.alloc(64, 3)
pool.free(b)
assert pool.grow(a, 128) == a and pool.size_of(a) == 136 and check(pool) == 1
# To the very end of the pool, and not beyond.
free = pool.free_bytes
assert pool.grow(c, 64 + free) == c and pool.free_bytes == 0 and check(pool) == 0
exc = refused(pool.grow, c, 64 + free + 1)
assert (exc.asked, exc.free, exc.largest) == (64 + free + 1, 0, 0)
check(pool)
""",
    )


def test_shrink_keeps_the_place(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(4096)
a = pool.alloc(200, 1); b = pool.alloc(16, 2)
pool.buf[a:a + 200] = b"a" * 200
pool.shrink(a, 61)
assert pool.size_of(a) == 64 and check(pool) == 2
assert bytes(pool.buf[a:a + 64]) == b"a" * 61 + bytes(3)
assert pool.grow(a, 120) == a and bytes(pool.buf[a:a + 120]) == b"a" * 61 + bytes(59), "old bytes do not come back"
c = pool.alloc(1, 3)
pool.shrink(a, 112)
assert pool.size_of(a) == 120, "8 bytes between used blocks are no block"
pool.shrink(b, 0)
assert pool.size_of(b) == 8 and bytes(pool.buf[b:b + 8]) == bytes(8), "but join a free one"
check(pool)
""",
    )


def test_high_water_mark_and_workspaces(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(4096)
a = pool.alloc(1000, 1)
pool.free(a)
assert pool.used == 0 and pool.high == 1008
off, size = pool.take_largest(9, 88)
assert (off, size) == (HEADER + BLOCK, 4096 - HEADER - BLOCK) == (off, pool.size_of(off))
assert pool.owner_of(off) == (9, 88) and pool.free_bytes == 0 and pool.largest() == (0, 0)
assert pool.high == 1008, "a workspace is no need"
refused(pool.alloc, 0, 1)
exc = refused(pool.take_largest, 9)
assert (exc.asked, exc.free, exc.largest) == (0, 0, 0)
pool.shrink(off, 2000)
assert pool.used == pool.high == 2008
pool.note_high(100)
assert pool.high == 2108
pool.note_high(50)
assert pool.high == 2108
check(pool)
# The largest, not the first.
pool = Pool(4096)
a = pool.alloc(100, 1); b = pool.alloc(8, 1); c = pool.alloc(500, 1); d = pool.alloc(3200, 1)
pool.free(a); pool.free(c)
assert pool.largest() == (c, 504) == tuple(pool.take_largest(9))
""",
    )


def test_exhaustion_says_how_much_and_changes_nothing(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(2048)
keep = [pool.alloc(200, 1) for _ in range(8)]
for off in keep[::2]:
    pool.free(off)
before = bytes(pool.buf)
free = 2048 - HEADER - 4 * 208
largest = 2048 - HEADER - 8 * 208 - BLOCK
for size in (largest + 1, 1000, 2048, 1 << 20, 1 << 26, 1 << 27, 1 << 31, 1 << 40, -1):
    for function, args in ((pool.alloc, (size, 1)), (pool.grow, (keep[1], size))):
        if size > 416 or function is pool.alloc:
            exc = refused(function, *args)
            assert (exc.asked, exc.free, exc.largest) == (size, free, largest), (size, exc.free, exc.largest)
            assert bytes(pool.buf) == before
            assert str(exc).startswith("pool exhausted: %d bytes asked, %d free, largest block %d;" % (size, free, largest))
assert pool.alloc(largest, 1) == keep[7] + 208
check(pool)
""",
    )


def test_chosen_allocation_fails(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(2048)
pool.fail_at = 4
a = pool.alloc(8, 1)
a = pool.grow(a, 100)
a = pool.grow(a, 50)  # no allocation
off, size = pool.take_largest(9)
pool.free(off)
before = bytes(pool.buf)
assert refused(pool.grow, a, 200).asked == 200
assert bytes(pool.buf) == before and pool.fail_at == 0
assert pool.grow(a, 200) == a
pool.fail_at = 1
refused(pool.take_largest, 9)
check(pool)
""",
    )


def test_freeing_what_is_not_a_block(mp: MicroPython) -> None:
    """Freed twice, in every state of the neighbours; the middle of a block; anything else."""
    run(
        mp,
        """
def wrong(off):
    before = bytes(pool.buf)
    try:
        pool.free(off)
    except ValueError:
        assert bytes(pool.buf) == before
        return
    assert False, off

for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
    pool = Pool(2048)
    used = [pool.alloc(56, 1) for _ in range(3)]
    done = []
    for i in order:
        pool.free(used[i])
        done.append(i)
        for j in done:
            wrong(used[j])
        check(pool)
pool = Pool(2048)
a = pool.alloc(100, 1)
for off in (0, 4, 8, HEADER, a + 4, a + 8, a - 8, 2040, 2048, 2056, 1 << 29, -8, -1 << 29):
    wrong(off)
check(pool)
""",
    )


def test_what_an_owner_has_is_freed_together(mp: MicroPython) -> None:
    run(
        mp,
        """
pool = Pool(4096)
one = pool.alloc(16, 1); two = pool.alloc(16, 1)
blocks = [pool.alloc(8 + 8 * (i % 5), 2 + i % 3, (one, two, 0)[i * 7 % 3]) for i in range(50)]
for i in (3, 4, 17, 30, 31, 32):
    pool.free(blocks[i])
of = lambda owner: [b[0] for b in pool.blocks() if b[2] and b[3] == owner]
left = of(two) + of(0)
pool.free_owner(one)
check(pool)
assert of(one) == [] and of(two) + of(0) == left and one in left
pool.free_owner(one)
pool.free_owner(0)
assert of(two) + of(0) == left, "nobody's blocks stay"
pool.free_owner(two)
pool.free(one); pool.free(two)
for off in of(0):
    pool.free(off)
assert pool.used == 0 and check(pool) == 1
""",
    )


def test_buffers_that_cannot_be_a_pool(mp: MicroPython) -> None:
    run(
        mp,
        """
def wrong(kind, function, *args):
    try:
        function(*args)
    except kind:
        return
    assert False, args
wrong(ValueError, Pool, 255)
wrong(ValueError, Pool, bytearray(255))
wrong(TypeError, Pool, bytes(4096))
wrong(TypeError, Pool, memoryview(bytearray(4096)))
wrong(TypeError, Pool, None)
wrong(ValueError, Pool.attach, bytearray(4096))
wrong(ValueError, Pool.attach, Pool(4096).buf[:4080])
assert Pool.attach(Pool(4096).buf + bytes(100)).free_bytes == 4096 - HEADER
assert Pool(256).largest()[1] == 256 - HEADER - BLOCK
""",
    )


def test_header_stands_for_the_words_of_returning(mp: MicroPython) -> None:
    from tools.build import ROOT

    opcodes = load_layout(ROOT / "core" / "gen" / "opcodes.py")
    out = run(mp, "print(bytes(Pool(4096).buf[:HEADER]))")
    header: bytes = eval(out)
    assert header[:8] == b"PIT1\x00\x10\x00\x00"
    assert header[LAYOUT["P_XRET"] :][:8] == bytes([0, 0, 0, 0, opcodes["OP_XRET"], 0, 0, 0])
    assert header[LAYOUT["P_EXIT"] :][:8] == bytes([0, 0, 0, 0, opcodes["OP_EXIT"], 0, 0, 0])
    assert header[LAYOUT["P_LAZY"] :][:8] == b"\xff\xff" + bytes(6)


def test_cells(mp: MicroPython) -> None:
    run(
        mp,
        """
buf = bytearray(16)
for value in (0, 1, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff):
    put32(buf, 8, value)
    assert get32(buf, 8) == value and bytes(buf) == bytes(8) + struct.pack("<I", value) + bytes(4)
    put32(buf, 8, value - (1 << 32))
    assert get32(buf, 8) == value
put32(buf, 8, 0x123456789ABCDEF0)
assert get32(buf, 8) == 0x9ABCDEF0
put16(buf, 10, 0x1ffff)
assert get16(buf, 10) == 0xffff and get16(buf, 8) == 0xdef0
""",
    )


def test_allocates_nothing_on_the_heap(mp: MicroPython) -> None:
    run(
        mp,
        """
import micropython
def work(pool):
    a = pool.alloc(100, 1)
    b = pool.grow(a, 2000)  # in place
    c = pool.alloc(500, 1, b)
    b = pool.grow(b, 2100)  # moves
    pool.shrink(b, 50)
    pool.free(c)
    pool.free(b)
    pool.free_owner(b)
    return a != b
pool = Pool(8192)
moved = False
micropython.heap_lock()
moved = work(pool)
micropython.heap_unlock()
assert moved and pool.used == 0
""",
    )


def test_map(mp: MicroPython) -> None:
    out = run(
        mp,
        f"""
pool = Pool(4096)
mod = pool.alloc(200, 1)
name = pool.alloc(12, 10, mod); put32(pool.buf, mod + {LAYOUT["M_NAME"]}, name)
put16(pool.buf, name, 6); pool.buf[name + 2 : name + 8] = b"sensor"
code = pool.alloc(500, 9, mod)
inst = pool.alloc(100, 11); put32(pool.buf, inst, mod)
memory = pool.alloc(1000, 12, inst)
nameless = pool.alloc(200, 1)
pool.alloc(20, 9, nameless)
pool.free(code)
pool.map()
""",
    )
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["offset", "bytes", "kind", "owner"]
    rows = [(int(size), *words) for _, size, *words in lines[1:-1]]
    assert rows == [
        (200, "module", "sensor"),
        (16, "names", "sensor"),
        (504, "free"),
        (104, "instance", "sensor"),
        (1000, "memory", "sensor"),
        (200, "module", f"@{lines[6][0]}"),
        (24, "code", f"@{lines[6][0]}"),
        (4096 - HEADER - 2048 - 8 * BLOCK, "free"),
    ]
    assert re.fullmatch(r"4096 bytes: 1592 used \(at most 2104\), 2424 free, largest block 1904", out.splitlines()[-1])


def test_random_run_against_a_model(mp: MicroPython) -> None:
    for seed, steps, size in ((1, 6000, 4096), (2, 6000, 20000), (3, 3000, 1000)):
        done = mp.run([DEVICE / "pool_model.py", str(seed), str(steps), str(size)])
        assert done.stdout == "ok\n", done.stderr


def test_relocation(mp: MicroPython) -> None:
    """A copy is the same pool: carry on in both, and they stay equal."""
    run(
        mp,
        """
pool = Pool(4096)
offs = [pool.alloc(10 * i, i, 8 * i) for i in range(1, 12)]
for off in offs[::3]:
    pool.free(off)
copy = Pool.attach(bytearray(pool.buf))
assert list(copy.blocks()) == list(pool.blocks()) and copy.buf is not pool.buf
for p in (pool, copy):
    a = p.alloc(50, 1)
    p.grow(a, 500)
    p.free(offs[1])
    p.shrink(offs[10], 5)
    check(p)
assert copy.buf == pool.buf and copy.high == pool.high
copy.free(offs[2])
assert copy.used < pool.used
""",
    )
