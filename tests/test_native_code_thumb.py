# What the native tier writes for Cortex-M, disassembled and proved: each access checked, each branch inside, no register lost
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Made on the host by the assembler of core/machine/thumb, which runs anywhere; thumbcode.py has the proof.
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nativecode import before, kinds, missed, modules, prove, proved, random_modules, suite_modules, words_beyond
from tests.nativeproof import Function
from tests.thumbcode import CONDITIONS, Thumb
from tools.host import ROOT

WORKLOADS = ROOT / "bench" / "workloads.wasm"
NOP = b"\xc0\x46"


def test_modules_at_hand() -> None:
    found = prove(Thumb, "armv6m", modules(), 900, 15_000)
    assert found["table"] >= 80 and found["call"] > 2000 and found["pool load"] > 800 and found["pool store"] > 600


def test_suite() -> None:
    prove(Thumb, "armv6m", suite_modules(), 4000, 500)


@pytest.mark.parametrize("calls", [False, True], ids=["all the loop's", "calls of routines"])
def test_random_programs(tmp_path: Path, calls: bool) -> None:
    prove(Thumb, "armv6m", random_modules(tmp_path, 32_001, 120), 600, 600, calls)


# ---- the proof fails when the code is damaged --------------------------------------------------------------------------------------------


def half(f: Function, place: int) -> int:
    return int.from_bytes(f.code[place:place + 2], "little")


def two(value: int) -> bytes:
    return value.to_bytes(2, "little")


def checks_gone(f: Function) -> Iterator[dict[int, bytes]]:
    """All up to one: what is behind that is found, even where the same address was checked before."""
    gone = {}
    for i in kinds(f, "check", "aligned"):
        gone[i.address] = NOP
        yield dict(gone)


def compares_gone(f: Function) -> Iterator[dict[int, bytes]]:
    gone = {}
    for i in kinds(f, "check", "aligned"):
        gone[before(f, i).address] = NOP
        yield dict(gone)


def compares_of_another_register(f: Function) -> Iterator[dict[int, bytes]]:
    gone = {}
    for i in kinds(f, "check"):
        c = before(f, i)
        yield {**gone, c.address: two(half(f, c.address) ^ 1)}
        gone[i.address] = NOP


def limits_too_high(f: Function) -> Iterator[dict[int, bytes]]:
    """subs r3, #n: one less is enough for bytes."""
    gone = {}
    for i in kinds(f, "check"):
        s = before(f, i, 2)
        if (s.name, s.ops[0]) == ("subs", "r3"):
            yield {**gone, s.address: two(half(f, s.address) & 0xFF00)}
        gone[i.address] = NOP


def offsets_too_high(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "memory load", "memory store"):
        if half(f, i.address) >> 12 in (6, 7, 8):
            yield {i.address: two(half(f, i.address) | 31 << 6)}


def other_addresses(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "memory load", "memory store"):
        a = before(f, i)
        if a.name == "adds":
            yield {a.address: two(half(f, a.address) ^ 7 << 6)}
            yield {i.address: two(half(f, i.address) ^ 7 << 3)}


def outside_the_frame(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "frame load", "frame store"):
        if half(f, i.address) >> 12 == 6 and f.found["slots"] < 32:
            yield {i.address: two(half(f, i.address) | 31 << 6)}
            yield {i.address: two(half(f, i.address) & ~(7 << 3) | 6 << 3)}


def branches_astray(f: Function) -> Iterator[dict[int, bytes]]:
    """Into the middle of an instruction, into data, outside."""
    nowhere = [place for place in range(0, len(f.code) + 64, 2) if place not in f.index]
    for i in kinds(f, "branch"):
        if i.name == "b" or i.name[1:] in CONDITIONS:
            reach = 2046 if i.name == "b" else 254
            for place in [place for place in nowhere if abs(place - i.address - 4) <= reach][:2]:
                far = place - i.address - 4 >> 1
                yield {i.address: two(0xE000 | far & 0x7FF if i.name == "b" else half(f, i.address) & 0xFF00 | far & 0xFF)}


