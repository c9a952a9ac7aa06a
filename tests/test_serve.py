# The module server: its library of files, its answers, its command line (tools/serve.py, tools/uartlink.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.uartdevice import CHILD, ESCAPES, device, trap
from tools import serve
from tools.host import ROOT
from tools.mp import MicroPython
from tools.uartlink import DATA, FIELDS, INFO, NO, REQUEST, Answerer, Library, Parser, frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return trap(tmp_path)


def test_library_names(folder: Path) -> None:
    library = Library(folder / "modules")
    assert library.names() == ["mA"]
    assert library.find("mA").data == b"module A" * 40
    for name in [*ESCAPES, "folder", "fifo", "plain", "mB"]:
        assert library.find(name) is None, name
    assert list(library.versions) == ["mA"]
    (folder / "modules" / "inside.wasm").symlink_to("mA.wasm")
    (folder / "modules" / "outside.wasm").symlink_to(folder / "out.wasm")
    (folder / "modules" / "nowhere.wasm").symlink_to("nothing.wasm")
    assert library.names() == ["inside", "mA"]
    assert library.find("outside") is None and library.find("nowhere") is None
    for path in (folder / "none", folder / "out.wasm"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            Library(path)


def test_library_sees_changes_and_remembers(folder: Path) -> None:
    path = folder / "modules" / "mA.wasm"
    library = Library(folder / "modules")
    one = library.find("mA")
    path.write_bytes(b"two")
    two = library.find("mA")
    assert two.data == b"two" and library.find("mA", one.digest[:4]).data == one.data
    path.write_bytes(b"three")
    assert library.find("mA").data == b"three" and library.find("mA", two.digest[:4]) == two
    assert library.find("mA", one.digest[:4]) is None
    path.write_bytes(b"two")
    assert library.find("mA").data == b"two" and len(library.versions["mA"]) == 2
    path.unlink()
    assert library.find("mA", two.digest[:4]) == two or library.find("mA", two.digest[:4]).data == b"two"
    assert library.find("mA") is None


def ask(answerer: Answerer, name: bytes, digest: bytes = bytes(4), offset: int = 0, length: int = 0) -> tuple[int, bytes]:
    request = FIELDS.pack(digest, offset, length) + name
    (answer,) = Parser(bytes([INFO, DATA, NO]), 65535).feed(answerer.answer(request))
    if answer[0] != DATA:
        assert answer[1][:4] == frame(REQUEST, request)[-4:]
    return answer


def test_answers(folder: Path) -> None:
    seen: list = []
    answerer = Answerer(Library(folder / "modules"), lambda *args: seen.append(args))
    data = b"module A" * 40
    digest = hashlib.sha256(data).digest()
    assert ask(answerer, b"mA")[1][4:] == len(data).to_bytes(4, "little") + digest
    assert ask(answerer, b"mA", digest[:4], 300, 100) == (DATA, digest[:4] + (300).to_bytes(4, "little") + data[300:])
    assert seen == [("mA", 320, 0, 0), ("mA", 320, 300, 20)]
    assert ask(answerer, b"mA", digest[:4], 320, 1)[1][4:] == b"nothing there"
    assert ask(answerer, b"mA", b"else", 0, 1)[1][4:] == b"the file has changed or has gone; load it again"
    assert ask(answerer, b"mB")[1][4:] == b""
    assert ask(answerer, b"\xff\xfe")[1][4:] == b""
    assert answerer.answer(b"short")[:2] == bytes([0xFA, NO])


def test_parser_finds_frames_in_anything() -> None:

    source = random.Random(3)
    for _ in range(300):
        frames = [(REQUEST, source.randbytes(source.randrange(60))) for _ in range(5)]
        stream = b""
        for kind, payload in frames:
            rubbish = source.randbytes(source.randrange(9)) + source.choice([b"", b"\xfa", b"\xfaR", b"\xfaR\x05\x00"])
            stream += rubbish + frame(kind, payload)
        parser = Parser()
        found, loose = [], b""
        while stream:
            n = source.randrange(1, 40)
            found += parser.feed(stream[:n])
            loose += parser.loose
            parser.loose = b""
            stream = stream[n:]
        # A beginning that is none may wait for more; the next request pushes it out.
        found += parser.feed(bytes(300))
        assert found == frames
    parser = Parser()
    assert list(parser.feed(frame(REQUEST, b"x")[:-1])) == []
    parser.silence()
    assert list(parser.feed(frame(REQUEST, b"y"))) == [(REQUEST, b"y")]
    assert parser.loose == frame(REQUEST, b"x")[:-1]


def test_serve(mp64: MicroPython, folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "line"
    server = subprocess.Popen(
        [sys.executable, "-m", "tools.serve", folder / "modules", "--port", "pty", "--link", link],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said = [server.stdout.readline() for _ in range(2)]
        assert said[-1] == f"serving {folder / 'modules'} on {link}\n"
        assert said[0].startswith("mA: 320 bytes, SHA-256 ") and len(said[0].split()[-1]) == 64
        device(mp64, str(link), 'assert len(read(UartReader(line), "mA")) == 320')
        assert server.stdout.readline().startswith("mA: 320 bytes in ")
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0 and not link.exists()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize(
    "args, text",
    [
        (["/nowhere", "--port", "pty"], "No such file or directory: '/nowhere'"),
        ([str(CHILD), "--port", "pty"], "is not a folder"),
        ([str(ROOT), "--port", "socket://x"], "x: not HOST:PORT"),
        ([str(ROOT), "--port", "strange://x"], "strange://x: invalid URL"),
    ],
)
def test_serve_refuses(args: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(args) == 1
    assert text in capsys.readouterr().err


def test_serve_waits_for_its_port(folder: Path) -> None:
    """A host that is not there yet, and one that goes and comes back."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        number = reserved.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tools.serve", folder / "modules", "--port", f"socket://127.0.0.1:{number}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said = [server.stdout.readline() for _ in range(2)]
        assert "waiting for socket://" in said[-1] and "refused" in said[-1]
        with socket.create_server(("127.0.0.1", number)) as listener:
            for _ in range(2):
                listener.settimeout(10)
                listener.accept()[0].close()
                assert "serving" in server.stdout.readline()
                assert "is gone" in server.stdout.readline()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_bars(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress on a terminal."""
    pytest.importorskip("rich")
    screen = serve.Bars()
    try:
        for offset, count in ((0, 0), (0, 600), (0, 600), (600, 400), (600, 400)):
            screen.seen("mA", 1000, offset, count)
            time.sleep(0)
        assert not screen.tasks and not screen.started
        screen.seen("mB", 1000, 0, 0)
        assert screen.progress.tasks[0].description == "mB"
    finally:
        screen.close()
    assert "mA: 1000 bytes in " in capsys.readouterr().out
