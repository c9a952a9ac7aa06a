# The native tier: which functions become machine code, where that lies, how the loop gets there (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Loaded by Runtime(native="always" or "hot"). What is there of it when it only comes with images is in tier.py.
import sys

import micropython
from micropython import const

from . import layout
from .errors import PoolExhausted
from .pool import get16, get32, put32
from .tier import FLOATS, NEAR, Tier, _move, _patch

try:
    from . import words
except ImportError:  # this machine has no assembler
    words = None


@micropython.viper
def _entries(s: int, p: ptr8, made: int, code: int, shift: int) -> int:
    """The records (made: 0 = only count them) of the places where the function can be entered. How many.

    They will be at pool offset `made`, and lie `shift` bytes further now."""
    S = ptr32(s << 2)
    F = ptr8(int(S) + S[layout.N_MARKS])
    P = ptr32(int(S) + S[layout.N_PLACES])
    n = S[layout.N_WORDS]
    top = S[layout.N_FUNC]
    start = S[layout.N_CODE]
    count = 0
    i = 0
    while i < n:
        if F[i] & layout.MK_ENTRY and P[i]:
            # not where the loop has work to do, nor over a call word, whose slots who returns and callref.py look for
            if F[i] & layout.MK_HAND == 0:
                if made:
                    r = ptr32(int(p) + made + shift)
                    w = ptr32(int(p) + top + (i << 2))
                    r[layout.NE_WORD >> 2] = w[0]
                    r[layout.NE_AT >> 2] = top + (i << 2)
                    r[layout.NE_CODE >> 2] = code + P[i] - start
                    r[layout.NE_LOADER >> 2] = code + S[layout.N_LOADER] - start
                    r[layout.NE_CALL >> 2] = 0 if i else code + S[layout.N_ENTER] - start
                    made += layout.NE_SIZE
                count += 1
        i += 1
    return count


@micropython.viper
def _clear(p: ptr8, n: int):
    while n:
        n -= 1
        p[n] = 0


@micropython.viper
def _find(p: ptr32, entries: int, n: int, ip: int) -> int:
    """The number of the function that the word at ip is in: the last one that starts before it."""
    best = 0
    found = 0 - 1
    entries >>= 2
    i = 0
    while i < n:
        at = p[entries + i]
        if at < ip:
            if at > best:
                best = at
                found = i
        i += 1
    return found


# Places of the stubs, which all functions need to know.
_SHARED = (layout.N_EXIT, layout.N_FAIL, layout.N_CALL, layout.N_REF, layout.N_MUL, layout.N_DIV, layout.N_FLOATS)

# "hot": after so many units of fuel the driver looks where the loop is; a function that was met twice among so many becomes machine code.
# Without a threshold, a look that finds nothing to do makes them longer, up to those of the loop.
_EVERY = const(300)
_SEEN = const(8)


