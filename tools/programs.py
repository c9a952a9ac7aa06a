# Random programs: valid modules that compute, loop, call, branch and trap, against wasmtime (python -m tools.programs --count N --seed S)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Each program is made from its own seed: functions of random types that call only later ones, loops that count down, blocks with
# parameters and results, br_table, memory, globals, tables, every numeric instruction. Compared: result bits, traps, globals, memory.
import argparse
import json
import random
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import wasmtime

from tools import arm, mp, qemu, wasmops, xtensa
from tools.host import ROOT
from tools.wasmops import F32, F64, I32, I64

TYPES = (I32, I64, F32, F64)
CHILD = ROOT / "tests" / "device" / "programs_child.py"


def u(value: int) -> bytes:
    """LEB128 of an unsigned number."""
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def s(value: int) -> bytes:
    """LEB128 of a signed number."""
    out = bytearray()
    while True:
        byte = value & 127
        value >>= 7
        done = value == (-1 if byte & 64 else 0)
        out.append(byte | (0 if done else 128))
        if done:
            return bytes(out)


def vec(items: list[bytes]) -> bytes:
    return u(len(items)) + b"".join(items)


def section(number: int, body: bytes) -> bytes:
    return bytes([number]) + u(len(body)) + body


# Numeric instructions by result type: (encoding, operand types)
NUMERIC: dict[int, list[tuple[bytes, tuple[int, ...]]]] = {t: [] for t in TYPES}
LOADS: dict[int, list[tuple[int, int]]] = {t: [] for t in TYPES}  # (opcode, natural alignment)
STORES: dict[int, list[tuple[int, int]]] = {t: [] for t in TYPES}
for opcode, insn in wasmops.INSNS.items():
    code = bytes([0xFC]) + u(opcode - 0xE0) if opcode >= 0xE0 else bytes([opcode])
    if insn.cls in ("BIN", "RARE_BIN"):
        NUMERIC[insn.tout].append((code, (insn.tin, insn.tin)))
    elif insn.cls in ("UN", "RARE_UN", "CAST", "EQZ"):
        NUMERIC[insn.tout].append((code, (insn.tin,)))
    elif insn.cls == "LOAD":
        LOADS[insn.tout].append((opcode, insn.tin))
    elif insn.cls == "STORE":
        STORES[insn.tout].append((opcode, insn.tin))


