# Intermediate code of the viper compiler: instructions over virtual registers in basic blocks; liveness, frequencies
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Virtual registers are ints, constants are Imm. Operations:
#   li d,k   mov d,a   add sub and or xor mul shl shr sar d,a,b   ld d,[a+b], st c,[a+b] of k bytes (b: bytes, or a register)
#   in d <- argument k   call d <- target(args)   more d <- result k of the call before   sto c -> outgoing word k   argp d = their address
# A block ends in: br   cbr cond a b -> yes, no   tst cond (z, nz) a & b -> yes, no   switch a -> targets   ret a
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Imm:
    """A constant operand."""

    k: int


Operand = int | Imm | None
INVERSE = {"eq": "ne", "lt": "ge", "gt": "le", "ltu": "geu", "gtu": "leu", "z": "nz"}
INVERSE |= {y: x for x, y in INVERSE.items()}
MIRROR = {"eq": "eq", "ne": "ne", "lt": "gt", "ge": "le", "ltu": "gtu", "geu": "leu"}
MIRROR |= {y: x for x, y in MIRROR.items()}
COMMUTES = {"add", "and", "or", "xor", "mul"}
PURE = {"zx", "sx", "li", "adr", "mov", "add", "sub", "and", "or", "xor", "mul", "shl", "shr", "sar", "ld", "argp"}


@dataclass(eq=False, slots=True)
class Ins:
    """One instruction; `to`: the blocks a last one leads to."""

    op: str
    d: int | None = None
    a: Operand = None
    b: Operand = None
    c: Operand = None
    k: int = 0
    args: tuple[Operand, ...] = ()
    target: object = None
    to: list[Block] = field(default_factory=list)

    def uses(self) -> list[int]:
        return [x for x in (self.a, self.b, self.c, *self.args) if type(x) is int]

    def replace(self, change: Callable[[int], Operand]) -> None:
        """Put other operands in the place of those read."""
        for name in ("a", "b", "c"):
            x = getattr(self, name)
            if type(x) is int:
                setattr(self, name, change(x))
        if self.args:
            self.args = tuple(change(x) if type(x) is int else x for x in self.args)


@dataclass(eq=False, slots=True)
class Block:
    """A basic block: instructions, the last of which leaves it."""

    n: int
    ins: list[Ins] = field(default_factory=list)
    depth: int = 0

    @property
    def end(self) -> Ins:
        return self.ins[-1]

    def __repr__(self) -> str:
        return f"B{self.n}"


class Code:
    """A function: its blocks in order, its registers."""

    def __init__(self, name: str, bits: int) -> None:
        self.name = name
        self.bits = bits
        self.blocks: list[Block] = []
        self.n = 0
        self.depth = 0
        self.at: Block | None = None
        self.out = 0  # outgoing words
        self.names: dict[int, str] = {}
        self.pinned: dict[int, int] = {}  # registers that lie in a machine register throughout
        self.short: set[int] = set()  # registers of one instruction, which need a machine register
        self.steady: set[int] = set()  # registers through which only what nobody changes meanwhile is read

    def reg(self, name: str = "") -> int:
        self.n += 1
        if name:
            self.names[self.n] = name
        return self.n

    def block(self) -> Block:
        return Block(0, depth=self.depth)

    def start(self, block: Block) -> None:
        """Go on in this block."""
        if self.at is not None:
            self.emit("br", to=[block])
        block.depth = self.depth
        self.blocks.append(block)
        block.n = len(self.blocks)
        self.at = block

    def emit(self, op: str, d: int | None = None, a: Operand = None, b: Operand = None, c: Operand = None, **more) -> None:
        if self.at is None:
            return
        self.at.ins.append(Ins(op, d, a, b, c, **more))
        if op in ("br", "cbr", "tst", "switch", "ret"):
            self.at = None

    def value(self, operand: Operand) -> int:
        """The operand in a register."""
        if type(operand) is int:
            return operand
        d = self.reg()
        self.emit("li", d, k=operand.k)  # type: ignore[union-attr]
        return d

    def text(self) -> str:
        return "\n".join(f"B{b.n} ({b.depth}):\n" + "\n".join(f"  {show(i)}" for i in b.ins) for b in self.blocks)


