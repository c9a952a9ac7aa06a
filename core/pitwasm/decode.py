# The loader: a binary module to a module record in the pool, function bodies by translate.py (WebAssembly 5.5)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# With reader.py, sections.py, definitions.py and translate.py needed only while loading: drop them from sys.modules afterwards. What
# outlives them is in modules.py.

from . import layout
from . import sections
from .definitions import declared
from .errors import LoadError, PitwasmError, PoolExhausted, Reject, ValidationError
from .modules import discard, find_export
from .pool import get32, put16, put32
from .reader import Reader

# Sections by their number; their order in a module is _ORDER.
_NAMES = "custom,type,import,function,table,memory,global,export,start,element,code,data,data count,tag"
_ORDER = b"\x00\x01\x02\x03\x04\x05\x07\x08\x09\x0a\x0c\x0d\x0b\x06"


def load(pool, source, name=None, lazy=False, names=False, head=b""):
    """Load the module that `source` (bytes-like, or with readinto()) holds. Its record, linked into P_MODULES.

    lazy: only validate bodies now; translate_function() does the rest, from the same bytes. names: keep the function names.
    head: what was read of a stream already.
    Raises LoadError (malformed, or the source failed), ValidationError, PoolExhausted; the pool is then as it was.
    """
    r = None
    section = -1
    mod = pool.alloc(layout.M_SIZE, layout.K_MODULE)
    try:
        r = Reader(pool, source, mod, head)
        if lazy:
            if r.bytes is None:
                raise TypeError("lazy loading needs a bytes-like source")
            r.put(layout.M_FLAGS, layout.MF_LAZY)
        r.put(layout.M_CUT, 0xFFFFFFFF)
        if name is not None:
            _name(r, name)
        _header(r)
        done = 0
        while True:
            section = -1
            section = r.section()
            if section < 0:
                break
            done = _section(r, section, done, names)
        _end(r)
        r.put(layout.M_NEXT, get32(pool.buf, layout.P_MODULES))
        put32(pool.buf, layout.P_MODULES, mod)
        return mod
    except BaseException as exc:
        if isinstance(exc, PitwasmError) and exc.module is None:  # a source's own errors say where they come from
            exc.module = name
            if not isinstance(exc, PoolExhausted):
                if r and exc.offset is None:
                    exc.offset = r.offset()
                if 0 <= section < len(_ORDER) and exc.function is None:
                    exc.text += " in the %s section" % _NAMES.split(",")[section]
        if r:
            r.close()
            r = None
        discard(pool, mod)
        raise
    finally:
        if r:
            r.close()


def _name(r, name):
    text = name.encode()
    off = r.array(layout.M_NAME, 2 + len(text), layout.K_NAMES)
    put16(r.pool.buf, off, len(text))
    r.pool.buf[off + 2 : off + 2 + len(text)] = text


def _header(r):
    """5.5.16"""
    for want, text in ((b"\0asm", "magic header not detected"), (b"\1\0\0\0", "unknown binary version")):
        r.limit += 4
        value = r.t + layout.T_LO
        r.into(value, 4)
        if bytes(r.pool.part(value, 4)) != want:
            raise LoadError(text)


def _section(r, section, done, names):
    """One section (5.5.2); `done`: place in the order of the last known one. The new `done`."""
    if section == 0:
        _custom(r, names)
        return done
    if section >= len(_ORDER):
        raise LoadError("malformed section id")
    place = _ORDER[section]
    if place <= done:
        raise LoadError("unexpected content after last section")
    if section == 13:
        raise ValidationError("exceptions are not supported")
    s = sections
    (
        s.types, s.imports, s.functions, s.tables, s.memories, s.globals_, s.exports, s.start, s.elements, _code, s.data,
        s.data_count,
    )[section - 1](r)  # fmt: skip
    if r.left():
        raise LoadError("section size mismatch")
    return place


