# WASI's paths and directories on MicroPython's filesystems; no path leads out of a preopened directory
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A directory descriptor stands for a directory of the device. What a program names is looked up below it, component by
# component, so `..` never leads above it, and by the very name in the directory: no other spelling of it on FAT, no symbolic
# link where there are some. Links are seen, but not followed, since MicroPython does not say where they lead: only one to a
# directory beside it passes. Links are not made, and times not set, for want of such functions (ENOTSUP).
#
# Filesystems of boards, known by having no inode numbers, are damaged, or confused at least, when a file is opened for writing
# and once more, or when an open file is removed or renamed: EBUSY.

import os
import struct
import time

from micropython import const

from .wasi_files import FILETYPES, Fd, Files, look, opened, plain, split

# errno, less than zero.
_BADF = const(-8)
_BUSY = const(-10)
_EXIST = const(-20)
_INVAL = const(-28)
_ISDIR = const(-31)
_LOOP = const(-32)
_NAMETOOLONG = const(-37)
_NOENT = const(-44)
_NOTDIR = const(-54)
_NOTSUP = const(-58)
_PERM = const(-63)
_NOTCAPABLE = const(-76)

# rights
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
_FD_FILESTAT_SET_TIMES = const(1 << 23)
_PATH_SYMLINK = const(1 << 24)
_PATH_REMOVE_DIRECTORY = const(1 << 25)
_PATH_UNLINK_FILE = const(1 << 26)
_ALL = const(0x3FFFFFFF)
_DIRECTORY = const(0x0FBFFE19)  # what makes sense for a directory: not read, write, seek, tell, advise, allocate, set size
_FILE = const(0x08E001FF)
_WRITES = const(0x400140)  # write, allocate, set size

# File types, see wasi_files.py.
_DIR = const(4)
_LINK = const(10)

_PATH_MAX = const(4095)  # bytes of a path


def preopened(host, guest):
    """The descriptor of a directory given to the program; OSError when it is none."""
    names = (host if host[:1] == "/" else os.getcwd() + "/" + host).split("/")
    path = "".join(["/" + name for name in names if name not in ("", ".")])
    if os.stat(path or "/")[0] >> 12 != _DIR:
        raise OSError(20)
    return Fd(_DIR, _DIRECTORY, _ALL, path=path, guest=guest.encode())


def _idle(path):
    """Refuse what has to do with open files, on filesystems that do not take it."""
    path += "/"
    for f in opened:
        if f.plain and (f.path + "/").startswith(path):
            raise OSError(_BUSY)


def _entries(path):
    """(name, inode, file type) of what is in a directory, then None without end."""
    yield b".", os.stat(path)[1], _DIR
    yield b"..", 0, _DIR
    for entry in os.ilistdir(path.encode()):
        yield entry[0], entry[2], entry[1] >> 12
    while True:
        yield None


