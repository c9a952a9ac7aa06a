# What the loop stops for: host functions, growth, lazy translation, traps; loaded when first needed
# MIT license; Copyright (c) 2026 the pitwasm authors

import micropython
from micropython import const

from . import layout
from .driver import s32
from .errors import Exit, OutOfFuel, PitwasmError, PoolExhausted, Trap
from .pool import get16, get32, put32
from .values import home_of, put_args, read, results, size, write

_FRAMES = const(32)  # most frames in a backtrace

# By status, from layout.TRAP_UNREACHABLE on.
_TRAPS = (
    "unreachable",
    "out of bounds memory access",
    "out of bounds table access",
    "integer divide by zero",
    "integer overflow",
    "invalid conversion to integer",
    "undefined element",
    "uninitialized element %d",
    "indirect call type mismatch",
    "call stack exhausted",
)


def answer(rt, env, status):
    """Do what a status of the loop asks for; afterwards the loop can go on."""
    buf = rt._buf
    if status == layout.S_HOST:
        _host(rt, env)
    elif status == layout.S_GROW:
        _grow(rt, env)
    elif status == layout.S_TGROW:
        _table_grow(rt, env)
    elif status == layout.S_LAZY:
        translate(rt, get32(buf, env + layout.E_INST), get32(buf, env + layout.E_DETAIL))
    elif status == layout.S_LAZYREF:
        ref = get32(buf, env + layout.E_DETAIL)
        translate(rt, home_of(rt, ref), ref & 0xFFFFF)
    elif status == layout.S_UNDO:
        rt._tier.undo(get32(buf, env + layout.E_IP))
    else:
        raise _trap(rt, env, status)


def translate(rt, inst, fidx):
    """Lazy loading: a function is translated when it is first called."""
    from . import decode

    module = rt._module(get32(rt._buf, inst + layout.I_MODULE))
    if module._source is None:
        raise PitwasmError("the bytes it was loaded from are not at hand", module.name)
    decode.translate_function(rt.pool, module._off, module._source, fidx)
    if rt._tier and rt._tier.mode == "always":
        rt._tier.compile(module._off, fidx - module._cell(layout.M_NIMPF))


# ---- host functions --------------------------------------------------------------------------------------------------------------


def _host(rt, env):
    """The host function that the word at E_IP calls."""
    buf = rt._buf
    ip = get32(buf, env + layout.E_IP)
    number = get32(buf, env + layout.E_DETAIL)
    try:
        _invoke(rt, env, number, get32(buf, env + layout.E_FP) + (buf[ip + 1] << 2))
    except Trap as exc:
        exc.frames = tuple(exc.frames) + backtrace(rt, env)
        raise
    put32(buf, env + layout.E_IP, ip + 4)


def call_host(f, raw, env, fp, cs, args):
    """Call a host function that an instance exports again, from outside."""
    inst = f._inst
    rt = inst._rt
    if cs - fp < _room(rt._buf, f._type):
        raise Trap(_TRAPS[-1], inst.name)
    put_args(rt, fp, f._type, args, raw)
    put32(rt._buf, env + layout.E_INST, f._home._off)
    put32(rt._buf, env + layout.E_CS, cs)
    _invoke(rt, env, f._fidx, fp)
    return results(inst, fp, f._type, raw)


def _room(buf, y):
    """Bytes of stack that arguments and results of function type y take."""
    return max(get16(buf, y + layout.Y_PSLOTS), get16(buf, y + layout.Y_RSLOTS)) << 2


def _invoke(rt, env, number, at):
    """Call host function `number` with the arguments in the slots at `at`; its results go there."""
    buf = rt._buf
    fn, letters, name = rt._hosts[number]
    y = get32(buf, get32(buf, layout.P_HTAB) + (number << 2))
    rt._top = at + _room(buf, y)
    n = get16(buf, y + layout.Y_NP)
    try:
        if not n:
            value = fn()
        elif letters == "i":
            value = fn(s32(buf, at))
        elif letters == "ii":
            value = fn(s32(buf, at), s32(buf, at + 4))
        else:
            value = fn(*_arguments(rt, env, y, letters, at))
        n = get16(buf, y + layout.Y_NR)
        y += layout.Y_BYTES + get16(buf, y + layout.Y_NP)
        if n == 1:
            write(rt, at, buf[y], value)
        elif n:
            if len(value) != n:
                raise ValueError("%d results expected, %d returned" % (n, len(value)))
            for i in range(n):
                write(rt, at, buf[y + i], value[i])
                at += size(buf[y + i])
    except Trap as exc:
        if isinstance(exc, OutOfFuel):
            exc.resumable = False  # what called it is a Python function
        raise
    except Exception as exc:
        if isinstance(exc, Exit):
            raise
        trap = Trap("host function %s: %s: %s" % (name, type(exc).__name__, exc))
        trap.cause = exc
        raise trap
    rt._top = 0


