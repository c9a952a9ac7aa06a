# What several sections are made of: types of values, tables, memories and globals (WebAssembly 5.3), constant expressions (3.3.10)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Each takes the Reader, as the functions of sections.py do.

from . import layout
from .errors import LoadError, ValidationError
from .pool import get32, put32


def index(r, bound, what):
    """An index below `bound` (3.4)."""
    i = r.u32()
    if i >= bound:
        raise ValidationError("unknown %s %d" % (what, i))
    return i


def no_type(v):
    """The error for a byte that is not one of our value types: WebAssembly 3.0 knows some more of them."""
    if 0x63 <= v <= 0x7B:
        return ValidationError("value type %02x is not supported" % v)
    return LoadError("malformed value type")


def reftype(r):
    v = r.byte()
    if v != layout.V_FUNCREF and v != layout.V_EXTERNREF:
        raise LoadError("malformed reference type")
    return v


def _limits(r, known):
    """Limits (5.3.8): the flag byte, of which `known` bits may be set; minimum; maximum or None."""
    flags = r.byte()
    if flags & ~known:
        raise LoadError("malformed limits flags")
    low = _limit(r, flags, known)
    high = None
    if flags & 1:
        high = _limit(r, flags, known)
        if low > high:
            raise ValidationError("size minimum must not be greater than maximum")
    return flags, low, high


def _limit(r, flags, known):
    if flags & 4:  # memory64
        n = shift = 0
        while True:
            b = r.byte()
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                break
            if shift > 63:
                raise LoadError("integer representation too long")
        if n >> 64:
            raise LoadError("integer too large")
        return n
    try:
        return r.u32()
    except LoadError:
        # WebAssembly 3.0 reads u64 here: what does not fit a u32 is malformed in 2.0, out of range in 3.0. The two test
        # suites agree if 2**32 itself is taken as the latter.
        pos = get32(r.pool.buf, r.t + layout.T_POS)
        if known & 8 and bytes(r.pool.part(pos, 5)) == b"\x80\x80\x80\x80\x10":
            raise ValidationError(_SIZE)
        raise


_SIZE = "memory size must be at most 65536 pages (4GiB)"


def add_table(r):
    """A table type (5.3.9), appended."""
    n = r.get(layout.M_NTABLES)
    off = r.room(layout.M_TABLES, (n + 1) * layout.TD_SIZE, layout.K_DEFS, 3 * n) + n * layout.TD_SIZE
    put32(r.pool.buf, off + layout.TD_TYPE, reftype(r))
    _, low, high = _limits(r, 1)
    put32(r.pool.buf, off + layout.TD_MIN, low)
    put32(r.pool.buf, off + layout.TD_MAX, 0xFFFFFFFF if high is None else high)
    r.put(layout.M_NTABLES, n + 1)


def add_memory(r):
    """A memory type (5.3.10; proposal custom-page-sizes: pages of 1 byte too), appended."""
    buf = r.pool.buf
    n = r.get(layout.M_NMEMS)
    if n and not buf[layout.P_FLAGS] & layout.PF_MEMORIES or n == 255:  # a byte of a code word names one
        raise ValidationError("multiple memories")
    off = r.room(layout.M_MEMS, (n + 1) * layout.MD_SIZE, layout.K_DEFS) + n * layout.MD_SIZE
    flags, low, high = _limits(r, 13)
    page = r.u32() if flags & 8 else 16
    if page >= 64:
        raise LoadError("invalid custom page size")
    if page not in (0, 16):
        raise ValidationError("invalid custom page size")
    if page and max(low, high or 0) > 1 << (48 if flags & 4 else 16):
        raise ValidationError(_SIZE)
    put32(buf, off + layout.MD_FLAGS, flags)
    put32(buf, off + layout.MD_MIN, min(low, 0xFFFFFFFF))
    put32(buf, off + layout.MD_MAX, 0xFFFFFFFF if high is None else min(high, 0xFFFFFFFF))
    put32(buf, off + layout.MD_PAGE, page)
    r.put(layout.M_NMEMS, n + 1)


def add_global(r):
    """A global type (5.3.11), appended but not counted yet. Its record."""
    n = r.get(layout.M_NGLOBALS)
    off = r.room(layout.M_GLOBALS, (n + 1) * layout.GD_SIZE, layout.K_DEFS, 3 * n) + n * layout.GD_SIZE
    buf = r.pool.buf
    v = buf[off + layout.GD_TYPE] = r.byte()
    if v < layout.V_F64 and v != layout.V_FUNCREF and v != layout.V_EXTERNREF or v > layout.V_I32:
        raise no_type(v)
    v = buf[off + layout.GD_MUT] = r.byte()
    if v > 1:
        raise LoadError("malformed mutability")
    return off


# ---- constant expressions (3.3.10) ----

# Ranges of instructions known to WebAssembly 2.0 without SIMD: what they hold is not constant, what they do not is malformed.
_KNOWN = b"\x00\x05\x0b\x11\x1a\x1c\x20\x26\x28\xc4\xd0\xd2\xfc\xfc"


def constant(r, type, to):
    """A constant expression of that type: its value to the cells at `to` (and to + 4 unless 0), its kind (CE_*) returned."""
    buf = r.pool.buf
    value = r.t + layout.T_LO
    kind = got = values = 0
    while True:
        op = r.byte()
        if op == 0x0B:
            break
        values += 1
        kind = layout.CE_CONST
        put32(buf, value + 4, 0)
        if op == 0x41:  # i32.const
            got = layout.V_I32
            r.sleb(32)
            put32(buf, value + 4, 0)
        elif op == 0x42:  # i64.const
            got = layout.V_I64
            r.sleb(64)
        elif op == 0x43:  # f32.const
            got = layout.V_F32
            r.into(value, 4)
        elif op == 0x44:  # f64.const
            got = layout.V_F64
            r.into(value, 8)
        elif op == 0x23:  # global.get: an imported immutable one
            i = index(r, r.get(layout.M_NIMPG), "global")
            off = r.get(layout.M_GLOBALS) + i * layout.GD_SIZE
            if buf[off + layout.GD_MUT]:
                raise ValidationError("constant expression required")
            kind = layout.CE_GLOBAL
            got = buf[off + layout.GD_TYPE]
            put32(buf, value, i)
        elif op == 0xD0:  # ref.null
            got = reftype(r)
            put32(buf, value, 0)
        elif op == 0xD2:  # ref.func
            i = index(r, r.get(layout.M_NFUNCS), "function")
            declared(r, i)
            kind = layout.CE_FUNC
            got = layout.V_FUNCREF
            put32(buf, value, i)
        else:
            for i in range(0, len(_KNOWN), 2):
                if _KNOWN[i] <= op <= _KNOWN[i + 1]:
                    raise ValidationError("constant expression required")
            raise LoadError("illegal opcode %02x" % op)
    if values != 1 or got != type:
        raise ValidationError("type mismatch")
    put32(buf, to, get32(buf, value))
    if to + 4 != value:
        put32(buf, to + 4, get32(buf, value + 4))
    return kind


def declared(r, i=-1):
    """Note that ref.func may name function i (3.4.10). The map of all such functions, a bit each."""
    off = r.get(layout.M_DECLARED)
    if not off:
        off = r.array(layout.M_DECLARED, (r.get(layout.M_NFUNCS) + 7) >> 3, layout.K_WORK)
    if i >= 0:
        r.pool.buf[off + (i >> 3)] |= 1 << (i & 7)
    return off
