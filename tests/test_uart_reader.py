# The UART reader over good lines of every kind: what it loads, pins, keeps; its memory and its speed (port/uart.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import socket
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faultyline import DOWN, UP, Line
from tests.uartdevice import BAUD, DEVICE, SIZES, Liar, answers, device, fill, loads, outcome
from tools import ports, serve
from tools.host import ROOT
from tools.mp import MicroPython
from tools.uartlink import Answerer, Library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path)


def test_loaded_kept_and_run(mp: MicroPython, tmp_path: Path) -> None:
    """From the line the first time, from flash the second, when the line is dead."""
    served = ROOT / "samples" / "life"
    script = """
import os
import pitwasm
from pitwasm.chain import Chain
from pitwasm.flash import FlashReader
rt = pitwasm.Runtime(64 * 1024)
chain = Chain(FlashReader("kept"), UartReader(line, timeout=20, patience=3000), keep="kept")
source = chain("life")
module = rt.load(source, "life")
chain.destroy("life", source)
print(rt.instantiate(module).exports.run(3), os.listdir("kept"))
assert chain.trouble is None
try:
    print(chain("nothing"))
except LoadError:
    print("line is down")
"""
    with serve.background(served) as path:
        first = device(mp, path, script, cwd=tmp_path)
    second = device(mp, "/dev/null", script, cwd=tmp_path)
    assert "['life.wasm']" in first and first.endswith("\nNone\n")
    assert second == first.replace("None", "line is down")
    assert (tmp_path / "kept" / "life.wasm").read_bytes() == (served / "life.wasm").read_bytes()


def test_pins(mp: MicroPython, folder: Path) -> None:
    digests = {name: hashlib.sha256((folder / f"{name}.wasm").read_bytes()).hexdigest() for name in SIZES}
    liar = Liar(folder, lambda kind, payload: (kind, payload))
    with Line(liar.answer) as line:
        device(
            mp,
            line,
            f"""
digests = {digests!r}
reader = UartReader(line, pins=digests, timeout=2000)
assert read(reader, "mB") and reader("none") is None
for pins in ([digests["mA"]], {{"mA": digests["mB"]}}, ()):
    text = error(UartReader(line, pins=pins), "mB")
    assert text.startswith("mB: its SHA-256 is not pinned: " + digests["mB"]), text
""",
        )
    assert [length for _, _, length in liar.asked if length] == [330], "no data were asked for"


def test_sources_in_turns_and_all_sizes(mp: MicroPython, folder: Path) -> None:
    contents = {name: (folder / f"{name}.wasm").read_bytes() for name in SIZES}
    (folder / "empty.wasm").write_bytes(b"")
    (folder / "mö.wasm").write_bytes(b"name")
    with Line(answers(folder)) as line:
        for name, content in contents.items():
            (folder / f"{name}.copy").write_bytes(content)
        device(
            mp,
            line,
            f"""
def content(name):
    with open("{folder}/" + name + ".copy", "rb") as f:
        return f.read()
for block in (64, 100, 512, 1024):
    for ahead in (False, True):
        reader = UartReader(line, block=block, ahead=ahead)
        for name in {list(SIZES)}:
            assert read(reader, name, 77) == content(name)
        # Several at a time, and one that is given up.
        names = ["mC", "mD", "mE"]
        sources = [reader(name) for name in names]
        reader("mE").readinto(bytearray(1))
        got = [b""] * 3
        buf = bytearray(333)
        while any([source.left for source in sources]):
            for i in range(3):
                n = sources[i].readinto(buf)
                got[i] += buf[:n]
        assert got == [content(name) for name in names]
assert read(reader, "empty") == b"" and read(reader, "mö") == b"name"
for name in ("", "none", "../mA", "x" * 255, "x" * 256, "x" * 5000, "mA\\0"):
    assert reader(name) is None, name
source = reader("mA")
assert source.readinto(bytearray(0)) == 0 and source.readinto(bytearray(9)) == 1 == source.size
assert source.readinto(bytearray(9)) == 0
reader.destroy("mA", source); reader.destroy("mA", source)
assert error(source.readinto, bytearray(9)) == "mA: this source is closed"
for block in (63, 0, -1, 32769):
    try:
        UartReader(line, block=block)
        assert False
    except ValueError:
        pass
""",
        )


