# tools/viperc, the compiler of viper functions: its machine code for Cortex-M, run in an emulator of the processor alone
# MIT license; Copyright (c) 2026 the pitwasm authors
import itertools
import random
import struct
from collections.abc import Callable

import pytest
from capstone import CS_ARCH_ARM, CS_MODE_LITTLE_ENDIAN, CS_MODE_MCLASS, CS_MODE_THUMB, Cs
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_R0, UC_ARM_REG_R8, UC_ARM_REG_SP

from tools import viperc
from tools.viperc import ir
from tools.viperc.ir import Code, Imm, fold
from tools.viperc.passes import optimise
from tools.viperc.thumb import Thumb
from tools.viperc.thumbasm import Assembler

CODE, STACK, END = 0x10000, 0x40000, 0x50000
REGS = [*(UC_ARM_REG_R0 + k for k in range(8)), *(UC_ARM_REG_R8 + k for k in range(4))]


class Core:
    """A Cortex-M that runs pieces of code; whatever was called must have kept r4-r11 and the stack."""

    def __init__(self) -> None:
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        for at in (CODE, STACK, END):
            self.uc.mem_map(at - 0x8000 if at == STACK else at, 0x10000)

    def call(self, data: bytes, args: tuple[int, ...] = (), at: int = 0) -> list[int]:
        """Registers r0-r3 after a call."""
        uc = self.uc
        uc.mem_write(CODE, data)
        uc.ctl_flush_tb()  # what was there has been translated
        regs = [0xDEAD0000 + k for k in range(12)]
        sp = STACK - 8 * ((max(len(args) - 4, 0) + 1) // 2)
        for k, x in enumerate(args):
            if k < 4:
                regs[k] = x & 0xFFFFFFFF
            else:
                uc.mem_write(sp + 4 * (k - 4), struct.pack("<I", x & 0xFFFFFFFF))
        for name, x in zip(REGS, regs, strict=True):
            uc.reg_write(name, x)
        uc.reg_write(UC_ARM_REG_SP, sp)
        uc.reg_write(UC_ARM_REG_LR, END | 1)
        uc.emu_start(CODE + at | 1, END, count=1_000_000)
        found = [uc.reg_read(name) for name in REGS]
        assert found[4:] == regs[4:], "registers of the caller's"
        assert uc.reg_read(UC_ARM_REG_SP) == sp
        return found[:4]


@pytest.fixture(scope="module")
def core() -> Core:
    return Core()


def function(name: str, params: int) -> tuple[Code, list[int]]:
    """A function that starts with its parameters in registers."""
    code = Code(name, 32)
    code.start(code.block())
    values = [code.reg() for _ in range(params)]
    for k, v in enumerate(values):
        code.emit("in", v, k=k)
    return code, values


def machine_code(*codes: Code) -> tuple[bytes, dict[object, int]]:
    """The machine code, the first function at its start."""
    machine = Thumb()
    for code in codes:
        optimise(code)
        machine.function(code, True)
    return machine.assemble(), machine.labels


def assembled(write: Callable[[Assembler], object]) -> str:
    """What a disassembler reads in what was assembled."""
    a = Assembler()
    write(a)
    md = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS | CS_MODE_LITTLE_ENDIAN)
    return "; ".join(f"{i.mnemonic} {i.op_str}".replace(" ", "", 0) for i in md.disasm(a.assemble(), 0))


