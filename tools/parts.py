# The parts pitwasm is delivered in: which modules belong together, and what they are for
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Iterable
from fnmatch import fnmatchcase

# Part -> what it is for, and its modules ("pit_*": all of that name). Every part but core needs core, and no other;
# a module may belong to two.
PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "core": (
        "loading, linking and running modules",
        (
            *("__init__", "access", "application", "caps", "decode", "definitions", "driver", "errors", "events", "flash", "handles"),
            *("labels", "lifecycle", "link", "loop", "messages", "modules", "operands", "pool", "reader", "reclaim", "runtime", "sections"),
            *("simple", "source", "store", "structure", "tables", "translate", "uncommon", "values"),
        ),
    ),
    "floats": ("f32 and f64", ("single", "double", "convert", "numbers")),
    "bulk": ("64-bit division, bit counting, bulk memory and table instructions", ("bulk", "integer")),
    "images": (
        "prepared images: loaded without translating, with their machine code; made",
        ("image", "imagecheck", "prepare", "tier", "shift"),
    ),
    "native": (
        "machine code",
        (
            *("native", "tier", "warm", "shift", "marks", "lower", "wide", "words", "forms", "callref", "callfloat", "region"),
            *("encode", "flow", "machine", "routines"),
        ),
    ),
    "wasi": ("WASI preview 1", ("wasi", "wasi_files", "wasi_paths")),
    "uart": ("modules from a host, over a UART", ("uart", "chain")),
    "peripherals": ("pins, buses and time for guests", ("peripherals", "board", "pit_*")),
    "tools": ("the pool's map, machine code for images, the command line of unix MicroPython", ("poolmap", "precompile", "__main__")),
}

# What package.json installs: all that a module without imports may need.
USUAL = ("core", "floats", "bulk")


def part_of(module: str) -> str | None:
    """The part a module belongs to."""
    for part, (_, patterns) in PARTS.items():
        if any(fnmatchcase(module, pattern) for pattern in patterns):
            return part
    return None


def modules_of(parts: Iterable[str], modules: Iterable[str]) -> list[str]:
    """Of these modules, those that belong to these parts."""
    wanted = set(parts)
    patterns = [pattern for part in wanted for pattern in PARTS[part][1]]
    return [module for module in modules if any(fnmatchcase(module, pattern) for pattern in patterns)]
