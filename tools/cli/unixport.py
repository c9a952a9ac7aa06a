# MicroPython's unix port as a board: a child process on a pseudo-terminal, behind mpremote's transport
# MIT license; Copyright (c) 2026 the pitwasm authors

import array
import errno
import fcntl
import os
import pty
import select
import shutil
import signal
import subprocess
import termios
import time
import tty
from pathlib import Path

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from .errors import CliError
from .resources import CHECKOUT

REPL = Path(__file__).with_name("rawrepl.py")


def find(name: str = "") -> Path:
    """The executable of unix[:PATH]; without a path: $MICROPYTHON, the one on PATH, the one that `make` has built."""
    if name:
        found = shutil.which(name)
        if found is None:
            raise CliError(f"there is no MicroPython at {name}")
        return Path(found)
    built = [str(CHECKOUT / "build" / "micropython" / "micropython64")] if CHECKOUT else []
    for candidate in (os.environ.get("MICROPYTHON", ""), "micropython", *built):
        path = candidate and shutil.which(candidate)
        if path:
            return Path(path)
    raise CliError("there is no MicroPython for this machine: put `micropython` on PATH, or name it with --port unix:/path/to/micropython")


def parse(url: str) -> tuple[str, str]:
    """unix[:PATH][?heap=SIZE] -> (PATH, SIZE)."""
    rest, _, query = url[4:].lstrip(":").partition("?")
    if query and not query.startswith("heap="):
        raise CliError(f"{url}: what may follow the ? is heap=SIZE")
    return rest, query[5:]


class PtySerial:
    """Our end of the pseudo-terminal, as pyserial has its ports."""

    def __init__(self, fd: int, child: subprocess.Popen):
        self.fd = fd
        self.child = child
        self.timeout: float | None = None

    def fileno(self) -> int:
        return self.fd

    def inWaiting(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.fd, termios.FIONREAD, count)
        if not count[0]:
            self._check()
        return count[0]

    in_waiting = property(inWaiting)

    def _check(self) -> None:
        """As our own process keeps the other end open, the child's end is not to be read off it."""
        if self.child.poll() is not None:
            raise OSError(errno.EIO, "MicroPython has ended")

    def read(self, n: int = 1) -> bytes:
        data = b""
        until = None if self.timeout is None else time.monotonic() + self.timeout
        while len(data) < n:
            left = 1.0 if until is None else max(0.0, until - time.monotonic())
            ready, _, _ = select.select([self.fd], [], [], min(left, 1.0))
            if ready:
                data += os.read(self.fd, n - len(data))
            elif left <= 1.0 and until is not None:
                break
            else:
                self._check()
        return data

    def write(self, data: bytes) -> int:
        n = len(data)
        while data:
            data = data[os.write(self.fd, data) :]
        return n


class UnixTransport(SerialTransport):
    """A soft reset starts the child anew. Its files are those of the folder it is started in."""

    def __init__(self, url: str, cwd: Path | None = None, environ: dict[str, str] | None = None, timeout: float | None = None):
        name, self.heap = parse(url)
        self.path = find(name)
        self.cwd = cwd
        self.environ = environ
        self.in_raw_repl = False
        self.use_raw_paste = True
        self.mounted = False
        self.is_pty = False
        self.device_name = url
        self.timeout = timeout
        self.child: subprocess.Popen | None = None
        self._start()

    def _start(self) -> None:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.theirs = theirs
        self.interrupts(True)
        command = [str(self.path), *(["-X", f"heapsize={self.heap}"] if self.heap else []), str(REPL)]

        def session() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal

        self.child = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.cwd, env=self.environ, preexec_fn=session
        )
        self.serial = PtySerial(ours, self.child)
        self.serial.timeout = self.timeout
        self.fresh = True

    def interrupts(self, on: bool) -> None:
        """Whether byte 3 interrupts. Off while it may be part of data; as on boards, where micropython.kbd_intr() says so."""
        mode = termios.tcgetattr(self.theirs)
        mode[3] = mode[3] | termios.ISIG | termios.NOFLSH if on else mode[3] & ~termios.ISIG
        mode[6][termios.VINTR] = b"\x03"
        mode[6][termios.VQUIT] = mode[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(self.theirs, termios.TCSANOW, mode)

    def _stop(self) -> None:
        if self.child is not None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
            os.close(self.theirs)
            os.close(self.serial.fd)
            self.child = None

    def enter_raw_repl(self, soft_reset: bool = True, timeout_overall: float = 10) -> None:
        if soft_reset and not self.fresh:
            self._stop()
            self._start()
        ending = b"raw REPL; CTRL-B to exit\r\n"
        if not self.fresh:
            self.serial.write(b"\r\x03\r\x01")
        try:
            data = self.read_until(1, ending, timeout_overall=timeout_overall)
        except OSError:
            data = b""
        if not data.endswith(ending):
            raise TransportError(f"{self.path} did not start: {data.decode(errors='replace').strip() or 'not a word from it'}")
        self.fresh = False
        self.in_raw_repl = True

    def exit_raw_repl(self) -> None:
        self.in_raw_repl = False

    def close(self) -> None:
        self._stop()
