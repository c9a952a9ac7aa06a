# What RV32IMC instructions do, as far as the proof about the native tier's code needs it
# MIT license; Copyright (c) 2026 the pitwasm authors
import re

from capstone import CS_ARCH_RISCV, CS_MODE_RISCV32, CS_MODE_RISCVC, Cs

from tests.nativeproof import LAYOUT, Function, Ins, State, Value, at, const, made, signed

MACHINE = Cs(CS_ARCH_RISCV, CS_MODE_RISCV32 | CS_MODE_RISCVC)
FLOAT = 10  # in core/machine/rv32
NOP = b"\x01\x00"
# That hold slots, or anything between two instructions of the assembler.
OTHERS = ["a0", "a1", "a6", "a7", "t3", "t4", "t5", "t6", "a2", "a3", "a4", "a5", "s1", "t0", "t1", "t2", "ra"]
PINNED = ["a2", "a3", "a4", "a5", "t5", "t6"]  # that routines for whole words keep
CONDITIONS = {"beq": "eq", "bne": "ne", "bltu": "ult", "bgeu": "uge", "blt": "slt", "bge": "sge"}
NOT = {"eq": "ne", "ne": "eq", "ult": "uge", "uge": "ult", "slt": "sge", "sge": "slt"}
LOADS = {"lw": 4, "lb": 1, "lbu": 1, "lh": 2, "lhu": 2}
STORES = {"sw": 4, "sb": 1, "sh": 2}
IMMEDIATE = ("addi", "slti", "sltiu", "xori", "ori", "andi", "slli", "srli", "srai")
PLAIN = tuple("add sub sll slt sltu xor srl sra or and mul mulh mulhu mulhsu div divu rem remu".split())
MEMORY = re.compile(r"(-?\w+)\((\w+)\)")
ZERO = const(0)


def operands(text: str) -> list:
    found: list = []
    for token in text.split(", ") if text else []:
        if memory := MEMORY.fullmatch(token):
            found.append((memory[2], int(memory[1], 0)))
        else:
            found.append(int(token, 0) if token.lstrip("-")[0].isdigit() else token)
    return found


def plain(name: str, o: list) -> tuple[str, list]:
    """One form for all that mean the same: as the instruction of 32 bits without abbreviations."""
    short = name.startswith("c.")
    name = name.removeprefix("c.")
    if name in ("nop", "unimp", "ebreak"):
        return name, o
    if short and (name in PLAIN or name in IMMEDIATE):
        return name, [o[0], *o]
    if name == "li":
        return "addi", [o[0], "zero", o[1]]
    if name == "mv":
        return "addi", [*o, 0]
    if name == "not":
        return "xori", [*o, -1]
    if name == "neg":
        return "sub", [o[0], "zero", o[1]]
    if name == "seqz":
        return "sltiu", [*o, 1]
    if name == "snez":
        return "sltu", [o[0], "zero", o[1]]
    if name == "sltz":
        return "slt", [*o, "zero"]
    if name == "sgtz":
        return "slt", [o[0], "zero", o[1]]
    if name in ("beqz", "bnez", "bltz", "bgez"):
        return name[:-1], [o[0], "zero", o[1]]
    if name in ("blez", "bgtz"):
        return {"blez": "bge", "bgtz": "blt"}[name], ["zero", *o]
    if name == "j":
        return "jal", ["zero", *o]
    if name == "jal" and len(o) == 1:
        return name, ["ra", *o]
    if name == "ret":
        return "jalr", ["zero", ("ra", 0)]
    if name == "jr":
        return "jalr", ["zero", o[0] if isinstance(o[0], tuple) else (o[0], 0)]
    if name == "jalr":
        if len(o) == 1:
            o = ["ra", *o]
        if len(o) == 3:
            o = [o[0], (o[1], o[2])]
        return name, [o[0], o[1] if isinstance(o[1], tuple) else (o[1], 0)]
    return name, o


