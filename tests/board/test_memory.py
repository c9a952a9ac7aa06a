# The heap pitwasm takes on a Pico, stage by stage: stock firmware with .mpy files, and frozen firmware
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
from collections.abc import Callable
from pathlib import Path

import wasmtime

from tools import aot, build, parts
from tools.emulator import Emulator
from tools.host import OUT, ROOT

KB = 1024

# Each stage: its name and the code that leads there.
BENCH = [
    ("boot", ""),
    ("import pitwasm", "import pitwasm"),
    ("the runtime", "pitwasm.Runtime"),
    ("a pool of 76 KB", "buf = bytearray(76 * 1024)\nrt = pitwasm.Runtime(buf)"),
    ("loaded: workloads.wasm, 5.3 KB, with floats", "m = rt.load(open('/workloads.wasm', 'rb'))\ni = rt.instantiate(m)"),
    ("the loader dropped", "rt.drop_loader()"),
    ("ran: nbody(10)", "i.exports.nbody(10)"),
]
SEED = [
    ("boot", ""),
    ("the runtime", "import pitwasm\npitwasm.Runtime"),
    ("a pool of 32 KB", "buf = bytearray(32 * 1024)\nrt = pitwasm.Runtime(buf)"),
    ("the flash reader", "from pitwasm.flash import FlashReader\nrt.set_module_reader(FlashReader('/modules'))"),
    ("loaded: mA, mB, mC", "m = rt.load(open('/modules/mC.wasm', 'rb'), 'mC')\ni = rt.instantiate(m)"),
    ("ran: C1 to C4", "functions = [i.exports[name] for name in ('C1', 'C2', 'C3', 'C4')]\nprint([f() for f in functions])"),
    ("the loader dropped", "rt.drop_loader()"),
    ("ran again", "print([f() for f in functions])"),
]
# The seed's modules without the WASI command that samples/seed has around mC.
MODULES = {
    "mA": '(module (func (export "A1") (result i32) (i32.const 11)))',
    "mB": """(module (import "mA" "A1" (func $A1 (result i32)))
      (func (export "B1") (result i32) (i32.const 21)) (func (export "B2") (result i32) (call $A1)))""",
    "mC": """(module (import "mA" "A1" (func $A1 (result i32)))
      (import "mB" "B1" (func $B1 (result i32))) (import "mB" "B2" (func $B2 (result i32)))
      (func (export "C1") (result i32) (i32.const 31)) (func (export "C2") (result i32) (call $B1))
      (func (export "C3") (result i32) (call $A1)) (func (export "C4") (result i32) (call $B2)))""",
}
# What each optional part takes: its import (what its user writes, or the loader does when a module needs it), what a module that
# uses it needs when it is loaded, run once, and what stays without the loader.
POOL = "import pitwasm\nrt = pitwasm.Runtime(12 * 1024)\nf = lambda: None"
LOAD = "i = rt.instantiate(rt.load(open('/part.wasm', 'rb'), 'part'))"
ADD = '(module (func (export "f") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
FLOAT = """(module (func (export "f") (param f32 f64) (result f64)
  (f64.div (f64.promote_f32 (f32.add (local.get 0) (local.get 0))) (f64.sqrt (local.get 1)))))"""
BULK = """(module (memory 1) (global (export "__heap_base") i32 (i32.const 64)) (func (export "f") (param i64 i64) (result i64)
  (memory.copy (i32.const 8) (i32.const 0) (i32.const 8)) (i64.div_s (local.get 0) (local.get 1))))"""
PARTS: dict[str, tuple[str, str | Path, str]] = {
    "core": ("pass", ADD, "i.exports.f(1, 2)"),
    "floats": ("pass", FLOAT, "i.exports.f(1.5, 2.0)"),
    "bulk": ("import pitwasm.bulk", BULK, "i.exports.f(7, 2)"),
    "images": ("import pitwasm.image", ADD, "i.exports.f(1, 2)"),  # a prepared one of it: no translator is loaded
    "wasi": (
        "import io\nrt.set_wasi_args(stdin=io.BytesIO(b'a b'), preopens={'/': '/'})",
        ROOT / "examples" / "wasi" / "count.wasm",
        "try:\n i.exports._start()\nexcept pitwasm.Exit:\n pass",
    ),
    "uart": (
        "from machine import UART\nfrom pitwasm import Chain, FlashReader, UartReader\n"
        "rt.set_module_reader(Chain(FlashReader('/modules'), UartReader(UART(0, 115200, rxbuf=1100))))",
        ADD,
        "i.exports.f(1, 2)",
    ),
    "peripherals": (
        "from pitwasm.peripherals import grant\ngrant(rt, pins={25: 'out'}, time=True)",
        ROOT / "examples" / "blink" / "blink.wasm",
        "i.exports.blink(25, 1, 1)",
    ),
    "tools": ("import pitwasm.poolmap", ADD, "rt.pool.map()"),
}