class Program:
    """One module, as bytes, and the calls to make."""

    def __init__(self, seed: int) -> None:
        self.r = r = random.Random(seed)
        self.signatures = [self.signature() for _ in range(r.randint(2, 5))]
        self.extra = [self.signature() for _ in range(3)]  # block types
        self.types = list(dict.fromkeys(self.signatures + self.extra))
        self.globals = [r.choice(TYPES) for _ in range(r.randint(1, 4))]
        n = len(self.signatures)
        getters = [((), (t,)) for t in self.globals]
        all_types = list(dict.fromkeys(self.types + getters))
        self.types = all_types
        bodies = [self.body(i) for i in range(n)]
        bodies += [b"\x00\x23" + u(i) + b"\x0b" for i in range(len(self.globals))]
        functions = [u(all_types.index(t)) for t in self.signatures + getters]
        exports = [(f"f{i}", 0, i) for i in range(n + len(getters))] + [("m", 2, 0)]
        init = {I32: lambda: b"\x41" + s(r.getrandbits(32) - 2**31), I64: lambda: b"\x42" + s(r.getrandbits(64) - 2**63),
                F32: lambda: b"\x43" + r.randbytes(4), F64: lambda: b"\x44" + struct.pack("<d", r.uniform(-9, 9))}
        types = [b"\x60" + vec([bytes([p]) for p in a]) + vec([bytes([p]) for p in b]) for a, b in all_types]
        self.wasm = b"\0asm\1\0\0\0" + section(1, vec(types))
        self.wasm += section(3, vec(functions)) + section(4, vec([b"\x70\x01" + u(n + 1) + u(n + 2)])) + section(5, vec([b"\x01\x01\x02"]))
        self.wasm += section(6, vec([bytes([t, 1]) + init[t]() + b"\x0b" for t in self.globals]))
        self.wasm += section(7, vec([u(len(name)) + name.encode() + bytes([kind]) + u(i) for name, kind, i in exports]))
        self.wasm += section(9, vec([b"\x00\x41\x00\x0b" + vec([u(i) for i in range(n)])])) + section(12, u(1))
        self.wasm += section(10, vec([u(len(b)) + b for b in bodies]))
        self.wasm += section(11, vec([b"\x00\x41\x10\x0b" + vec([r.randbytes(1) for _ in range(64)])]))
        self.calls = [(f"f{i}", [self.bits(t) for t in self.signatures[i][0]]) for i in r.choices(range(n), k=4)]
        self.calls += [(f"f{n + i}", []) for i in range(len(self.globals))]

    def signature(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        r = self.r
        many = r.randint(150, 260) if r.random() < 0.01 else 0  # slots above 255
        more = r.randint(150, 260) if r.random() < 0.005 else 0
        params = r.choices(TYPES, k=r.choice((0, 1, 1, 2, 3)) + many)
        return tuple(params), tuple(r.choices(TYPES, k=r.choice((0, 1, 1, 1, 2, 3)) + more))

    def bits(self, t: int) -> int:
        r = self.r
        wide = 64 if t in (I64, F64) else 32
        if t in (I32, I64):
            return r.choice((r.getrandbits(wide), r.getrandbits(8), (1 << wide) - 1 - r.getrandbits(4), 1 << (wide - 1)))
        value = r.choice((r.uniform(-1e3, 1e3), r.uniform(-1, 1), 0.0, float(r.randint(-99, 99)), float("inf"), 1e30))
        return int.from_bytes(struct.pack("<d" if wide == 64 else "<f", value), "little")

    def const(self, t: int) -> bytes:
        v = self.bits(t)
        if t == I32:
            return b"\x41" + s(v - (v >> 31 << 32))
        if t == I64:
            return b"\x42" + s(v - (v >> 63 << 64))
        return (b"\x43" if t == F32 else b"\x44") + v.to_bytes(4 if t == F32 else 8, "little")

    def body(self, index: int) -> bytes:
        r = self.r
        params, results = self.signatures[index]
        self.index = index
        many = r.random() < 0.08  # slots above 255
        self.locals = list(params) + r.choices(TYPES, k=r.randint(0, 5) + (r.randint(120, 300) if many else 0))
        self.counters = [len(self.locals) + i for i in range(3)]
        self.used = 0
        self.budget = r.randint(20, 120)
        code = b"".join(self.statement(2, []) for _ in range(r.randint(1, 6))) + self.values(results, 3, [results])
        declared = self.locals[len(params):] + [I32] * 3
        return vec([b"\x01" + bytes([t]) for t in declared]) + code + b"\x0b"

    def values(self, types: tuple[int, ...], depth: int, labels: list) -> bytes:
        return b"".join(self.expression(t, depth, labels) for t in types)

    def local(self, t: int) -> int | None:
        found = [i for i, x in enumerate(self.locals) if x == t]
        return self.r.choice(found) if found else None

    def address(self, depth: int, labels: list) -> bytes:
        """Mostly within the page, sometimes not."""
        if self.r.random() < 0.3:
            return b"\x41" + s(self.r.choice((0, 8, 17, 1024, 65535, 65536, -1, -4)))
        return self.expression(I32, depth - 1, labels) + (b"\x41" + s(0x3FFF) + b"\x71" if self.r.random() < 0.95 else b"")

    def memarg(self, align: int) -> bytes:
        far = 2**32 - 1 if self.r.random() < 0.05 else 2
        return u(self.r.randint(0, align)) + u(self.r.choice((0, 0, 1, 3, 8, 255, 256, 4000, 65530, far)))

    def block_type(self, params: tuple, results: tuple) -> bytes | None:
        if not params and not results:
            return b"\x40"
        if not params and len(results) == 1:
            return bytes(results)
        return s(self.types.index((params, results))) if (params, results) in self.types else None

    def expression(self, t: int, depth: int, labels: list) -> bytes:
        r = self.r
        self.budget -= 1
        local = self.local(t)
        if depth <= 0 or self.budget < 0 or r.random() < 0.15:
            return b"\x20" + u(local) if local is not None and r.random() < 0.6 else self.const(t)
        kind = r.random()
        if kind < 0.45:
            code, operands = r.choice(NUMERIC[t])
            return self.values(operands, depth - 1, labels) + code
        if kind < 0.55:
            opcode, align = r.choice(LOADS[t])
            return self.address(depth, labels) + bytes([opcode]) + self.memarg(align)
        if kind < 0.60 and local is not None:
            return self.expression(t, depth - 1, labels) + b"\x22" + u(local)
        if kind < 0.66:
            return self.values((t, t, I32), depth - 1, labels) + (b"\x1b" if r.random() < 0.7 else b"\x1c\x01" + bytes([t]))
        if kind < 0.72:
            found = [i for i, x in enumerate(self.globals) if x == t]
            return b"\x23" + u(r.choice(found)) if found else self.const(t)
        if kind < 0.80:
            callable_ = [i for i in range(self.index + 1, len(self.signatures)) if self.signatures[i][1] == (t,)]
            if callable_:
                i = r.choice(callable_)
                arguments = self.values(self.signatures[i][0], depth - 1, labels)
                if r.random() < 0.6:
                    return arguments + b"\x10" + u(i)
                at = i if r.random() < 0.9 else len(self.signatures)
                return arguments + b"\x41" + s(at) + b"\x11" + u(self.types.index(self.signatures[i])) + b"\x00"
        if kind < 0.90:
            return self.block(t, depth, labels)
        if kind < 0.93 and t == I32:
            return b"\x3f\x00" if r.random() < 0.7 else b"\x41" + s(r.choice((0, 1, 2))) + b"\x40\x00"
        if kind < 0.97:
            inside = b"".join(self.statement(depth - 1, labels) for _ in range(r.randint(1, 2)))
            return inside + self.expression(t, depth - 1, labels)
        return self.expression(t, depth - 1, labels)

    def block(self, t: int, depth: int, labels: list) -> bytes:
        """A block, an if or a branch out of one, with parameters where a type for it exists."""
        r = self.r
        shapes = [(p, q) for p, q in self.types if len(q) == 1 and q[0] == t and p] if r.random() < 0.5 else []
        params, results = r.choice(shapes) if shapes else ((), (t,))
        head = self.block_type(params, results)
        assert head is not None
        inner = [*labels, results]
        kind = r.random()
        before = self.values(params, depth - 1, labels)
        drops = b"\x1a" * len(params)
        if kind < 0.4:
            then = drops + self.expression(t, depth - 1, inner)
            other = drops + self.expression(t, depth - 1, inner)
            return before + self.expression(I32, depth - 1, labels) + b"\x04" + head + then + b"\x05" + other + b"\x0b"
        body = drops + b"".join(self.statement(depth - 1, inner) for _ in range(r.randint(0, 2)))
        if kind < 0.7:  # br_if with the value
            body += self.expression(t, depth - 1, inner) + self.expression(I32, depth - 1, inner) + b"\x0d\x00"
        elif kind < 0.85:  # br_table over the labels that take this type
            fits = [i for i, x in enumerate(reversed(inner)) if x == (t,)]
            targets = r.choices(fits, k=r.randint(0, 5)) + [r.choice(fits)]
            return (before + b"\x02" + head + body + self.expression(t, depth - 1, inner) + self.expression(I32, depth - 1, inner) +
                    b"\x0e" + u(len(targets) - 1) + b"".join(u(i) for i in targets) + b"\x0b")
        else:
            body += self.expression(t, depth - 1, inner)
        return before + b"\x02" + head + body + b"\x0b"

    def statement(self, depth: int, labels: list) -> bytes:
        r = self.r
        self.budget -= 2
        t = r.choice(TYPES)
        kind = r.random()
        local = self.local(t)
        if kind < 0.35 and local is not None:
            return self.expression(t, depth, labels) + b"\x21" + u(local)
        if kind < 0.50:
            found = r.randrange(len(self.globals))
            return self.expression(self.globals[found], depth, labels) + b"\x24" + u(found)
        if kind < 0.65:
            opcode, align = r.choice(STORES[t])
            return self.address(depth, labels) + self.expression(t, depth, labels) + bytes([opcode]) + self.memarg(align)
        if kind < 0.78 and self.used < 3 and depth > 0 and self.budget > 0:
            counter = self.counters[self.used]
            self.used += 1
            body = b"".join(self.statement(depth - 1, [*labels, ()]) for _ in range(r.randint(1, 3)))
            count = b"\x41" + s(r.randint(1, 5)) + b"\x21" + u(counter)
            return count + b"\x03\x40" + body + b"\x20" + u(counter) + b"\x41\x7f\x6a\x22" + u(counter) + b"\x0d\x00\x0b"
        if kind < 0.86 and depth > 0:
            body = b"".join(self.statement(depth - 1, [*labels, ()]) for _ in range(r.randint(1, 2)))
            end = b"\x0b" if r.random() < 0.6 else b"\x05" + self.statement(depth - 1, [*labels, ()]) + b"\x0b"
            return self.expression(I32, depth, labels) + b"\x04\x40" + body + end
        if kind < 0.90:
            op = r.choice((b"\xfc\x0a\x00\x00", b"\xfc\x0b\x00", b"\xfc\x08\x00\x00"))
            args = b"".join(b"\x41" + s(r.choice((0, 1, 3, 16, 30, 64, 200))) for _ in range(3))
            return args + op
        if kind < 0.93:
            fits = [i for i, x in enumerate(reversed(labels)) if x == ()]
            if fits:
                return self.expression(I32, depth, labels) + b"\x0d" + u(r.choice(fits))
        return self.expression(t, depth, labels) + b"\x1a"


def expected(program: Program, engine: wasmtime.Engine) -> list:
    """What wasmtime makes of it: for each call the result bits or "trap", last the memory's CRC."""
    import binascii

    store = wasmtime.Store(engine)
    store.set_fuel(3_000_000)
    instance = wasmtime.Instance(store, wasmtime.Module(engine, program.wasm), [])
    exports = instance.exports(store)
    out: list = []
    for name, arguments in program.calls:
        f = exports[name]
        kinds = [str(t) for t in f.type(store).params]
        values = [struct.unpack("<f" if k == "f32" else "<d", v.to_bytes(4 if k == "f32" else 8, "little"))[0] if k[0] == "f" else
                  v - (v >> (int(k[1:]) - 1) << int(k[1:])) for k, v in zip(kinds, arguments, strict=True)]
        try:
            result = f(store, *values)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as exc:
            if "fuel" in str(exc):
                return []
            out.append("trap " + str(exc).rsplit("wasm trap: ", 1)[-1].split("\n")[0])
            continue
        result = result if isinstance(result, list) else [] if result is None else [result]
        for k, v in zip([str(t) for t in f.type(store).results], result, strict=True):
            raw = struct.pack({"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}[k], v)
            out.append(int.from_bytes(raw, "little"))
    memory = exports["m"]
    out.append(binascii.crc32(memory.read(store, 0, memory.data_len(store))))
    return out


TEXTS = {"out of bounds memory access": "out of bounds", "integer divide by zero": "divide by zero", "integer overflow": "overflow",
         "invalid conversion to integer": "invalid conversion", "uninitialized element": "uninitialized", "undefined element": "undefined",
         "out of bounds table access": "undefined", "unreachable": "unreachable", "indirect call type mismatch": "mismatch"}


def same(mine: list, theirs: list) -> bool:
    """Traps by their kind (the wording differs), everything else to the bit."""
    if len(mine) != len(theirs):
        return False
    for a, b in zip(mine, theirs, strict=True):
        if isinstance(a, str) or isinstance(b, str):
            if not (isinstance(a, str) and isinstance(b, str)):
                return False
            if not any(x in a and y in b for x, y in TEXTS.items()):
                return False
        elif a != b and not (a | 1 << 22 == b and a & 0x7F800000 == 0x7F800000):  # CPython quiets f32 NaNs on their way out of wasmtime
            return False
    return True


def run(first: int, count: int, machine: mp.MicroPython | qemu.Machine | xtensa.Machine, native: str = "never") -> list[str]:
    """Programs with seeds first … first + count - 1 on one MicroPython; what differed. native: as Runtime has it; then the loop's
    results, traps, backtraces and fuel have to be the same, also when the fuel comes in slices."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.cranelift_nan_canonicalization = True
    engine = wasmtime.Engine(config)
    programs = [(seed, Program(seed)) for seed in range(first, first + count)]
    wanted = [expected(p, engine) for _, p in programs]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for seed, p in programs:
            Path(folder, f"{seed}.wasm").write_bytes(p.wasm)
        jobs = json.dumps([(seed, p.calls) for seed, p in programs])
        Path(folder, "jobs.json").write_text(jobs)
        loop = {}
        for mode, slice_ in (("never", 0),) if native == "never" else (("never", 0), (native, 0), (native, 7)):
            out = machine.run([CHILD, folder, mode, str(slice_)], timeout=600, heap="32M")
            lines = {int(k): json.loads(v) for k, v in (line.split(" ", 1) for line in out.stdout.splitlines())}
            for (seed, _), theirs in zip(programs, wanted, strict=True):
                mine = lines.get(seed, [["lost " + out.stderr[-200:]], []])
                if theirs and not same([x for x in mine[0] if not isinstance(x, list)], theirs):
                    bad.append(f"{machine.bits}-bit, {mode}, seed {seed}: pitwasm {mine} wasmtime {theirs}")
                elif loop.setdefault(seed, mine) != mine:
                    bad.append(f"{machine.bits}-bit, {mode}, slices of {slice_}, seed {seed}: native {mine} loop {loop[seed]}")
    return bad


def main() -> int:
    parser = argparse.ArgumentParser("python -m tools.programs", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bits", default="64,32", help="unix MicroPythons, arm, rv32, m7, xtensa (default: 64,32)")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="MicroPythons at once (default 2)")
    parser.add_argument("--native", choices=("never", "hot", "always"), default="never", help="compare the loop with machine code, too")
    args = parser.parse_args()
    others = {"xtensa": xtensa.Machine, "arm": lambda: arm.get("armv6m"), **{name: partial(qemu.Machine, name) for name in qemu.TARGETS}}
    machines = [others[bits]() if bits in others else mp.get(int(bits)) for bits in args.bits.split(",")]
    step = 100
    jobs = [(at, min(step, args.seed + args.count - at), m) for at in range(args.seed, args.seed + args.count, step) for m in machines]
    with ThreadPoolExecutor(args.j) as pool:
        bad = []
        for lines in pool.map(lambda job: run(*job, args.native), jobs):
            bad += lines
            if lines and len(bad) < 20:
                print("\n".join(lines), flush=True)  # at once: a large run takes its time
    print(f"{args.count} programs from seed {args.seed} on {args.bits} bits: {len(bad)} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
