# Intermediate code of the viper compiler: instructions over virtual registers in basic blocks, and what makes it shorter
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Virtual registers are ints, constants are Imm. Operations:
#   li d,k   mov d,a   add sub and or xor mul shl shr sar d,a,b   ld d,[a+b], st c,[a+b] of k bytes (b: bytes, or a register)
#   in d <- argument k   call d <- target(args)   more d <- result k of the call before   sto c -> outgoing word k   argp d = their address
# A block ends in: br   cbr cond a b -> yes, no   tst cond (z, nz) a & b -> yes, no   switch a -> targets   ret a
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace


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


# ---- shorter code ------------------------------------------------------------------------------------------------------------
def reach(code: Code) -> None:
    """Branches to branches are resolved; blocks nothing leads to go, blocks with one way in join the one before them."""
    def final(block: Block) -> Block:
        seen = set()
        while len(block.ins) == 1 and block.end.op == "br" and block not in seen:
            seen.add(block)
            block = block.end.to[0]
        return block

    while True:
        first = code.blocks[0]
        ways: dict[Block, int] = {first: 1}
        todo = [first]
        while todo:
            for x in _to(todo.pop(), final):
                if x not in ways:
                    todo.append(x)
                ways[x] = ways.get(x, 0) + 1
        code.blocks = [b for b in code.blocks if b in ways]
        joined = False
        gone = set()
        for b in code.blocks:
            if b in gone:
                continue
            while b.end.op == "br" and ways[b.end.to[0]] == 1 and b.end.to[0] is not b and b.end.to[0] is not first:
                other = b.end.to[0]
                b.ins[-1:] = other.ins
                gone.add(other)
                joined = True
        code.blocks = [b for b in code.blocks if b not in gone]
        if not joined:
            return


def _to(block: Block, final: Callable[[Block], Block]) -> list[Block]:
    block.end.to = [final(x) for x in block.end.to]
    if block.end.op in ("cbr", "tst") and block.end.to[0] is block.end.to[1]:
        block.ins[-1] = Ins("br", to=[block.end.to[0]])
    return block.end.to


class _Known:
    """What a block has computed so far."""

    def __init__(self) -> None:
        self.made: dict[tuple, int] = {}  # expression -> register
        self.copy: dict[int, Operand] = {}  # register -> what it is a copy of
        self.keys: dict[int, list[tuple]] = {}  # register -> expressions with it

    def forget(self, d: int) -> None:
        """Register d changes."""
        self.copy.pop(d, None)
        for x in [x for x, y in self.copy.items() if y == d]:
            del self.copy[x]
        for key in self.keys.pop(d, ()):
            self.made.pop(key, None)

    def learn(self, i: Ins, key: tuple | None) -> None:
        """i.d has a new value."""
        assert i.d is not None
        self.forget(i.d)
        if i.op == "mov":
            self.copy[i.d] = i.a
        elif i.op == "li":
            self.copy[i.d] = Imm(i.k)
        elif key and i.d not in (i.a, i.b):
            self.made[key] = i.d
            for x in (i.a, i.b, i.d):
                if type(x) is int:
                    self.keys.setdefault(x, []).append(key)


def numbering(code: Code) -> None:
    """Within each block: copies and constants go where they are used, and what has been computed is not computed again."""
    for block in code.blocks:
        known = _Known()
        out: list[Ins] = []
        for i in block.ins:
            i.replace(lambda x, known=known: known.copy.get(x, x))  # type: ignore[misc]
            _simplify(code, i)
            if i.op in ("st", "call"):
                for key in [key for key in known.made if key[0] == "ld" and key[1] not in code.steady]:
                    del known.made[key]
            key = None
            if i.op in PURE and i.op not in ("li", "mov"):
                key = (i.op, i.a, i.b, i.k)
                if key in known.made:
                    i = Ins("mov", i.d, known.made[key])
                    key = None
            if i.d is not None:
                if i.op == "mov" and i.a == i.d:
                    continue
                known.learn(i, key)
            out.append(i)
        block.ins = out