# ---- the assembler ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "write, text",
    [
        (lambda a: a.mov(0, 7), "mov r0, r7"),
        (lambda a: a.mov(11, 3), "mov fp, r3"),
        (lambda a: a.mov(3, 12), "mov r3, ip"),
        (lambda a: a.mov(3, 3), ""),
        (lambda a: a.shift("shl", 1, 2, 31), "lsls r1, r2, #0x1f"),
        (lambda a: a.shift("shr", 1, 2, 1), "lsrs r1, r2, #1"),
        (lambda a: a.shift("sar", 7, 6, 16), "asrs r7, r6, #0x10"),
        (lambda a: a.shift("sar", 7, 6, 0), "movs r7, r6"),  # a count of 0 would be 32 there
        (lambda a: a.add(1, 2, 3), "adds r1, r2, r3"),
        (lambda a: a.add(1, 9, 1), "add r1, sb"),
        (lambda a: a.add(1, 2, 9), "mov r1, r2; add r1, sb"),
        (lambda a: a.add(9, 9, 2), "add sb, r2"),
        (lambda a: a.addi(1, 2, 7), "adds r1, r2, #7"),
        (lambda a: a.addi(1, 2, -7), "subs r1, r2, #7"),
        (lambda a: a.addi(1, 1, 255), "adds r1, #0xff"),
        (lambda a: a.addi(1, 2, -255), "mov r1, r2; subs r1, #0xff"),
        (lambda a: a.load(1, 2, Imm(124), 4), "ldr r1, [r2, #0x7c]"),
        (lambda a: a.load(1, 2, Imm(62), 2), "ldrh r1, [r2, #0x3e]"),
        (lambda a: a.load(1, 2, Imm(31), 1), "ldrb r1, [r2, #0x1f]"),
        (lambda a: a.load(1, 2, 3, 4), "ldr r1, [r2, r3]"),
        (lambda a: a.load(1, 2, 3, 2), "ldrh r1, [r2, r3]"),
        (lambda a: a.load(1, 2, 3, 1), "ldrb r1, [r2, r3]"),
        (lambda a: a.store(1, 2, Imm(4), 4), "str r1, [r2, #4]"),
        (lambda a: a.store(1, 2, Imm(4), 2), "strh r1, [r2, #4]"),
        (lambda a: a.store(1, 2, Imm(4), 1), "strb r1, [r2, #4]"),
        (lambda a: a.store(1, 2, 3, 4), "str r1, [r2, r3]"),
        (lambda a: a.store(1, 2, 3, 2), "strh r1, [r2, r3]"),
        (lambda a: a.store(1, 2, 3, 1), "strb r1, [r2, r3]"),
    ],
)
def test_instructions(write: Callable[[Assembler], object], text: str) -> None:
    assert assembled(write) == text


@pytest.mark.parametrize("size, at", [(4, 128), (4, 2), (2, 64), (1, 32), (1, -1)])
def test_an_offset_out_of_reach_is_no_other_instruction(size: int, at: int) -> None:
    with pytest.raises(AssertionError):
        Assembler().load(0, 1, Imm(at), size)
    with pytest.raises(AssertionError):
        Assembler().store(0, 1, Imm(at), size)


@pytest.mark.parametrize("cond", ["eq", "ltu", "gt", None])
@pytest.mark.parametrize("forward", [True, False])
def test_branches_of_all_distances(core: Core, cond: str | None, forward: bool) -> None:
    """One instruction, two (round an unconditional one), three (round a bl, for which lr is saved)."""
    compares = {"eq": (5, 5), "ltu": (4, 0xFFFFFFFF), "gt": (5, 0xFFFFFFFF), None: (0, 0)}[cond]
    sizes = set()
    for n in [0, 1, 120, *range(124, 131), 500, *range(1018, 1030), 5000]:
        a = Assembler()
        a.h(0xB500, 0x4288)  # push {lr}; cmp r0, r1

        def to_target(a: Assembler = a) -> None:
            a.jump("target", cond)
            a.h(0x2001, 0xBD00)  # not taken: 1

        if forward:
            to_target()
            a.h(*[0x2003] * n)
            a.label("target")
            a.h(0x2002, 0xBD00)
        else:
            a.jump("start")
            a.label("target")
            a.h(0x2002, 0xBD00)
            a.h(*[0x2003] * n)
            a.label("start")
            a.h(0x4288)
            to_target()
        data = a.assemble()
        sizes.add(len(data) - 2 * n)
        assert core.call(data, compares)[0] == 2, n
        if cond is not None:
            assert core.call(data, (0, 1) if cond == "gt" else (1, 0))[0] == 1, n
    assert len(sizes) >= (3 if cond else 2)


