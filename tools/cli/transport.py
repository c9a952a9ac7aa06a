# One connection to a board in the raw REPL, whatever carries it: mpremote's transport, ampy's, or a unix MicroPython on a pty
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import contextlib
import io
import re
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import CliError, DeviceError, Stopped

SILENCE = 10.0  # seconds a board may take to answer where it has nothing to work on
ASK = b"\x06"  # a program on the board wants the next piece (device.py)
NOTE = b"\x1e"  # begins a line that is for us, up to its end
RAW_DELAY = 0.5  # seconds ampy gives a slow board before it asks for the raw REPL


class Link:
    """A board's raw REPL. `port` is mpremote's SerialTransport or what is like it (the same ancestor: MicroPython's pyboard.py)."""

    def __init__(self, port: Any, name: str):
        self.port = port
        self.name = name
        self.fresh = False  # nothing has run since the last soft reset
        self.probed: Any = None  # board.probe()

    @property
    def serial(self) -> Any:
        return self.port.serial

    def reset(self) -> None:
        """Start MicroPython anew: an empty heap. Without effect when nothing has run since."""
        if not self.fresh:
            with quiet(self.name):
                self.port.enter_raw_repl(soft_reset=True)
            self.fresh = True

    def close(self) -> None:
        with contextlib.suppress(Exception):  # it may be gone
            self.port.exit_raw_repl()
        with contextlib.suppress(Exception):
            self.port.close()

    # ---- running code ------------------------------------------------------------------------------------------------------------

    def start(self, code: str) -> None:
        self.fresh = False
        with quiet(self.name, connected=True):
            self.port.exec_raw_no_follow(code)

    def run(
        self,
        code: str,
        feed: Iterator[bytes] | None = None,
        output: Callable[[bytes], None] | None = None,
        silence: float | None = 60.0,
    ) -> tuple[str, list]:
        """Run code: (what it printed unless `output` takes that, its notes). feed: pieces for it, whenever it asks for one.

        Raises DeviceError for an exception on the board, Stopped after Ctrl-C here.
        """
        self.start(code)
        try:
            return self._follow(feed, output, silence)
        except KeyboardInterrupt:
            self._interrupt()
            raise Stopped from None
        except (OSError, struct.error) as exc:
            raise lost(self.name, str(exc)) from None

    def eval_program(self, code: str) -> Any:
        """What a program prints last, a Python literal."""
        text, _ = self.run(code)
        return ast.literal_eval(text.strip().rpartition("\n")[2])

    def _follow(self, feed: Iterator[bytes] | None, output: Callable[[bytes], None] | None, silence: float | None) -> tuple[str, list]:
        printed, error, notes = bytearray(), bytearray(), []
        note: bytearray | None = None
        last = time.monotonic()
        ends = 0
        while ends < 2:
            data = self.read(0.1)
            if not data:
                if silence is not None and time.monotonic() > last + silence:
                    raise lost(self.name, f"not a word for {silence:g} seconds")
                continue
            last = time.monotonic()
            plain = bytearray()
            for c in data:
                byte = bytes([c])
                if c == 4:
                    ends += 1
                elif ends:
                    error += byte
                elif note is not None:
                    if byte == b"\n":
                        notes.append(ast.literal_eval(note.decode().strip()))
                        note = None
                    else:
                        note += byte
                elif byte == NOTE:
                    note = bytearray()
                elif byte == ASK and feed is not None:
                    piece = next(feed, b"")
                    self.serial.write(b"%04d" % len(piece) + piece)
                else:
                    plain += byte
            if output and plain:
                output(bytes(plain))
            else:
                printed += plain
        if error:
            raise DeviceError.from_traceback(error.decode(errors="replace"))
        return printed.decode(errors="replace").replace("\r\n", "\n"), notes

    def read(self, seconds: float) -> bytes:
        """What has come in; waits so long for the first byte."""
        serial = self.serial
        before, serial.timeout = serial.timeout, seconds
        try:
            data = serial.read(1)
            while data and len(data) < 4096 and data[-1:] not in (b"\x04", ASK) and serial.inWaiting() > 0:
                data += serial.read(1)
            return data
        finally:
            serial.timeout = before

    def _interrupt(self) -> None:
        with contextlib.suppress(Exception):
            self.serial.write(b"\x03")
            self._follow(None, lambda data: None, 2.0)


class NoMpremote(CliError):
    pass


