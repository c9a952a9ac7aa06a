# inspect: what a module imports and exports, how large it is, and how large a pool it needs on which board
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import device, imaging, wasm
from .errors import CliError, size
from .resources import CHECKOUT, importable, packages
from .screen import say, table

# Heap free at boot. RPI_PICO: measured with stock firmware 1.26; the others: about what their chips leave, not measured.
BOARDS = {
    "RPI_PICO": 242_048,
    "RPI_PICO2": 489_000,
    "ESP32_GENERIC": 150_000,
    "ESP32_GENERIC_S3": 220_000,
    "ESP32_GENERIC_C3": 180_000,
}
STOCK = 100_000  # bytes of heap that pitwasm's code takes while it loads, from .mpy files, floats included (docs/numbers.md, "Heap")
FROZEN = 8_000  # the same, in the firmware
SPARE = 12_000  # for the program around it

STACK = 2048  # bytes, unless instantiate() is told otherwise

# Finds the smallest pool that a module loads into and runs in, with all imports made up; what cannot be instantiated: loads into.
MEASURE = """
import sys
import pitwasm
from pitwasm.driver import environment
from pitwasm.errors import LinkError, PitwasmError, PoolExhausted
path, cap, stack, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
def nothing(*args):
    return 0
def attempt(n, link):
    rt = pitwasm.Runtime(n, stack=stack)
    rt.fuel = 100000
    for owner, name in NATIVES:
        rt.register_natives(owner, {name: (None, nothing)})
    rt.set_module_reader(STUBS.get)
    with open(path, "rb") as f:
        module = rt.load(f)
    loaded = rt.pool.used
    if link:
        try:
            instance = rt.instantiate(module, memory_cap=cap or None)
            environment(rt, instance._off)
        except (PoolExhausted, LinkError):
            raise
        except PitwasmError:  # its start function did not end well
            pass
    return loaded, rt.pool.used
def smallest(link):
    low, high = 256, most
    best = attempt(high, link)
    while high - low > max(64, low // 64):
        n = (low + high) // 16 * 8
        try:
            best = attempt(n, link)
            high = n
        except PoolExhausted:
            low = n
    return high, best
try:
    print(repr((True,) + smallest(True)))
except LinkError:
    print(repr((False,) + smallest(False)))
except PoolExhausted:
    print(repr((False, 0, (0, 0))))
"""
MOST = 16 << 20  # bytes of the largest pool tried


def memory_bytes(module: wasm.Module, cap: int | None) -> int:
    """Bytes of memory 0 that an instance gets, if it is the module's own."""
    if module.memory is None:
        return 0
    least, _, page = module.memory
    n = least * page
    if module.cut is not None and cap is None:
        n = min(n, (module.cut + 7) & -8)
    return n if cap is None else min(n, cap)


def estimate(module: wasm.Module, cap: int | None, stack: int) -> tuple[int, int]:
    """(bytes when loaded, pool to run in), from the sizes of the sections: the README's rule of thumb."""
    loaded = 80 + 400 + int(module.code * 1.15) + module.stored + 12 * module.functions
    loaded += sum(len(owner) + len(name) + 16 for owner, name, _, _ in module.imports)
    loaded += sum(len(name) + 12 for name, _, _ in module.exports)
    return loaded, loaded + memory_bytes(module, cap) + 4 * module.tables + 20 * module.globals + stack + 250


def micropython32() -> Path | None:
    """A 32-bit MicroPython of this machine: with the word size of boards, it needs the same pool."""
    built = str(CHECKOUT / "build" / "micropython" / "micropython32") if CHECKOUT else ""
    for name in (os.environ.get("MICROPYTHON32", ""), built):
        found = name and shutil.which(name)
        if found:
            return Path(found)
    return None


def stubs(module: wasm.Module) -> dict[str, bytes]:
    """For each module that it imports a memory, table or global from, one that has them."""
    import wasmtime

    texts: dict[str, str] = {}
    for owner, name, kind, type in module.imports:
        if kind == "func":
            continue
        mutable, _, value = type.rpartition(" ")
        if kind == "memory":
            text = f"(memory {{}} {type.rpartition(' ')[0].replace('..', ' ')})"
        elif kind == "table":
            element, _, limits = type.partition(" ")
            text = f"(table {{}} {limits.replace('..', ' ')} {element})"
        else:
            init = "(ref.null func)" if value == "funcref" else "(ref.null extern)" if value == "externref" else f"({value}.const 0)"
            text = f"(global {{}} {f'(mut {value})' if mutable else value} {init})"
        quoted = "".join(c if c.isalnum() or c in "_.-" else "".join(f"\\{b:02x}" for b in c.encode()) for c in name)
        texts[owner] = texts.get(owner, "") + text.format(f'(export "{quoted}")')
    return {owner: bytes(wasmtime.wat2wasm(f"(module {text})")) for owner, text in texts.items()}


