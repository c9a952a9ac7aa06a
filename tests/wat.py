# WebAssembly text in tests: assembled by wasmtime's own assembler, kept in the test's folder for MicroPython to load
# MIT license; Copyright (c) 2026 the pitwasm authors

from functools import cache
from pathlib import Path

import wasmtime


@cache
def assemble(text: str) -> bytes:
    """The binary module; a text without the outer parentheses will do."""
    return bytes(wasmtime.wat2wasm(text if text.lstrip().startswith("(module") else f"(module {text})"))


def modules(folder: Path, **texts: str) -> Path:
    """Write NAME.wasm for every NAME=text; returns the folder."""
    for name, text in texts.items():
        (folder / f"{name}.wasm").write_bytes(assemble(text))
    return folder
