# Handles on exported memories, globals and tables, and the lists of exports and imports; loaded when first asked for
# MIT license; Copyright (c) 2026 the pitwasm authors

from typing import TYPE_CHECKING, Any, Iterator

from . import layout
from .errors import PitwasmError
from .events import grow_memory, grow_table
from .pool import get16, get32
from .values import bits, names, put_bits, read, reference, signature, write

if TYPE_CHECKING:
    from .runtime import Module

_KINDS = ("func", "table", "memory", "global")

def _limits(buf, at):
    """(minimum, maximum or None) from two cells."""
    most = get32(buf, at + 4)
    return get32(buf, at), None if most == 0xFFFFFFFF else most


def _type_of(module, kind, index):
    """Type of an entry of an index space: functions as Function.type, ("funcref", min, max or None), (min, max), "mut i32".

    Memories whose pages are not of 64 KB have their size as a third part.
    """
    buf = module._rt._buf
    if kind == 0:
        n = get16(buf, module._cell(layout.M_FTYPES) + (index << 1))
        return signature(buf, get32(buf, module._cell(layout.M_TYPES) + (n << 2)))
    if kind == 1:
        at = module._cell(layout.M_TABLES) + index * layout.TD_SIZE
        return (names(buf, at + layout.TD_TYPE, 1),) + _limits(buf, at + layout.TD_MIN)
    if kind == 2:
        at = module._cell(layout.M_MEMS) + index * layout.MD_SIZE
        page = get32(buf, at + layout.MD_PAGE)
        return _limits(buf, at + layout.MD_MIN) + (() if page == 16 else (1 << page,))
    at = module._cell(layout.M_GLOBALS) + index * layout.GD_SIZE
    return ("mut " if buf[at + layout.GD_MUT] else "") + names(buf, at + layout.GD_TYPE, 1)


def _name(buf, at, n):
    return str(buf[at : at + n], "utf-8")


def exports(module: Module) -> Iterator[tuple[str, str, Any]]:
    buf = module._rt._buf
    at = module._cell(layout.M_EXPORTS)
    for _ in range(module._cell(layout.M_NEXPORTS)):
        n = get16(buf, at + layout.EX_LEN)
        kind = buf[at]
        yield _name(buf, at + layout.EX_NAME, n), _KINDS[kind], _type_of(module, kind, get32(buf, at + layout.EX_INDEX))
        at += layout.EX_NAME + n + 3 & -4


def imports(module: Module) -> Iterator[tuple[str, str, str, Any]]:
    buf = module._rt._buf
    at = module._cell(layout.M_IMPORTS)
    for _ in range(module._cell(layout.M_NIMPORTS)):
        m = get16(buf, at + layout.IM_MLEN)
        n = get16(buf, at + layout.IM_FLEN)
        kind = buf[at]
        at += layout.IM_NAME
        index = get32(buf, at - layout.IM_NAME + layout.IM_INDEX)
        yield _name(buf, at, m), _name(buf, at + m, n), _KINDS[kind], _type_of(module, kind, index)
        at += m + n + 3 & -4


def function_name(module, fidx):
    """The name section's, else the first the function is exported by, else its index."""
    buf = module._rt._buf
    at = module._cell(layout.M_NAMES)
    if at:  # function name subsection: vec((index, name)), WebAssembly 7.4.1
        end = at + module._rt.pool.size_of(at)
        try:
            count, at = _leb(buf, at)
            while count and at < end:
                index, at = _leb(buf, at)
                n, at = _leb(buf, at)
                if index == fidx:
                    return _name(buf, at, min(n, end - at))
                at += n
                count -= 1
        except (UnicodeError, IndexError):
            pass  # a damaged name section is no error
    at = module._cell(layout.M_EXPORTS)
    for _ in range(module._cell(layout.M_NEXPORTS)):
        n = get16(buf, at + layout.EX_LEN)
        if buf[at] == 0 and get32(buf, at + layout.EX_INDEX) == fidx:
            return _name(buf, at + layout.EX_NAME, n)
        at += layout.EX_NAME + n + 3 & -4
    return fidx


