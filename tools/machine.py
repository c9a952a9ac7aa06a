# Machine code of the loop for the Pico: what each operation costs in instructions and cycles of a Cortex-M0+
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The function is run abstractly from the head of the inner loop: the operation's code is known, everything else is not. Where a branch
# depends on what is not known, both ways are followed. What no other operation passes through is the handler, what comes before it
# the dispatch.

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs, CsInsn
from capstone.arm import ARM_CC_AL, ARM_OP_IMM, ARM_OP_REG, ARM_REG_PC, ARM_REG_R0, ARM_REG_R12, ARM_REG_SP

from tools.viperc.mpyfile import VIPER, MpyFile

REGISTERS = range(ARM_REG_R0, ARM_REG_R12 + 1)
SCRATCH = (*range(ARM_REG_R0, ARM_REG_R0 + 4), ARM_REG_R12)  # what a call does not keep
UNARY = ("mov", "adr", "uxtb", "uxth", "sxtb", "sxth", "mvn", "rsb", "neg", "rev", "rev16")
LONGEST = 300  # instructions of a way; the loop's own are shorter, what is longer leaves it
MANY = 3000  # ways of one operation


# ---- running it ------------------------------------------------------------------------------------------------------------------------

# An int, (register, distance from what it holds at the head), or None: not known.
Value = int | tuple[int, int] | None


@dataclass
class State:
    at: int | None
    registers: dict[int, Value]
    stack: dict[int, Value] = field(default_factory=dict)
    sp: int = 0
    flags: tuple[Value, Value] = (None, None)  # as cmp of these two leaves them; with 0, only N and Z are used
    path: list[int] = field(default_factory=list)  # addresses
    cycles: int = 0
    costs: list[int] = field(default_factory=list)  # cycles up to and with each instruction
    calls: int = 0

    def copy(self) -> "State":
        return replace(self, registers=dict(self.registers), stack=dict(self.stack), path=list(self.path), costs=list(self.costs))


@dataclass
class Way:
    addresses: list[int]
    cycles: int
    costs: list[int]  # cycles up to and with each instruction
    calls: int