def _arguments(rt, env, y, letters, off):
    """The arguments in the slots at `off` as Python values."""
    buf = rt._buf
    inst = rt._instance(get32(buf, env + layout.E_INST))
    args = []
    for i in range(get16(buf, y + layout.Y_NP)):
        t = buf[y + layout.Y_BYTES + i]
        kind = letters[i] if letters else ""
        if kind == "$":
            args.append(_text(inst, get32(buf, off)))
        elif kind == "*":
            length = get32(buf, off + 4) if letters[i + 1 : i + 2] == "~" else -1
            args.append(view(inst, get32(buf, off), length))
        elif kind == "~":
            args.append(get32(buf, off))
        else:
            args.append(read(inst, off, t))
        off += size(t)
    return args


def view(inst, address, n, mm=0):
    """A memoryview of n bytes of memory 0, or (n < 0) of all from `address` on. Holds until the memory grows. mm: another memory."""
    buf = inst._rt._buf
    mm = mm or inst._cell(layout.I_MEM0)
    end = get32(buf, mm + layout.MM_BYTES) if mm else 0
    if n < 0 and address < end:
        n = end - address
    if n < 0 or address + n > end:
        raise Trap(_beyond(buf, mm, address if address > end else end), inst.name)
    start = get32(buf, mm + layout.MM_DATA) + address if mm else 0
    return inst._rt.pool.part(start, n)


def _text(inst, address):
    """The NUL-terminated string at `address`."""
    text = view(inst, address, -1)
    n = 0
    while n < len(text) and text[n]:
        n += 1
    if n == len(text):
        raise Trap(_TRAPS[1], inst.name)
    return str(text[:n], "utf-8")


# ---- growth ----------------------------------------------------------------------------------------------------------------------


@micropython.viper
def _clamped(p: ptr32, off: int) -> int:
    """The u32 at `off`, or what is beyond all sizes when it is greater: a small integer on every port, in sums too."""
    n = p[off >> 2]
    return n if n >= 0 and n < 0x1FFFFFFF else 0x1FFFFFFF


@micropython.viper
def _fill(p: ptr32, off: int, n: int, value: int):
    off >>= 2
    n += off
    while off < n:
        p[off] = value
        off += 1


def _grow(rt, env):
    """memory.grow: the word at E_IP is [RARE, sub, d, a], or [RARE, OTHER_MEMORY, memory, 0] [0] in front of it."""
    buf = rt._buf
    ip = get32(buf, env + layout.E_IP)
    fp = get32(buf, env + layout.E_FP)
    mems = get32(buf, get32(buf, env + layout.E_INST) + layout.I_MEMS)
    if buf[ip + 1] == layout.SUB_OTHER_MEMORY:
        mems += buf[ip + 2] << 2
        ip += 8
    mm = get32(buf, mems)
    put32(buf, fp + (buf[ip + 2] << 2), grow_memory(rt, mm, _clamped(buf, fp + (buf[ip + 3] << 2))))
    put32(buf, env + layout.E_IP, ip + 8)


def _table_grow(rt, env):
    """table.grow: the words at E_IP are [RARE, sub, d, a] [value, table, 0, 0]."""
    buf = rt._buf
    ip = get32(buf, env + layout.E_IP)
    fp = get32(buf, env + layout.E_FP)
    tt = get32(buf, get32(buf, get32(buf, env + layout.E_INST) + layout.I_TABLES) + (buf[ip + 5] << 2))
    ref = s32(buf, fp + (buf[ip + 4] << 2))
    put32(buf, fp + (buf[ip + 2] << 2), grow_table(rt, tt, _clamped(buf, fp + (buf[ip + 3] << 2)), ref))
    put32(buf, env + layout.E_IP, ip + 8)


def _resize(rt, data, n, kind, owner):
    """The block `data` (0 = none yet) with n bytes, new ones cleared."""
    if data:
        return rt.pool.grow(data, n)
    return rt.pool.alloc(n, kind, owner) if n else 0