def lost(name: str, why: str) -> CliError:
    return CliError(f"the board at {name} is gone: {why}; it may have been unplugged or reset")


@contextlib.contextmanager
def quiet(name: str, connected: bool = False) -> Iterator[None]:
    """mpremote and ampy print what they could not make sense of, and raise errors of their own."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield
    except (CliError, DeviceError):
        raise
    except (OSError, struct.error, IndexError) as exc:
        raise lost(name, str(exc)) from None
    except Exception as exc:
        if type(exc).__name__ not in ("TransportError", "PyboardError"):
            raise
        if connected:
            raise lost(name, str(exc)) from None
        raise CliError(f"{name} does not answer as a board with MicroPython does ({exc}); is that its firmware, and is it awake?") from None


# ---- opening -------------------------------------------------------------------------------------------------------------------------


def ports() -> list[str]:
    """The USB serial ports of this machine."""
    from serial.tools import list_ports

    return [port.device for port in sorted(list_ports.comports()) if port.vid is not None]


def choose(url: str | None) -> str:
    """The port to use: as named, or the only board there is."""
    if url and url != "auto":
        return url
    found = ports()
    if not found:
        raise CliError("no board found: plug one in, or name where it is with --port (/dev/ttyACM0, COM3, socket://HOST:PORT, unix)")
    if len(found) > 1:
        raise CliError(f"there are several serial ports; say which is the board's with --port: {', '.join(found)}")
    return found[0]


def open_link(url: str | None, baud: int = 115200, kind: str = "auto", reset: bool = True, cwd: Path | None = None) -> Link:
    """Connect. kind: mpremote, ampy, or auto (ampy when mpremote is not there or does not get into the raw REPL).

    reset: start MicroPython anew; else what its main.py has left stays as it is, but is interrupted.
    """
    name = choose(url)
    if re.match(r"unix\b", name):
        from .unixport import UnixTransport

        return _enter(Link(UnixTransport(name, cwd, timeout=SILENCE), name), reset)
    if kind != "ampy":
        try:
            return _enter(Link(_mpremote(name, baud), name), reset)
        except NoMpremote:
            if kind == "mpremote":
                raise
        except CliError as exc:
            if kind == "mpremote" or "://" in name or not _has_ampy() or "does not answer as" not in str(exc):
                raise
    return _enter(Link(_ampy(name, baud), name), reset)


def _enter(link: Link, reset: bool) -> Link:
    try:
        with quiet(link.name):
            link.port.enter_raw_repl(soft_reset=reset)
    except BaseException:
        link.close()
        raise
    link.fresh = reset
    return link


def _mpremote(name: str, baud: int) -> Any:
    try:
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise NoMpremote("mpremote is not installed: pip install mpremote") from None
    try:
        return SerialTransport(name, baudrate=baud, timeout=SILENCE)
    except (TransportError, OSError, ValueError) as exc:
        raise _no_access(name, exc) from None


def _has_ampy() -> bool:
    try:
        import ampy.pyboard  # noqa: F401
    except ImportError:
        return False
    return True


def _ampy(name: str, baud: int) -> Any:
    try:
        from .ampyport import AmpyPort
    except ImportError:
        raise CliError("neither mpremote nor ampy can be used: pip install mpremote, or adafruit-ampy") from None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return AmpyPort(name, baud, RAW_DELAY)
    except Exception as exc:
        raise _no_access(name, exc) from None


def _no_access(name: str, exc: Exception) -> CliError:
    """Why a port could not be opened: mpremote keeps that to itself, so it is tried again to hear it."""
    if "://" in name:
        return CliError(f"no board at {name}: nothing answers there; is the emulator running (make emulate)?")
    why = ""
    try:
        import serial

        serial.Serial(name).close()
    except ImportError:
        pass
    except OSError as again:
        why = str(again)
    if "No such file" in why or "FileNotFound" in why or "could not find" in why:
        found = ", ".join(ports())
        return CliError(f"no board at {name}: there is no such port; " + (f"there are {found}" if found else "is it plugged in?"))
    if "ermission" in why and "denied" in why.lower():
        return CliError(f"{name} may not be opened: on Linux, add yourself to its group (usually dialout) and log in again")
    if "busy" in why.lower() or "exclusively lock" in why or "failed to access" in str(exc):
        return CliError(f"{name} is in use by another program, or is no serial port; close what is connected to it and try again")
    return CliError(f"{name} could not be opened: {why or exc}")
