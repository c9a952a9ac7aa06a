# The driver: starts calls, runs the loop in slices and answers its statuses: host functions, growth, translation, traps
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A call from outside runs on the environment of the instance called. A call out of a host function runs on the environment
# that is running already, above the arguments of that host function: Runtime._env is the running environment (0 = none),
# Runtime._top the first byte of its stack that a nested call may use.

import micropython
from micropython import const

from . import layout
from .loop import run as loop_run
from .rare import rare
from .errors import OutOfFuel, PitwasmError, Trap
from .pool import get16, get32, put32
from .values import put_args, put_ints, read, results, s32, size, write

# Backward branches and calls between two looks at Ctrl-C, callbacks and the watchdog: 20 to 60 ms on a Pico.
_SLICE = const(20000)
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

NOTHING = object()  # an argument that was not given


@micropython.viper
def _enter(p: ptr32, fp: int, env: int, inst: int, fidx: int, cs: int) -> int:
    """Set the environment to the start of a function defined in `inst`. 0, or S_LAZY, TRAP_STACK (nothing was done then)."""
    at = p[(inst + layout.I_ENTRIES) >> 2]
    at = p[(at >> 2) + fidx - p[(inst + layout.I_NIMPF) >> 2]]
    if at == layout.P_LAZY:
        return layout.S_LAZY
    n = p[at >> 2]
    # The loop asks for as much: room for the call record, and 12 bytes for one into another instance.
    if cs - fp < ((n & 0xFFFF) << 2) + 16:
        return layout.TRAP_STACK
    cs -= 4
    p[cs >> 2] = layout.P_EXIT
    slot = (fp >> 2) + ((n >> 16) & 0xFFFF)
    n = p[(at + layout.F_CLEAR) >> 2] & 0xFFFF
    while n:
        p[slot] = 0
        slot += 1
        n -= 1
    env >>= 2
    p[env + (layout.E_IP >> 2)] = at + layout.FUNC
    p[env + (layout.E_FP >> 2)] = fp
    p[env + (layout.E_CS >> 2)] = cs
    p[env + (layout.E_INST >> 2)] = inst
    return 0


@micropython.viper
def _clamped(p: ptr32, off: int) -> int:
    """The u32 at `off`, or what is beyond all sizes when it is greater: a small integer on every port, in sums too."""
    n = p[off >> 2]
    return n if n >= 0 and n < 0x1FFFFFFF else 0x1FFFFFFF


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


@micropython.viper
def fill(p: ptr32, off: int, n: int, value: int):
    """Store n cells."""
    off >>= 2
    n += off
    while off < n:
        p[off] = value
        off += 1


# ---- calls -----------------------------------------------------------------------------------------------------------------------


def call(f, raw, a=NOTHING, b=NOTHING, c=NOTHING, d=NOTHING, more=()):
    """Call a Function handle. With up to four i32 arguments and an i32 result, or none, this allocates nothing."""
    inst = f._inst
    home = f._home
    rt = inst._rt
    if inst._dead or not home._off:
        raise PitwasmError("the instance of this function is gone")
    buf = rt._buf
    outer = rt._env
    top = rt._top
    if outer:
        if not top:
            raise PitwasmError("the runtime is busy")  # called by an interrupt's callback, not by a host function
        env = outer
        fp = top
        cs = get32(buf, env + layout.E_CS)
        saved = bytes(rt.pool.view[env : env + layout.E_LO])
    else:
        env = environment(rt, home)
        fp = env + layout.E_SIZE
        cs = get32(buf, env + layout.E_HI)
        rt._error = None
        if rt._paused and rt._paused[2] == env:
            rt._paused = None  # given up
    rt._env = env
    rt._top = 0
    try:
        n = f._n
        if n == -2:  # an imported host function that is exported again
            status = 0
            if cs - fp < _room(buf, f._type):
                status = layout.TRAP_STACK
        else:
            status = _enter(buf, fp, env, home._off, f._fidx, cs)
            if status == layout.S_LAZY:
                _translate(rt, home._off, f._fidx)
                status = _enter(buf, fp, env, home._off, f._fidx, cs)
        if status:
            raise Trap(_TRAPS[status - layout.TRAP_UNREACHABLE], home.name)
        if raw or n < 0 or not put_ints(buf, fp, n, NOTHING, a, b, c, d):
            args = [v for v in (a, b, c, d) if v is not NOTHING]
            args.extend(more)
            put_args(rt, fp, f._type, args, raw)
        if n != -2:
            run(rt, env)
        else:
            put32(buf, env + layout.E_INST, home._off)
            put32(buf, env + layout.E_CS, cs)
            _invoke(rt, env, f._fidx, fp)
        if f._r == layout.V_I32 and not raw:
            return s32(buf, fp)
        if f._r or raw:
            return results(inst, fp, f._type, raw)
    except PitwasmError as exc:
        if not outer:
            rt._error = exc
            if isinstance(exc, OutOfFuel) and exc.resumable:
                rt._paused = (f, raw, env)
        raise
    finally:
        rt._env = outer
        rt._top = top
        if outer:
            rt.pool.view[env : env + layout.E_LO] = saved
        elif rt._due:
            rt._sweep()


