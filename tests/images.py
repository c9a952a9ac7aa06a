# What tests of prepared images make them of, and what their scripts start with; the images themselves: `images` in tests/conftest.py
# MIT license; Copyright (c) 2026 the pitwasm authors

from tests.binary import L

# Something of everything an image has.
ALL = """
  (import "host" "seen" (func $seen (param i32)))
  (import "other" "limit" (global $limit i32))
  (import "other" "ref" (global $ref funcref))
  (type $twice (func (param i32) (result i32)))
  (memory (export "memory") 1 3)
  (global $n (export "n") (mut i64) (i64.const 5))
  (global $copy i32 (global.get $limit))
  (global $own funcref (ref.func $double))
  (global (export "__heap_base") i32 (i32.const 512))
  (table $t (export "table") 6 funcref)
  (elem (i32.const 1) $double $halve)
  (elem (table $t) (global.get $limit) funcref (global.get $ref) (ref.null func))
  (elem $later func $halve)
  (data (i32.const 16) "hello")
  (data $more "later")
  (func $double (type $twice) (i32.add (local.get 0) (local.get 0)))
  (func $halve (type $twice) (i32.shr_u (local.get 0) (i32.const 1)))
  (func (export "by") (param i32 i32) (result i32) (call_indirect (type $twice) (local.get 1) (local.get 0)))
  (func (export "init") (memory.init $more (i32.const 32) (i32.const 0) (i32.const 5))
    (table.init $t $later (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "float") (param f64) (result f32) (f32.demote_f64 (f64.sqrt (local.get 0))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "wide") (result i64 i32) (global.get $n) (global.get $copy))
  (func $s (call $seen (i32.const 7))) (start $s)"""
OTHER = """(global (export "limit") i32 (i32.const 4)) (global (export "ref") funcref (ref.func $same))
  (func $same (export "same") (param i32) (result i32) (local.get 0))"""

# Prepares what load() of tests.wat has loaded; sealed() puts the right checksum into a changed image.
PREPARE = """
import sys
from io import BytesIO
import pitwasm.image as image
import pitwasm.prepare as prepare
from pitwasm import LoadError, ValidationError
def made(name):
    with open(name + ".pwi", "rb") as f:
        return f.read()
def sealed(data):
    data = bytearray(data)
    body = bytearray(data[%(IMAGE)d:])
    s = image.checksum(body, image.checksum(data, 0, 0, %(IH_SUM)d), 0, len(body) & -4)
    for i in range(4):
        data[%(IH_SUM)d + i] = s >> 8 * i & 255
    return data
seen = []
def host(rt):
    rt.register_natives("host", {"seen": ("(i)", seen.append)})
    rt.register_module("other", rt.load(open("other.wasm", "rb"), "other"))
""" % L
