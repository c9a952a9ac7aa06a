# serve: the module server, on a UART's line or on the very line of the REPL; repl: a terminal on the board
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

from .errors import CliError, Stopped
from .screen import note, say
from .transport import Link, choose, lost


class LinkPort:
    """The line of the REPL, as the module server has its ports (tools/ports.py)."""

    def __init__(self, link: Link):
        self.link = link
        self.name = link.name

    def read(self, seconds: float) -> bytes:
        return self.link.read(seconds)

    def write(self, data: bytes) -> None:
        self.link.serial.write(data)

    def close(self) -> None:
        pass


def do_serve(link: None, args: argparse.Namespace) -> int | None:
    """Serve a folder on a line of its own."""
    from ..serve import main

    if not args.folder.is_dir():
        raise CliError(f"{args.folder} is no folder")
    words = [str(args.folder), "--port", args.port if args.port == "pty" else choose(args.port), "--baud", str(args.baud)]
    if args.link:
        words += ["--link", str(args.link)]
    return main([*words, *(["--text"] if args.text else [])])


def do_serve_program(link: Link, args: argparse.Namespace) -> None:
    """Start a program on the board, and serve a folder to it on the line of the REPL until it ends: one cable is enough.

    It reads with UartReader(sys.stdin.buffer, sys.stdout.buffer).
    """
    from ..serve import Lines, serve, show
    from ..uartlink import Answerer, Library

    try:
        program = args.program.read_bytes()
        library = Library(args.folder)
    except OSError as exc:
        raise CliError(f"{exc.filename or args.folder}: {exc.strerror or exc}") from None
    screen: Lines = show()
    stop = threading.Event()
    ends: list[bytes] = [b""]  # what came after the program's output: its exception

    def text(data: bytes) -> None:
        if not ends[0]:
            before, mark, data = data.partition(b"\x04")
            screen.text(before.replace(b"\r\n", b"\n"))
            if not mark:
                return
            data = mark + data
        ends[0] += data
        if ends[0].count(b"\x04") >= 2:
            stop.set()

    interrupts = getattr(link.port, "interrupts", lambda on: None)
    say(f"serving {args.folder} to {args.program.name} on {link.name}; Ctrl-C stops it")
    link.start(program.decode())
    interrupts(False)
    try:
        serve(LinkPort(link), Answerer(library, screen.seen), text, stop)
    except OSError as exc:
        raise lost(link.name, str(exc)) from None
    except KeyboardInterrupt:
        interrupts(True)
        link._interrupt()
        raise Stopped from None
    finally:
        interrupts(True)
        screen.close()
    error = ends[0].split(b"\x04")[1]
    if error:
        note(error.decode(errors="replace").replace("\r", "").strip())
        raise CliError(f"{args.program.name} ended with an exception on the board")


# ---- repl ----------------------------------------------------------------------------------------------------------------------------


def do_repl(link: None, args: argparse.Namespace) -> int:
    """MicroPython's prompt; Ctrl-] leaves it."""
    name = choose(args.port)
    if name.startswith("unix"):
        from .unixport import find, parse

        path, heap = parse(name)
        return subprocess.run([find(path), *(["-X", f"heapsize={heap}"] if heap else []), "-i"]).returncode
    if not sys.stdin.isatty():
        raise CliError("repl needs a terminal; to run code on the board from a script, use mpremote exec")
    from .transport import open_link

    link = open_link(name, args.baud, args.transport, reset=False)
    link.port.exit_raw_repl()
    from mpremote.console import Console
    from mpremote.repl import do_repl_main_loop

    say(f"MicroPython at {name}; Ctrl-] leaves, Ctrl-C interrupts, Ctrl-D starts it anew")
    console: Any = Console()
    console.enter()
    try:
        gone = do_repl_main_loop(
            SimpleNamespace(transport=link.port),
            console,
            console.write,
            escape_non_printable=False,
            code_to_inject=None,
            file_to_inject=None,
        )
    finally:
        console.exit()
        link.close()
    say()
    if gone:
        raise lost(name, "the line is closed")
    return 0


def do_devices(link: None, args: argparse.Namespace) -> None:
    """The ports a board may be at."""
    from serial.tools import list_ports

    found = [port for port in sorted(list_ports.comports()) if port.vid is not None]
    for port in found:
        say(f"{port.device}  {port.vid:04x}:{port.pid:04x}  {port.manufacturer or ''} {port.product or port.description or ''}".rstrip())
    if not found:
        say("no USB serial ports")
