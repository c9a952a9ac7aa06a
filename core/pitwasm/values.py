# Values between Python and the pool: slots and global cells read and written by value type (docs/design.md, "Values")
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Integers are taken modulo 2**32 or 2**64 and come back signed; small ones pass without allocating. Floats go through struct:
# what a port's float cannot hold (f64 on boards, the payload of a NaN) needs the raw forms, bits() and put_bits().

import struct

from . import layout
from .driver import s32
from .errors import PitwasmError
from .pool import get16, get32, put32



def size(t):
    """Bytes of a value of type t in a frame."""
    return 8 if t == layout.V_I64 or t == layout.V_F64 else 4


def read(inst, off, t):
    """The Python value of type t at `off`. References come back as handles that live no longer than the instance `inst`."""
    rt = inst._rt
    buf = rt._buf
    if t == layout.V_I32:
        return s32(buf, off)
    if t == layout.V_I64:
        low = s32(buf, off)
        high = s32(buf, off + 4)
        return low if high == low >> 31 else high << 32 | get32(buf, off)
    if t == layout.V_F32:
        return struct.unpack_from("<f", buf, off)[0]
    if t == layout.V_F64:
        return struct.unpack_from("<d", buf, off)[0]
    ref = get32(buf, off)
    if not ref:
        return None
    if t == layout.V_FUNCREF:
        return function_of(inst, ref)
    if ref > len(rt._externs):
        raise ValueError("no such externref")
    return rt._externs[ref - 1]


def write(rt, off, t, value):
    """Store a Python value as type t at `off`."""
    buf = rt._buf
    if t == layout.V_I32:
        put32(buf, off, value)
    elif t == layout.V_I64:
        put32(buf, off, value)
        put32(buf, off + 4, value >> 32)
    elif t == layout.V_F32:
        struct.pack_into("<f", buf, off, value)
    elif t == layout.V_F64:
        struct.pack_into("<d", buf, off, value)
    else:
        put32(buf, off, reference(rt, value, t))


def bits(buf, off, t):
    """The raw unsigned bits of the value of type t at `off`; of a reference, its number in the pool (0 = null)."""
    low = get32(buf, off)
    return get32(buf, off + 4) << 32 | low if size(t) == 8 else low


def put_bits(rt, off, t, value):
    """Store raw bits. A function reference has to be one that exists: the loop trusts it."""
    if t == layout.V_FUNCREF and value:
        home_of(rt, value)
    buf = rt._buf
    put32(buf, off, value)
    if size(t) == 8:
        put32(buf, off + 4, value >> 32)


def put_args(rt, fp, y, args, raw):
    """Arguments of function type y into the slots at fp."""
    buf = rt._buf
    n = get16(buf, y + layout.Y_NP)
    if len(args) != n:
        raise TypeError("%d arguments expected, %d given" % (n, len(args)))
    put = put_bits if raw else write
    y += layout.Y_BYTES
    for i in range(n):
        t = buf[y + i]
        put(rt, fp, t, args[i])
        fp += size(t)


def results(inst, fp, y, raw):
    """The results of function type y in the slots at fp: raw a tuple of bits; else None, a value, or a tuple of several."""
    buf = inst._rt._buf
    n = get16(buf, y + layout.Y_NR)
    y += layout.Y_BYTES + get16(buf, y + layout.Y_NP)
    if not raw and n < 2:
        return read(inst, fp, buf[y]) if n else None
    found = []
    for i in range(n):
        t = buf[y + i]
        found.append(bits(buf, fp, t) if raw else read(inst, fp, t))
        fp += size(t)
    return tuple(found)


def names(buf, at, n):
    """n value types as text: "i32 f64"."""
    return " ".join([_NAMES[buf[at + i]] for i in range(n)])


def signature(buf, y):
    """Function type y as (parameters, results), each as text."""
    n = get16(buf, y + layout.Y_NP)
    y += layout.Y_BYTES
    return names(buf, y, n), names(buf, y + n, get16(buf, y - layout.Y_BYTES + layout.Y_NR))


_NAMES = {
    layout.V_I32: "i32",
    layout.V_I64: "i64",
    layout.V_F32: "f32",
    layout.V_F64: "f64",
    layout.V_FUNCREF: "funcref",
    layout.V_EXTERNREF: "externref",
}


# ---- references ------------------------------------------------------------------------------------------------------------------


def home_of(rt, ref):
    """The instance (record) that a function reference belongs to, 0 = the host; refuses what is none."""
    buf = rt._buf
    n = ref >> layout.REF_SHIFT
    if n == 0 and ref and ref <= len(rt._hosts) and rt._hosts[ref - 1]:
        return 0
    if 0 < n < get32(buf, layout.P_ITABN):
        off = get32(buf, get32(buf, layout.P_ITAB) + (n << 2))
        ref &= (1 << layout.REF_SHIFT) - 1
        if off and get32(buf, off + layout.I_NIMPF) <= ref < get32(buf, get32(buf, off + layout.I_MODULE) + layout.M_NFUNCS):
            return off
    raise PitwasmError("no such function reference")


def function_of(inst, ref):
    """The handle of a function reference, found through `inst`."""
    from .runtime import Function, type_of

    rt = inst._rt
    home = home_of(rt, ref)
    if not home:
        return Function(inst, inst, ref - 1, get32(rt._buf, get32(rt._buf, layout.P_HTAB) + (ref - 1 << 2)), True)
    fidx = ref & ((1 << layout.REF_SHIFT) - 1)
    return Function(inst, rt._instance(home), fidx, type_of(rt._buf, home, fidx))


def reference(rt, value, t):
    """What stands for a Python value in the pool: of a Function its reference, of another object its number; 0 for None."""
    if value is None:
        return 0
    if t == layout.V_FUNCREF:
        return _function_reference(rt, value)
    externs = rt._externs
    if len(externs) & 63 == 63:
        rt._sweep()  # what no table or global holds makes room; in a call, at its end
    free = -1
    for i, other in enumerate(externs):
        if other is value:
            return i + 1
        if other is None:
            free = i
    if free < 0:
        free = len(externs)
        externs.append(None)
    externs[free] = value
    return free + 1


def _function_reference(rt, f):
    from .runtime import Function

    if not isinstance(f, Function) or f._inst._rt is not rt:
        raise TypeError("a Function of this runtime, or None, expected")
    f._check()
    if f._n == -2:
        return f._fidx + 1
    return f._home._cell(layout.I_ID) << layout.REF_SHIFT | f._fidx