def _leb(buf, at):
    value = shift = 0
    while True:
        byte = buf[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 28:
            return value, at


def part(inst, kind, index):
    """The handle of an exported table, memory or global."""
    buf = inst._rt._buf
    at = inst._cell((layout.I_TABLES, layout.I_MEMS, layout.I_GLOBALS)[kind - 1])
    at = get32(buf, at + (index << 2))
    if kind == 3:
        return Global(inst, at, inst._module()._cell(layout.M_GLOBALS) + index * layout.GD_SIZE)
    return (Table if kind == 1 else Memory)(inst, at)


class _Part:
    """A record that lives as long as the instance it was found through, at least."""

    def __init__(self, inst, at):
        self._inst = inst
        self._at = at

    def _get(self, field):
        self._inst._check()
        return get32(self._inst._rt._buf, self._at + field)


class Memory(_Part):
    """A bounds-checked view: m[0x400], m[8:12] (a copy), m[8:12] = b"abcd", len(m) = bytes that may be accessed."""

    def __len__(self) -> int:
        return self._get(layout.MM_BYTES)

    @property
    def pages(self) -> int:
        """What memory.size says; with a cap, more than can be accessed."""
        return self._get(layout.MM_PAGES)

    def grow(self, pages: int) -> int:
        """Grow as memory.grow does: the old size in pages, or -1. Views made before are of no use afterwards."""
        self._get(0)
        return grow_memory(self._inst._rt, self._at, pages) if pages >= 0 else -1

    def view(self, address: int, n: int) -> memoryview:
        """A memoryview of n bytes. Holds until the memory grows or its instance goes; never to be kept beyond that."""
        if address < 0 or n < 0 or address + n > len(self):
            raise IndexError("beyond the memory's %d bytes" % len(self))
        start = self._get(layout.MM_DATA) + address
        return self._inst._rt.pool.part(start, n)

    def _range(self, key):
        if isinstance(key, int):
            return self.view(key, 1)
        if key.step not in (None, 1):
            raise ValueError("no steps")
        start = key.start or 0
        end = len(self) if key.stop is None else key.stop
        return self.view(start, max(end - start, 0))

    def __getitem__(self, key: int | slice) -> Any:
        view = self._range(key)
        return view[0] if isinstance(key, int) else bytes(view)

    def __setitem__(self, key: int | slice, value: Any) -> None:
        view = self._range(key)
        if isinstance(key, int):
            view[0] = value
        elif len(view) != len(value):
            raise ValueError("%d bytes expected, %d given" % (len(view), len(value)))
        else:
            view[:] = value


class Global(_Part):
    """A global: .value, or .bits for the raw form."""

    def __init__(self, inst, at, decl):
        super().__init__(inst, at)
        self._type = inst._rt._buf[decl + layout.GD_TYPE]
        self.mutable = bool(inst._rt._buf[decl + layout.GD_MUT])

    @property
    def type(self):
        return ("mut " if self.mutable else "") + names(bytes((self._type,)), 0, 1)

    def _cell(self, change):
        self._inst._check()
        if change and not self.mutable:
            raise PitwasmError("the global is immutable")
        return self._at

    @property
    def value(self) -> Any:
        return read(self._inst, self._cell(False), self._type)

    @value.setter
    def value(self, value: Any) -> None:
        write(self._inst._rt, self._cell(True), self._type, value)

    @property
    def bits(self) -> int:
        return bits(self._inst._rt._buf, self._cell(False), self._type)

    @bits.setter
    def bits(self, value: int) -> None:
        put_bits(self._inst._rt, self._cell(True), self._type, value)


class Table(_Part):
    """A table: t[3] is a Function, a Python object (externref) or None; len(t), t.grow(n, value)."""

    def __len__(self) -> int:
        return self._get(layout.TT_COUNT)

    @property
    def type(self):
        at = self._at + layout.TT_COUNT
        kind = self._get(layout.TT_TYPE)
        return (names(bytes((kind,)), 0, 1),) + _limits(self._inst._rt._buf, at)

    def _element(self, i):
        if not 0 <= i < len(self):
            raise IndexError("beyond the table's %d elements" % len(self))
        return self._get(layout.TT_DATA) + (i << 2)

    def __getitem__(self, i: int) -> Any:
        return read(self._inst, self._element(i), self._get(layout.TT_TYPE))

    def __setitem__(self, i: int, value: Any) -> None:
        write(self._inst._rt, self._element(i), self._get(layout.TT_TYPE), value)

    def grow(self, n: int, value: Any = None) -> int:
        """Grow by n elements: the old size, or -1."""
        kind = self._get(layout.TT_TYPE)
        rt = self._inst._rt
        return grow_table(rt, self._at, n, reference(rt, value, kind)) if n >= 0 else -1
