# run, call, bench: a module loaded on the board, from its flash or over the line, and what it computes
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import board, device, grants, values, wasm
from .errors import CliError, DeviceError, Usage, explain, size
from .files import SUFFIX, module_name, target
from .resources import bench_file
from .screen import note, output, progress, say, table
from .transport import Link

SETUP = device.PRELUDE + device.RUNTIME + device.CALL


BENCH_POOL = 76 * 1024  # bytes: the workloads, with their page of memory


class Session:
    """A module on the board, loaded and instantiated."""

    def __init__(self, link: Link, args: argparse.Namespace, module: str, extra: str = ""):
        self.link = link
        self.args = args
        path = Path(module)
        local = path.suffix == SUFFIX and path.is_file()
        self.data = wasm.read(path) if local else None
        self.name = module_name(path.name)
        self.path = "" if local else target(args.dir, self.name + SUFFIX)
        if not local and ("/" in module or "\\" in module):
            raise Usage(f"there is no file {module}; a module that is on the board is named without a path: {self.name}")
        there = board.probe(link)
        if there.version[:2] < board.OLDEST or there.name != "micropython":
            _ = there.arch  # raises the sentence
        link.reset()  # all of the heap
        self.note(
            device.program(
                SETUP + extra,
                POOL=args.pool,
                STACK=args.stack,
                FUEL=args.fuel,
                FOLDER=args.dir,
                GRANTS=grants.expression(args.grant),
            )
            + "_guard(_start)"
        )

    def load(self) -> None:
        """The module into the pool."""
        total = len(self.data or b"")
        with progress("loading", total) as seen:

            def feed() -> Iterator[bytes]:
                for piece in board.pieces(self.data or b"", board.chunk(self.link)):
                    seen(len(piece) * 3 // 4)
                    yield piece

            self.note(f"_guard(_load, {self.name!r}, {self.path!r})", feed())

    def instantiate(self, argv: list[str] | None = None, dirs: Sequence[str] = (), env: Sequence[str] = ()) -> None:
        self.note(f"_guard(_instance, {self.args.cap!r}, {argv!r}, {list(dirs)!r}, {list(env)!r})", keyboard())

    def note(self, code: str, feed: Iterator[bytes] | None = None) -> list:
        """Run code, show what it prints, give its notes. What goes wrong becomes a sentence."""
        try:
            _, notes = self.link.run(code, feed, output, silence=None)
        except DeviceError as exc:
            raise explain(exc, self.name, self.args.pool) from None
        for found in notes:
            if found[0] == "error":
                exc = DeviceError(*found[1:])
                if exc.kind == "Exit":
                    raise exc
                raise explain(exc, self.name, self.args.pool)
        return notes

    def exports(self) -> list[tuple[str, str, Any]]:
        return [tuple(found[1:]) for found in self.note("_guard(_exports)")]

    def functions(self) -> str:
        found = [f"{name}({type[0].replace(' ', ', ')})" for name, kind, type in self.exports() if kind == "func"]
        return ", ".join(found) if found else "nothing that can be called"

    def call(self, name: str, words: list[str], raw: bool) -> list[str]:
        """The results as VALUE:TYPE."""
        if name[:1] != "$" and not any(export[:2] == (name, "func") for export in self.exports()):
            raise Usage(f"{self.name} exports no function {name}; it exports {self.functions()}")
        (_, params, results), *_ = self.note(f"_guard(_type, {name!r})")
        kinds = params.split()
        if len(words) != len(kinds):
            raise Usage(f"{name} takes {len(kinds)} arguments ({', '.join(kinds)}), {len(words)} given")
        bits = [values.parse(word, kind, raw) for word, kind in zip(words, kinds, strict=True)]
        found = dict(self.note(f"_guard(_call, {name!r}, {bits!r})", keyboard()))
        if "fuel" in found:
            note(f"fuel: {self.args.fuel - found['fuel']:,} of {self.args.fuel:,} used")
        return [values.show(value, kind, raw) for value, kind in zip(found["result"], results.split(), strict=True)]


def keyboard() -> Iterator[bytes]:
    """Standard input of this process, as far as a program on the board asks for it."""
    while data := sys.stdin.buffer.read1(board.CHUNK):
        yield from board.pieces(data, board.CHUNK)


def do_call(link: Link, args: argparse.Namespace) -> None:
    """Call an exported function; its results, a line each."""
    session = Session(link, args, args.module)
    session.load()
    session.instantiate()
    for line in session.call(args.function, args.arguments, args.bits):
        say(line)


def do_run(link: Link, args: argparse.Namespace) -> int:
    """Run a program (its _start); the exit status is its own."""
    session = Session(link, args, args.module)
    session.load()
    try:
        session.instantiate([session.name + SUFFIX, *args.arguments], args.map_dir, args.env)
        if not any(export[:2] == ("_start", "func") for export in session.exports()):
            raise CliError(
                f"{session.name} is no program: it has no _start; call what it exports: {session.functions()} "
                f"(pitwasm call {args.module} NAME ...)"
            )
        session.note("_guard(_call, '_start', [])", keyboard())
    except DeviceError as exc:  # proc_exit
        return int(exc.detail.get("status", 0)) & 0xFF
    return 0


# ---- bench ---------------------------------------------------------------------------------------------------------------------------


def do_bench(link: Link, args: argparse.Namespace) -> None:
    """Measure the project's workloads on the board, or a function of a module."""
    if args.module is None:
        cases = json.loads(bench_file("expected.json").read_text())
        jobs = [(name, *_case(case, args.full)) for name, case in cases.items()]
        module = str(bench_file("workloads.wasm"))
        args.pool = args.pool or BENCH_POOL
    elif args.function is None:
        raise Usage("which function shall be measured? pitwasm bench MODULE FUNCTION [ARGUMENT ...]")
    else:
        module, jobs = args.module, [(args.function, args.arguments, None)]
    session = Session(link, args, module, device.TIME)
    session.load()
    session.instantiate()
    (_, load), *_ = session.note("_note(('load', _p['load']))")
    there = board.probe(link)
    say(f"{there.firmware}, pitwasm on {there.arch}")
    if session.data:
        say(f"{session.name}: {size(len(session.data))} loaded in {load / 1000:.1f} ms, over the line; code is translated as it comes")
    rows = []
    for name, words, expected in jobs:
        (_, params, results), *_ = session.note(f"_guard(_type, {name!r})")
        if len(words) != len(params.split()):
            raise Usage(f"{name} takes {len(params.split())} arguments ({params.replace(' ', ', ')}), {len(words)} given")
        bits = [values.parse(str(word), kind, False) for word, kind in zip(words, params.split(), strict=True)]
        (_, calls, microseconds, got), *_ = session.note(f"_guard(_time, {name!r}, {bits!r}, {args.ms})")
        if expected is not None and got[0] != expected:
            raise CliError(f"{name} computed {got[0]:#x} on the board, and {expected:#x} elsewhere: please report that")
        shown = ", ".join(values.show(value, kind, False) for value, kind in zip(got, results.split(), strict=True))
        rows.append((f"{name}({', '.join(str(word) for word in words)})", f"{microseconds / calls / 1000:.3f}", calls, shown))
    table(("workload", "ms a call", "calls", "result"), rows)


def _case(case: dict, full: bool) -> tuple[list, int]:
    part = case if full else case["small"]
    return part["args"], int(part["bits"], 16)
