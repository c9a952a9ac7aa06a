# A board with MicroPython's REPL, real, emulated or in QEMU, through mpremote's transport
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import base64
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

CHUNK = 768  # bytes of a file that go through the REPL at once, as base64

# Runs on the board: "length path" lines with the contents behind them; answers with the path.
RECEIVER = f"""
import sys, os, binascii
while True:
    line = sys.stdin.readline().strip()
    if line == "end":
        break
    n, path = line.split(" ", 1)
    n = int(n)
    for i in range(1, len(path)):
        if path[i] == "/":
            try:
                os.mkdir(path[:i])
            except OSError:
                pass
    with open(path, "wb") as f:
        while n > 0:
            f.write(binascii.a2b_base64(sys.stdin.read((min(n, {CHUNK}) + 2) // 3 * 4)))
            n -= {CHUNK}
    print(path)
"""


class BoardError(AssertionError):
    """What was run on the board raised an exception; the text is its traceback."""


class BoardLost(AssertionError):
    """The board fell silent, or the connection is gone."""


class Board:
    """One connection, in the raw REPL. `story`: what the other side says of itself when it is lost."""

    def __init__(self, url: str, story: Callable[[], str] = lambda: "", soft_reset: bool = True):
        self.url = url
        self.story = story
        try:
            self.transport = SerialTransport(url)
        except TransportError as exc:
            raise BoardLost(f"{exc}\n{story()}") from None
        self._enter(soft_reset)

    def _enter(self, soft_reset: bool) -> None:
        try:
            self.transport.enter_raw_repl(soft_reset=soft_reset)
        except (TransportError, OSError) as exc:
            raise BoardLost(f"{self.url}: {exc}\n{self.story()}") from None

    def close(self) -> None:
        try:
            self.transport.exit_raw_repl()
            self.transport.close()
        except OSError:
            pass  # it is gone already

    def soft_reset(self) -> None:
        """Start MicroPython anew: an empty heap, modules forgotten."""
        self._enter(True)

    def exec(self, code: str, timeout: float = 60) -> str:
        """Run code; what it prints. The limit is on its silence."""
        try:
            out, error = self.transport.exec_raw(code, timeout=timeout)
        except (TransportError, OSError) as exc:
            raise BoardLost(f"{self.url}: {exc}\n{self.story()}") from None
        if error:
            raise BoardError(f"{out.decode(errors='replace')}{error.decode(errors='replace')}")
        return out.decode().replace("\r\n", "\n")

    def eval(self, expression: str, timeout: float = 60) -> object:
        return self.eval_program(f"print(repr({expression}))", timeout)

    def eval_program(self, code: str, timeout: float = 60) -> object:
        """Run code that prints one literal; its value."""
        return ast.literal_eval(self.exec(code, timeout))

    # ---- files -------------------------------------------------------------------------------------------------------------------

    def put(self, path: str, data: bytes) -> None:
        """Write a file; folders on the way are made."""
        self.put_all({path: data})

    def put_all(self, files: dict[str, bytes]) -> None:
        """Write files. Much faster than mpremote's way, which has the board compile the contents in pieces."""
        self.start(RECEIVER)
        for path, data in files.items():
            self.send(f"{len(data)} {path}\n".encode())
            for at in range(0, len(data), CHUNK):
                self.send(base64.b64encode(data[at : at + CHUNK]))
            if self.receive(60) != path:
                raise BoardLost(f"{self.url}: writing {path}: {self.pending!r}\n{self.story()}")
        self.send(b"end\n")
        if self.receive(60) is not None:
            raise BoardLost(f"{self.url}: {self.pending!r}\n{self.story()}")

    def put_tree(self, source: Path, target: str, pattern: str = "*.mpy") -> None:
        """Write the files of a folder."""
        self.put_all({f"{target}/{file.name}": file.read_bytes() for file in sorted(source.glob(pattern))})

    # ---- a program that is talked to ---------------------------------------------------------------------------------------------

    def start(self, code: str) -> None:
        """Start a program that reads from stdin and prints lines; goes on with send() and receive()."""
        try:
            self.transport.exec_raw_no_follow(code)
        except (TransportError, OSError) as exc:
            raise BoardLost(f"{self.url}: {exc}\n{self.story()}") from None
        self.pending = b""

    def send(self, data: bytes) -> None:
        self.transport.serial.write(data)

    def receive(self, limit: float) -> str | None:
        """The next line the program prints; None when it has ended. An exception it ended with is raised."""
        until = time.monotonic() + limit
        while b"\n" not in self.pending:
            if b"\x04" in self.pending:
                return self._ended(until)
            self._read(until, limit)
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode(errors="replace")

    def _read(self, until: float, limit: float) -> None:
        serial = self.transport.serial
        serial.timeout = max(0.05, until - time.monotonic())
        try:
            data = serial.read(1)
        except OSError as exc:
            time.sleep(0.5)  # for the other side to have told its story
            raise BoardLost(f"{self.url}: {exc}; before that: {self.pending!r}\n{self.story()}") from None
        serial.timeout = None
        if not data:
            raise BoardLost(f"{self.url}: silent for {limit:g} s; before that: {self.pending!r}\n{self.story()}")
        self.pending += data

    def _ended(self, until: float) -> None:
        while self.pending.count(b"\x04") < 2:
            self._read(until, 10)
        _, error, self.pending = self.pending.split(b"\x04", 2)
        if error:
            raise BoardError(error.decode(errors="replace"))


def main() -> int:
    """python -m tools.board URL CODE: run code on a board."""
    board = Board(sys.argv[1], soft_reset=False)
    print(board.exec(sys.argv[2]), end="")
    board.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
