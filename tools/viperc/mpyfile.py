# .mpy files: read, with the machine code of their viper functions to be exchanged, and written again
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The format is MicroPython's (its documentation: "MicroPython .mpy files", version 6): header, names, constants, then the raw code of the
# module with its children.
from __future__ import annotations

from dataclasses import dataclass, field

BYTECODE, NATIVE, VIPER, ASSEMBLER = 0, 1, 2, 3
FUN_TABLE, STRING, BYTES, TUPLE = 0, 5, 6, 10
SUB_VERSION = 3  # of native code: 6.3
ARCHS = {"x64": 2, "armv6m": 4, "armv7m": 5}


class FormatError(Exception):
    """Not a file of the format this reads."""


@dataclass
class RawCode:
    """A function: its kind, its code, what the format puts behind the code, the functions in it."""

    kind: int
    data: bytes
    tail: bytes = b""
    children: list[RawCode] | None = None

    def all(self) -> list[RawCode]:
        return [self] + [x for child in self.children or () for x in child.all()]


@dataclass
class MpyFile:
    """A whole file. names: as in its table, None for one that is built into every firmware; objects: None where it is no bytes object."""

    head: bytes
    names: list[str | None]
    static: list[int]  # for each name: its number if it is built in, else -1
    objects: list[object]
    fun_table: int  # place of the function table among the constants, -1: none
    tables: bytes
    split: int  # where in `tables` the names end and the constants start
    code: RawCode = field(default_factory=lambda: RawCode(0, b""))

    @classmethod
    def parse(cls, data: bytes) -> MpyFile:
        if data[:2] != b"M\x06":
            raise FormatError("not an .mpy file of version 6")
        r = _Reader(data, 4)
        n_names, n_objects = r.uint(), r.uint()
        start = r.at
        names: list[str | None] = []
        static = []
        for _ in range(n_names):
            n = r.uint()
            if n & 1:
                names.append(None)
                static.append(n >> 1)
            else:
                names.append(r.bytes((n >> 1) + 1)[:-1].decode())
                static.append(-1)
        split = r.at - start
        objects: list[object] = []
        fun_table = -1
        for k in range(n_objects):
            kind, value = r.object()
            if kind == FUN_TABLE:
                fun_table = k
            objects.append(value if kind == BYTES else None)
        tables = data[start : r.at]
        code = r.code()
        if r.at != len(data):
            raise FormatError(f"{len(data) - r.at} bytes too many")
        return cls(data[:4], names, static, objects, fun_table, tables, split, code)

    def add_fun_table(self, arch: str) -> int:
        """Give a file without native code the function table, and a head that only its architecture takes; the table's place."""
        self.head = self.head[:2] + bytes((SUB_VERSION | ARCHS[arch] << 2,)) + self.head[3:]
        self.fun_table = len(self.objects)
        self.objects.append(None)
        self.tables += bytes((FUN_TABLE,))
        return self.fun_table

    def extend(self, names: list[str], objects: list[bytes], numbers: dict[str, int]) -> None:
        """More names and constants, behind those that are there; numbers: names that are built into every firmware."""
        texts = [_uint(numbers[x] << 1 | 1) if x in numbers else _uint(len(x.encode()) << 1) + x.encode() + b"\0" for x in names]
        text = b"".join(texts)
        self.tables = self.tables[: self.split] + text + self.tables[self.split :]
        self.tables += b"".join(bytes((BYTES,)) + _uint(len(x)) + x + b"\0" for x in objects)
        self.split += len(text)
        self.names += names
        self.objects += objects

    def build(self) -> bytes:
        return self.head + _uint(len(self.names)) + _uint(len(self.objects)) + self.tables + _write(self.code)


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def uint(self) -> int:
        v = 0
        while True:
            b = self.data[self.at]
            self.at += 1
            v = v << 7 | b & 127
            if b < 128:
                return v

    def bytes(self, n: int) -> bytes:
        self.at += n
        return self.data[self.at - n : self.at]

    def object(self) -> tuple[int, object]:
        kind = self.bytes(1)[0]
        if kind in (FUN_TABLE, 1, 2, 3, 4):
            return kind, None
        n = self.uint()
        if kind == TUPLE:
            return kind, [self.object() for _ in range(n)]
        return kind, self.bytes(n + 1)[:-1] if kind in (STRING, BYTES) else self.bytes(n)

    def code(self) -> RawCode:
        n = self.uint()
        raw = RawCode(n & 3, self.bytes(n >> 3))
        start = self.at
        if raw.kind == NATIVE:
            self.uint()
        elif raw.kind == VIPER:
            flags = self.uint()
            if flags & 0x70:
                raise FormatError("viper code with data or relocations")
        elif raw.kind == ASSEMBLER:
            for _ in range(3):
                self.uint()
        raw.tail = self.data[start : self.at]
        if n & 4:
            raw.children = [self.code() for _ in range(self.uint())]
        return raw


def _uint(v: int) -> bytes:
    out = bytes((v & 127,))
    while v > 127:
        v >>= 7
        out = bytes((v & 127 | 128,)) + out
    return out


def _write(raw: RawCode) -> bytes:
    out = _uint(len(raw.data) << 3 | (4 if raw.children is not None else 0) | raw.kind) + raw.data + raw.tail
    if raw.children is not None:
        out += _uint(len(raw.children)) + b"".join(_write(x) for x in raw.children)
    return out
