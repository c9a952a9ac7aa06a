# Machine code in a runtime: where the loop enters it, how it goes away again; and what prepared images bring (docs/native.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Code words stay what they are, but for those where native code can be entered: there the word is [OP_NATIVE, place of a record] and
# the record keeps what it was, so that everything can be put back.
import sys
from uctypes import addressof, bytearray_at

import micropython
from micropython import const

from . import layout
from .errors import LoadError, PoolExhausted
from .pool import get32, put32

_LONGEST = const(80000)  # units of fuel in a slice of machine code: 20 ms on a Pico
_AGAIN = const(160000)  # units of fuel until it is needed again

# Whose machine code runs here, as images have it: what runs on the least Cortex-M runs on all of them.
MACHINE = sys.implementation._mpy >> 10 & 15
if 4 <= MACHINE <= 8:
    MACHINE = 4
if sys.platform == "esp32":  # whose heap is not executable
    MACHINE = 0

NEAR = 1 << 26  # records lie below: a code word has 24 bits for the place of one, divided by 4
FLOATS = 1 << layout.R_SINGLE | 1 << layout.R_DOUBLE | 1 << layout.R_CONVERT


@micropython.viper
def _patch(p: ptr32, at: int, n: int):
    """Put n records in the place of their code words: from now on the loop goes there."""
    while n:
        p[p[(at + layout.NE_AT) >> 2] >> 2] = layout.OP_NATIVE | at << 6
        at += layout.NE_SIZE
        n -= 1


@micropython.viper
def _restore(p: ptr32, at: int, n: int):
    """Put the code words of n records back."""
    while n:
        p[p[(at + layout.NE_AT) >> 2] >> 2] = p[(at + layout.NE_WORD) >> 2]
        at += layout.NE_SIZE
        n -= 1


@micropython.viper
def _move(to: uint, src: uint, n: int):
    """n bytes between addresses, upwards."""
    d = ptr8(to)
    q = ptr8(src)
    i = 0
    while i < n:
        d[i] = q[i]
        i += 1


@micropython.viper
def _core() -> int:
    """Which Cortex-M this is: the part number in CPUID, at 0xE000ED00."""
    p = 0x38003B40
    return ptr32(p << 2)[0] >> 4 & 0xFFF


# Cortex-M7, M55 and M85 have a data cache: what was written has to leave it before it can run.
_CACHED = MACHINE == 4 and sys.platform not in ("linux", "darwin") and _core() in (0xC27, 0xD22, 0xD23)


@micropython.viper
def _clean(at: uint, n: int):
    """Write n bytes at an address, in lines of 32, from the data cache to memory, and let the instruction cache forget all
    (Armv7-M B3.2: ICIALLU at 0xE000EF50, DCCMVAU at …64). The way in waits until that is done."""
    p = 0x38003BD4
    q = ptr32(p << 2)
    n += int(at) & 31
    a = int(at) & -32
    while n > 0:
        q[5] = a
        a += 32
        n -= 32
    q[0] = 0


def _make():
    """A function object to be pointed at machine code."""

    @micropython.viper
    def stub(x: int) -> int:
        return x

    return stub


@micropython.viper
def _point(f: uint, address: uint):
    """Let the viper function object at address f run the code at `address`: its fourth word."""
    if W64:
        p = ptr32(f)
        p[6] = int(address)
        p[7] = int(address >> 32)
    else:
        ptr32(f)[3] = int(address)


def _pointer(f, i):
    """The i-th word of the object f."""
    n = 8 if W64 else 4
    return int.from_bytes(bytearray_at(id(f) + n * i, n), "little")