def _simplify(code: Code, i: Ins) -> None:
    """Constants computed, operands in the order and of the kind the machines take."""
    if i.op == "mov" and isinstance(i.a, Imm):
        i.op, i.k, i.a = "li", i.a.k, None
    if i.op in COMMUTES and isinstance(i.a, Imm):
        i.a, i.b = i.b, i.a
    if i.op in ("add", "sub", "and", "or", "xor", "mul", "shl", "shr", "sar"):
        if isinstance(i.a, Imm) and isinstance(i.b, Imm):
            k = fold(i.op, i.a.k, i.b.k, code.bits)
            if k is not None:
                i.op, i.k, i.a, i.b = "li", k, None, None
        elif isinstance(i.b, Imm):
            k = i.b.k
            if i.op == "and" and k == -1 or k == 0 and i.op in ("add", "sub", "or", "xor", "shl", "shr", "sar"):
                i.op, i.b = "mov", None
            elif i.op == "mul" and k > 0 and k & (k - 1) == 0:
                i.op, i.b = "shl", Imm(k.bit_length() - 1)
            elif i.op == "sub":
                i.op, i.b = "add", Imm(wrap(-k, code.bits))
    if i.op == "cbr" and isinstance(i.a, Imm):
        if isinstance(i.b, Imm):
            i.op, i.to = "br", [i.to[0] if compare(str(i.target), i.a.k, i.b.k, code.bits) else i.to[1]]
            i.a = i.b = i.target = None
        else:
            i.a, i.b, i.target = i.b, i.a, MIRROR[str(i.target)]
    if i.op == "tst" and isinstance(i.a, Imm):
        i.a, i.b = i.b, i.a
    if i.op == "tst" and i.b == Imm(0):
        i.a = Imm(0)
    if i.op == "tst" and isinstance(i.a, Imm) and isinstance(i.b, Imm):
        i.op, i.to = "br", [i.to[0] if (i.a.k & i.b.k == 0) == (i.target == "z") else i.to[1]]
        i.a = i.b = i.target = None


