# push, ls, rm: modules in the board's flash
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import time

from . import board, device, wasm
from .errors import CliError, DeviceError, Usage, explain, size
from .imaging import prepare
from .screen import note, progress, say, table
from .transport import Link

SUFFIX = ".wasm"
NATIVE = ("pit_", "wasi_")  # modules that pitwasm brings along

# What MicroPython's filesystems cannot hold, or pitwasm's flash reader would not look for.
FORBIDDEN = '/\\:*?"<>|\x7f'


def target(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder not in ("", ".") else name


def module_name(name: str) -> str:
    """A module's name, from that of its file or as given."""
    name = name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name
    if name[:1] in ("", ".") or len(name.encode()) > 200 or any(c < " " or c in FORBIDDEN for c in name):
        raise Usage(f"{name!r} cannot be the name of a module on a board")
    return name


def do_push(link: Link, args: argparse.Namespace) -> None:
    """Copy modules: validated here, complete or not at all there."""
    if args.name and len(args.files) != 1:
        raise Usage("--name goes with one file")
    modules = {module_name(args.name or path.name): wasm.read(path) for path in args.files}
    there = {name: (n, digest) for name, n, digest in board.listing(link, args.dir, digests=True)}
    wanted: dict[str, bytes] = {}
    for name, data in modules.items():
        if args.image:
            data = prepare(data)
        digest = wasm.Module(data).digest
        if there.get(name + SUFFIX) == (len(data), digest):
            say(f"{name}: {size(len(data))}, SHA-256 {digest[:16]}…, is there already")
        else:
            wanted[target(args.dir, name + SUFFIX)] = data
    board.need_room(link, wanted)
    started = time.monotonic()
    total = sum(len(data) for data in wanted.values())
    with progress("pushing", total) as seen:
        board.put(link, wanted, lambda path, count: seen(count))
    seconds = max(time.monotonic() - started, 1e-3)
    for path, data in wanted.items():
        name = path.rpartition("/")[2][: -len(SUFFIX)]
        say(f"{name}: {size(len(data))}, SHA-256 {wasm.Module(data).digest[:16]}…, compared on the board")
    if total >= 1024:
        say(f"{size(total)} in {seconds:.1f} s, {total / seconds / 1000:.1f} kB/s")
    for name, data in modules.items():
        missing(name, wasm.parse(data), {*modules, *(file[: -len(SUFFIX)] for file in there if file.endswith(SUFFIX))})


def missing(name: str, module: wasm.Module, known: set[str]) -> None:
    """Say what a module imports that is not on the board; it may still come over a UART, or be a host function."""
    for owner in dict.fromkeys(owner for owner, _, _, _ in module.imports):
        if owner not in known and not owner.startswith(NATIVE):
            fields = ", ".join(field for other, field, _, _ in module.imports if other == owner)
            note(f"note: {name} imports {fields} from {owner}, and there is no {owner}{SUFFIX} in that folder")


def do_ls(link: Link, args: argparse.Namespace) -> None:
    """List the modules on the board."""
    found = [entry for entry in board.listing(link, args.dir, args.digest) if args.all or entry[0].endswith(SUFFIX)]
    if found:
        rows = [(n, name if args.all else name[: -len(SUFFIX)], digest) for name, n, digest in found]
        table(("", "", ""), rows)
    _, free = board.free_bytes(link, args.dir)
    where = args.dir.rstrip("/") or "/"
    say(f"{len(found) or 'no'} {'files' if args.all else 'modules'} in {where}" + (f", {size(free)} free" if free < 1 << 40 else ""))


def do_rm(link: Link, args: argparse.Namespace) -> None:
    """Remove modules."""
    there = {name for name, _, _ in board.listing(link, args.dir)}
    for given in args.names:
        file = given if given in there else module_name(given) + SUFFIX
        if file not in there:
            raise CliError(f"there is no module {module_name(given)} in {args.dir} on the board; `pitwasm ls` shows what is there")
        try:
            link.run(device.program(device.REMOVE, PATH=target(args.dir, file)))
        except DeviceError as exc:
            raise explain(exc, given) from None
        say(f"{given} removed")
