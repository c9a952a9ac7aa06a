# The public face: Runtime, Module, Instance and Function; thin handles on records in the pool
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# There is one handle per module and per instance; everything else refers to these. When a record is freed its handle's _off
# becomes 0, so that no handle ever reaches a freed part of the pool. _dead says that the user has given it back already, while
# the record may have to stay for those who import from it.

from . import layout
from .driver import NOTHING, beyond, call, resume
from .errors import PitwasmError, Trap
from .modules import find_export
from .pool import Pool, get16, get32, put32
from .values import signature

# Files that only loading, linking and unloading need: what drop_loader() lets go of.
_LOADER = ("decode", "sections", "reader", "operands", "translate", "store", "reclaim")

_BUILT_IN = ("", "env", "wasi_unstable", "wasi_snapshot_preview1")


class Handle:
    """Of a module or an instance."""

    def __init__(self, rt, off):
        self._rt = rt
        self._off = off
        self._dead = False

    def _check(self):
        if self._dead or not self._off:
            raise PitwasmError("this %s is gone" % type(self).__name__.lower())
        return self._off

    def _cell(self, at):
        return get32(self._rt._buf, self._off + at)

    def __enter__(self):
        return self


class Module(Handle):
    """A loaded module."""

    _source = None  # lazy loading: the bytes functions are translated from

    def __exit__(self, *exc):
        if not self._dead:
            self._rt.unload(self)

    @property
    def name(self):
        at = self._cell(layout.M_NAME)
        return str(self._rt._buf[at + 2 : at + 2 + get16(self._rt._buf, at)], "utf-8") if at else None

    @property
    def exports(self):
        """All (name, kind, type); kind "func", "table", "memory" or "global", types as the handles have them."""
        from .handles import exports

        self._check()
        return exports(self)

    @property
    def imports(self):
        """All (module, name, kind, type)."""
        from .handles import imports

        self._check()
        return imports(self)

    def _export(self, name):
        """The entry of an export, 0 when there is none."""
        return find_export(self._rt.pool, self._off, name.encode())

    def _function_name(self, fidx):
        """From the name section, else the name it is exported by, else the index."""
        from .handles import function_name

        return function_name(self, fidx)


class Instance(Handle):
    """A module instance."""

    def __exit__(self, *exc):
        if not self._dead:
            self._rt.deinstantiate(self)

    @property
    def module(self):
        self._check()
        return self._module()

    def _module(self):
        return self._rt._module(self._cell(layout.I_MODULE))

    @property
    def name(self):
        return self._module().name if self._off else None

    @property
    def exports(self):
        """The exports as attributes or items, calling functions in place: inst.exports.add(1, 2); iterates like Module.exports."""
        from .handles import Exports

        self._check()
        return Exports(self)

    @property
    def memory(self):
        """Memory 0, or None."""
        from .handles import Memory

        self._check()
        mm = self._cell(layout.I_MEM0)
        return Memory(self, mm) if mm else None

    def _export(self, name, kind=None):
        """(kind, index) of an export, or None."""
        at = self._module()._export(name)
        if not at or kind is not None and self._rt._buf[at] != kind:
            return None
        return self._rt._buf[at], get32(self._rt._buf, at + layout.EX_INDEX)

    def _function(self, fidx):
        """The handle of a function of this instance, by its index."""
        rt = self._rt
        if fidx < self._cell(layout.I_NIMPF):
            return rt._function(self, get32(rt._buf, self._cell(layout.I_IMPORTS) + (fidx << 2)))
        return Function(self, self, fidx, _type(rt._buf, self._off, fidx), False)

    # What host functions are handed: memory 0, by address.

    def _view(self, address, n):
        """A memoryview of n bytes of memory 0, or (n < 0) of all from `address` on. Holds until the memory grows."""
        mm = self._cell(layout.I_MEM0)
        buf = self._rt._buf
        end = get32(buf, mm + layout.MM_BYTES) if mm else 0
        if n < 0 and address < end:
            n = end - address
        if n < 0 or address + n > end:
            raise Trap(beyond(buf, mm, address if address > end else end), self.name)
        start = get32(buf, mm + layout.MM_DATA) + address if mm else 0
        return self._rt.pool.view[start : start + n]

    def _text(self, address):
        """The NUL-terminated string at `address`."""
        view = self._view(address, -1)
        n = 0
        while n < len(view) and view[n]:
            n += 1
        if n == len(view):
            raise Trap("out of bounds memory access", self.name)
        return str(view[:n], "utf-8")