class Loop:
    """The largest function of a .mpy file."""

    def __init__(self, mpy: Path):
        functions = [bytes(raw.data) for raw in MpyFile.parse(mpy.read_bytes()).code.all() if raw.kind == VIPER]
        self.code = max(functions, key=len)
        self.decoder = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
        self.decoder.detail = True
        self.known: dict[int, CsInsn | None] = {}
        self.head = self._head()
        self.ip, self.word_at = 0, 0
        self.ip, self.word_at = self._fetched()

    def instruction(self, at: int) -> CsInsn | None:
        """None: no instruction."""
        if at not in self.known:
            self.known[at] = next(self.decoder.disasm(self.code[at : at + 4], at, 1), None)
        return self.known[at]

    def number(self, at: int, size: int = 4) -> int | None:
        """A constant in the code."""
        return int.from_bytes(self.code[at : at + size], "little") if 0 <= at <= len(self.code) - size else None

    def _function(self, at: int) -> bool:
        """Whether a function starts there: it pushes lr."""
        return (self.number(at, 2) or 0) & 0xFF00 == 0xB500

    def far(self, at: int) -> int | None:
        """Where "ldr rX, [pc, #0]; add pc, rX; .word" at this address jumps to."""
        first, second = (self.number(at + i, 2) or 0 for i in (0, 2))
        if first & 0xF8FF == 0x4800 and second == 0x4487 | (first >> 5 & 0x38) and at % 4 == 0:
            return (at + 6 + (self.number(at + 4) or 0)) & 0xFFFFFFFF
        return None

    def _head(self) -> int:
        """Where most backward jumps go: the operations' way back."""
        targets: Counter[int] = Counter()
        at = 0
        while at + 2 <= len(self.code):
            to = self.far(at)
            if to is not None:
                targets[to] += to < at
                at += 8
                continue
            now = self.instruction(at)
            if now and _jumps(now):
                targets[now.operands[0].imm] += now.operands[0].imm < at
            at += now.size if now else 2
        return targets.most_common(1)[0][0]

    def _fetched(self) -> tuple[int, int]:
        """The register that leads to the word fetched at the head, and how far: what the first ldrb reads."""
        state = State(self.head, {register: (register, 0) for register in REGISTERS})
        for _ in range(20):
            now = self.instruction(state.at)
            if now.mnemonic == "ldrb":
                place = now.operands[1].mem
                base = state.registers.get(place.base)
                if isinstance(base, tuple) and not place.index:
                    return base[0], base[1] + place.disp
            self.step(state, 0)
        raise ValueError("no word is fetched at the head of the loop")

    def ways(self, code: int, seen: set[int], calls: bool = False) -> list[Way]:
        """The ways from the head back to it when the word's operation is `code`; calls: also those that call something. `seen` gets the
        addresses of all instructions, those of ways that lead out of the loop too."""
        found: list[Way] = []
        todo = [State(self.head, {self.ip: (self.ip, 0)})]
        spent = 0
        while todo and spent < MANY:
            state = todo.pop()
            spent += 1
            while True:
                if state.path and state.at == self.head:
                    found.append(Way(state.path, state.cycles, state.costs, state.calls))
                    break
                if state.at is None or self.instruction(state.at) is None or state.at in state.path:
                    break
                if len(state.path) > LONGEST or (state.calls and not calls):
                    break
                seen.add(state.at)
                other = self.step(state, code)
                if other is not None:
                    todo.append(other)
        return found

    def step(self, state: State, code: int) -> State | None:
        """One instruction; the state of the other way where a branch can go both."""
        before = state.cycles
        other = self._step(state, code)
        if other is not None:
            other.costs.append(other.cycles)
            assert other.cycles > before
        state.costs.append(state.cycles)
        return other

    def _step(self, state: State, code: int) -> State | None:
        at = state.at
        now = self.instruction(at)
        state.path.append(at)
        state.at = at + now.size
        name, ops, values = now.mnemonic, now.operands, state.registers

        def value(i: int) -> Value:
            if ops[i].type == ARM_OP_IMM:
                return ops[i].imm
            return at + 4 if ops[i].reg == ARM_REG_PC else values.get(ops[i].reg)

        if name == "blx" or name == "bl" and self._function(ops[0].imm):
            state.cycles += 2 + (name == "bl")
            state.calls += 1
            for register in SCRATCH:
                values.pop(register, None)
        elif _jumps(now):
            taken = True if now.cc == ARM_CC_AL else _holds(name[1:3], *state.flags)
            if taken is None:
                other = state.copy()
                other.at = ops[0].imm
                other.cycles += 2
                state.cycles += 1
                return other
            # A bl to what is no function's start is a far jump.
            state.cycles += 3 if name == "bl" else 2 if taken else 1
            if taken:
                state.at = ops[0].imm
        elif name == "bx":
            state.cycles += 2
            state.at = _address(value(0))
        elif name == "push":
            state.cycles += 1 + len(ops)
            state.sp -= 4 * len(ops)
            for i, op in enumerate(ops):
                state.stack[state.sp + 4 * i] = values.get(op.reg)
        elif name == "pop":
            state.cycles += 1 + len(ops)
            for i, op in enumerate(ops):
                if op.reg == ARM_REG_PC:
                    state.at = None
                values[op.reg] = state.stack.get(state.sp + 4 * i)
            state.sp += 4 * len(ops)
        elif name.startswith(("ldm", "stm")):
            state.cycles += len(ops)
            for op in ops:
                values.pop(op.reg, None)
        elif name.startswith(("ldr", "str")):
            state.cycles += 2
            self._memory(state, now, code)
        elif name in ("cmp", "cmn", "tst"):
            state.cycles += 1
            x, y = value(0), value(1)
            state.flags = (x, y) if name == "cmp" else (_compute("and", x, y), 0) if name == "tst" else (None, None)
        elif ops and ops[0].type == ARM_OP_REG and ops[0].reg == ARM_REG_PC:  # add pc, rX or mov pc, rX: a far jump, or a table's
            state.cycles += 2
            state.at = _address(_compute("add", at + 4, value(1)) if name == "add" else value(1))
        elif ops and ops[0].type == ARM_OP_REG and ops[0].reg == ARM_REG_SP:
            state.cycles += 1
            if len(ops) > 1 and ops[-1].type == ARM_OP_IMM:
                state.sp += ops[-1].imm if name == "add" else -ops[-1].imm
        else:
            state.cycles += 1
            if ops and ops[0].type == ARM_OP_REG:
                plain = name.removesuffix("s")
                operands = [value(i) for i in range(len(ops))]
                if name == "adr":
                    operands = [None, (at + 4 & ~3) + (operands[1] or 0)]
                result = _compute(plain, *(operands[1:] if len(operands) > 2 or plain in UNARY else operands))
                values[ops[0].reg] = result
                if name.endswith("s"):
                    state.flags = (result, 0)
        return None

    def _memory(self, state: State, now: CsInsn, code: int) -> None:
        register, place = now.operands[0].reg, now.operands[1].mem
        load = now.mnemonic.startswith("ldr")
        size = {"b": 1, "h": 2}.get(now.mnemonic[-1], 4)
        if place.base == ARM_REG_SP:
            slot = state.sp + place.disp
            if load:
                state.registers[register] = state.stack.get(slot)
            else:
                state.stack[slot] = state.registers.get(register)
            return
        if not load:
            return
        base: Value = (now.address + 4) & ~3 if place.base == ARM_REG_PC else state.registers.get(place.base)
        where = _compute("add", base, state.registers.get(place.index) if place.index else place.disp)
        found: Value = None
        if now.mnemonic == "ldrb" and where == (self.ip, self.word_at):
            found = code
        elif isinstance(where, int) and now.mnemonic in ("ldr", "ldrb", "ldrh"):
            found = self.number(where, size)
        state.registers[register] = found


