# The proof about machine code of the native tier: a dataflow forward over the instructions of a function
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# thumbcode.py and rv32code.py have the machines. Labels that something comes to from behind, or the loop from outside, start with what
# holds at every label (body()) and nothing else; whatever comes to one has to have that.
import operator
import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tools.host import ROOT
from tools.macros import load_layout

LAYOUT = load_layout(ROOT / "core" / "pitwasm" / "layout.py") | load_layout(ROOT / "core" / "gen" / "opcodes.py")
FORMS: bytes = runpy.run_path(str(ROOT / "core" / "gen" / "forms.py"))["FORMS"]  # four bytes for each operation, the last: its words

# A value: (base, unknown, number): their sum, modulo 2**32. Bases are places: frame, memory, state … "size" is that of memory 0. An
# unknown is named by the instruction it comes from, or says how it was made of another value.
Value = tuple
M32 = 0xFFFFFFFF


def const(n: int) -> Value:
    return None, None, n & M32


def at(base: str, offset: int = 0) -> Value:
    return base, None, offset & M32


def made(how: str, value: Value, n: object) -> Value:
    """E.g. a value shifted by a constant."""
    return None, (how, value, n), 0


def signed(n: int) -> int:
    return n - (n >> 31 << 32)


@dataclass
class State:
    regs: dict[str, Value]
    stack: tuple[Value, ...] = ()  # of the machine, what was pushed last at the end
    calls: int = 0  # top of the call records: bytes from where it was when the function was called
    # room: of the frame and a call record; stack: of the machine's; fuel: the call is paid for. left: a unit for a branch back.
    done: frozenset[str] = frozenset()
    flags: tuple = ()
    below: dict[Value, int] = field(default_factory=dict)  # value -> n: it is less than the memory's size - n, which is no less than 0
    aligned: dict[object, tuple[int, int]] = field(default_factory=dict)  # unknown -> (m, r): it is r modulo m
    most: dict[Value, int] = field(default_factory=dict)  # value -> n: it is less than that
    have: int = 0  # memory has so many bytes at least

    def copy(self) -> "State":
        return replace(self, regs=dict(self.regs), below=dict(self.below), aligned=dict(self.aligned), most=dict(self.most))


COMPARE = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}

BODY = frozenset(("room", "stack", "fuel"))


@dataclass
class Ins:
    address: int
    size: int
    name: str
    ops: list  # numbers, registers, (base, index, offset) of memory