def _custom(r, names):
    """5.5.3. Only the name of the section can be wrong; what it holds is skipped but for function names."""
    pool = r.pool
    n = r.length()
    tmp = pool.alloc(n, layout.K_WORK, r.mod, False)
    r.name(tmp, n)
    is_name = bytes(pool.part(tmp, min(n, 5))) == b"name" if n == 4 else False
    pool.free(tmp)
    if names and is_name and not r.get(layout.M_NAMES):
        try:
            while r.left():
                kind = r.byte()
                size = r.count()
                if kind == 1:  # function names (7.4.1)
                    r.into(r.array(layout.M_NAMES, size, layout.K_NAMES), size)
                    break
                r.skip(size)
        except LoadError:
            pass  # 7.4: a malformed custom section is ignored
    r.skip(r.left())


def _code(r):
    """Section 10: all functions one behind the other into one block; lazily, only where they are and whether they are valid."""
    pool = r.pool
    buf = pool.buf
    t = r.t
    imported = r.get(layout.M_NIMPF)
    n = r.count()
    if n != r.get(layout.M_NFUNCS) - imported:
        raise LoadError("function and code section have inconsistent lengths")
    r.put(layout.M_CODEBYTES, r.left())
    r.put(layout.M_CODEOFF, r.offset())
    if not n:
        return
    lazy = r.get(layout.M_FLAGS) & layout.MF_LAZY
    entries = r.array(layout.M_ENTRIES, 4 * n, layout.K_FUNCS)
    bodies = r.array(layout.M_BODIES, 4 * n, layout.K_FUNCS) if lazy else 0
    declared(r)
    _safe(r)
    work = _prepare(r, layout.TF_CHECK if lazy else 0)
    for i in range(n):
        if bodies:
            put32(buf, bodies + 4 * i, r.offset())
            put32(buf, t + layout.T_CODE, work)
        _body(r, imported + i, work)
        put32(buf, entries + 4 * i, layout.P_LAZY if lazy else get32(buf, t + layout.T_START))
    flags = get32(buf, t + layout.T_FLAGS)
    if lazy:
        pool.free(work)
    else:
        _words(r, work)
        r.put(layout.M_CODE, work)
    if flags & layout.TF_FLOAT:
        r.put(layout.M_FLAGS, r.get(layout.M_FLAGS) | layout.MF_FLOAT)
    if flags & layout.TF_BULK:
        r.put(layout.M_FLAGS, r.get(layout.M_FLAGS) | layout.MF_BULK)
    if flags & layout.TF_GROWS:
        r.put(layout.M_FLAGS, r.get(layout.M_FLAGS) | layout.MF_GROWS)
        r.put(layout.M_CUT, 0xFFFFFFFF)


def _prepare(r, flags):
    """The translator's state but for what changes with each body. The workspace."""
    buf = r.pool.buf
    t = r.t
    put32(buf, t + layout.T_FLAGS, flags)
    put32(buf, t + layout.T_SAFE, r.get(layout.M_SAFE))
    work, size = r.pool.take_largest(layout.K_CODE, r.mod)
    put32(buf, t + layout.T_CODE, work)
    put32(buf, t + layout.T_LIMIT, work + size)
    return work


def _words(r, work):
    """Keep of the workspace what was written; its bytes."""
    size = get32(r.pool.buf, r.t + layout.T_CODE) - work
    r.pool.shrink(work, size)
    r.put(layout.M_WORDS, r.get(layout.M_WORDS) + size)


def _body(r, function, work):
    """Translate the body (5.5.13) the reader stands at; `work`: the workspace."""
    from . import translate

    pool = r.pool
    buf = pool.buf
    t = r.t
    put32(buf, t + layout.T_FUNC, function)
    try:
        size = r.count()
        end = r.offset() + size
        put32(buf, t + layout.T_BODY, end)
        put32(buf, t + layout.T_OPCODE, r.offset())
        try:
            translate.body(buf, r.refill)
        except Reject as exc:
            code = exc.args[0]
            if code == translate.NOROOM:
                size = pool.size_of(work)
                pool.shrink(work, 0)
                raise pool.exhausted(size + 1)
            from .messages import MESSAGES

            malformed, text = MESSAGES[code]
            error = (LoadError if malformed else ValidationError)(text)
            error.offset = get32(buf, t + layout.T_OPCODE)
            raise error
        if r.offset() != end:
            raise LoadError("section size mismatch")
    except PitwasmError as exc:
        if exc.module is None:
            exc.function = function
        raise