# ---- constants --------------------------------------------------------------------------------------------------------------------------
def classes() -> list[int]:
    """Numbers of every way in which constants are made, and their neighbours."""
    r = random.Random(1)
    found = {*range(-600, 1200), *(x << n for x in (1, 3, 0x7F, 0x80, 0xFF, 0x101) for n in range(32))}
    found |= {(1 << n) - 1 for n in range(33)} | {0xFF00FF, 0xFF00FF00, 0x80000000, 0x12345678, 0x7FFFFFFF, 0xAA55}
    found |= {(r.getrandbits(8) << r.randrange(24)) + r.getrandbits(8) for _ in range(200)} | {r.getrandbits(32) for _ in range(200)}
    return sorted({y & 0xFFFFFFFF for x in found for y in (x, ~x, x + 1, -x)})


def test_constants(core: Core) -> None:
    """As a result, as an argument, as one of several results, and stored: each is the number it should be."""
    for k in classes():
        one, _ = function("one", 0)
        one.emit("ret", None, Imm(ir.wrap(k, 32)))
        assert core.call(machine_code(one)[0])[0] == k
    for k in classes()[::7]:
        outer, (x,) = function("outer", 1)
        results = [outer.reg() for _ in range(3)]
        outer.emit("call", results[0], args=(x, Imm(ir.wrap(k, 32))), target="inner")
        outer.emit("more", results[1], c=results[0], k=1)
        outer.emit("more", results[2], b=results[1], c=results[0], k=2)
        outer.emit("ret", args=tuple(results))
        inner, (a, b) = function("inner", 2)
        d = inner.reg()
        inner.emit("xor", d, a, b)
        inner.emit("ret", args=(d, Imm(0x12345678), Imm(-1)))
        assert core.call(machine_code(outer, inner)[0], (0x5A5A5A5A,))[:3] == [k ^ 0x5A5A5A5A, 0x12345678, 0xFFFFFFFF]


INTERESTING = [0, 1, 2, 7, 8, 31, 32, 33, 127, 128, 255, 256, 0xFFFF, 0x10000, 0x3FFFFFFF, 0x7FFFFFFF, -1, -2, -255, -256, -257, -(1 << 31)]


@pytest.mark.parametrize("op", ["add", "sub", "and", "or", "xor", "mul", "shl", "shr", "sar"])
def test_operations_with_constants(core: Core, op: str) -> None:
    """x op k and k op x for constants of all forms. Shifts by 32 and more leave nothing, or the sign, as the machine's do."""
    for k in INTERESTING:
        for constant_first in (False, True):
            code, (x,) = function("f", 1)
            d = code.reg()
            code.emit(op, d, *((Imm(k), x) if constant_first else (x, Imm(k))))
            code.emit("ret", None, d)
            data, _ = machine_code(code)
            for value in INTERESTING:
                left, right = (k, value) if constant_first else (value, k)
                assert core.call(data, (value,))[0] == shifted(op, left, right) & 0xFFFFFFFF, (op, left, right)


def shifted(op: str, x: int, y: int) -> int:
    if op in ("shl", "shr", "sar"):
        y &= 255
        if y > 31:
            return -1 if op == "sar" and x < 0 else 0
    result = fold(op, x, y, 32)
    assert result is not None
    return result


