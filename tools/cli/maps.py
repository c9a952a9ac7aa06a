# map: the pool of a live board, block by block, in the terminal and as an SVG
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import re
from dataclasses import dataclass
from html import escape

from . import device
from .errors import CliError, DeviceError, explain, size
from .running import Session
from .screen import output, say, table, terminal
from .transport import Link

# Kinds of blocks (core/pitwasm/poolmap.py) in groups, each with its colour here and in a terminal of 256.
GROUPS = {
    "code": ("#4e79a7", 67, ("code",)),
    "memory": ("#59a14f", 71, ("memory",)),
    "data": ("#76b7b2", 73, ("data", "elements", "table", "globals")),
    "stack": ("#f28e2b", 208, ("stack",)),
    "records": (
        "#b07aa1",
        139,
        ("module", "type", "imports", "exports", "functions", "definitions", "names", "instance", "links", "registry", "host"),
    ),
    "loading": ("#e15759", 167, ("work",)),
    "free": ("#e8e8e8", 254, ("free",)),
}
GROUP = {kind: group for group, (_, _, kinds) in GROUPS.items() for kind in kinds}


@dataclass
class Block:
    offset: int
    bytes: int
    kind: str
    owner: str

    @property
    def group(self) -> str:
        return GROUP.get(self.kind, "records")


@dataclass
class Pool:
    where: str  # what leads to it on the board
    blocks: list[Block]
    summary: str

    @property
    def bytes(self) -> int:
        return int(self.summary.split(" ", 1)[0])


def parse(notes: list) -> list[Pool]:
    """What device.MAPS sends."""
    pools: list[Pool] = []
    for note in notes:
        if not isinstance(note, str):
            pools.append(Pool(note[1], [], ""))
        elif found := re.fullmatch(r" *(\d+) +(\d+)  (\S+)(?: +(.*))?", note):
            pools[-1].blocks.append(Block(int(found[1]), int(found[2]), found[3], found[4] or ""))
        elif re.match(r"\d+ bytes: ", note):
            pools[-1].summary = note
    return pools


def do_map(link: Link, args: argparse.Namespace) -> None:
    """Show the pools of what runs on the board; with a module: that of a runtime with this module in it."""
    if args.module:
        session = Session(link, args, args.module, device.MAPS)
        session.load()
        session.instantiate()
        pools = parse(session.note("_guard(_maps)"))
    else:
        if getattr(link.port, "always_resets", False):
            raise CliError("ampy starts MicroPython anew, so nothing runs any more; the map of what runs needs mpremote")
        try:
            _, notes = link.run(device.PRELUDE + device.MAPS + "_guard(_maps)", output=output)
        except DeviceError as exc:
            raise explain(exc) from None
        for note in notes:
            if note[0] == "error":
                raise explain(DeviceError(*note[1:]))
        pools = parse(notes)
    if not pools:
        raise CliError(
            "no pool found on the board: keep the Runtime in a global variable of the program (it is interrupted, not restarted), "
            "or give a module to load: pitwasm map MODULE"
        )
    for pool in pools:
        show(pool)
    if args.svg:
        args.svg.write_text(svg(pools[0]))
        say(f"{args.svg} written")


def show(pool: Pool, columns: int = 64, rows: int = 8) -> None:
    """A bar of all bytes, then a line for each block."""
    say(f"pool of {size(pool.bytes)} ({pool.where})")
    cells = strip(pool, columns * rows)
    for at in range(0, len(cells), columns):
        say("  " + "".join(cell(group) for group in cells[at : at + columns]))
    say("  " + "  ".join(f"{cell(group)} {group}" for group in GROUPS if group in cells))
    table(("offset", "bytes", "kind", "owner"), [(block.offset, block.bytes, block.kind, block.owner) for block in pool.blocks], "  ")
    say(pool.summary)


def strip(pool: Pool, count: int) -> list[str]:
    """The group that most of each of so many equal parts belongs to."""
    cells = []
    block = 0
    for i in range(count):
        middle = (2 * i + 1) * pool.bytes // (2 * count)
        while block + 1 < len(pool.blocks) and pool.blocks[block + 1].offset - 8 <= middle:
            block += 1
        cells.append(pool.blocks[block].group if pool.blocks else "free")
    return cells


def cell(group: str) -> str:
    if terminal():
        return f"\x1b[48;5;{GROUPS[group][1]}m \x1b[0m"
    return {"free": ".", "loading": "w"}.get(group, group[0].upper() if group == "memory" else group[0])


WIDTH = 1024  # of the drawing, in pixels; each row of it stands for the same number of bytes
ROW = 28


def svg(pool: Pool) -> str:
    """The pool as rows of bytes; every block names itself when pointed at, large ones also in writing."""
    rows = 16
    per_row = -(-pool.bytes // rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 20}" height="{rows * ROW + 90}" font-family="sans-serif" font-size="12">',
        f'<text x="10" y="20" font-size="15">{escape(f"pitwasm pool: {pool.summary}")}</text>',
    ]
    for block in pool.blocks:
        start, end = block.offset - 8, block.offset + block.bytes
        label = f"{block.kind} {block.owner}".strip()
        title = escape(f"{label}: {block.bytes} bytes at {block.offset}")
        while start < end:
            row, x = divmod(start, per_row)
            n = min(end - start, per_row - x)
            left, width = 10 + x * WIDTH / per_row, n * WIDTH / per_row
            parts.append(
                f'<rect x="{left:.2f}" y="{32 + row * ROW}" width="{width:.2f}" height="{ROW - 4}" fill="{GROUPS[block.group][0]}" '
                f'stroke="#fff" stroke-width="0.5"><title>{title}</title></rect>'
            )
            if width > 7 * len(label) + 8 and block.kind != "free":
                parts.append(f'<text x="{left + 4:.2f}" y="{48 + row * ROW}" fill="#fff">{escape(label)}</text>')
            start += n
    x = 10
    for group, (colour, _, _) in GROUPS.items():
        total = sum(block.bytes for block in pool.blocks if block.group == group)
        parts.append(f'<rect x="{x}" y="{rows * ROW + 50}" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{x + 19}" y="{rows * ROW + 62}">{group}: {total:,}</text>')
        x += 145
    return "\n".join([*parts, "</svg>"]) + "\n"