class Native(Tier):
    """The tier of one runtime. budget: bytes of machine code at most, stubs included. threshold: as Runtime has it."""

    lent = False  # but by warm()

    def __init__(self, rt, mode, budget, threshold=None):
        if not words or sys.platform == "esp32":  # whose heap is not executable
            budget = 0
        Tier.__init__(self, rt, budget)
        self.mode = mode
        self._seen = [0] * _SEEN  # functions that samples fell into, latest last
        self._work = 0  # the block a function is being lowered in
        if not budget:
            self.mode = "never"
            return
        self._steady = threshold is not None
        if mode == "hot":
            self.slice = self.left = max(1, threshold + 1 >> 1) if self._steady else _EVERY
        try:
            self._start()
        except BaseException:  # Ctrl-C, too
            if self._work:
                rt.pool.free(self._work)
            self.close()
            raise

    def _start(self):
        """What all functions share."""
        self._places = None
        self._work = work = self.rt.pool.alloc(layout.N_SIZE + 1536, layout.K_NATIVE)
        state = self._begin(work, 0, 0, 0)
        at = words.stubs(state)
        words.callref(state)
        self._places = [self._cell(work, i) for i in _SHARED]
        self._stubs, self._fixed = self._keep(work)
        self._work = 0
        self.used = self._fixed
        self._way = at
        self._enter(at)

    def _begin(self, work, size, func, n):
        """A state for lowering n words at `func` in the block `work`; its address / 4."""
        buf = self.rt._buf
        m = words
        flags = m.FLAGS
        if flags & layout.NG_CALLS:
            flags |= self._there * layout.NG_HAS
        _clear(self.rt.pool.part(work, layout.N_SIZE), layout.N_SIZE)
        top = size - 5 * n & -8
        cells = (
            (layout.N_SELF, work), (layout.N_FUNC, func), (layout.N_WORDS, n), (layout.N_AT, layout.N_SIZE), (layout.N_CODE, layout.N_SIZE),
            (layout.N_HOME, self._region.hole()[0] if self._region else work), (layout.N_TOP, top), (layout.N_PLACES, top),
            (layout.N_MARKS, top + 4 * n), (layout.N_END, top - 400), (layout.N_REGS, m.REGS), (layout.N_PINS, m.PINS),
            (layout.N_SCRATCH, m.SCRATCH), (layout.N_FLAGS, flags), (layout.N_RANGE, m.RANGE),
            (layout.N_REACHES, m.REACHES), (layout.N_STATE, self._state),
        )  # fmt: skip
        for i, value in cells:
            put32(buf, work + 4 * i, value)
        if func:
            for i, value in zip(_SHARED, self._places):
                put32(buf, work + 4 * i, value)
            _clear(self.rt.pool.part(work + top, 5 * n), 5 * n)
        return self._address + work >> 2

    def _keep(self, work, more=0):
        """The code made in the block `work` goes where it belongs, with `more` bytes behind it: (place in the code space, bytes of it)."""
        pool = self.rt.pool
        n = self._cell(work, layout.N_AT) - layout.N_SIZE
        if self._region:
            at = self._region.take(n)
            _move(self._region.address + at, self._address + work + layout.N_SIZE, n)
            _move(self._address + work, self._address + work + layout.N_SIZE + (n + 3 & -4), more)
            if more:
                pool.shrink(work, more)
            else:
                pool.free(work)
            return at, n
        more += n + 3 & -4
        _move(self._address + work, self._address + work + layout.N_SIZE, more)
        self.commit(work, n)
        pool.shrink(work, more)
        return work, n

    # Functions.

    def compile(self, mod, i):
        """Lower the i-th function that the module at `mod` defines; whether it is native now. Without room nothing happens."""
        self._work = 0
        try:
            return self._compile(mod, i)
        except MemoryError:  # of MicroPython's heap; a tuple of both would need some of it
            return False
        except PoolExhausted:
            return False
        finally:  # after Ctrl-C, too: the work block is all of the largest hole
            if self._work:
                self._give_up()

    def _compile(self, mod, i):
        rt = self.rt
        buf = rt._buf
        if self.mode == "never":
            return False
        entries = get32(buf, mod + layout.M_ENTRIES)
        func = get32(buf, entries + 4 * i)
        if func == layout.P_LAZY or buf[func + layout.FUNC] == layout.OP_NATIVE or self.compiled(func + layout.FUNC):
            return False
        code = get32(buf, mod + layout.M_CODE)
        if code:
            end = code + get32(buf, mod + layout.M_WORDS)
            if i + 1 < get32(buf, mod + layout.M_NFUNCS) - get32(buf, mod + layout.M_NIMPF):
                end = get32(buf, entries + 4 * i + 4)
        else:
            end = func + rt.pool.size_of(func)
        func += layout.FUNC
        n = end - func >> 2
        if n > 16000:
            return False
        if words.FLAGS & layout.NG_CALLS:
            flags = get32(buf, mod + layout.M_FLAGS)
            self._ready(
                (FLOATS if flags & layout.MF_FLOAT else 0) | 1 << layout.R_SHIFT | (1 << layout.R_INTEGER if flags & layout.MF_BULK else 0)
            )
        reach = words.REACHES
        while True:
            work, size = rt.pool.take_largest(layout.K_NATIVE, mod)
            self._work = work
            room = self._region.hole()[1] if self._region else size
            room = min(room, self.budget - self.used) + layout.N_SIZE + 5 * n
            size = min(size, room, NEAR - work) & -8
            if size < layout.N_SIZE + 5 * n + 600:
                return self._give_up()
            state = self._begin(work, size, func, n)
            put32(buf, work + 4 * layout.N_REACHES, reach)
            h = func - layout.FUNC
            put32(buf, work + 4 * layout.N_LOCALS, get16(buf, h + layout.F_PARAMS) + get16(buf, h + layout.F_CLEAR))
            put32(buf, work + 4 * layout.N_ENTRIES, entries - 4 * get32(buf, mod + layout.M_NIMPF) & 0xFFFFFFFF)
            put32(buf, work + 4 * layout.N_FTYPES, get32(buf, mod + layout.M_FTYPES))
            put32(buf, work + 4 * layout.N_TYPES, get32(buf, mod + layout.M_TYPES))
            error = words.lower(state)
            if not error:
                break
            self._give_up()
            if error != layout.NX_FAR or reach == 2:
                return False
            reach = 2
        return self._place(mod, work, state)

    def _give_up(self):
        work = self._work
        self._work = 0
        self.rt.pool.free(work)
        return False

    def _place(self, mod, work, state):
        """The function lowered in the block `work` gets its records, behind its code; False when there is no room for them."""
        buf = self.rt._buf
        code = self._cell(work, layout.N_HOME)
        count = _entries(state, buf, 0, 0, 0)
        end = self._cell(work, layout.N_AT) + 3 & -4
        size = layout.NF_SIZE + layout.NE_SIZE * count
        if end + size > self._cell(work, layout.N_TOP):
            return self._give_up()
        shift = end if self._region else layout.N_SIZE
        block = work + end - shift
        n = self._cell(work, layout.N_AT) - layout.N_SIZE
        for i, value in (
            (layout.NF_NEXT, self.first), (layout.NF_COUNT, count), (layout.NF_CODE, code), (layout.NF_BYTES, n), (layout.NF_MODULE, mod),
            (layout.NF_FUNC, self._cell(work, layout.N_FUNC)),
        ):  # fmt: skip
            put32(buf, block + shift + i, value)
        _entries(state, buf, block + layout.NF_SIZE, code, shift)
        self._keep(work, size)
        self._work = 0
        put32(buf, self._state + 4 * layout.X_FIRST, block)
        self.used += n
        _patch(buf, block + layout.NF_SIZE, count)
        return True

    def compiled(self, func):
        """The block of the function whose first word is at `func`, or 0."""
        buf = self.rt._buf
        at = self.first
        while at and get32(buf, at + layout.NF_FUNC) != func:
            at = get32(buf, at + layout.NF_NEXT)
        return at

    def module(self, mod):
        """Lower all functions of a module; how many that were."""
        buf = self.rt._buf
        done = 0
        for i in range(get32(buf, mod + layout.M_NFUNCS) - get32(buf, mod + layout.M_NIMPF)):
            done += self.compile(mod, i)
        return done

    def spare(self, most):
        """native=None: the pool has no other room (most = 0), or a workspace of `most` bytes is to be taken. Whether something was freed:
        first the machine code, after which there may be half as much of it, then all of the tier."""
        used = self.used
        if self.mode == "never" or used - self._fixed < most >> 2:
            return False
        self.discard(0, True)
        used -= self.used
        if used:
            self.left = self.slice = _EVERY
            if not most:
                self.budget = self.used + (used >> 1)
            return True
        if most or self.first:
            return False
        self.close()
        return True

    def sample(self, env):
        """A slice has been used up ("hot"): the function the loop is in may run often. Allocates only when it compiles."""
        if not self._steady and (self.mode != "hot" or self.inside(env)):
            Tier.sample(self, env)
            return
        if self.slice > layout.SLICE:  # machine code's
            self.slice = layout.SLICE
        self.left = self.slice
        buf = self.rt._buf
        ip = get32(buf, env + layout.E_IP)
        mod = get32(buf, get32(buf, env + layout.E_INST) + layout.I_MODULE)
        n = get32(buf, mod + layout.M_NFUNCS) - get32(buf, mod + layout.M_NIMPF)
        i = -1 if buf[ip] == layout.OP_NATIVE else _find(buf, get32(buf, mod + layout.M_ENTRIES), n, ip)
        if i >= 0:
            func = get32(buf, get32(buf, mod + layout.M_ENTRIES) + 4 * i)
            seen = self._seen
            if -func in seen:  # was refused; when others have driven it out it may try again
                return
            if func not in seen:
                for k in range(_SEEN - 1):
                    seen[k] = seen[k + 1]
                seen[_SEEN - 1] = func
                return
            if self.compile(mod, i):
                return
            if self._steady and buf[func + layout.FUNC] != layout.OP_NATIVE and not self.compiled(func + layout.FUNC):
                seen[seen.index(func)] = -func
        if not self._steady:  # nothing to do here, or no room for it: look less often
            self.left = self.slice = min(2 * self.slice, layout.SLICE)

    def discard(self, mod, made=False):
        Tier.discard(self, mod, made)
        for k in range(_SEEN):  # other functions may come to lie where they were
            self._seen[k] = 0
        self.left = self.slice
