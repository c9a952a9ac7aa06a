# A child process (MicroPython as a rule) that is spoken to line by line, with a limit on how long it may stay silent
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.host import ROOT
from tools.mp import MicroPython

DEVICE = ROOT / "tests" / "device"


class ChildLost(Exception):
    """The child died or fell silent; the text says how."""


class Child:
    """One process. Not for sharing between threads; close() or a `with` ends it."""

    def __init__(self, command: Sequence[str | Path], environ: dict[str, str] | None = None):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # lives as long as the child
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, env=environ, cwd=ROOT)
        self.pending = b""

    @classmethod
    def of(cls, mp: MicroPython, script: Path, *args: str, heap: str = "32M") -> "Child":
        """MicroPython with a script."""
        return cls(mp.command([script, *args], heap), mp.environ())

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def send(self, line: str) -> None:
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._lost() from None

    def receive(self, limit: float) -> str:
        """The next line; ChildLost when the child has ended, or says nothing for `limit` seconds (it is killed then)."""
        until = time.monotonic() + limit
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                self.process.kill()
                self.process.wait()
                raise ChildLost(f"silent for {limit:g} s, killed")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise self._lost()
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def _lost(self) -> ChildLost:
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines()
        what = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return ChildLost(what + (": " + " | ".join(said[-3:]) if said else ""))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()
