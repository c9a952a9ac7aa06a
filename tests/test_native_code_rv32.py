# What the native tier writes for RV32IMC, disassembled and proved: each access checked, each branch inside, no register lost
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Made on the host by the assembler of core/machine/rv32, which runs anywhere; rv32code.py has the proof.
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nativecode import before, kinds, missed, modules, prove, proved, random_modules, suite_modules, words_beyond
from tests.nativeproof import Function, Ins
from tests.rv32code import CONDITIONS, RV32
from tools.host import ROOT

WORKLOADS = ROOT / "bench" / "workloads.wasm"
NAMES = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split()


def test_modules_at_hand() -> None:
    found = prove(RV32, "rv32imc", modules(), 900, 15_000)
    assert found["table"] >= 80 and found["call"] > 2000 and found["pool load"] > 800 and found["pool store"] > 600


def test_suite() -> None:
    prove(RV32, "rv32imc", suite_modules(), 4000, 500)


@pytest.mark.parametrize("calls", [False, True], ids=["all the loop's", "calls of routines"])
def test_random_programs(tmp_path: Path, calls: bool) -> None:
    prove(RV32, "rv32imc", random_modules(tmp_path, 33_001, 120), 600, 600, calls)


# ---- the proof fails when the code is damaged --------------------------------------------------------------------------------------------


def word(f: Function, i: Ins) -> int:
    return int.from_bytes(f.code[i.address:i.address + i.size], "little")


def put(i: Ins, value: int) -> dict[int, bytes]:
    return {i.address: (value & (1 << 8 * i.size) - 1).to_bytes(i.size, "little")}


def nop(i: Ins) -> dict[int, bytes]:
    return put(i, 0x13 if i.size == 4 else 1)


def checks_gone(f: Function) -> Iterator[dict[int, bytes]]:
    """All up to one: what is behind that is found, even where the same address was checked before."""
    gone: dict[int, bytes] = {}
    for i in kinds(f, "check", "aligned"):
        gone |= nop(i)
        yield dict(gone)


def checks_of_another_register(f: Function) -> Iterator[dict[int, bytes]]:
    gone: dict[int, bytes] = {}
    for i in kinds(f, "check"):
        yield {**gone, **put(i, word(f, i) ^ 1 << 15)}
        yield {**gone, **put(i, word(f, i) ^ 1 << 20)}
        gone |= nop(i)


def checks_the_other_way(f: Function) -> Iterator[dict[int, bytes]]:
    """bgeu as bltu, and signed."""
    gone: dict[int, bytes] = {}
    for i in kinds(f, "check"):
        yield {**gone, **put(i, word(f, i) ^ 1 << 12)}
        yield {**gone, **put(i, word(f, i) ^ 2 << 12)}
        gone |= nop(i)


def limits_too_high(f: Function) -> Iterator[dict[int, bytes]]:
    """addi s1, s3, -n"""
    gone: dict[int, bytes] = {}
    for i in kinds(f, "check"):
        limit = before(f, i)
        if (limit.name, limit.ops[:2]) == ("addi", ["s1", "s3"]):
            yield {**gone, **put(limit, word(f, limit) & 0xFFFFF)}
        gone |= nop(i)


def offsets_too_high(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "memory load", "memory store"):
        if i.size == 4:
            yield put(i, word(f, i) | 0x70000000)
        else:
            yield put(i, word(f, i) | 0x1C60)


def other_addresses(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "memory load", "memory store"):
        sum_ = before(f, i)
        if sum_.name == "add" and sum_.ops[:2] == ["s1", "s2"]:
            yield put(sum_, word(f, sum_) ^ 1 << 20)
            yield put(sum_, word(f, sum_) ^ 1 << 15)
        if i.size == 4:
            yield put(i, word(f, i) ^ 2 << 15)


def outside_the_frame(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "frame load", "frame store"):
        if i.size == 4:
            yield put(i, word(f, i) | 1 << 31)
            yield put(i, word(f, i) ^ 2 << 15)
        elif f.found["slots"] < 32:
            yield put(i, word(f, i) | 0x1C60)


def astray(f: Function, i: Ins, place: int) -> dict[int, bytes]:
    """The branch or jump to another place."""
    far = place - i.address
    if i.name == "jal":
        return put(i, word(f, i) & 0xFFF | far & 0xFF000 | (far >> 11 & 1) << 20 | (far >> 1 & 0x3FF) << 21 | (far >> 20 & 1) << 31)
    return put(i, word(f, i) & 0x1FFF07F | (far >> 11 & 1) << 7 | (far >> 1 & 15) << 8 | (far >> 5 & 63) << 25 | (far >> 12 & 1) << 31)


def branches_astray(f: Function) -> Iterator[dict[int, bytes]]:
    """Into the middle of an instruction, into data, outside."""
    nowhere = [place for place in range(0, len(f.code) + 64, 2) if place not in f.index]
    for n, i in enumerate(kinds(f, "branch")):
        if i.name == "jal" or i.name in CONDITIONS:
            for place in (nowhere[n % len(nowhere)], len(f.code) + 2, -4):
                if abs(place - i.address) < 4000:
                    yield astray(f, i, place)


