# install: pitwasm's .mpy files for the processor of the connected board, only those that differ
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import hashlib

from ..parts import PARTS, modules_of
from . import board
from .errors import DeviceError, Usage, explain, size
from .files import target
from .resources import packages
from .screen import note, progress, say
from .transport import Link

CHECK = """
import gc, pitwasm
pitwasm.Runtime
gc.collect()
print(repr((pitwasm.__version__, getattr(pitwasm, "__file__", ""), gc.mem_free())))
"""


def chosen(names: list[str], parts: str | None) -> list[str]:
    """The modules to install, of those there are. parts: as given, "core,floats"; None: all."""
    if parts is None:
        return names
    wanted = {"core", *parts.split(",")}
    for part in wanted:
        if part not in PARTS:
            raise Usage(f"there is no part {part}; parts are {', '.join(PARTS)}")
    return modules_of(wanted, names)


def do_install(link: Link, args: argparse.Namespace) -> None:
    """Install or update pitwasm on the board."""
    there = board.probe(link)
    arch = there.arch
    folder = target(args.target or there.lib(), "pitwasm")
    source = packages(arch)
    names = chosen(sorted(path.stem for path in source.glob("*.mpy")), args.parts)
    files = {f"{name}.mpy": (source / f"{name}.mpy").read_bytes() for name in names}
    say(f"{there.firmware}: pitwasm for {arch}, {size(sum(map(len, files.values())))} to {folder}")
    known = {name: (n, digest) for name, n, digest in board.listing(link, folder, digests=True)}
    wanted = {
        target(folder, name): data for name, data in files.items() if known.get(name) != (len(data), hashlib.sha256(data).hexdigest())
    }
    board.need_room(link, {path: data for path, data in wanted.items() if path.rpartition("/")[2] not in known})
    total = sum(map(len, wanted.values()))
    with progress("installing", total) as seen:
        board.put(link, wanted, lambda path, count: seen(count))
    for name in known:  # of an older version
        if name.endswith((".mpy", ".py")) and name not in files:
            link.run(f"import os\nos.remove({target(folder, name)!r})")
    say(f"{len(wanted)} files copied, {len(files) - len(wanted)} were there already")
    check(link, folder)


def check(link: Link, folder: str) -> None:
    """Import it, in a fresh MicroPython."""
    link.reset()
    try:
        version, path, heap = link.eval_program(CHECK)
    except DeviceError as exc:
        raise explain(exc) from None
    if not path.startswith(folder):
        note(f"note: the board imports pitwasm from {path or 'its firmware'}, not from {folder}: that comes first in its sys.path")
        say(f"pitwasm {version} works there, but it is another one than that installed now")
        return
    say(f"pitwasm {version} works there; {size(heap)} of heap are free with its core loaded")