@pytest.mark.parametrize("cond", ["eq", "ne", "lt", "le", "gt", "ge", "ltu", "leu", "gtu", "geu", "z", "nz"])
def test_conditions_with_constants(core: Core, cond: str) -> None:
    """Comparisons and bit tests of a register and a constant, either way round."""
    for k in INTERESTING:
        for first in (False, True):
            code, (x,) = function("f", 1)
            yes, no = code.block(), code.block()
            code.emit("tst" if cond in ("z", "nz") else "cbr", None, *((Imm(k), x) if first else (x, Imm(k))), target=cond, to=[yes, no])
            for block, value in ((yes, 1), (no, 0)):
                code.start(block)
                code.emit("ret", None, Imm(value))
            data, _ = machine_code(code)
            for value in INTERESTING:
                a, b = (k, value) if first else (value, k)
                holds = ((a & b == 0) == (cond == "z")) if cond in ("z", "nz") else ir.compare(cond, a, b, 32)
                assert core.call(data, (value,))[0] == holds, (cond, a, b)


# ---- registers --------------------------------------------------------------------------------------------------------------------------
def test_moves_at_once(core: Core) -> None:
    """Every way to bring four registers' values to four others, rings and copies among them."""
    for sources in itertools.product(range(4), repeat=4):
        m = Thumb()
        m.parallel([(("r", k), ("r", s)) for k, s in enumerate(sources)])
        m.h(0x4770)  # bx lr
        assert core.call(m.assemble(), (10, 11, 12, 13)) == [10 + s for s in sources], sources


@pytest.mark.parametrize("seed", range(60))
def test_random_code_in_few_registers(core: Core, seed: int) -> None:
    """Up to 30 values at once, 7 arguments, calls with 7 arguments in between: near registers, far ones, the stack."""
    r = random.Random(seed)
    inner, values = function("inner", 7)
    total: int = values[0]
    for k, v in enumerate(values[1:]):
        t, u = inner.reg(), inner.reg()
        inner.emit("mul", t, v, Imm(k + 3))
        inner.emit("xor", u, total, t)
        total = u
    inner.emit("ret", args=(total, values[6], values[2]))

    def inner_of(x: list[int]) -> list[int]:
        result = x[0]
        for k, v in enumerate(x[1:]):
            result ^= v * (k + 3)
        return [result & 0xFFFFFFFF, x[6], x[2]]

    code, regs = function("outer", 7)
    args = [r.getrandbits(32) for _ in range(7)]
    known = dict(zip(regs, args, strict=True))
    for _ in range(r.choice([5, 20, 60])):
        pool = r.sample(list(known), min(len(known), r.choice([3, 8, 30])))
        if r.random() < 0.1:
            chosen = [r.choice(pool) for _ in range(7)]
            for k, v in enumerate(chosen[4:]):
                code.emit("sto", None, c=v, k=k)
            code.out = 3
            results = [code.reg() for _ in range(3)]
            code.emit("call", results[0], args=tuple(chosen[:4]), target="inner")
            code.emit("more", results[1], c=results[0], k=1)
            code.emit("more", results[2], b=results[1], c=results[0], k=2)
            known |= dict(zip(results, inner_of([known[v] for v in chosen]), strict=True))
            continue
        op = r.choice(["add", "sub", "and", "or", "xor", "mul", "shl", "shr", "sar"])
        a, b = r.choice(pool), r.choice(pool)
        d = r.choice(pool) if r.random() < 0.3 else code.reg()
        second: int | Imm = Imm(r.choice(INTERESTING)) if r.random() < 0.3 else b
        left = ir.wrap(known[a], 32)
        right = second.k if isinstance(second, Imm) else ir.wrap(known[b], 32)
        code.emit(op, d, a, second)
        known[d] = shifted(op, left, right) & 0xFFFFFFFF
    kept = r.sample(list(known), min(len(known), r.choice([1, 4, 12, 30])))
    total, expected = kept[0], known[kept[0]]
    for v in kept[1:]:
        t = code.reg()
        code.emit("add", t, total, total)
        total = code.reg()
        code.emit("xor", total, t, v)
        expected = (2 * expected ^ known[v]) & 0xFFFFFFFF
    code.emit("ret", None, total)
    assert core.call(machine_code(code, inner)[0], tuple(args))[0] == expected


