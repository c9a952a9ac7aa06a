# What the viper compiler's back ends share: blocks in a row, calls, moves that happen at once, branches as short as they can be
# MIT license; Copyright (c) 2026 the pitwasm authors
from __future__ import annotations

from typing import ClassVar

from tools.viperc.alloc import Machine, Places
from tools.viperc.ir import INVERSE, Block, Code, Imm, Ins
from tools.viperc.signature import Pins

Place = tuple[str, int]  # ("r", register), ("s", offset from the stack pointer), ("i", constant)
FLIP = INVERSE | {"pl": "mi", "mi": "pl"}


class Emitter:
    """Machine code of one function, or of several that call each other: items in a row, of which assemble() makes bytes."""

    machine: ClassVar[Machine]
    pins: ClassVar[Pins]
    bits: ClassVar[int]
    places: Places
    spill: int  # offset of the values that live on the stack

    def __init__(self) -> None:
        self.items: list[tuple] = []
        self.labels: dict[object, int] = {}

    def label(self, name: object) -> None:
        self.items.append(("label", name))

    # ---- what a machine has its own way of -------------------------------------------------------------------------------------------
    def mov(self, d: int, s: int) -> None:
        raise NotImplementedError

    def li(self, d: int, k: int) -> None:
        raise NotImplementedError

    def keep(self, s: int, off: int) -> None:
        """A register to the stack."""
        raise NotImplementedError

    def fetch(self, d: int, off: int) -> None:
        """… and from there."""
        raise NotImplementedError

    def ring(self, todo: list[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
        """Registers that wait for each other: what is left to do once one of them has been moved out of the way."""
        raise NotImplementedError

    def jump(self, target: object, cond: str | None = None) -> None:
        raise NotImplementedError

    def call(self, i: Ins, results: list[Ins]) -> None:
        raise NotImplementedError

    def ins(self, code: Code, i: Ins, following: Block | None) -> None:
        raise NotImplementedError

    def longer(self, item: tuple, size: int, far: int) -> int:
        """Bytes of a branch whose target is `far` bytes from its start; not fewer than it has now."""
        raise NotImplementedError

    # ---- functions -------------------------------------------------------------------------------------------------------------------
    def blocks(self, code: Code, arguments: list[int]) -> None:
        """All blocks; arguments: the registers that the first ones come in."""
        for n, block in enumerate(code.blocks):
            self.label((code.name, block))
            following = code.blocks[n + 1] if n + 1 < len(code.blocks) else None
            first = [i for i in block.ins if i.op == "in" and i.k < len(arguments)]
            self.parallel([(self.place(i.d), ("r", arguments[i.k])) for i in first])
            for m, i in enumerate(block.ins):
                if i.op == "call":
                    results = [i] if i.d is not None else []
                    for j in block.ins[m + 1 :]:
                        if j.op != "more":
                            break
                        results.append(j)
                    self.call(i, results)
                elif i.op != "more":
                    self.ins(code, i, following)

    def place(self, v: object) -> Place:
        assert type(v) is int
        if v in self.places.reg:
            return "r", self.places.reg[v]
        return "s", self.spill + self.bits // 8 * self.places.stack[v]

    def operands(self, registers: list[int], values: tuple) -> list[tuple[Place, Place]]:
        """Moves of values and constants to these registers."""
        return [(("r", r), ("i", x.k) if isinstance(x, Imm) else self.place(x)) for r, x in zip(registers, values, strict=False)]

    def parallel(self, moves: list[tuple[Place, Place]]) -> None:
        """Moves (to, from) that happen at once."""
        for to, source in moves:  # to the stack first: that frees registers
            if to[0] == "s":
                assert source[0] == "r"
                self.keep(source[1], to[1])
        todo = [m for m in moves if m[0][0] == "r" and m[1][0] == "r" and m[0] != m[1]]
        while todo:
            sources = [s for _, s in todo]
            ready = next((m for m in todo if m[0] not in sources), None)
            if ready is None:
                todo = self.ring(todo)
            else:
                self.mov(ready[0][1], ready[1][1])
                todo.remove(ready)
        for to, source in moves:
            if to[0] == "r" and source[0] == "s":
                self.fetch(to[1], source[1])
            elif to[0] == "r" and source[0] == "i":
                self.li(to[1], source[1])

    def branch(self, code: Code, i: Ins, cond: str, following: Block | None) -> None:
        """To the first of two blocks if `cond`, else to the second; one of them may follow."""
        yes, no = ((code.name, x) for x in i.to)
        if i.to[0] is following:
            self.jump(no, FLIP[cond])
        else:
            self.jump(yes, cond)
            if i.to[1] is not following:
                self.jump(no)

    def settle(self, size: list[int]) -> list[int]:
        """Where each item starts. size: of each, with branches as short as they are at all; grows as far as it has to."""
        while True:
            at, places = 0, []
            for item, n in zip(self.items, size, strict=True):
                if item[0] == "label":
                    self.labels[item[1]] = at
                places.append(at)
                at += n
            grown = False
            for k, item in enumerate(self.items):
                if item[0] == "branch":
                    n = self.longer(item, size[k], self.labels[item[1]] - places[k])
                    if n > size[k]:
                        size[k], grown = n, True
            if not grown:
                return places