# ---- machine code of an image ------------------------------------------------------------------------------------------------------------
@micropython.viper
def _relocate(p: ptr8, at: int, fixes: int, n: int, by: ptr32):
    """Add to the cells of machine code, from `at` on, what they are relative to. Each of the n fixes: how far it is to the cell (12 bits);
    by[3 bits], 0 = there is none here; the 16th bit: the cell is in a RISC-V lui and the addi behind it."""
    f = ptr16(int(p) + fixes)
    while n:
        n -= 1
        k = f[0]
        f = ptr16(int(f) + 2)
        at += k & 0xfff
        k >>= 12
        if k:
            q = ptr8(int(p) + at)
            v = by[k & 7]
            if k & 8:
                k = q[6] >> 4 | q[7] << 4
                k -= (k & 0x800) << 1
                v += (q[1] >> 4 << 12 | q[2] << 16 | q[3] << 24) + k
                q[6] = q[6] & 15 | (v & 15) << 4
                q[7] = v >> 4
                v += 0x800
                q[1] = q[1] & 15 | v >> 12 << 4
                q[2] = v >> 16
                q[3] = v >> 24
            else:
                v += q[0] | q[1] << 8 | q[2] << 16 | q[3] << 24
                q[0] = v
                q[1] = v >> 8
                q[2] = v >> 16
                q[3] = v >> 24


@micropython.viper
def _records(p: ptr32, at: int, n: int, code: int, size: int, place: int, most: int) -> int:
    """Make n records what they have to be, for code words at `code` and machine code at `place`; 0: one is for no place there."""
    while n:
        n -= 1
        r = at >> 2
        at += layout.NE_SIZE
        w = p[r + (layout.NE_AT >> 2)]
        if w < 0 or w >= size or w & 3:
            return 0
        w += code
        p[r + (layout.NE_AT >> 2)] = w
        p[r + (layout.NE_WORD >> 2)] = p[w >> 2]
        i = r + (layout.NE_CODE >> 2)
        while i < r + (layout.NE_SIZE >> 2):
            w = p[i]
            if w < 0 or w >= most:
                return 0
            if w:
                p[i] = w + place
            i += 1
    return 1


def adopt(pool):
    """A pool that comes from elsewhere has code words that stand for machine code: put them back, and free what belonged to it."""
    buf = pool.buf
    blocks = [(at, owner) for at, _, kind, owner in pool.blocks() if kind == layout.K_NATIVE]
    for at, owner in blocks:
        if not owner and pool.size_of(at) < layout.X_SIZE + 16:
            at = get32(buf, at + 4 * layout.X_FIRST)
            while at:
                _restore(buf, at + layout.NF_SIZE, get32(buf, at + layout.NF_COUNT))
                at = get32(buf, at + layout.NF_NEXT)
    for at, _ in blocks:
        pool.free(at)
    buf[layout.P_FLAGS] &= ~layout.PF_NATIVE & 255


