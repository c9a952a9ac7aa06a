# The public face: Runtime, Module, Instance, Exports and Function; thin handles on records in the pool
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# There is one handle per module and per instance; everything else refers to these. When a record is freed its handle's _off
# becomes 0, so that no handle ever reaches a freed part of the pool. _dead says that the user has given it back already, while
# the record may have to stay for those who import from it.
#
# What loads, links and unloads is in lifecycle.py, so that it can be dropped: Runtime.__getattr__ finds it there.

from typing import TYPE_CHECKING, Any, Iterator

from micropython import const

from . import layout
from .driver import NOTHING, call, resume
from .errors import PitwasmError
from .pool import Pool, get16, get32

if TYPE_CHECKING:
    from .handles import Memory
    from .lifecycle import Lifecycle as _Base
else:
    _Base = object


# native=None: units of fuel before the tier is loaded, which takes as long: 0.2 to 0.5 s.
_WARM = const(5000000 if W64 else 160000)


class Handle:
    """Of a module or an instance."""

    def __init__(self, rt: "Runtime", off: int):
        self._rt = rt
        self._off = off
        self._dead = False

    def _check(self) -> int:
        if self._dead or not self._off:
            raise PitwasmError("this %s is gone" % type(self).__name__.lower())
        return self._off

    def _cell(self, at: int) -> int:
        return get32(self._rt._buf, self._off + at)

    def __enter__(self):
        return self


class Module(Handle):
    """A loaded module. In a `with` statement: unloaded at its end."""

    _source: Any = None  # lazy loading: the bytes functions are translated from
    _wasi: Any = None  # set_wasi_args(): arguments of wasi.Wasi

    def __exit__(self, *exc: Any) -> None:
        if not self._dead:
            self._rt.unload(self)

    @property
    def name(self) -> str | None:
        at = self._cell(layout.M_NAME) if self._off else 0
        return str(self._rt._buf[at + 2 : at + 2 + get16(self._rt._buf, at)], "utf-8") if at else None

    @property
    def exports(self) -> Iterator[tuple[str, str, Any]]:
        """All (name, kind, type); kind "func", "table", "memory" or "global", types as the handles have them."""
        from .handles import exports

        self._check()
        return exports(self)

    @property
    def imports(self) -> Iterator[tuple[str, str, str, Any]]:
        """All (module, name, kind, type)."""
        from .handles import imports

        self._check()
        return imports(self)


class Instance(Handle):
    """A module instance. In a `with` statement: deinstantiated at its end."""

    def __exit__(self, *exc: Any) -> None:
        if not self._dead:
            self._rt.deinstantiate(self)

    @property
    def module(self) -> Module:
        self._check()
        return self._module()

    def _module(self) -> Module:
        return self._rt._module(self._cell(layout.I_MODULE))

    @property
    def name(self) -> str | None:
        return self._module().name if self._off else None

    @property
    def exports(self) -> "Exports":
        self._check()
        return Exports(self)

    @property
    def memory(self) -> "Memory | None":
        """Memory 0, or None."""
        from .handles import Memory

        self._check()
        mm = self._cell(layout.I_MEM0)
        return Memory(self, mm) if mm else None

    def _export(self, name):
        """(kind, index) of an export, or None."""
        from .modules import find_export

        self._check()
        rt = self._rt
        at = find_export(rt.pool, self._cell(layout.I_MODULE), name.encode() if isinstance(name, str) else name)
        return (rt._buf[at], get32(rt._buf, at + layout.EX_INDEX)) if at else None

    def _function(self, fidx: int) -> "Function":
        """The handle of a function of this instance, by its index."""
        buf = self._rt._buf
        if fidx < self._cell(layout.I_NIMPF):
            from .values import function_of

            return function_of(self, get32(buf, self._cell(layout.I_IMPORTS) + (fidx << 2)))
        return Function(self, self, fidx, type_of(buf, self._off, fidx))


class Exports:
    """An instance's exports as attributes or items, functions to be called in place: inst.exports.add(1, 2).

    Iterates as Module.exports does: (name, kind, type).
    """

    def __init__(self, inst: Instance):
        self._inst = inst

    def __iter__(self) -> Iterator[tuple[str, str, Any]]:
        return self._inst.module.exports

    def __contains__(self, name: str) -> bool:
        return bool(self._inst._export(name))

    def __getattr__(self, name: str) -> Any:
        found = self._inst._export(name)
        if not found:
            raise AttributeError("no export '%s'" % name)
        if found[0] == 0:
            return self._inst._function(found[1])
        from .handles import part

        return part(self._inst, *found)

    __getitem__ = __getattr__


