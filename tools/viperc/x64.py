# x86-64 back end of the viper compiler: unix MicroPython, on which most tests run
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# All registers but rsp and rcx (the count of shifts) are handed out. MicroPython's calls follow the System V convention; functions of a
# unit take their first four arguments in rdi, rsi, rdx, r8 and the others at rsp, and leave results in rax, rdx, rsi.
from __future__ import annotations

from tools.viperc.alloc import Machine, allocate
from tools.viperc.emit import Emitter, Place
from tools.viperc.ir import Block, Code, Imm, Ins
from tools.viperc.passes import dead, layout, thread
from tools.viperc.signature import Pins

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
OUTSIDE = (RDI, RSI, RDX, RCX)  # arguments as MicroPython hands them over
CONDITIONS = {"eq": 4, "ne": 5, "lt": 12, "ge": 13, "le": 14, "gt": 15, "ltu": 2, "geu": 3, "leu": 6, "gtu": 7, "z": 4, "nz": 5}
ALU = {"add": 0, "or": 1, "and": 4, "sub": 5, "xor": 6, "cmp": 7}
SHIFT = {"shl": 4, "shr": 5, "sar": 7}


def _shared(i: Ins) -> object:
    return i.a if i.op in ALU or i.op in SHIFT or i.op == "mul" else None


MACHINE = Machine(
    [0, 2, 6, 7, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15],
    [],
    {0, 1, 2, 6, 7, 8, 9, 10, 11},
    [RDI, RSI, RDX, 8],
    [RAX, RDX, RSI],
    lambda i, name: True,
    lambda i: (),
    _shared,
)
PINS = Pins(13, 14, 15)


def _fits(x: object) -> bool:
    return isinstance(x, Imm) and -(1 << 31) <= x.k < 1 << 31


def select(code: Code) -> None:
    """Extensions, scaled indices and 32-bit comparisons, which the machine has instructions for."""
    for b in code.blocks:
        made: dict[int, Ins] = {}  # register -> the instruction that made it, its operands unchanged since
        for i in b.ins:
            if i.op in ("shr", "sar") and i.b == Imm(32) and type(i.a) is int:
                j = made.get(i.a)
                if j is not None and j.op == "shl" and j.b == Imm(32):
                    i.op, i.a, i.b = "zx" if i.op == "shr" else "sx", j.a, None
            if i.op in ("ld", "st") and type(i.b) is int:
                j = made.get(i.b)
                if j is not None and j.op == "shl" and j.b in (Imm(1), Imm(2), Imm(3)):
                    i.b, i.target = j.a, j.b.k  # type: ignore[union-attr]
            if i.op == "cbr" and type(i.a) is int and made.get(i.a, i).op == "sx":
                j = made.get(i.b) if type(i.b) is int else None
                if j is not None and j.op == "sx" or _fits(i.b):
                    i.a, i.k = made[i.a].a, 4
                    i.b = j.a if j is not None else i.b
            if i.d is not None:
                made = {r: j for r, j in made.items() if r != i.d and j.a != i.d}
                if type(i.a) is int and i.a != i.d and (i.op in ("zx", "sx") or i.op == "shl" and isinstance(i.b, Imm)):
                    made[i.d] = i
    while dead(code):
        pass


def legalise(code: Code) -> None:
    """Operands as the machine's instructions take them."""
    for b in code.blocks:
        out: list[Ins] = []
        for i in b.ins:
            names: tuple[str, ...] = ()
            if i.op in ("add", "sub", "and", "or", "xor", "mul", "cbr", "tst"):
                names = ("a",) if _fits(i.b) else ("a", "b")
            elif i.op in SHIFT:
                if isinstance(i.b, Imm) and i.b.k > 63:
                    if i.op == "sar":
                        i.b = Imm(63)
                    else:
                        i = Ins("li", i.d)
                names = ("a", "b") if not isinstance(i.b, Imm) and i.op != "li" else ("a",)
            elif i.op in ("ld", "st"):
                names = ("a", "c") if _fits(i.b) else ("a", "b", "c")
            elif i.op in ("sto", "ret", "switch"):
                names = ("a", "c")
            for name in names:
                x = getattr(i, name)
                if isinstance(x, Imm):
                    t = code.reg()
                    out.append(Ins("li", t, k=x.k))
                    setattr(i, name, t)
            if i.op == "switch":
                i.d = code.reg()
                code.short.add(i.d)
            out.append(i)
        b.ins = out


