# WASI's descriptors: the program's memory, files, reading and writing
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Function names and arguments: wasi_snapshot_preview1.witx. They return nothing or raise, see wasi.Call: OSError(-n) carries
# WASI's errno n, OSError(n) is the filesystem's own. Pointers outside of the memory, or not aligned, trap.

import os
import sys
import time
from typing import Any

from micropython import const

from . import layout
from .driver import s32
from .errors import Trap
from .pool import get32, put32

# errno, less than zero.
_AGAIN = const(-6)
_BADF = const(-8)
_FBIG = const(-22)
_INVAL = const(-28)
_MFILE = const(-33)
_NAMETOOLONG = const(-37)
_NOTDIR = const(-54)
_SPIPE = const(-70)
_NOTCAPABLE = const(-76)

# rights
_FD_DATASYNC = const(1)
_FD_READ = const(1 << 1)
_FD_SEEK = const(1 << 2)
_FD_FDSTAT_SET_FLAGS = const(1 << 3)
_FD_SYNC = const(1 << 4)
_FD_TELL = const(1 << 5)
_FD_WRITE = const(1 << 6)
_FD_ADVISE = const(1 << 7)
_FD_ALLOCATE = const(1 << 8)
_FD_FILESTAT_SET_SIZE = const(1 << 22)
_DEVICE = const(0x08200008)  # poll, filestat_get, fdstat_set_flags

# File types as st_mode >> 12 has them; 0: there is no such file.
_CHAR = const(2)
_DIR = const(4)
_LINK = const(10)
# … and as WASI does.
FILETYPES = b"\x00\x00\x02\x00\x03\x00\x01\x00\x04\x00\x07\x00\x06\x00\x00\x00"

_MOST = const(64)  # descriptors

opened = []  # Fd of all files that programs have open


class Fd:
    """An open descriptor."""

    def __init__(self, kind, rights, inheriting, stream=None, path=None, guest=None, flags=0):
        self.kind = kind  # st_mode >> 12
        self.rights = rights
        self.inheriting = inheriting
        self.stream = stream  # of a file or device
        self.path = path  # on the device, of a file or directory; "" is the root
        self.guest = guest  # of a preopened directory: its name for the program
        self.flags = flags  # fdflags: 1 append, 2 dsync, 4 nonblock, 8 rsync, 16 sync
        self.writes = False  # a file open for writing
        self.plain = False  # … on a board's filesystem
        self.gap = 0  # position beyond the end of the file; its stream is at the end then. (FAT would make the file longer)
        self.dirty = False  # written to since the last flush
        self.listing = None  # fd_readdir: entries to come, cookie of the one at hand, that one


def device(stream, right):
    """The descriptor of a stream; the REPL's is a terminal."""
    return Fd(_CHAR if stream in (sys.stdin, sys.stdout, sys.stderr) else 0, _DEVICE | right, right, stream)


def look(folder, name):
    """The file type of an entry of a directory; what may be a symbolic link out of it is a link."""
    path = folder + "/" + name
    folder = folder or "/"
    kind = 0
    try:
        kind = os.stat(path)[0] >> 12
        if kind == _DIR and not plain(path) and os.stat(path + "/..")[1:3] == os.stat(folder)[1:3]:
            return kind
    except OSError as exc:
        if exc.errno not in (2, 40):  # ENOENT, ELOOP
            raise
        if plain(folder):
            return 0
    name = name.encode()
    for entry in os.ilistdir(folder.encode()):
        if entry[0] == name:
            return entry[1] >> 12 or _LINK  # the system does not tell
    if kind:
        raise OSError(_INVAL)  # there under another name
    return 0


def split(path):
    """Directory and name."""
    i = path.rfind("/")
    return path[:i], path[i + 1 :]


def plain(path):
    """Is this on a filesystem without inode and device numbers?"""
    st = os.stat(path)
    return not (st[1] or st[2])


def shut(f):
    if f in opened:
        opened.remove(f)
        f.stream.close()


