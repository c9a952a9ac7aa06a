# What the native tier writes for 32-bit x86, disassembled: each access checked or in the frame, each branch inside
# MIT license; Copyright (c) 2026 the pitwasm authors
from pathlib import Path

import pytest
from capstone import CS_MODE_32, CS_OP_IMM, CsInsn
from capstone.x86 import X86_OP_MEM

from tests.nativecode import random_modules
from tests.test_native_code import Function, functions_of, smaller
from tools.host import ROOT

STATE = 64  # layout.X_SIZE
BASE, CS, GLOBALS, CODE, BYTES = 6 * 4, 8 * 4, 9 * 4, 10 * 4, 11 * 4  # layout.X_*
WHOLE = {"al": "eax", "ax": "eax", "dl": "edx", "dx": "edx", "bl": "ebx", "bx": "ebx", "cl": "ecx", "cx": "ecx", "si": "esi"}


class Function32(Function):
    """ebp is the frame, edi memory 0; the running state is at a known address."""

    MODE = CS_MODE_32
    FLOAT = 64  # in core/machine/x86/machine.py

    def text(self, n: int) -> str:
        return f"{self.ins[n].mnemonic} {self.ins[n].op_str}" if n >= 0 else ""

    def cell(self, at: int) -> str:
        return f"dword ptr [{self.found['state'] + at:#x}]"

    def written(self, i: CsInsn) -> set[str]:
        names = {i.reg_name(r) for r in i.regs_access()[1]}
        return {WHOLE.get(name, name) for name in names}

    def good(self, n: int, checked: dict[str, int], constant: int) -> bool:
        """Is the access of memory that the n-th instruction makes one it may make?"""
        i = self.ins[n]
        op = next(op for op in i.operands if op.type == X86_OP_MEM)
        base, index, disp = i.reg_name(op.mem.base), i.reg_name(op.mem.index), op.mem.disp
        state, size = self.found["state"], self.found["slots"] * 4
        if not base and not index:
            return state <= disp & 0xFFFFFFFF and (disp & 0xFFFFFFFF) + op.size <= state + STATE
        if i.mnemonic == "rep stosd":  # locals are cleared: mov ecx, n; push edi; lea edi, [ebp + …]; rep stosd; pop edi
            start, count = self.ins[n - 1], self.ins[n - 3]
            at = start.operands[1].mem
            ready = start.mnemonic == "lea" and start.reg_name(at.base) == "ebp" and self.text(n - 2) == "push edi"
            ready = ready and count.op_str.startswith("ecx, ") and self.text(n + 1) == "pop edi"
            return ready and 0 <= at.disp and at.disp + 4 * count.operands[1].imm <= size
        if base == "ebp" and not index:
            return 0 <= disp and disp + op.size <= size
        if base == "esp":  # a value that has just been pushed
            return disp == 0 and not index and i.mnemonic in ("cmp", "or")
        if base == "edi":
            return 0 <= disp and disp + op.size <= (checked.get(index, 0) if index else constant)
        if base != "ecx" or index:
            return False
        if self.text(n - 1) == "add ecx, " + self.cell(BASE):  # a global's cell
            return self.text(n - 3) == "mov ecx, " + self.cell(GLOBALS) and self.text(n - 2).startswith("mov ecx, dword ptr [ecx")
        if self.text(n - 1) == "mov ecx, " + self.cell(GLOBALS):  # where that is
            return i.mnemonic == "mov" and i.op_str.startswith("ecx, ")
        if self.text(n - 1) == f"mov {self.cell(CS)}, ecx":  # a call record, whose place has just been compared with the frame
            return i.op_str == "dword ptr [ecx], eax"
        return i.mnemonic == "movzx" and self.text(n - 1) == "pop ecx"  # the number of the code word behind an exit's call

    def wrong(self) -> list[str]:
        bad = []
        bad += [f"{self.found['file']}: slot {slot}" for slot in self.slots if slot >= self.found["slots"]]
        self.checks: list[CsInsn] = []
        checked: dict[str, int] = {}
        constant = 0
        for n, i in enumerate(self.ins):
            if i.address in self.targets:
                checked, constant = {}, 0
            problem = self.branch(i, n)
            if i.mnemonic not in ("lea", "nop") and any(op.type == X86_OP_MEM for op in i.operands) and not self.good(n, checked, constant):
                problem = "access without a check"
            written = self.written(i)
            if "edi" in written and i.mnemonic != "rep stosd" and "rep stosd" not in self.text(n + 1) and self.text(n - 1)[:3] != "rep":
                problem = "memory 0 moves"
            if "ebp" in written and i.mnemonic not in ("add", "sub"):
                problem = "the frame goes elsewhere"
            if i.mnemonic == "ja" and self.text(n - 3) == "mov ecx, " + self.cell(BYTES) and self.text(n - 2).startswith("sub ecx, "):
                compared, limit = self.ins[n - 1].op_str.split(", ")
                fits = self.ins[n - 2].operands[1].imm <= self.found["least"]  # the difference is not below 0
                if self.ins[n - 1].mnemonic == "cmp" and limit == "ecx" and fits:
                    checked[compared] = self.ins[n - 2].operands[1].imm
                    self.checks.append(i)
            elif i.mnemonic == "jb" and self.text(n - 1).startswith(f"cmp {self.cell(BYTES)}, "):
                constant = self.ins[n - 1].operands[1].imm
                self.checks.append(i)
            for register in written & checked.keys():
                del checked[register]
            if i.mnemonic == "call":
                checked, constant = {}, 0
            if problem:
                bad.append(f"{self.found['file']} {i.address:#x}: {i.mnemonic} {i.op_str}: {problem}")
        return bad

    def branch(self, i: CsInsn, n: int) -> str:
        if i.mnemonic[0] != "j" and i.mnemonic != "call":
            return ""
        op = i.operands[0]
        if op.type == CS_OP_IMM:
            known = op.imm in self.starts or op.imm & 0xFFFFFFFF in {p & 0xFFFFFFFF for p in self.found["stubs"]}
            return "" if known or i.mnemonic == "call" and self.routine(op.imm) is not None else "goes outside"
        if self.text(n) == "jmp eax":
            return ""  # the loader's end: the way in says where
        table = self.text(n - 3) == "mov ecx, " + self.cell(CODE) and self.ins[n - 1].mnemonic == "lea"
        return "" if i.op_str == "ecx" and table else "goes anywhere"


