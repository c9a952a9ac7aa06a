# The host's side of the UART reader's protocol (docs/uart.md): frames, the folder of modules, and the answer to a request
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0xFA
REQUEST, INFO, DATA, NO = b"RIDN"
HEAD, TAIL = 4, 4  # bytes around a frame's payload
FIELDS = struct.Struct("<4sIH")  # of a request, before the name
LONGEST_REQUEST = FIELDS.size + 255

SUFFIX = ".wasm"
VERSIONS = 2  # of a file that are remembered, so that a load goes on with the bytes it began with
LARGEST = 0xFFFFFFFF


def frame(kind: int, payload: bytes) -> bytes:
    head = struct.pack("<BBH", MAGIC, kind, len(payload)) + payload
    return head + struct.pack("<I", zlib.crc32(head))


class Parser:
    """Finds whole frames in a stream of bytes."""

    def __init__(self, kinds: bytes = bytes([REQUEST]), longest: int = LONGEST_REQUEST) -> None:
        self.kinds = kinds
        self.longest = longest  # payload taken for one; a damaged length must not swallow what follows
        self.pending = b""
        self.loose = b""  # bytes that are part of no frame; for whoever wants them, to be emptied by them

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(kind, payload) of every frame that is complete now."""
        self.pending += data
        while self._align():
            if len(self.pending) < HEAD:
                return
            kind = self.pending[1]
            size = int.from_bytes(self.pending[2:4], "little")
            if kind in self.kinds and size <= self.longest:
                end = HEAD + size
                if len(self.pending) < end + TAIL:
                    return
                if zlib.crc32(self.pending[:end]) == int.from_bytes(self.pending[end : end + TAIL], "little"):
                    payload, self.pending = self.pending[HEAD:end], self.pending[end + TAIL :]
                    yield kind, payload
                    continue
            self._drop(1)

    def silence(self) -> None:
        """Nothing came for a while: what is there begins no frame."""
        self._drop(len(self.pending))

    def _align(self) -> bool:
        at = self.pending.find(MAGIC)
        self._drop(len(self.pending) if at < 0 else at)
        return at >= 0

    def _drop(self, count: int) -> None:
        self.loose += self.pending[:count]
        self.pending = self.pending[count:]


@dataclass(frozen=True)
class Version:
    """A module's file as it was once."""

    stamp: tuple[int, ...]  # of the file, to see whether it has changed since
    data: bytes
    digest: bytes  # SHA-256

    @classmethod
    def read(cls, path: Path, stamp: tuple[int, ...]) -> "Version":
        data = path.read_bytes()
        return cls(stamp, data, hashlib.sha256(data).digest())


class Library:
    """The .wasm files of one folder, by the names of their modules. Looks at the files anew each time it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve(strict=True)
        if not self.folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        self.versions: dict[str, list[Version]] = {}  # newest first

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*" + SUFFIX) if self.path(path.stem))

    def path(self, name: str) -> Path | None:
        """The module's file; None for whatever is not a file right in the folder."""
        if not name or name.startswith(".") or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
            return None
        path = self.folder / (name + SUFFIX)
        try:
            # Links may lead somewhere else in the folder, not out of it.
            return path if path.is_file() and path.resolve().parent == self.folder else None
        except OSError:  # no name for a file here
            return None

    def find(self, name: str, digest: bytes = b"") -> Version | None:
        """The module as it is now; with the first bytes of a digest: that version, also if the file has changed since."""
        known = self.versions.setdefault(name, [])
        for version in known if digest else ():
            if version.digest.startswith(digest):
                return version
        path = self.path(name)
        if path is None:
            del self.versions[name]
            return None
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if not known or known[0].stamp != stamp:
            fresh = Version.read(path, stamp)
            known[:] = [fresh, *(version for version in known if version.digest != fresh.digest)][:VERSIONS]
        return known[0] if known[0].digest.startswith(digest) else None


class Answerer:
    """Answers requests. seen: told of every answer with bytes of a module: (name, bytes of it, offset, how many it is now)."""

    def __init__(self, library: Library, seen: Callable[[str, int, int, int], None] | None = None) -> None:
        self.library = library
        self.seen = seen or (lambda name, size, offset, count: None)

    def answer(self, request: bytes) -> bytes:
        """The frame that answers a request frame's payload."""
        mark = frame(REQUEST, request)[-TAIL:]
        try:
            digest, offset, length = FIELDS.unpack_from(request)
            name = request[FIELDS.size :].decode()
            version = self.library.find(name, digest if length else b"")
        except OSError as exc:
            return frame(NO, mark + str(exc.strerror or exc).encode())
        except (struct.error, UnicodeDecodeError):
            return frame(NO, mark)
        if version is None:
            return frame(NO, mark + (b"the file has changed or has gone; load it again" if length else b""))
        if not length:
            if len(version.data) > LARGEST:
                return frame(NO, mark + b"the file is too large")
            self.seen(name, len(version.data), 0, 0)
            return frame(INFO, mark + struct.pack("<I", len(version.data)) + version.digest)
        data = version.data[offset : offset + length]
        if not data:
            return frame(NO, mark + b"nothing there")
        self.seen(name, len(version.data), offset, len(data))
        return frame(DATA, digest + struct.pack("<I", offset) + data)