class Function:
    """A function to call: f(1, 2.5). Integers come back signed; several results as a tuple.

    Up to four i32 arguments with an i32 result, or none, are passed without allocating on MicroPython's heap.
    """

    def __init__(self, inst, home, fidx, y, host):
        self._inst = inst  # it was found through; the handle lives as long
        self._home = home  # it runs in
        self._fidx = fidx  # there; of a host function, its number
        self._type = y
        buf = inst._rt._buf
        n = get16(buf, y + layout.Y_NP)
        y += layout.Y_BYTES
        # How to call: -2 a host function, -1 arguments that need a look at the type, else so many i32.
        self._n = -2 if host else n if n <= 4 and all(buf[y + i] == layout.V_I32 for i in range(n)) else -1
        y += n
        n = get16(buf, y - n - layout.Y_BYTES + layout.Y_NR)
        self._r = n and (buf[y] if n == 1 else -1)  # type of the only result, 0 none, -1 several

    def __call__(self, a=NOTHING, b=NOTHING, c=NOTHING, d=NOTHING, *more):
        return call(self, False, a, b, c, d, more)

    def call_bits(self, *args):
        """The same in raw bits: arguments and the tuple of results are integers; a reference is its number in the pool, 0 = null."""
        return call(self, True, NOTHING, NOTHING, NOTHING, NOTHING, args)

    @property
    def type(self):
        """(parameters, results), each a text like "i32 f64"."""
        self._inst._check()
        return signature(self._inst._rt._buf, self._type)


def _type(buf, inst, fidx):
    """Interned type of a function of an instance."""
    n = get16(buf, get32(buf, inst + layout.I_FTYPES) + (fidx << 1))
    return get32(buf, get32(buf, inst + layout.I_TYPES) + (n << 2))