def size_memory(rt, mm, n):
    """Give a memory n bytes to be accessed, fewer than its pages have where it is cut or capped."""
    buf = rt._buf
    data = _resize(rt, get32(buf, mm + layout.MM_DATA), n, layout.K_MEMORY, get32(buf, mm + layout.MM_OWNER))
    put32(buf, mm + layout.MM_DATA, data)
    put32(buf, mm + layout.MM_BYTES, n)
    whole = get32(buf, mm + layout.MM_PAGES) << get32(buf, mm + layout.MM_PAGE)
    put32(buf, mm + layout.MM_CAP, n if n < whole else 0)


def grow_memory(rt, mm, delta):
    """Grow a memory by `delta` pages; its old size in pages, or -1 (WebAssembly 4.4.7)."""
    buf = rt._buf
    pages = get32(buf, mm + layout.MM_PAGES)
    if delta:
        new = pages + delta
        page = get32(buf, mm + layout.MM_PAGE)
        # 2**28: more than any pool has, and small enough for a shift on every port.
        if new > _clamped(buf, mm + layout.MM_MAX) or new >> 28 - page or new << page > _clamped(buf, mm + layout.MM_LIMIT):
            return -1
        put32(buf, mm + layout.MM_PAGES, new)
        try:
            size_memory(rt, mm, new << page)
        except PoolExhausted:
            put32(buf, mm + layout.MM_PAGES, pages)
            return -1
    return pages


def grow_table(rt, tt, delta, ref):
    """Grow a table by `delta` elements of value `ref`; its old size, or -1."""
    buf = rt._buf
    n = get32(buf, tt + layout.TT_COUNT)
    if delta:
        new = n + delta
        if new > _clamped(buf, tt + layout.TT_MAX) or new >> 26:
            return -1
        data = get32(buf, tt + layout.TT_DATA)
        try:
            data = _resize(rt, data, new << 2, layout.K_TABLE, get32(buf, tt + layout.TT_OWNER))
        except PoolExhausted:
            return -1
        put32(buf, tt + layout.TT_DATA, data)
        put32(buf, tt + layout.TT_COUNT, new)
        _fill(buf, data + (n << 2), delta, ref)
    return n


# ---- traps -----------------------------------------------------------------------------------------------------------------------


def _trap(rt, env, status):
    buf = rt._buf
    text = _TRAPS[status - layout.TRAP_UNREACHABLE]
    detail = get32(buf, env + layout.E_DETAIL)
    if status == layout.TRAP_UNINITIALIZED:
        text %= detail
    elif status == layout.TRAP_MEMORY:
        text = _beyond(buf, get32(buf, get32(buf, env + layout.E_INST) + layout.I_MEM0), detail)
    frames = backtrace(rt, env)
    trap = Trap(text, frames[0][0])
    trap.frames = frames
    return trap


def _beyond(buf, mm, address):
    """The text for an access at `address`, outside of the memory or only beyond its cap."""
    text = _TRAPS[1]
    if mm:
        cap = get32(buf, mm + layout.MM_CAP)
        if cap and address < get32(buf, mm + layout.MM_PAGES) << get32(buf, mm + layout.MM_PAGE):
            text += " (beyond the cap of %d bytes)" % cap
    return text


@micropython.viper
def _entry_of(p: ptr32, module: int, ip: int) -> int:
    """Number (of the functions defined in the module) of the one that a code word belongs to."""
    at = p[(module + layout.M_ENTRIES) >> 2] >> 2
    n = p[(module + layout.M_NFUNCS) >> 2] - p[(module + layout.M_NIMPF) >> 2]
    found = 0
    start = 0
    i = 0
    while i < n:
        v = p[at + i]
        if v <= ip and v > start:
            start = v
            found = i
        i += 1
    return found


def backtrace(rt, env):
    """(module, function, offset) of the frames of a stopped run, innermost first."""
    from .handles import function_name

    buf = rt._buf
    ip = get32(buf, env + layout.E_IP)
    inst = get32(buf, env + layout.E_INST)
    cs = get32(buf, env + layout.E_CS)
    end = get32(buf, env + layout.E_HI)
    frames = []
    while cs < end and len(frames) < _FRAMES:
        module = rt._module(get32(buf, inst + layout.I_MODULE))
        n = _entry_of(buf, module._off, ip)
        start = get32(buf, get32(buf, module._off + layout.M_ENTRIES) + (n << 2)) + layout.FUNC
        frames.append((module.name or "?", function_name(module, n + get32(buf, inst + layout.I_NIMPF)), ip - start))
        ip = get32(buf, cs)
        cs += 4
        if ip == layout.P_EXIT:
            break
        if ip == layout.P_XRET:
            ip = get32(buf, cs)
            inst = get32(buf, cs + 4)
            cs += 8
    return tuple(frames)
