# Memories in pages of one byte (custom-page-sizes), several memories in a module (multi-memory)
# MIT license; Copyright (c) 2026 the pitwasm authors

import pytest

SMALL = """
  (memory (export "memory") 20 600 (pagesize 1))
  (data (i32.const 10) "0123456789")
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "get8") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "get64") (param i32) (result i64) (i64.load offset=3 (local.get 0)))
  (func (export "put") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 255) (local.get 1)))
"""


def test_bytes(run) -> None:
    """Every byte counts: bounds, growth by single bytes, what is new is zero, what does not fit the pool is -1."""
    out = run(
        """
        i = new("m")
        e = i.exports
        print(e.size(), len(i.memory), i.memory.pages, list(i.module.exports)[0], e.get8(19), e.get(16))
        for f, at in ((e.get8, 20), (e.get, 17), (e.get, -1), (e.get64, 10), (e.get8, 599)):
            print(error(f, at))
        print(e.get64(9), error(e.put, 17, 0), error(e.fill, 19, 2), error(i.memory.view, 15, 6))
        e.fill(0, 20)
        sizes = [e.grow(1) for _ in range(30)]
        print(sizes == list(range(20, 50)), e.size(), [e.get8(at) for at in (19, 20, 27, 49)], error(e.get8, 50))
        e.fill(0, 50)
        print(i.memory.grow(3), i.memory[48:], e.grow(600 - 53), e.size(), e.grow(1), e.grow(0), e.grow(-1), e.grow(0x7fffffff))
        print(e.get(596), error(e.get, 597))
        with new("big") as big:
            print(big.exports.grow(1 << 20), big.exports.grow(0x1fffffff), big.exports.grow(-1), big.exports.grow(100), big.exports.grow(0))
        print(error(new, "huge").split(",")[0])
        """,
        m=SMALL,
        big=SMALL.replace("20 600", "20"),
        huge="(memory 0xffffffff 0xffffffff (pagesize 1))",
    )
    beyond = "Trap: m: out of bounds memory access"
    assert out == [
        "20 20 20 ('memory', 'memory', (20, 600, 1)) 57 959985462",
        *[beyond] * 5,
        f"4123106164818064178 {beyond} {beyond} IndexError: beyond the memory's 20 bytes",
        f"True 50 [255, 0, 0, 0] {beyond}",
        "50 b'\\xff\\xff\\x00\\x00\\x00' 53 600 -1 600 -1 -1",
        f"0 {beyond}",
        "-1 -1 -1 20 120",
        "PoolExhausted: huge: pool exhausted: 4294967295 bytes asked",
    ]


def test_what_it_costs(run) -> None:
    """A memory of 512 bytes takes 512 bytes and a block's header; none of the rounding to 64 KB, no need of __heap_base."""
    out = run(
        """
        used = []
        for name in ("none", "m"):
            module = load(name)
            before = rt.pool.used
            i = rt.instantiate(module)
            used.append(rt.pool.used - before)
        print(used[1] - used[0] <= 520 + 64, len(i.memory))
        """,
        pool=4096,
        none="(func)",
        m='(memory (export "memory") 512 (pagesize 1)) (data (i32.const 500) "abc")',
    )
    assert out == ["True 512"]


def test_cut_and_cap(run) -> None:
    """__heap_base and memory_cap go with pages of one byte; the cut is never more than the memory has."""
    text = """
      (memory (export "memory") %d (pagesize 1)) (data (i32.const 5) "abcd") (global (export "__heap_base") i32 (i32.const %d))
      (func (export "size") (result i32) (memory.size)) (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
    """
    out = run(
        """
        for name, options in (("cut", {}), ("cut", {"memory_cap": 1 << 32}), ("cut", {"memory_cap": 9}), ("near", {}), ("odd", {})):
            i = new(name, **options)
            n = len(i.memory)
            print(n, i.exports.size(), i.memory[5:9], i.exports.get(n - 4), error(i.exports.get, n - 3))
        print(error(new, "cut", memory_cap=8))
        """,
        cut=text % (101, 30),
        near=text % (20, 1),
        odd=text % (21, 19),
    )
    beyond = "Trap: {}: out of bounds memory access{}"
    capped = " (beyond the cap of {} bytes)"
    assert out == [
        "32 101 b'abcd' 0 " + beyond.format("cut", capped.format(32)),
        "101 101 b'abcd' 0 " + beyond.format("cut", ""),
        f"9 101 b'abcd' {int.from_bytes(b'abcd', 'little')} " + beyond.format("cut", capped.format(9)),
        "16 20 b'abcd' 0 " + beyond.format("near", capped.format(16)),
        "21 21 b'abcd' 0 " + beyond.format("odd", ""),
        beyond.format("cut", capped.format(8)),
    ]


