# A module as seen from the host: valid or not (wasmtime), its sections, imports and exports
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import CliError

SECTIONS = ("custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count")
KINDS = ("func", "table", "memory", "global")
TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}


class Bytes:
    """Reads what binary modules are made of (WebAssembly 5.2). Only valid modules come here."""

    def __init__(self, data: bytes, at: int = 0):
        self.data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                return value

    def signed(self) -> int:
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                return value - (1 << shift) if b & 0x40 else value

    def name(self) -> str:
        n = self.number()
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def limits(self) -> tuple[int, int | None, int]:
        """(minimum, maximum or None, bytes of a page)."""
        flags = self.number()
        least = self.number()
        most = self.number() if flags & 1 else None
        return least, most, 1 << self.number() if flags & 8 else 65536


@dataclass
class Module:
    data: bytes
    sections: list[tuple[str, int]] = field(default_factory=list)  # name, bytes of contents
    imports: list[tuple[str, str, str, str]] = field(default_factory=list)  # module, name, kind, type
    exports: list[tuple[str, str, str]] = field(default_factory=list)  # name, kind, type
    functions: int = 0  # defined
    code: int = 0  # bytes of the code section
    stored: int = 0  # bytes of the data section
    memory: tuple[int, int | None, int] | None = None  # own memory 0: minimum, maximum, bytes of a page
    tables: int = 0  # elements of its own tables
    globals: int = 0  # own
    cut: int | None = None  # bytes of memory it uses, by __heap_base or __data_end
    grows: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read(path: Path) -> bytes:
    """A file's bytes, if a module is in it that is valid."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise CliError(f"{path} cannot be read: {exc.strerror}") from None
    validate(data, str(path))
    return data


def validate(data: bytes, name: str) -> None:
    """Raise unless the bytes are a valid module of what pitwasm takes: WebAssembly 2.0 without SIMD."""
    if data[:4] != b"\0asm":
        text = " (it looks like the text format; assemble it first: wat2wasm)" if data.lstrip()[:1] == b"(" else ""
        raise CliError(f"{name} is no WebAssembly module: it does not begin as one{text}")
    try:
        import wasmtime
    except ImportError:
        raise CliError("wasmtime, which checks modules before they go to a board, is not installed: pip install wasmtime") from None
    config = wasmtime.Config()
    later = "simd relaxed_simd threads tail_call multi_memory memory64 function_references gc exceptions"
    for feature in later.split():
        setattr(config, f"wasm_{feature}", False)
    config.wasm_reference_types = True
    config.wasm_custom_page_sizes = True
    try:
        wasmtime.Module.validate(wasmtime.Engine(config), data)
    except wasmtime.WasmtimeError as exc:
        why = [part.strip() for part in str(exc).replace("\n", ": ").split(": ") if part.strip()]
        skip = ("Invalid input WebAssembly code at offset", "failed to", "Caused by")
        said = [part for part in why if not part.startswith(skip) and not part.isdigit()]
        raise CliError(f"{name} is not valid: {said[-1] if said else exc}; pitwasm takes WebAssembly 2.0 without SIMD") from None


def parse(data: bytes) -> Module:
    """Take a valid module apart."""
    module = Module(data)
    types: list[str] = []
    functions: list[str] = []
    globals: list[tuple[str, int | None]] = []
    spaces: dict[str, list[str]] = {kind: [] for kind in KINDS}
    at = 8
    while at < len(data):
        reader = Bytes(data, at)
        number = reader.byte()
        n = reader.number()
        start = reader.at
        at = start + n
        name = SECTIONS[number] if number < len(SECTIONS) else f"section {number}"
        if number == 0:
            name = f"custom {reader.name()!r}"
        module.sections.append((name, n))
        if number == 1:
            for _ in range(reader.number()):
                types.append(_function(reader))
        elif number == 2:
            _imports(reader, module, types, spaces, globals)
        elif number == 3:
            functions = [types[reader.number()] for _ in range(reader.number())]
            module.functions = len(functions)
            spaces["func"] += functions
        elif number == 4:
            for _ in range(reader.number()):
                text, least = _table(reader)
                spaces["table"].append(text)
                module.tables += least
        elif number == 5:
            for i in range(reader.number()):
                limits = reader.limits()
                if not i and not spaces["memory"]:
                    module.memory = limits
                spaces["memory"].append(_memory(limits))
        elif number == 6:
            for _ in range(reader.number()):
                text = _global(reader)
                module.globals += 1
                spaces["global"].append(text)
                globals.append((text, _constant(reader)))
        elif number == 7:
            for _ in range(reader.number()):
                name, kind, index = reader.name(), KINDS[reader.byte()], reader.number()
                module.exports.append((name, kind, spaces[kind][index]))
                if kind == "global" and name in ("__heap_base", "__data_end"):
                    text, value = globals[index]
                    if text == "i32" and value is not None and (name == "__heap_base" or module.cut is None):
                        module.cut = value
        elif number == 10:
            module.code = n
        elif number == 11:
            module.stored = n
    return module


def _function(reader: Bytes) -> str:
    reader.byte()
    parts = [[TYPES[reader.byte()] for _ in range(reader.number())] for _ in range(2)]
    return f"({', '.join(parts[0])}) -> ({', '.join(parts[1])})"


def _table(reader: Bytes) -> tuple[str, int]:
    kind = TYPES[reader.byte()]
    least, most, _ = reader.limits()
    return f"{kind} {least}" + ("" if most is None else f"..{most}"), least


def _memory(limits: tuple[int, int | None, int]) -> str:
    least, most, page = limits
    unit = "pages" if page == 65536 else "bytes" if page == 1 else f"pages of {page}"
    return f"{least}" + ("" if most is None else f"..{most}") + f" {unit}"


def _global(reader: Bytes) -> str:
    kind = TYPES[reader.byte()]
    return ("mut " if reader.byte() else "") + kind


def _constant(reader: Bytes) -> int | None:
    """The value of an initializer when it is an i32 constant; reads up to its end."""
    op = reader.byte()
    value = None
    if op in (0x41, 0x42):
        value = reader.signed()
    elif op in (0x43, 0x44):
        reader.at += 4 if op == 0x43 else 8
    elif op == 0xD0:
        reader.byte()
    else:  # global.get, ref.func
        reader.number()
    reader.byte()
    return value if op == 0x41 else None


def _imports(reader: Bytes, module: Module, types: list, spaces: dict[str, list[str]], globals: list[Any]) -> None:
    for _ in range(reader.number()):
        owner, name, number = reader.name(), reader.name(), reader.byte()
        kind = KINDS[number]
        if kind == "func":
            text = types[reader.number()]
        elif kind == "table":
            text, _ = _table(reader)
        elif kind == "memory":
            text = _memory(reader.limits())
        else:
            text = _global(reader)
            globals.append((text, None))
        spaces[kind].append(text)
        module.imports.append((owner, name, kind, text))
