# Machine code of the loop for the Pico: what each operation costs in instructions and cycles of a Cortex-M0+
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The function is run abstractly from the head of the inner loop: the operation's code is known, everything else is not. Where a branch
# depends on what is not known, both ways are followed. What no other operation passes through is the handler, what comes before it
# the dispatch.

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from capstone import CS_ARCH_ARM, CS_GRP_JUMP, CS_MODE_MCLASS, CS_MODE_THUMB, Cs, CsInsn
from capstone.arm import ARM_CC_AL, ARM_OP_IMM, ARM_OP_REG, ARM_REG_PC, ARM_REG_R4, ARM_REG_SP

LONGEST = 300  # instructions of a way; the loop's own are shorter, what is longer leaves it
MANY = 3000  # ways of one operation
KINDS = ("bytecode", "native", "viper", "asm")


# ---- .mpy ------------------------------------------------------------------------------------------------------------------------------


def native_functions(mpy: bytes) -> list[bytes]:
    """Machine code of every function of a .mpy file (version 6.3, see py/persistentcode.c of MicroPython)."""
    at = 0

    def byte() -> int:
        nonlocal at
        at += 1
        return mpy[at - 1]

    def number() -> int:
        value = 0
        while True:
            part = byte()
            value = value << 7 | part & 127
            if part < 128:
                return value

    def constant() -> None:
        nonlocal at
        kind = byte()
        if kind <= 4:  # the table of functions, None, False, True, Ellipsis
            return
        length = number()
        if kind == 10:  # a tuple
            for _ in range(length):
                constant()
        else:
            at += length + (kind in (5, 6))  # behind str and bytes there is a zero

    def code() -> Iterator[bytes]:
        nonlocal at
        head = number()
        kind, length = KINDS[head & 3], head >> 3
        body = mpy[at : at + length]
        at += length
        if kind != "bytecode":
            yield body
            scope = number()  # native: where the prelude is
            if kind == "asm":
                number(), number()
            elif kind == "viper":
                if scope & 0x70:
                    raise ValueError("a viper function with relocations or data")
        if head & 4:
            for _ in range(number()):
                yield from code()

    if (byte(), byte()) != (ord("M"), 6):
        raise ValueError("not a .mpy file of version 6")
    if byte() & 0x40:
        number()
    byte()
    names, constants = number(), number()
    for _ in range(names):
        length = number()
        if not length & 1:
            at += (length >> 1) + 1
    for _ in range(constants):
        constant()
    return list(code())


# ---- running it ------------------------------------------------------------------------------------------------------------------------

IP = "ip"  # a value is an int, (IP, distance from the ip at the head), or None: not known
Value = int | tuple[str, int] | None


@dataclass
class State:
    at: int
    registers: dict[int, Value]
    stack: dict[int, Value]
    sp: int = 0
    compared: tuple[Value, Value] = (None, None)
    path: list[int] = field(default_factory=list)  # addresses
    cycles: int = 0
    calls: int = 0

    def copy(self) -> "State":
        return State(
            self.at, dict(self.registers), dict(self.stack), self.sp, self.compared, list(self.path), self.cycles, self.calls
        )


@dataclass
class Way:
    addresses: list[int]
    cycles: int
    costs: list[int]  # cycles up to and with each instruction
    calls: int


