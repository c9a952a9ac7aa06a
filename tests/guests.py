# Guests that call what pitwasm.peripherals grants, and what the scripts that grant start with: `board` in tests/conftest.py
# MIT license; Copyright (c) 2026 the pitwasm authors

PRELUDE = """
from pitwasm import board
from pitwasm.peripherals import grant, revoke
def clear():
    seen = board.events[:]
    board.events[:] = []
    return seen
"""

# What guest() makes functions of: name: parameters > result, as the import of that name has them.
I2C = "open: i32 i32 > i32, close: i32 >, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32, write_read: i32 i32 i32 i32 i32 > i32"
SPI = (
    "open: i32 > i32, close: i32 >, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32, "
    "write_read: i32 i32 i32 i32 i32 > i32, transfer: i32 i32 i32 i32 i32 > i32"
)
UART = "open: i32 > i32, close: i32 >, any: i32 > i32, write: i32 i32 i32 > i32, read: i32 i32 i32 > i32"
ADC = "open: i32 > i32, close: i32 >, read: i32 > i32"
PWM = "open: i32 > i32, close: i32 >, freq: i32 i32 > i32, duty: i32 i32 >"
TIME = "ticks_ms: > i32, ticks_us: > i32, sleep_ms: i32 >, sleep_us: i32 >, unix: > i64"
LOG = "text: i32 i32 >, value: i32 i32 i32 >"


def guest(module: str, functions: str) -> str:
    """A module that exports what it imports, through functions of its own, so that it is the caller; and 64 bytes to use."""
    imports = bodies = ""
    for function in functions.split(", "):
        name, _, type = function.partition(":")
        params, _, results = type.partition(">")
        params, results = params.split(), results.strip()
        result = f"(result {results})" if results else ""
        gets = " ".join(f"(local.get {i})" for i in range(len(params)))
        imports += f'(import "pit_{module}" "{name}" (func ${name} (param {" ".join(params)}) {result}))\n'
        bodies += f'(func (export "{name}") (param {" ".join(params)}) {result} (call ${name} {gets}))\n'
    return imports + bodies + '(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 64))'
