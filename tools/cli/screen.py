# What people see: progress bars where there is a terminal, plain lines where there is none
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


def say(text: str = "") -> None:
    print(text, flush=True)


def note(text: str) -> None:
    """Not a result: on stderr."""
    print(text, file=sys.stderr, flush=True)


def terminal() -> bool:
    return sys.stdout.isatty()


def output(data: bytes) -> None:
    """What a program on the board prints."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr's terminal; gives what is to be told of bytes that went over."""
    if total < 1024 or not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
    except ImportError:
        yield lambda count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], indent: str = "") -> None:
    """Columns: numbers to the right, texts to the left."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    right = [all(isinstance(row[i], int) for row in rows) for i in range(len(head))]
    widths = [max(len(line[i]) for line in [list(head), *cells]) for i in range(len(head))]
    for line in [list(head), *cells] if any(head) else cells:
        parts = [cell.rjust(width) if numeric else cell.ljust(width) for cell, width, numeric in zip(line, widths, right, strict=True)]
        say((indent + "  ".join(parts)).rstrip())


def size(text: str) -> int:
    """A number of bytes, also in K and M; for argparse."""
    unit = {"K": 10, "M": 20}.get(text[-1:].upper(), 0)
    value = int(text[:-1] if unit else text, 0) << unit
    if value < 0:
        raise ValueError
    return value