class Function:
    """A function to call: f(1, 2.5). Integers come back signed; several results as a tuple.

    Up to four i32 arguments with an i32 result, or none, are passed without allocating on MicroPython's heap.
    """

    def __init__(self, inst: Instance, home: Instance, fidx: int, y: int, host: bool = False):
        self._inst = inst  # it was found through; the handle lives as long
        self._home = home  # it runs in
        self._fidx = fidx  # there; of a host function, its number
        self._type = y
        buf = inst._rt._buf
        n = get16(buf, y + layout.Y_NP)
        y += layout.Y_BYTES
        # How to call: -2 a host function, -1 arguments that need a look at the type, else so many i32.
        self._n = -2 if host else n if n <= 4 and buf[y : y + n] == b"\x7f" * n else -1
        y += n
        n = get16(buf, y - n - layout.Y_BYTES + layout.Y_NR)
        self._r = n and (buf[y] if n == 1 else -1)  # type of the only result, 0 none, -1 several

    def _check(self):
        if self._inst._dead or not self._home._off:
            raise PitwasmError("the instance of this function is gone")

    def __call__(self, a: Any = NOTHING, b: Any = NOTHING, c: Any = NOTHING, d: Any = NOTHING, *more: Any) -> Any:
        return call(self, False, a, b, c, d, more)

    def call_bits(self, *args: int) -> tuple[int, ...]:
        """The same in raw bits: arguments and the tuple of results are integers; a reference is its number in the pool, 0 = null."""
        return call(self, True, NOTHING, NOTHING, NOTHING, NOTHING, args)

    @property
    def type(self) -> tuple[str, str]:
        """(parameters, results), each a text like "i32 f64"."""
        from .values import signature

        self._check()
        return signature(self._inst._rt._buf, self._type)


def type_of(buf, inst, fidx):
    """Interned type of a function of an instance."""
    n = get16(buf, get32(buf, inst + layout.I_FTYPES) + (fidx << 1))
    return get32(buf, get32(buf, inst + layout.I_TYPES) + (n << 2))