def calls_astray(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name == "jal" and (i.ops[0] != "zero" or f.target(i) < 0):
            yield astray(f, i, f.target(i) + 2)


# Writes of registers that have a task; jumps anywhere; ecall, ebreak, csrw; stores to (a0), (sp), (s6); ret; j to itself
ANYTHING = tuple(0x50013 | NAMES.index(name) << 7 for name in "sp gp tp s0 s2 s3 s4 s5 s6 s7 s8 s9 s10".split())
ANYTHING += (0x50067, 0x500E7, 0x73, 0x100073, 0x30551073, 0xA52023, 0xA12023, 0xAB2023, 0x8067, 0x6F)


def anything_else(f: Function) -> Iterator[dict[int, bytes]]:
    fours = [i for i in f.reached if i.size == 4]
    for n, i in enumerate(fours):
        yield put(i, ANYTHING[n % len(ANYTHING)])


def exits_elsewhere(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "exit"):
        half = int.from_bytes(f.code[i.address + 4:i.address + 6], "little")
        yield {i.address + 4: (half | 3 << 14).to_bytes(2, "little")}
        yield {i.address + 4: (half & 0xC000 | len(f.words) // 4).to_bytes(2, "little")}


def fuel_for_nothing(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name == "addi" and i.ops == ["s4", "s4", -1]:
            yield nop(i)
    for i in kinds(f, "fuel"):
        yield put(i, word(f, i) ^ 1 << 12)


def frame_moves_wrongly(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name == "addi" and i.ops[:2] == ["s0", "s0"] and i.ops[2]:
            yield put(i, word(f, i) ^ (4 << 20 if i.size == 4 else 4 << 2))


def no_room(f: Function) -> Iterator[dict[int, bytes]]:
    """The start of a function: less room is enough, another comparison, none of the stack of return addresses, too many slots cleared."""
    for i in kinds(f, "room"):
        room = before(f, i, 2)
        if room.name == "addi" and room.size == 4:
            yield put(room, word(f, room) - (4 << 20))
        yield put(i, word(f, i) ^ 1 << 12)
        yield put(i, word(f, i) ^ 2 << 12)
    for i in kinds(f, "stack"):
        yield put(i, word(f, i) ^ 1 << 12)
        yield nop(i)
    for i in f.reached:
        if (i.name, i.ops) == ("addi", ["a2", "zero", f.found["clear"]]) and i.size == 2 and i.address < f.enter + 60:
            if f.found["clear"] < 31 and f.found["params"] + 31 > f.found["slots"]:
                yield put(i, word(f, i) | 31 << 2)


def records_wrong(f: Function) -> Iterator[dict[int, bytes]]:
    """The call records, the stack of return addresses."""
    for i in kinds(f, "calls store", "returns store", "returns load"):
        yield put(i, word(f, i) ^ (1 << 20 if i.name == "sw" else 4 << 20))
    for i in f.reached:
        if i.name == "addi" and i.ops[0] in ("s5", "s8") and i.size == 2:
            yield put(i, word(f, i) ^ 8 << 2)


def words_wrong(f: Function) -> Iterator[dict[int, bytes]]:
    """The call words and functions that calls are made with: addi behind lui."""
    for i in kinds(f, "call"):
        for n in range(1, 6):
            low = before(f, i, n)
            if low.name == "addi" and low.ops[0] == low.ops[1] and low.ops[0] in ("a0", "a1") and low.size == 4:
                yield put(low, word(f, low) ^ 4 << 20)


def globals_beyond(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "globals load"):
        yield put(i, word(f, i) | 1 << 30)
    for i in kinds(f, "pool load", "pool store"):
        yield put(i, word(f, i) | (8 << 7 if i.name == "sw" else 8 << 20) if i.size == 4 else word(f, i) | 0x400)
        yield nop(before(f, i))


MOST = {anything_else: 300, outside_the_frame: 500}  # instructions of a function, to keep it short

# Damage -> how often at least it is to be found.
DAMAGE = {
    checks_gone: 70, checks_of_another_register: 100, checks_the_other_way: 100, limits_too_high: 5, offsets_too_high: 50,
    other_addresses: 100, outside_the_frame: 400, branches_astray: 500, calls_astray: 150, anything_else: 700, exits_elsewhere: 150,
    fuel_for_nothing: 90, frame_moves_wrongly: 40, no_room: 60, records_wrong: 100, words_wrong: 40, globals_beyond: 15, words_beyond: 30,
}  # fmt: skip


@pytest.mark.parametrize("changes", DAMAGE, ids=lambda changes: changes.__name__)
def test_damage_is_seen(changes) -> None:
    """Each instruction of a kind, damaged alone."""
    functions = proved(RV32, WORKLOADS, "rv32imc") + proved(RV32, ROOT / "examples" / "wasi" / "count.wasm", "rv32imc")
    count, unseen = missed([f for f in functions if len(f.ins) < MOST.get(changes, 1000)], changes)
    assert unseen == []
    assert count >= DAMAGE[changes]
