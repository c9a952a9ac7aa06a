# Linking: a module's imports matched when it is loaded, and the modules they come from brought in by the module reader
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Loading is all or nothing: what a load has brought in goes again when it fails. Nothing here recurses, since a board's stack
# would not hold a long chain of modules: walk() keeps the way to the module at hand in Runtime._linking.

from . import layout
from . import source as sources
from .errors import LinkError, PitwasmError
from .modules import find_export, unload
from .pool import get16, get32, put32

# Names that no module can have; imports from them are of the host only (WAMR: is_built_in_module).
BUILT_IN = ("", "env", "wasi_unstable", "wasi_snapshot_preview1")

# What a letter of a native's signature stands for.
_LETTERS = {
    "i": layout.V_I32,
    "*": layout.V_I32,
    "~": layout.V_I32,
    "$": layout.V_I32,
    "I": layout.V_I64,
    "f": layout.V_F32,
    "F": layout.V_F64,
    "r": layout.V_EXTERNREF,
}


def fits(buf, y, text):
    """Is WAMR's signature `text` one of function type y?"""
    letters = text[1:].replace(")", "")
    n = get16(buf, y + layout.Y_NP)
    if text[:1] != "(" or text.find(")") != n + 1 or len(letters) != n + get16(buf, y + layout.Y_NR):
        return False
    for i, letter in enumerate(letters):
        if _LETTERS.get(letter) != buf[y + layout.Y_BYTES + i]:
            return False
    return True


# ---- imports ---------------------------------------------------------------------------------------------------------------------


def entry(buf, at):
    """An entry of an import list: (kind, index, module name, field name, place of the next one)."""
    m = at + layout.IM_NAME
    f = m + get16(buf, at + layout.IM_MLEN)
    end = f + get16(buf, at + layout.IM_FLEN)
    return buf[at], get32(buf, at + layout.IM_INDEX), bytes(buf[m:f]), bytes(buf[f:end]), end + 3 & -4


def walk(rt, mod, look, leave):
    """Follow imports from a module record, deepest first.

    look(module, entry) gives the module to go into before it is asked for that import again, or 0. leave(module) is called when
    all imports of one are done. Modules on the way count as in use (M_REFS), so that no host function can have them freed.
    """
    buf = rt._buf
    path = rt._linking
    places = []  # for each module on the way: next entry, how many are left
    try:
        while True:
            if mod:
                put32(buf, mod + layout.M_REFS, get32(buf, mod + layout.M_REFS) + 1)
                path.append(mod)
                places.append([get32(buf, mod + layout.M_IMPORTS), get32(buf, mod + layout.M_NIMPORTS)])
            place = places[-1]
            mod = 0
            while place[1] and not mod:
                item = entry(buf, place[0])
                mod = look(path[-1], item)
                if not mod:
                    place[0] = item[4]
                    place[1] -= 1
            if not mod:
                leave(path[-1])
                _let_go(buf, path.pop())
                places.pop()
                if not path:
                    return
    except BaseException as exc:
        if isinstance(exc, PitwasmError):
            blame(rt, exc)
        while path:
            _let_go(buf, path.pop())
        raise


def _let_go(buf, mod):
    put32(buf, mod + layout.M_REFS, get32(buf, mod + layout.M_REFS) - 1)


def blame(rt, exc, last=None):
    """Tell in an error which modules led there, and in which it is."""
    names = [rt._module(mod).name or "main" for mod in rt._linking]
    if exc.module is None:
        exc.module = names[-1]
    if not exc.chain:
        exc.chain = tuple(names if last is None else names + [last])
    return exc


def unresolved(rt, text, module, field, whole=True):
    """The LinkError for an import."""
    what = b"%s.%s" % (module, field)
    return blame(rt, LinkError("%s %s" % (text, str(what if whole else module, "utf-8"))), str(what, "utf-8"))


def function_type(buf, mod, index):
    return get32(buf, get32(buf, mod + layout.M_TYPES) + (get16(buf, get32(buf, mod + layout.M_FTYPES) + (index << 1)) << 2))


def native(rt, mod, index, module, field):
    """The (signature, callable) registered for the import of a function, or None."""
    natives = rt._natives.get(str(module, "utf-8"))
    found = natives and natives.get(str(field, "utf-8"))
    if found and found[0] is not None and not fits(rt._buf, function_type(rt._buf, mod, index), found[0]):
        raise unresolved(rt, "incompatible import type", module, field)
    return found


def export(rt, mod, item, theirs):
    """The index that module record `theirs` exports for an import of `mod`. What types say must match (4.5.3); how large a
    memory or table is by then, only its instance can tell."""
    buf = rt._buf
    kind, index, module, field, _ = item
    at = find_export(rt.pool, theirs, field) if theirs else 0
    if not at:
        raise unresolved(rt, "unknown import", module, field)
    i = get32(buf, at + layout.EX_INDEX)
    if buf[at] != kind or not _same(buf, kind, mod, index, theirs, i):
        raise unresolved(rt, "incompatible import type", module, field)
    return i


