# Modules for tests from WebAssembly text, by wasmtime's assembler; and what every script on the device starts with
# MIT license; Copyright (c) 2026 the pitwasm authors

import textwrap
from functools import cache
from pathlib import Path

import wasmtime

# new() gives an instance of NAME.wasm; error() what a call returns, or the error it ends with as "Class: text".
START = """
import pitwasm
from pitwasm import LinkError, OutOfFuel, PitwasmError, PoolExhausted, Trap
rt = pitwasm.Runtime(%d)
def load(name, **options):
    with open(name + ".wasm", "rb") as f:
        return rt.load(f, name, **options)
def new(name, **options):
    return rt.instantiate(load(name), **options)
def error(f, *args, **named):
    try:
        return f(*args, **named)
    except Exception as exc:
        return "%%s: %%s" %% (type(exc).__name__, exc)
"""


@cache
def assemble(text: str) -> bytes:
    """The binary module; a text without the outer parentheses will do."""
    return bytes(wasmtime.wat2wasm(text if text.lstrip().startswith("(module") else f"(module {text})"))


def modules(folder: Path, **texts: str) -> Path:
    """Write NAME.wasm for every NAME=text; returns the folder."""
    for name, text in texts.items():
        (folder / f"{name}.wasm").write_bytes(assemble(text))
    return folder


def script(text: str, pool: int = 200_000) -> str:
    """A script for MicroPython: its lines, indented or not, behind START."""
    return START % pool + textwrap.dedent(text)
