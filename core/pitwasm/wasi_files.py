# WASI's descriptors, files and directories on MicroPython's filesystems; no path leads out of a preopened directory
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A directory descriptor stands for a directory of the device. What a program names is looked up below it, component by
# component, so `..` never leads above it. Symbolic links exist where there are inode numbers (unix); the program sees them,
# but none is followed, since MicroPython does not say where they lead: only one to a directory beside it passes. Links are
# not made, and times not set, for want of such functions (ENOTSUP).
#
# Function names and arguments: wasi_snapshot_preview1.witx. They return nothing or raise, see wasi.Call: OSError(-n) carries
# WASI's errno n, OSError(n) is the filesystem's own. Pointers outside of the memory, or not aligned, trap.
#
# On FAT, a gap left by seeking beyond the end of a file reads as whatever the card held there.

import os
import struct
import sys
import time

from micropython import const

from . import layout
from .driver import s32
from .errors import Trap
from .pool import get32, put32

# errno (less than zero: see above).
_AGAIN = const(-6)
_BADF = const(-8)
_EXIST = const(-20)
_INVAL = const(-28)
_ISDIR = const(-31)
_LOOP = const(-32)
_MFILE = const(-33)
_NAMETOOLONG = const(-37)
_NOENT = const(-44)
_NOTDIR = const(-54)
_NOTSUP = const(-58)
_PERM = const(-63)
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
_PATH_CREATE_DIRECTORY = const(1 << 9)
_PATH_CREATE_FILE = const(1 << 10)
_PATH_LINK_SOURCE = const(1 << 11)
_PATH_LINK_TARGET = const(1 << 12)
_PATH_OPEN = const(1 << 13)
_FD_READDIR = const(1 << 14)
_PATH_READLINK = const(1 << 15)
_PATH_RENAME_SOURCE = const(1 << 16)
_PATH_RENAME_TARGET = const(1 << 17)
_PATH_FILESTAT_GET = const(1 << 18)
_PATH_FILESTAT_SET_SIZE = const(1 << 19)
_PATH_FILESTAT_SET_TIMES = const(1 << 20)
_FD_FILESTAT_GET = const(1 << 21)
_FD_FILESTAT_SET_SIZE = const(1 << 22)
_FD_FILESTAT_SET_TIMES = const(1 << 23)
_PATH_SYMLINK = const(1 << 24)
_PATH_REMOVE_DIRECTORY = const(1 << 25)
_PATH_UNLINK_FILE = const(1 << 26)
_POLL_FD_READWRITE = const(1 << 27)
_ALL = const(0x3FFFFFFF)
_DIRECTORY = const(0x0FBFFE19)  # what makes sense for a directory: not read, write, seek, tell, advise, allocate, set size
_FILE = const(0x08E001FF)
_DEVICE = const(_FD_FDSTAT_SET_FLAGS | _FD_FILESTAT_GET | _POLL_FD_READWRITE)
_WRITES = const(_FD_WRITE | _FD_ALLOCATE | _FD_FILESTAT_SET_SIZE)

# File types as st_mode >> 12 has them; 0: there is no such file.
_CHAR = const(2)
_DIR = const(4)
_LINK = const(10)
_FILETYPES = b"\x00\x00\x02\x00\x03\x00\x01\x00\x04\x00\x07\x00\x06\x00\x00\x00"  # … and WASI

_PATH_MAX = const(4095)  # bytes of a path
_MOST = const(64)  # descriptors


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
        self.dirty = False  # written to since the last flush
        self.listing = None  # fd_readdir: entries to come, cookie of the one at hand, that one


def device(stream, right):
    return Fd(_CHAR if stream in (sys.stdin, sys.stdout, sys.stderr) else 0, _DEVICE | right, right, stream)


def preopened(host, guest):
    """The descriptor of a directory given to the program; OSError when it is none."""
    path = host if host[:1] == "/" else os.getcwd() + "/" + host
    while path[-1:] == "/":
        path = path[:-1]
    if os.stat(path or "/")[0] >> 12 != _DIR:
        raise OSError(20)
    return Fd(_DIR, _DIRECTORY, _ALL, path=path, guest=guest.encode())


