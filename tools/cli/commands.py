# The commands of `pitwasm` and their options; each is a do_<command>(link, args) over one connection
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from ..parts import PARTS
from .errors import CliError, DeviceError, Stopped, Usage, explain
from .grants import HELP
from .screen import note, size

FOLDER = "modules"  # on the board; relative to where MicroPython starts, which is / there

ABOUT = """\
Run WebAssembly on MicroPython boards.

PORT is a serial port (/dev/ttyACM0, COM3), the emulator (socket://127.0.0.1:5550), any URL pyserial knows, or
unix[:/path/to/micropython][?heap=SIZE] for MicroPython on this machine. Default: $PITWASM_PORT, else the only USB serial port."""


def do(where: str) -> Callable:
    """module.function, imported when it is called: --help answers at once."""
    module, _, name = where.partition(".")

    def call(link: object, args: argparse.Namespace) -> int | None:
        return getattr(import_module(f".{module}", __package__), name)(link, args)

    return call


def board() -> argparse.ArgumentParser:
    """Where the board is: options of all commands, before or behind the command."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("-p", "--port", help="where the board is")
    common.add_argument("--baud", type=int, help="of a serial port (default 115200)")
    common.add_argument("--transport", choices=("auto", "mpremote", "ampy"), help="default auto")
    return common


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("pitwasm", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[board()])
    top.add_argument("--version", action="store_true", help="print the version and exit")
    top.set_defaults(port=os.environ.get("PITWASM_PORT") or None, baud=115200, transport="auto")
    commands = top.add_subparsers(metavar="COMMAND", dest="command")

    def add(name: str, where: str, text: str, *options: argparse.ArgumentParser, connect: bool = True, reset: bool = True):
        sub = commands.add_parser(name, help=text.partition(". ")[0], description=text, parents=[board(), *options])
        sub.set_defaults(do=do(where), connect=connect, reset=reset)
        return sub

    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--dir", default=FOLDER, metavar="DIR", help=f"folder of modules on the board (default {FOLDER})")

    session = argparse.ArgumentParser(add_help=False, parents=[folder])
    session.add_argument("--pool", type=size, metavar="BYTES", help="of the pool, also as 32K (default: what the heap can spare)")
    session.add_argument("--cap", type=size, metavar="BYTES", help="of the module's memory at most")
    session.add_argument("--stack", type=size, metavar="BYTES", help="of an instance's stack")
    session.add_argument("--fuel", type=int, metavar="N", help="calls and backward branches it may take")
    session.add_argument("--grant", action="append", default=[], metavar="WHAT", help=f"what of the board it may use: {HELP}")

    sub = add("install", "installing.do_install", "install or update pitwasm on the board, for its processor")
    sub.add_argument("--target", metavar="DIR", help="default: the lib folder of its sys.path")
    sub.add_argument("--parts", metavar="LIST", help=f"what is needed of {','.join(PARTS)} (default: all)")

    sub = add("push", "files.do_push", "copy modules to the board: validated first, atomic, compared by SHA-256", folder)
    sub.add_argument("files", nargs="+", type=Path, metavar="FILE.wasm")
    sub.add_argument("--name", help="of the module there (default: the file's)")
    sub.add_argument("--image", action="store_true", help="as prepared images, which the board need not translate")

    sub = add("ls", "files.do_ls", "list the modules on the board", folder)
    sub.add_argument("--digest", action="store_true", help="with their SHA-256")
    sub.add_argument("--all", action="store_true", help="all files")

    sub = add("rm", "files.do_rm", "remove modules from the board", folder)
    sub.add_argument("names", nargs="+", metavar="MODULE")

    module = "MODULE is a file here (FILE.wasm, sent over the line) or the name of one on the board; what it imports is read from there"
    sub = add("run", "running.do_run", f"run a program (_start). {module}", session)
    sub.add_argument("--map-dir", action="append", default=[], metavar="GUEST::BOARD", help="a folder of the board that it may use")
    sub.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable of its environment")
    sub.add_argument("module", metavar="MODULE")
    sub.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")

    sub = add("call", "running.do_call", f"call an exported function. {module}", session)
    sub.add_argument("--bits", action="store_true", help="floats as their bits in hexadecimal")
    sub.add_argument("module", metavar="MODULE")
    sub.add_argument("function", metavar="FUNCTION")
    sub.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")

    sub = add("serve", "serving.do_serve", "serve a folder of modules to a board's UartReader", connect=False)
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--program", type=Path, metavar="FILE.py", help="start this on the board, and serve on the line of its REPL")
    sub.add_argument("--text", action="store_true", help="show what the board prints on the same line")
    sub.add_argument("--link", type=Path, help="with --port pty: a path that leads to it")

    sub = add("inspect", "inspection.do_inspect", "show imports, exports, sizes, and the pool a module needs", connect=False)
    sub.add_argument("file", type=Path, metavar="FILE.wasm")
    sub.add_argument("--cap", type=size, metavar="BYTES", help="of its memory at most")
    sub.add_argument("--stack", type=size, metavar="BYTES", help="of its stack (default 2048)")
    sub.add_argument("--json", action="store_true", help="as JSON")
    sub.add_argument("--image", type=Path, metavar="FILE.pwi", help="write the prepared image, which boards load without translating")

    sub = add("map", "maps.do_map", "show the pools of what runs on the board, or one with MODULE loaded", session, reset=False)
    sub.add_argument("module", nargs="?", metavar="MODULE")
    sub.add_argument("--svg", type=Path, metavar="FILE.svg", help="draw it, too")

    sub = add("bench", "running.do_bench", "measure the project's workloads on the board, or a function of a module", session)
    sub.add_argument("--ms", type=int, default=200, help="milliseconds for each (default 200)")
    sub.add_argument("--full", action="store_true", help="the workloads of docs/numbers.md: seconds on a board")
    sub.add_argument("module", nargs="?", metavar="MODULE")
    sub.add_argument("function", nargs="?", metavar="FUNCTION")
    sub.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")

    add("repl", "serving.do_repl", "MicroPython's prompt", connect=False)
    add("devices", "serving.do_devices", "list the serial ports of this machine", connect=False)
    return top


def version() -> str:
    from importlib import metadata

    from .resources import CHECKOUT

    if CHECKOUT:
        text = (CHECKOUT / "core" / "pitwasm" / "__init__.py").read_text()
        return text.partition('__version__ = "')[2].partition('"')[0]
    return metadata.version("pitwasm")


def perform(args: argparse.Namespace) -> int:
    """Connect when the command needs it, and run it."""
    if args.command == "serve" and args.program:
        from .serving import do_serve_program

        args.do, args.connect = partial(do_serve_program), True
    if not args.connect:
        return args.do(None, args) or 0
    from .transport import open_link

    link = open_link(args.port, args.baud, args.transport, args.reset)
    try:
        return args.do(link, args) or 0
    finally:
        link.close()


def main(argv: list[str] | None = None) -> int:
    top = parser()
    try:
        args = top.parse_args(argv)
    except SystemExit as exc:  # argparse has said what is wrong
        return int(exc.code or 0)
    if args.version:
        print(f"pitwasm {version()}")
        return 0
    if args.command is None:
        top.print_help()
        return 2
    try:
        return perform(args)
    except Usage as exc:
        note(f"pitwasm: {exc}")
        return 2
    except CliError as exc:
        said = str(exc)
    except DeviceError as exc:
        said = str(explain(exc))
    except (Stopped, KeyboardInterrupt):
        note("pitwasm: stopped")
        return 130
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    note(f"pitwasm: {said}")
    return 1