# A machine.UART: any(), a receive buffer of so many bytes that overflows, every so many writes cut short.
UART = """
import select
class UART:
    def __init__(self, file, rxbuf, cut=0):
        self.file = file; self.rxbuf = rxbuf; self.got = b""; self.cut = cut; self.lost = 0; self.writes = 0
        self.poll = select.poll(); self.poll.register(file, select.POLLIN)
    def any(self):
        byte = bytearray(1)
        while self.poll.poll(0):
            self.file.readinto(byte)
            if len(self.got) < self.rxbuf:
                self.got += byte
            else:
                self.lost += 1
        return len(self.got)
    def readinto(self, buf):
        n = min(len(buf), len(self.got), 50)
        if not n:
            return None
        buf[:n] = self.got[:n]
        self.got = self.got[n:]
        return n
    def write(self, data):
        self.writes += 1
        if self.cut and self.writes % self.cut == 0:
            data = data[:7]
        return self.file.write(data)

def load(name, uart, pause, **options):
    reader = UartReader(uart, **options)
    source = reader(name)
    out = b""
    buf = bytearray(256)
    waiting = 0
    while True:
        n = source.readinto(buf)
        if not n:
            return out, waiting
        out += buf[:n]
        time.sleep_ms(pause)  # translating what came
        waiting = max(waiting, uart.any())
"""


def test_a_uart(mp: MicroPython, folder: Path) -> None:
    (folder / "mE.copy").write_bytes((folder / "mE.wasm").read_bytes())
    with Line(answers(folder)) as line:
        device(
            mp,
            line,
            UART
            + """
with open("mE.copy", "rb") as f:
    want = f.read()
uart = UART(line, 10000)
assert load("mE", uart, 1, timeout=2000) == (want, 0) and uart.writes == 7  # nothing comes while nobody reads
uart = UART(line, 10000, cut=3)
assert load("mE", uart, 0, timeout=20)[0] == want and uart.writes > 7
uart = UART(line, 2100)
out, waiting = load("mE", uart, 2, timeout=2000, ahead=True)
assert out == want and 1000 < waiting < 2080 and uart.writes == 7 and uart.lost == 0
uart = UART(line, 256)  # too small for that
assert load("mE", uart, 2, ahead=True, timeout=20)[0] == want and uart.lost > 0
""",
            cwd=folder,
        )