def _look(folder, name):
    """The file type of an entry of a directory; what may be a symbolic link out of it is a link."""
    path = folder + "/" + name
    folder = folder or "/"
    try:
        st = os.stat(path)
        kind = st[0] >> 12
        if not (st[1] or st[2]):
            return kind  # no inode numbers, no links
        if kind == _DIR and os.stat(path + "/..")[1:3] == os.stat(folder)[1:3]:
            return kind
    except OSError as exc:
        if exc.errno not in (2, 40):  # ENOENT, ELOOP
            raise
        st = os.stat(folder)
        if not (st[1] or st[2]):
            return 0
    name = name.encode()
    for entry in os.ilistdir(folder.encode()):
        if entry[0] == name:
            return entry[1] >> 12 or _LINK  # the system does not tell
    return 0


def _entries(path):
    """(name, inode, file type) of what is in a directory, then None without end."""
    yield b".", os.stat(path)[1], _DIR
    yield b"..", 0, _DIR
    for entry in os.ilistdir(path.encode()):
        yield entry[0], entry[2], entry[1] >> 12
    while True:
        yield None


class Files:
    """The descriptors of a program, and the functions on them."""

    def __init__(self, rt):
        self.rt = rt
        self.fds = []
        self.slash = False  # the path looked at last ended with a slash

    def close(self):
        for f in self.fds:
            if f and f.path is not None and f.stream:
                f.stream.close()
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
        p = self.at(p, n)
        return self.rt.pool.view[p : p + n]

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
        if f.path is not None and f.stream:
            f.stream.close()

    def fd_renumber(self, fd, to):
        f = self.get(fd)
        self.get(to)
        if fd != to:
            self.fd_close(to)
            self.fds[to] = f
            self.fds[fd] = None

    def fd_fdstat_get(self, fd, p):
        f = self.get(fd)
        self.put64(p, _FILETYPES[f.kind] | f.flags << 16, f.rights, f.inheriting)

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
        for i in range(n):
            at = self.at(iovs + 8 * i, 8, 3)
            part = self.view(s32(self.rt._buf, at), s32(self.rt._buf, at + 4))
            if len(part):
                yield part

    def _read(self, f, iovs, n):
        total = 0
        for part in self._vectors(iovs, n):
            got = _line(part) if f.stream is sys.stdin else f.stream.readinto(part)
            if got is None and not total:
                raise OSError(_AGAIN)
            total += got or 0
            if got != len(part) or f.stream is sys.stdin:
                break
        return total

    def _write(self, f, iovs, n):
        total = 0
        if f.flags & 1 and f.path is not None:
            f.stream.seek(0, 2)
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

    def _settle(self, path):
        """Before a file is looked at by its path: what was written to it has to be there."""
        for f in self.fds:
            if f and f.path == path:
                self._flush(f)

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
        before = f.stream.tell()
        try:
            f.stream.seek(offset)
            self.put32(p, work(f, iovs, n))
        finally:
            f.stream.seek(before)

    def fd_pread(self, fd, iovs, n, offset, p):
        self._elsewhere(self.file(fd, _FD_READ | _FD_SEEK), offset, self._read, iovs, n, p)

    def fd_pwrite(self, fd, iovs, n, offset, p):
        self._elsewhere(self.file(fd, _FD_WRITE | _FD_SEEK), offset, self._write, iovs, n, p)

    def fd_seek(self, fd, offset, whence, p):
        f = self.file(fd, _FD_TELL if whence == 1 and not offset else _FD_SEEK)
        if not 0 <= whence <= 2:
            raise OSError(_INVAL)
        self.at(p, 8, 7)
        self.put64(p, f.stream.seek(offset, whence))

    def fd_tell(self, fd, p):
        self.put64(p, self.file(fd, _FD_TELL).stream.tell())

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
        stream = f.stream
        before = stream.tell()
        try:
            size = stream.seek(0, 2)
            if n > size:
                stream.seek(n - 1)
                stream.write(b"\0")
                f.dirty = True
        finally:
            stream.seek(before)
        if n < size and less:
            self._cut(f, n)

    def _cut(self, f, n):
        """Keep n bytes of a file. MicroPython cannot truncate: they are copied, and the copy takes the file's place."""
        self._settle(f.path)
        copy = f.path
        os.stat(copy)
        while _look(copy[: copy.rfind("/")], copy[copy.rfind("/") + 1 :]):
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
        same = [(g, g.stream.tell()) for g in self.fds if g and g.path == f.path]
        for g, _ in same:
            g.stream.close()
        os.rename(copy, f.path)
        for g, position in same:
            g.stream = open(f.path, "r+b" if g.rights & _WRITES else "rb")
            g.stream.seek(position)

    # ---- attributes ------------------------------------------------------------------------------------------------------

    def _stat(self, p, path, kind):
        """Write a filestat. kind: a link, of which nothing else is known; else of no account."""
        st = (kind << 12,) + (0,) * 9
        if kind != _LINK:
            self._settle(path)
            st = os.stat(path or "/")
        epoch = 946684800 if time.gmtime(0)[0] == 2000 else 0
        times = [(t + epoch) * 1000000000 for t in st[7:10]]
        self.put64(p, st[2], st[1], _FILETYPES[st[0] >> 12], st[3] or 1, st[6], *times)

    def fd_filestat_get(self, fd, p):
        f = self.get(fd, _FD_FILESTAT_GET)
        self.at(p, 64, 7)
        if f.path is None:
            self.put64(p, 0, 0, _FILETYPES[f.kind], 0, 0, 0, 0, 0)
        else:
            self._stat(p, f.path, f.kind)

    def path_filestat_get(self, fd, flags, path, n, p):
        path, kind = self.path(fd, _PATH_FILESTAT_GET, path, n, flags)
        if not kind:
            raise OSError(_NOENT)
        self.at(p, 64, 7)
        self._stat(p, path, kind)

    def _times(self, flags):
        if flags & ~15 or flags & 3 == 3 or flags & 12 == 12:
            raise OSError(_INVAL)
        if flags:
            raise OSError(_NOTSUP)

    def fd_filestat_set_times(self, fd, accessed, modified, flags):
        self.get(fd, _FD_FILESTAT_SET_TIMES)
        self._times(flags)

    def path_filestat_set_times(self, fd, lookup, path, n, accessed, modified, flags):
        if not self.path(fd, _PATH_FILESTAT_SET_TIMES, path, n, lookup)[1]:
            raise OSError(_NOENT)
        self._times(flags)

    # ---- paths -----------------------------------------------------------------------------------------------------------

    def path(self, fd, right, p, n, follow=0):
        """(path on the device, file type) of what the n bytes at p name below directory fd. A link to be followed fails."""
        f = self.get(fd)
        text = self.view(p, n)
        if f.kind != _DIR:
            raise OSError(_NOTDIR)
        if right & ~f.rights:
            raise OSError(_NOTCAPABLE)
        if n > _PATH_MAX:
            raise OSError(_NAMETOOLONG)
        text = str(text, "utf-8")
        if not text:
            raise OSError(_NOENT)
        if "\0" in text or "\\" in text or follow & ~1:  # a backslash divides names on FAT
            raise OSError(_INVAL)
        if text[0] == "/":
            raise OSError(_PERM)
        path = f.path
        depth = 0
        kind = _DIR
        names = text.split("/")
        for name in names:
            if kind != _DIR and (kind or name):  # nothing may follow, but slashes that which is not there yet
                raise OSError(_PERM if kind == _LINK else _NOTDIR if kind else _NOENT)
            if name == "..":
                if not depth:
                    raise OSError(_PERM)
                depth -= 1
                path = path[: path.rfind("/")]
            elif name and name != ".":
                kind = _look(path, name)
                depth += 1
                path += "/" + name
        if kind == _LINK and follow:
            raise OSError(_PERM)
        self.slash = not names[-1]
        return path, kind

    def path_open(self, fd, lookup, path, n, oflags, rights, inheriting, flags, p):
        if oflags & ~15 or flags & ~31:
            raise OSError(_INVAL)
        create = oflags & 1
        truncate = oflags & 8
        right = _PATH_OPEN | (_PATH_CREATE_FILE if create else 0) | (_PATH_FILESTAT_SET_SIZE if truncate else 0)
        path, kind = self.path(fd, right, path, n, lookup)
        self.at(p, 4, 3)
        rights &= _ALL
        inheriting &= _ALL
        if (rights | inheriting) & ~self.fds[fd].inheriting:
            raise OSError(_NOTCAPABLE)
        if kind and oflags & 5 == 5:
            raise OSError(_EXIST)
        if kind == _LINK:
            raise OSError(_LOOP)
        if create and oflags & 2:
            raise OSError(_INVAL)
        if not kind and not create:
            raise OSError(_NOENT)
        if self.slash and not kind or kind == _DIR and (create or truncate or rights & _WRITES):
            raise OSError(_ISDIR)
        if kind != _DIR and oflags & 2:
            raise OSError(_NOTDIR)
        slot = self.slot()
        if kind == _DIR:
            f = Fd(kind, rights & _DIRECTORY, inheriting, path=path, flags=flags)
        else:
            self._settle(path)
            stream = open(path, "w+b" if truncate or not kind else "r+b" if rights & _WRITES else "rb")
            f = Fd(kind or 8, rights & _FILE, inheriting & _FILE, stream, path, flags=flags)
        self.fds[slot] = f
        self.put32(p, slot)

    def path_create_directory(self, fd, path, n):
        path, kind = self.path(fd, _PATH_CREATE_DIRECTORY, path, n)
        if kind:
            raise OSError(_EXIST)
        os.mkdir(path)

    def _removable(self, fd, right, path, n):
        """Path and file type of something that is there, and is not a directory that a descriptor has for its root."""
        path, kind = self.path(fd, right, path, n)
        if not kind:
            raise OSError(_NOENT)
        if path == self.fds[fd].path:
            raise OSError(_INVAL)
        return path, kind

    def path_remove_directory(self, fd, path, n):
        path, kind = self._removable(fd, _PATH_REMOVE_DIRECTORY, path, n)
        if kind != _DIR:
            raise OSError(_NOTDIR)
        os.rmdir(path)

    def path_unlink_file(self, fd, path, n):
        path, kind = self._removable(fd, _PATH_UNLINK_FILE, path, n)
        if kind == _DIR:
            raise OSError(_ISDIR)
        os.remove(path)

    def path_rename(self, fd, path, n, to_fd, to_path, to_n):
        old, kind = self._removable(fd, _PATH_RENAME_SOURCE, path, n)
        new, there = self.path(to_fd, _PATH_RENAME_TARGET, to_path, to_n)
        if new == self.fds[to_fd].path or (new + "/").startswith(old + "/") and new != old:
            raise OSError(_INVAL)
        if kind == _DIR and there and there != _DIR or kind != _DIR and self.slash:
            raise OSError(_NOTDIR)
        if kind != _DIR and there == _DIR:
            raise OSError(_ISDIR)
        if old == new:
            return
        os.rename(old, new)
        for f in self.fds:
            if f and f.path and (f.path + "/").startswith(old + "/"):
                f.path = new + f.path[len(old) :]

    def path_link(self, fd, flags, path, n, to_fd, to_path, to_n):
        path, kind = self.path(fd, _PATH_LINK_SOURCE, path, n, flags)
        there = self.path(to_fd, _PATH_LINK_TARGET, to_path, to_n)[1]
        raise OSError(_NOENT if not kind else _EXIST if there else _NOTSUP)

    def path_symlink(self, path, n, fd, to_path, to_n):
        self.view(path, n)
        raise OSError(_EXIST if self.path(fd, _PATH_SYMLINK, to_path, to_n)[1] else _NOTSUP)

    def path_readlink(self, fd, path, n, p, size, used):
        kind = self.path(fd, _PATH_READLINK, path, n)[1]
        self.view(p, size)
        self.at(used, 4, 3)
        raise OSError(_NOTSUP if kind == _LINK else _INVAL if kind else _NOENT)

    def fd_readdir(self, fd, p, n, cookie, used):
        f = self.get(fd)
        if f.kind != _DIR:
            raise OSError(_BADF)
        self.get(fd, _FD_READDIR)
        out = self.view(p, n)
        self.at(used, 4, 3)
        if not f.listing or not cookie or f.listing[1] != cookie:
            f.listing = None
            entries = _entries(f.path or "/")
            entry = next(entries)
            skip = cookie
            while skip and entry:
                skip -= 1
                entry = next(entries)
        else:
            entries, _, entry = f.listing
        at = 0
        while entry and at < n:
            cookie += 1
            record = struct.pack("<QQII", cookie, entry[1], len(entry[0]), _FILETYPES[entry[2]]) + entry[0]
            part = out[at : at + len(record)]
            part[:] = record[: len(part)]
            at += len(part)
            if len(part) < len(record):
                cookie -= 1  # cut short: once more, when the program asks for it
                break
            entry = next(entries)
        f.listing = (entries, cookie, entry)
        self.put32(used, at)


def _line(part):
    """Read what was typed up to the end of the line, or of `part`. On a board Ctrl-D ends the input."""
    one = bytearray(1)
    n = 0
    while n < len(part) and sys.stdin.readinto(one):
        if one[0] == 4 and sys.platform not in ("linux", "darwin", "win32"):
            break
        part[n] = one[0]
        n += 1
        if one[0] == 10:
            break
    return n