class RV32(Function):
    """s0 frame, s2 memory 0, s3 its bytes, s4 fuel, s5 call records, s6 pool, s7 globals, s8 stack of return addresses, s9 code space."""

    KEPT = {
        "s0": at("frame"), "s2": at("memory"), "s3": at("size"), "s4": at("fuel"), "s5": at("calls", -4), "s6": at("pool"),
        "s7": at("globals"), "s8": at("returns", -4), "s9": at("code"), "sp": at("sp"), "zero": ZERO,
    }  # fmt: skip
    BODY_STACK = (at("return"),)

    # Instructions.

    def decode(self) -> None:
        self.ins, self.data = [], {}
        code = self.code
        place = 0
        while place < len(code):
            start = place
            for address, size, name, text in MACHINE.disasm_lite(code[place:place + 1024], place):
                i = Ins(address, size, *plain(name, operands(text)))
                self.ins.append(i)
                place = address + size
                if i.name == "jal" and i.ops[0] == "t0" and self.target(i) == 0:
                    self.data[place] = 2  # the number of the code word where it leaves
                elif i.name == "jal" and i.ops[0] == "ra" and (kind := self.routine(self.target(i))) is not None:
                    self.data[place] = sum(size for size, _ in self.copies(place, kind, NOP))
                if place in self.data:
                    place += self.data[place]
                    break
            else:
                if place == start:
                    self.here = Ins(place, 2, code[place:place + 4].hex(), [])
                    self.wrong("no instruction")
                    place += 2
        self.index = {i.address: n for n, i in enumerate(self.ins)}

    def target(self, i: Ins) -> int:
        return i.address + i.ops[-1]

    def targets(self, i: Ins) -> list[int]:
        """Where a branch inside the function goes."""
        if i.name in CONDITIONS or i.name == "jal" and i.ops[0] == "zero" and self.target(i) not in self.found["routines"]:
            return [self.target(i)]
        return []

    def routine(self, target: int) -> int | None:
        """Which of the routines for whole words (layout.R_*) a call goes to."""
        k, off = divmod(target - self.found["routines"][6], FLOAT)
        return k if off == 0 and 0 <= k < 5 else None

    def jumps_over(self, before: Ins, i: Ins) -> bool:
        return before.name == "jal" and self.routine(self.target(before)) is not None

    def is_leave_end(self, i: Ins) -> bool:
        return i.name == "jal"

    def is_loader_end(self, i: Ins) -> bool:
        return i.name == "jalr"

    # States.

    def left(self) -> State:
        state = self.body()
        state.regs |= {"t0": at("left"), "s4": at("any")}
        return state

    def loading(self) -> State:
        state = self.body()
        state.regs["t0"] = at("on")
        return state

    def called(self) -> State:
        return State({**self.KEPT, "s5": at("calls"), "s8": at("returns"), "a0": at("word"), "ra": at("return")})

    def set(self, state: State, register: str, value: Value) -> None:
        if register not in OTHERS and value != self.get(state, register):
            allowed = {"s0": "frame", "s4": "fuel", "s5": "calls", "s8": "returns"}.get(register)
            if value[:2] != (allowed, None) or not allowed:
                self.wrong(f"{register} becomes {value}")
            if register == "s5":
                state.calls = signed(value[2])
        state.regs[register] = value

    def own(self, state: State, address: Value, size: int, value: Value | None) -> Value | None:
        base, unknown, offset = address
        if base == "left" and not offset and size == 2 and not unknown and value is None:
            return None, ("number",), 0
        if (base, unknown, signed(offset)) != ("returns", None, -4) or size != 4:
            return None
        if value is None:
            return state.stack[-1] if state.stack else None
        if value != at("return") or state.stack or "stack" not in state.done:
            return None
        state.stack = (value,)
        return value

    def learn(self, state: State, relation: str, a: Value, b: Value) -> bool:
        if not super().learn(state, relation, a, b):
            return False
        if relation == "ne" and (a, b) == (at("returns"), at("sp")):
            self.note("stack")
            state.done |= {"stack"}
        elif relation == "sge" and (a, b) == (at("fuel", -1), ZERO):
            self.paid(state)
            state.regs["s4"] = at("fuel")
        return True

    def clears(self, n: int, state: State) -> int:
        """A loop that clears slots: its instructions; 0: it is none."""
        store, up, down, back = self.ins[n:n + 4] if n + 4 <= len(self.ins) else [self.here] * 4
        if not (up.ops and down.ops):
            return 0
        pointer, count = up.ops[0], down.ops[0]
        form = (store.name, store.ops) == ("sw", ["zero", (pointer, 0)]) and (up.name, up.ops) == ("addi", [pointer, pointer, 4])
        form = form and (down.name, down.ops) == ("addi", [count, count, -1]) and pointer != count
        form = form and (back.name, back.ops) == ("bne", [count, "zero", store.address - back.address])
        if not form or self.back[store.address] != 1 or any(i.address in self.back or i.address in self.pending for i in (up, down, back)):
            return 0
        start, times = self.get(state, pointer), self.get(state, count)
        if start[:2] != ("frame", None) or times[:2] != (None, None) or not times[2]:
            return 0
        if start[2] % 4 or start[2] + 4 * times[2] > self.size or not state.done >= {"room", "stack"}:
            self.wrong("clears beyond the frame")
        for register in (pointer, count):
            self.set(state, register, self.fresh(register))
        return 4

    # What an instruction does.

    def step(self, i: Ins, state: State) -> State | None:
        name, o = i.name, i.ops
        if name in CONDITIONS:
            return self.branch(i, state)
        if name in LOADS or name in STORES:
            base, offset = o[1]
            address = self.add(self.get(state, base), const(offset), "address")
            if name in STORES:
                self.access(state, address, STORES[name], self.get(state, o[0]), o[0])
            else:
                self.set(state, o[0], self.access(state, address, LOADS[name], None, o[0]))
            return state
        if name in ("jal", "jalr"):
            return self.link(i, state) if name == "jal" else self.indirect(i, state)
        if name == "nop":
            return state
        if not o:
            self.wrong("no such instruction here")
            return None
        value = self.fresh(o[0])
        if name == "lui":
            value = const(o[1] << 12)
        elif name == "auipc":
            if o[1]:
                self.wrong("no such instruction here")
            value = at("here", i.address)
        elif name in IMMEDIATE or name in PLAIN:
            a = self.get(state, o[1])
            b = const(o[2]) if isinstance(o[2], int) else self.get(state, o[2])
            if name in ("add", "addi"):
                value = self.add(a, b, o[0])
            elif name == "sub":
                value = self.sub(a, b, o[0])
            elif a[:2] == b[:2] == (None, None) and name in ("slli", "srli", "andi"):
                value = const(a[2] << b[2] if name == "slli" else a[2] >> b[2] if name == "srli" else a[2] & b[2])
            elif a[0] is None and (name, o[2]) in (("andi", 1), ("andi", 3), ("slli", 2)):
                value = made("low" if name == "andi" else "<<", a, o[2])
        else:
            self.wrong("no such instruction here")
            return None
        self.set(state, o[0], value)
        return state

    # Branches.

    def branch(self, i: Ins, state: State) -> State | None:
        relation = CONDITIONS[i.name]
        a, b = (self.get(state, register) for register in i.ops[:2])
        taken = state.copy()
        if self.learn(taken, relation, a, b):
            self.go(taken, self.target(i))
        return state if self.learn(state, NOT[relation], a, b) else None

    def indirect(self, i: Ins, state: State) -> State | None:
        link, (register, offset) = i.ops
        value = self.add(self.get(state, register), const(offset), "target")
        base, unknown, place = value
        if link != "zero":
            self.wrong("calls anything")
        elif value == at("on"):
            self.fits(state)
        elif value == at("return"):
            if state.regs["s5"] != at("calls") or state.regs["s8"] != at("returns"):
                self.wrong("returns with call records of its own")
            self.fits(State({**state.regs, "s5": self.KEPT["s5"], "s8": self.KEPT["s8"]}, state.stack, -4, state.done))
        elif base == "here":
            self.note("table")
            index = (unknown or ZERO)[1] if unknown and unknown[0] == "<<" and unknown[2] == 2 else None
            entries = range(state.most.get(index, 0) if index else 1 if not unknown else 0)
            if not entries:
                self.wrong("jumps anywhere")
            for k in entries:
                n = self.index.get(place + 4 * k)
                if n is None or self.ins[n].size != 4 or self.ins[n].name != "jal" or not self.targets(self.ins[n]):
                    self.wrong("no table of branches")
                    break
                self.go(state, place + 4 * k)
        else:
            self.wrong(f"jumps to {value}")
        return None

    def link(self, i: Ins, state: State) -> State | None:
        target, link = self.target(i), i.ops[0]
        exit_, fail, call, ref, _, leave, _ = self.found["routines"]
        r = {name: self.get(state, name) for name in ("a0", "a1", "s0", "s1", "s5", "s8")}
        if link == "t0" and target == 0:
            self.exits(int.from_bytes(self.code[i.address + 4:i.address + 6], "little"))
            self.fits(state, "s4")
        elif link == "ra" and target in (call, ref, self.enter):
            header = {call: r["a1"], ref: None, self.enter: const(self.found["func"] - 8)}[target]
            slots = self.call(state, r["a0"], header, r["s0"])
            self.fits(State({**state.regs, "s0": at("frame")}, state.stack, state.calls, state.done))
            self.forget(state, OTHERS)
            state.regs["s0"] = at("frame", slots)
            return state
        elif link == "ra" and (kind := self.routine(target)) is not None:
            self.beyond(i.address + 4, kind, NOP)
            self.fits(state)
            self.forget(state, [register for register in OTHERS if register not in PINNED])
            return state
        elif link != "zero":
            self.wrong("calls anything")
        elif target == leave:
            if r["s1"] != (None, ("number",), 0) or r["a0"] != const(self.found["func"]):
                self.wrong("not the number of a code word")
            self.fits(state, "s4")
        elif target == exit_:
            if self.number(r["a0"]) not in self.starts or r["a1"] != const(LAYOUT["S_FUEL"]):
                self.wrong("not out of fuel")
            self.fits(State(state.regs, state.stack, state.calls, state.done | {"fuel"}), "s4")
        elif target == fail:
            if r["a0"] != at("word") or r["s0"] != at("frame") or r["s5"] != at("calls"):
                self.wrong("fails with another word")
        else:
            self.go(state, target)
        return None
