# Register allocation by graph colouring: near registers first, then far ones (Thumb's r8 and up), then the stack
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A virtual register gets a near register, or a home: a far register or a stack word. What an instruction cannot use from a home is copied
# to a fresh virtual register next to it, and the colouring is done again.
from __future__ import annotations

from dataclasses import dataclass, field

from tools.viperc.ir import Code, Ins, each, frequencies, live
from tools.viperc.signature import Unsupported


@dataclass
class Machine:
    """What the allocator has to know of a machine."""

    near: list[int]  # in the order to hand them out
    far: list[int]
    clobbers: set[int]  # by calls
    arguments: list[int]
    results: list[int]
    takes_far: object  # (instruction, operand name) -> whether a far register will do there
    apart: object  # instruction -> operands that must not share the result's register
    shared: object = None  # instruction -> operand the result should share a register with


@dataclass
class Places:
    """Where the virtual registers ended up."""

    reg: dict[int, int] = field(default_factory=dict)
    stack: dict[int, int] = field(default_factory=dict)
    words: int = 0
    used: set[int] = field(default_factory=set)


def _bits(mask: int):
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Graph:
    """Who is live together with whom, who across calls, how often each is used."""

    def __init__(self, code: Code, machine: Machine) -> None:
        n = code.n + 1
        self.edges = [0] * n
        self.weight = [0.0] * n
        self.across = 0
        self.seen = 0
        self.hints: list[list[int]] = [[] for _ in range(n)]  # registers it would like to share with
        self.fixed: list[list[int]] = [[] for _ in range(n)]  # machine registers it would like
        out = live(code)
        often = frequencies(code)
        edges = self.edges
        for b in code.blocks:
            now = out[b]
            w = often.get(b, 0.0)
            for i in reversed(b.ins):
                d = i.d
                if i.op == "call":
                    self.across |= now & ~(1 << d if d is not None else 0)
                    for k, x in enumerate(i.args):
                        if type(x) is int and k < len(machine.arguments):
                            self.fixed[x].append(machine.arguments[k])
                    if d is not None:
                        self.fixed[d].append(machine.results[0])
                if i.op == "ret":
                    for k, x in enumerate(i.args or (i.a,)):
                        if type(x) is int:
                            self.fixed[x].append(machine.results[k])
                if d is not None:
                    self.seen |= 1 << d
                    others = now & ~(1 << d)
                    if i.op == "mov" and type(i.a) is int:
                        others &= ~(1 << i.a)
                        self.hints[d].append(i.a)
                        self.hints[i.a].append(d)
                    for x in machine.apart(i):  # type: ignore[operator]
                        if type(x) is int and x != d:
                            others |= 1 << x
                    if i.op == "in" and i.k < len(machine.arguments):
                        self.fixed[d].append(machine.arguments[i.k])
                    if i.op == "more":
                        self.fixed[d].append(machine.results[i.k])
                    s = machine.shared(i) if machine.shared else None  # type: ignore[operator]
                    if type(s) is int:
                        self.hints[d].append(s)
                        self.hints[s].append(d)
                    edges[d] |= others
                    bit = 1 << d
                    for x in _bits(others):
                        edges[x] |= bit
                    self.weight[d] += w
                    now &= ~bit
                for x in i.uses():
                    self.weight[x] += w
                    now |= 1 << x
                    self.seen |= 1 << x


def allocate(code: Code, machine: Machine) -> Places:
    """Give every virtual register a place; changes the code where a value has to be fetched from its home."""
    places = Places()
    home: dict[int, int | None] = dict(code.pinned)  # register -> far register, or None: on the stack
    short = set(code.short)  # made for one instruction: never given a home
    stack_of: dict[int, int] = {}
    near = [r for r in machine.near if r not in code.pinned.values()]
    kept = set(near) - machine.clobbers
    homes = [r for r in machine.far if r not in code.pinned.values()]
    short |= {i.d for i in each(code.blocks) if i.op in ("tst", "switch") and i.d is not None}
    _settle(code, machine, home, stack_of, homes)
    if home:
        _fetch(code, machine, home, set(home), short)
    for _ in range(40):
        g = Graph(code, machine)
        nodes = [v for v in _bits(g.seen) if v not in home]
        in_graph = 0
        for v in nodes:
            in_graph |= 1 << v
        allowed = {v: kept if g.across >> v & 1 else set(near) for v in nodes}
        order: list[int] = []
        left = in_graph
        degree = {v: (g.edges[v] & in_graph).bit_count() for v in nodes}
        work = set(nodes)
        low = [v for v in nodes if degree[v] < len(allowed[v])]
        while work:
            if low:
                v = low.pop()
                if v not in work:
                    continue
            else:
                v = min(work, key=lambda v: (v in short, g.weight[v] / (degree[v] + 1)))
            work.discard(v)
            left &= ~(1 << v)
            order.append(v)
            for x in _bits(g.edges[v] & left):
                degree[x] -= 1
                if degree[x] == len(allowed[x]) - 1:
                    low.append(x)
        colour: dict[int, int] = {}
        failed: list[int] = []
        for v in reversed(order):
            taken = {colour[x] for x in _bits(g.edges[v] & in_graph) if x in colour}
            free = [r for r in near if r in allowed[v] and r not in taken]
            if not free:
                failed.append(v)
                continue
            liked = [colour[x] for x in g.hints[v] if x in colour] + g.fixed[v]
            votes = [r for r in liked if r in free]
            if votes:
                colour[v] = max(set(votes), key=lambda r: (votes.count(r), -r))
                continue
            # what neighbours-to-be would like is left to them where there is a choice
            wanted = {r for x in _bits(g.edges[v] & in_graph) if x not in colour for r in g.fixed[x]}
            colour[v] = next((r for r in free if r not in wanted), free[0])
        if not failed:
            places.reg = colour | {v: r for v, r in home.items() if r is not None}
            places.stack = stack_of
            places.words = max(stack_of.values(), default=-1) + 1
            places.used = set(places.reg.values())
            return places
        if any(v in short for v in failed):
            # a value of one instruction found no place: a neighbour that lives longer has to go
            for v in [v for v in failed if v in short]:
                failed.remove(v)
                neighbours = [x for x in _bits(g.edges[v] & in_graph) if x not in short and x in colour]
                if not neighbours:
                    raise Unsupported(f"{code.name}: no register for an instruction")
                failed.append(min(neighbours, key=lambda x: g.weight[x]))
        for v in sorted(set(failed), key=lambda v: -g.weight[v]):
            taken = {home[x] for x in _bits(g.edges[v]) if home.get(x) is not None}
            usable = [r for r in homes if r not in taken and not (g.across >> v & 1 and r in machine.clobbers)]
            home[v] = usable[0] if usable else None
            if not usable:
                words = {stack_of[x] for x in _bits(g.edges[v]) if x in stack_of}
                stack_of[v] = next(k for k in range(1000) if k not in words)
        _fetch(code, machine, home, set(failed), short)
    raise Unsupported(f"{code.name}: registers do not work out")