def calls_astray(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name == "bl":
            yield {i.address + 2: two(half(f, i.address + 2) ^ 1)}


# mov r8 … sp, r0; mov r7, r0; bx r0; blx r0; svc; bkpt; cpsid i; ldm; stores to [r2], [sp]; pop {pc}; push {r0}; b to itself
ANYTHING = (0x4680, 0x4681, 0x4682, 0x4683, 0x4684, 0x4685, 0x4607, 0x4700, 0x4780, 0xDF00, 0xBE00, 0xB672, 0xC802, 0x6010, 0x9000, 0xE7FE)


def anything_else(f: Function) -> Iterator[dict[int, bytes]]:
    for n, i in enumerate(f.reached):
        if i.size == 2:
            yield {i.address: two(ANYTHING[n % len(ANYTHING)])}


def exits_elsewhere(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "exit"):
        yield {i.address + 4: two(half(f, i.address + 4) | 3 << 14)}
        yield {i.address + 4: two(half(f, i.address + 4) & 0xC000 | len(f.words) // 4)}


def fuel_for_nothing(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name in ("add", "cmp") and i.ops == ["r10", "r11"]:
            yield {i.address: NOP}


def frame_moves_wrongly(f: Function) -> Iterator[dict[int, bytes]]:
    for i in f.reached:
        if i.name in ("adds", "subs") and i.ops[0] == "r7" and i.ops[1]:
            yield {i.address: two(half(f, i.address) ^ 4)}


def no_room(f: Function) -> Iterator[dict[int, bytes]]:
    """The start of a function: less room is enough, no check of it, none of the machine's stack, too many slots cleared."""
    for i in kinds(f, "room"):
        k = before(f, i, 2)
        if k.name == "movs":
            yield {k.address: two(half(f, k.address) - 4)}
        yield {i.address: two(0xE000 | half(f, i.address) & 0xFF)}
    for i in kinds(f, "stack"):
        yield {i.address: two(0xE000 | half(f, i.address) & 0xFF)}
    for i in f.reached:
        if (i.name, i.ops[1:]) == ("movs", [f.found["clear"]]) and i.ops[0] == "r1" and i.address < f.enter + 60:
            yield {i.address: two(0x21FF)}


def records_wrong(f: Function) -> Iterator[dict[int, bytes]]:
    """The call records' top, and what is stored there."""
    for i in kinds(f, "calls store"):
        yield {i.address: two(half(f, i.address) ^ 1)}
    for i in kinds(f, "state store"):
        yield {before(f, i).address: two(half(f, before(f, i).address) ^ 8)}


def literals_wrong(f: Function) -> Iterator[dict[int, bytes]]:
    """The call words and functions that calls are made with."""
    for i in kinds(f, "call"):
        for n in range(1, 4):
            load = before(f, i, n)
            if load.name == "ldr" and load.ops[0] in ("r0", "r1") and load.ops[1][0] == "pc":
                place = (load.address + 4 & -4) + load.ops[1][1]
                yield {place: bytes([f.code[place] ^ 4])}


def globals_beyond(f: Function) -> Iterator[dict[int, bytes]]:
    for i in kinds(f, "globals load"):
        yield {i.address: two(half(f, i.address) | 31 << 6)}
    for i in kinds(f, "pool load", "pool store"):
        yield {i.address: two(half(f, i.address) | 2 << 6)}
        yield {before(f, i).address: NOP}


MOST = {anything_else: 300, outside_the_frame: 500}  # instructions of a function, to keep it short

# Damage -> how often at least it is to be found.
DAMAGE = {
    checks_gone: 70, compares_gone: 70, compares_of_another_register: 50, limits_too_high: 5, offsets_too_high: 50, other_addresses: 80,
    outside_the_frame: 700, branches_astray: 500, calls_astray: 200, anything_else: 1500, exits_elsewhere: 150, fuel_for_nothing: 90,
    frame_moves_wrongly: 40, no_room: 40, records_wrong: 40, literals_wrong: 40, globals_beyond: 15, words_beyond: 30,
}  # fmt: skip


@pytest.mark.parametrize("changes", DAMAGE, ids=lambda changes: changes.__name__)
def test_damage_is_seen(changes) -> None:
    """Each instruction of a kind, damaged alone."""
    functions = proved(Thumb, WORKLOADS, "armv6m") + proved(Thumb, ROOT / "examples" / "wasi" / "count.wasm", "armv6m")
    count, unseen = missed([f for f in functions if len(f.ins) < MOST.get(changes, 1000)], changes)
    assert unseen == []
    assert count >= DAMAGE[changes]