class X64(Emitter):
    """Machine code of one function, or of several that call each other."""

    machine = MACHINE
    pins = PINS
    bits = 64

    def __init__(self) -> None:
        super().__init__()
        self.tables: set[tuple] = set()

    # ---- instructions ------------------------------------------------------------------------------------------------------------
    def x(self, data: bytes | list[int]) -> None:
        self.items.append(("x", bytes(data)))

    def rr(self, op: list[int], r: int, m: int, wide: bool = True, byte: bool = False) -> None:
        """An instruction with two registers: `r` in the reg field, `m` in the other."""
        rex = 0x40 | (8 if wide else 0) | (4 if r > 7 else 0) | (1 if m > 7 else 0)
        self.x([*([rex] if rex != 0x40 or byte else []), *op, 0xC0 | (r & 7) << 3 | m & 7])

    def rm(
        self, op: list[int], r: int, base: int, off: int, index: int = -1, scale: int = 0, *, wide: bool = True, prefix: int = 0, byte=False
    ) -> None:
        """An instruction with a register and memory at base + (index << scale) + off."""
        rex = 0x40 | (8 if wide else 0) | (4 if r > 7 else 0) | (2 if index > 7 else 0) | (1 if base > 7 else 0)
        out = ([prefix] if prefix else []) + ([rex] if rex != 0x40 or byte else []) + list(op)
        mode = 0 if off == 0 and base & 7 != RBP else 1 if -128 <= off < 128 else 2
        if index >= 0 or base & 7 == RSP:
            out += [mode << 6 | (r & 7) << 3 | 4, scale << 6 | (index & 7 if index >= 0 else 4) << 3 | base & 7]
        else:
            out.append(mode << 6 | (r & 7) << 3 | base & 7)
        self.x(bytes(out) + off.to_bytes((0, 1, 4)[mode], "little", signed=True))

    def mov(self, d: int, s: int) -> None:
        if d != s:
            self.rr([0x89], s, d)

    def li(self, d: int, k: int) -> None:
        if k == 0:
            self.rr([0x31], d, d, wide=False)
        elif 0 < k < 1 << 32:
            self.x(([0x41] if d > 7 else []) + [0xB8 | d & 7, *k.to_bytes(4, "little")])
        elif -(1 << 31) <= k < 0:
            self.rr([0xC7], 0, d)
            self.x(k.to_bytes(4, "little", signed=True))
        else:
            self.x([0x49 if d > 7 else 0x48, 0xB8 | d & 7, *(k & (1 << 64) - 1).to_bytes(8, "little")])

    def alui(self, op: str, d: int, k: int, wide: bool = True) -> None:
        if -128 <= k < 128:
            self.rr([0x83], ALU[op], d, wide)
            self.x(k.to_bytes(1, "little", signed=True))
        else:
            self.rr([0x81], ALU[op], d, wide)
            self.x(k.to_bytes(4, "little", signed=True))

    def jump(self, target: object, cond: str | None = None) -> None:
        self.items.append(("branch", target, cond))

    # ---- a function --------------------------------------------------------------------------------------------------------------
    def function(self, code: Code, inner: bool = False) -> None:
        """Emit a function under the label of its name; inner: called by others of the unit, pinned registers stay."""
        thread(code)
        select(code)
        legalise(code)
        self.places = places = allocate(code, MACHINE)
        layout(code)
        kept = [r for r in (3, 5, 12, 13, 14, 15) if r in places.used and not (inner and r in code.pinned.values())]
        self.kept = kept
        self.spill = 8 * code.out
        self.frame = 8 * (code.out + places.words)
        self.frame += (8 + 8 * len(kept) + self.frame) % 16
        self.label(code.name)
        for r in kept:
            self.x(([0x41] if r > 7 else []) + [0x50 | r & 7])
        if self.frame:
            self.alui("sub", RSP, self.frame)
        self.blocks(code, MACHINE.arguments if inner else list(OUTSIDE))

    def keep(self, s: int, off: int) -> None:
        self.rm([0x89], s, RSP, off)

    def fetch(self, d: int, off: int) -> None:
        self.rm([0x8B], d, RSP, off)

    def ring(self, todo: list[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
        to, source = todo.pop(0)
        self.rr([0x87], to[1], source[1])  # exchange: that one is in its place
        swap = {to: source, source: to}
        return [(t, swap.get(s, s)) for t, s in todo if t != swap.get(s, s)]

    def ins(self, code: Code, i: Ins, following: Block | None) -> None:
        reg, stack = self.places.reg, self.places.stack
        d = reg.get(i.d, -1) if i.d is not None else -1
        a = reg.get(i.a, -1) if type(i.a) is int else -1
        b = reg[i.b] if type(i.b) is int else -1
        k = i.b.k if isinstance(i.b, Imm) else 0
        match i.op:
            case "mov":
                if d < 0:
                    self.keep(a, self.spill + 8 * stack[i.d])  # type: ignore[index]
                elif a < 0:
                    self.fetch(d, self.spill + 8 * stack[i.a])  # type: ignore[index]
                else:
                    self.mov(d, a)
            case "in" if i.k > 3:
                self.fetch(d, self.frame + 8 * len(self.kept) + 8 + 8 * (i.k - 4))
            case "in":
                pass
            case "li":
                self.li(d, i.k)
            case "adr":
                self.items.append(("lea", ("table", i.k), d))
            case "add" if b < 0:
                if d == a:
                    self.alui("add", d, k)
                else:
                    self.rm([0x8D], d, a, k)
            case "add" if d not in (a, b):
                if a & 7 == RBP:  # as a base it takes a displacement
                    a, b = b, a
                self.rm([0x8D], d, a, 0, b)
            case "add" | "and" | "or" | "xor" | "sub":
                if b < 0:
                    self.mov(d, a)
                    self.alui(i.op, d, k, wide=not (i.op == "and" and k >= 0))
                    return
                if d == b and d != a:
                    if i.op == "sub":  # neg, add
                        self.rr([0xF7], 3, d)
                        self.rr([0x01], a, d)
                        return
                    a, b = b, a
                self.mov(d, a)
                self.rr([ALU[i.op] << 3 | 1], b, d)
            case "mul":
                if b < 0:
                    self.rr([0x69], d, a)
                    self.x(k.to_bytes(4, "little", signed=True))
                else:
                    if d == b:
                        a, b = b, a
                    self.mov(d, a)
                    self.rr([0x0F, 0xAF], d, b)
            case "shl" | "shr" | "sar":
                if b >= 0:
                    self.mov(RCX, b)
                    self.mov(d, a)
                    self.rr([0xD3], SHIFT[i.op], d)
                else:
                    self.mov(d, a)
                    self.rr([0xC1], SHIFT[i.op], d)
                    self.x([k])
            case "zx":
                self.rr([0x89], a, d, wide=False)
            case "sx":
                self.rr([0x63], d, a)
            case "ld":
                op = {1: [0x0F, 0xB6], 2: [0x0F, 0xB7]}.get(i.k, [0x8B])
                self.rm(op, d, a, k, b, int(i.target or 0), wide=i.k == 8)  # type: ignore[call-overload]
            case "st":
                op = [0x88 if i.k == 1 else 0x89]
                c = reg[i.c]  # type: ignore[index]
                prefix = 0x66 if i.k == 2 else 0
                self.rm(op, c, a, k, b, int(i.target or 0), wide=i.k == 8, prefix=prefix, byte=i.k == 1)  # type: ignore[call-overload]
            case "sto":
                self.keep(reg[i.c], 8 * i.k)  # type: ignore[index]
            case "argp":
                self.mov(d, RSP)
            case "br":
                if i.to[0] is not following:
                    self.jump((code.name, i.to[0]))
            case "cbr" | "tst":
                wide = i.k != 4
                if i.op == "cbr" and b < 0 and k == 0 and str(i.target) in ("eq", "ne"):
                    self.rr([0x85], a, a, wide)
                elif i.op == "cbr" and b < 0:
                    self.alui("cmp", a, k, wide)
                elif i.op == "cbr":
                    self.rr([0x39], b, a, wide)
                elif b >= 0:
                    self.rr([0x85], b, a)
                elif 0 <= k < 256:
                    self.rr([0xF6], 0, a, wide=False, byte=a > 3)
                    self.x([k])
                else:
                    self.rr([0xF7], 0, a, wide=k < 0)
                    self.x(k.to_bytes(4, "little", signed=True))
                self.branch(code, i, str(i.target), following)
            case "switch":
                here = (code.name, "switch", i.k)
                self.items.append(("lea", here, RCX))
                self.rm([0x63], d, RCX, 0, a, 2)
                self.rr([0x01], RCX, d)
                self.x(([0x41] if d > 7 else []) + [0xFF, 0xE0 | d & 7])
                if here not in self.tables:
                    self.tables.add(here)
                    self.label(here)
                    self.items.append(("table", [(code.name, x) for x in i.to]))
            case "ret":
                if i.args:
                    self.parallel(self.operands(MACHINE.results, i.args))
                elif i.a is not None:
                    self.mov(RAX, a)
                if self.frame:
                    self.alui("add", RSP, self.frame)
                for r in reversed(self.kept):
                    self.x(([0x41] if r > 7 else []) + [0x58 | r & 7])
                self.x([0xC3])
            case _:
                raise RuntimeError(i.op)

    def call(self, i: Ins, results: list[Ins]) -> None:
        inner = not isinstance(i.target, int)
        moves = self.operands(MACHINE.arguments if inner else list(OUTSIDE), i.args)
        if inner:
            self.parallel(moves)
            self.items.append(("call", i.target))
        else:
            self.parallel([*moves, (("r", RAX), self.place(i.a))])
            self.rm([0xFF], 2, RAX, 8 * i.target, wide=False)  # type: ignore[operator]
        self.parallel([(self.place(j.d), ("r", RAX if j is i else MACHINE.results[j.k])) for j in results])

    def longer(self, item: tuple, size: int, far: int) -> int:
        return 2 if size == 2 and -128 <= far - 2 < 128 else 6 if item[2] else 5

    # ---- assembly ----------------------------------------------------------------------------------------------------------------
    def assemble(self) -> bytes:
        """The bytes: branches as short as they can be."""
        fixed = {"label": 0, "call": 5, "lea": 7, "branch": 2}
        size = [len(i[1]) if i[0] in ("x", "data") else 4 * len(i[1]) if i[0] == "table" else fixed[i[0]] for i in self.items]
        places = self.settle(size)
        out = bytearray()
        for n, item in enumerate(self.items):
            end = places[n] + size[n]
            match item[0]:
                case "x" | "data":
                    out += item[1]
                case "branch":
                    far = self.labels[item[1]] - end
                    if size[n] == 2:
                        out += bytes([0x70 | CONDITIONS[item[2]] if item[2] else 0xEB]) + far.to_bytes(1, "little", signed=True)
                    else:
                        head = [0x0F, 0x80 | CONDITIONS[item[2]]] if item[2] else [0xE9]
                        out += bytes(head) + far.to_bytes(4, "little", signed=True)
                case "call":
                    out += b"\xe8" + (self.labels[item[1]] - end).to_bytes(4, "little", signed=True)
                case "lea":
                    d = item[2]
                    out += bytes([0x4C if d > 7 else 0x48, 0x8D, (d & 7) << 3 | 5])
                    out += (self.labels[item[1]] - end).to_bytes(4, "little", signed=True)
                case "table":
                    for name in item[1]:
                        out += (self.labels[name] - places[n]).to_bytes(4, "little", signed=True)
        return bytes(out)

    def table(self, n: int, data: bytes) -> None:
        """Constants behind the code."""
        self.label(("table", n))
        self.items.append(("data", data))

    @classmethod
    def stub(cls, name: int, fun_table: int, at: int) -> bytes:
        """A function that goes on `at` bytes behind the start of the code of the module's function with that place among the names."""
        t = cls()
        for r in (RDI, RSI, RDX, RCX):
            t.x([0x50 | r])
        t.rm([0xFF], 6, RDI, 8, wide=False)  # push context: also keeps the stack in sixteens
        t.rm([0x8B], RDI, RDI, 8)
        t.rm([0x8B], RSI, RDI, 16)
        t.rm([0x0F, 0xB7], RSI, RSI, 2 * name, wide=False)
        t.rm([0x8B], RAX, RDI, 24)
        t.rm([0x8B], RAX, RAX, 8 * fun_table)
        t.rm([0xFF], 2, RAX, 8 * 9, wide=False)  # load_attr
        t.rm([0x8B], RAX, RAX, 24)
        t.alui("add", RAX, at)
        t.alui("add", RSP, 8)
        for r in (RCX, RDX, RSI, RDI):
            t.x([0x58 | r])
        t.x([0xFF, 0xE0])
        return t.assemble()
