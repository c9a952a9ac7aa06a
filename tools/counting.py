# Counts the code words that run, pairs and triples of them, on 64-bit unix: pitwasm with the lines under `if TRACE`
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tools import build, mp
from tools.host import OUT, ROOT
from tools.macros import load_layout, transform

FOLDER = OUT / "counted"
TALLY = ROOT / "bench" / "tally.py"
COUNTED = ("core/gen/loop.py", "core/pitwasm/single.py", "core/pitwasm/double.py")  # where words are fetched
APART = ("core/pitwasm/convert.py", "core/pitwasm/runtime.py")  # without tools/viperc, floats are files of their own

CHILD = """
import json
import pitwasm
from pitwasm import tally
with open(%r, "rb") as f:
    data = f.read()
rt = pitwasm.Runtime(%d, stack=65536, native="never")
instance = rt.instantiate(rt.load(data))
for name, arguments in %r:
    f = instance.exports[name]
    tally.reset()
    bits = f.call_bits(*arguments)
    print(json.dumps([[str(b) for b in bits or ()], tally.found()]))
"""


@dataclass
class Counts:
    """What ran during one call. Keys of pairs and triples: codes, the first word's in the highest byte; before a call there are zeros."""

    results: list[int]
    words: Counter[int]
    pairs: Counter[int]
    triples: Counter[int]

    @property
    def total(self) -> int:
        return self.words.total()


def machine() -> mp.MicroPython:
    """MicroPython with a pitwasm that counts."""
    plain = mp.get(64)
    layout = load_layout(ROOT / "core/pitwasm/layout.py") | load_layout(ROOT / "core/gen/opcodes.py")
    package = FOLDER / "pitwasm"
    shutil.copytree(plain.packages / "pitwasm", package, dirs_exist_ok=True)
    for source in (*(ROOT / name for name in COUNTED + APART), TALLY):
        text = FOLDER / source.name
        traced = transform(source.read_text(), source, 64, layout, trace=True)
        if source.name not in (TALLY.name, "convert.py", "runtime.py") and "tally(" not in traced:
            raise build.BuildError(f"{source}: nothing is counted there; see bench/tally.py")
        text.write_text(traced)
        subprocess.run([build.mpy_cross(), "-march=x64", "-o", package / (source.stem + ".mpy"), text], check=True)
    return mp.MicroPython(plain.path, 64, FOLDER)


def count(path: Path, calls: list[tuple[str, list[int]]], counting: mp.MicroPython | None = None) -> list[Counts]:
    """Run functions of a module, one after the other in one instance."""
    child = CHILD % (str(path.resolve()), 8 * path.stat().st_size + 800_000, calls)
    out = (counting or machine()).out(child, heap="256M", timeout=600)
    found = []
    for line in out.splitlines():
        results, tallied = json.loads(line)
        counts = Counts([int(bits) for bits in results], Counter(), Counter(), Counter())
        for key, number in tallied.items():
            three = int(key)
            counts.words[three & 0xFF] += number
            counts.pairs[three & 0xFFFF] += number
            counts.triples[three] += number
        found.append(counts)
    return found


def bits(result: int | float, kind: str) -> int:
    """wasmtime's result as raw bits."""
    form = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}[kind]
    return int.from_bytes(struct.pack(form, result), "little")