def resume(rt):
    """Go on with the call that ran out of fuel; what it returns."""
    if rt._env or not rt._paused:
        raise PitwasmError("there is no call to resume")
    f, raw, env = rt._paused
    rt._paused = rt._error = None
    rt._env = env
    try:
        run(rt, env)
        return results(f._inst, env + layout.E_SIZE, f._type, raw)
    except PitwasmError as exc:
        rt._error = exc
        if isinstance(exc, OutOfFuel) and exc.resumable:
            rt._paused = (f, raw, env)
        raise
    finally:
        rt._env = rt._top = 0
        if rt._due:
            rt._sweep()


def environment(rt, inst):
    """The environment of an instance, made when it is first called from outside."""
    buf = rt._buf
    env = get32(buf, inst._off + layout.I_ENV)
    if not env:
        n = get32(buf, inst._off + layout.I_STACK)
        env = rt.pool.alloc(layout.E_SIZE + n, layout.K_STACK, inst._off)
        put32(buf, env + layout.E_LO, env + layout.E_SIZE)
        put32(buf, env + layout.E_HI, env + layout.E_SIZE + n)
        put32(buf, inst._off + layout.I_ENV, env)
    return env


def run(rt, env):
    """Run until the call that was set up returns; its results are where its arguments were."""
    buf = rt._buf
    paid = 0  # what entering the loop costs has been paid before, unless the loop stopped for want of fuel
    while True:
        fuel = rt.fuel
        n = _SLICE if fuel is None or fuel > _SLICE else fuel
        put32(buf, env + layout.E_FUEL, n + paid)
        status = loop_run(buf, buf, buf, env, rare, rt._flt)
        if fuel is not None:
            rt.fuel = fuel - n + get32(buf, env + layout.E_FUEL)
        paid = 1
        if status == layout.S_DONE:
            return
        if status == layout.S_FUEL:
            paid = 0
            if fuel is not None and rt.fuel <= 0:
                raise OutOfFuel("out of fuel")
        elif status == layout.S_HOST:
            _host(rt, env)
        elif status == layout.S_GROW:
            _grow(rt, env)
        elif status == layout.S_TGROW:
            _table_grow(rt, env)
        elif status == layout.S_LAZY:
            _translate(rt, get32(buf, env + layout.E_INST), get32(buf, env + layout.E_DETAIL))
        elif status == layout.S_LAZYREF:
            ref = get32(buf, env + layout.E_DETAIL)
            _translate(rt, rt._home(ref), ref & 0xFFFFF)
        else:
            raise _trap(rt, env, status)


def _translate(rt, inst, fidx):
    """Lazy loading: a function is translated when it is first called."""
    from . import decode

    module = rt._module(get32(rt._buf, inst + layout.I_MODULE))
    decode.translate_function(rt.pool, module._off, module._source, fidx)


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


def _room(buf, y):
    """Bytes of stack that arguments and results of function type y take."""
    return max(get16(buf, y + layout.Y_PSLOTS), get16(buf, y + layout.Y_RSLOTS)) << 2


