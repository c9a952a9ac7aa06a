# Machine code for prepared images, made on the host: the tier's, with what it is relative to found by making it four times (docs/image.md)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Nothing of it runs here: the assembler may be another machine's. The running state, the pool and the code space are given
# places of our own choosing; where one moves and a cell of the machine code moves as far, the cell is relative to it. Whatever else
# changes is an error. So no assembler needs to know about images.

from array import array
from typing import Any

from . import layout, words
from .errors import PitwasmError
from .native import _SHARED, Native
from .pool import get16, get32, put32

_STEP = 0x01011104  # changes the lowest byte of a cell, and all of a RISC-V lui's and addi's halves
# Where the pool's start, the running state and the code space seem to be: constants of ten bits and more, which fit no short form.
_PLACES = (0x35500000, 0x2AA1B2C8, 0x12345670)


def _assume(tier, work, places):
    """The state of a lowering in the block `work` believes in these places."""
    buf = tier.rt._buf
    pool, state, home = places
    for i, value in ((layout.N_SELF, work + pool), (layout.N_STATE, state), (layout.N_HOME, home)):
        put32(buf, work + 4 * i, value)


def _made(tier, work):
    return bytes(tier.rt.pool.part(work + layout.N_SIZE, tier._cell(work, layout.N_AT) - layout.N_SIZE))


def _routines(tier, places):
    """(machine code, place of the way in, places of the others) of what all functions share."""
    work = tier.rt.pool.alloc(layout.N_SIZE + 1536, layout.K_NATIVE)
    state = tier._begin(work, 0, 0, 0)
    _assume(tier, work, places)
    way = words.stubs(state)
    words.callref(state)
    if tier._cell(work, layout.N_ERROR):
        raise PitwasmError("there is no machine code for this machine")
    made = _made(tier, work), way - places[2], [tier._cell(work, i) - places[2] for i in _SHARED]
    tier.rt.pool.free(work)
    return made


class _Module:
    """What a lowering reads of a module, moved to where the pool seems to be."""

    def __init__(self, pool, mod):
        self.pool = pool
        self.mod = mod
        buf = pool.buf
        self.entries = get32(buf, mod + layout.M_ENTRIES)
        self.imported = get32(buf, mod + layout.M_NIMPF)
        self.count = get32(buf, mod + layout.M_NFUNCS) - self.imported
        self.types = get32(buf, mod + layout.M_TYPES)
        self.copies = [
            pool.alloc(4 * n + 4, layout.K_WORK) for n in (self.count, get32(buf, mod + layout.M_NTYPES))
        ]

    def assume(self, work, by):
        buf = self.pool.buf
        for copy, cells, n in zip(self.copies, (self.entries, self.types), (self.count, get32(buf, self.mod + layout.M_NTYPES))):
            for at in range(0, 4 * n, 4):
                put32(buf, copy + at, get32(buf, cells + at) + by)
        for i, value in (
            (layout.N_FUNC, get32(buf, work + 4 * layout.N_FUNC) + by), (layout.N_ENTRIES, self.copies[0] - 4 * self.imported + by),
            (layout.N_FTYPES, get32(buf, self.mod + layout.M_FTYPES) + by), (layout.N_TYPES, self.copies[1] + by),
        ):  # fmt: skip
            put32(buf, work + 4 * i, value)

    def free(self):
        for copy in self.copies:
            self.pool.free(copy)


def _function(tier, module, i, places):
    """(machine code, its records as (offset of the code word, code, loader, place for calls), routines it calls as bits 1 << R_*) of one
    function; None: the loop's."""
    pool = tier.rt.pool
    buf = pool.buf
    code = get32(buf, module.mod + layout.M_CODE)
    end = get32(buf, module.mod + layout.M_WORDS) + code
    if i + 1 < module.count:
        end = get32(buf, module.entries + 4 * i + 4)
    func = get32(buf, module.entries + 4 * i) + layout.FUNC
    n = end - func >> 2
    if n > 16000:
        return None
    for reach in sorted({words.REACHES, 2}):
        work, size = pool.take_largest(layout.K_NATIVE)
        try:
            if size < layout.N_SIZE + 5 * n + 600:
                pool.free(work)
                raise pool.exhausted(layout.N_SIZE + 5 * n + 600)
            state = tier._begin(work, size & -8, func, n)
            _assume(tier, work, places)
            module.assume(work, places[0])
            h = func - layout.FUNC
            put32(buf, work + 4 * layout.N_REACHES, reach)
            put32(buf, work + 4 * layout.N_LOCALS, get16(buf, h + layout.F_PARAMS) + get16(buf, h + layout.F_CLEAR))
            error = words.lower(state)
            if error == layout.NX_ROOM:
                raise pool.exhausted(0)
            if not error:
                start = tier._cell(work, layout.N_CODE)
                marks = work + tier._cell(work, layout.N_MARKS)
                at = work + tier._cell(work, layout.N_PLACES)
                loader, enter = (tier._cell(work, i) - start for i in (layout.N_LOADER, layout.N_ENTER))
                records = []
                for k in range(n):
                    place = get32(buf, at + 4 * k)
                    if place and buf[marks + k] & layout.MK_ENTRY and not buf[marks + k] & layout.MK_HAND:
                        records.append((func - code + 4 * k, place - start, loader, 0 if k else enter))
                return _made(tier, work), records, tier._cell(work, layout.N_FLAGS) // layout.NG_USES
        finally:
            pool.free(work)
        if error != layout.NX_FAR:
            break
    return None


