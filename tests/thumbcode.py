# What ARMv6-M instructions do, as far as the proof about the native tier's code needs it
# MIT license; Copyright (c) 2026 the pitwasm authors
import re

from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs

from tests.nativeproof import LAYOUT, M32, Function, Ins, State, Value, at, const, made, signed

MACHINE = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
NAMES = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12"}
OTHERS = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "lr"]  # that hold slots, or anything between two instructions of the assembler
FLOAT = 36  # in core/machine/thumb
NOP = b"\xc0\x46"
# condition -> what holds of what was compared
CONDITIONS = {
    "eq": "eq", "ne": "ne", "hs": "uge", "lo": "ult", "hi": "ugt", "ls": "ule", "ge": "sge", "lt": "slt", "gt": "sgt", "le": "sle"
}  # fmt: skip
NOT = {"eq": "ne", "uge": "ult", "ugt": "ule", "sge": "slt", "sgt": "sle"}
NOT |= {other: relation for relation, other in NOT.items()}
# That change a register to something that nothing has to be known of.
PLAIN = frozenset("lsls lsrs asrs rsbs mvns ands orrs eors muls adcs sbcs rors sxtb sxth uxtb uxth".split())
WIDTH = {"": 4, "b": 1, "h": 2, "sb": 1, "sh": 2}
CELLS = {"X_BASE": at("pool"), "X_GLOBALS": at("globals"), "X_LIMIT": at("limit")}  # that functions read, besides X_CS
TOKEN = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[^,\s]+")


def number(text: str) -> int | str:
    return int(text[1:], 0) if text[0] == "#" else NAMES.get(text, text)


def operands(text: str) -> list:
    found: list = []
    for token in TOKEN.findall(text):
        if token[0] == "[":
            base, *rest = [number(part.strip()) for part in token[1:-1].split(",")]
            found.append((base, *rest))
        elif token[0] == "{":
            found += [number(part.strip()) for part in token[1:-1].split(",")]
        else:
            found.append(number(token))
    return found


