# What wasmtime makes of a module, to compare with what the fuzzing child said of it
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct
from collections.abc import Callable

import wasmtime

from tools.child import DEVICE

FORMS = {"f32": ("<f", "<I"), "f64": ("<d", "<Q")}
FUEL = 10_000_000
# Words of a trap that both sides use, by wasmtime's code.
TRAPS = {
    "STACK_OVERFLOW": "call stack exhausted",
    "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "TABLE_OUT_OF_BOUNDS": "",  # out of bounds table access, or undefined element
    "INDIRECT_CALL_TO_NULL": "uninitialized element",
    "BAD_SIGNATURE": "indirect call type mismatch",
    "INTEGER_OVERFLOW": "integer overflow",
    "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer",
    "UNREACHABLE": "unreachable",
}
# What says nothing about the module: limits that differ.
LIMITS = ("PoolExhausted", "OutOfFuel", "call stack exhausted")


def engine() -> wasmtime.Engine:
    """WebAssembly 2.0 without SIMD, as far as wasmtime lets itself be held to it."""
    config = wasmtime.Config()
    config.consume_fuel = True
    later = "simd relaxed_simd threads tail_call multi_memory memory64 function_references gc exceptions custom_page_sizes"
    for name in later.split():
        setattr(config, f"wasm_{name}", False)
    config.wasm_reference_types = True
    # Thousands of short-lived instances: no gigabytes of address space for each.
    config.memory_reservation = config.memory_guard_size = config.memory_reservation_for_growth = 0
    config.parallel_compilation = False
    config.cranelift_opt_level = "none"
    return wasmtime.Engine(config)


def imports(store: wasmtime.Store) -> wasmtime.Linker:
    linker = wasmtime.Linker(store.engine)
    spectest = wasmtime.Module.from_file(store.engine, str(DEVICE / "spectest.wasm"))
    linker.define_instance(store, "spectest", linker.instantiate(store, spectest))
    i32 = wasmtime.ValType.i32()
    linker.define_func("env", "print", wasmtime.FuncType([i32, i32], []), lambda *args: None)
    return linker


def signed(bits: int, kind: str) -> int | float | None:
    if kind in FORMS:
        return struct.unpack(FORMS[kind][0], struct.pack(FORMS[kind][1], bits))[0]
    if kind[0] != "i":
        return None
    size = int(kind[1:])
    return bits - (1 << size) if bits >> (size - 1) else bits


def same(value: object, bits: int, kind: str) -> bool:
    """Is it this result? NaNs are all alike; of references, null or not."""
    if kind in FORMS:
        if value != value:  # a NaN
            mask = 0x7F800000 if kind == "f32" else 0x7FF0000000000000
            return bits & mask == mask and bits & (mask >> 8 | 0xFFFF) != 0 or signed(bits, kind) != signed(bits, kind)
        return struct.pack(FORMS[kind][0], value) == struct.pack(FORMS[kind][1], bits)
    if kind[0] == "i":
        return value % (1 << int(kind[1:])) == bits
    return (value is None) == (bits == 0)


def judge(host: wasmtime.Engine, data: bytes, told: list) -> str | None:
    """None when wasmtime agrees with what was told of these bytes, else how not."""
    refused = told[-1] if told and isinstance(told[-1], str) else None
    if refused in ("PoolExhausted", "OutOfFuel"):
        return None
    try:
        wasmtime.Module.validate(host, data)
    except wasmtime.WasmtimeError as exc:
        if refused in ("LoadError", "ValidationError"):
            return None
        return f"{refused or 'accepted'}, wasmtime: {' '.join(str(exc).split())[:160]}"
    if refused in ("LoadError", "ValidationError"):
        return f"{refused}, wasmtime accepts it"
    module = wasmtime.Module(host, data)
    store = wasmtime.Store(host)
    store.set_fuel(FUEL)
    try:
        instance = imports(store).instantiate(store, module)
    except wasmtime.Trap as exc:
        return None if refused == "Trap" else f"{refused or 'instantiated'}, wasmtime: {' '.join(exc.message.split())[-100:]}"
    except wasmtime.WasmtimeError as exc:
        return None if refused == "LinkError" else f"{refused or 'instantiated'}, wasmtime: {' '.join(str(exc).split())[:160]}"
    if refused:
        return f"{refused}, wasmtime instantiates it"
    exports = instance.exports(store)
    for name, args, results in told:
        if isinstance(results, str) and results.startswith(LIMITS):
            return None  # states differ from here on
        f = exports[name]
        kind = f.type(store)
        store.set_fuel(FUEL)
        try:
            got = f(store, *(signed(bits, str(t)) for bits, t in zip(args, kind.params, strict=True)))
        except wasmtime.Trap as exc:
            words = TRAPS.get(exc.trap_code.name if exc.trap_code else "", "?")
            if isinstance(results, str) and results.startswith(words):
                continue
            return f"{name}{args}: {results}, wasmtime: {' '.join(exc.message.split())[-100:]}"
        except wasmtime.WasmtimeError as exc:
            if "fuel" in str(exc):
                return None
            return f"{name}{args}: {results}, wasmtime: {' '.join(str(exc).split())[:100]}"
        got = got if isinstance(got, list) else [] if not kind.results else [got]
        kinds = [str(t) for t in kind.results]
        if isinstance(results, str) or not all(same(*triple) for triple in zip(got, results, kinds, strict=True)):
            return f"{name}{args}: {results}, wasmtime: {got}"
    return None


def compare(seed: int, told: dict[int, list], mutated: Callable[[int, int], tuple[str, bytes]]) -> list[str]:
    host = engine()
    found = []
    for number in sorted(told):
        path, data = mutated(seed, number)
        why = judge(host, data, told[number])
        # Where memory.grow or table.grow may be at work, the pool's size decides.
        if why and ("wasmtime accepts" in why or not (b"\x40\x00" in data or b"\xfc\x0f" in data)):
            found.append(f"seed {seed} number {number} ({path.rsplit('/', 1)[-1]}): {why}")
    return found