def _same(buf, kind, mod, index, theirs, i):
    if kind == 0:
        return function_type(buf, mod, index) == function_type(buf, theirs, i)
    field = (layout.M_TABLES, layout.M_MEMS, layout.M_GLOBALS)[kind - 1]
    size = (layout.TD_SIZE, layout.MD_SIZE, layout.GD_SIZE)[kind - 1]
    asked = get32(buf, mod + field) + index * size
    there = get32(buf, theirs + field) + i * size
    if kind == 1:
        return buf[asked + layout.TD_TYPE] == buf[there + layout.TD_TYPE]
    if kind == 2:
        return get32(buf, asked + layout.MD_PAGE) == get32(buf, there + layout.MD_PAGE)
    return get16(buf, asked) == get16(buf, there)  # GD_TYPE and GD_MUT


# ---- loading ---------------------------------------------------------------------------------------------------------------------


def load(rt, source, name, lazy, names):
    """Load a module, and through the reader all it imports from; its record."""
    buf = rt._buf
    fresh = []
    outer = rt._linking  # a host function may load while its caller is being instantiated
    rt._linking = path = []

    def look(mod, item):
        kind, index, module, field, _ = item
        # Whether WASI has a function is seen when its code is needed: at instantiation.
        if kind == 0 and (native(rt, mod, index, module, field) or module == b"wasi_snapshot_preview1"):
            return 0
        at = rt._registered(module)
        if not at:
            return _bring(rt, module, field, names, fresh)
        export(rt, mod, item, get32(buf, at + layout.R_MODULE) or get32(buf, get32(buf, at + layout.R_INSTANCE) + layout.I_MODULE))
        return 0

    def leave(mod):
        if len(path) > 1:
            rt._register(rt._module(mod).name.encode(), layout.R_MODULE, mod)
            put32(buf, mod + layout.M_FLAGS, get32(buf, mod + layout.M_FLAGS) | layout.MF_AUTO)

    try:
        mod = sources.load(rt.pool, source, name, lazy, names, rt)
        fresh.append(mod)
        rt._module(mod)
        rt._loading = True
        _abi(rt, mod, False)
        walk(rt, mod, look, leave)
        return mod
    except BaseException as exc:
        for mod in reversed(fresh):
            rt._unregister(layout.R_MODULE, mod)
            handle = rt._modules.pop(mod, None)
            if handle:
                if isinstance(exc, PitwasmError) and exc.module is None:
                    exc.module = handle.name
                handle._off = 0
            if rt._tier:
                rt._tier.discard(mod)
            unload(rt.pool, mod)
        if rt._tier:
            rt._tier.idle()
        raise
    finally:
        rt._loading = False
        rt._linking = outer


def _bring(rt, module, field, names, fresh):
    """Load the module of that name through the reader; its record, which `fresh` has then, too."""
    name = str(module, "utf-8")
    if name in BUILT_IN:
        raise unresolved(rt, "unknown import", module, field)
    for mod in rt._linking:
        if rt._module(mod).name == name:
            raise unresolved(rt, "found circular dependency on", module, field, False)
    if not rt._reader:
        raise unresolved(rt, "no sub module reader to load", module, field, False)
    reader, destroyer = rt._reader
    try:
        source = reader(name)
    except Exception as exc:
        raise _failed(rt, exc, "the module reader failed", name)
    if source is None:
        raise unresolved(rt, "unknown import", module, field, False)
    try:
        fresh.append(sources.load(rt.pool, source, name, False, names, rt))
        rt._module(fresh[-1])
        _abi(rt, fresh[-1], True)
    except BaseException as exc:
        try:
            if destroyer:
                destroyer(name, source)
        except Exception:
            pass  # the first error is the one to tell
        if isinstance(exc, Exception):
            raise _failed(rt, exc, "cannot read what the module reader gave", name)
        raise
    try:
        if destroyer:
            destroyer(name, source)
    except Exception as exc:
        raise _failed(rt, exc, "the module destroyer failed", name)
    return fresh[-1]


def _failed(rt, exc, text, name):
    """The error for what a callback or a source raised while module `name` was loaded."""
    if not isinstance(exc, (PitwasmError, MemoryError)):
        cause = exc
        exc = LinkError("%s: %s: %s" % (text, type(cause).__name__, cause))
        exc.cause = cause
    if isinstance(exc, PitwasmError):
        if exc.module is None:
            exc.module = name
        blame(rt, exc, name)
    return exc


def _abi(rt, mod, sub):
    """The rules for commands and reactors (WASI application ABI; cases and texts as in WAMR's check_wasi_abi_compatibility)."""
    start = _builtin(rt, mod, b"_start")
    if start and sub:
        raise LinkError("a command (with _start function) can not be a sub-module")
    if not start:
        _builtin(rt, mod, b"_initialize")
    if get32(rt._buf, mod + layout.M_FLAGS) & layout.MF_WASI:
        at = find_export(rt.pool, mod, b"memory")
        if not at or rt._buf[at] != 2:
            raise LinkError("a module with WASI apis must export memory by default")


def _builtin(rt, mod, name):
    """Does the module export that function? It has no parameters and no results."""
    buf = rt._buf
    at = find_export(rt.pool, mod, name)
    if not at or buf[at]:
        return False
    index = get32(buf, at + layout.EX_INDEX)
    if index < get32(buf, mod + layout.M_NIMPF):
        raise LinkError("the builtin %s function can not be an import function" % str(name, "utf-8"))
    if get32(buf, function_type(buf, mod, index) + layout.Y_NP):  # Y_NP and Y_NR
        raise LinkError("the signature of builtin %s function is wrong" % str(name, "utf-8"))
    return True