def _invoke(rt, env, number, at):
    """Call host function `number` with the arguments in the slots at `at`; its results go there."""
    buf = rt._buf
    fn, letters, name = rt._hosts[number]
    y = get32(buf, get32(buf, layout.P_HTAB) + (number << 2))
    rt._top = at + _room(buf, y)
    inst = rt._instance(get32(buf, env + layout.E_INST))
    n = get16(buf, y + layout.Y_NP)
    y += layout.Y_BYTES
    try:
        if not n:
            value = fn()
        elif n == 1 and letters == "i":
            value = fn(s32(buf, at))
        elif n == 2 and letters == "ii":
            value = fn(s32(buf, at), s32(buf, at + 4))
        else:
            args = []
            off = at
            for i in range(n):
                t = buf[y + i]
                kind = letters[i] if letters else ""
                if kind == "$":
                    args.append(inst._text(get32(buf, off)))
                elif kind == "*":
                    length = get32(buf, off + 4) if letters[i + 1 : i + 2] == "~" else -1
                    args.append(inst._view(get32(buf, off), length))
                elif kind == "~":
                    args.append(get32(buf, off))
                else:
                    args.append(read(inst, off, t))
                off += size(t)
            value = fn(*args)
        y += n
        n = get16(buf, y - n - layout.Y_BYTES + layout.Y_NR)
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
        trap = Trap("host function %s: %s: %s" % (name, type(exc).__name__, exc))
        trap.cause = exc
        raise trap
    rt._top = 0


# ---- growth ----------------------------------------------------------------------------------------------------------------------


def _grow(rt, env):
    """memory.grow: the word at E_IP is [RARE, sub, d, a]."""
    buf = rt._buf
    ip = get32(buf, env + layout.E_IP)
    fp = get32(buf, env + layout.E_FP)
    mm = get32(buf, get32(buf, env + layout.E_INST) + layout.I_MEM0)
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
    """A block of n bytes that starts with what `data` (0 = none) holds; -1 when the pool has none."""
    pool = rt.pool
    try:
        return pool.grow(data, n) if data else pool.alloc(n, kind, owner)
    except PitwasmError:
        return -1


def grow_memory(rt, mm, delta):
    """Grow a memory by `delta` pages; its old size in pages, or -1 (WebAssembly 4.4.7)."""
    buf = rt._buf
    pages = get32(buf, mm + layout.MM_PAGES)
    if delta:
        new = pages + delta
        page = get32(buf, mm + layout.MM_PAGE)
        if new > _clamped(buf, mm + layout.MM_MAX) or new >> (28 - page):
            return -1
        data = get32(buf, mm + layout.MM_DATA)
        data = _resize(rt, data, new << page, layout.K_MEMORY, get32(buf, mm + layout.MM_OWNER))
        if data < 0:
            return -1
        put32(buf, mm + layout.MM_DATA, data)
        put32(buf, mm + layout.MM_PAGES, new)
        put32(buf, mm + layout.MM_BYTES, new << page)
        put32(buf, mm + layout.MM_CAP, 0)
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
        data = _resize(rt, data, new << 2, layout.K_TABLE, get32(buf, tt + layout.TT_OWNER))
        if data < 0:
            return -1
        put32(buf, tt + layout.TT_DATA, data)
        put32(buf, tt + layout.TT_COUNT, new)
        fill(buf, data + (n << 2), delta, ref)
    return n


# ---- traps -----------------------------------------------------------------------------------------------------------------------


def _trap(rt, env, status):
    buf = rt._buf
    inst = get32(buf, env + layout.E_INST)
    text = _TRAPS[status - layout.TRAP_UNREACHABLE]
    detail = get32(buf, env + layout.E_DETAIL)
    if status == layout.TRAP_UNINITIALIZED:
        text %= detail
    elif status == layout.TRAP_MEMORY:
        text = beyond(buf, get32(buf, inst + layout.I_MEM0), detail)
    frames = backtrace(rt, env)
    trap = Trap(text, frames[0][0])
    trap.frames = frames
    return trap


def beyond(buf, mm, address):
    """The text for an access at `address`, outside of the memory or only beyond its cap."""
    text = _TRAPS[1]
    if mm:
        cap = get32(buf, mm + layout.MM_CAP)
        if cap and address < get32(buf, mm + layout.MM_PAGES) << get32(buf, mm + layout.MM_PAGE):
            text += " (beyond the cap of %d bytes)" % cap
    return text


def backtrace(rt, env):
    """(module, function, offset) of the frames of a stopped run, innermost first."""
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
        frames.append((module.name or "?", module._function_name(n + get32(buf, inst + layout.I_NIMPF)), ip - start))
        ip = get32(buf, cs)
        cs += 4
        if ip == layout.P_EXIT:
            break
        if ip == layout.P_XRET:
            ip = get32(buf, cs)
            inst = get32(buf, cs + 4)
            cs += 8
    return tuple(frames)
