# What the command line's tests share: modules to push and call, and how a failure looks
# MIT license; Copyright (c) 2026 the pitwasm authors

from types import SimpleNamespace

MATHS = """
  (memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 1024)) (data (i32.const 0) "hello")
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "all") (param i64 f32 f64 externref) (result externref f64 f32 i64)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func $deep (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "divide") (param i32) (result i32) (call $deep (local.get 0)))
  (func (export "spin") (loop (br 0)))
"""
PAIR = """
  (import "maths" "add" (func $add (param i32 i32) (result i32)))
  (func (export "three") (result i32) (call $add (i32.const 1) (i32.const 2)))
"""
HOSTED = '(import "env" "beep" (func)) (func (export "f"))'
BLINK = """
  (import "pit_gpio" "open" (func $open (param i32) (result i32)))
  (func (export "open") (param i32) (result i32) (call $open (local.get 0)))
"""
# Copies its standard input to its output, then ends with status 7.
CAT = """
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 2048))
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 256))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (i32.store (i32.const 4) (i32.load (i32.const 16)))
      (if (i32.load (i32.const 16)) (then
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))) (br $more))))
    (call $exit (i32.const 7)))
"""


def fails(said: tuple[int, str, str], *parts: str, status: int = 1) -> None:
    """It failed with one sentence that has these parts."""
    assert said[0] == status, said
    assert said[2].startswith("pitwasm: "), said
    for part in parts:
        assert part in said[2], said[2]


def options(**named: object) -> SimpleNamespace:
    plain = {"dir": "modules", "pool": None, "cap": None, "stack": None, "fuel": None, "grant": [], "module": None, "svg": None}
    plain["image"] = False
    return SimpleNamespace(**plain | named)
