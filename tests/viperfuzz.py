# Random programs in the viper compiler's subset: whatever they do has one meaning, which mpy-cross's code and viperc's have to agree on
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A program is a module: functions f0, f1, …, each of which may call those before it, on a buffer of 1,024 bytes, and `calls`, the list of
# (function, arguments without the buffer) to make. Loops end after a few turns, indices stay within the buffer, divisors are not 0.
import random
import re
from dataclasses import dataclass, field

SIZE = {"ptr8": 1, "ptr16": 2, "ptr32": 4}
VALUES = [0, 1, 2, 3, 5, 7, 8, 31, 127, 128, 254, 255, 256, 257, 258, 510, 511, 512, 1000, 4095, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x10001]
VALUES += [0x12345, 0xFF00, 0xFFFFFF, 0x1000000, 0x1234567, 0x3FFFFFFF, 0x3FFFFF00, 0x20000001, 0xAA55AA, 0x00FF00FF]
LAST = (1 << 30) - 1  # literals of viper


@dataclass
class Function:
    name: str
    params: list[tuple[str, str]]  # without a plain function's pool, c
    result: str | int  # a viper function's type; a plain one's number of results
    plain: bool = False


@dataclass
class Program:
    source: str
    calls: list[tuple[str, tuple[int, ...]]]
    buffer: str  # what functions take first: "pool" bytes; "callback" the last one bytes, a function; "cells" bytes, words, a function
    plain: bool
    wanted: list[str]


@dataclass
class Scope:
    """What a function's body may use."""

    ints: list[str] = field(default_factory=list)
    uints: list[str] = field(default_factory=list)
    pointers: dict[str, tuple[str, int]] = field(default_factory=dict)  # name -> type, bytes that lie behind it
    low: dict[str, int] = field(default_factory=dict)  # bytes that lie before it
    buffer: str = ""  # a parameter that is an object
    callback: str = ""
    loops: int = 0
    depth: int = 0
    counters: int = 0
    result: str = "int"
    inside: list[str] = field(default_factory=list)  # kinds of the loops around: for, while