def test_imports(run) -> None:
    """Page sizes have to be the same; limits are in pages."""
    out = run(
        """
        rt.register_module("a", new("a"))
        for pages in ("bytes", "exact", "large", "more", "less"):
            i = error(new, pages)
            print(i if isinstance(i, str) else (i.exports.grow(1), rt.lookup_function(i, "$a$size")()))
        """,
        a='(memory (export "m") 100 200 (pagesize 1)) (func (export "size") (result i32) (memory.size))',
        **{
            name: f'(memory (import "a" "m") {limits}) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))'
            for name, limits in (
                ("bytes", "1 (pagesize 1)"),
                ("exact", "101 200 (pagesize 1)"),
                ("large", "0"),
                ("more", "103 (pagesize 1)"),
                ("less", "0 199 (pagesize 1)"),
            )
        },
    )
    refused = "LinkError: {0}: incompatible import type a.m"
    assert [line.partition(" (")[0] if line.startswith("Link") else line for line in out] == [
        "(100, 101)",
        "(101, 102)",
        refused.format("large"),
        refused.format("more"),
        refused.format("less"),
    ]


MULTI = """
  (memory $a (export "a") 1)
  (memory $b (export "b") 3 10 (pagesize 1))
  (memory $c (export "c") 1 2)
  (data (memory $b) (i32.const 0) "xyz")
  (data $d "passive")
  (func (export "get") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
  (func (export "get64") (param i32) (result i64) (i64.load16_s $c offset=70 (local.get 0)))
  (func (export "put") (param i32 i64) (i64.store32 $c offset=70000 (local.get 0) (local.get 1)))
  (func (export "const") (result i32) (i32.load $b (i32.const 0)))
  (func (export "copy") (param i32 i32 i32) (memory.copy $c $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (memory.init $b $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32) (memory.fill $c (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow $b (local.get 0)))
  (func (export "growc") (param i32) (result i32) (memory.grow $c (local.get 0)))
  (func (export "sizes") (result i32 i32 i32) (memory.size) (memory.size $b) (memory.size $c))
"""


def test_several(run) -> None:
    out = run(
        """
        print(error(new, "m"))
        rt = pitwasm.Runtime(250_000, multi_memory=True)
        before = rt.pool.used
        i = new("m")
        e = i.exports
        print(e.sizes(), [len(e[name]) for name in "abc"], e.get(2), error(e.get, 3), error(e.const))
        e.copy(100, 0, 3)
        print(e.c[99:104], e.get64(31), error(e.copy, 0, 1, 3), error(e.copy, 65535, 0, 2))
        print(error(e.put, 0, 1), error(e.put, -1, 1), error(e.init, 0, 0, 4), e.init(1, 2, 2), e.b[:])
        print(e.growc(1), e.put(0, 0x1_2345_6789), e.c[70000:70006])
        e.fill(65530, 6)
        print(e.c[65528:65538], e.grow(4), e.b[:], e.grow(4), e.const(), e.a[:4], e.sizes())
        module = i.module
        rt.deinstantiate(i)
        rt.unload(module)
        print(rt.pool.used == before)
        lazy = rt.instantiate(rt.load(open("m.wasm", "rb").read(), "m", lazy=True))
        print(lazy.exports.grow(7), lazy.exports.get(0), error(lazy.exports.get, 10))
        """,
        m=MULTI,
    )
    beyond = "Trap: m: out of bounds memory access"
    assert out[0].startswith("ValidationError: m: multiple memories in the memory section")
    assert out[1:] == [
        f"(1, 3, 1) [65536, 3, 65536] 122 {beyond} {beyond}",
        f"b'\\x00xyz\\x00' 31353 {beyond} {beyond}",
        f"{beyond} {beyond} {beyond} None b'xss'",
        "1 None b'\\x89gE#\\x00\\x00'",
        "b'\\x00\\x00\\x07\\x07\\x07\\x07\\x07\\x07\\x00\\x00' 3 b'xss\\x00\\x00\\x00\\x00' -1 7566200 b'\\x00\\x00\\x00\\x00' (1, 7, 2)",
        "True",
        f"3 120 {beyond}",
    ]


@pytest.mark.parametrize("code", ["(func (drop (i32.load (i64.const 0))))", "(func (drop (memory.size)))"])
def test_64_bit_addresses_are_refused(run, code: str) -> None:
    """Such a memory is a valid declaration; nothing can be done with it."""
    out = run('print(error(new, "type"))\nprint(error(load, "code"))', type="(memory i64 1)", code=f"(memory i64 1) {code}")
    assert out[0] == "LinkError: type: memories with 64-bit addresses are not supported"
    assert out[1].startswith("ValidationError: code: function 0: memories with 64-bit addresses are not supported")
