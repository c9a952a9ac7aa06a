# Runtime's methods for loading, linking and unloading, and the registry; droppable: Runtime finds them here by name
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys

from . import layout
from .errors import PitwasmError
from .pool import get32, put32

# Files that only these methods need: what drop_loader() lets go of.
_LOADER = ("lifecycle", "decode", "sections", "reader", "translate", "store", "reclaim", "modules", "handles")

_BUILT_IN = ("", "env", "wasi_unstable", "wasi_snapshot_preview1")


# ---- modules ---------------------------------------------------------------------------------------------------------------------


def load(rt, source, name=None, lazy=False, names=False):
    """Load a module from a bytes-like object or from a stream with readinto(); nothing is kept of the stream.

    lazy: translate each function when it is first called; the bytes must then stay as they are.
    names: keep the name section's function names, for backtraces.
    """
    from . import decode
    from .modules import unload

    off = decode.load(rt.pool, source, name, lazy, names)
    try:
        module = rt._module(off)
    except:
        unload(rt.pool, off)
        rt._modules.pop(off, None)
        raise
    if lazy:
        module._source = source
    return module


def unload(rt, module):
    """Free a module without instances. Those that others still import from are waited for."""
    off = module._check()
    for inst in instances(rt):
        if inst._cell(layout.I_MODULE) == off and not inst._cell(layout.I_FLAGS) & layout.IF_AUTO:
            raise PitwasmError("the module has instances; deinstantiate them first", module.name)
    module._dead = True
    put32(rt._buf, off + layout.M_FLAGS, module._cell(layout.M_FLAGS) | layout.MF_DEAD)
    _unregister(rt, layout.R_MODULE, off)
    _sweep(rt)


def modules(rt):
    """All modules not yet unloaded."""
    off = get32(rt._buf, layout.P_MODULES)
    found = []
    while off:
        if not get32(rt._buf, off + layout.M_FLAGS) & layout.MF_DEAD:
            found.append(rt._module(off))
        off = get32(rt._buf, off + layout.M_NEXT)
    return found


# ---- instances -------------------------------------------------------------------------------------------------------------------


def instantiate(rt, module, stack_size=None, heap_size=0, memory_cap=None):
    """Instantiate: imports from natives and registered modules. heap_size is there for WAMR's users and has no effect.

    memory_cap: bytes its memory takes at most; what lies beyond traps, growth beyond fails.
    """
    from . import store

    cap = 0xFFFFFFFF if memory_cap is None else memory_cap
    return rt._instance(store.instantiate(rt, module._check(), stack_size or rt.stack, cap))


def deinstantiate(rt, instance):
    """Free an instance; what others import from it, or refer to, stays for them."""
    off = instance._check()
    _kill(rt, instance)
    _unregister(rt, layout.R_INSTANCE, off)
    if rt._paused and instance in (rt._paused[0]._inst, rt._paused[0]._home):
        rt._paused = None
    _sweep(rt)


def _kill(rt, instance):
    instance._dead = True
    put32(rt._buf, instance._off + layout.I_FLAGS, instance._cell(layout.I_FLAGS) | layout.IF_DEAD)


def instances(rt):
    """All instances not yet deinstantiated."""
    table = get32(rt._buf, layout.P_ITAB)
    found = []
    for i in range(get32(rt._buf, layout.P_ITABN)):
        off = get32(rt._buf, table + (i << 2))
        if off and not get32(rt._buf, off + layout.I_FLAGS) & layout.IF_DEAD:
            found.append(rt._instance(off))
    return found


def _sweep(rt):
    """Free what is dead and not referred to; while something runs, afterwards."""
    rt._due = bool(rt._env or rt._paused)
    if not rt._due:
        from .reclaim import sweep

        sweep(rt)


def destroy(rt):
    """Free everything; all handles are dead afterwards."""
    if rt._env:
        raise PitwasmError("the runtime is running")
    rt._paused = rt._error = None
    for inst in instances(rt):
        _kill(rt, inst)
    _unregister(rt, layout.R_NEXT, None)
    _sweep(rt)
    for module in modules(rt):
        unload(rt, module)
    rt._natives = {}
    rt._externs = []


# ---- names -----------------------------------------------------------------------------------------------------------------------