class Tier:
    """The machine code of one runtime, which images bring; native.Native makes some. budget: bytes of it at most."""

    mode = "image"
    lent = True  # nobody asked for it: what it takes of the pool on its own account goes with what it serves
    slice = layout.SLICE  # units of fuel from one sample to the next

    def __init__(self, rt, budget):
        self.rt = rt
        self.budget = budget
        self.left = self.slice  # of it, to the next sample
        self.used = 0
        self._stubs = 0  # block of the tier's own routines; images have theirs
        self._way = None  # place of the way in among them
        self._region = None
        self._there = 0  # bits 1 << R_*: the routines that machine code can call
        if not budget:
            return
        self._address = addressof(rt.pool.buf)
        if sys.platform in ("linux", "darwin"):
            from . import region

            self._region = region.get(budget)
        try:
            self._state = rt.pool.alloc(layout.X_SIZE, layout.K_NATIVE)  # the only block of this size and kind that nobody owns: adopt()
        except PoolExhausted:
            if self._region:
                self._region.leave()
            raise
        put32(rt._buf, self._state + 4 * layout.X_CODE, self._base() & 0xFFFFFFFF)
        rt._buf[layout.P_FLAGS] |= layout.PF_NATIVE

    @property
    def first(self):
        """First function's block (NF_*)."""
        return get32(self.rt._buf, self._state + 4 * layout.X_FIRST)

    def _base(self):
        """The start of the code space."""
        return self._region.address if self._region else self._address

    def _cell(self, state, i):
        return get32(self.rt._buf, state + 4 * i)

    def _enter(self, at):
        """The loop's way to machine code is at this place of the code space."""
        rt = self.rt
        if not rt._native:
            rt._native = _make()
        _point(id(rt._native), self._base() + at)

    def commit(self, at, n):
        """n bytes of machine code are at that place of the code space: may they run."""
        if _CACHED:
            _clean(self._base() + at, n)

    def sample(self, env):
        """A slice has been used up. Machine code does more in the same time: its slices become longer, the loop's do not."""
        n = self.slice
        if self.inside(env):
            n = min(n + n, _LONGEST)
        elif n > layout.SLICE:
            n = layout.SLICE
        self.slice = self.left = n

    def inside(self, env):
        """Whether the next code word stands for machine code."""
        buf = self.rt._buf
        return buf[get32(buf, env + layout.E_IP)] == layout.OP_NATIVE

    # Routines that machine code calls.

    def _ready(self, wanted):
        """Routines (bits 1 << R_*) that machine code may call from now on, but for those not installed, or too far away; whether
        all are there.

        Their environment is a part of the running state. Places in it count from its address - E_SELF."""
        wanted &= ~self._there
        if not wanted:
            return True
        start = 0  # boards: places are addresses
        if W64:
            start = min(self._base(), self._address)
            if max(self._base() + self.budget, self._address + len(self.rt._buf)) - start >= 1 << 31:
                return False
            self._cells(layout.X_BASE, start)
        env = self._state + 4 * layout.X_FLOAT
        put32(self.rt._buf, env + layout.E_SELF, self._address + env - start)
        try:
            if wanted & FLOATS:
                if UNIT:
                    from . import loop

                    self._inner(loop, loop.run, (layout.R_SINGLE, layout.R_DOUBLE, layout.R_CONVERT))
                else:
                    from .convert import convert
                    from .double import double
                    from .single import single

                    self._objects((layout.R_SINGLE, single), (layout.R_DOUBLE, double), (layout.R_CONVERT, convert))
            if wanted & 1 << layout.R_SHIFT:
                from . import shift

                if UNIT:
                    self._inner(shift, shift.shift, (layout.R_SHIFT,))
                else:
                    self._objects((layout.R_SHIFT, shift.shift))
            if wanted & 1 << layout.R_INTEGER:
                if UNIT:
                    from . import bulk

                    self._inner(bulk, bulk.bulk, (layout.R_INTEGER,))
                else:
                    from .integer import integer

                    self._objects((layout.R_INTEGER, integer))
        except (AttributeError, ImportError):  # not installed, or not made by tools/viperc
            pass
        return not wanted & ~self._there

    def _inner(self, module, entry, kinds):
        """Routines in a file's machine code (tools/build.py, INNER): branched to, with a context that none of them looks at."""
        for i, k in enumerate(kinds):
            self._routine(k, _pointer(entry, 3) + get32(module.INNER, 4 * i))
        self._cells(layout.X_CONTEXT, _pointer(entry, 1))

    def _objects(self, *functions):
        """Function objects, which do not move: machine code calls them as MicroPython does."""
        for k, f in functions:
            self._routine(k, id(f))

    def _routine(self, k, address):
        self._cells(layout.X_ROUTINES + (2 * k if W64 else k), address)
        self._there |= 1 << k

    def _cells(self, i, value):
        """An address, to the running state."""
        put32(self.rt._buf, self._state + 4 * i, value & 0xFFFFFFFF)
        if W64:
            put32(self.rt._buf, self._state + 4 * i + 4, value >> 32)

    # Images.

    def room(self, n):
        """A block for n bytes of an image's machine code and what goes with it; 0: there is no room."""
        if n > self.budget - self.used or self._region and n > self._region.hole()[1]:
            return 0
        pool = self.rt.pool
        try:
            at = pool.alloc(n, layout.K_NATIVE, 0, False)
        except PoolExhausted:
            return 0
        if at + n > NEAR:
            pool.free(at)
            return 0
        return at

    def place(self, mod, block, n):
        """What an image had of machine code, n bytes, is in that block: to be run for the module's code words, unless what it
        calls is not there. LoadError: malformed."""
        buf = self.rt._buf
        pool = self.rt.pool
        tail = block + n - layout.IN_SIZE
        size = get32(buf, tail + layout.IN_CODE)
        count = get32(buf, tail + layout.IN_COUNT)
        way = get32(buf, tail + layout.IN_WAY)
        fixes = get32(buf, tail + layout.IN_FIXES)
        end = size + layout.NF_SIZE + layout.NE_SIZE * count
        code = get32(buf, mod + layout.M_CODE)
        at = self._region.hole()[0] if self._region else block
        if (
            size & 7
            or not size
            or way >= size
            or end + 2 * fixes > n - layout.IN_SIZE
            or not _records(buf, block + size + layout.NF_SIZE, count, code, get32(buf, mod + layout.M_WORDS), at, size)
        ):
            pool.free(block)
            raise LoadError("malformed image: not made by pitwasm")
        try:
            ready = self._ready(get32(buf, tail + layout.IN_USES))
        except MemoryError:  # without room for a routine it is the loop that runs
            ready = False
        if not ready:
            pool.free(block)
            return
        by = bytearray(24)
        put32(by, 4 * layout.FX_WORDS, code)
        put32(by, 4 * layout.FX_ADDRESS, self._address + self._state & 0xFFFFFFFF)
        put32(by, 4 * layout.FX_STATE, self._state)
        put32(by, 4 * layout.FX_PLACE, at)
        put32(by, 4 * layout.FX_BASE, -at & 0xFFFFFFFF)
        _relocate(buf, block, block + end, fixes, by)
        first = block + size
        if self._region:
            self._region.take(size)
            _move(self._region.address + at, self._address + block, size)
            end -= size
            _move(self._address + block, self._address + first, end)
            first = block
        for i, value in (
            (layout.NF_NEXT, self.first), (layout.NF_COUNT, count), (layout.NF_CODE, at), (layout.NF_BYTES, size), (layout.NF_MODULE, mod),
            (layout.NF_FUNC, at + way << 1 | 1),
        ):  # fmt: skip
            put32(buf, first + i, value)
        self.commit(at, size)
        pool.shrink(block, end)
        put32(buf, block - layout.BLOCK + layout.B_OWNER, layout.K_NATIVE | mod << 5)
        put32(buf, self._state + 4 * layout.X_FIRST, first)
        self.used += size
        _patch(buf, first + layout.NF_SIZE, count)
        if self._way is None:
            self._enter(at + way)

    # Away with it.

    def discard(self, mod, made=False):
        """Put the code words of a module back (0: of all), and free its machine code; made: only what has been made here."""
        buf = self.rt._buf
        link = 0
        at = self.first
        while at:
            after = get32(buf, at + layout.NF_NEXT)
            if mod and get32(buf, at + layout.NF_MODULE) != mod or made and get32(buf, at + layout.NF_FUNC) & 1:
                link = at
            else:
                _restore(buf, at + layout.NF_SIZE, get32(buf, at + layout.NF_COUNT))
                code = get32(buf, at + layout.NF_CODE)
                n = get32(buf, at + layout.NF_BYTES)
                self.used -= n
                if self._region:
                    self._region.free(code, n)
                    code = at
                self.rt.pool.free(code)
                if link:
                    put32(buf, link + layout.NF_NEXT, after)
                else:
                    put32(buf, self._state + 4 * layout.X_FIRST, after)
            at = after
        if self._way is None:  # the way in was an image's
            at = self.first
            if at:
                self._enter(get32(buf, at + layout.NF_FUNC) >> 1)
            else:
                self.rt._native = None

    def idle(self):
        """Modules have gone: so does a tier that serves none of those left."""
        rt = self.rt
        if self.lent and not self.first and (self.mode == "image" or not get32(rt._buf, layout.P_MODULES)):
            if self.mode == "hot":
                rt._warm = _AGAIN
            self.close()

    def undo(self, ip):
        """The loop shall do the word at ip itself, for good."""
        buf = self.rt._buf
        if buf[ip] == layout.OP_NATIVE:  # or it has been put back before
            put32(buf, ip, get32(buf, (get32(buf, ip) >> 8 << 2) + layout.NE_WORD))

    def close(self):
        """The end of the runtime."""
        if self.mode != "never":
            self.discard(0)
            self.rt._native = None
            self.mode = "never"
            if self._region:
                self._region.leave()
                self._region = None
            elif self._stubs:
                self.rt.pool.free(self._stubs)
            self.rt.pool.free(self._state)
            self.rt._buf[layout.P_FLAGS] &= ~layout.PF_NATIVE & 255
            self.rt._tier = self.rt.pool.spare = None
