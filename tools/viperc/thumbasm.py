# Thumb (ARMv6-M) assembler of the viper compiler: instructions, labels, branches as short as they can be
# MIT license; Copyright (c) 2026 the pitwasm authors
from __future__ import annotations

from tools.viperc.emit import Emitter
from tools.viperc.ir import Imm

CONDITIONS = {"eq": 0, "ne": 1, "geu": 2, "ltu": 3, "mi": 4, "pl": 5, "gtu": 8, "leu": 9, "ge": 10, "lt": 11, "gt": 12, "le": 13}
CONDITIONS |= {"z": 0, "nz": 1}
SHIFT = {"shl": 0, "shr": 1, "sar": 2}


def constant(k: int) -> list[tuple[str, int]] | None:
    """Shortest way to make a 32-bit constant in one register: (operation, immediate) steps."""
    k &= 0xFFFFFFFF
    s = k - (1 << 32) if k >> 31 else k
    if k < 256:
        return [("mov", k)]
    low = (k & -k).bit_length() - 1
    if k >> low < 256:
        return [("mov", k >> low), ("shl", low)]
    if k < 511:
        return [("mov", 255), ("add", k - 255)]
    if -257 < s < 0:
        return [("mov", -s - 1), ("mvn", 0)] if s != -256 else [("mov", 255), ("mvn", 0)]
    top = 32 - k.bit_length()
    if k & (k + 1) == 0:
        return [("mov", 0), ("mvn", 0), ("shr", top)]
    n = ~k & 0xFFFFFFFF
    low = (n & -n).bit_length() - 1
    if n >> low < 256:
        return [("mov", n >> low), ("shl", low), ("mvn", 0)]
    if k >> 8 < 256:
        return [("mov", k >> 8), ("shl", 8), ("add", k & 255)]
    low = ((k & ~255) & -(k & ~255)).bit_length() - 1
    if k >> low < 256:
        return [("mov", k >> low), ("shl", low), ("add", k & 255)]
    return None


