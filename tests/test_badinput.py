# Bad input: every prefix of three real modules and 20,000 mutations of the suite's, on both word sizes, and hand-made nasties
# MIT license; Copyright (c) 2026 the pitwasm authors

import json

import pytest

from tools import fuzz
from tools.host import HostError
from tools.mp import MicroPython

PARTS = 10

try:
    JOBS = fuzz.mutation_jobs(fuzz.SEED, 0, fuzz.COUNT)
    MISSING = None
except HostError as exc:
    JOBS = []
    MISSING = str(exc)


def check(outcome: fuzz.Outcome, done: int) -> None:
    assert not outcome.bad, "\n".join(outcome.bad[:20])
    assert outcome.done == done


@pytest.mark.parametrize("path", fuzz.REAL, ids=lambda path: path.stem)
def test_prefixes(mp: MicroPython, path) -> None:
    """Cut off anywhere, a module is refused, or is a shorter module; nothing of it stays in the pool."""
    check(fuzz.run(fuzz.prefix_jobs([path]), mp, 1), path.stat().st_size)


@pytest.mark.parametrize("part", range(PARTS))
def test_mutations(mp: MicroPython, part: int) -> None:
    """Loaded, instantiated, called within fuel, freed: the pool is as before, MicroPython lives, a good module still works."""
    assert MISSING is None, MISSING
    outcome = fuzz.run(JOBS[part::PARTS], mp, 1)
    check(outcome, fuzz.COUNT // PARTS)
    # The mutations are not all refused at the gate.
    assert outcome.counts[0] > outcome.done // 20
    assert outcome.counts[4] > outcome.done // 20


def test_mutations_are_reproducible(mp: MicroPython) -> None:
    """What --keep writes is what the child ran, on either word size."""
    paths = [str(path) for path in fuzz.REAL]
    script = f"""
import sys, hashlib
sys.path.insert(0, {str(fuzz.DEVICE)!r})
from mutate import numbered
read = lambda path: open(path, "rb").read()
digest = hashlib.sha256()
for n in range(60):
    digest.update(numbered(5, n, {json.dumps(paths)}, read)[1])
print(digest.digest().hex())
"""
    lines: list[str] = []
    exec(script, {"print": lines.append})
    assert mp.out(script).strip() == lines[0]


# Things a fuzzer finds late: (name, bytes after the header).
NASTY = {
    "section longer than any file": b"\x01\xff\xff\xff\xff\x0f",
    "section of 4 GB with one byte": b"\x00\xff\xff\xff\xff\x0f\x00",
    "types without end": b"\x01\x05\xff\xff\xff\xff\x0f",
    "functions without end": b"\x01\x04\x01\x60\x00\x00\x03\x06\xff\xff\xff\xff\x0f\x00",
    "a type of 4 G parameters": b"\x01\x07\x01\x60\xff\xff\xff\xff\x0f",
    "4 G locals": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x0a\x01\x08\x01\xff\xff\xff\xff\x0f\x7f\x0b",
    "4 G locals in two groups": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00"
    b"\x0a\x10\x01\x0e\x02\xff\xff\xff\xff\x0f\x7f\xff\xff\xff\xff\x0f\x7e\x0b",
    "60,000 locals": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x08\x01\x06\x01\xe0\xd4\x03\x7e\x0b",
    "br_table of 4 G labels": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x0c\x01\x0a\x00\x41\x00\x0e\xff\xff\xff\xff\x0f\x0b",
    "memory of 4 GB": b"\x05\x05\x01\x00\x80\x80\x04",
    "table of 4 G elements": b"\x04\x08\x01\x70\x00\xff\xff\xff\xff\x0f",
    "name of 4 GB": b"\x02\x08\x01\xff\xff\xff\xff\x0f\x61\x62",
    "data of 4 GB": b"\x05\x03\x01\x00\x01\x0b\x0b\x01\x00\x41\x00\x0b\xff\xff\xff\xff\x0f",
    "elements without end": b"\x04\x04\x01\x70\x00\x01\x09\x0a\x01\x00\x41\x00\x0b\xff\xff\xff\xff\x0f",
    "start function that never ends": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x08\x01\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b",
    "start function that calls itself": b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x08\x01\x00\x0a\x06\x01\x04\x00\x10\x00\x0b",
}


def nasty() -> dict[str, bytes]:
    found = {name: b"\x00asm\x01\x00\x00\x00" + rest for name, rest in NASTY.items()}
    body = b"\x00" + b"\x02\x40" * 20_000 + b"\x0b" * 20_001
    size = leb(len(body))
    function = b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a"
    found["20,000 blocks in each other"] = b"\x00asm\x01\x00\x00\x00" + function + leb(len(size + body) + 1) + b"\x01" + size + body
    body = b"\x00" + b"\x41\x00" * 20_000 + b"\x1a" * 20_000 + b"\x0b"
    size = leb(len(body))
    found["20,000 operands"] = b"\x00asm\x01\x00\x00\x00" + function + leb(len(size + body) + 1) + b"\x01" + size + body
    found["a file of zeros"] = bytes(5000)
    found["nothing"] = b""
    return found


def leb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def test_nasty(mp: MicroPython) -> None:
    """In a small pool: an error of ours, or it runs within fuel; at once, and nothing stays behind."""
    script = """
import pitwasm, io
from pitwasm import PitwasmError
rt = pitwasm.Runtime(256 * 1024)
before = rt.pool.used, rt.pool.largest()
for name, data in MODULES.items():
    for lazy in (False, True, None):
        module = None
        rt.fuel = 5000
        try:
            module = rt.load(io.BytesIO(data) if lazy is None else data, lazy=bool(lazy))
            rt.deinstantiate(rt.instantiate(module))
            print(name, "| ran")
        except PitwasmError as exc:
            print(name, "|", type(exc).__name__, exc)
        if module:
            rt.unload(module)
        if (rt.pool.used, rt.pool.largest()) != before:
            print("LEAK", name)
            before = rt.pool.used, rt.pool.largest()
"""
    said = mp.out(f"MODULES = {nasty()!r}\n{script}", heap="8M", timeout=60)
    lines = said.splitlines()
    assert len(lines) == 3 * len(nasty()), said
    assert not [line for line in lines if "LEAK" in line], said
    ran = {line.split(" | ")[0] for line in lines if line.endswith("| ran")}
    assert ran <= {"60,000 locals", "20,000 blocks in each other", "20,000 operands"}
    assert any("start function that never ends | OutOfFuel" in line for line in lines)
    assert any("start function that calls itself | Trap" in line for line in lines)