class Thumb(Function):
    """r7 frame, r8 memory 0, r9 its bytes, r10 fuel, r11 -1, r12 running state."""

    KEPT = {
        "r7": at("frame"), "r8": at("memory"), "r9": at("size"), "r10": at("fuel"), "r11": const(-1), "r12": at("state")
    }  # fmt: skip
    BODY_STACK = (at("return"),)

    # Instructions.

    def decode(self) -> None:
        code = self.code
        self.ins, self.data = [], {}
        place = 0
        while place < len(code):
            if place in self.data:
                place += self.data[place]
                continue
            start = place
            for address, size, name, text in MACHINE.disasm_lite(code[place:place + 1024], place):
                if address in self.data:
                    break
                i = Ins(address, size, name.removesuffix(".w"), operands(text))
                self.here = i
                self.ins.append(i)
                place = address + size
                if name == "ldr" and i.ops[1][0] == "pc":
                    self.data[(address + 4 & -4) + i.ops[1][1]] = 4
                elif name == "bl":
                    target = self.target(i)
                    if target == 0:
                        self.data[place] = 2
                    elif (kind := self.routine(target)) is not None:
                        n = sum(size for size, slots in self.copies(place, kind, NOP))
                        if n:
                            self.data[place] = n
                if place in self.data:
                    break
            else:
                if place == start:
                    self.here = Ins(place, 2, code[place:place + 4].hex(), [])
                    self.wrong("no instruction")
                    place += 2
        self.index = {i.address: n for n, i in enumerate(self.ins)}
        data = {place for start, n in self.data.items() for place in range(start, start + n)}
        for i in self.ins:
            if not data.isdisjoint(range(i.address, i.address + i.size)):
                self.here = i
                self.wrong("lies over data")

    def target(self, i: Ins) -> int:
        return signed(i.ops[0] & M32)

    def targets(self, i: Ins) -> list[int]:
        """Where a branch inside the function goes."""
        if i.name[0] == "b" and (i.name in ("b", "bl") or i.name[1:] in CONDITIONS):
            target = self.target(i)
            if i.name != "bl" or target and target != self.enter and target not in self.outside():
                return [target]
        return []

    def outside(self) -> list[int]:
        exit_, *others = self.found["routines"][:6]
        return [exit_ - 10, exit_, *others, *(self.found["routines"][6] + FLOAT * k for k in range(5))]

    def routine(self, target: int) -> int | None:
        """Which of the routines for whole words (layout.R_*) a call goes to."""
        k, off = divmod(target - self.found["routines"][6], FLOAT)
        return k if off == 0 and 0 <= k < 5 else None

    def jumps_over(self, before: Ins, i: Ins) -> bool:
        return before.name == "bl" and self.routine(self.target(before)) is not None

    def is_leave_end(self, i: Ins) -> bool:
        return i.name == "bl"

    def is_loader_end(self, i: Ins) -> bool:
        return i.name == "bx"

    # States.

    def left(self) -> State:
        state = self.body()
        state.regs |= {"lr": at("left"), "r10": at("any")}
        return state

    def loading(self) -> State:
        state = self.body()
        state.regs["lr"] = at("on")
        return state

    def called(self) -> State:
        return State({**self.KEPT, "r0": at("word"), "lr": at("return")})

    def set(self, state: State, register: str, value: Value) -> None:
        if register not in OTHERS and value != self.get(state, register):
            if value[:2] != {"r7": ("frame", None), "r10": ("fuel", None)}.get(register):
                self.wrong(f"{register} becomes {value}")
        state.regs[register] = value

    def own(self, state: State, address: Value, size: int, value: Value | None) -> Value | None:
        base, unknown, offset = address
        if base == "left" and offset == M32 and size == 2 and not unknown and value is None:
            return None, ("number",), 0
        if base != "state" or unknown or size != 4:
            return None
        if offset == 4 * LAYOUT["X_CS"]:
            if value is None:
                return "calls", None, state.calls & M32
            if value not in (at("calls"), at("calls", -4)):
                return None
            state.calls = signed(value[2])
            return value
        known = {4 * LAYOUT[name]: cell for name, cell in CELLS.items()}
        return None if value else known.get(offset)

    def learn(self, state: State, relation: str, a: Value, b: Value) -> bool:
        if not super().learn(state, relation, a, b):
            return False
        if relation == "uge" and a == ("sp", None, M32 - 3) and b == at("limit"):
            self.note("stack")
            state.done |= {"stack"}
        elif relation == "ne" and a == at("fuel", -1) and b == const(-1):
            self.paid(state)
            state.regs["r10"] = at("fuel")
        return True

    def clears(self, n: int, state: State) -> int:
        """A loop that clears slots: its instructions; 0: it is none."""
        store, up, down, back = self.ins[n:n + 4] if n + 4 <= len(self.ins) else [self.here] * 4
        if not (up.ops and down.ops and store.ops):
            return 0
        pointer, count, zero = up.ops[0], down.ops[0], store.ops[0]
        form = store.name == "str" and store.ops[1] == (pointer,) and (up.name, up.ops[1:]) == ("adds", [4])
        form = form and (down.name, down.ops[1:]) == ("subs", [1]) and (back.name, back.ops) == ("bne", [store.address])
        if not form or self.back[store.address] != 1 or len({pointer, count, zero}) != 3:
            return 0
        if any(i.address in self.back or i.address in self.pending for i in (up, down, back)):
            return 0
        start, times = self.get(state, pointer), self.get(state, count)
        if start[:2] != ("frame", None) or times[:2] != (None, None) or self.get(state, zero) != const(0) or not times[2]:
            return 0
        if start[2] % 4 or start[2] + 4 * times[2] > self.size or not state.done >= {"room", "stack"}:
            self.wrong("clears beyond the frame")
        for register in (pointer, count):
            self.set(state, register, self.fresh(register))
        state.flags = ()
        return 4

    # What an instruction does.

    def step(self, i: Ins, state: State) -> State | None:
        name, o = i.name, i.ops
        if name[0] == "b" and name != "bics":
            return self.branch(i, state)
        if name in ("push", "pop"):
            return self.stack(i, state)
        if name[:3] in ("ldr", "str"):
            return self.memory(i, state)
        if name == "nop":
            return state
        if name == "add" and o[0] == "pc":
            return self.table(i, state)
        if name == "add" and o[0] == "sp":
            n = o[-1] // 4
            if len(state.stack) <= n or len(o) != 2 or o[1] % 4:
                self.wrong("the machine's stack")
            state.stack = state.stack[:-n]
            return state
        values = [const(x) if isinstance(x, int) else self.register(state, x) for x in o[1:]]
        if len(values) == 1 and name not in ("mov", "movs", "mvns", "sxtb", "sxth", "uxtb", "uxth"):
            values.insert(0, self.register(state, o[0]))
        if name == "cmp":
            state.flags = tuple(values)
            return state
        value = self.fresh(o[0])
        if name in ("mov", "movs"):
            value = values[0]
        elif name in ("add", "adds"):
            value = self.add(*values, o[0])
        elif name == "subs":
            value = self.sub(*values, o[0])
        elif name == "mvns" and values[0][:2] == (None, None):
            value = const(~values[0][2])
        elif name in ("lsls", "lsrs") and isinstance(o[-1], int):
            if values[0][:2] == (None, None):
                value = const(values[0][2] << o[-1] if name == "lsls" else values[0][2] >> o[-1])
            elif values[0][0] is None and o[-1] in (2, 14, 16, 18, 30, 31):
                value = made("<<" if name == "lsls" else ">>", values[0], o[-1])
        elif name not in PLAIN:
            self.wrong("no such instruction here")
            return None
        if name[-1] == "s":
            state.flags = (value, const(0), "shift") if name == "lsls" else ()
        self.set(state, o[0], value)
        return state

    def register(self, state: State, name: str) -> Value:
        return ("sp", None, -4 * len(state.stack) & M32) if name == "sp" else self.get(state, name)

    def memory(self, i: Ins, state: State) -> State | None:
        value, (base, *more) = i.ops
        size = WIDTH[i.name[3:]]
        if base == "pc":
            place = (i.address + 4 & -4) + more[0]
            if i.name != "ldr" or not 0 < place <= len(self.code) - 4:
                self.wrong("no literal")
            self.set(state, value, const(int.from_bytes(self.code[place:place + 4], "little")))
            return state
        address = self.register(state, base)
        for part in more:
            address = self.add(address, const(part) if isinstance(part, int) else self.register(state, part), "address")
        if i.name[0] == "s":
            self.access(state, address, size, self.register(state, value), value)
        else:
            self.set(state, value, self.access(state, address, size, None, value))
        return state

    def stack(self, i: Ins, state: State) -> State | None:
        for register in reversed(i.ops) if i.name == "push" else i.ops:
            if i.name == "push":
                state.stack += (self.register(state, register),)
                if len(state.stack) > 4:
                    self.wrong("too deep")
                continue
            if not state.stack or len(state.stack) < 2 and register != "pc":
                self.wrong("the machine's stack is empty")
                return None
            value = state.stack[-1]
            state.stack = state.stack[:-1]
            if register == "pc":
                if value != at("return") or state.stack or state.calls:
                    self.wrong(f"returns to {value}, call records {state.calls}")
                self.fits(state, "return")
                return None
            self.set(state, register, value)
        return state

    def fits(self, state: State, but: str = "") -> None:
        if but == "return":
            state.stack, state.calls = self.BODY_STACK, -4
        super().fits(state, but)

    # Branches.

    def table(self, i: Ins, state: State) -> State | None:
        unknown = self.register(state, i.ops[1])
        value = None
        if unknown[::2] == (None, 0) and unknown[1] and unknown[1][::2] == ("<<", 2):
            value = unknown[1][1]  # the number of the branch
        self.note("table")
        entries = range(state.most.get(value, 0))
        if unknown[:2] == (None, None) and unknown[2] % 4 == 0:
            entries = [unknown[2] // 4]  # always the same
        elif not entries:
            self.wrong("jumps anywhere")
        for k in entries:
            place = i.address + 4 + 4 * k
            n = self.index.get(place)
            if n is None or self.ins[n].name != "bl" or not self.targets(self.ins[n]):
                self.wrong("no table of branches")
                return None
            self.go(state, place)
        return None

    def branch(self, i: Ins, state: State) -> State | None:
        if i.name == "bx":
            if i.ops != ["lr"] or state.regs.get("lr") != at("on"):
                self.wrong("goes anywhere")
            self.fits(state)
            return None
        if i.name == "bl":
            return self.link(i, state)
        relation = CONDITIONS.get(i.name[1:])
        if relation is None and i.name != "b":
            self.wrong("no such branch here")
            return None
        target = self.target(i)
        if i.name == "b":
            self.go(state, target)
            return None
        taken = state.copy()
        flags = state.flags[:2]
        if state.flags[2:] and relation not in ("eq", "ne"):
            flags = ()  # a shift sets the others in its own way
        if not flags or self.learn(taken, relation, *flags):
            self.go(taken, target)
        return state if not flags or self.learn(state, NOT[relation], *flags) else None

    def link(self, i: Ins, state: State) -> State | None:
        target = self.target(i)
        exit_, fail, call, ref, mul, div, _ = self.found["routines"]
        r = {name: self.get(state, name) for name in ("r0", "r1", "r3", "r7")}
        state.regs["lr"] = self.fresh("lr")
        if target == 0:
            self.exits(int.from_bytes(self.code[i.address + 4:i.address + 6], "little"))
            self.fits(state, "r10")
        elif target == exit_ - 10:
            half = (None, ("number",), 0)
            word = (None, made(">>", made("<<", half, 18), 16)[1], self.found["func"])
            if r["r1"] != made(">>", half, 14) or r["r0"] != word:
                self.wrong("not the number of a code word")
            self.fits(state, "r10")
        elif target == exit_:
            if self.number(r["r0"]) not in self.starts or r["r1"] != const(LAYOUT["S_FUEL"]) or r["r7"] != at("frame") or state.calls != -4:
                self.wrong("not out of fuel")
        elif target == fail:
            if r["r0"] != at("word") or r["r7"] != at("frame") or state.calls:
                self.wrong("fails with another word")
        elif target in (call, ref, self.enter):
            header = {call: r["r1"], ref: None, self.enter: const(self.found["func"] - 8)}[target]
            slots = self.call(state, r["r0"], header, r["r7"])
            self.fits(State({**state.regs, "r7": at("frame")}, state.stack, state.calls, state.done))
            self.forget(state, OTHERS)
            state.regs["r7"] = at("frame", slots)
            return state
        elif target in (mul, div):
            if len(state.stack) != 3 or target == div and (r["r3"][:2] != (None, None) or r["r3"][2] > 3):
                self.wrong("no operands")
            state.regs["r3"] = self.fresh("r3")
            state.flags = ()
            return state
        elif (kind := self.routine(target)) is not None:
            self.beyond(i.address + 4, kind, NOP)
            self.fits(state)
            self.forget(state, ["r0", "r1", "r2", "r3", "lr"])
            return state
        else:
            self.go(state, target)
        return None