def _settle(code: Code, machine: Machine, home: dict[int, int | None], stack_of: dict[int, int], far: list[int]) -> None:
    """Where many values live throughout a large loop: the most used stay near, those that instructions take from far registers go there.

    A value in a far register costs a move where an instruction does not take it, one on the stack a load. At most three are left in near
    registers, which leaves five to what is short-lived.
    """
    out = live(code)
    blocks = len(code.blocks)
    count: dict[int, int] = {}
    for mask in out.values():
        for v in _bits(mask):
            count[v] = count.get(v, 0) + 1
    long = {v for v, n in count.items() if n * 3 > blocks and v not in home}
    if len(long) <= len(far) + 3 or not far or blocks < 50:
        return
    often = frequencies(code)
    moves = dict.fromkeys(long, 0.0)  # if it is far
    loads = dict.fromkeys(long, 0.0)  # if it is on the stack
    for b in code.blocks:
        w = often.get(b, 0.0)
        for i in b.ins:
            for name in ("a", "b", "c", "d"):
                x = getattr(i, name)
                if x in long and i.op != "call":
                    loads[x] += 2 * w
                    if not machine.takes_far(i, name):  # type: ignore[operator]
                        moves[x] += w
    near = sorted(long, key=lambda v: -moves[v])[:3]
    rest = sorted(long - set(near), key=lambda v: moves[v] - loads[v])
    for r, v in zip(far, rest, strict=False):
        home[v] = r
    for n, v in enumerate(rest[len(far) :]):
        home[v] = None
        stack_of[v] = n
    del far[:]


def _fetch(code: Code, machine: Machine, home: dict[int, int | None], new: set[int], short: set[int]) -> None:
    """Copies from and to the new homes around the instructions that need them elsewhere."""
    for b in code.blocks:
        out: list[Ins] = []
        for i in b.ins:
            after: list[Ins] = []
            swap: dict[int, int] = {}
            for name in ("a", "b", "c"):
                x = getattr(i, name)
                if type(x) is not int or x not in new or i.op in ("call", "more"):  # calls fetch from wherever it is
                    continue
                if home[x] is not None and machine.takes_far(i, name):  # type: ignore[operator]
                    continue
                if i.op == "mov" and not (i.d in home and home[i.d] is None):
                    continue  # a load from the stack
                if x not in swap:
                    t = swap[x] = code.reg()
                    short.add(t)
                    out.append(Ins("mov", t, x))
                setattr(i, name, swap[x])
            if i.d is not None and i.d in new:
                far = home[i.d] is not None
                plain = i.op in ("mov", "in", "call", "more") and (far or i.op != "mov" or (type(i.a) is int and i.a not in home))
                if i.op == "in" and i.k >= len(machine.arguments):  # from the stack, by way of a register
                    plain = False
                if not plain and not (far and machine.takes_far(i, "d")):  # type: ignore[operator]
                    t = code.reg()
                    short.add(t)
                    after.append(Ins("mov", i.d, t))
                    i.d = t
            if i.op == "mov" and i.d in home and i.a in home and None in (home[i.d], home[i.a]):
                t = code.reg()  # from home to home
                short.add(t)
                out.append(Ins("mov", t, i.a))
                i.a = t
            out.append(i)
            if after and i.op in ("br", "cbr", "tst", "switch", "ret"):
                raise RuntimeError("a branch has no result")
            out += after
        b.ins = out