def measure(data: bytes, cap: int | None, stack: int) -> tuple[bool, int, int] | None:
    """(instantiated, smallest pool, bytes when loaded) by the loader itself; None when it cannot be run here."""
    interpreter = micropython32()
    if interpreter is None:
        return None
    try:
        package = packages("x86")
    except CliError:
        return None
    with tempfile.NamedTemporaryFile(suffix=".wasm") as file, importable(package) as folder:
        file.write(data)
        file.flush()
        module = wasm.parse(data)
        natives = [(owner, name) for owner, name, kind, _ in module.imports if kind == "func" and not owner.startswith("wasi_")]
        program = device.program(MEASURE, NATIVES=natives, STUBS=stubs(module))
        command = [interpreter, "-X", "heapsize=64M", "-c", program, file.name, str(cap or 0), str(stack), str(MOST)]
        environ = {**os.environ, "MICROPYPATH": str(folder)}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return None
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        if "LoadError" in last or "ValidationError" in last:
            raise CliError(f"pitwasm does not take this module: {last.partition(': ')[2]}")
        return None
    instantiated, pool, (loaded, _) = ast.literal_eval(done.stdout.strip())
    return instantiated, pool, loaded


def provider(owner: str) -> str:
    if owner.startswith("wasi_"):
        return "pitwasm (WASI)"
    if owner.startswith("pit_"):
        return "pitwasm, when granted"
    return "host functions, or module " + owner


def facts(path: Path, cap: int | None, stack: int) -> dict:
    """All that is known of a module."""
    data = wasm.read(path)
    module = wasm.parse(data)
    loaded, pool = estimate(module, cap, stack)
    how = "estimated from its sections"
    found = measure(data, cap, stack)
    if found is not None:
        instantiated, measured, loaded = found
        if instantiated or not measured:
            pool, how = measured, "measured with the loader, 32-bit"
        else:
            pool, how = max(measured, loaded + pool - estimate(module, cap, stack)[0]), "loading measured, the instance estimated"
    return {
        "file": str(path),
        "bytes": len(data),
        "sha256": module.digest,
        "sections": module.sections,
        "functions": module.functions,
        "imports": module.imports,
        "exports": module.exports,
        "memory": memory_bytes(module, cap),
        "pages": module.memory[0] if module.memory else 0,
        "heap_base": module.cut,
        "loaded": loaded,
        "pool": pool,
        "how": how,
        "boards": {name: {"stock": max(0, heap - STOCK - SPARE), "frozen": max(0, heap - FROZEN - SPARE)} for name, heap in BOARDS.items()},
    }


def do_inspect(link: None, args: argparse.Namespace) -> None:
    """Show what is in a module, or what an image was made of."""
    if args.file.is_file() and args.file.open("rb").read(4) == imaging.MAGIC:
        digest, source, n = imaging.verify(args.file)
        say(f"{args.file.name}: a prepared image, undamaged, for this version of pitwasm, SHA-256 of its content {digest}")
        say(f"made of {size(n)} of WebAssembly with the SHA-256 {source}")
        return
    found = facts(args.file, args.cap, args.stack or STACK)
    if args.image:
        image = imaging.prepare(wasm.read(args.file))
        args.image.write_bytes(image)
        found["image"] = {"file": str(args.image), "bytes": len(image)}
    if args.json:
        json.dump(found, sys.stdout, indent=1)
        say()
        return
    say(f"{args.file.name}: {size(found['bytes'])}, valid, {found['functions']} functions, SHA-256 {found['sha256']}")
    say("\nsections")
    table(("", ""), [(n, name) for name, n in found["sections"]], "  ")
    if found["imports"]:
        say("\nimports")
        rows = [(f"{owner}.{name}", kind, type, provider(owner)) for owner, name, kind, type in found["imports"]]
        table(("", "", "", "from"), rows, "  ")
    if found["exports"]:
        say("\nexports")
        table(("", "", ""), found["exports"], "  ")
    say(f"\npool ({found['how']})")
    if not found["pool"]:
        say(f"  more than {size(MOST)}: no board has that; export __heap_base, or give a --cap")
        return
    rows = [
        (found["loaded"], "loaded: code words, data, tables"),
        (found["memory"], _memory(found, args.cap)),
        (args.stack or STACK, "stack"),
        (found["pool"], "smallest pool it loads and runs in"),
    ]
    table(("", ""), rows, "  ")
    say("\nboards: largest pool with pitwasm from .mpy files, and with pitwasm in the firmware (RPI_PICO measured, others about)")
    rows = []
    for name, pools in found["boards"].items():
        verdict = "too large"
        for way, words in (("frozen", "fits with pitwasm in the firmware"), ("stock", "fits")):
            if found["pool"] <= pools[way]:
                verdict = words
        rows.append((name, pools["stock"], pools["frozen"], verdict))
    table(("", "stock", "frozen", ""), rows, "  ")
    if args.image:
        say(f"\n{args.image}: the prepared image, {size(len(image))}")


def _memory(found: dict, cap: int | None) -> str:
    if not found["pages"]:
        return "memory: none of its own"
    text = f"memory: of {found['pages']} pages"
    if cap is not None:
        return text + f", capped at {size(cap)}"
    if found["heap_base"] is None:
        return text + "; export __heap_base, and only what is used is taken"
    return text + ", up to __heap_base" if found["memory"] < found["pages"] * 65536 else text