def register_module(rt, name, module):
    """Give a module, or an instance, a name for others to import from."""
    from .runtime import Module

    off = module._check()
    if name in _BUILT_IN:
        raise PitwasmError("Register module failed: can not register as a built-in module")
    field = layout.R_MODULE if isinstance(module, Module) else layout.R_INSTANCE
    at = _registered(rt, name)
    if at:
        if get32(rt._buf, at + field) == off:
            return
        raise PitwasmError("Register module failed: the name '%s' is taken" % name)
    text = name.encode()
    at = rt.pool.alloc(layout.R_NAME + len(text), layout.K_REGISTRY)
    put32(rt._buf, at + layout.R_LEN, len(text))
    rt.pool.view[at + layout.R_NAME : at + layout.R_NAME + len(text)] = text
    put32(rt._buf, at + field, off)
    put32(rt._buf, at + layout.R_NEXT, get32(rt._buf, layout.P_REGISTRY))
    put32(rt._buf, layout.P_REGISTRY, at)


def find_module_registered(rt, name):
    """The module of that name, or None."""
    at = _registered(rt, name)
    if not at:
        return None
    off = get32(rt._buf, at + layout.R_MODULE)
    return rt._module(off or get32(rt._buf, get32(rt._buf, at + layout.R_INSTANCE) + layout.I_MODULE))


def _registered(rt, name):
    """The registry record of a name, 0 = none."""
    buf = rt._buf
    text = name.encode() if isinstance(name, str) else name
    at = get32(buf, layout.P_REGISTRY)
    while at:
        n = get32(buf, at + layout.R_LEN)
        if n == len(text) and rt.pool.view[at + layout.R_NAME : at + layout.R_NAME + n] == text:
            break
        at = get32(buf, at + layout.R_NEXT)
    return at


def _unregister(rt, field, off):
    """Drop the names of a module or an instance; off=None: all."""
    buf = rt._buf
    link = layout.P_REGISTRY - layout.R_NEXT
    while True:
        at = get32(buf, link + layout.R_NEXT)
        if not at:
            break
        if off is not None and get32(buf, at + field) != off:
            link = at
        elif off is not None and field == layout.R_INSTANCE and get32(buf, at + layout.R_MODULE):
            put32(buf, at + layout.R_INSTANCE, 0)  # the name is the module's
            link = at
        else:
            put32(buf, link + layout.R_NEXT, get32(buf, at + layout.R_NEXT))
            rt.pool.free(at)


def register_natives(rt, module, functions):
    """Python functions for modules to import: {name: (signature, callable)}; signature as in WAMR, "(ii*~$)i", or None.

    i I f F r: i32, i64, f32, f64, externref. *: i32, arrives as a memoryview from that address, as long as the ~ that
    follows says or up to the end of the memory. $: i32, arrives as a string.
    """
    for _, entry in functions.items():
        text, fn = entry
        if text is not None and (text[:1] != "(" or text.count(")") != 1 or text.strip("()iIfF*~$r")) or not callable(fn):
            raise PitwasmError("not a signature and a callable: %r" % (entry,))
    rt._natives.setdefault(module, {}).update(functions)


def _lookup(rt, instance, name, signature):
    """lookup_function() of a submodule's function, or with a signature."""
    instance._check()
    if name[:1] == "$":
        parts = name.split("$", 2)
        if len(parts) != 3 or not parts[1] or not parts[2]:
            raise PitwasmError("malformed function name '%s': function or $module$function" % name)
        at = _registered(rt, parts[1])
        off = get32(rt._buf, at + layout.R_INSTANCE) if at else 0
        if not off:
            raise PitwasmError("no module '%s' is %s" % (parts[1], "instantiated" if at else "registered"))
        instance = rt._instance(off)
        name = parts[2]
        if name[:1] == "$":
            raise PitwasmError("malformed function name '$%s$%s': function or $module$function" % (parts[1], name))
    f = rt.lookup_function(instance, name)
    if signature is not None:
        from .handles import fits

        if not fits(rt._buf, f._type, signature):
            raise PitwasmError("function '%s' has not the signature %s" % (name, signature), instance.name)
    return f


def drop_loader(rt):
    """Let go of the code that only loading, linking and unloading need. It comes back when it is needed again."""
    package = sys.modules["pitwasm"]
    for name in _LOADER:
        if sys.modules.pop("pitwasm." + name, None):
            delattr(package, name)
