# What is at the other end: firmware, architecture, heap and flash; and whether pitwasm can run there
# MIT license; Copyright (c) 2026 the pitwasm authors

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import device
from .errors import CliError, DeviceError, explain, no_room_on_flash
from .resources import ARCHS
from .transport import Link

OLDEST = (1, 23)
# Bytes sent at once, as base64. What is behind a UART (ESP32 and others) has an input buffer of 260 bytes and nothing to hold a
# sender back; USB of these platforms does.
CHUNK, CHUNK_USB = 186, 744
USB = ("rp2", "linux", "samd", "nrf52", "pyboard", "mimxrt")


@dataclass
class Board:
    name: str  # of the implementation
    version: tuple[int, ...]
    mpy: int  # sys.implementation._mpy
    platform: str
    machine: str
    path: list[str]
    heap: int  # free, after a soft reset if there was one

    @property
    def firmware(self) -> str:
        where = self.machine if self.machine and self.platform != "linux" else self.platform
        return f"{'MicroPython' if self.name == 'micropython' else self.name} {'.'.join(str(n) for n in self.version)} on {where}"

    @property
    def arch(self) -> str:
        """Ours, by the number that its .mpy files have; CliError when there is none."""
        if self.name != "micropython":
            raise CliError(f"the board runs {self.firmware}; pitwasm needs MicroPython, from https://micropython.org/download")
        if self.version[:2] < OLDEST:
            raise CliError(
                f"the board runs MicroPython {'.'.join(str(n) for n in self.version)}; pitwasm needs {OLDEST[0]}.{OLDEST[1]} or later, "
                "from https://micropython.org/download"
            )
        if self.mpy & 0xFF != 6 or self.mpy >> 8 & 3 != 3:
            raise CliError(
                f"the board's firmware takes .mpy files of the format {self.mpy & 0xFF}.{self.mpy >> 8 & 3}, and pitwasm's have 6.3; "
                "other firmware is at https://micropython.org/download"
            )
        number = self.mpy >> 10 & 0xF
        found = ARCHS[number] if number < len(ARCHS) else ""
        if not found:
            raise CliError(f"there is no pitwasm for the processor of this board ({self.machine or self.platform})")
        return found

    def lib(self) -> str:
        """Where packages go: the first folder of sys.path that is called lib, as for mip."""
        for folder in self.path:
            if folder.endswith("/lib") and not folder.startswith("/rom") or folder == "lib":
                return folder
        raise CliError("the board has no lib folder in sys.path; say where to install with --target")


def probe(link: Link) -> Board:
    """Ask once."""
    if link.probed is None:
        try:
            link.probed = Board(*link.eval_program(device.PROBE))
        except (DeviceError, ValueError, SyntaxError, TypeError):
            raise CliError(f"{link.name} has a Python prompt, but it is not MicroPython's") from None
    return link.probed


def free_bytes(link: Link, path: str) -> tuple[int, int]:
    """(bytes of a block, bytes free) of the filesystem a path is on; (1, a lot) where it does not say."""
    try:
        block, blocks = link.eval_program(device.program(device.FREE, PATH=path))
        return block, block * blocks
    except DeviceError:
        return 1, 1 << 40


def listing(link: Link, folder: str, digests: bool = False) -> list[tuple[str, int, str]]:
    """(name, size, SHA-256 or "") of the files of a folder; empty when there is none."""
    return link.run(device.program(device.LIST, FOLDER=folder, DIGEST=digests))[1]


def chunk(link: Link) -> int:
    """Bytes that go to the board at once."""
    return CHUNK_USB if probe(link).platform in USB else CHUNK


def pieces(data: bytes, chunk: int) -> Iterator[bytes]:
    for at in range(0, len(data), chunk):
        yield base64.b64encode(data[at : at + chunk])


def put(link: Link, files: dict[str, bytes], seen: Callable[[str, int], Any] = lambda path, count: None) -> None:
    """Write files, each atomically and compared by SHA-256. seen: told of every chunk that is on its way."""
    at = ""
    n = chunk(link)

    def feed() -> Iterator[bytes]:
        nonlocal at
        for path, data in files.items():
            at = path
            yield f"{len(data)} {hashlib.sha256(data).hexdigest()} {path}".encode()
            for piece in pieces(data, n):
                seen(path, len(piece) * 3 // 4)
                yield piece

    try:
        link.run(device.RECEIVE, feed())
    except DeviceError as exc:
        if exc.kind == "ValueError" and "SHA-256" in exc.text:
            raise CliError(f"{at} did not arrive unharmed: its SHA-256 differs; nothing was changed, try again") from None
        error = explain(exc, at)
        if "no room on the board's flash" in str(error):
            raise no_room_on_flash(at, len(files[at]), free_bytes(link, at)[1]) from None
        raise error from None


def need_room(link: Link, files: dict[str, bytes]) -> None:
    """Raise unless the files fit beside what is there, in whole blocks, with one spare for each folder and the bookkeeping."""
    if not files:
        return
    first = next(iter(files))
    block, free = free_bytes(link, first)
    needed = sum(-(-len(data) // block) * block for data in files.values())
    if needed > free:
        raise no_room_on_flash(first if len(files) == 1 else f"{len(files)} files", needed, free)