def test_workloads() -> None:
    functions = functions_of([ROOT / "bench" / "workloads.wasm"], "x86", Function32)
    assert len(functions) == 10 and sum(len(f.ins) for f in functions) > 3000
    assert [line for f in functions for line in f.wrong()] == []


def test_modules_at_hand() -> None:
    functions = functions_of(smaller(), "x86", Function32)
    assert len(functions) > 240
    assert [line for f in functions for line in f.wrong()] == []


@pytest.mark.parametrize("first", range(31_001, 31_061, 30))
def test_random_programs(tmp_path: Path, first: int) -> None:
    functions = functions_of(random_modules(tmp_path, first, 30), "x86", Function32)
    assert len(functions) > 60
    assert [line for f in functions for line in f.wrong()] == []


def test_the_verifier_sees_what_is_wrong() -> None:
    """Without each check of an address, and those before it, which may be of the same address, an access just behind it is found; a branch
    to nowhere and accesses beyond the frame are, too."""
    functions = functions_of([ROOT / "bench" / "workloads.wasm", ROOT / "examples" / "wasi" / "count.wasm"], "x86", Function32)
    checks = 0
    for f in (f for f in functions if len(f.ins) < 400):
        assert f.wrong() == []
        code = bytearray.fromhex(f.found["code"])
        for i in f.checks:
            code[i.address:i.address + i.size] = b"\x90" * i.size
            places = [int(line.split()[1][:-1], 16) for line in Function32({**f.found, "code": code.hex()}).wrong()]
            assert any(i.address < place < i.address + 48 for place in places), f"{f.found['number']} {i.address:#x}"
            checks += 1
    assert checks > 40
    f = max((f for f in functions if len(f.ins) < 400), key=lambda f: len(f.checks))
    i = next(i for i in f.ins if i.mnemonic == "jmp" and i.operands[0].type == CS_OP_IMM)
    code = bytearray.fromhex(f.found["code"])
    code[i.address:i.address + i.size] = b"\xe9\x01\x00\x00\x00"
    assert Function32({**f.found, "code": code.hex()}).wrong() != []
    assert Function32({**f.found, "slots": 1}).wrong() != []
