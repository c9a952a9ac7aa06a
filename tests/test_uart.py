# The UART reader over lines that lose, harm, double and delay, and with hosts that die and lie (port/uart.py, docs/uart.md)
# MIT license; Copyright (c) 2026 the pitwasm authors

import random
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faultyline import DOWN, Faults, Line
from tests.uartdevice import DEVICE, Liar, answers, device, fill, loads, outcome
from tools import ports
from tools.host import ROOT
from tools.mp import MicroPython
from tools.uartlink import DATA, INFO, NO, Answerer, Library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path)


# ---- faults ----


def test_faults_and_a_server_that_is_killed(mp: MicroPython, folder: Path) -> None:
    """160 loads: a tenth of the frames lost, one in a hundred with flipped bits, doubles, delays, rubbish; a server that dies."""
    faults = Faults(lost=0.1, flipped=0.01, doubled=0.05, delayed=0.1, garbage=0.02, kill=60)
    with Line(folder=folder, faults=faults, seed=mp.bits) as line:
        lines = loads(mp, line, folder, 160, "mA mB mC mD mE", timeout=5, patience=3000)
    print(outcome(lines), line.counts)
    assert outcome(lines)["BAD"] == 0
    assert all(line.startswith(("ok ", "error ")) for line in lines)
    assert outcome(lines)["ok"] >= 150
    for what in ("lost", "flipped", "doubled", "delayed", "garbage", "killed"):
        assert line.counts[what] >= 3, what


def test_one_bit_in_a_hundred(mp: MicroPython, folder: Path) -> None:
    """40 loads: 1 % of all bits flipped and a tenth of the frames lost. No block of more than a few bytes gets through that."""
    (folder / "mN.wasm").write_bytes(random.Random(2).randbytes(48))
    faults = Faults(lost=0.1, noise=0.01, doubled=0.05, delayed=0.1)
    with Line(answers(folder), faults=faults, seed=mp.bits) as line:
        lines = loads(mp, line, folder, 40, "mN", timeout=1, patience=250)
    print(outcome(lines), line.counts)
    assert outcome(lines)["BAD"] == 0
    assert outcome(lines)["ok"] >= 1
    failed = [line for line in lines if line.startswith("error")]
    assert all("only damaged answers for 250 ms" in line or "no answer for 250 ms" in line for line in failed)


def test_some_noise_makes_blocks_shorter_and_silence_longer_again(mp64: MicroPython, folder: Path) -> None:
    with Line(answers(folder), faults=Faults(noise=0.0005), seed=1) as line:
        lines = loads(mp64, line, folder, 10, "mE", timeout=5, patience=3000)
        assert outcome(lines) == {"ok": 10}
        blocks = {size for direction, _, size in line.sent if direction == DOWN and size}
        assert min(blocks) <= 128 and max(blocks) >= 512


# ---- limits ----


@pytest.mark.parametrize("rubbish", ["silence", "flood", "trickle", "beginnings", "echo"])
def test_a_line_without_a_host_fails_in_time(mp: MicroPython, rubbish: str) -> None:
    port = ports.Pty()
    stop = threading.Event()

    def babble() -> None:
        source = random.Random(1)
        while not stop.is_set():
            data = port.read(0.001 if rubbish in ("flood", "beginnings") else 0.05)
            if rubbish == "flood":
                port.write(source.randbytes(200))
            elif rubbish == "trickle":
                port.write(b"\x55")
            elif rubbish == "beginnings":
                port.write(b"\xfaD\x00\x03")
            elif rubbish == "echo":
                port.write(data)

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        device(
            mp,
            port.name,
            """
for timeout, patience in ((100, 400), (10, 200)):
    reader = UartReader(line, timeout=timeout, patience=patience)
    start = time.ticks_ms()
    text = error(reader, "mA")
    took = time.ticks_diff(time.ticks_ms(), start)
    assert patience - 5 <= took <= patience + timeout + 1000, took
    assert text.startswith("mA: no answer for %d ms: see that `python -m tools.serve` runs" % patience) or \
        "mA: only damaged answers" in text and timeout, text
""",
        )
    finally:
        stop.set()
        thread.join()
        port.close()


