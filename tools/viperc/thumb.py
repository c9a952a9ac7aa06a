# Thumb (ARMv6-M) back end of the viper compiler: what every Cortex-M runs
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# r0-r7 are near registers, r8-r11 far ones (mov, add and cmp take them), r12 is for exchanges. Cycles on a Cortex-M0+: 2 for a load,
# a store or a taken branch, 3 for bl, 1 for the rest.
from __future__ import annotations

from tools.viperc.alloc import Machine, allocate
from tools.viperc.emit import Place
from tools.viperc.ir import Block, Code, Imm, Ins
from tools.viperc.passes import layout
from tools.viperc.signature import Pins, Unsupported
from tools.viperc.thumbasm import SHIFT, Assembler, constant

ALU = {"and": 0, "xor": 1, "shl": 2, "shr": 3, "sar": 4, "or": 12, "mul": 13}
ZERO = {"eq": "eq", "ne": "ne", "lt": "mi", "ge": "pl"}  # comparisons with 0 that N and Z tell
MASKS = {0xFF: 0xB2C0, 0xFFFF: 0xB280}  # uxtb, uxth


def _takes_far(i: Ins, name: str) -> bool:
    if i.op == "cbr":
        return not isinstance(i.b, Imm)
    if i.op == "add":
        return not isinstance(i.b, Imm) and (name != "d" or i.d == i.a)
    return i.op == "mov"


def _apart(i: Ins) -> tuple:
    return (i.b,) if i.op in SHIFT else ()


def _shared(i: Ins) -> object:
    if i.op in ("and", "or", "xor", "mul"):
        return i.a
    if i.op in SHIFT and not isinstance(i.b, Imm):
        return i.a
    if i.op == "add" and isinstance(i.b, Imm) and not -8 < i.b.k < 8:
        return i.a
    return None


MACHINE = Machine([3, 2, 1, 0, 4, 5, 6, 7], [8, 9, 10, 11], {0, 1, 2, 3, 12, 14}, [0, 1, 2, 3], [0, 1, 2, 3], _takes_far, _apart, _shared)


def _offset(k: int) -> int:
    """An offset from sp in words, as the instructions have it."""
    if not 0 <= k < 1024:
        raise Unsupported("more variables than the stack's instructions reach")
    return k // 4


class _Legal:
    """Operands as the machine's instructions take them, block by block."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.out: list[Ins] = []

    def reg(self, x: object) -> int:
        """An operand in a register."""
        if type(x) is int:
            return x
        t = self.code.reg()
        self.li(t, x.k)  # type: ignore[attr-defined]
        return t

    def li(self, t: int, k: int) -> None:
        if constant(k) is not None:
            self.out.append(Ins("li", t, k=k))
            return
        self.out.append(Ins("li", t, k=k >> 24 & 255))  # byte by byte from the top
        for n in (16, 8, 0):
            self.out.append(Ins("shl", t, t, Imm(8)))
            if k >> n & 255:
                self.out.append(Ins("add", t, t, Imm(k >> n & 255)))

    def binary(self, i: Ins) -> bool:
        """An instruction with two operands; False when others have taken its place."""
        i.a = self.reg(i.a)
        if not isinstance(i.b, Imm):
            if i.op in SHIFT and i.b == i.d != i.a:  # the count lies where the result goes
                t = self.code.reg()
                self.out.append(Ins("mov", t, i.b))
                i.b = t
            return True
        k = i.b.k
        if i.op in SHIFT:
            k &= 255  # what the machine looks at
            if k > 31 and i.op != "sar":
                self.out.append(Ins("li", i.d, k=0))
                return False
            i.b = Imm(min(k, 31))
            return True
        u = k & 0xFFFFFFFF
        if i.op == "add" and -256 < k < 256 or i.op == "xor" and k == -1 or i.op == "and" and u in MASKS:
            return True
        if i.op == "and" and u > 255 and u & (u + 1) == 0:  # low bits: two shifts
            t = self.code.reg()
            self.out.append(Ins("shl", t, i.a, Imm(32 - u.bit_length())))
            self.out.append(Ins("shr", i.d, t, Imm(32 - u.bit_length())))
            return False
        i.b = self.reg(i.b)
        return True

    def access(self, i: Ins) -> None:
        i.a = self.reg(i.a)
        if isinstance(i.b, Imm):
            k, span = i.b.k, 32 * i.k
            if k % i.k or not 0 <= k < span:
                if k % i.k == 0 and 0 <= k - k % span < 256 and i.op == "ld":
                    t = self.code.reg()
                    self.out.append(Ins("add", t, i.a, Imm(k - k % span)))
                    i.a, i.b = t, Imm(k % span)
                else:
                    i.b = self.reg(i.b)
        if i.op == "st":
            i.c = self.reg(i.c)

    def one(self, i: Ins) -> None:
        match i.op:
            case "li":
                self.li(i.d, i.k)  # type: ignore[arg-type]
                return
            case "add" | "sub" | "and" | "or" | "xor" | "mul" | "shl" | "shr" | "sar":
                if not self.binary(i):
                    return
            case "ld" | "st":
                self.access(i)
            case "sto":
                i.c = self.reg(i.c)
            case "cbr":
                i.a = self.reg(i.a)
                if isinstance(i.b, Imm) and not 0 <= i.b.k < 256:
                    i.b = self.reg(i.b)
            case "tst":
                i.a = self.reg(i.a)
                if isinstance(i.b, Imm):
                    k = i.b.k & 0xFFFFFFFF
                    if k and (k & (k - 1) == 0 or k & (k + 1) == 0):
                        i.d = self.code.reg()  # what a shift leaves
                        self.code.short.add(i.d)
                    else:
                        i.b = self.reg(i.b)
            case "switch":
                i.d = self.code.reg()
                self.code.short.add(i.d)
            case "ret" if i.a is not None:
                i.a = self.reg(i.a)
            case "ret" | "call":  # constants of more than three instructions
                i.args = tuple(self.reg(x) if isinstance(x, Imm) and constant(x.k) is None else x for x in i.args)
        self.out.append(i)


def legalise(code: Code) -> None:
    """Operands as the machine's instructions take them."""
    legal = _Legal(code)
    for b in code.blocks:
        legal.out = []
        for i in b.ins:
            legal.one(i)
        b.ins = legal.out


