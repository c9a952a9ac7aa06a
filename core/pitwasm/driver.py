# The driver: starts calls, runs the loop in slices, hands what it stops for to events.py; all that is resident besides the loop
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A call from outside runs on the environment of the instance called. A call out of a host function runs on the environment
# that is running already, above the arguments of that host function: Runtime._env is the running environment (0 = none),
# Runtime._top the first byte of its stack that a nested call may use (0 = none may: no host function is being called).

import micropython
from micropython import const

from . import layout, loop
from .errors import Exit, OutOfFuel, PitwasmError, Trap
from .pool import get32, put32

# native=None: units of fuel until it is tried again to load the tier, for which there was no heap, or no time before Ctrl-C.
_AGAIN = const(1000000)

NOTHING = object()  # an argument that was not given


@micropython.viper
def s32(p: ptr32, off: int) -> int:
    """The signed i32 at pool offset `off`."""
    return S32(p[off >> 2])


@micropython.viper
def _put_ints(p: ptr32, fp: int, n: int, no: object, a: object, b: object, c: object, d: object) -> int:
    """Write up to four i32 arguments, without allocating. 0, and nothing done, unless exactly n of a … d are not `no`."""
    given = 0
    if a is not no:
        given = 1
    if b is not no:
        given = 2
    if c is not no:
        given = 3
    if d is not no:
        given = 4
    if given != n:
        return 0
    fp >>= 2
    if given:
        p[fp] = int(a)
    if given > 1:
        p[fp + 1] = int(b)
    if given > 2:
        p[fp + 2] = int(c)
    if given > 3:
        p[fp + 3] = int(d)
    return 1


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


def call(f, raw, a, b, c, d, more):
    """Call a Function handle. With up to four i32 arguments and an i32 result, or none, this allocates nothing."""
    inst = f._inst
    home = f._home
    rt = inst._rt
    if inst._dead or not home._off:
        f._check()  # raises
    buf = rt._buf
    outer = rt._env
    top = rt._top
    if outer:
        if not top:
            raise PitwasmError("the runtime is busy")  # called by an interrupt's callback, not by a host function
        env = outer
        fp = top
        cs = get32(buf, env + layout.E_CS)
        saved = bytes(rt.pool.part(env, layout.E_LO))
    else:
        env = environment(rt, home._off)
        fp = env + layout.E_SIZE
        cs = get32(buf, env + layout.E_HI)
        rt._error = None
        if rt._paused and rt._paused[2] == env:
            rt._paused = None  # given up
    try:
        rt._env = env
        rt._top = 0
        n = f._n
        if n == -2:
            from .events import call_host

            return call_host(f, raw, env, fp, cs, [v for v in (a, b, c, d) if v is not NOTHING] + list(more))
        status = _enter(buf, fp, env, home._off, f._fidx, cs)
        if status == layout.S_LAZY:
            from .events import translate

            translate(rt, home._off, f._fidx)
            status = _enter(buf, fp, env, home._off, f._fidx, cs)
        if status:
            raise Trap("call stack exhausted", home.name)
        if raw or n < 0 or not _put_ints(buf, fp, n, NOTHING, a, b, c, d):
            from .values import put_args

            put_args(rt, fp, f._type, [v for v in (a, b, c, d) if v is not NOTHING] + list(more), raw)
        run(rt, env)
        return _results(f, raw, fp)
    except PitwasmError as exc:
        if not outer:
            _stopped(f, raw, env, exc)
        raise
    finally:
        rt._env = outer
        rt._top = top
        if outer:
            rt.pool.part(env, layout.E_LO)[:] = saved
        elif rt._due:
            rt._sweep()


def _results(f, raw, fp):
    if not raw:
        if f._r == layout.V_I32:
            return s32(f._inst._rt._buf, fp)
        if not f._r:
            return None
    from .values import results

    return results(f._inst, fp, f._type, raw)


def _stopped(f, raw, env, exc):
    """Note what a call from outside ended with; one that is out of fuel can be resumed."""
    rt = f._inst._rt
    rt._error = None if isinstance(exc, Exit) else exc
    if isinstance(exc, OutOfFuel) and exc.resumable:
        rt._paused = (f, raw, env)


def resume(rt):
    """Go on with the call that ran out of fuel; what it returns."""
    if rt._env or not rt._paused:
        raise PitwasmError("there is no call to resume")
    f, raw, env = rt._paused
    rt._paused = rt._error = None
    try:
        rt._env = env
        run(rt, env)
        return _results(f, raw, env + layout.E_SIZE)
    except PitwasmError as exc:
        _stopped(f, raw, env, exc)
        raise
    finally:
        rt._env = rt._top = 0
        if rt._due:
            rt._sweep()


def environment(rt, inst):
    """The environment of an instance record, made when it is first called from outside."""
    buf = rt._buf
    env = get32(buf, inst + layout.I_ENV)
    if not env:
        n = get32(buf, inst + layout.I_STACK)
        env = rt.pool.alloc(layout.E_SIZE + n, layout.K_STACK, inst)
        put32(buf, env + layout.E_LO, env + layout.E_SIZE)
        put32(buf, env + layout.E_HI, env + layout.E_SIZE + n)
        put32(buf, inst + layout.I_ENV, env)
    return env


def _load_tier(rt):
    """native=None: calls have used up enough. The tier that makes machine code, where it is installed and there is room for it."""
    rt._warm = _AGAIN
    try:
        from .warm import warm

        warm(rt)
        rt._warm = 0
    except ImportError:
        rt._warm = 0
    except MemoryError:  # the heap may be locked
        pass


def run(rt, env):
    """Run until the call that was set up returns; its results are where its arguments were."""
    buf = rt._buf
    paid = 0  # what entering the loop costs has been paid before, unless the loop stopped for want of fuel
    while True:
        fuel = rt.fuel
        tier = rt._tier  # it may have come, or gone, while a host function ran
        n = layout.SLICE if tier is None else tier.left
        if fuel is not None and fuel < n:
            n = fuel if fuel > 0 else 0
        put32(buf, env + layout.E_FUEL, n + paid)
        status = loop.run(buf, buf, buf, env, rt._bulk, rt._single, rt._double, rt._convert, rt._native)
        n -= get32(buf, env + layout.E_FUEL)
        if fuel is not None:
            rt.fuel = (fuel if fuel > 0 else 0) - n
        if tier is not None:  # truth would be looked for in its class, in 0.1 ms
            tier.left -= n  # several calls may make up a slice: functions without loops become hot, too
        elif rt._warm:
            if rt._warm > n:
                rt._warm -= n
            else:
                _load_tier(rt)
        if status == layout.S_DONE:
            return
        paid = 1
        if status != layout.S_FUEL:
            answer = rt._answer
            if not answer:
                from .events import answer

                rt._answer = answer
            answer(rt, env, status)
        else:
            paid = 0
            if fuel is not None and rt.fuel <= 0:
                raise OutOfFuel("out of fuel")
            if tier is not None:
                tier.sample(env)