def compare(cond: str, x: int, y: int, bits: int) -> bool:
    """Whether the condition holds between two constants."""
    if cond.endswith("u"):
        x, y, cond = x & ((1 << bits) - 1), y & ((1 << bits) - 1), cond[:-1]
    return {"eq": x == y, "ne": x != y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[cond]


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


def webs(code: Code) -> None:
    """A name that serves several purposes becomes several registers: definitions stay together only where a use may see both."""
    places: dict[int, list[int]] = {}  # register -> numbers of its definitions
    numbers: dict[int, int] = {}  # id of an instruction -> number of its definition
    defined: list[int] = []
    for i in each(code.blocks):
        if i.d is not None:
            numbers[id(i)] = len(defined)
            places.setdefault(i.d, []).append(len(defined))
            defined.append(i.d)
    many = {v: sum(1 << n for n in found) for v, found in places.items() if len(found) > 1 and v not in code.pinned}
    gen: dict[Block, int] = {}
    kill: dict[Block, int] = {}
    ways: dict[Block, list[Block]] = {b: [] for b in code.blocks}
    for b in code.blocks:
        g = k = 0
        for i in b.ins:
            if i.d in many:
                g = g & ~many[i.d] | 1 << numbers[id(i)]
                k |= many[i.d]
        gen[b], kill[b] = g, k
        for x in b.end.to:
            ways[x].append(b)
    into = dict.fromkeys(code.blocks, 0)
    out = dict(gen)
    todo = list(code.blocks)
    while todo:
        b = todo.pop()
        x = 0
        for w in ways[b]:
            x |= out[w]
        into[b] = x
        x = gen[b] | x & ~kill[b]
        if x != out[b]:
            out[b] = x
            todo += b.end.to
    parent = list(range(len(defined)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    def each_use(act: Callable[[Ins, int, int], None]) -> None:
        for b in code.blocks:
            now = into[b]
            for i in b.ins:
                for v in set(i.uses()):
                    if v in many and now & many[v]:
                        act(i, v, now & many[v])
                if i.d in many:
                    now = now & ~many[i.d] | 1 << numbers[id(i)]

    def unite(_: Ins, v: int, seen: int) -> None:
        first = root((seen & -seen).bit_length() - 1)
        while seen:
            low = seen & -seen
            parent[root(low.bit_length() - 1)] = first
            seen ^= low

    each_use(unite)
    fresh: dict[int, int] = {}

    def name(n: int) -> int:
        n = root(n)
        if n not in fresh:
            v = defined[n]
            fresh[n] = v if n == root(places[v][0]) or v in code.steady else code.reg(code.names.get(v, ""))
        return fresh[n]

    changes: list[tuple[Ins, int, int]] = []
    each_use(lambda i, v, seen: changes.append((i, v, name((seen & -seen).bit_length() - 1))))
    for i in each(code.blocks):
        if i.d in many:
            i.d = name(numbers[id(i)])
    for i, v, new in changes:
        i.replace(lambda x, v=v, new=new: new if x == v else x)  # type: ignore[misc]


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


def dead(code: Code) -> bool:
    """Drop what computes a value nobody reads."""
    out = live(code)
    changed = False
    for b in code.blocks:
        now = out[b]
        kept = []
        for i in reversed(b.ins):
            # An argument or result nobody reads goes, too: its register may be another's by then.
            if (i.op in PURE or i.op in ("in", "more")) and i.d is not None and not now >> i.d & 1:
                changed = True
                continue
            if i.d is not None:
                now &= ~(1 << i.d)
            for x in i.uses():
                now |= 1 << x
            kept.append(i)
        kept.reverse()
        b.ins = kept
    return changed


def into_place(code: Code) -> None:
    """`t = a op b; x = t` with t used nowhere else becomes `x = a op b` (in one block, x untouched between)."""
    count: dict[int, int] = {}
    for b in code.blocks:
        for i in b.ins:
            for x in i.uses():
                count[x] = count.get(x, 0) + 1
    out = live(code)
    for b in code.blocks:
        for n in range(len(b.ins) - 1, 0, -1):
            i = b.ins[n]
            if i.op != "mov" or type(i.a) is not int or count.get(i.a) != 1 or out[b] >> i.a & 1:
                continue
            t, x = i.a, i.d
            for m in range(n - 1, -1, -1):
                j = b.ins[m]
                if j.d == t:
                    if j.op != "in":
                        j.d = x
                        b.ins[n] = Ins("mov", x, x)
                    break
                if x in j.uses() or j.d == x:
                    break
        b.ins = [i for i in b.ins if not (i.op == "mov" and i.a == i.d)]


def switches(code: Code, least: int = 5) -> None:
    """A tree of tests of one byte becomes a jump table: every value is sent down the tree, here."""
    for block in code.blocks:
        end = block.end
        if end.op not in ("tst", "cbr") or type(end.a) is not int or not isinstance(end.b, Imm):
            continue
        v = end.a
        made = next((i for i in reversed(block.ins[:-1]) if i.d == v), None)
        if made is None or made.op != "ld" or made.k != 1:
            continue
        inner: set[Block] = set()
        targets = []
        for value in range(256):
            at = block
            seen: set[Block] = set()
            while at not in seen:  # a loop of tests alone, or back to where the byte is read
                seen.add(at)
                e = at.end
                if at is not block and len(at.ins) > 1 or e.op not in ("tst", "cbr", "br"):
                    break
                if e.op == "br":
                    if len(at.ins) > 1:
                        break
                    at = e.to[0]
                    continue
                if e.a != v or not isinstance(e.b, Imm):
                    break
                inner.add(at)
                if e.op == "tst":
                    yes = (value & e.b.k == 0) == (e.target == "z")
                else:
                    yes = compare(str(e.target), value, e.b.k, code.bits)
                at = e.to[0] if yes else e.to[1]
            targets.append(at)
        if len(inner) >= least:
            block.ins[-1] = Ins("switch", None, v, to=targets, k=block.n)


def thread(code: Code, most: int = 5) -> None:
    """A short block that ends in a jump table is repeated where others lead to it: each copy is predicted for itself."""
    for s in code.blocks:
        if s.end.op == "switch" and len(s.ins) <= most:
            for b in code.blocks:
                if b is not s and b.end.op == "br" and b.end.to[0] is s:
                    b.ins[-1:] = [replace(i) for i in s.ins]


def optimise(code: Code) -> None:
    """All of the above, until nothing changes."""
    reach(code)
    into_place(code)
    switches(code)
    for _ in range(3):
        reach(code)
        numbering(code)
        into_place(code)
        if not dead(code):
            break
    webs(code)
    reach(code)


def each(blocks: Iterable[Block]) -> Iterator[Ins]:
    for b in blocks:
        yield from b.ins


def layout(code: Code) -> None:
    """Blocks in an order that lets most of them fall through; what is rare (calls of MicroPython, returns) at the end."""
    def rare(i: Ins) -> bool:
        return i.op == "ret" or i.op == "call" and (isinstance(i.target, int) or str(i.target).startswith("shim"))

    cold = {b for b in code.blocks if any(rare(i) for i in b.ins)}
    if code.blocks[0] in cold or len(cold) * 2 > len(code.blocks):
        return
    ways: dict[Block, list[Block]] = {}
    for b in code.blocks:
        for x in b.end.to:
            ways.setdefault(x, []).append(b)
    changed = True
    while changed:
        changed = False
        for b in code.blocks[1:]:
            if b in cold:
                continue
            if b.end.to and all(x in cold for x in b.end.to) or ways.get(b) and all(x in cold for x in ways[b]):
                cold.add(b)
                changed = True
    code.blocks = [b for b in code.blocks if b not in cold] + [b for b in code.blocks if b in cold]