class Thumb(Assembler):
    """Machine code of one function, or of several that call each other."""

    machine = MACHINE
    pins = Pins(8, 9, 10)
    bits = 32

    def function(self, code: Code, inner: bool = False) -> None:
        """Emit a function under the label of its name; code.blocks[0] starts with its `in` instructions. inner: pinned registers stay."""
        legalise(code)
        places = allocate(code, MACHINE)
        layout(code)
        _ahead(code)
        self.places = places
        saved = sorted(r for r in places.used if 4 <= r < 8)
        far = sorted(r for r in places.used if 8 <= r < 12 and not (inner and r in code.pinned.values()))
        if far and not saved:
            saved = [7]
        self.frame = 4 * (code.out + places.words)
        self.spill = 4 * code.out
        self.pushed = 4 * (len(saved) + 1 + len(far))
        self.frame += (self.pushed + self.frame) & 4  # the procedure call standard wants the stack in eights
        self.label(code.name)
        self.h(0xB500 | sum(1 << r for r in saved))
        for r in reversed(far):  # by way of one that has just been saved
            self.mov(saved[-1], r)
            self.h(0xB400 | 1 << saved[-1])
        if self.frame:
            self.h(*[0xB080 | 127] * (self.frame // 4 // 127), 0xB080 | self.frame // 4 % 127)
        self.saves = saved, far
        self.blocks(code, MACHINE.arguments)

    def _pop_all(self, saved: list[int], far: list[int]) -> None:
        if self.frame:
            self.h(*[0xB000 | 127] * (self.frame // 4 // 127), 0xB000 | self.frame // 4 % 127)
        for r in far:
            self.h(0xBC00 | 1 << saved[-1])
            self.mov(r, saved[-1])
        self.h(0xBD00 | sum(1 << r for r in saved))

    def keep(self, s: int, off: int) -> None:
        self.h(0x9000 | s << 8 | _offset(off))

    def fetch(self, d: int, off: int) -> None:
        self.h(0x9800 | d << 8 | _offset(off))

    def ring(self, todo: list[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
        source = todo[0][1]
        self.mov(12, source[1])
        return [(t, ("r", 12) if s == source else s) for t, s in todo]

    def ins(self, code: Code, i: Ins, following: Block | None) -> None:
        op = i.op
        reg = self.places.reg
        d = reg.get(i.d, -1) if i.d is not None else -1
        a = reg.get(i.a, -1) if type(i.a) is int else -1
        if op == "mov":
            if d < 0:
                if i.d in self.places.stack:
                    self.keep(a, self.spill + 4 * self.places.stack[i.d])
            elif a < 0:
                self.fetch(d, self.spill + 4 * self.places.stack[i.a])
            else:
                self.mov(d, a)
        elif op == "li":
            self.li(d, i.k)
        elif op == "in":
            if i.k > 3:
                self.fetch(d, self.frame + self.pushed + 4 * (i.k - 4))
        elif op == "adr":
            self.items.append(("adr", ("table", i.k), d))
        elif op == "add":
            if isinstance(i.b, Imm):
                self.addi(d, a, i.b.k)
            else:
                self.add(d, a, reg[i.b])
        elif op == "sub":
            self.h(0x1A00 | reg[i.b] << 6 | a << 3 | d)
        elif op in SHIFT and isinstance(i.b, Imm):
            self.shift(op, d, a, i.b.k)
        elif op in ALU:
            if isinstance(i.b, Imm):
                if op == "and":
                    self.h(MASKS[i.b.k & 0xFFFFFFFF] & 0xFFC0 | a << 3 | d)
                else:  # xor -1
                    self.h(0x43C0 | a << 3 | d)
                return
            b = reg[i.b]
            if d == b and op not in SHIFT:
                a, b = b, a
            self.mov(d, a)
            self.h(0x4000 | ALU[op] << 6 | b << 3 | d)
        elif op == "ld":
            self.load(d, a, i.b if isinstance(i.b, Imm) else reg[i.b], i.k)
        elif op == "st":
            self.store(reg[i.c], a, i.b if isinstance(i.b, Imm) else reg[i.b], i.k)
        elif op == "sto":
            self.keep(reg[i.c], 4 * i.k)
        elif op == "argp":
            self.h(0xA800 | d << 8)
        elif op == "br":
            if i.to[0] is not following:
                self.jump((code.name, i.to[0]))
        elif op in ("cbr", "tst"):
            if op == "cbr":
                cond = str(i.target)
                if i.b == Imm(0) and cond in ZERO and self.flagged() == a:
                    cond = ZERO[cond]  # the instruction before has compared it
                elif isinstance(i.b, Imm):
                    self.h(0x2800 | a << 8 | i.b.k)
                elif a < 8 and reg[i.b] < 8:
                    self.h(0x4280 | reg[i.b] << 3 | a)
                else:
                    self.h(0x4500 | (a & 8) << 4 | reg[i.b] << 3 | a & 7)
            elif isinstance(i.b, Imm):
                k = i.b.k & 0xFFFFFFFF
                cond = str(i.target)
                if k & (k - 1) == 0 and k:
                    n = 31 - (k.bit_length() - 1)
                    self.shift("shl", d, a, n)
                    cond = "pl" if cond == "z" else "mi"
                else:
                    self.shift("shl", d, a, 32 - k.bit_length())
            else:
                self.h(0x4200 | reg[i.b] << 3 | a)
                cond = str(i.target)
            self.branch(code, i, cond, following)
        elif op == "switch":
            self.shift("shl", d, a, 1)
            self.h(0x4478 | d)  # add d, pc
            self.load(d, d, Imm(2), 2)
            self.h(0x4487 | d << 3)  # add pc, d
            self.items.append(("table", [(code.name, x) for x in i.to]))
        elif op == "ret":
            if i.args:
                self.parallel(self.operands(MACHINE.results, i.args))
            elif i.a is not None:
                self.mov(0, a)
            self._pop_all(*self.saves)
        else:
            raise RuntimeError(op)

    def call(self, i: Ins, results: list[Ins]) -> None:
        moves = self.operands(MACHINE.arguments, i.args)
        if isinstance(i.target, int):
            assert len(i.args) < 4
            self.parallel([*moves, (("r", 3), self.place(i.a))])
            at = 4 * i.target
            if at > 124:
                self.h(0x3300 | at - 124)
                at = 124
            self.load(3, 3, Imm(at), 4)
            self.h(0x4798)  # blx r3
        else:
            self.parallel(moves)
            self.bl(i.target)
        self.parallel([(self.place(j.d), ("r", 0 if j is i else j.k)) for j in results])  # type: ignore[arg-type]

    def table(self, n: int, data: bytes) -> None:
        """Constants behind the code."""
        self.label(("table", n))
        self.items.append(("data", data + b"\0" * (len(data) & 1)))

    @classmethod
    def stub(cls, name: int, fun_table: int, at: int) -> bytes:
        """A function that goes on `at` bytes behind the start of the code of the module's function with that place among the names."""
        t = cls()
        t.h(0xB51F)  # push {r0-r4, lr}
        t.load(4, 0, Imm(4), 4)  # context
        t.load(1, 4, Imm(8), 4)
        t.li(2, 2 * name)
        t.load(1, 1, 2, 2)  # the name
        t.load(2, 4, Imm(12), 4)
        t.li(3, 4 * fun_table)
        t.load(2, 2, 3, 4)
        t.load(2, 2, Imm(36), 4)  # load_attr
        t.mov(0, 4)
        t.h(0x4790)  # blx r2
        t.load(0, 0, Imm(12), 4)  # its code
        t.li(1, at | 1)
        t.add(0, 0, 1)
        t.h(0x9B05, 0x469E, 0x9005)  # the return address back to lr, the place in its stead
        t.h(0xBD1F)
        return t.assemble()


def _ahead(code: Code) -> None:
    """A jump table's targets lie behind it: those that do not are reached by way of a branch that does."""
    place = {b: n for n, b in enumerate(code.blocks)}
    for b in list(code.blocks):
        if b.end.op == "switch":
            ways: dict[Block, Block] = {}
            for x in b.end.to:
                if place[x] <= place[b] and x not in ways:
                    ways[x] = Block(len(code.blocks) + 1, [Ins("br", to=[x])])
                    code.blocks.append(ways[x])
            b.end.to = [ways.get(x, x) for x in b.end.to]
