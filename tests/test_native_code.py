# What the native tier writes, disassembled: each access of memory is preceded by its check or goes to the frame, each branch stays inside
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# x86-64, whose code the other machines' follows instruction by instruction of the assembler (layout.A_*).
from pathlib import Path

import pytest
from capstone import CS_ARCH_X86, CS_MODE_64, CS_OP_IMM, CS_OP_MEM, CS_OP_REG, Cs, CsInsn
from capstone.x86 import X86_OP_MEM

from tests.nativecode import dump, modules, random_modules
from tests.nativeproof import LAYOUT
from tools.host import ROOT

STATE = 144  # layout.X_SIZE
GLOBALS = 9 * 4  # layout.X_GLOBALS
HALF = {"eax": "rax", "edx": "rdx", "esi": "rsi", "edi": "rdi", "ecx": "rcx", **{f"r{i}d": f"r{i}" for i in range(8, 16)}}
PARTS = {"sil": "rsi", "dil": "rdi", "si": "rsi", "di": "rdi", "cl": "rcx", "dl": "rdx", "dx": "rdx", "al": "rax", "ax": "rax"}
WIDE = {"rcx", "rdx", "rbx", "rsp", "rdi"}  # may get 64-bit values; the slots' registers get 32 bits, whose upper half is 0


def whole(name: str) -> str:
    """The register that one is a part of."""
    return HALF.get(name, PARTS.get(name, name.rstrip("bw")))


class Function:
    """The instructions of one function, in order; what is data behind an exit left out."""

    MODE = CS_MODE_64
    FLOAT = 85  # in core/machine/x64/machine.py

    def __init__(self, found: dict) -> None:
        self.found = found
        machine = Cs(CS_ARCH_X86, self.MODE)
        machine.detail = True
        code = bytes.fromhex(found["code"])
        self.ins: list[CsInsn] = []
        self.slots: list[int] = []  # that copies of words name
        at = 0
        while at < len(code):
            i = next(machine.disasm(code[at:at + 16], at, 1), None)
            assert i is not None, f"{found['file']}: no instruction at {at:#x}"
            self.ins.append(i)
            at += i.size
            if i.mnemonic == "call" and i.operands[0].type == CS_OP_IMM and i.operands[0].imm == 0:
                at += 2  # the number of the code word where it leaves
            elif i.mnemonic == "call" and i.operands[0].type == CS_OP_IMM and self.routine(i.operands[0].imm) is not None:
                at = self.floats(code, at, self.routine(i.operands[0].imm))
        self.starts = {i.address for i in self.ins}
        self.targets = set(found["entries"])
        for i in self.ins:
            if i.mnemonic[0] == "j" and i.operands[0].type == CS_OP_IMM:
                self.targets.add(i.operands[0].imm)

    def routine(self, target: int) -> int | None:
        """Which of the routines for whole words (layout.R_*) a call goes to."""
        k, off = divmod((target - self.found["floats"]) & 0xFFFFFFFF, self.FLOAT)
        return k if off == 0 and 0 <= k < 5 else None

    def floats(self, code: bytes, at: int, k: int | None) -> int:
        """Where the copies of code words behind such a call end; their slots lie in the frame."""
        start = at
        if k == 2:  # one word: a shift
            assert code[at] - LAYOUT["OP_I64_SHIFT"] in range(4) or code[at] - LAYOUT["OP_I64_ROT"] in range(2)
            self.slots += [code[at + 1] + 1, code[at + 2] + 1, code[at + 3]]
            return at + 4
        if k == 3:  # … a division, or a count
            assert code[at] == LAYOUT["OP_RARE"] and code[at + 1] <= LAYOUT["SUB_I32_POPCNT"]
            wide = code[at + 1] < LAYOUT["SUB_I32_CLZ"]
            self.slots += [code[at + 2] + wide, code[at + 3] + wide]
            if code[at + 1] <= LAYOUT["SUB_I64_REM_U"]:
                self.slots.append(code[at + 4] + 1)
            return at + 8
        while True:
            op = code[at] - LAYOUT["OP_FLOAT"]
            if k == 4:
                assert op == 12
            elif code[at] == LAYOUT["OP_CONST64_W" if k else "OP_CONST_W"]:
                self.slots.append(code[at + 1])
                at += 12 if k else 8
                continue
            elif not (16 <= op < 28 if k else 0 <= op < 12):
                assert at > start and code[at] == 0x90  # the routine stops at a nop
                return at
            self.slots += code[at + 1:at + (3 if k == 4 else 4)]
            at += 4
            if k == 4:
                return at

    def wrong(self) -> list[str]:
        """What is not as it has to be."""
        bad = []
        checked: dict[str, int] = {}  # register -> bytes from its value on that are inside memory 0
        constant = 0  # bytes at the start of memory that are known to be there
        size = self.found["slots"] * 4
        bad += [f"{self.found['file']}: slot {slot}" for slot in self.slots if slot * 4 >= size]
        for n, i in enumerate(self.ins):
            before = self.ins[n - 1] if n else None
            earlier = self.ins[n - 2] if n > 1 else None
            if i.address in self.targets:
                checked, constant = {}, 0
            problem = self.branch(i, n)
            for op in i.operands:
                if op.type != X86_OP_MEM or i.mnemonic == "lea":
                    continue
                base, index, disp = (i.reg_name(op.mem.base), i.reg_name(op.mem.index), op.mem.disp)
                if base == "rbx" and not index:
                    good = 0 <= disp and disp + op.size <= size
                elif base == "rbp" and not index:
                    good = 0 <= disp < STATE
                elif base == "r12" and index:
                    good = 0 <= disp and disp + op.size <= checked.get(index, 0)
                elif base == "r12":
                    good = 0 <= disp and disp + op.size <= constant
                elif base == "r15" and index == "rcx" and before is not None and earlier is not None:
                    good = self.cell(i, before, earlier)
                elif i.mnemonic == "rep stosd" and before is not None and earlier is not None:  # locals are cleared
                    start, count = before.operands[1].mem, earlier.operands[1].imm
                    good = i.reg_name(start.base) == "rbx" and 0 <= start.disp and start.disp + 4 * count <= size
                else:  # the number of the code word behind an exit's call; a 64-bit value on the machine's stack
                    good = base == "rcx" and i.mnemonic == "movzx" or base == "rsp" and i.mnemonic == "cmp"
                if not good:
                    problem = f"{base} {index} {disp:#x}"
            if i.mnemonic == "ja" and before is not None and earlier is not None and earlier.mnemonic == "lea" and "r13" in earlier.op_str:
                if -earlier.operands[1].mem.disp <= self.found["least"]:  # the memory has so many: the difference is not below 0
                    checked[whole(before.op_str.split(",")[0])] = -earlier.operands[1].mem.disp
            elif i.mnemonic == "jb" and before is not None and before.op_str.startswith("r13d"):
                constant = before.operands[1].imm
            elif i.mnemonic not in ("cmp", "test") and i.mnemonic[0] != "j":
                written = {whole(i.reg_name(r)) for r in i.regs_access()[1]}
                for register in written & checked.keys():
                    del checked[register]
                if i.operands and i.operands[0].type == CS_OP_REG and i.operands[0].size == 8 and i.mnemonic not in ("push", "cmp"):
                    register = i.reg_name(i.operands[0].reg)
                    if register not in WIDE and not (i.mnemonic == "pop" and register in ("rax", "rdx")):
                        problem = "64 bits in a slot's register"
            if i.mnemonic == "call":
                checked, constant = {}, 0
            if problem:
                bad.append(f"{self.found['file']} {i.address:#x}: {i.mnemonic} {i.op_str}: {problem}")
        return bad

    def cell(self, i: CsInsn, before: CsInsn, earlier: CsInsn) -> bool:
        """A call record, or a global's cell: its offset comes from the instance's list."""
        list_ = f"[rbp + {GLOBALS:#x}]"
        if list_ in before.op_str or list_ in earlier.op_str and before.op_str.startswith("ecx, dword ptr [r15 + rcx"):
            return True
        return "[rbp + 0x20], ecx" in before.op_str  # the call records' top has just been stored

    def branch(self, i: CsInsn, n: int) -> str:
        if i.mnemonic[0] == "j" or i.mnemonic == "call":
            op = i.operands[0]
            if op.type == CS_OP_IMM:
                return "" if op.imm in self.starts or op.imm in self.found["stubs"] or self.routine(op.imm) is not None else "goes outside"
            assert op.type in (CS_OP_REG, CS_OP_MEM)
            if i.op_str == "rax":
                return ""  # the loader's end: the way in says where
            table = self.ins[n - 3]  # lea rcx, [rip + table] … jmp rcx; the number was compared before
            return "" if i.op_str == "rcx" and table.mnemonic == "lea" and "rip" in table.op_str else "goes anywhere"
        return ""