class Loop:
    """The largest function of a .mpy file."""

    def __init__(self, mpy: Path):
        self.code = max(native_functions(mpy.read_bytes()), key=len)
        self.decoder = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
        self.decoder.detail = True
        self.known: dict[int, CsInsn] = {}
        self.head = self._head()
        self.word_at = 1  # no word is there
        self.word_at = self._word_at()

    def instruction(self, at: int) -> CsInsn:
        if at not in self.known:
            self.known[at] = next(self.decoder.disasm(self.code[at : at + 4], at, 1))
        return self.known[at]

    def word(self, at: int) -> int:
        return int.from_bytes(self.code[at : at + 4], "little")

    def far(self, at: int) -> int | None:
        """Where "ldr rX, [pc, #0]; add pc, rX; .word" at this address jumps to."""
        first, second = (int.from_bytes(self.code[at + i : at + i + 2], "little") for i in (0, 2))
        if first & 0xF8FF == 0x4800 and second == 0x4487 | (first >> 5 & 0x38) and at % 4 == 0:
            return (at + 6 + self.word(at + 4)) & 0xFFFFFFFF
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
            try:
                found = self.instruction(at)
            except StopIteration:  # a constant between instructions
                at += 2
                continue
            if found.group(CS_GRP_JUMP) and found.operands and found.operands[0].type == ARM_OP_IMM:
                targets[found.operands[0].imm] += found.operands[0].imm < at
            at += found.size
        return targets.most_common(1)[0][0]

    def _word_at(self) -> int:
        """How far from the ip at the head the word lies that is fetched there: what the first ldrb reads."""
        state = State(self.head, {ARM_REG_R4: (IP, 0)}, {})
        for _ in range(20):
            now = self.instruction(state.at)
            if now.mnemonic == "ldrb":
                place = now.operands[1].mem
                base = state.registers.get(place.base)
                if isinstance(base, tuple):
                    return base[1] + place.disp
            self.step(state, 0)
        raise ValueError("no word is fetched at the head of the loop")

    def ways(self, code: int, seen: set[int], calls: bool = False) -> list[Way]:
        """The ways from the head back to it when the word's operation is `code`; calls: also those that call something. `seen` gets the
        addresses of all instructions, those of ways that lead out of the loop too."""
        found: list[Way] = []
        costs: dict[int, list[int]] = {}
        todo = [State(self.head, {ARM_REG_R4: (IP, 0)}, {})]
        costs[id(todo[0])] = []
        spent = 0
        while todo and spent < MANY:
            state = todo.pop()
            cost = costs.pop(id(state))
            while True:
                if state.path and state.at == self.head:
                    found.append(Way(state.path, state.cycles, cost, state.calls))
                    spent += 1
                    break
                if len(state.path) > LONGEST or state.at in state.path or state.at is None or (state.calls and not calls):
                    spent += 1
                    break
                seen.add(state.at)
                other = self.step(state, code)
                cost.append(state.cycles)
                if other is not None:
                    costs[id(other)] = [*cost[:-1], other.cycles]
                    todo.append(other)
        return found

    # One instruction; the state of the other way where a branch can go both.

    def step(self, state: State, code: int) -> State | None:
        at = state.at
        now = self.instruction(at)
        state.path.append(at)
        state.at = at + now.size
        name = now.mnemonic
        ops = now.operands
        values = state.registers

        def value(i: int) -> Value:
            return ops[i].imm if ops[i].type == ARM_OP_IMM else values.get(ops[i].reg)

        if name in ("b", "b.w") or name[0] == "b" and now.cc != ARM_CC_AL and name not in ("bl", "blx", "bx", "bics", "bkpt"):
            target = ops[0].imm
            taken = True if name == "b" and now.cc == ARM_CC_AL else _holds(name[1:3], *state.compared)
            if taken is None:
                other = state.copy()
                other.at = target
                other.cycles += 2
                state.cycles += 1
                return other
            state.cycles += 2 if taken else 1
            if taken:
                state.at = target
        elif name in ("blx", "bl", "bx"):
            state.cycles += 3 if name == "bl" else 2
            state.calls += 1
            for register in list(values):
                if register < ARM_REG_R4:
                    values[register] = None
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
        elif name.startswith(("ldr", "str")):
            state.cycles += 2
            self._memory(state, now, code)
        elif name == "cmp":
            state.cycles += 1
            state.compared = value(0), value(1)
        elif ops and ops[0].type == ARM_OP_REG and ops[0].reg == ARM_REG_PC:  # add pc, rX: a far jump; mov pc
            state.cycles += 2
            offset = values.get(ops[1].reg)
            state.at = (at + 4 + offset) & 0xFFFFFFFF if name == "add" and isinstance(offset, int) else None
        elif ops and ops[0].type == ARM_OP_REG and ops[0].reg == ARM_REG_SP:  # sub sp, add sp
            state.cycles += 1
            state.at = None  # the function's end
        else:
            state.cycles += 1
            if ops and ops[0].type == ARM_OP_REG:
                values[ops[0].reg] = _compute(name.removesuffix("s") if name != "movs" else "mov", [value(i) for i in range(len(ops))])
                if name.endswith("s"):
                    state.compared = (None, None)
        return None

    def _memory(self, state: State, now: CsInsn, code: int) -> None:
        register, place = now.operands[0].reg, now.operands[1].mem
        load = now.mnemonic.startswith("ldr")
        found: Value = None
        if place.base == ARM_REG_SP:
            if not load:
                state.stack[state.sp + place.disp] = state.registers.get(register)
                return
            found = state.stack.get(state.sp + place.disp)
        elif place.base == ARM_REG_PC:
            found = self.word((now.address + 4 & ~3) + place.disp)
        elif load and now.mnemonic == "ldrb" and not place.index:
            base = state.registers.get(place.base)
            if isinstance(base, tuple) and base[1] + place.disp == self.word_at:
                found = code
        if load:
            state.registers[register] = found


def _compute(name: str, operands: list[Value]) -> Value:
    """The result of an arithmetic instruction; the first operand is the destination."""
    first, *rest = operands if len(operands) > 1 else [None, *operands]
    if name in ("mov", "uxtb", "uxth"):
        return rest[0]
    if len(rest) == 1:
        rest = [first, rest[0]]
    x, y = rest[0], rest[1]
    if isinstance(x, tuple) and isinstance(y, int) and name in ("add", "sub"):
        return IP, x[1] + (y if name == "add" else -y)
    if isinstance(y, tuple) and isinstance(x, int) and name == "add":
        return IP, y[1] + x
    if name == "and" and 0 in (x, y) or name == "mul" and 0 in (x, y):
        return 0
    if not (isinstance(x, int) and isinstance(y, int)):
        return None
    results = {
        "add": x + y,
        "sub": x - y,
        "and": x & y,
        "orr": x | y,
        "eor": x ^ y,
        "lsl": x << (y & 255),
        "lsr": x >> (y & 255),
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
        tests = sum(1 for at in first.addresses[:n] if loop.instruction(at).cc not in (0, ARM_CC_AL))
        spent = first.costs[n - 1]
        handlers = sorted((path.cycles - spent, len(path.addresses) - n) for path in paths)
        least, most = handlers[0], handlers[-1]
        found[code] = Cost(tests, (n, spent), (least[1], least[0]), (most[1], most[0]), min(path.calls for path in paths))
    return found
