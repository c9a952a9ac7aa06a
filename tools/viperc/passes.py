# What makes the viper compiler's intermediate code shorter, and puts its blocks in order
# MIT license; Copyright (c) 2026 the pitwasm authors
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tools.viperc.ir import COMMUTES, MIRROR, PURE, Block, Code, Imm, Ins, Operand, compare, each, fold, live, wrap


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