def functions_of(paths: list[Path], arch: str = "x64", form: type[Function] = Function) -> list[Function]:
    """The machine code of modules. With the loop's routines for floats where there are any: what is made here is what runs here."""
    return [form(found) for found in dump(paths, arch)]


def smaller() -> list[Path]:
    """The modules at hand of at most 20 KB: capstone's details of an x86 instruction take their time."""
    return [path for path in modules() if path.stat().st_size <= 20_000]


def test_workloads() -> None:
    functions = functions_of([ROOT / "bench" / "workloads.wasm"])
    assert len(functions) == 10 and sum(len(f.ins) for f in functions) > 3000
    assert [line for f in functions for line in f.wrong()] == []


def test_modules_at_hand() -> None:
    functions = functions_of(smaller())
    assert len(functions) > 240
    assert [line for f in functions for line in f.wrong()] == []


@pytest.mark.parametrize("first", range(30_001, 30_061, 30))
def test_random_programs(tmp_path: Path, first: int) -> None:
    functions = functions_of(random_modules(tmp_path, first, 30))
    assert len(functions) > 60
    assert [line for f in functions for line in f.wrong()] == []


def test_the_verifier_sees_what_is_wrong() -> None:
    """A check taken away, a branch to nowhere, a store beyond the frame: each is found."""
    functions = [f for f in functions_of([ROOT / "bench" / "workloads.wasm"]) if any("r12 +" in i.op_str for i in f.ins)]
    found = functions[0].found
    for mnemonic, change in (("ja", b"\x90" * 6), ("jmp", b"\xe9\x01\x00\x00\x00")):
        i = next(i for i in functions[0].ins if i.mnemonic == mnemonic and i.operands[0].type == CS_OP_IMM)
        code = bytearray.fromhex(found["code"])
        code[i.address:i.address + i.size] = change
        assert Function({**found, "code": code.hex()}).wrong() != [], mnemonic
    assert Function({**found, "slots": 1}).wrong() != []