class Runtime(_Base):
    """Everything that lives in one pool. `pool`: a bytearray, its size in bytes, or a Pool.

    stack: bytes of stack of an instance, unless instantiate() is told otherwise.
    multi_memory: accept modules with several memories, as WebAssembly 3.0 does.
    native: machine code for functions that run often ("hot"), for all ("always"), or for none ("never"). None: "hot" once calls have
    taken a while, where the tier is installed and has 64 KB of heap; then it gives its code up when the pool has no other room.
    At most native_budget bytes of it, images' too. native_threshold: with "hot", so many units of fuel in a function make it machine
    code; None: 600, and more once that has become rare. docs/native.md.
    fuel (attribute): taken backward branches and calls left, None = no limit; when it is used up, calls raise OutOfFuel.
    """

    def __init__(
        self,
        pool: bytearray | int | Pool,
        stack: int = 2048,
        multi_memory: bool = False,
        native: str | None = None,
        native_budget: int = 65536,
        native_threshold: int | None = None,
    ):
        self.pool = pool if isinstance(pool, Pool) else Pool(pool)
        self._buf: Any = self.pool.buf
        if multi_memory:
            self._buf[layout.P_FLAGS] |= layout.PF_MEMORIES
        self.stack = stack
        self.fuel: int | None = None
        self._env = 0  # environment that runs, 0 = none
        self._top = 0  # in a host function: stack from here on is free
        self._paused: tuple[Function, bool, int] | None = None  # call out of fuel: (Function, raw, environment)
        self._error: PitwasmError | None = None  # last one that a call ended with
        self._due = False  # instances to be freed wait for the end of the call that runs
        self._answer: Any = None  # events.answer, once there is an instance
        self._bulk: Any = None  # bulk.bulk, single.single and so on: once a module needs them
        self._single: Any = None
        self._double: Any = None
        self._convert: Any = None
        self._native: Any = None  # the stub that enters native code
        self._tier: Any = None  # native.Native, or tier.Tier once an image has brought machine code
        self._warm = 0  # units of fuel that calls use up before the tier is loaded; 0 = it is not
        self._modules: dict[int, Module] = {}  # record -> handle
        self._instances: dict[int, Instance] = {}
        self._hosts: list[Any] = []  # by host function number: (callable, signature or None, "module.name"), None = free
        self._externs: list[Any] = []  # by number of the externref less 1
        self._natives: dict[str, dict[str, tuple[str | None, Any]]] = {}  # module -> name -> (signature, callable)
        self._linking: list[int] = []  # modules being loaded or instantiated, outermost first
        self._reader: Any = None  # set_module_reader(): (reader, destroyer or None)
        self._loading = False  # the reader may be at work
        self._wasi: Any = None  # set_wasi_args() without a module
        self._context: Any = None  # while instantiating: the Wasi of the modules at hand, once one imports from it
        self._adopt()
        self._budget = 0 if native == "never" else native_budget  # bytes of machine code, images' too
        if native is None:
            self._warm = _WARM
        elif self._budget:
            from .native import Native

            tier = Native(self, native, native_budget, native_threshold)
            self._tier = tier if tier.budget else None  # None: this machine has no assembler

    def _adopt(self) -> None:
        """Know the modules of a pool that was filled elsewhere, and what code they need."""
        if self._buf[layout.P_FLAGS] & layout.PF_NATIVE:
            from .tier import adopt

            adopt(self.pool)
        off = get32(self._buf, layout.P_MODULES)
        while off:
            self._module(off)
            off = get32(self._buf, off + layout.M_NEXT)

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.destroy()

    def __getattr__(self, name: str) -> Any:
        """Methods of lifecycle.py."""
        from .lifecycle import Lifecycle

        f = getattr(Lifecycle, name)
        return lambda *args, **named: f(self, *args, **named)

    def _module(self, off: int) -> Module:
        module = self._modules.get(off)
        if module is None:
            module = self._modules[off] = Module(self, off)
            flags = module._cell(layout.M_FLAGS)
            module._dead = bool(flags & layout.MF_DEAD)
            if flags & layout.MF_BULK and not self._bulk:
                from .bulk import bulk

                self._bulk = bulk
            if UNIT:
                pass  # the floats are in loop.py's file
            elif flags & layout.MF_FLOAT and not self._single:
                from .convert import convert
                from .double import double
                from .single import single

                self._single = single
                self._double = double
                self._convert = convert
        return module

    def _instance(self, off: int) -> Instance:
        inst = self._instances.get(off)
        if inst is None:
            inst = self._instances[off] = Instance(self, off)
            inst._dead = bool(inst._cell(layout.I_FLAGS) & layout.IF_DEAD)  # in a pool that was adopted
        return inst

    @property
    def caller(self) -> Instance | None:
        """In a host function: the instance that called it."""
        return self._instance(get32(self._buf, self._env + layout.E_INST)) if self._top else None

    def lookup_function(self, instance: Instance, name: str, signature: str | None = None) -> Function:
        """The function an instance exports as `name`, or `$module$function`: one of a registered module that is instantiated
        (wasm_runtime_lookup_function). signature: None, or WAMR's, as "(i*~)i", that it must have.

        PitwasmError: no such function or module, a malformed name, another signature.
        """
        if name[:1] == "$" or signature is not None:
            return self._lookup(instance, name, signature)
        found = instance._export(name)
        if not found or found[0]:
            raise PitwasmError("there is no function '%s'" % name, instance.name)
        return instance._function(found[1])

    def call(self, function: Function, *args: Any) -> Any:
        """function(*args) (wasm_runtime_call_wasm). Trap, OutOfFuel, PoolExhausted; TypeError for wrong arguments."""
        return function(*args)

    def resume(self) -> Any:
        """Go on with the call that ran out of fuel, after fuel was added; returns what it returns."""
        return resume(self)

    def get_exception(self, instance: Instance | None = None) -> str | None:
        """What the last call from outside ended with, as WAMR says it ("Exception: unreachable"), or None.

        instance: for WAMR's users; it is the runtime's last call, whichever the instance.
        """
        return None if self._error is None else "Exception: " + self._error.text
