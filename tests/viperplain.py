# Random units of plain functions, as viperc compiles them: like those of tests/viperfuzz.py, with Python's integers as the reference
# MIT license; Copyright (c) 2026 the pitwasm authors
from tests.viperfuzz import VALUES, Function, Program, Scope, Writer


class PlainWriter(Writer):
    """Units of plain functions (pool, c, …): integers of Python in the reference, so that nothing overflows 31 bits."""

    augmented = "&|^"

    def literal(self) -> int:
        return self.r.choice([k for k in VALUES if k < 1 << 17]) if self.chance(0.8) else -self.r.getrandbits(10)

    def int(self, depth: int) -> str:
        r, s = self.r, self.s
        kind = r.randrange(13) if depth > 0 else r.randrange(3)
        if kind in (0, 2) and s.ints:
            return r.choice(s.ints)
        if kind <= 2:
            return str(k) if (k := self.literal()) >= 0 else f"({k})"
        if kind == 3:
            return f"pool[{self.place(1023)}]"
        if kind == 4:
            return f"(c[{self.place(255)}] & {r.choice([0xFF, 0xFFFF, 0xFFF0, 0x1FFFF])})"
        if kind == 5:
            return f"(get32(pool, {self.place(255)} << 2) & 0xFFFF)"
        if kind == 6:
            return f"({self.int(depth - 1)} >> {r.choice([0, 1, 3, 8, 16, 31])})"
        if kind == 7:
            return f"(({self.int(depth - 1)} & 0xFFF) << {r.choice([0, 1, 3, 5])})"
        if kind == 8 and self.chance(0.5):
            return f"({self.int(depth - 1)} {r.choice(['//', '%'])} {r.choice([1, 2, 3, 7, 10, 255])})"
        if kind == 9:
            return f"(({self.int(depth - 1)} & 0x3FF) * ({self.int(depth - 1)} & 0x3FF))"
        if kind == 10 and self.callable(1):
            return f"{self.call(1, depth)}"
        if kind == 11 and self.chance(0.4):
            return f"({self.int(depth - 1)} if {self.condition(1)} else {self.int(depth - 1)})"
        if kind == 12 and self.chance(0.3):
            return "TABLE[" + self.place(15) + "]"
        return f"(({self.int(depth - 1)} {r.choice('+-&|^')} {self.int(depth - 1)}) & 0x1FFFF)"

    def place(self, last: int) -> str:
        """An index from 0 on."""
        if self.chance(0.3):
            return str(self.r.choice([0, 1, last, self.r.randrange(last + 1)]))
        mask = last >> self.r.randrange(1, 4)
        extra = self.r.choice([0, 0, 1, last - mask])
        return f"({self.int(1)} & {mask})" + (f" + {extra}" if extra else "")

    def uint(self, depth: int) -> str:
        return self.int(depth)

    def condition(self, depth: int) -> str:
        if self.chance(0.1):
            return f"{self.int(1)} {self.r.choice(['in', 'not in'])} ({self.literal()}, {self.literal()}, {self.literal()})"
        return super().condition(depth)

    def callable(self, kind: object) -> list[Function]:
        callback = bool(self.s.callback)
        return [f for f in self.functions if f.result == kind and (callback or ("cb", "cb") not in f.params) and self.s.loops < 2]

    def call(self, kind: object, depth: int) -> str:
        f = self.r.choice(self.callable(kind))
        args = ["pool"]
        for _, t in f.params:
            args.append(t if t in ("c", "cb") else self.int(depth - 1))
        if f.plain and f.params and f.params[-1][1] == "int" and self.chance(0.3) and "=" in f.params[-1][0]:
            args.pop()
        return f"{f.name}({', '.join(args)})"

    def statement(self) -> bool:
        r, s = self.r, self.s
        kind = r.randrange(9)
        if kind == 0:
            self.put(f"pool[{self.place(1023)}] = {self.int(2)} & 255")
        elif kind == 1:
            self.put(f"c[{self.place(255)}] = {self.int(2)} & 0x1FFFF")
        elif kind == 2:
            self.put(f"put32(pool, {self.place(255)} << 2, {self.int(2)} & 0xFFFFF)")
        elif kind == 3 and (several := [n for n in (2, 3) if self.callable(n)]):
            n = r.choice(several)
            names = r.sample(s.ints, n) if len(s.ints) >= n else []
            if names:
                self.put(f"{', '.join(names)} = {self.call(n, 2)}")
        elif kind == 4 and s.callback and self.chance(0.5):
            self.put(f"cb(pool, {self.place(255)})")
        elif kind == 5 and self.callable(0):
            self.put(self.call(0, 2))
        elif kind == 6 and s.ints:
            name = r.choice(s.ints)
            self.put(f"{name} = {name} {r.choice('+-')} {self.int(1)} & 0x1FFFF")
        elif kind == 7 and self.chance(0.1) and s.depth:
            self.put(f"if {self.int(1)} == {self.literal()}:")
            self.put(f"    fail({r.randrange(100)})")
        else:
            return super().statement()
        return False

    def tree(self) -> None:
        self.put(f"v = pool[{self.place(1023)}]")
        self.branches(self.r.choice([2, 3, 4]), ["v"])

    def leave(self) -> None:
        n = self.results
        if n == 0:
            self.put("return")
        else:
            self.put("return " + ", ".join(self.int(2) for _ in range(n)))

    def function(self, n: int, last: bool, pool: bool) -> None:
        r = self.r
        s = self.s = Scope(result="plain", callback="cb" if self.chance(0.3) or last else "")
        self.results = 1 if last else r.choice([0, 1, 1, 2, 3])
        self.budget = r.choice([6, 15, 30] if not last else [20, 60])
        s.ints = [f"a{k}" for k in range(r.choice([0, 1, 2, 3, 4, 5, 6, 7]))]
        params = [("c", "c")] + ([("cb", "cb")] if s.callback else []) + [(name, "int") for name in s.ints]
        shown = ["pool"] + [name for name, _ in params]
        if s.ints and not last and self.chance(0.3):
            params[-1] = (params[-1][0] + "=", "int")
            shown[-1] += f"={self.r.randrange(1000)}"
        self.lines += ["", "", f"def f{n}({', '.join(shown)}):"]
        self.indent = 1
        for k in range(r.choice([1, 2, 4, 6, 10])):
            self.put(f"x{k} = {self.int(1)}")
            s.ints.append(f"x{k}")
        self.put("v = 0")
        if s.callback:
            self.put("cb(pool, 0)")
        self.body(self.budget)
        if self.results or self.chance(0.5):
            self.leave()
        self.functions.append(Function(f"f{n}", params, self.results, True))

    def program(self) -> Program:
        r = self.r
        table = bytes(r.randrange(256) for _ in range(16 + r.randrange(2)))
        self.lines = ["import micropython", "from viperhelp import Failed, get32, put32", "", f"TABLE = {table!r}", "", ""]
        self.lines += ["def fail(code):", "    raise Failed(code)"]
        n = r.choice([2, 3, 4, 5])
        for k in range(n):
            self.function(k, k == n - 1, True)
        last = self.functions[-1]
        calls = []
        for _ in range(3):
            calls.append((last.name, tuple(r.choice(VALUES) & 0x1FFFF for p, t in last.params if t == "int")))
        return Program("\n".join(self.lines) + "\n", calls, "cells", True, [last.name])
