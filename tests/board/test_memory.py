# The heap pitwasm takes on a Pico, stage by stage: stock firmware with .mpy files, and frozen firmware
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
from collections.abc import Callable

import wasmtime

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