class Runtime:
    """Everything that lives in one pool. `pool`: a bytearray, its size in bytes, or a Pool.

    stack: bytes of stack of an instance, unless instantiate() is told otherwise.
    fuel (attribute): taken backward branches and calls left, None = no limit; when it is used up, calls raise OutOfFuel.
    """

    def __init__(self, pool, stack=2048):
        self.pool = pool if isinstance(pool, Pool) else Pool(pool)
        self._buf = self.pool.buf
        self.stack = stack
        self.fuel = None
        self._env = 0  # environment that runs, 0 = none
        self._top = 0  # in a host function: stack from here on is free
        self._paused = None  # call out of fuel: (Function, raw, environment)
        self._error = None  # last one that a call ended with
        self._due = False  # instances to be freed wait for the end of the call that runs
        self._flt = None  # floats.flt, once a module needs it
        self._modules = {}  # record -> handle
        self._instances = {}
        self._hosts = []  # by host function number: (callable, signature or None, "module.name"), None = free
        self._externs = []  # by number of the externref less 1
        self._natives = {}  # module -> name -> (signature, callable)
        self._linking = []  # modules being instantiated, outermost first
        for module in self.modules:  # of an adopted pool
            self._ready(module)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.destroy()

    # Modules.

    def load(self, source, name=None, lazy=False, names=False):
        """Load a module from a bytes-like object or from a stream with readinto(); nothing is kept of the stream.

        lazy: translate each function when it is first called; the bytes must then stay as they are.
        names: keep the name section's function names, for backtraces.
        """
        from . import decode

        module = self._module(decode.load(self.pool, source, name, lazy, names))
        if lazy:
            module._source = source
        try:
            self._ready(module)
        except:
            self.unload(module)
            raise
        return module

    def _ready(self, module):
        if module._cell(layout.M_FLAGS) & layout.MF_FLOAT and not self._flt:
            from .floats import flt

            self._flt = flt

    def unload(self, module):
        """Free a module without instances. Those that others still import from are waited for."""
        off = module._check()
        for inst in self.instances:
            if not inst._dead and inst._cell(layout.I_MODULE) == off and not inst._cell(layout.I_FLAGS) & layout.IF_AUTO:
                raise PitwasmError("the module has instances; deinstantiate them first", module.name)
        module._dead = True
        put32(self._buf, off + layout.M_FLAGS, module._cell(layout.M_FLAGS) | layout.MF_DEAD)
        self._unregister(layout.R_MODULE, off)
        self._sweep()

    @property
    def modules(self):
        """All modules not yet unloaded."""
        off = get32(self._buf, layout.P_MODULES)
        found = []
        while off:
            if not get32(self._buf, off + layout.M_FLAGS) & layout.MF_DEAD:
                found.append(self._module(off))
            off = get32(self._buf, off + layout.M_NEXT)
        return found

    def _module(self, off):
        module = self._modules.get(off)
        if module is None:
            module = self._modules[off] = Module(self, off)
        return module

    # Instances.

    def instantiate(self, module, stack_size=None, heap_size=0, memory_cap=None):
        """Instantiate: imports from natives and registered modules. heap_size is there for WAMR's users and has no effect.

        memory_cap: bytes its memory takes at most; what lies beyond traps, growth beyond fails. Without it a module that says
        where its data and stack end, and never grows its memory, gets as much as that; memory_cap=1 << 32: always full pages.
        """
        from . import store

        return self._instance(store.instantiate(self, module._check(), stack_size or self.stack, memory_cap))

    def deinstantiate(self, instance):
        """Free an instance; what others import from it, or refer to, stays for them."""
        off = instance._check()
        put32(self._buf, off + layout.I_FLAGS, instance._cell(layout.I_FLAGS) | layout.IF_DEAD)
        instance._dead = True
        self._unregister(layout.R_INSTANCE, off)
        if self._paused and instance in (self._paused[0]._inst, self._paused[0]._home):
            self._paused = None
        self._sweep()

    @property
    def instances(self):
        """All instances not yet deinstantiated."""
        table = get32(self._buf, layout.P_ITAB)
        found = []
        for i in range(get32(self._buf, layout.P_ITABN)):
            off = get32(self._buf, table + (i << 2))
            if off and not get32(self._buf, off + layout.I_FLAGS) & layout.IF_DEAD:
                found.append(self._instance(off))
        return found

    def _instance(self, off):
        inst = self._instances.get(off)
        if inst is None:
            inst = self._instances[off] = Instance(self, off)
        return inst

    @property
    def caller(self):
        """In a host function: the instance that called it."""
        return self._instance(get32(self._buf, self._env + layout.E_INST)) if self._top else None

    def _sweep(self):
        """Free what is dead and not referred to; while something runs, afterwards."""
        self._due = bool(self._env or self._paused)
        if not self._due:
            from .reclaim import sweep

            sweep(self)

    def destroy(self):
        """Free everything; all handles are dead afterwards."""
        if self._env:
            raise PitwasmError("the runtime is running")
        self._paused = self._error = None
        for inst in self.instances:
            inst._dead = True
            put32(self._buf, inst._off + layout.I_FLAGS, inst._cell(layout.I_FLAGS) | layout.IF_DEAD)
        self._unregister(layout.R_NEXT, None)
        self._sweep()
        for module in self.modules:
            self.unload(module)
        self._natives = {}
        self._externs = []

    # Names.

    def register_module(self, name, module):
        """Give a module, or an instance, a name for others to import from."""
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
        self.pool.view[at + layout.R_NAME : at + layout.R_NAME + len(text)] = text
        put32(self._buf, at + field, off)
        put32(self._buf, at + layout.R_NEXT, get32(self._buf, layout.P_REGISTRY))
        put32(self._buf, layout.P_REGISTRY, at)

    def find_module_registered(self, name):
        """The module of that name, or None."""
        at = self._registered(name)
        if not at:
            return None
        off = get32(self._buf, at + layout.R_MODULE)
        return self._module(off or get32(self._buf, get32(self._buf, at + layout.R_INSTANCE) + layout.I_MODULE))

    def _registered(self, name):
        """The registry record of a name, 0 = none."""
        buf = self._buf
        text = name.encode() if isinstance(name, str) else name
        at = get32(buf, layout.P_REGISTRY)
        while at:
            n = get32(buf, at + layout.R_LEN)
            if n == len(text) and self.pool.view[at + layout.R_NAME : at + layout.R_NAME + n] == text:
                break
            at = get32(buf, at + layout.R_NEXT)
        return at

    def _unregister(self, field, off):
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

    def register_natives(self, module, functions):
        """Python functions for modules to import: {name: (signature, callable)}; signature as in WAMR, "(ii*~$)i", or None.

        i I f F r: i32, i64, f32, f64, externref. *: i32, arrives as a memoryview from that address, as long as the ~ that
        follows says or up to the end of the memory. $: i32, arrives as a string.
        """
        for _, entry in functions.items():
            text, fn = entry
            if text is not None and (text[:1] != "(" or text.count(")") != 1 or text.strip("()iIfF*~$r")) or not callable(fn):
                raise PitwasmError("not a signature and a callable: %r" % (entry,))
        self._natives.setdefault(module, {}).update(functions)

    # Calls.

    def lookup_function(self, instance, name, signature=None):
        """The function an instance exports as `name`, or (`$module$function`) a registered module's; checked against a signature."""
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
        found = instance._export(name, 0)
        if not found:
            raise PitwasmError("there is no function '%s'" % name, instance.name)
        f = instance._function(found[1])
        if signature is not None:
            from .handles import fits

            if not fits(self._buf, f._type, signature):
                raise PitwasmError("function '%s' has not the signature %s" % (name, signature), instance.name)
        return f

    def call(self, function, *args):
        return function(*args)

    def resume(self):
        """Go on with the call that ran out of fuel, after fuel was added; returns what it returns."""
        return resume(self)

    def get_exception(self):
        """What the last call from outside ended with, as WAMR says it ("Exception: unreachable"), or None."""
        return None if self._error is None else "Exception: " + self._error.text

    def drop_loader(self):
        """Let go of the code that only loading, linking and unloading need. It comes back when it is needed again."""
        import sys

        package = sys.modules[__name__.rsplit(".", 1)[0]]
        for name in _LOADER:
            if sys.modules.pop(package.__name__ + "." + name, None):
                delattr(package, name)

    # References.

    def _home(self, ref):
        """The instance (record) a function reference belongs to, 0 = the host; refuses what is none."""
        buf = self._buf
        n = ref >> layout.REF_SHIFT
        if n == 0 and ref and ref <= len(self._hosts) and self._hosts[ref - 1]:
            return 0
        if 0 < n < get32(buf, layout.P_ITABN):
            off = get32(buf, get32(buf, layout.P_ITAB) + (n << 2))
            ref &= (1 << layout.REF_SHIFT) - 1
            if off and get32(buf, off + layout.I_NIMPF) <= ref < get32(buf, get32(buf, off + layout.I_MODULE) + layout.M_NFUNCS):
                return off
        raise PitwasmError("no such function reference")

    def _function(self, inst, ref):
        """The handle of a reference, found through `inst`."""
        home = self._home(ref)
        if not home:
            return Function(inst, inst, ref - 1, get32(self._buf, get32(self._buf, layout.P_HTAB) + (ref - 1 << 2)), True)
        fidx = ref & ((1 << layout.REF_SHIFT) - 1)
        return Function(inst, self._instance(home), fidx, _type(self._buf, home, fidx), False)

    def _reference(self, f):
        """The reference that stands for a Function."""
        if not isinstance(f, Function) or f._inst._rt is not self:
            raise TypeError("a Function of this runtime, or None, expected")
        f._inst._check()
        if not f._home._off:
            raise PitwasmError("the instance of this function is gone")
        if f._n == -2:
            return f._fidx + 1
        return f._home._cell(layout.I_ID) << layout.REF_SHIFT | f._fidx

    def _extern(self, value):
        """The number of a Python object among the external references."""
        for i, other in enumerate(self._externs):
            if other is value:
                return i + 1
        for i, other in enumerate(self._externs):
            if other is None:
                self._externs[i] = value
                return i + 1
        self._externs.append(value)
        return len(self._externs)