class Writer:
    """Writes one program. wild: also shifts by 32 and more, which are the same on all Arms."""

    augmented = "+-*&|^"

    def __init__(self, seed: int, bits: int = 32, wild: bool = True) -> None:
        self.r = random.Random(seed)
        self.bits = bits
        self.wild = wild and bits == 32
        self.lines: list[str] = []
        self.functions: list[Function] = []
        self.s = Scope()
        self.indent = 1
        self.budget = 0

    def put(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)
        self.budget -= 1

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    # ---- values ----------------------------------------------------------------------------------------------------------------
    def literal(self) -> int:
        r = self.r
        k = r.choice(VALUES) if self.chance(0.7) else r.getrandbits(r.randint(1, 30))
        if self.chance(0.3):
            k = ~k << r.randint(0, 4) if self.chance(0.5) else -k
        return max(-LAST, min(LAST, k))

    def index(self, name: str) -> str:
        """A subscript of that pointer."""
        kind, behind = self.s.pointers[name]
        size = SIZE[kind]
        n = behind // size
        if self.chance(0.4):
            low = -(self.s.low.get(name, 0) // size)
            edges = [0, 1, 2, 3, 30, 31, 32, 33, n - 1, self.r.randrange(low, n)] if n > 34 else [0]
            return str(self.r.choice([*edges, self.r.randrange(n)]))
        mask = 1 << self.r.randrange(n.bit_length() - 1)
        extra = self.r.choice([0, 0, 0, 1, 2, self.r.randrange(n - mask + 1)]) if n - mask >= 2 else 0
        return f"({self.int(2)} & {mask - 1})" + (f" + {extra}" if extra else "")

    def int(self, depth: int) -> str:
        """An int: constants alone give what a literal may be, since mpy-cross works them out."""
        text = self._int(depth)
        if not re.search("[a-z]", text) and not -LAST <= eval(text) <= LAST:
            return str(abs(self.literal()))
        return text

    def _int(self, depth: int) -> str:
        r, s = self.r, self.s
        kind = r.randrange(14) if depth > 0 else r.randrange(3)
        if kind in (0, 2) and s.ints:
            return r.choice(s.ints)
        if kind <= 2:
            return str(k) if (k := self.literal()) >= 0 else f"({k})"
        if kind <= 4 and s.pointers:
            p = r.choice(list(s.pointers))
            if self.bits == 64 and s.pointers[p][0] == "ptr32":
                return f"({p}[{self.index(p)}] << 32 >> 32)"
            return f"{p}[{self.index(p)}]"
        if kind == 5 and s.uints:
            return f"int({self.uint(depth - 1)})"
        if kind == 6:
            n = r.choice([0, 1, 3, 8, 15, 16, 24, 30, 31]) if not self.wild or self.chance(0.9) else r.choice([32, 33, 40, 255])
            return f"({self.int(depth - 1)} {r.choice(['<<', '>>'])} {n})"
        if kind == 7:
            mask = 255 if self.wild and self.chance(0.1) else 31
            return f"({self.int(depth - 1)} {r.choice(['<<', '>>'])} ({self.int(depth - 1)} & {mask}))"
        if kind == 8 and self.chance(0.5):
            divisor = self.r.choice([1, 2, 3, 7, 10, 255, 1000]) if self.chance(0.5) else f"({self.int(depth - 1)} & 255 | 1)"
            return f"(({self.int(depth - 1)} >> 3) {r.choice(['//', '%'])} {divisor})"
        if kind == 9:
            return f"({self.int(depth - 1)} {r.choice('+-')} {self.int(depth - 1)})" if self.chance(0.7) else f"(0 - {self.int(depth - 1)})"
        if kind == 10 and self.chance(0.4) and self.callable("int"):
            return f"int({self.call('int', depth)})"
        if kind == 11 and self.chance(0.3):
            return f"({self.int(depth - 1)} if {self.condition(1)} else {self.int(depth - 1)})"
        if kind == 11 and s.callback and s.loops < 2 and self.chance(0.3):
            return f"int(cb({s.buffer}, {self.int(depth - 1)} & 255))"
        if kind == 12 and self.chance(0.3):
            return f"int({self.comparison(depth - 1)})"
        return f"({self.int(depth - 1)} {r.choice('+-*&|^')} {self.int(depth - 1)})"

    def uint(self, depth: int) -> str:
        r, s = self.r, self.s
        kind = r.randrange(7) if depth > 0 else r.randrange(2)
        if kind <= 1 and s.uints:
            return r.choice(s.uints)
        if kind == 2:
            n = r.choice([0, 1, 8, 16, 31])
            return f"({self.uint(depth - 1)} {r.choice(['<<', '>>'])} {n})"
        if kind == 3:
            return f"({self.uint(depth - 1)} >> ({self.int(depth - 1)} & 31))"
        if kind == 4:
            return f"({self.uint(depth - 1)} {r.choice('+-*&|^')} {self.uint(depth - 1)})"
        if kind == 5 and self.chance(0.4) and self.callable("uint"):
            return f"uint({self.call('uint', depth)})"
        return f"uint({self.int(depth - 1)})"

    def comparison(self, depth: int) -> str:
        op = self.r.choice(["==", "!=", "<", "<=", ">", ">="])
        if self.chance(0.3):
            return f"{self.uint(depth)} {op} {self.uint(depth)}"
        return f"{self.int(depth)} {op} {self.int(depth) if self.chance(0.7) else self.literal()}"

    def condition(self, depth: int) -> str:
        kind = self.r.randrange(9) if depth > 0 else self.r.randrange(5)
        if kind == 0:
            k = self.r.choice([1, 2, 128, 3, 255, 0xFFFF, 0x100, 0x8000, 6, 1 << 29, (1 << 30) - 1, 0x300, self.literal()])
            return f"{self.int(1)} & {k}"
        if kind == 1:
            return f"({self.int(1)} & {self.r.choice([1, 4, 64, 127, 0x7FF, 0x1000, 12])}) {self.r.choice(['==', '!='])} 0"
        if kind == 2:
            return self.int(1)
        if kind == 5:
            return f"({self.condition(depth - 1)} {self.r.choice(['and', 'or'])} {self.condition(depth - 1)})"
        if kind == 6:
            return f"not ({self.comparison(1)})"
        if kind == 7 and self.s.ints and self.chance(0.3):
            return f"{self.int(1)} <= {self.r.choice(self.s.ints)} < {self.int(1)}"
        return self.comparison(depth)

    # ---- calls -----------------------------------------------------------------------------------------------------------------
    def callable(self, kind: str) -> list[Function]:
        found = []
        for f in self.functions:
            there = ["int", "uint", *(["object"] if self.s.buffer else []), *(t for t, n in self.s.pointers.values() if n == 1024)]
            fits = all(t in there for _, t in f.params)
            if f.params and f.params[0][0] == "pool" and self.s.buffer != "pool" and "pool" not in self.s.pointers:
                fits = False
            if fits and f.result == kind:
                found.append(f)
        return found if self.s.loops < 2 else []

    def call(self, kind: str, depth: int) -> str:
        f = self.r.choice(self.callable(kind))
        args = []
        for name, t in f.params:
            if name == "pool":
                args.append("pool")
            elif t == "object":
                args.append(self.s.buffer)
            elif t in SIZE:
                args.append(self.whole(t))
            else:
                args.append(self.int(depth - 1) if t == "int" else self.uint(depth - 1))
        return f"{f.name}({', '.join(args)})"

    def whole(self, kind: str) -> str:
        """A pointer of that type to the start of the buffer."""
        return next(p for p, (k, behind) in self.s.pointers.items() if k == kind and behind == 1024)

    # ---- statements ------------------------------------------------------------------------------------------------------------
    def body(self, n: int) -> None:
        for _ in range(n):
            if self.budget <= 0:
                break
            if self.statement():
                return
        else:
            return
        self.put("pass")

    def block(self, n: int) -> None:
        self.indent += 1
        self.s.depth += 1
        at = len(self.lines)
        self.body(n)
        if len(self.lines) == at:
            self.put("pass")
        self.s.depth -= 1
        self.indent -= 1

    def statement(self) -> bool:
        """One of them; True: nothing may follow."""
        r, s = self.r, self.s
        kind = r.randrange(20)
        if kind <= 4:
            self.put(f"{r.choice(s.ints)} = {self.int(3)}")
        elif kind == 5:
            self.put(f"{r.choice(s.ints)} {r.choice(self.augmented)}= {self.int(2)}")
        elif kind == 6 and s.uints:
            u = r.choice(s.uints)
            self.put(f"{u} = {self.uint(3)}" if self.chance(0.7) else f"{u} >>= {r.randrange(5)}")
        elif kind <= 9 and s.pointers:
            p = r.choice(list(s.pointers))
            op = r.choice(["=", "=", "=", "+=", "^="])
            if op != "=" and self.bits == 64:
                op = "="
            self.put(f"{p}[{self.index(p)}] {op} {self.int(2)}")
        elif kind == 10 and len(s.ints) > 1:
            a, b = r.sample(s.ints, 2)
            self.put(f"{a}, {b} = {b}, {a}" if self.chance(0.5) else f"{a}, {b} = {self.int(1)}, {r.choice(s.ints)}")
        elif kind <= 13 and s.depth < 4:
            self.branch()
        elif kind == 14 and s.loops < 2 and s.depth < 3:
            self.loop()
        elif kind == 15 and s.depth < 3 and s.pointers:
            self.tree()
        elif kind == 16 and s.callback and s.buffer and self.chance(0.5):
            self.put(f"cb({s.buffer}, {self.int(1)} & 255)")
        elif kind == 16 and len(s.ints) > 1 and self.chance(0.3):
            a, b = r.sample(s.ints, 2)
            self.put(f"{a} = {b} = {self.int(2)}")
        elif kind == 16 and self.callable("object"):
            self.put(self.call("object", 2))
        elif kind == 17 and s.loops and self.chance(0.6):
            self.put(r.choice(["break", "continue"]))
            return True
        elif kind == 18 and s.depth and self.chance(0.4):
            self.leave()
            return True
        elif kind == 19 and "q" in s.pointers and not s.loops:
            t = s.pointers["q"][0]
            self.put(f"q = {t}(int({next(iter(s.pointers))}) + (({self.int(1)} & 15) << 2) + 16)")
        else:
            self.put(f"{r.choice(s.ints)} = {self.int(2)}")
        return False

    def branch(self) -> None:
        self.put(f"if {self.condition(2)}:")
        self.block(self.r.randint(1, 3))
        while self.chance(0.2):
            self.put(f"elif {self.condition(1)}:")
            self.block(2)
        if self.chance(0.5):
            self.put("else:")
            self.block(2)

    def loop(self) -> None:
        s, r = self.s, self.r
        s.counters += 1
        n = f"n{s.counters}"
        kind = r.randrange(4)
        s.loops += 1
        if kind == 0:
            turns = r.choice(["3", f"{self.int(1)} & 7", "2, 9", "9, 2, -1", f"0, {self.int(1)} & 15, 3"])
            self.put(f"for {n} in range({turns}):")
            s.ints.append(n)
            self.block(3)
            s.ints.remove(n)  # not set where there was no turn
        else:
            self.put(f"{n} = 0")
            more = " and " + self.condition(1) if kind == 1 else ""
            self.put(f"while {n} < {r.randint(1, 6)}{more}:" if kind < 3 else "while True:")
            self.indent += 1
            self.put(f"{n} += 1")
            if kind == 3:
                self.put(f"if {n} > {r.randint(1, 5)}:")
                self.indent += 1
                self.put("break")
                self.indent -= 1
            self.indent -= 1
            self.block(3)
        s.loops -= 1

    def tree(self) -> None:
        """Tests of one byte, which become a jump table."""
        p = next((p for p, (t, _) in self.s.pointers.items() if t == "ptr8"), None)
        if p is None:
            return
        self.put(f"v = {p}[{self.index(p)}]")
        self.branches(self.r.choice([2, 3, 4]), ["v"])

    def branches(self, depth: int, names: list[str]) -> None:
        v = names[0]
        if depth == 0 or self.budget < -40:
            self.put(f"{self.r.choice(self.s.ints)} = {self.int(1)}" if self.chance(0.8) else "pass")
            return
        form = f"{v} {self.r.choice(['<', '==', '>'])} {self.r.randrange(256)}"
        if self.chance(0.25):
            form = f"{v} & {1 << self.r.randrange(8)}"
        if self.chance(0.1):
            form = f"{v} & {1 << self.r.randrange(8)} and {v} != {self.r.randrange(256)}"
        self.put(f"if {form}:")
        self.indent += 1
        self.branches(depth - 1, names)
        if self.s.loops and self.chance(0.3):
            self.put(self.r.choice(["continue", "break"]))
        self.indent -= 1
        if self.chance(0.9):
            self.put("else:")
            self.indent += 1
            self.branches(depth - 1, names)
            self.indent -= 1

    def leave(self) -> None:
        if self.s.result == "object":
            self.put("return")
        else:
            self.put(f"return {self.int(2) if self.s.result == 'int' else self.uint(2)}")

    # ---- functions -------------------------------------------------------------------------------------------------------------
    def function(self, n: int, last: bool, pool: bool) -> None:
        r = self.r
        s = self.s = Scope(result=r.choice(["int", "int", "uint", "object"]) if not last else r.choice(["int", "uint"]))
        self.budget = 400 if self.chance(0.02) else r.choice([6, 15, 30, 60] if not last else [20, 40, 120])
        name = "pool" if pool else "buf"
        kind = r.choice(["object", "ptr8"] if pool else ["object", "ptr8", "ptr16", "ptr32"])
        params = [(name, "object" if last and not pool else kind)]
        if last and params[0][1] == "object" and self.chance(0.5):
            params.append(("cb", "object"))
            s.callback = "cb"
        params += [(f"a{k}", r.choice(["int", "int", "uint"])) for k in range(r.choice([0, 1, 2, 3, 3, 4, 5, 6, 7]))]
        f = Function(f"f{n}", params, s.result)
        annotated = [p if t == "object" else f"{p}: {t}" for p, t in params]
        result = f" -> {s.result}" if s.result != "object" else ""
        self.lines += ["", "", "@micropython.viper", f"def {f.name}({', '.join(annotated)}){result}:"]
        self.indent = 1
        if params[0][1] == "object":
            s.buffer = name
            for t in r.sample(["ptr8", "ptr16", "ptr32"], r.randint(1, 3)):
                self.put(f"p{SIZE[t] * 8} = {t}({name})")
                s.pointers[f"p{SIZE[t] * 8}"] = (t, 1024)
        else:
            s.pointers[name] = (params[0][1], 1024)
        if self.chance(0.4):
            t = r.choice(["ptr8", "ptr16", "ptr32"])
            self.put(f"q = {t}(int({next(iter(s.pointers))}) + {r.choice([16, 64, 256])})")
            s.pointers["q"] = (t, 700)
            s.low["q"] = 16
        s.ints = [p for p, t in params if t == "int"]
        s.uints = [p for p, t in params if t == "uint"]
        for k in range(r.choice([1, 2, 3, 4, 8, 12])):
            self.put(f"x{k} = {self.int(1)}")
            s.ints.append(f"x{k}")
        if self.chance(0.4):
            self.put(f"u = {self.uint(1)}")
            s.uints.append("u")
        self.put("v = 0")
        self.body(self.budget)
        if s.result != "object" or self.chance(0.5):
            self.leave()
        self.functions.append(f)

    def program(self) -> Program:
        r = self.r
        self.lines = ["import micropython"]
        pool = self.chance(0.5)
        n = r.choice([1, 2, 3, 4])
        for k in range(n):
            self.function(k, k == n - 1, pool)
        last = self.functions[-1]
        wanted = [last.name] + [f.name for f in self.functions[:-1] if self.chance(0.3)]
        calls = [call for f in self.functions if f.name in wanted for call in self.arguments(f)]
        return Program("\n".join(self.lines) + "\n", calls, "callback" if self.s.callback else "pool", False, wanted)

    def arguments(self, f: Function) -> list[tuple[str, tuple[int, ...]]]:
        numbers = [t for _, t in f.params if t in ("int", "uint")]
        calls = []
        for _ in range(3):
            values = [self.r.choice(VALUES) if self.chance(0.5) else self.r.getrandbits(31) for _ in numbers]
            calls.append((f.name, tuple(v if t == "uint" or self.chance(0.6) else -v for v, t in zip(values, numbers, strict=True))))
        return calls
