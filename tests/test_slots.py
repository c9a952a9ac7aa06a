# Code words name slots of their frame only: what a word writes beyond it would be another's memory
# MIT license; Copyright (c) 2026 the pitwasm authors
import json
import runpy
from pathlib import Path

import wasmtime

from tools import programs
from tools.host import ROOT
from tools.macros import load_layout
from tools.mp import MicroPython

FORMS = runpy.run_path(str(ROOT / "core" / "gen" / "forms.py"))["FORMS"]  # class, argument, slots, words: tools/nativeops.py
LAYOUT = load_layout(ROOT / "core" / "pitwasm" / "layout.py")
CHILD = """
import pitwasm
from pitwasm.pool import get32
for path in sys.argv[1:]:
    with open(path, "rb") as f:
        data = f.read()
    rt = pitwasm.Runtime(200_000 + 24 * len(data), native="never")
    try:
        m = rt.load(data)
    except pitwasm.PitwasmError:
        continue  # what it imports from is not there
    b = rt.pool.buf
    n = get32(b, m._off + %(M_NFUNCS)d) - get32(b, m._off + %(M_NIMPF)d)
    heads = [get32(b, get32(b, m._off + %(M_ENTRIES)d) + 4 * i) for i in range(n)]
    ends = heads[1:] + [get32(b, m._off + %(M_CODE)d) + get32(b, m._off + %(M_WORDS)d)]
    for head, end in zip(heads, ends):
        print([path, get32(b, head) & 0xFFFF, [get32(b, at) for at in range(head + %(FUNC)d, end, 4)]])
""" % LAYOUT  # fmt: skip


def beyond(slots: int, words: list[int]) -> list[str]:
    """Words with a slot that is not of a frame of so many."""
    found = []
    i = 0
    while i < len(words):
        word = words[i].to_bytes(4, "little") + (words[i + 1] if i + 1 < len(words) else 0).to_bytes(4, "little")
        use, length = FORMS[4 * word[0] + 2 : 4 * word[0] + 4]
        named = [word[k] + bool(use & pair) for k, bits, pair in ((1, 3, 4), (2, 8, 16), (3, 32, 64), (4, 128, 0)) if use & bits]
        if any(slot >= slots for slot in named):
            found.append(f"word {i}: {word[:4].hex()} in a frame of {slots}")
        i += length
    return found


def modules(mp: MicroPython, paths: list[Path]) -> int:
    """All functions of these are looked at; how many that are."""
    out = mp.out(CHILD.replace("sys.argv[1:]", repr([str(path) for path in paths])), heap="32M", timeout=300)
    functions = [json.loads(line.replace("'", '"')) for line in out.splitlines()]
    for path, slots, words in functions:
        assert beyond(slots, words) == [], path
    return len(functions)


def test_constants_are_returned_in_the_frame(mp: MicroPython, tmp_path: Path) -> None:
    """Also behind br_if, as i64, and by functions without parameters."""
    text = """
    (func (result i32) (i32.const 7)) (func (result i64) (i64.const -9)) (func (result f64) (f64.const 2.5))
    (func (param i32) (result i32) (br_if 0 (i32.const 3) (local.get 0)) (drop) (return (i32.const 70000)))
    (func (param i32 i64) (result i64) (br_if 0 (i64.const 1) (local.get 0)) (return))
    """
    (tmp_path / "m.wasm").write_bytes(bytes(wasmtime.wat2wasm(f"(module {text})")))
    assert modules(mp, [tmp_path / "m.wasm"]) == 5


def test_samples_and_random_programs(mp: MicroPython, tmp_path: Path) -> None:
    paths = sorted((ROOT / "samples").glob("*/*.wasm")) + [ROOT / "bench" / "workloads.wasm"]
    for seed in range(40_001, 40_101):
        path = tmp_path / f"{seed}.wasm"
        path.write_bytes(programs.Program(seed).wasm)
        paths.append(path)
    assert modules(mp, paths) > 500
