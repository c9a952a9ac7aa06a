# Small memories: caps, and the cut to what a module says it uses
# MIT license; Copyright (c) 2026 the pitwasm authors

import pytest

CAPS = """
  (memory (export "memory") 1 4)
  (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "put") (param i32 i64) (i64.store offset=100 (local.get 0) (local.get 1)))
  (func (export "far") (param i32) (result i32) (i32.load offset=60000 (local.get 0)))
  (func (export "const") (result i32) (i32.load (i32.const 8)))
  (func (export "const2") (result i32) (i32.load (i32.const 2000)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
"""


@pytest.mark.parametrize("lazy", [False, True])
def test_memory_cap(run, lazy: bool) -> None:
    out = run(
        f"""
        lazy = {lazy}
        source = open("m.wasm", "rb").read()
        module = rt.load(source, "m", lazy=lazy)
        used = rt.pool.used
        i = rt.instantiate(module, memory_cap=1000)
        e = i.exports
        print(rt.pool.used - used < 3500, len(i.memory), i.memory.pages, e.size(), e.grow(0), e.grow(1), e.get(999), e.const())
        for f, args in ((e.get, (1000,)), (e.get, (65535,)), (e.get, (65536,)), (e.get, (-1,)), (e.put, (893, 1)), (e.far, (0,)),
                        (e.far, (-1,)), (e.const2, ()), (e.fill, (990, 11))):
            print(error(f, *args))
        e.put(892, -1)
        e.fill(990, 2)
        print(i.memory[980:], len(i.memory[:]))
        rt.deinstantiate(i)
        print(rt.pool.used == used or lazy, error(rt.instantiate, module, memory_cap=2000))
        with rt.instantiate(module, memory_cap=10) as i:
            print(error(i.exports.const), i.exports.get(9), error(i.exports.get, 10))
        """,
        m=CAPS,
    )
    cap = "Trap: m: out of bounds memory access (beyond the cap of 1000 bytes)"
    assert out == [
        "True 1000 1 1 1 -1 0 0",
        cap,
        cap,
        "Trap: m: out of bounds memory access",
        "Trap: m: out of bounds memory access",
        cap,
        cap,
        "Trap: m: out of bounds memory access",
        cap,
        cap,
        "b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x07\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff' 1000",
        "True LinkError: m: the code was fitted to a memory of 1000 bytes; load the module again for a larger one",
        cap.replace("1000", "10") + " 0 " + cap.replace("1000", "10"),
    ]


def test_cap_leaves_room_to_grow(run) -> None:
    out = run(
        """
        e = new("m", memory_cap=3 * 65536 + 100).exports
        print(e.grow(2), e.grow(1), e.size(), e.get(3 * 65536 - 1), error(e.get, 3 * 65536))
        print(error(new, "data", memory_cap=1000))
        e = new("data", memory_cap=1001).exports
        print(e.memory[1000])
        """,
        pool=400_000,
        m=CAPS,
        data='(memory (export "memory") 1) (data (i32.const 1000) "x")',
    )
    assert out == [
        "1 -1 3 0 Trap: m: out of bounds memory access",
        "Trap: data: out of bounds memory access (beyond the cap of 1000 bytes)",
        "120",
    ]


def test_cut_to_what_the_module_uses(run) -> None:
    out = run(
        """
        used = rt.pool.used
        i = new("cut")
        print(rt.pool.used < 6000, len(i.memory), i.exports.get(2055), error(i.exports.get, 2056))
        full = rt.instantiate(i.module, memory_cap=1 << 32)
        print(len(full.memory), full.exports.get(65535))
        # Who imports a memory may use all of it.
        rt.register_module("cut", i)
        j = new("user")
        print(len(i.memory), j.exports.peek(60000), error(i.exports.get, 65536))
        i.memory[60000] = 9
        print(j.exports.peek(60000))
        grows = new("grows")
        print(len(grows.memory))
        """,
        pool=300_000,
        cut="""(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 2050)) (data (i32.const 2047) "end")
               (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))""",
        user="""(import "cut" "memory" (memory 1)) (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))""",
        grows="""(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 2050))
                 (func (export "g") (drop (memory.grow (i32.const 1))))""",
    )
    assert out == [
        "True 2056 0 Trap: cut: out of bounds memory access (beyond the cap of 2056 bytes)",
        "65536 0",
        "65536 0 Trap: cut: out of bounds memory access",
        "9",
        "65536",
    ]
