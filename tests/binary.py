# Modules written out by hand, byte by byte, and scripts that load them (WebAssembly 5)
# MIT license; Copyright (c) 2026 the pitwasm authors

from pathlib import Path

from tools.build import load_layout
from tools.mp import MicroPython

L = load_layout(Path(__file__).parent.parent / "core" / "pitwasm" / "layout.py")
DEVICE = Path(__file__).parent / "device"
HEAD = b"\0asm\1\0\0\0"
I32, I64, F32, F64, FUNC, EXTERN = 0x7F, 0x7E, 0x7D, 0x7C, 0x70, 0x6F


def u(n: int) -> bytes:
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + u(n >> 7)


def vec(*items: bytes) -> bytes:
    return u(len(items)) + b"".join(items)


def s(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return u(len(data)) + data


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + s(content)


def types(*functions: tuple[bytes, bytes]) -> bytes:
    return section(1, vec(*(b"\x60" + s(params) + s(results) for params, results in functions)))


def code(*bodies: bytes) -> bytes:
    return section(10, vec(*(s(b"\0" + body + b"\x0b") for body in bodies)))


def exports(*entries: tuple[str, int, int]) -> bytes:
    return section(7, vec(*(s(name) + bytes([kind]) + u(index) for name, kind, index in entries)))


def i32(n: int) -> bytes:
    """i32.const n as a constant expression."""
    out = b"\x41"
    while not -64 <= n < 64:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n & 127]) + b"\x0b"


NOTHING = types((b"", b""))
ONE = NOTHING + section(3, vec(b"\0"))  # one function () -> ()
MEMORY = section(5, b"\1\0\1")

# A module with something in every section, and of every kind.
EVERYTHING = (
    HEAD
    + section(0, s("first") + b"\xff\xff")
    + types((bytes([I32, I64, F32]), bytes([F64, EXTERN])), (b"", b""), (b"", b""))
    + section(
        2,
        vec(
            s("env") + s("") + b"\0\0",
            s("Käse") + s("table") + b"\1\x70\1\1\5",
            s("env") + s("memory") + b"\2\0\1",
            s("env") + s("base") + b"\3\x7f\0",
        ),
    )
    + section(3, vec(b"\1", b"\2"))
    + section(0, s("second"))
    + section(4, vec(b"\x6f\0\0"))
    + section(6, vec(b"\x7e\1\x42\x7b\x0b", b"\x7c\0\x44" + bytes(range(8)) + b"\x0b", b"\x70\0\xd2\2\x0b", b"\x7f\0\x23\0\x0b"))
    + exports(("f", 0, 1), ("memory", 2, 0), ("é", 3, 1), ("", 1, 1))
    + section(8, b"\1")
    + section(
        9,
        vec(
            b"\0\x23\0\x0b\2\0\1",
            b"\5\x70\2\xd0\x70\x0b\xd2\2\x0b",
            b"\3\0\1\2",
            b"\2\0\x41\3\x0b\0\1\2",
            b"\6\1" + i32(100000) + b"\x6f\1\xd0\x6f\x0b",
        ),
    )
    + section(12, b"\2")
    + code(b"\x41\2\x1a", b"\xd2\2\x1a")
    + section(11, vec(b"\0\x41\x08\x0b" + s("hello"), b"\1" + s("xyz")))
    + section(0, s("name") + b"\0\2\1m" + b"\1\6\1\1\3one" + b"\2\0")
)

PRELUDE = "from pitwasm.pool import *\nfrom pool_model import *\nfrom loading import *\n"


def run(mp: MicroPython, script: str) -> str:
    return mp.out(PRELUDE + script, paths=[DEVICE])