class Assembler(Emitter):
    """Instructions in a row, and their bytes."""

    # ---- instructions ------------------------------------------------------------------------------------------------------
    def h(self, *words: int) -> None:
        self.items += [("h", w & 0xFFFF) for w in words]

    def flagged(self) -> int:
        """The register whose sign and whether it is 0 the flags tell after the last instruction, or -1."""
        kind, *rest = self.items[-1]
        if kind != "h":
            return -1
        w = rest[0]
        if w < 0x2000 or w & 0xFC00 == 0x4000 and w >> 6 & 15 not in (8, 10, 11):  # shifts, add, sub; and … mvn, but tst, cmp, cmn
            return w & 7
        return w >> 8 & 7 if w < 0x4000 and w >> 11 != 5 else -1  # mov, add, sub with 8 bits, but cmp

    def jump(self, target: object, cond: str | None = None) -> None:
        self.items.append(("branch", target, cond))

    def bl(self, target: object) -> None:
        self.items.append(("bl", target))

    def mov(self, d: int, s: int) -> None:
        if d != s:
            self.h(0x4600 | (d & 8) << 4 | s << 3 | d & 7)

    def shift(self, op: str, d: int, a: int, k: int) -> None:
        self.h(SHIFT[op] << 11 | (k & 31) << 6 | a << 3 | d) if k else self.h(a << 3 | d)

    def li(self, d: int, k: int) -> None:
        steps = constant(k)
        assert steps is not None, k
        for op, x in steps:
            match op:
                case "mov":
                    self.h(0x2000 | d << 8 | x)
                case "add":
                    self.h(0x3000 | d << 8 | x)
                case "mvn":
                    self.h(0x43C0 | d << 3 | d)
                case _:
                    self.shift(op, d, d, x)

    def add(self, d: int, a: int, b: int) -> None:
        if d < 8 and a < 8 and b < 8:
            self.h(0x1800 | b << 6 | a << 3 | d)
        elif d == b:
            self.h(0x4400 | (d & 8) << 4 | a << 3 | d & 7)
        else:
            self.mov(d, a)
            self.h(0x4400 | (d & 8) << 4 | b << 3 | d & 7)

    def addi(self, d: int, a: int, k: int) -> None:
        if -8 < k < 8 and d != a:
            self.h((0x1C00 if k >= 0 else 0x1E00) | abs(k) << 6 | a << 3 | d)
            return
        self.mov(d, a)
        self.h((0x3000 if k >= 0 else 0x3800) | d << 8 | abs(k))

    def load(self, d: int, a: int, b: int | Imm, size: int) -> None:
        if isinstance(b, Imm):
            assert 0 <= b.k < 32 * size and b.k % size == 0, b
            self.h({4: 0x6800, 2: 0x8800, 1: 0x7800}[size] | b.k // size << 6 | a << 3 | d)
        else:
            self.h({4: 0x5800, 2: 0x5A00, 1: 0x5C00}[size] | b << 6 | a << 3 | d)

    def store(self, s: int, a: int, b: int | Imm, size: int) -> None:
        if isinstance(b, Imm):
            assert 0 <= b.k < 32 * size and b.k % size == 0, b
            self.h({4: 0x6000, 2: 0x8000, 1: 0x7000}[size] | b.k // size << 6 | a << 3 | s)
        else:
            self.h({4: 0x5000, 2: 0x5200, 1: 0x5400}[size] | b << 6 | a << 3 | s)

    def longer(self, item: tuple, size: int, far: int) -> int:
        far -= 4
        if item[2] is None:
            return 2 if size == 2 and -2048 <= far < 2048 else 4
        if size == 2 and -256 <= far < 256:
            return 2
        return 4 if size <= 4 and -2048 <= far - 2 < 2048 else 6

    # ---- assembly ---------------------------------------------------------------------------------------------------------------
    def assemble(self) -> bytes:
        """The bytes: branches as short as they can be."""
        size = []
        for item in self.items:
            size.append(len(item[1]) if item[0] == "data" else {"h": 2, "label": 0, "branch": 2, "bl": 4, "table": 512, "adr": 8}[item[0]])
        places = self.settle(size)
        out = bytearray()
        for k, item in enumerate(self.items):
            pc = places[k] + 4
            if item[0] == "h":
                out += item[1].to_bytes(2, "little")
            elif item[0] == "table":
                for name in item[1]:
                    far = self.labels[name] - places[k] - 2
                    assert 0 <= far < 65536, "a jump table's targets lie behind it"
                    out += far.to_bytes(2, "little")
            elif item[0] == "data":
                out += item[1]
            elif item[0] == "adr":
                d, far = item[2], self.labels[item[1]] - places[k] - 10  # pc of the last of the four
                assert 0 <= far < 65536, "tables lie behind the code, in its reach"
                for word in (0x2000 | d << 8 | far >> 8, 0x0200 | d << 3 | d, 0x3000 | d << 8 | far & 255, 0x4478 | d):
                    out += word.to_bytes(2, "little")
            elif item[0] == "bl":
                out += _bl(self.labels[item[1]] - pc)
            elif item[0] == "branch":
                far = self.labels[item[1]] - pc
                if item[2] is None:
                    out += _b(far) if size[k] == 2 else _bl(far)
                else:
                    c = CONDITIONS[item[2]]
                    if size[k] == 2:
                        out += (0xD000 | c << 8 | far >> 1 & 255).to_bytes(2, "little")
                    else:
                        out += (0xD000 | (c ^ 1) << 8 | (size[k] - 4 >> 1)).to_bytes(2, "little")
                        out += _b(far - 2) if size[k] == 4 else _bl(far - 2)
        return bytes(out)


def _b(far: int) -> bytes:
    return (0xE000 | far >> 1 & 0x7FF).to_bytes(2, "little")


def _bl(far: int) -> bytes:
    """bl; also as a long branch: lr is saved by every function."""
    return (0xF000 | far >> 12 & 0x7FF).to_bytes(2, "little") + (0xF800 | far >> 1 & 0x7FF).to_bytes(2, "little")
