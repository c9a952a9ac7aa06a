# Runtime's methods for loading, linking and unloading, and the registry; droppable: Runtime finds them here
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys
from typing import TYPE_CHECKING, Any, Callable

from . import layout
from .errors import PitwasmError
from .pool import get32, put32

if TYPE_CHECKING:
    from .pool import Pool
    from .runtime import Function, Instance, Module

# Files that only these methods need: what drop_loader() lets go of.
_LOADER = (
    "lifecycle", "decode", "sections", "reader", "translate", "structure", "simple", "operands", "labels", "tables", "uncommon",
    "store", "caps", "reclaim", "modules", "handles",
)  # fmt: skip

_BUILT_IN = ("", "env", "wasi_unstable", "wasi_snapshot_preview1")


class Lifecycle:
    """The part of Runtime that is dropped with the loader."""

    # Runtime's own (runtime.py)
    pool: "Pool"
    stack: int
    _buf: Any
    _env: int
    _paused: "tuple[Function, bool, int] | None"
    _error: PitwasmError | None
    _answer: Any
    _module: "Callable[[int], Module]"
    _modules: "dict[int, Module]"
    _instance: "Callable[[int], Instance]"
    _hosts: list[Any]
    _externs: list[Any]
    _natives: dict[str, dict[str, tuple[str | None, Any]]]
    lookup_function: "Callable[..., Function]"

    def load(self, source: Any, name: str | None = None, lazy: bool = False, names: bool = False) -> "Module":
        """Load a module from a bytes-like object or from a stream with readinto(); nothing is kept of the stream.

        lazy: translate each function when it is first called; the bytes must then stay as they are.
        names: keep the name section's function names, for backtraces.
        """
        from . import decode
        from .modules import unload

        off = decode.load(self.pool, source, name, lazy, names)
        try:
            module = self._module(off)
        except:
            unload(self.pool, off)
            self._modules.pop(off, None)
            raise
        if lazy:
            module._source = source
        return module

    def unload(self, module: "Module") -> None:
        """Free a module without instances. Those that others still import from are waited for."""
        off = module._check()
        for inst in self.instances():
            if inst._cell(layout.I_MODULE) == off and not inst._cell(layout.I_FLAGS) & layout.IF_AUTO:
                raise PitwasmError("the module has instances; deinstantiate them first", module.name)
        module._dead = True
        put32(self._buf, off + layout.M_FLAGS, module._cell(layout.M_FLAGS) | layout.MF_DEAD)
        self._unregister(layout.R_MODULE, off)
        self._sweep()

    def modules(self) -> "list[Module]":
        """All modules not yet unloaded."""
        off = get32(self._buf, layout.P_MODULES)
        found = []
        while off:
            if not get32(self._buf, off + layout.M_FLAGS) & layout.MF_DEAD:
                found.append(self._module(off))
            off = get32(self._buf, off + layout.M_NEXT)
        return found

    # Instances.

    def instantiate(
        self, module: "Module", stack_size: int | None = None, heap_size: int = 0, memory_cap: int | None = None
    ) -> "Instance":
        """Instantiate: imports from natives and registered modules. heap_size is there for WAMR's users and has no effect.

        memory_cap: bytes its memory takes at most; what lies beyond traps, growth beyond fails. Without it, a module that says how
        much it uses (__heap_base) gets that; memory_cap=1 << 32 gives it all of its pages.
        """
        from . import store

        return self._instance(store.instantiate(self, module._check(), stack_size or self.stack, memory_cap))

    def deinstantiate(self, instance: "Instance") -> None:
        """Free an instance; what others import from it, or refer to, stays for them."""
        off = instance._check()
        self._kill(instance)
        self._unregister(layout.R_INSTANCE, off)
        if self._paused and instance in (self._paused[0]._inst, self._paused[0]._home):
            self._paused = None
        self._sweep()

    def _kill(self, instance: "Instance") -> None:
        instance._dead = True
        put32(self._buf, instance._off + layout.I_FLAGS, instance._cell(layout.I_FLAGS) | layout.IF_DEAD)

    def instances(self) -> "list[Instance]":
        """All instances not yet deinstantiated."""
        table = get32(self._buf, layout.P_ITAB)
        found = []
        for i in range(get32(self._buf, layout.P_ITABN)):
            off = get32(self._buf, table + (i << 2))
            if off and not get32(self._buf, off + layout.I_FLAGS) & layout.IF_DEAD:
                found.append(self._instance(off))
        return found

    def _sweep(self) -> None:
        """Free what is dead and not referred to; while something runs, afterwards."""
        self._due = bool(self._env or self._paused)
        if not self._due:
            from .reclaim import sweep

            sweep(self)

    def destroy(self) -> None:
        """Free everything; all handles are dead afterwards."""
        if self._env:
            raise PitwasmError("the runtime is running")
        self._paused = self._error = None
        for inst in self.instances():
            self._kill(inst)
        self._unregister(layout.R_NEXT, None)
        self._sweep()
        for module in self.modules():
            self.unload(module)
        self._natives = {}
        self._externs = []

    # Names.

    def register_module(self, name: str, module: "Module | Instance") -> None:
        """Give a module, or an instance, a name for others to import from."""
        from .runtime import Module

        off = module._check()
        if name in _BUILT_IN:
            raise PitwasmError("Register module failed: can not register as a built-in module")
        field = layout.R_MODULE if isinstance(module, Module) else layout.R_INSTANCE
        at = self._registered(name)
        if at:
            if get32(self._buf, at + field) == off:
                return
            raise PitwasmError("Register module failed: the name '%s' is taken" % name)
        text = name.encode()
        at = self.pool.alloc(layout.R_NAME + len(text), layout.K_REGISTRY)
        put32(self._buf, at + layout.R_LEN, len(text))
        self.pool.part(at + layout.R_NAME, len(text))[:] = text
        put32(self._buf, at + field, off)
        put32(self._buf, at + layout.R_NEXT, get32(self._buf, layout.P_REGISTRY))
        put32(self._buf, layout.P_REGISTRY, at)

    def find_module_registered(self, name: str) -> "Module | None":
        """The module of that name, or None."""
        at = self._registered(name)
        if not at:
            return None
        off = get32(self._buf, at + layout.R_MODULE)
        return self._module(off or get32(self._buf, get32(self._buf, at + layout.R_INSTANCE) + layout.I_MODULE))

    def _registered(self, name: str | bytes) -> int:
        """The registry record of a name, 0 = none."""
        buf = self._buf
        text = name.encode() if isinstance(name, str) else name
        at = get32(buf, layout.P_REGISTRY)
        while at:
            n = get32(buf, at + layout.R_LEN)
            if n == len(text) and self.pool.part(at + layout.R_NAME, n) == text:
                break
            at = get32(buf, at + layout.R_NEXT)
        return at

    def _unregister(self, field: int, off: int | None) -> None:
        """Drop the names of a module or an instance; off=None: all."""
        buf = self._buf
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
                self.pool.free(at)

    def register_natives(self, module: str, functions: dict[str, tuple[str | None, Any]]) -> None:
        """Python functions for modules to import: {name: (signature, callable)}; signature as in WAMR, "(ii*~$)i", or None.

        i I f F r: i32, i64, f32, f64, externref. *: i32, arrives as a memoryview from that address, as long as the ~ that
        follows says or up to the end of the memory. $: i32, arrives as a string.
        """
        for _, entry in functions.items():
            text, fn = entry
            if text is not None and (text[:1] != "(" or text.count(")") != 1 or text.strip("()iIfF*~$r")) or not callable(fn):
                raise PitwasmError("not a signature and a callable: %r" % (entry,))
        self._natives.setdefault(module, {}).update(functions)

    def _lookup(self, instance: "Instance", name: str, signature: str | None) -> "Function":
        """lookup_function() of a submodule's function, or with a signature."""
        instance._check()
        if name[:1] == "$":
            parts = name.split("$", 2)
            if len(parts) != 3 or not parts[1] or not parts[2]:
                raise PitwasmError("malformed function name '%s': function or $module$function" % name)
            at = self._registered(parts[1])
            off = get32(self._buf, at + layout.R_INSTANCE) if at else 0
            if not off:
                raise PitwasmError("no module '%s' is %s" % (parts[1], "instantiated" if at else "registered"))
            instance = self._instance(off)
            name = parts[2]
            if name[:1] == "$":
                raise PitwasmError("malformed function name '$%s$%s': function or $module$function" % (parts[1], name))
        f = self.lookup_function(instance, name)
        if signature is not None:
            from .handles import fits

            if not fits(self._buf, f._type, signature):
                raise PitwasmError("function '%s' has not the signature %s" % (name, signature), instance.name)
        return f

    def drop_loader(self) -> None:
        """Let go of the code that only loading, linking and unloading need. It comes back when it is needed again.

        events.py stays for host functions and memory.grow, which run it without allocating; else it goes too, and a trap loads it.
        """
        names: tuple[str, ...] = _LOADER
        if not self._hosts and not any(module._cell(layout.M_FLAGS) & layout.MF_GROWS for module in self.modules()):
            self._answer = None
            names += ("events", "values")
        package = sys.modules["pitwasm"]
        for name in names:
            if sys.modules.pop("pitwasm." + name, None):
                delattr(package, name)