class Paths(Files):
    """The functions on paths, directories and the attributes of files."""

    slash = False  # the path looked at last ended with a slash

    def _settle(self, path):
        """Before a file is looked at by its path: what was written to it has to be there."""
        for f in self.fds:
            if f and f.path == path:
                self._flush(f)

    # ---- attributes ------------------------------------------------------------------------------------------------------

    def _stat(self, p, path, kind):
        """Write a filestat. kind: a link, of which nothing else is known; else of no account."""
        st = (kind << 12,) + (0,) * 9
        if kind != _LINK:
            self._settle(path)
            st = os.stat(path or "/")
        epoch = 946684800 if time.gmtime(0)[0] == 2000 else 0
        times = [(t + epoch) * 1000000000 for t in st[7:10]]
        self.put64(p, st[2], st[1], FILETYPES[st[0] >> 12], st[3] or 1, st[6], *times)

    def fd_filestat_get(self, fd, p):
        f = self.get(fd, _FD_FILESTAT_GET)
        self.at(p, 64, 7)
        if f.path is None:
            self.put64(p, 0, 0, FILETYPES[f.kind], 0, 0, 0, 0, 0)
        else:
            try:
                self._stat(p, f.path, f.kind)
            except OSError:
                if not f.stream:
                    raise
                before = self._tell(f)  # removed, but open
                self.put64(p, 0, 0, FILETYPES[f.kind], 0, f.stream.seek(0, 2), 0, 0, 0)
                self._go(f, before)

    def path_filestat_get(self, fd, flags, path, n, p):
        path, kind = self.there(fd, _PATH_FILESTAT_GET, path, n, flags)
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
        self.there(fd, _PATH_FILESTAT_SET_TIMES, path, n, lookup)
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
                kind = look(path, name)
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
            mode = "w+b" if truncate or not kind else "r+b" if rights & _WRITES else "rb"
            for f in opened:
                if f.plain and f.path == path and (f.writes or mode != "rb"):
                    raise OSError(_BUSY)
            f = Fd(kind or 8, rights & _FILE, inheriting & _FILE, open(path, mode), path, flags=flags)
            f.writes = mode != "rb"
            try:
                f.plain = plain(path)
                if not kind:
                    look(*split(path))  # FAT leaves dots and spaces at the end of a name out
            except:
                f.stream.close()
                os.remove(path)
                raise
            opened.append(f)
        self.fds[slot] = f
        self.put32(p, slot)

    def path_create_directory(self, fd, path, n):
        path, kind = self.path(fd, _PATH_CREATE_DIRECTORY, path, n)
        if kind:
            raise OSError(_EXIST)
        os.mkdir(path)

    def there(self, fd, right, path, n, follow=0):
        """path() for what has to be there."""
        path, kind = self.path(fd, right, path, n, follow)
        if not kind:
            raise OSError(_NOENT)
        return path, kind

    def path_remove_directory(self, fd, path, n):
        path, kind = self.there(fd, _PATH_REMOVE_DIRECTORY, path, n)
        if kind != _DIR:
            raise OSError(_NOTDIR)
        if path == self.fds[fd].path:
            raise OSError(_INVAL)
        for f in self.fds:
            if f and f.path == path:
                f.listing = None
        os.rmdir(path)

    def path_unlink_file(self, fd, path, n):
        path, kind = self.there(fd, _PATH_UNLINK_FILE, path, n)
        if kind == _DIR:
            raise OSError(_ISDIR)
        _idle(path)
        os.remove(path)

    def path_rename(self, fd, path, n, to_fd, to_path, to_n):
        old, kind = self.there(fd, _PATH_RENAME_SOURCE, path, n)
        new, there = self.path(to_fd, _PATH_RENAME_TARGET, to_path, to_n)
        if old == self.fds[fd].path or new == self.fds[to_fd].path:
            raise OSError(_BUSY)
        if kind == _DIR and new.startswith(old + "/"):
            raise OSError(_INVAL)
        if kind == _DIR and there and there != _DIR or kind != _DIR and self.slash:
            raise OSError(_NOTDIR)
        if kind != _DIR and there == _DIR:
            raise OSError(_ISDIR)
        if old == new:
            return
        _idle(old)
        _idle(new)
        os.rename(old, new)
        for f in self.fds:
            if f and f.path and (f.path + "/").startswith(old + "/"):
                f.path = new + f.path[len(old) :]

    def path_link(self, fd, flags, path, n, to_fd, to_path, to_n):
        self.there(fd, _PATH_LINK_SOURCE, path, n, flags)
        raise OSError(_EXIST if self.path(to_fd, _PATH_LINK_TARGET, to_path, to_n)[1] else _NOTSUP)

    def path_symlink(self, path, n, fd, to_path, to_n):
        self.view(path, n)
        raise OSError(_EXIST if self.path(fd, _PATH_SYMLINK, to_path, to_n)[1] else _NOTSUP)

    def path_readlink(self, fd, path, n, p, size, used):
        self.view(p, size)
        self.at(used, 4, 3)
        raise OSError(_NOTSUP if self.there(fd, _PATH_READLINK, path, n)[1] == _LINK else _INVAL)

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
            record = struct.pack("<QQII", cookie, entry[1], len(entry[0]), FILETYPES[entry[2]]) + entry[0]
            size = min(len(record), n - at)
            out[at : at + size] = record[:size]
            at += size
            if size < len(record):
                cookie -= 1  # cut short: once more, when the program asks for it
                break
            entry = next(entries)
        f.listing = (entries, cookie, entry)
        self.put32(used, at)