# ---- what it is relative to --------------------------------------------------------------------------------------------------------------


def _read(code, at, pair):
    if not pair:
        return int.from_bytes(code[at : at + 4], "little")
    low = _read(code, at + 4, False) >> 20
    return (_read(code, at, False) >> 12 << 12) + low - ((low & 0x800) << 1) & 0xFFFFFFFF


def _write(code, at, pair, value):
    if pair:
        _write(code, at, False, (value + 0x800 & 0xFFFFF000) | _read(code, at, False) & 0xFFF)
        _write(code, at + 4, False, (value << 20 & 0xFFF00000) | _read(code, at + 4, False) & 0xFFFFF)
    else:
        code[at : at + 4] = value.to_bytes(4, "little")


# How far a cell moves when the pool, the running state, the code space do -> what it is relative to.
_KINDS = {
    (_STEP, 0, 0): layout.FX_WORDS,
    (-_STEP & 0xFFFFFFFF, _STEP, 0): layout.FX_ADDRESS,
    (0, _STEP, 0): layout.FX_STATE,
    (0, 0, _STEP): layout.FX_PLACE,
    (0, 0, -_STEP & 0xFFFFFFFF): layout.FX_BASE,
}


def _relative(made, zero, pairs):
    """Of four ways to make the same: (code whose cells are relative, places << 4 | kind); zero: by kind, what the first was relative to."""
    code: Any = bytearray(made[0])
    fixes = array("I")
    n = len(code)
    for other in made:
        if len(other) != n:
            raise PitwasmError("machine code that depends on where it lies")
    at = 0
    while at < n:
        if made[0][at] == made[1][at] == made[2][at] == made[3][at]:
            at += 1
            continue
        if pairs:
            at -= 1
            if made[0][at] & 0x7F != 0x37 or made[0][at + 4] & 0x7F != 0x13:
                raise PitwasmError("machine code that depends on where it lies")
        first = _read(made[0], at, pairs)
        kind = _KINDS.get(tuple([_read(other, at, pairs) - first & 0xFFFFFFFF for other in made[1:]]))
        if not kind:
            raise PitwasmError("machine code that depends on where it lies")
        _write(code, at, pairs, first - zero[kind] & 0xFFFFFFFF)
        fixes.append(at << 4 | kind | (layout.FX_PAIR if pairs else 0))
        at += 8 if pairs else 4
    return code, fixes


def native(rt, mod, pairs):
    """The machine code of the module record for a prepared image, b"" if it has no function for it. pairs: it is for RISC-V."""
    tier = Native(rt, "always", 4096)
    tier._there = 31 if words.FLAGS & layout.NG_CALLS else 0  # routines: a board has them, or no use for this machine code (tier.py)
    if not tier.budget:
        raise PitwasmError("there is no machine code for this machine")
    module = _Module(rt.pool, mod)
    try:
        return _native(tier, module, pairs)
    finally:
        module.free()
        tier.close()


def _native(tier, module, pairs):
    runs = [_PLACES] + [tuple([p + (_STEP if i == k else 0) for k, p in enumerate(_PLACES)]) for i in range(3)]
    buf = tier.rt._buf
    words_at = get32(buf, module.mod + layout.M_CODE)
    zero = (0, words_at + _PLACES[0], tier._address - _PLACES[0] + _PLACES[1], _PLACES[1], _PLACES[2], -_PLACES[2])
    shared = [_routines(tier, places) for places in runs]
    way = shared[0][1]
    code, fixes = _relative([s[0] for s in shared], zero, pairs)
    records = array("I")
    uses = 0
    for i in range(module.count):
        code += bytes(-len(code) & 7)
        at = len(code)
        made = []
        for places, routines in zip(runs, shared):
            tier._places = [places[2] + place for place in routines[2]]
            found = _function(tier, module, i, (places[0], places[1], places[2] + at))
            if not found:
                break
            made.append(found)
        if len(made) != len(runs):
            continue
        uses |= made[0][2]
        more, its = _relative([one[0] for one in made], zero, pairs)
        code += more
        for fix in its:
            fixes.append((at << 4) + fix)
        for word, place, loader, enter in made[0][1]:
            for value in (0, word, at + place, at + loader, enter and at + enter):  # 0: the word is as the code words have it
                records.append(value)
    if not records:
        return b""
    code += bytes(-len(code) & 7)
    cells: Any = bytearray(4)
    out = code + bytes(layout.NF_SIZE)
    for value in records:
        put32(cells, 0, value)
        out += cells
    count = 0
    at = 0
    for fix in fixes:
        place = fix >> 4
        step = place - at
        while step > 0xFFF:
            out += b"\xff\x0f"
            count += 1
            step -= 0xFFF
        out += bytes((step & 255, (fix & 15) << 4 | step >> 8))
        count += 1
        at = place
    out += bytes(-len(out) & 7)
    for value in (len(code), len(records) // (layout.NE_SIZE >> 2), way, count, uses, 0):
        put32(cells, 0, value)
        out += cells
    return bytes(out)
