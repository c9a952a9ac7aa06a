# Runtime's methods for loading, instantiating and unloading, names and callbacks; droppable: Runtime finds them here
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
    "lifecycle", "decode", "sections", "definitions", "reader", "translate", "messages", "structure", "simple", "operands", "labels",
    "tables", "uncommon", "source", "image", "imagecheck", "link", "store", "caps", "reclaim", "modules", "handles", "application",
)  # fmt: skip


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
    _wasi: Any
    _reader: Any
    _loading: bool
    _tier: Any
    lookup_function: "Callable[..., Function]"

    def load(self, source: Any, name: str | None = None, lazy: bool = False, names: bool = False) -> "Module":
        """Load a module and all it imports from (wasm_runtime_load); nothing is instantiated, and nothing kept of a stream.

        source: bytes-like, or a stream with readinto(): WebAssembly, or a prepared image (docs/image.md).
        name: for messages, and found when a submodule imports from it (a cycle); to be found in the registry it has to be registered.
        lazy: translate each function when it is first called; the bytes must then stay as they are.
        names: keep the name section's function names, for backtraces.

        Each import is looked for, in order, among the natives, among registered modules, and (its module) through the module reader:
        what that gives is loaded likewise and registered under its name, once, whoever else imports from it, and goes with the
        last module that does. All or nothing: when anything fails, the pool is as it was.

        Errors name the modules that led there (`chain`): LoadError, ValidationError: bytes that are no module (WebAssembly 5, 3).
        LinkError: an import that is not found or does not match (4.5.4), or a rule of commands and reactors, texts as WAMR has
        them. PoolExhausted.
        """
        from .link import load

        Lifecycle._idle(self)  # not self._idle(): a look-up by Runtime.__getattr__ takes 40,000 cycles on a Pico
        module = self._module(load(self, source, name, lazy, names))
        if module._cell(layout.M_FLAGS) & layout.MF_LAZY:
            module._source = source
        if self._tier and self._tier.mode == "always":
            for other in self.modules():
                self._tier.module(other._off)
        return module

    def _idle(self) -> None:
        """Callbacks of a load may call functions, not change what there is."""
        if self._loading:
            raise PitwasmError("the runtime is loading; a module reader cannot load, link or unload with it")

    def unload(self, module: "Module") -> None:
        """Give a module back (wasm_runtime_unload), with the submodules that were loaded for it and that no other one needs.

        PitwasmError while it has instances. What others still import from goes with the last of them.
        """
        self._idle()
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
        """Instantiate a module (wasm_runtime_instantiate), and before it those it imports from that have no instance yet.

        There is one instance of each submodule, shared by all that import from it, its functions, globals, memories and tables
        too (WebAssembly 4.5.4; WAMR makes one for each parent). Start functions and _initialize run once, dependencies first.
        stack_size: bytes of stack, of new submodules' too. heap_size is there for WAMR's users and has no effect.
        memory_cap: bytes its memory takes at most; what lies beyond traps, growth beyond fails. Without it, a module that says how
        much it uses (__heap_base) gets that; memory_cap=1 << 32 gives it all of its pages.

        Trap, OutOfFuel: in a start function, or a segment does not fit. LinkError: a memory or table is too small, or WASI lacks a
        function. PoolExhausted. Everything made on the way goes then; what it wrote into shared tables and memories stays (4.5.4).
        """
        from .store import instantiate

        self._idle()
        return instantiate(self, module._check(), stack_size or self.stack, memory_cap)

    def deinstantiate(self, instance: "Instance") -> None:
        """Give an instance back (wasm_runtime_deinstantiate); what others import from it, or refer to, stays for them.

        Submodules' instances go with the last that imports from them. PitwasmError while it is being instantiated.
        """
        self._idle()
        off = instance._check()
        if not instance._cell(layout.I_FLAGS) & layout.IF_STARTED:
            raise PitwasmError("the instance is still being made", instance.name)
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
        """Free everything (wasm_runtime_destroy); all handles are dead afterwards. PitwasmError from a host function or a reader."""
        self._idle()
        if self._env:
            raise PitwasmError("the runtime is running")
        self._paused = self._error = None
        for inst in self.instances():
            self._kill(inst)
        self._unregister(layout.R_NEXT, None)
        self._sweep()
        for module in self.modules():
            if module._off:  # those loaded for others go with them
                self.unload(module)
        if self._tier:
            self._tier.close()
        self._natives = {}
        self._reader = None
        self._externs = []

    def set_wasi_args(
        self,
        module: "Module | None" = None,
        dirs: Any = (),
        mapped_dirs: Any = (),
        env: Any = (),
        argv: Any = (),
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        preopens: "dict[str, str] | None" = None,
    ) -> None:
        """What a program sees of the world through WASI, from the next instantiate() of its module on; module=None: all programs.

        dirs: directories it may use, by the same name; mapped_dirs: "guest::host", by another; preopens: {guest: host}, the same.
        env: ["NAME=VALUE"] or {name: value}; argv: its arguments, the first is its name. Streams are read with readinto() and
        written with write(); None: the REPL's.
        """
        if module:
            module._check()
        (module or self)._wasi = {
            "dirs": dirs,
            "mapped_dirs": mapped_dirs,
            "env": env,
            "argv": argv,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "preopens": preopens,
        }

    # Names.

    def set_module_reader(self, reader: Any, destroyer: Any = None) -> None:
        """How modules that others import from come in (wasm_runtime_set_module_reader); reader=None: not at all.

        reader(name) returns the module's bytes, a stream with readinto(), or None when there is none of that name.
        destroyer(name, source), or without one reader.destroy(), is called exactly once for each source that the reader gave, as
        soon as its bytes are not needed any more: before what that module imports from is read, and also when loading it fails.
        Both may call functions of instances, but not load, link or unload: PitwasmError. What they raise ends the load: errors of
        this package and MemoryError as they are, others as the cause of a LinkError.
        """
        if reader is not None and not callable(reader) or destroyer is not None and not callable(destroyer):
            raise TypeError("reader and destroyer are callables, or None")
        self._reader = None if reader is None else (reader, destroyer or getattr(reader, "destroy", None))

    def register_module(self, name: str, module: "Module | Instance") -> None:
        """Give a module, or an instance, a name for others to import from (wasm_runtime_register_module).

        Others get the module's first instance, or one made for them. PitwasmError: no name or module, a name of the host's, one
        that is taken, or another name for a module that has one (texts as WAMR has them). The same again does nothing.
        """
        from .link import BUILT_IN
        from .runtime import Module

        self._idle()
        if name is None or module is None:
            raise PitwasmError("Register module failed: module_name and module are required")
        off = module._check()
        if name in BUILT_IN:
            raise PitwasmError("Register module failed: can not register as a built-in module")
        field = layout.R_MODULE if isinstance(module, Module) else layout.R_INSTANCE
        at = self._registered(name)
        if at:
            if get32(self._buf, at + field) == off:
                return
            raise PitwasmError("Register module failed: the name '%s' is taken" % name)
        if field == layout.R_MODULE:
            at = get32(self._buf, layout.P_REGISTRY)
            while at:
                if get32(self._buf, at + layout.R_MODULE) == off:
                    raise PitwasmError("Register module failed: failed to rename the module", module.name)
                at = get32(self._buf, at + layout.R_NEXT)
        at = self._register(name.encode(), field, off)
        if field == layout.R_MODULE:
            for inst in self.instances():
                if inst._cell(layout.I_MODULE) == off:
                    put32(self._buf, at + layout.R_INSTANCE, inst._off)
                    break

    def _register(self, text: bytes, field: int, off: int) -> int:
        at = self.pool.alloc(layout.R_NAME + len(text), layout.K_REGISTRY)
        put32(self._buf, at + layout.R_LEN, len(text))
        self.pool.part(at + layout.R_NAME, len(text))[:] = text
        put32(self._buf, at + field, off)
        put32(self._buf, at + layout.R_NEXT, get32(self._buf, layout.P_REGISTRY))
        put32(self._buf, layout.P_REGISTRY, at)
        return at

    def find_module_registered(self, name: str) -> "Module | None":
        """The module of that name, or None (wasm_runtime_find_module_registered). Submodules are there once their parent is loaded."""
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
        """Python functions for modules to import (wasm_runtime_register_natives), before these are loaded.

        functions: {name: (signature, callable)}; signature as in WAMR, "(ii*~$)i", or None: any. i I f F r: i32, i64, f32, f64,
        externref. *: i32, arrives as a memoryview from that address, as long as the ~ that follows says or up to the end of the
        memory. $: i32, arrives as a string. Addresses are checked: beyond the memory they trap.
        Runtime.caller is the instance that called; an exception becomes a Trap with it as `cause`. PitwasmError: a bad signature.
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
            from .link import fits

            if not fits(self._buf, f._type, signature):
                raise PitwasmError("function '%s' has not the signature %s" % (name, signature), instance.name)
        return f

    # Running, as WAMR's users do it.

    def application_execute_main(self, instance: "Instance", argv: Any = ()) -> int:
        """Run a program (wasm_application_execute_main): its _start, else its main; its exit status or result.

        argv: strings, the program's name first; for main(argc, argv), which needs the module's malloc for them. A WASI program
        gets its arguments from set_wasi_args(). PitwasmError when there is neither, or main has another type; Trap.
        """
        from .application import execute_main

        return execute_main(self, instance, argv)

    def application_execute_func(self, instance: "Instance", name: str, argv: Any = ()) -> Any:
        """Call a function by name, or $module$function, with arguments as text (wasm_application_execute_func); what it returns.

        argv: strings, integers as in Python or C ("-1", "0x10"), floats as in C. PitwasmError for what does not fit; Trap.
        """
        from .application import execute_func

        return execute_func(self, instance, name, argv)

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