def test_the_stack_is_in_eights_where_functions_are_called(core: Core) -> None:
    for live in range(20):
        code, (x,) = function("f", 1)
        values = []
        for k in range(live):
            values.append(code.reg())
            code.emit("add", values[-1], x, Imm(k))
        d = code.reg()
        code.emit("call", d, args=(x,), target="sp")
        for v in values:
            code.emit("xor", x, x, v)
        code.emit("ret", args=(d, x))
        m = Thumb()
        optimise(code)
        m.function(code, True)
        m.label("sp")
        m.h(0x4668, 0x4770)  # mov r0, sp; bx lr
        found = core.call(m.assemble(), (1000,))
        assert found[0] % 8 == 0
        expected = 1000
        for k in range(live):
            expected ^= 1000 + k
        assert found[1] == expected


def test_a_frame_too_large_is_refused() -> None:
    code, (x,) = function("f", 1)
    values = [code.reg() for _ in range(300)]
    for k, v in enumerate(values):
        code.emit("xor", v, x, Imm(k + 1))
    code.emit("call", None, target="f")
    for v in values:
        code.emit("xor", x, x, v)
    code.emit("ret", None, x)
    with pytest.raises(viperc.Unsupported, match="stack"):
        machine_code(code)


# ---- jump tables ------------------------------------------------------------------------------------------------------------------------
def tree(build_tests: Callable[[Code, int], None]) -> Code:
    code, (p,) = function("f", 1)
    v = code.reg("v")
    head = code.block()
    code.emit("br", to=[head])
    code.start(head)
    code.emit("ld", v, p, Imm(0), k=1)
    build_tests(code, v)
    return code


def test_a_tree_of_tests_becomes_a_table(core: Core) -> None:
    def tests(code: Code, v: int) -> None:
        for k in (3, 200, 17, 90, 255, 0):
            yes, no = code.block(), code.block()
            code.emit("cbr", None, v, Imm(k), target="eq", to=[yes, no])
            code.start(yes)
            code.emit("ret", None, Imm(k + 1))
            code.start(no)
        code.emit("ret", None, Imm(1000))

    code = tree(tests)
    data, _ = machine_code(code)
    assert any(b.end.op == "switch" for b in code.blocks)
    for value in range(256):
        core.uc.mem_write(STACK + 0x1000, bytes((value,)))
        assert core.call(data, (STACK + 0x1000,))[0] == (value + 1 if value in (3, 200, 17, 90, 255, 0) else 1000)


def test_a_table_leads_back_to_where_the_byte_is_read(core: Core) -> None:
    """`continue` in such a tree: the targets lie before the table, which has only room for those behind it."""
    code, (p,) = function("f", 1)
    v, total = code.reg("v"), code.reg("total")
    code.emit("li", total, k=0)
    head = code.block()
    code.start(head)
    code.emit("ld", v, p, Imm(0), k=1)
    code.emit("add", p, p, Imm(1))
    code.emit("add", total, total, Imm(1))
    for k in (1, 2, 3, 4, 5, 6):
        more = code.block()
        code.emit("cbr", None, v, Imm(k), target="eq", to=[head, more])
        code.start(more)
    code.emit("ret", None, total)
    data, _ = machine_code(code)
    assert any(b.end.op == "switch" for b in code.blocks)
    core.uc.mem_write(STACK + 0x1000, bytes((1, 2, 6, 5, 3, 3, 4, 99)))
    assert core.call(data, (STACK + 0x1000,))[0] == 8


def test_tests_that_never_end_do_not_keep_the_compiler() -> None:
    code, (p,) = function("f", 1)
    v, done, head = code.reg("v"), code.block(), code.block()
    code.emit("ld", v, p, Imm(0), k=1)
    code.start(head)
    code.emit("cbr", None, v, Imm(3), target="eq", to=[head, done])
    code.start(done)
    code.emit("ret", None, v)
    machine_code(code)