def _safe(r):
    """M_SAFE and a first M_CUT: how much of memory 0 there will be at least (docs/design.md, "Small memories").

    The toolchain's __heap_base, or __data_end and the stack pointer, say what a module uses that never grows its memory.
    """
    if not r.get(layout.M_NMEMS):
        return
    safe = sections.whole(r)
    if not r.get(layout.M_NIMPM):
        cut = _constant(r, b"__heap_base")
        if cut < 0:
            cut = _constant(r, b"__data_end")
            if cut >= 0:
                sp = _stack_pointer(r)
                if sp <= safe:
                    cut = max(cut, sp)
        if 0 <= cut <= safe:
            safe = min((cut + 7) & -8, safe)
            r.put(layout.M_CUT, safe)
    r.put(layout.M_SAFE, min(safe, 0xFFFFFFFF))


def _constant(r, name):
    """The value of an exported immutable i32 global of the module's own, or -1."""
    buf = r.pool.buf
    entry = find_export(r.pool, r.mod, name)
    if entry and buf[entry + layout.EX_KIND] == 3:
        i = get32(buf, entry + layout.EX_INDEX)
        off = r.get(layout.M_GLOBALS) + i * layout.GD_SIZE
        if i >= r.get(layout.M_NIMPG) and buf[off] == layout.V_I32 and not buf[off + 1] and not buf[off + 2]:
            return get32(buf, off + layout.GD_LO)
    return -1


def _stack_pointer(r):
    """The first mutable i32 global's constant, which is where the stack starts; 0 when there is none."""
    buf = r.pool.buf
    for i in range(r.get(layout.M_NIMPG), r.get(layout.M_NGLOBALS)):
        off = r.get(layout.M_GLOBALS) + i * layout.GD_SIZE
        if buf[off + layout.GD_TYPE] == layout.V_I32 and buf[off + layout.GD_MUT]:
            return 0 if buf[off + layout.GD_INIT] else get32(buf, off + layout.GD_LO)
    return 0


def _end(r):
    """What only the whole module shows (5.5.16), and putting away what only loading needs."""
    if r.get(layout.M_NFUNCS) != r.get(layout.M_NIMPF) and not r.get(layout.M_ENTRIES):
        raise LoadError("function and code section have inconsistent lengths")
    if r.get(layout.M_NDATACOUNT) > 1 and not r.get(layout.M_DATAS):
        raise LoadError("data count and data section have inconsistent lengths")
    off = r.get(layout.M_DECLARED)
    if off:
        r.pool.free(off)
        r.put(layout.M_DECLARED, 0)


def translate_function(pool, mod, source, function):
    """Translate one function of a lazily loaded module, from the bytes it was loaded from, and set its entry."""
    buf = pool.buf
    i = function - get32(buf, mod + layout.M_NIMPF)
    r = Reader(pool, source, mod)
    marks = work = 0
    try:
        # What ref.func may name was checked when loading.
        marks = declared(r)
        for at in range(marks, marks + pool.size_of(marks)):
            buf[at] = 255
        r.seek(get32(buf, r.get(layout.M_BODIES) + 4 * i))
        work = _prepare(r, 0)
        _body(r, function, work)
        _words(r, work)
        put32(buf, r.get(layout.M_ENTRIES) + 4 * i, get32(buf, r.t + layout.T_START))
        work = 0
    finally:
        r.put(layout.M_DECLARED, 0)
        for at in (marks, work):
            if at:
                pool.free(at)
        r.close()