def test_a_line_that_is_closed(mp: MicroPython, folder: Path) -> None:
    with Line(answers(folder)) as line:
        process = subprocess.Popen(
            mp.command(["-c", DEVICE + """
reader = UartReader(line, timeout=20, patience=400)
source = reader("mE")
buf = bytearray(100)
assert source.readinto(buf) == 100
print("reading"); sys.stdin.readline()
print(error(lambda: [source.readinto(buf) for _ in range(60)]))
""", line.path]),
            env=mp.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "reading\n"
    said, _ = process.communicate("\n", timeout=20)
    assert said.startswith("mE: the line failed: ") and process.returncode == 0


# ---- hosts that lie ----


def info(size: Callable[[int], int] = lambda n: n, digest: Callable[[bytes], bytes] = lambda d: d) -> Callable:
    def change(kind: int, payload: bytes) -> tuple[int, bytes]:
        if kind == INFO:
            payload = payload[:4] + struct.pack("<I", size(struct.unpack("<I", payload[4:8])[0])) + digest(payload[8:])
        return kind, payload

    return change


def data(change: Callable[[bytes], bytes]) -> Callable:
    return lambda kind, payload: (kind, change(payload) if kind == DATA else payload)


# What the host does to its answers, what the device says then.
LIES = {
    "other digest": (info(digest=lambda d: d[:4] + bytes(28)), "the SHA-256 of what came is not the one announced; load it again"),
    "one byte": (data(lambda p: p[:-1] + bytes([p[-1] ^ 1])), "the SHA-256 of what came is not the one announced; load it again"),
    "smaller": (info(size=lambda n: n - 1), "the SHA-256 of what came is not the one announced; load it again"),
    "larger": (info(size=lambda n: n + 1), "the host says: nothing there"),
    "other offset": (data(lambda p: p[:4] + struct.pack("<I", struct.unpack("<I", p[4:8])[0] ^ 1) + p[8:]), "no answer for 150 ms"),
    "other version": (data(lambda p: b"else" + p[4:]), "no answer for 150 ms"),
    "nothing in it": (data(lambda p: p[:8]), "no answer for 150 ms"),
    "too much": (data(lambda p: p + bytes(6000)), "no answer for 150 ms"),
    "no data at all": (lambda kind, payload: (kind, payload) if kind == INFO else None, "no answer for 150 ms"),
    "a short description": (lambda kind, payload: (kind, payload[:-1]), "no answer for 150 ms"),
    "a long description": (lambda kind, payload: (kind, payload + b"x"), "no answer for 150 ms"),
    "data for a description": (lambda kind, payload: (DATA, payload), "no answer for 150 ms"),
    "a reason": (lambda kind, payload: (NO, payload[:4] + b"because"), "the host says: because"),
    "another kind": (lambda kind, payload: (0x58, payload), "no answer for 150 ms"),
}


@pytest.mark.parametrize("lie", LIES)
def test_hosts_that_lie(mp: MicroPython, folder: Path, lie: str) -> None:
    change, text = LIES[lie]
    liar = Liar(folder, change)
    with Line(liar.answer) as line:
        patience = 150 if text.startswith("no answer") else 5000
        said = device(mp, line, f'print(error(read, UartReader(line, block=512, timeout=10, patience={patience}), "mD"))')
    assert said.startswith("mD: " + text), said


def test_a_broken_transfer_makes_the_load_fail_before_anything_is_instantiated(mp: MicroPython, tmp_path: Path) -> None:
    """The runtime reads a whole and valid module, only that it is not the one announced."""
    good = (ROOT / "samples" / "life" / "life.wasm").read_bytes()
    (tmp_path / "life.wasm").write_bytes(good)
    for change in (
        info(digest=lambda d: d[:4] + bytes(28)),
        data(lambda p: p[:-1] + bytes([p[-1] ^ 1 if p.endswith(good[-20:]) else p[-1]])),
    ):
        with Line(Liar(tmp_path, change).answer) as line:
            device(
                mp,
                line,
                """
import os
import pitwasm
from pitwasm.chain import Chain
from pitwasm.flash import FlashReader
rt = pitwasm.Runtime(64 * 1024)
before = rt.pool.used
chain = Chain(FlashReader("kept"), UartReader(line), keep="kept")
source = chain("life")
text = error(rt.load, source, "life")
assert "the SHA-256 of what came is not the one announced" in text, text
assert "this source is closed" in error(source.readinto, bytearray(1))
chain.destroy("life", source)
assert rt.pool.used == before and rt.modules() == [] and os.listdir("kept") == []
""",
                cwd=tmp_path,
            )


# ---- changes on the host ----


def test_a_file_that_changes_while_it_is_loaded(mp: MicroPython, folder: Path) -> None:
    """The server goes on with the bytes it began with; one that was started in between cannot, and says so."""
    old = (folder / "mD.wasm").read_bytes()
    for restarted in (False, True):
        (folder / "mD.wasm").write_bytes(old)
        answer = [Answerer(Library(folder)).answer]
        blocks = 0

        def change(request: bytes, answer: list = answer, restarted: bool = restarted) -> bytes:
            nonlocal blocks
            blocks += 1
            if blocks == 3:
                (folder / "mD.wasm").write_bytes(b"new")
                if restarted:
                    answer[0] = Answerer(Library(folder)).answer
            return answer[0](request)

        with Line(change) as line:
            said = device(
                mp,
                line,
                """
reader = UartReader(line, block=512, timeout=2000)
try:
    print(len(read(reader, "mD")))
except LoadError as exc:
    print(exc)
print(read(reader, "mD"))
""",
            )
        first = "mD: the host says: the file has changed or has gone; load it again" if restarted else str(len(old))
        assert said == f"{first}\nb'new'\n"