def show(i: Ins) -> str:
    """An instruction as text."""
    parts = [f"#{x.k}" if isinstance(x, Imm) else f"v{x}" for x in (i.a, i.b, i.c, *i.args) if x is not None]
    return f"{i.op}{i.k or ''} {f'v{i.d} <- ' if i.d is not None else ''}{' '.join(parts)} {i.target or ''} {i.to or ''}"


# ---- arithmetic on constants -------------------------------------------------------------------------------------------------
def wrap(k: int, bits: int) -> int:
    k &= (1 << bits) - 1
    return k - (1 << bits) if k >> (bits - 1) else k


def fold(op: str, x: int, y: int, bits: int) -> int | None:
    """x op y in machine words, or None where that is left to the machine."""
    full = (1 << bits) - 1
    if op in ("shl", "shr", "sar") and not 0 <= y < bits:
        return None
    match op:
        case "add":
            r = x + y
        case "sub":
            r = x - y
        case "mul":
            r = x * y
        case "and":
            r = x & y
        case "or":
            r = x | y
        case "xor":
            r = x ^ y
        case "shl":
            r = x << y
        case "shr":
            r = (x & full) >> y
        case "sar":
            r = x >> y
        case _:
            return None
    return wrap(r, bits)


def compare(cond: str, x: int, y: int, bits: int) -> bool:
    """Whether the condition holds between two constants."""
    if cond.endswith("u"):
        x, y, cond = x & ((1 << bits) - 1), y & ((1 << bits) - 1), cond[:-1]
    return {"eq": x == y, "ne": x != y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[cond]


# ---- what is known of a function ---------------------------------------------------------------------------------------------
def each(blocks: Iterable[Block]) -> Iterator[Ins]:
    for b in blocks:
        yield from b.ins


def live(code: Code) -> dict[Block, int]:
    """Registers live at each block's end, as bits of an integer. Pinned ones are, everywhere: functions called look for them there."""
    gen: dict[Block, int] = {}
    kill: dict[Block, int] = {}
    for b in code.blocks:
        g = k = 0
        for i in reversed(b.ins):
            if i.d is not None:
                g &= ~(1 << i.d)
                k |= 1 << i.d
            for x in i.uses():
                g |= 1 << x
        gen[b], kill[b] = g, k
    always = sum(1 << v for v in code.pinned)
    out = dict.fromkeys(code.blocks, -1)
    into = dict(gen)
    changed = True
    while changed:
        changed = False
        for b in reversed(code.blocks):
            o = always
            for x in b.end.to:
                o |= into[x]
            if o != out[b]:
                out[b] = o
                new = gen[b] | (o & ~kill[b])
                if new != into[b]:
                    into[b] = new
                    changed = True
    return out


def frequencies(code: Code) -> dict[Block, float]:
    """How often each block may run: a loop ten times, a way out of a loop seldom, a jump table's cases alike."""
    order: list[Block] = []
    seen: set[Block] = set()
    stack: list[tuple[Block, int]] = [(code.blocks[0], 0)]
    open_: set[Block] = set()
    back: set[tuple[Block, Block]] = set()
    while stack:
        b, n = stack.pop()
        if n == 0:
            seen.add(b)
            open_.add(b)
        if n < len(b.end.to):
            stack.append((b, n + 1))
            x = b.end.to[n]
            if x in open_:
                back.add((b, x))
            elif x not in seen:
                stack.append((x, 0))
        else:
            open_.discard(b)
            order.append(b)
    leaving: set[Block] = set()
    changed = True
    while changed:
        changed = False
        for b in order:
            if b not in leaving and all(x.depth < b.depth or x in leaving for x in b.end.to):
                leaving.add(b)
                changed = True
    heads = {x for _, x in back}
    found = dict.fromkeys(order, 0.0)
    found[code.blocks[0]] = 1.0
    for b in reversed(order):
        f = found[b] = found[b] * (10 if b in heads else 1)
        to = b.end.to
        odds = [1 / max(len(to), 1)] * len(to)
        if len(to) == 2 and (to[0] in leaving) != (to[1] in leaving):
            odds = [0.03, 0.97] if to[0] in leaving else [0.97, 0.03]
        elif b.end.op == "cbr" and b.end.b == Imm(0) and b.end.target in ("lt", "ge"):  # below 0: seldom
            odds = [0.05, 0.95] if b.end.target == "lt" else [0.95, 0.05]
        for x, odd in zip(to, odds, strict=True):
            if (b, x) not in back:
                found[x] += f * odd
    return found