class Files:
    """The descriptors of a program, and the functions on them."""

    def __init__(self, rt):
        self.rt = rt
        self.fds = []

    def close(self):
        for f in self.fds:
            shut(f)
        self.fds = []

    # ---- the program's memory --------------------------------------------------------------------------------------------

    def at(self, p, n, mask=0):
        """The pool offset of n bytes at address p; mask: bits that its alignment wants zero."""
        rt = self.rt
        mm = get32(rt._buf, get32(rt._buf, rt._env + layout.E_INST) + layout.I_MEM0)
        if not mm or p < 0 or n < 0 or p & mask or p + n > get32(rt._buf, mm + layout.MM_BYTES):
            raise Trap("out of bounds memory access")
        return get32(rt._buf, mm + layout.MM_DATA) + p

    def view(self, p, n):
        return self.rt.pool.part(self.at(p, n), n)

    def put32(self, p, value):
        put32(self.rt._buf, self.at(p, 4, 3), value)

    def put64(self, p, *values):
        buf = self.rt._buf
        p = self.at(p, 8 * len(values), 7)
        for value in values:
            put32(buf, p, value)
            put32(buf, p + 4, value >> 32)
            p += 8

    # ---- descriptors -----------------------------------------------------------------------------------------------------

    def get(self, fd, right=0):
        fds = self.fds
        if not 0 <= fd < len(fds) or not fds[fd]:
            raise OSError(_BADF)
        f = fds[fd]
        if right & ~f.rights:
            raise OSError(_NOTCAPABLE)
        return f

    def file(self, fd, right):
        """A descriptor that is no directory. The right to seek implies the right to tell."""
        f = self.get(fd)
        right &= ~f.rights
        if f.kind == _DIR:
            raise OSError(_BADF)
        if right and (right != _FD_TELL or not f.rights & _FD_SEEK):
            raise OSError(_SPIPE if f.path is None and right & (_FD_SEEK | _FD_TELL) else _NOTCAPABLE)
        return f

    def slot(self):
        """The lowest free descriptor."""
        fds = self.fds
        for i in range(len(fds)):
            if not fds[i]:
                return i
        if len(fds) >= _MOST:
            raise OSError(_MFILE)
        fds.append(None)
        return len(fds) - 1

    def fd_close(self, fd):
        f = self.get(fd)
        self.fds[fd] = None
        shut(f)

    def fd_renumber(self, fd, to):
        f = self.get(fd)
        self.get(to)
        if fd != to:
            self.fd_close(to)
            self.fds[to] = f
            self.fds[fd] = None

    def fd_fdstat_get(self, fd, p):
        f = self.get(fd)
        self.put64(p, FILETYPES[f.kind] | f.flags << 16, f.rights, f.inheriting)

    def fd_fdstat_set_flags(self, fd, flags):
        f = self.file(fd, _FD_FDSTAT_SET_FLAGS)
        if flags & ~31:
            raise OSError(_INVAL)
        f.flags = flags

    def fd_fdstat_set_rights(self, fd, rights, inheriting):
        f = self.get(fd)
        if rights & ~f.rights or inheriting & ~f.inheriting:
            raise OSError(_NOTCAPABLE)
        f.rights = rights
        f.inheriting = inheriting

    def fd_prestat_get(self, fd, p):
        f = self.get(fd)
        if f.guest is None:
            raise OSError(_BADF)
        self.put32(p, 0)
        self.put32(p + 4, len(f.guest))

    def fd_prestat_dir_name(self, fd, p, n):
        name = self.get(fd).guest
        if name is None:
            raise OSError(_NOTDIR)
        if 0 <= n < len(name):
            raise OSError(_NAMETOOLONG)
        self.view(p, len(name))[:] = name

    # ---- reading and writing ---------------------------------------------------------------------------------------------

    def _vectors(self, iovs, n):
        """The parts of memory that n iovecs name, one after the other."""
        if n < 0:
            raise OSError(_INVAL)
        for i in range(n):
            at = self.at(iovs + 8 * i, 8, 3)
            part = self.view(s32(self.rt._buf, at), s32(self.rt._buf, at + 4))
            if len(part):
                yield part

    def _tell(self, f):
        return f.gap or f.stream.tell()

    def _go(self, f, position):
        f.gap = 0
        if position > f.stream.seek(0, 2):
            f.gap = position
        else:
            f.stream.seek(position)

    def _fill(self, f):
        """Write zeros up to a position beyond the end."""
        if f.gap > 0x7FFFFFFF:
            raise OSError(_FBIG)
        n = f.gap - f.stream.tell()
        if not f.plain:
            f.stream.seek(f.gap - 1)  # the system does the rest
            n = 1
        f.dirty = True
        while n:
            n -= f.stream.write(bytes(min(n, 256)))
        f.gap = 0

    def _read(self, f, iovs, n):
        total = 0
        if f.gap:
            return 0
        for part in self._vectors(iovs, n):
            got = _line(part) if f.stream is sys.stdin else f.stream.readinto(part)
            while got is None and not total:
                if f.flags & 4:  # NONBLOCK
                    raise OSError(_AGAIN)
                time.sleep_ms(1)
                got = f.stream.readinto(part)
            total += got or 0
            if got != len(part) or f.stream is sys.stdin:
                break
        return total

    def _write(self, f, iovs, n):
        total = 0
        if f.flags & 1 and f.path is not None:
            f.gap = 0
            f.stream.seek(0, 2)
        if f.gap:
            self._fill(f)
        for part in self._vectors(iovs, n):
            got = f.stream.write(part)
            if got is None and not total:
                raise OSError(_AGAIN)
            f.dirty = True
            total += got or 0
            if got != len(part):
                break
        if f.flags & 0x12:
            self._flush(f)
        return total

    def _flush(self, f):
        if f.dirty and f.path is not None:
            f.stream.flush()
        f.dirty = False

    def fd_read(self, fd, iovs, n, p):
        f = self.file(fd, _FD_READ)
        self.at(p, 4, 3)
        self.put32(p, self._read(f, iovs, n))

    def fd_write(self, fd, iovs, n, p):
        f = self.file(fd, _FD_WRITE)
        self.at(p, 4, 3)
        self.put32(p, self._write(f, iovs, n))

    def _elsewhere(self, f, offset, work, iovs, n, p):
        """Read or write at an offset, and come back."""
        if offset < 0:
            raise OSError(_INVAL)
        self.at(p, 4, 3)
        before = self._tell(f)
        try:
            self._go(f, offset)
            self.put32(p, work(f, iovs, n))
        finally:
            self._go(f, before)

    def fd_pread(self, fd, iovs, n, offset, p):
        self._elsewhere(self.file(fd, _FD_READ | _FD_SEEK), offset, self._read, iovs, n, p)

    def fd_pwrite(self, fd, iovs, n, offset, p):
        self._elsewhere(self.file(fd, _FD_WRITE | _FD_SEEK), offset, self._write, iovs, n, p)

    def fd_seek(self, fd, offset, whence, p):
        f = self.file(fd, _FD_TELL if whence == 1 and not offset else _FD_SEEK)
        if not 0 <= whence <= 2:
            raise OSError(_INVAL)
        self.at(p, 8, 7)
        before = self._tell(f)
        if whence:
            offset += before if whence == 1 else f.stream.seek(0, 2)
        self._go(f, before if offset < 0 else offset)
        if offset < 0:
            raise OSError(_INVAL)
        self.put64(p, offset)

    def fd_tell(self, fd, p):
        self.put64(p, self._tell(self.file(fd, _FD_TELL)))

    def fd_sync(self, fd, right=_FD_SYNC):
        f = self.get(fd, right)
        if f.stream:
            self._flush(f)

    def fd_datasync(self, fd):
        self.fd_sync(fd, _FD_DATASYNC)

    def fd_advise(self, fd, offset, n, advice):
        self.file(fd, _FD_ADVISE)
        if not 0 <= advice <= 5 or offset < 0 or n < 0:
            raise OSError(_INVAL)

    def fd_allocate(self, fd, offset, n):
        f = self.file(fd, _FD_ALLOCATE)
        if offset < 0 or n <= 0:
            raise OSError(_INVAL)
        self._resize(f, offset + n, False)

    def fd_filestat_set_size(self, fd, size):
        f = self.file(fd, _FD_FILESTAT_SET_SIZE)
        if size < 0:
            raise OSError(_INVAL)
        self._resize(f, size, True)

    def _resize(self, f, n, less):
        """Give a file n bytes, fewer than now only if `less`. What is added is zero."""
        before = self._tell(f)
        try:
            size = f.stream.seek(0, 2)
            if n > size:
                f.gap = n
                self._fill(f)
            elif n < size and less:
                self._cut(f, n)
        finally:
            self._go(f, before)

    def _cut(self, f, n):
        """Keep n bytes of a file. MicroPython cannot truncate: they are copied, and the copy takes the file's place."""
        self._flush(f)
        copy = f.path
        os.stat(copy)
        while look(*split(copy)):
            copy += "~"
        try:
            with open(copy, "wb") as to:
                f.stream.seek(0)
                while n:
                    piece = f.stream.read(min(n, 256))
                    to.write(piece)
                    n -= len(piece)
        except:
            os.remove(copy)
            raise
        same = [(g, self._tell(g)) for g in opened if g.path == f.path]
        for g, _ in same:
            g.stream.close()
        try:
            os.rename(copy, f.path)
        finally:
            for g, position in same:
                g.stream = open(f.path, "r+b" if g.writes else "rb")
                self._go(g, position)


def _line(part):
    """Read what was typed up to the end of the line, or of `part`. On a board Ctrl-D ends the input."""
    stdin: Any = sys.stdin
    one = bytearray(1)
    n = 0
    while n < len(part) and stdin.readinto(one):
        if one[0] == 4 and sys.platform not in ("linux", "darwin", "win32"):
            break
        part[n] = one[0]
        n += 1
        if one[0] == 10:
            break
    return n
