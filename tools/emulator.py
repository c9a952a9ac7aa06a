# The emulated Pico: rp2040js with MicroPython's real firmware, its USB serial on a TCP port: make emulate
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import build, firmware
from tools.board import Board, BoardLost
from tools.host import OUT, ROOT, HostError, call, has, lock, need_packages, say

CACHE = OUT / "emulator"
RUN = ROOT / "tools" / "emulator" / "run.mjs"
PINS = [ROOT / "tools" / "emulator" / name for name in ("package.json", "package-lock.json")]

# Ports of make emulate; tests take any free ones.
PORTS = {"repl": 5550, "control": 5551, "uart0": 5552, "uart1": 5553}


def modules() -> Path:
    """The node_modules folder with rp2040js, as tools/emulator/package-lock.json pins it."""
    need_packages({"nodejs": has("node"), "npm": has("npm")}, "emulating a Pico")
    stamp = CACHE / "installed"
    key = "".join(path.read_text() for path in PINS)
    with lock(CACHE):
        if not (stamp.exists() and stamp.read_text() == key):
            say("installing rp2040js with npm")
            for path in PINS:
                shutil.copy2(path, CACHE)
            call("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=CACHE)
            stamp.write_text(key)
    return CACHE / "node_modules"


class Emulator:
    """An emulated Pico, in a `with` statement. flash: keeps the board's filesystem over runs; an image of it to start from.

    `board` talks to its REPL; command() and event() are the control port (tools/emulator/devices.mjs).
    """

    def __init__(self, image: Path | None = None, flash: Path | None = None, ports: dict[str, int] | None = None):
        self.command_line = ["node", RUN, "--modules", modules(), "--rom", firmware.bootrom(), "--firmware", image or firmware.firmware()]
        if flash is not None:
            self.command_line += ["--flash", flash]
        for name, port in (ports or {}).items():
            self.command_line += [f"--{name}", str(port)]
        self.process: subprocess.Popen | None = None
        self.ports: dict[str, int] = {}
        self._board: Board | None = None
        self._control: socket.socket | None = None
        self._text = b""
        self._events: list[dict] = []

    def __enter__(self) -> "Emulator":
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        command = [*self.command_line, "--tied"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            raise HostError(f"the emulator did not start:\n{self.said()}")
        self.ports = json.loads(line)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; with a flash file, the filesystem is in it then."""
        for channel in (self._board, self._control):
            if channel is not None:
                channel.close()
        self._board = self._control = None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def said(self) -> str:
        """What it wrote on stderr: why it stopped, statistics."""
        self.log.seek(0)
        return self.log.read().strip()

    @property
    def url(self) -> str:
        return f"socket://127.0.0.1:{self.ports['repl']}"

    @property
    def board(self) -> Board:
        """In the raw REPL; for as long as it is used nobody else can talk to the port (see release())."""
        if self._board is None:
            self._board = Board(self.url, self.said)
        return self._board

    def release(self) -> None:
        """Let go of the REPL's port, for mpremote as a process of its own."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def mpremote(self, *args: str, timeout: float = 120) -> str:
        """Run the mpremote command; what it prints."""
        self.release()
        command = [sys.executable, "-m", "mpremote", "connect", self.url, *args]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as exc:
            raise BoardLost(f"mpremote {' '.join(args)} took more than {timeout:g} s\n{exc.stdout}\n{self.said()}") from None
        if done.returncode != 0:
            raise BoardLost(f"mpremote {' '.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}\n{self.said()}")
        return done.stdout

    def uart(self, number: int = 0) -> socket.socket:
        """The other end of machine.UART(number)."""
        return socket.create_connection(("127.0.0.1", self.ports[f"uart{number}"]), 10)

    # ---- the control port --------------------------------------------------------------------------------------------------------

    def command(self, do: str, **arguments: object) -> dict:
        """Perform a command; its answer. Events that come in meanwhile are kept."""
        if self._control is None:
            self._control = socket.create_connection(("127.0.0.1", self.ports["control"]), 10)
        self._control.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
        while True:
            message = self._message(10)
            if message is None:
                raise BoardLost(f"no answer to {do}\n{self.said()}")
            if "error" in message:
                raise ValueError(message["error"])
            if "ok" in message:
                return message
            self._events.append(message)

    def event(self, limit: float = 10) -> dict | None:
        """The next event, or None when none comes in time."""
        return self._events.pop(0) if self._events else self._message(limit)

    def _message(self, limit: float) -> dict | None:
        until = time.monotonic() + limit
        while b"\n" not in self._text:
            ready, _, _ = select.select([self._control], [], [], max(0.0, until - time.monotonic()))
            chunk = self._control.recv(65536) if ready else b""
            if not chunk:
                return None
            self._text += chunk
        line, self._text = self._text.split(b"\n", 1)
        return json.loads(line)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.emulator", description="Run an emulated Pico until Ctrl-C.")
    parser.add_argument("--frozen", action="store_true", help="the firmware with pitwasm in it (default: stock)")
    parser.add_argument("--flash", type=Path, default=CACHE / "flash.img", help="keeps its filesystem (default: build/emulator/flash.img)")
    for name, port in PORTS.items():
        parser.add_argument(f"--{name}", type=int, default=port, metavar="PORT", help=f"default {port}")
    args = parser.parse_args(argv)
    try:
        image = firmware.firmware(frozen=args.frozen)
        with Emulator(image, args.flash, {name: getattr(args, name) for name in PORTS}) as pico:
            print(f"an emulated Pico, {image.name}, filesystem in {os.path.relpath(args.flash)}; Ctrl-C ends it")
            print(f"REPL:    mpremote connect {pico.url} repl")
            print(f"UART(0): 127.0.0.1:{pico.ports['uart0']}   UART(1): 127.0.0.1:{pico.ports['uart1']}")
            print(f"control: 127.0.0.1:{pico.ports['control']} (JSON lines, see tools/emulator/devices.mjs)", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                pico.process.wait()
            status = pico.process.poll()
        print(pico.said(), file=sys.stderr)
        return status or 0
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