def recipe(part: str) -> tuple[str, str | Path, str]:
    """That of the table above; for a part that has none: all its modules imported."""
    modules = parts.modules_of([part], [path.stem for path in (build.build("armv6m") / "pitwasm").glob("*.mpy")])
    return PARTS.get(part) or ("\n".join(f"import pitwasm.{name}" for name in modules), ADD, "i.exports.f(1, 2)")


MEASURE = "import gc\ngc.collect()\nprint(gc.mem_free())"


def stages(pico: Emulator, script: list[tuple[str, str]]) -> list[tuple[str, int]]:
    """Heap free after each stage, in a fresh MicroPython."""
    pico.board.soft_reset()
    found = []
    for name, code in script:
        pico.board.exec(code or "pass", timeout=120)
        found.append((name, int(pico.board.exec(MEASURE))))
    return found


def table(kind: str, found: list[tuple[str, int]]) -> str:
    lines = [f"heap of a Pico, {kind}: bytes free", ""]
    for i, (name, free) in enumerate(found):
        lines.append(f"{name:46}{free:9,}" + (f"{free - found[i - 1][1]:+10,}" if i else ""))
    return "\n".join(lines)


def test_heap_of_parts(boot: Callable[[str], Emulator], record: Callable[[str, str], None]) -> None:
    assert PARTS.keys() <= parts.PARTS.keys()
    columns = ("a pool of 12 KB", "the part", "loaded", "ran", "loader dropped")
    taken: dict[tuple[str, str], int] = {}
    lines = []
    for kind in ("stock", "frozen"):
        lines += [f"heap of a Pico, {kind}: bytes free", ""]
        lines.append(f"{'part':14}" + "".join(f"{name:>16}" for name in ("boot", *columns)) + f"{'taken':>9}")
        with boot(kind) as pico:
            for part in parts.PARTS:
                use, module, run = recipe(part)
                data = module.read_bytes() if isinstance(module, Path) else bytes(wasmtime.wat2wasm(module))
                pico.board.put("/part.wasm", aot.image(data) if part == "images" else data)
                scripts = ("", POOL, use, LOAD, run, "rt.drop_loader()")
                found = [free for _, free in stages(pico, list(zip(("boot", *columns), scripts, strict=True)))]
                taken[kind, part] = found[0] - found[-1]
                lines.append(f"{part:14}" + "".join(f"{free:16,}" for free in found) + f"{found[0] - found[-1]:9,}")
        lines.append("")
    record("heap-parts", "\n".join(lines))
    for part in parts.PARTS:  # frozen code stays in flash
        assert taken["frozen", part] - taken["frozen", "core"] <= 8 * KB


def test_heap(boot: Callable[[str], Emulator], record: Callable[[str, str], None]) -> None:
    texts = []
    kept: dict[str, dict[str, list]] = {}
    for kind in ("stock", "frozen"):
        with boot(kind) as pico:
            pico.board.put("/workloads.wasm", (ROOT / "bench" / "workloads.wasm").read_bytes())
            for name, text in MODULES.items():
                pico.board.put(f"/modules/{name}.wasm", bytes(wasmtime.wat2wasm(text)))
            kept[kind] = {"bench": stages(pico, BENCH), "seed": stages(pico, SEED)}
            texts += [table(kind, found) for found in kept[kind].values()]
    (OUT / "heap-board.json").write_text(json.dumps(kept, indent=1) + "\n")
    record("heap-board", "\n\n".join(texts))

    def taken(kind: str, script: str, stage: str) -> int:
        found = dict(kept[kind][script])
        return found["boot"] - found[stage]

    # With the loader dropped; while it loads, 40 KB more.
    assert taken("stock", "seed", "ran again") <= 84 * KB
    assert taken("frozen", "seed", "ran again") - 32 * KB <= 8 * KB