class Function:
    """The instructions of one function and the proof about them. A machine has decode(), step(), fresh states and what it expects."""

    KEPT: ClassVar[dict[str, Value]] = {}  # registers at labels
    BODY_STACK: ClassVar[tuple[Value, ...]] = ()
    ALIGN = 8  # of memory 0 and its size

    def __init__(self, found: dict) -> None:
        self.found = found
        self.code = bytes.fromhex(found["code"])
        self.size = 4 * found["slots"]
        words = bytearray.fromhex(found["words"])
        for n, word, *_ in found["records"]:
            words[4 * n:4 * n + 4] = word.to_bytes(4, "little")
        self.words = bytes(words)
        self.starts = set()  # of code words
        n = 0
        while n < len(words) // 4:
            self.starts.add(n)
            n += FORMS[4 * words[4 * n] + 3]
        self.patched = {record[0] for record in found["records"]}
        self.bad: list[str] = []
        self.places: list[int] = []  # where
        self.here: Ins = Ins(0, 0, "", [])
        self.data: dict[int, int] = {}  # place -> bytes that are no instructions
        self.ins: list[Ins] = []
        self.index: dict[int, int] = {}
        self.back: dict[int, int] = {}  # label -> branches that come from behind it
        self.pending: dict[int, list[State]] = {}
        self.calls: set[int] = set()  # code words that calls were made for
        self.reached: list[Ins] = []  # that something comes to
        self.kinds: dict[str, list[Ins]] = {}  # what was proved of which instructions

    # Findings.

    def wrong(self, problem: str) -> None:
        self.places.append(self.here.address)
        i = self.here
        self.bad.append(f"{self.found['file']} function {self.found['number']} {i.address:#x}: {i.name} {i.ops}: {problem}")

    def note(self, kind: str) -> None:
        self.kinds.setdefault(kind, []).append(self.here)

    def proof(self) -> list[str]:
        """What cannot be proved, in the order of the code."""
        self.bad = []
        self.pending = {}
        self.decode()
        self.loader = self.after(lambda i: self.is_leave_end(i), 0)
        self.enter = self.after(lambda i: self.is_loader_end(i), self.loader)
        entries = {0: self.left(), self.loader: self.loading(), self.enter: self.called()}
        for n, _, code, loader, call in self.found["records"]:
            if loader != self.loader or call and (call != self.enter or n) or not n and call != self.enter or n not in self.starts:
                self.wrong(f"record {n}, {code:#x}, {loader:#x}, {call:#x}")
            entries[code] = self.body()
        for i in self.ins:
            for target in self.targets(i):
                if target <= i.address:
                    self.back[target] = self.back.get(target, 0) + 1
        labels = entries.keys() | self.back.keys() | {target for i in self.ins for target in self.targets(i)}
        for place in labels - self.index.keys():
            self.wrong(f"no instruction at {place:#x}")
        state: State | None = None
        skip = -1
        for n, i in enumerate(self.ins):
            self.here = i
            before = self.ins[n - 1] if n else None
            if state and before and before.address + before.size != i.address and not self.jumps_over(before, i):
                self.wrong("comes here out of data")
            if n < skip:
                continue
            incoming = self.pending.pop(i.address, [])
            if i.address in entries:
                for one in incoming + ([state] if state else []):
                    if i.address in (0, self.loader, self.enter):
                        self.wrong("comes to an entry")
                    self.fits(one)
                state = entries[i.address].copy()
            elif self.back.get(i.address):
                cleared = self.clears(n, state) if state and not incoming else 0
                if cleared:
                    skip = n + cleared
                    continue
                for one in incoming + ([state] if state else []):
                    self.fits(one)
                state = self.body()
            else:
                for one in incoming:
                    state = self.meet(state, one) if state else one
            if state:
                self.reached.append(i)
                state = self.step(i, state)
        if state:
            self.wrong("runs out of the function")
        return self.bad

    def after(self, end, place: int) -> int:
        for n in range(self.index.get(place, 0), len(self.ins) - 1):
            if end(self.ins[n]):
                return self.ins[n + 1].address
        return 0

    # States.

    def body(self) -> State:
        """At a label."""
        return State(dict(self.KEPT), self.BODY_STACK, -4, BODY)

    def fits(self, state: State, but: str = "") -> None:
        """Is everything as it has to be at a label? Where it leaves, the register `but` may have another value."""
        for register, value in self.KEPT.items():
            if state.regs.get(register) != value and register != but:
                self.wrong(f"{register} is {state.regs.get(register)} at a label")
        if state.stack != self.BODY_STACK or state.calls != -4 or not state.done >= BODY:
            self.wrong(f"{state.stack} {state.calls} {sorted(state.done)} at a label")

    def meet(self, a: State, b: State) -> State:
        """What is known wherever it came from."""
        if a.stack != b.stack or a.calls != b.calls:
            self.wrong("stacks differ")
        regs = {r: v if b.regs[r] == v else self.fresh(r + "'") for r, v in a.regs.items() if r in b.regs}
        below = {v: min(n, b.below[v]) for v, n in a.below.items() if v in b.below}
        aligned = {v: x for v, x in a.aligned.items() if b.aligned.get(v) == x}
        most = {v: max(n, b.most[v]) for v, n in a.most.items() if v in b.most}
        return State(regs, a.stack, a.calls, a.done & b.done, (), below, aligned, most, min(a.have, b.have))

    def get(self, state: State, register: str) -> Value:
        return state.regs.setdefault(register, self.fresh(register + "?"))

    def forget(self, state: State, registers: list[str]) -> None:
        """What may have changed anything but the frame."""
        for register in registers:
            state.regs.pop(register, None)
        state.flags, state.below, state.aligned, state.most, state.have = (), {}, {}, {}, 0

    def fresh(self, name: str) -> Value:
        return None, (self.here.address, name), 0

    # Values.

    def add(self, a: Value, b: Value, name: str) -> Value:
        if a[0] and b[0] or a[1] and b[1]:
            return self.fresh(name)
        return a[0] or b[0], a[1] or b[1], (a[2] + b[2]) & M32

    def sub(self, a: Value, b: Value, name: str) -> Value:
        if b[:2] == (None, None):
            return a[0], a[1], (a[2] - b[2]) & M32
        if a[:2] == ("calls", None) and b == at("frame"):
            return "room", None, a[2]
        return self.fresh(name)

    def learn(self, state: State, relation: str, a: Value, b: Value) -> bool:
        """a relation b holds from here on. False: it cannot, so nothing comes here."""
        if a[:2] == b[:2] == (None, None):
            x, y = (a[2], b[2]) if relation[0] in "eun" else (signed(a[2]), signed(b[2]))
            return COMPARE[relation[-2:]](x, y)
        if relation in ("ugt", "ule"):
            relation, a, b = "ult" if relation == "ugt" else "uge", b, a
        if relation == "ult":
            if b[:2] == ("size", None) and a[0] is None:
                k = -b[2] & M32
                if k <= self.found["least"]:  # else the difference may be below 0
                    self.note("check")
                    state.below[a] = max(k, state.below.get(a, 0))
            elif b[:2] == (None, None) and a[0] is None:
                state.most[a] = b[2]
                return b[2] > 0
        elif relation == "uge":
            if a == at("size") and b[:2] == (None, None):
                self.note("check")
                state.have = max(state.have, b[2])
        elif relation == "sge":
            if a == ("room", None, 0) and b[:2] == (None, None) and self.size + 16 <= b[2] < 1 << 31:
                self.note("room")
                state.done |= {"room"}
        elif relation == "eq" and b == const(0) and a[0] is None and a[2] == 0 and a[1] and a[1][0] in ("low", "<<"):
            how, value, n = a[1]
            m = n + 1 if how == "low" else 1 << 32 - n
            if value[0] is None and value[1] and m in (2, 4):
                self.note("aligned")
                state.aligned[value[1]] = (m, -value[2] % m)
        return True

    # Memory.

    def inside(self, state: State, unknown: object, offset: int, size: int) -> str:
        """Memory 0 from its start + unknown + offset on: are these bytes there, and at such an address as the machine takes?"""
        m, r = state.aligned.get(unknown, (1, 0)) if unknown else (self.ALIGN, 0)
        aligned = m % size == 0 and (r + offset) % size == 0
        if not aligned:
            return "may be unaligned"
        if unknown is None and offset + size <= state.have:
            return ""
        for value, k in state.below.items():
            if value[1] == unknown:
                more = (offset - value[2]) & M32  # bytes from what was compared
                if more + size - 1 <= k or aligned and more <= k:  # the memory's size is a multiple of 8
                    return ""
        return "not checked"

    def access(self, state: State, address: Value, size: int, value: Value | None, name: str) -> Value:
        """A load (value None) to register `name`, or a store. What was loaded."""
        base, unknown, offset = address
        self.note(f"{base} {'load' if value is None else 'store'}")
        problem = ""
        found = self.fresh(name)
        if value and (value[0] or value[1] and value[1][0] == "cell") and base not in ("calls", "state", "returns"):
            problem = f"stores {value}"
        if base == "frame" and unknown is None:
            if size != 4 or offset % 4 or offset + 4 > self.size:
                problem = "outside the frame"
            if not state.done >= {"room", "stack"}:
                problem = "the frame is not known to have room"
        elif base == "memory":
            problem = problem or self.inside(state, unknown, offset, size)
        elif base == "globals" and unknown is None:
            if value is not None or size != 4 or offset % 4 or offset >= 4 * self.found["globals"]:
                problem = "no such global"
            found = None, ("cell", offset), 0
        elif base == "pool" and unknown and unknown[0] == "cell":
            if size != 4 or offset not in (0, 4):
                problem = "beyond the global"
        elif base == "calls" and unknown is None:
            if value != at("word") or offset != M32 - 3 or size != 4 or "room" not in state.done or state.calls != -4:
                problem = "no call record"
        else:
            own = self.own(state, address, size, value)
            if own is None:
                problem = f"to {address}"
            elif own:
                found = own
        if problem:
            self.wrong(problem)
        return found

    # Branches and what is called.

    def go(self, state: State, target: int) -> None:
        """A branch inside the function."""
        self.note("branch")
        if target not in self.index:
            self.wrong("goes outside")
        elif target <= self.here.address:
            if "left" not in state.done:
                self.wrong("goes back without fuel")
            if target in (0, self.loader, self.enter):
                self.wrong("goes to an entry")
            self.fits(state)
        else:
            self.pending.setdefault(target, []).append(state.copy())

    def paid(self, state: State) -> None:
        """A unit of fuel was there."""
        self.note("fuel")
        state.done |= {"left" if "fuel" in state.done else "fuel"}

    def number(self, value: Value) -> int | None:
        """Which of the function's code words a register holds the place of."""
        n, rest = divmod((value[2] - self.found["func"]) & M32, 4)
        return n if value[:2] == (None, None) and not rest and n < len(self.words) // 4 else None

    def exits(self, half: int) -> None:
        """An exit, by the number behind it: a code word's, and the status."""
        self.note("exit")
        n, status = half & 0x3FFF, half >> 14
        if n not in self.starts or status > 2 or status == 0 and n in self.patched:
            self.wrong(f"leaves at word {n} with {status}")

    def call(self, state: State, word: Value, header: Value | None, frame: Value) -> int:
        """A call: the word's slots, which the frame moves by, and its function. Bytes that the frame has moved by then."""
        self.note("call")
        n = self.number(word)
        by_header = header is not None
        first = n if by_header or n is None else n - 1
        if n is None or first not in self.starts or self.words[4 * first] != LAYOUT["OP_CALL" if by_header else "OP_CALL_REF"]:
            self.wrong(f"calls for {word}")
            return 0
        if n in self.calls:
            self.wrong(f"calls for {word} again")
        self.calls.add(n)
        slots = 4 * self.words[4 * n + 1]
        if slots > self.size or frame != at("frame", slots if by_header else 0) or not state.done >= BODY or state.calls != -4:
            self.wrong(f"calls with {frame}")
        if header is not None:
            index = int.from_bytes(self.words[4 * n + 2:4 * n + 4], "little") - self.found["imported"]
            if not 0 <= index < len(self.found["headers"]) or header != const(self.found["headers"][index]):
                self.wrong(f"calls {header}")
        return slots

    def copies(self, place: int, kind: int, nop: bytes) -> Iterator[tuple[int, list[int]]]:
        """The copies of code words behind a call of a routine (layout.R_*): (bytes, the last of the slots that each operand has)."""
        start = place
        code = self.code
        op, sub = code[place:place + 2]
        if kind == LAYOUT["R_SHIFT"]:
            if op - LAYOUT["OP_I64_SHIFT"] not in range(4) and op - LAYOUT["OP_I64_ROT"] not in range(2):
                self.wrong("no shift")
            yield 4, [code[place + 1] + 1, code[place + 2] + 1, code[place + 3]]
            return
        if kind == LAYOUT["R_INTEGER"]:
            if op != LAYOUT["OP_RARE"] or sub > LAYOUT["SUB_I32_POPCNT"]:
                self.wrong("no division, nor a count")
            wide = sub < LAYOUT["SUB_I32_CLZ"]
            yield 8, [code[place + 2] + wide, code[place + 3] + wide, code[place + 4] + 1 if sub <= LAYOUT["SUB_I64_REM_U"] else 0]
            return
        if kind == LAYOUT["R_CONVERT"]:
            if op != LAYOUT["OP_FLOAT"] + 12:
                self.wrong("no conversion")
            yield 4, list(code[place + 1:place + 3])
            return
        while place < len(code):
            op = code[place] - LAYOUT["OP_FLOAT"]
            if code[place] == LAYOUT["OP_CONST64_W" if kind else "OP_CONST_W"]:
                size, slots = (12, 1) if kind else (8, 1)
            elif 16 <= op < 28 if kind else 0 <= op < 12:
                size, slots = 4, 3
            else:
                break
            yield size, [slot + kind for slot in code[place + 1:place + 1 + slots]]
            place += size
        if place == start or not code.startswith(nop, place):
            self.wrong("no end of float words")

    def beyond(self, place: int, kind: int, nop: bytes) -> None:
        """Do all these words name slots of the frame?"""
        self.note("routine")
        for _, slots in self.copies(place, kind, nop):
            if max(slots) >= self.found["slots"]:
                self.wrong(f"slots {slots}")

    # What a machine has.

    def decode(self) -> None:
        raise NotImplementedError

    def step(self, i: Ins, state: State) -> State | None:
        raise NotImplementedError

    def targets(self, i: Ins) -> list[int]:
        raise NotImplementedError

    def own(self, state: State, address: Value, size: int, value: Value | None) -> Value | None:
        raise NotImplementedError

    def clears(self, n: int, state: State) -> int:
        raise NotImplementedError

    def jumps_over(self, before: Ins, i: Ins) -> bool:
        return False

    def is_leave_end(self, i: Ins) -> bool:
        raise NotImplementedError

    def is_loader_end(self, i: Ins) -> bool:
        raise NotImplementedError

    def left(self) -> State:
        raise NotImplementedError

    def loading(self) -> State:
        raise NotImplementedError

    def called(self) -> State:
        raise NotImplementedError
