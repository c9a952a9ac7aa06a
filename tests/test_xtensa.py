# Machine code for Xtensa, run on a bare core in QEMU; and what its instructions are, according to another's disassembler
# MIT license; Copyright (c) 2026 the pitwasm authors
import json
import re
import subprocess
from pathlib import Path

import pytest

from tools import mp, programs, xtensa
from tools.host import ROOT

WORKLOADS = """
import json
import pitwasm

rt = pitwasm.Runtime(200000, native="always", native_budget=100000)
i = rt.instantiate(rt.load(open(%r, "rb")))
found = {}
for name, args in json.loads(%r).items():
    found[name] = i.exports[name].call_bits(*args)
print(json.dumps(found))
"""

# What the backend means to write between a function's first word and its end. quos, quou, rems, remu, muluh: OPTIONS.
KNOWN = set(
    "add.n addi addi.n addmi addx2 and beq beqi beqz bge bgei bgeu bgeui bgez blt blti bltu bltui bltz bne bnei bnez call0 callx0 extui "
    "j jx l16si l16ui l32i l32i.n l32r l8ui mov.n moveqz movi movi.n movnez mull nop nop.n nsau or ret.n s16i s32i s32i.n s8i slli sll "
    "sra srai src srl srli ssai ssl ssr sub xor".split()
)
RARE = {"nop", "nop.n", "callx0", "call0", "beqi", "bgei", "bgeui", "blti", "bltui", "bltz", "ssai"}
OPTIONS = (0xA, 0xC, 0xD, 0xE, 0xF)  # the last four bits of those that this disassembler does not know: 0010 in the next four


def test_workloads(tmp_path: Path) -> None:
    expected = json.loads((ROOT / "bench" / "expected.json").read_text())
    small = {name: spec["small"] for name, spec in expected.items()}
    program = tmp_path / "workloads.py"
    program.write_text(WORKLOADS % (str(ROOT / "bench" / "workloads.wasm"), json.dumps({n: s["args"] for n, s in small.items()})))
    done = xtensa.Machine().run([program])
    assert json.loads(done.stdout) == {name: [int(spec["bits"], 16)] for name, spec in small.items()}, done.stderr


@pytest.mark.parametrize("first", (20_001, 20_021))
def test_programs_agree_with_loop_and_wasmtime(first: int) -> None:
    assert programs.run(first, 20, xtensa.Machine(), "always") == []


def instructions(code: bytes, folder: Path) -> list[tuple[int, str]]:
    """(encoding, name) of each instruction, by binutils for a core of Espressif's."""
    path = folder / "code"
    path.write_bytes(code)
    command = ["xtensa-lx106-elf-objdump", "-D", "-z", "-EL", "-b", "binary", "-m", "xtensa", path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(int(a, 16), b) for a, b in re.findall(r"^ +[0-9a-f]+:\t([0-9a-f]+) +\t([a-z0-9.]+)", text, re.M)]


def test_another_disassembler_reads_instructions(tmp_path: Path) -> None:
    """All of what is written for random programs is instructions that are meant, and those of every kind are there."""
    folder = tmp_path / "wasm"
    folder.mkdir()
    for seed in range(1, 61):
        (folder / f"{seed}.wasm").write_bytes(programs.Program(seed).wasm)
    machine = mp.MicroPython(mp.get(32).path, 32, xtensa.packages())
    out = machine.run([ROOT / "tests" / "device" / "native_child.py", *sorted(folder.iterdir())], timeout=300, heap="64M").stdout
    seen: set[str] = set()
    kinds: set[int] = set()
    for line in out.splitlines():
        found = json.loads(line)
        code = bytes.fromhex(found["code"])
        at = min(found["entries"])
        while at < len(code):
            # a table of jumps has a byte of padding behind call0
            end = next((i for i in range(at + -at % 4, len(code), 4) if code[i : i + 4] == b"\x05\0\0\0"), len(code) - 3)
            for encoding, name in instructions(code[at : end + 3], tmp_path):
                if name in ("excw", ".byte"):
                    assert encoding & 0x0F000F == 0x020000 and encoding >> 20 in OPTIONS, hex(encoding)
                    kinds.add(encoding >> 20)
                else:
                    seen.add(name)
            at = end + 4
    assert seen <= KNOWN, seen - KNOWN
    assert seen >= KNOWN - RARE, KNOWN - seen
    assert kinds == set(OPTIONS)