def _jumps(now: CsInsn) -> bool:
    """To an address that the instruction names."""
    return now.mnemonic[0] == "b" and len(now.operands) == 1 and now.operands[0].type == ARM_OP_IMM and now.mnemonic != "bkpt"


def _address(value: Value) -> int | None:
    return value & 0xFFFFFFFE if isinstance(value, int) else None


def _compute(name: str, x: Value, y: Value = None) -> Value:
    """The result of an arithmetic instruction, as far as it is known."""
    if name in ("mov", "movw", "adr"):
        return x
    if isinstance(x, tuple) and isinstance(y, int) and name in ("add", "sub"):
        return x[0], x[1] + (y if name == "add" else -y)
    if isinstance(y, tuple) and isinstance(x, int) and name == "add":
        return y[0], y[1] + x
    if name in ("and", "mul") and 0 in (x, y):
        return 0
    if name in ("uxtb", "uxth", "mvn", "rsb", "neg"):
        if not isinstance(x, int):
            return None
        return {"uxtb": x & 0xFF, "uxth": x & 0xFFFF, "mvn": ~x & 0xFFFFFFFF}.get(name, -x & 0xFFFFFFFF)
    if not (isinstance(x, int) and isinstance(y, int)):
        return None
    x, y = x & 0xFFFFFFFF, y & 0xFFFFFFFF
    results = {
        "add": x + y,
        "sub": x - y,
        "and": x & y,
        "bic": x & ~y,
        "orr": x | y,
        "eor": x ^ y,
        "lsl": x << min(y & 255, 32),
        "lsr": x >> (y & 255),
        "asr": (x - (x >> 31 << 32)) >> min(y & 255, 31),
        "mul": x * y,
    }
    return results[name] & 0xFFFFFFFF if name in results else None


def _holds(condition: str, x: Value, y: Value) -> bool | None:
    """Whether a condition is met after cmp x, y."""
    if not (isinstance(x, int) and isinstance(y, int)):
        return None
    x, y = x & 0xFFFFFFFF, y & 0xFFFFFFFF
    sx, sy = (v - (v >> 31 << 32) for v in (x, y))
    return {
        "eq": x == y,
        "ne": x != y,
        "hs": x >= y,
        "lo": x < y,
        "hi": x > y,
        "ls": x <= y,
        "ge": sx >= sy,
        "lt": sx < sy,
        "gt": sx > sy,
        "le": sx <= sy,
        "mi": (x - y) >> 31 & 1 == 1,
        "pl": (x - y) >> 31 & 1 == 0,
    }.get(condition)


# ---- what operations cost --------------------------------------------------------------------------------------------------------------


@dataclass
class Cost:
    """Of one code: the tests before its handler, instructions and cycles of both; the cheapest way through the handler and the dearest."""

    tests: int
    dispatch: tuple[int, int]
    least: tuple[int, int]
    most: tuple[int, int]
    calls: int


def costs(loop: Loop, rows: dict[int, str]) -> dict[int, Cost]:
    """rows: code -> name of the operation; codes of one family have one name."""
    ways: dict[int, list[Way]] = {}
    passed: dict[int, set[str]] = {}
    for code, name in rows.items():
        seen: set[int] = set()
        ways[code] = loop.ways(code, seen) or loop.ways(code, seen, calls=True)
        for at in seen:
            passed.setdefault(at, set()).add(name)
    found = {}
    for code, paths in ways.items():
        if not paths:
            continue
        first = paths[0]
        n = next((i for i, at in enumerate(first.addresses) if len(passed[at]) == 1), len(first.addresses))
        branches = (loop.instruction(at) for at in first.addresses[:n])
        tests = sum(1 for now in branches if _jumps(now) and now.cc != ARM_CC_AL)
        spent = first.costs[n - 1]
        handlers = sorted((path.cycles - spent, len(path.addresses) - n) for path in paths)
        least, most = handlers[0], handlers[-1]
        found[code] = Cost(tests, (n, spent), (least[1], least[0]), (most[1], most[0]), min(path.calls for path in paths))
    return found