def test_over_sockets(mp: MicroPython, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def host() -> None:
            for count in (100, 3):  # requests answered before it hangs up
                port = ports.Socket(server.accept()[0], "test")
                honest = Answerer(Library(folder))

                def answer(request: bytes, honest: Answerer = honest, count: list = [count]) -> bytes:  # noqa: B006
                    count[0] -= 1
                    if count[0] < 0:
                        raise ConnectionResetError
                    return honest.answer(request)

                with pytest.raises(ConnectionResetError):
                    serve.serve(port, SimpleNamespace(answer=answer))
                port.close()

        thread = threading.Thread(target=host)
        thread.start()
        device(
            mp,
            "/dev/null",
            f"""
import socket
for works in (True, False):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", {server.getsockname()[1]})[0][-1])
    reader = UartReader(s, timeout=1000)
    if works:
        assert len(read(reader, "mE")) == 6000 and reader("none") is None
    else:
        for _ in range(3):
            assert "the line failed: " in error(read, reader, "mE")
    s.close()
""",
        )
        thread.join(10)
        assert not thread.is_alive()


def test_over_the_console(mp: MicroPython, folder: Path) -> None:
    """What USB serial is on a board: binary frames between what the program prints, no Ctrl-C out of the data."""
    (folder / "mE.wasm").write_bytes(b"\x03\x04\x0d\x0a\xfa" * 400)
    script = DEVICE + (
        'print("hello")\n'
        "reader = UartReader(sys.stdin.buffer, sys.stdout.buffer)\n"
        'got = read(reader, "mE")\n'
        'print("read", len(got), got == b"\\x03\\x04\\x0d\\x0a\\xfa" * 400)\n'
    )
    process = subprocess.Popen(
        mp.command(["-c", script, "/dev/null"]), env=mp.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )

    class Pipe:
        name = "pipe"

        def read(self, seconds: float) -> bytes:
            data = process.stdout.read(4096)
            if not data:
                raise EOFError
            return data

        def write(self, data: bytes) -> None:
            process.stdin.write(data)

        def close(self) -> None:
            pass

    text = bytearray()
    with pytest.raises(EOFError):
        serve.serve(Pipe(), Answerer(Library(folder)), text.extend)
    assert process.wait(10) == 0
    process.stdin.close()
    process.stdout.close()
    assert bytes(text) == b"hello\nread 2000 True\n"


def test_crc_without_help(mp: MicroPython, folder: Path) -> None:
    """On ports whose binascii has no crc32."""
    with Line(answers(folder)) as line:
        without = "import sys\nclass B: pass\nsys.modules['binascii'] = B\n"
        done = mp.run(["-c", without + DEVICE + 'assert len(read(UartReader(line), "mD")) == 2921', line.path])
    assert done.returncode == 0, done.stderr


def test_memory_of_the_reader(mp32: MicroPython, folder: Path) -> None:
    """A block, and half a kilobyte of its own."""
    with Line(answers(folder)) as line:
        device(
            mp32,
            line,
            """
import gc
def held():
    gc.collect()
    return gc.mem_alloc()
UartReader(line)
before = held()
reader = UartReader(line)
of_reader = held() - before
source = reader("mE")
source.readinto(bytearray(10))
of_source = held() - before - of_reader
assert of_reader < 1024 + 600 and of_source < 400, (of_reader, of_source)
""",
        )


# ---- speed ----


def rate(line: Line, latency: float) -> float:
    """Bytes of modules a second, from the bytes on the wire: one request after the other, ten bits a byte, a pause each way."""
    wire = sum(size for _, size, _ in line.sent)
    payload = sum(size for _, _, size in line.sent)
    return payload / (wire * 10 / BAUD + len(line.sent) * latency)


def test_speed_of_a_clean_line(mp: MicroPython) -> None:
    """More than 80 % of what the line can carry, computed for pauses of 2 ms before each frame."""
    folder = ROOT / "samples" / "kit"
    with Line(answers(folder)) as line:
        lines = loads(mp, line, folder, 1, "kit", timeout=2000)
    assert outcome(lines) == {"ok": 1}
    directions = [direction for direction, _, _ in line.sent]
    assert directions == [UP, DOWN] * (len(directions) // 2), "nothing was asked for twice"
    print(f"{rate(line, 0.002):.0f} bytes/s, {rate(line, 0.002) / (BAUD / 10):.1%} of the line")
    assert rate(line, 0.002) >= 0.9 * BAUD / 10


@pytest.mark.parametrize("ahead", [False, True])
def test_speed_of_a_paced_line(mp64: MicroPython, ahead: bool) -> None:
    """The same by the clock: bytes come as fast as 115,200 baud lets them, 2 ms late each way. Other processes may disturb a run."""
    folder = ROOT / "samples" / "desk"
    speed = 0.0
    for _ in range(6):
        with Line(answers(folder), baud=BAUD, latency=0.002) as line:
            lines = loads(mp64, line, folder, 1, "desk", ahead=ahead)
        assert outcome(lines) == {"ok": 1}
        speed = (folder / "desk.wasm").stat().st_size / (int(lines[0].split("|")[1]) / 1000)
        print(f"{speed:.0f} bytes/s, {speed / (BAUD / 10):.1%} of the line")
        if speed >= 0.8 * BAUD / 10:
            return
    pytest.fail(f"{speed:.0f} bytes/s")
