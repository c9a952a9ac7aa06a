# The pool as a table for people: every block with its place, size, kind and owner (Pool.map(); imported when called)
# MIT license; Copyright (c) 2026 the pitwasm authors

from . import layout
from .pool import get16, get32

# By kind (K_*), as the map names them.
_KINDS = (
    "free,module,type,imports,exports,functions,definitions,elements,data,code,names,instance,memory,table,globals,links,"
    "stack,registry,work,host,native"
)


def owner_name(pool, record):
    """The name of a module or instance record; its offset when it has none; empty for 0."""
    if not record:
        return ""
    kind = pool.owner_of(record)[0]
    module = get32(pool.buf, record + layout.I_MODULE) if kind == layout.K_INSTANCE else record
    if module and pool.owner_of(module)[0] == layout.K_MODULE:
        name = get32(pool.buf, module + layout.M_NAME)
        if name:
            return bytes(pool.part(name + 2, get16(pool.buf, name))).decode()
    return "@%d" % record


def lines(pool):
    """The lines of the map, one by one."""
    kinds = _KINDS.split(",")
    yield "%8s %8s  %-12s %s" % ("offset", "bytes", "kind", "owner")
    for off, size, kind, owner in pool.blocks():
        name = kinds[kind] if kind < len(kinds) else "kind %d" % kind
        if kind in (layout.K_MODULE, layout.K_INSTANCE):
            owner = off  # the record itself is shown under its own name
        yield ("%8d %8d  %-12s %s" % (off, size, name, owner_name(pool, owner))).rstrip()
    yield "%d bytes: %d used (at most %d), %d free, largest block %d" % (
        len(pool.buf), pool.used, pool.high, pool.free_bytes, pool.largest()[1]
    )  # fmt: skip


def show(pool):
    for line in lines(pool):
        print(line)
