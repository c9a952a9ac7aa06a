# The module server: gives the .wasm files of a folder to a device's UART reader (docs/uart.md), whatever the line between them
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import ports
from .host import HostError
from .ports import Port
from .uartlink import Answerer, Library, Parser

SILENCE = 0.1  # seconds after which half a frame is none
AGAIN = 0.3  # seconds between attempts to open a port that is not there


def serve(port: Port, answerer: Answerer, text: Callable[[bytes], None] | None = None, stop: threading.Event | None = None) -> None:
    """Answer whatever comes, until OSError or `stop`. text: is given the bytes between frames."""
    parser = Parser()
    while not (stop and stop.is_set()):
        data = port.read(SILENCE)
        if not data:
            parser.silence()
        # A request that was repeated before it was answered gets one answer.
        for _, request in dict.fromkeys(parser.feed(data)):
            port.write(answerer.answer(request))
        if text and parser.loose:
            text(parser.loose)
        parser.loose = b""


@contextmanager
def background(folder: Path) -> Iterator[str]:
    """Serve a folder on a pseudo-terminal for as long as the block runs; gives the device's end."""
    port = ports.Pty()
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(port, Answerer(Library(folder)), None, stop), daemon=True)
    thread.start()
    try:
        yield port.name
    finally:
        stop.set()
        thread.join()
        port.close()


class Lines:
    """A line for each module that has gone over."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}

    def seen(self, name: str, size: int, offset: int, count: int) -> None:
        if not count:
            self.started[name] = time.monotonic()
        if offset + count == size and name in self.started:
            self.done(name, size, time.monotonic() - self.started.pop(name))

    def done(self, name: str, size: int, seconds: float) -> None:
        self.say(f"{name}: {size} bytes in {seconds:.2f} s, {size / max(seconds, 1e-6) / 1000:.1f} kB/s")

    def say(self, line: str) -> None:
        print(line, flush=True)

    def close(self) -> None:
        pass

    def text(self, data: bytes) -> None:
        sys.stdout.write(data.decode(errors="replace"))
        sys.stdout.flush()


class Bars(Lines):
    """The same on a terminal, with a bar for each module on its way."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        super().__init__()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self.progress = Progress(*columns, transient=True)
        self.tasks: dict[str, int] = {}
        self.progress.start()

    def seen(self, name: str, size: int, offset: int, count: int) -> None:
        if not count:
            self.drop(name)
            self.tasks[name] = self.progress.add_task(name, total=size)
        if name in self.tasks:
            self.progress.update(self.tasks[name], completed=offset + count)
        super().seen(name, size, offset, count)

    def done(self, name: str, size: int, seconds: float) -> None:
        self.drop(name)
        super().done(name, size, seconds)

    def drop(self, name: str) -> None:
        if name in self.tasks:
            self.progress.remove_task(self.tasks.pop(name))

    def close(self) -> None:
        self.progress.stop()

    def say(self, line: str) -> None:
        self.progress.console.print(line, markup=False, highlight=False)

    def text(self, data: bytes) -> None:
        self.progress.console.print(data.decode(errors="replace"), end="", markup=False, highlight=False)


def show() -> Lines:
    if sys.stdout.isatty():
        try:
            return Bars()
        except ImportError:
            pass
    return Lines()


def run(args: argparse.Namespace, screen: Lines) -> None:
    """Serve for ever; a line that goes is opened again."""
    library = Library(args.folder)
    answerer = Answerer(library, screen.seen)
    for name in library.names():
        version = library.find(name)
        if version:
            screen.say(f"{name}: {len(version.data)} bytes, SHA-256 {version.digest.hex()}")
    waiting = ""
    while True:
        try:
            port = ports.open_port(args.port, args.baud, args.link)
        except ValueError as exc:
            raise HostError(f"{args.port}: {exc}") from None
        except OSError as exc:
            if exc.errno == errno.EACCES:
                raise HostError(str(exc)) from None
            if str(exc) != waiting:
                waiting = str(exc)
                screen.say(f"waiting for {args.port}: {exc}")
            time.sleep(AGAIN)
            continue
        waiting = ""
        screen.say(f"serving {library.folder} on {port.name}")
        try:
            serve(port, answerer, screen.text if args.text else None)
        except OSError as exc:
            screen.say(f"{args.port} is gone: {exc}")
            time.sleep(AGAIN)
        finally:
            port.close()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m tools.serve", description="Serve the .wasm files of a folder to a device's UartReader. Files may change meanwhile."
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--port", required=True, help="serial port, pty (a new one), socket://HOST:PORT (connects) or listen://HOST:PORT (waits)"
    )
    parser.add_argument("--baud", type=int, default=115200, help="of a serial port (default 115200)")
    parser.add_argument("--link", type=Path, help="with --port pty: a path that leads to it")
    parser.add_argument("--text", action="store_true", help="show what the device prints on the same line")
    args = parser.parse_args(argv)
    screen = show()
    try:
        run(args, screen)
    except (HostError, NotADirectoryError, FileNotFoundError) as exc:
        print(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        screen.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
