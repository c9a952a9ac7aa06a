# What goes wrong, as sentences for people: what happened, and what to do about it
# MIT license; Copyright (c) 2026 the pitwasm authors

import re
from dataclasses import dataclass, field

from ..parts import part_of


class CliError(Exception):
    """The text is one sentence, or a few; the exit status is 1."""


class Usage(CliError):
    """The command line asks for what cannot be meant; the exit status is 2."""


class Stopped(Exception):
    """Ctrl-C: the program on the board was stopped, too."""


@dataclass
class DeviceError(Exception):
    """An exception on the board."""

    kind: str  # name of its class
    text: str = ""
    frames: list = field(default_factory=list)  # of a trap: (module, function, offset), innermost first
    detail: dict = field(default_factory=dict)  # attributes: status, asked, free, largest, heap

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind

    @classmethod
    def from_traceback(cls, text: str) -> "DeviceError":
        """What MicroPython printed. The last line that names an exception class counts."""
        lines = [line for line in text.replace("\r", "").split("\n") if line.strip()]
        for at in range(len(lines) - 1, -1, -1):
            found = re.fullmatch(r"([A-Za-z_]\w*)(?:: (.*))?", lines[at])
            if found and not lines[at].startswith("Traceback"):
                return cls(found[1], "\n".join([found[2] or "", *lines[at + 1 :]]).strip())
        return cls("Exception", lines[-1] if lines else "")


INSTALL = "run `pitwasm install`"


def size(n: int) -> str:
    """A number of bytes, for people."""
    return f"{n:,} bytes"


def no_room_on_flash(path: str, needed: int, free: int) -> CliError:
    return CliError(
        f"there is no room on the board's flash: {path} takes {size(needed)}, {size(free)} are free; "
        "`pitwasm ls` shows what is there, `pitwasm rm` removes modules"
    )


def explain(exc: DeviceError, module: str = "the module", pool: int | None = None) -> CliError:
    """The sentence for an exception on the board. pool: its size as asked for on the command line."""
    sentence = _SENTENCES.get(exc.kind, _anything)(exc, module, pool)
    if exc.frames:
        sentence += "".join(f"\n  at {name}!{function}+{offset}" for name, function, offset in exc.frames)
    return CliError(sentence)


def _import(exc: DeviceError, module: str, pool: int | None) -> str:
    found = re.search(r"no module named '?([\w.]+)'?", exc.text)
    if found:
        name = found[1].split(".")
        if name == ["pitwasm"]:
            return f"pitwasm is not on the board; {INSTALL}"
        if name[0] == "pitwasm":
            return _part(name[1], module)
        return f"the board's firmware has no module {found[1]}"
    if "incompatible .mpy arch" in exc.text:
        return f"the pitwasm on the board is for another processor; {INSTALL}, which picks the one for this board"
    if "incompatible .mpy" in exc.text or "have the format" in exc.text:
        return f"the pitwasm on the board does not go with its firmware ({exc.text}); {INSTALL}, or update the firmware"
    if "needs MicroPython" in exc.text:
        return f"{exc.text}; newer firmware is at https://micropython.org/download"
    return f"pitwasm could not be imported on the board: {exc.text}"


def _pool(exc: DeviceError, module: str, pool: int | None) -> str:
    given = exc.detail.get("pool", pool)
    text = f"{module} is too large for the pool"
    if given:
        text += f" of {size(given)}"
    if "asked" in exc.detail:
        text += f": {size(exc.detail['asked'])} more are needed in one piece, the largest free one has {size(exc.detail['largest'])}"
    text += "; give it a larger pool with --pool"
    if "heap" in exc.detail:
        text += f" (the board's heap has {size(exc.detail['heap'])} free)"
    return text + ", or cap its memory with --cap"


def _memory(exc: DeviceError, module: str, pool: int | None) -> str:
    text = "there is no room on the board's heap"
    if pool:
        text += f" for a pool of {size(pool)} and the runtime"
    if "heap" in exc.detail:
        text += f": {size(exc.detail['heap'])} are free, in pieces"
    found = re.search(r"allocating (\d+) bytes", exc.text)
    if found:
        text += f" ({size(int(found[1]))} were wanted at once)"
    return text + "; try a smaller --pool, or firmware that has pitwasm in it"


def _link(exc: DeviceError, module: str, pool: int | None) -> str:
    found = re.search(r"(unknown import|incompatible import type|no sub module reader to load) (([^\s.]+)\S*)", exc.text)
    if not found:
        return exc.text
    importer = exc.text.split(":")[0] if ":" in exc.text.split(found[1])[0] else module
    if found[1].startswith("incompatible"):
        return f"{importer} imports {found[2]} with another type than it has"
    name = found[3]
    if name.startswith("pit_"):
        part = {"pit_gpio": "pin:25=out", "pit_time": "time", "pit_log": "log"}.get(name, f"{name[4:]}:0")
        return f"{importer} imports {found[2]}: that part of the board is not granted to it; give --grant {part}, for instance"
    if name.startswith("wasi_"):
        return f"{importer} imports {found[2]}, which pitwasm does not have"
    return (
        f"{importer} imports {found[2]}, and nothing on the board has it: "
        f"`pitwasm push {name}.wasm` if that is another module; host functions need a program of yours, see the README"
    )


def _load(exc: DeviceError, module: str, pool: int | None) -> str:
    return f"{module} is no WebAssembly module that pitwasm takes: {exc.text}"


def _trap(exc: DeviceError, module: str, pool: int | None) -> str:
    return f"{module} trapped: {exc.text}" if not exc.text.startswith(module) else f"trap in {exc.text}"


def _fuel(exc: DeviceError, module: str, pool: int | None) -> str:
    return f"{module} has used up its --fuel"


def _os(exc: DeviceError, module: str, pool: int | None) -> str:
    number = re.search(r"\d+", exc.text)
    code = int(number[0]) if number else 0
    if code == 28 or "ENOSPC" in exc.text:
        return "there is no room on the board's flash; `pitwasm ls` shows what is there, `pitwasm rm` removes modules"
    if code == 2 or "ENOENT" in exc.text:
        return f"there is no {module} on the board; `pitwasm ls` shows what is there, `pitwasm push` copies modules to it"
    if code == 30 or "EROFS" in exc.text:
        return "the board's filesystem is read-only"
    return f"the board's filesystem says {exc.text or 'error'}"


def _attribute(exc: DeviceError, module: str, pool: int | None) -> str:
    if part_of(exc.text):  # `from . import wasi`
        return _part(exc.text, module)
    return f"the pitwasm on the board does not fit this command line ({exc}); {INSTALL}"


def _part(name: str, module: str) -> str:
    return f"{module} needs a part of pitwasm that is not on the board: {part_of(name) or name}; {INSTALL}, or with that in its --parts"


def _anything(exc: DeviceError, module: str, pool: int | None) -> str:
    return exc.text if exc.kind == "PitwasmError" else str(exc)


_SENTENCES = {
    "ImportError": _import,
    "PoolExhausted": _pool,
    "MemoryError": _memory,
    "LinkError": _link,
    "LoadError": _load,
    "ValidationError": _load,
    "Trap": _trap,
    "OutOfFuel": _fuel,
    "OSError": _os,
    "AttributeError": _attribute,
}
