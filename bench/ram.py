# Heap each part of pitwasm takes on a board where it is installed: mpremote run bench/ram.py
# MIT license; Copyright (c) 2026 the pitwasm authors
import gc
import sys

PARTS = (
    ("resident, integer module", "errors pool loop access driver runtime"),
    ("on the first host call, growth or trap, or value that is no i32", "values events"),
    ("loader", "source tables operands simple labels structure uncommon translate reader definitions sections decode"),
    ("linker", "lifecycle link store reclaim modules handles caps"),
    ("prepared images", "imagecheck image"),
    ("floats", "convert single double"),
    ("bulk", "integer bulk"),
    ("images' machine code", "tier"),
    ("the native tier besides", "native shift"),
)


def free():
    gc.collect()
    return gc.mem_free()


def tier(native):
    """Heap of a runtime without its pool, and bytes it takes of the pool."""
    before = free()
    rt = pitwasm.Runtime(pool, native=native)
    now = before - free()
    used = rt.pool.used
    rt.destroy()
    return now, used


before = free()
pitwasm = __import__("pitwasm")

for title, names in PARTS:
    for name in names.split():
        try:
            __import__("pitwasm." + name)
        except ImportError:
            pass  # a part of another file where tools/viperc compiles them together
    now = free()
    print("%6d  %s" % (before - now, title))
    before = now
for name in [name for name in sys.modules if name.startswith("pitwasm.")]:
    if name[8:] in PARTS[2][1].split() + PARTS[3][1].split():
        del sys.modules[name]
        delattr(pitwasm, name[8:])
print("%6d  given back by dropping loader and linker" % (free() - before))

pool = bytearray(16384)
tier("never")
for native in ("never", "hot"):
    print("%6d  of heap, %d of the pool: a runtime with native=%r" % (tier(native) + (native,)))
