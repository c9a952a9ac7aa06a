# WASI preview 1, call by call, beside wasmtime: files and directories
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct

from tests.wasicalls import (
    ALL,
    ANY,
    APPEND,
    BADF,
    BUSY,
    CREAT,
    DIRECTORY,
    EXCL,
    EXIST,
    FD_ALLOCATE,
    FD_READ,
    FD_SEEK,
    FD_TELL,
    FD_WRITE,
    FUNCTIONS,
    INVAL,
    ISDIR,
    NOENT,
    NOTDIR,
    NOTEMPTY,
    NOTSUP,
    OUT,
    PERM,
    SET_SIZE,
    TRUNC,
    Either,
    Place,
    Script,
    bad,
)  # fmt: skip


def test_files(place: Place) -> None:
    """Create, write, read, seek, append, truncate."""
    c = Script()
    c.open("f", want=NOENT)
    c.open("f", oflags=CREAT | EXCL)
    c.u32(4)
    c.write(4, b"hello, world")
    c("fd_tell", 4, OUT)
    c.u64(12)
    c("fd_seek", 4, -5, 1, OUT)
    c.u64(7)
    c.read(4, b"world")
    c.read(4, b"")
    c("fd_seek", 4, 0, 0, OUT)
    c.read(4, b"hell", 4)
    c("fd_seek", 4, -1, 2, OUT)
    c.u64(11)
    c("fd_seek", 4, -13, 2, OUT, want=INVAL)
    c("fd_seek", 4, -1, 0, OUT, want=INVAL)
    c("fd_seek", 4, 0, 3, OUT, want=bad())
    c("fd_seek", 4, 0, 0, OUT + 4, want="trap")
    c("fd_seek", 4, 2, 0, OUT)
    c.write(4, b"LL", offset=2)
    c.read(4, b"heLLo", 5, offset=0)
    c.read(4, b"", offset=100)
    c("fd_tell", 4, OUT)
    c.u64(2)
    c.read(4, b"", offset=-1, want=INVAL)
    c.write(4, b"x", offset=-1, want=INVAL)
    c("fd_sync", 4)
    c("fd_datasync", 4)
    c("fd_filestat_get", 4, OUT)
    c.u64(12, OUT + 32)
    c.peek(b"\x04\0\0\0\0\0\0\0", OUT + 16)
    c.size("f", 12)
    c("fd_filestat_set_size", 4, 5)
    c.size("f", 5)
    c("fd_tell", 4, OUT)
    c.u64(2)
    c.read(4, b"LLo")
    c("fd_filestat_set_size", 4, 8)
    c.read(4, b"heLLo\0\0\0", offset=0)
    c("fd_filestat_set_size", 4, 0)
    c.size("f", 0)
    c("fd_tell", 4, OUT)
    c.u64(5)
    c.read(4, b"")
    c.write(4, b"x")
    c.size("f", 6)
    c.read(4, b"\0\0\0\0\0x", offset=0)
    c("fd_seek", 4, 100, 0, OUT)
    c("fd_seek", 4, 5, 1, OUT)
    c.u64(105)
    c.read(4, b"")
    c.size("f", 6)
    c.write(4, b"yy")
    c.read(4, b"\0\0\0\0\0x" + bytes(94), offset=0)
    c.read(4, b"\0\0\0yy", offset=102)
    c.read(4, b"", offset=1 << 40)
    c.size("f", 107)
    c("fd_filestat_set_size", 4, -1, want=INVAL)
    c("fd_filestat_set_size", 3, 1, want=BADF)
    c("fd_filestat_set_size", 4, 0)
    c("fd_close", 4)
    c("fd_close", 4, want=BADF)
    # Existing files: exclusively, truncated, appended to.
    c.open("f", oflags=CREAT | EXCL, want=EXIST)
    c.open("f", oflags=CREAT, flags=APPEND)
    c.write(4, b"one")
    c("fd_seek", 4, 0, 0, OUT)
    c.write(4, b"two")
    c("fd_tell", 4, OUT)
    c.u64(6)
    c("fd_fdstat_set_flags", 4, 0)
    c("fd_seek", 4, 0, 0, OUT)
    c.write(4, b"T")
    c.read(4, b"Tnetwo", offset=0)
    c("fd_close", 4)
    c.open("f", rights=FD_WRITE)
    c("fd_close", 4)
    c.content("f", b"Tnetwo")
    c.open("f", oflags=TRUNC, rights=FD_WRITE)
    c("fd_close", 4)
    c.content("f", b"")
    # More than one piece at a time when copied.
    c.open("f")
    c.write(4, bytes(range(256)) * 4)
    c("fd_filestat_set_size", 4, 700)
    c.size("f", 700)
    c.read(4, (bytes(range(256)) * 3)[600:700], offset=600)
    c("fd_close", 4)
    for fd in (4, -1, 99):
        for name, letters in FUNCTIONS.items():
            if name.startswith("fd_"):
                c(name, fd, *[0] * (len(letters) - 1), want=BADF)
    c("fd_advise", 3, 0, 0, 0, want=BADF)
    place(c)


def test_one_file_twice(place: Place) -> None:
    """Two descriptors on a file; boards' filesystems are not to be trusted with it. And a file removed while open."""
    busy = BUSY if place.disk else 0
    c = Script()
    c.open("f", oflags=CREAT)
    c.write(4, b"hello")
    c.open("f", rights=FD_READ | FD_SEEK | FD_TELL, want=busy)
    c.open("f", oflags=TRUNC, want=busy) if busy else c.read(5, b"hello")
    c("path_create_directory", 3, "d")
    if busy:
        c("path_unlink_file", 3, "f", want=BUSY)
        c("path_rename", 3, "f", 3, "g", want=BUSY)
        c("path_rename", 3, "d", 3, "f", want=NOTDIR)
        c.open("g", oflags=CREAT)
        c("path_rename", 3, "g", 3, "f", want=BUSY)
        c("fd_close", 5)
        c("path_rename", 3, "g", 3, "f", want=BUSY)
        c("fd_close", 4)
        c("path_rename", 3, "g", 3, "f")
        c.open("f", rights=FD_READ)
        c.open("f", rights=FD_READ)
        c.open("f", rights=FD_WRITE, want=BUSY)
    else:
        c("fd_filestat_set_size", 4, 3)
        c("fd_tell", 5, OUT)
        c.u64(5)
        c("fd_seek", 5, 1, 0, OUT)
        c.read(5, b"el")
        c("path_unlink_file", 3, "f")
        c.write(4, b"!", offset=0)
        c.read(4, b"!el", offset=0)
        c("fd_filestat_get", 4, OUT)
        c.u64(3, OUT + 32)
        c("path_filestat_get", 3, 0, "f", OUT, want=NOENT)
    place(c)


def test_allocate_advise_times(place: Place) -> None:
    c = Script()
    c.open("f", oflags=CREAT, rights=ALL)
    c("fd_allocate", 4, 0, 10, want=Either(0, NOTSUP))
    c("fd_allocate", 4, 2, 3, want=Either(0, NOTSUP))
    c("fd_allocate", 4, -1, 3, want=Either(INVAL, NOTSUP))
    c("fd_allocate", 3, 0, 3, want=BADF)
    for advice in range(6):
        c("fd_advise", 4, 0, 10, advice)
    c("fd_advise", 4, 0, 10, 6, want=bad())
    c("fd_advise", 4, -1, 10, 0, want=Either(INVAL, ANY))
    for name, args in (("fd_filestat_set_times", (4,)), ("path_filestat_set_times", (3, 0, "f"))):
        c(name, *args, 0, 0, 3, want=INVAL)
        c(name, *args, 0, 0, 12, want=INVAL)
        c(name, *args, 0, 0, 16, want=bad())
        c(name, *args, 0, 0, 0)
        c(name, *args, 10**9, 10**9, 5, want=Either(NOTSUP, 0))
    c("path_filestat_set_times", 3, 0, "g", 0, 0, 5, want=NOENT)
    c("fd_fdstat_set_flags", 4, 32, want=bad())
    c("fd_fdstat_set_flags", 4, 5)
    c("fd_fdstat_get", 4, OUT)
    c.peek(b"\x04\0\x05\0", OUT)
    c("fd_fdstat_set_flags", 3, 0, want=BADF)
    c.open("f", flags=32, want=bad())
    c.open("f", oflags=16, want=bad())
    c.open("f", follow=2, want=bad())
    place(c)


def test_directories(place: Place) -> None:
    c = Script()
    c("path_create_directory", 3, "d")
    c("path_create_directory", 3, "d", want=EXIST)
    c("path_create_directory", 3, "d/", want=EXIST)
    c("path_create_directory", 3, "x/y", want=NOENT)
    c("path_create_directory", 3, "d/e/")
    c.open("d/f", oflags=CREAT)
    c.write(4, b"deep")
    c("fd_close", 4)
    c("path_create_directory", 3, "d/f", want=EXIST)
    c("path_create_directory", 3, "d/f/x", want=NOTDIR)
    c.open("d", oflags=DIRECTORY, rights=ALL & ~FD_WRITE & ~FD_ALLOCATE & ~SET_SIZE)
    c.u32(4)
    c.open("f", fd=4, rights=FD_READ)
    c.u32(5)
    c.read(5, b"deep")
    c("fd_close", 5)
    c.open("../d/f", fd=4, want=PERM)
    c.open("../d/f", fd=5, want=BADF)
    c("fd_read", 4, 512, 0, OUT, want=BADF)
    c("fd_write", 4, 512, 0, OUT, want=BADF)
    c("fd_seek", 4, 0, 0, OUT, want=BADF)
    c("fd_filestat_get", 4, OUT)
    c.peek(b"\x03\0\0\0", OUT + 16)
    c("fd_prestat_get", 4, OUT, want=BADF)
    c("path_filestat_get", 3, 0, "d", OUT)
    c.peek(b"\x03\0\0\0", OUT + 16)
    c.open("d", oflags=CREAT, want=ISDIR)
    c.open("d", oflags=TRUNC, want=ISDIR)
    c.open("d", rights=FD_WRITE, want=ISDIR)
    c.open("d", oflags=CREAT | DIRECTORY, want=INVAL)
    c.open("d/f", oflags=DIRECTORY, want=NOTDIR)
    c("path_remove_directory", 3, "d", want=NOTEMPTY if place.disk != "fat" else ANY)
    c("path_remove_directory", 3, "d/f", want=NOTDIR)
    c("path_remove_directory", 3, "d/f/", want=NOTDIR)
    c("path_remove_directory", 3, "x", want=NOENT)
    c("path_remove_directory", 3, ".", want=INVAL)
    c("path_unlink_file", 3, "d", want=ISDIR)
    c("path_unlink_file", 3, "d/e/", want=ISDIR)
    c("path_unlink_file", 3, "d/f/", want=NOTDIR)
    c("path_unlink_file", 3, "x", want=NOENT)
    c("path_unlink_file", 3, ".", want=ISDIR)
    c("path_unlink_file", 3, "d/f")
    c("path_remove_directory", 3, "d/e")
    c("path_remove_directory", 3, "d")
    c("path_filestat_get", 3, 0, "d", OUT, want=NOENT)
    place(c)


def test_rename(place: Place) -> None:
    c = Script()
    c.open("a", oflags=CREAT)
    c.write(4, b"A")
    c("fd_close", 4)
    c("path_create_directory", 3, "d")
    c("path_create_directory", 3, "e")
    c.open("e", oflags=DIRECTORY, rights=ALL & ~FD_WRITE & ~FD_ALLOCATE & ~SET_SIZE)
    c("path_rename", 3, "a", 4, "b")
    c("path_filestat_get", 3, 0, "a", OUT, want=NOENT)
    c("path_rename", 3, "a", 3, "b", want=NOENT)
    c("fd_close", 4)
    c.content("e/b", b"A")
    c("path_rename", 3, "e/b", 3, "d", want=ISDIR)
    c("path_rename", 3, "d", 3, "e/b", want=NOTDIR)
    c("path_rename", 3, "e/b", 3, "new/", want=NOTDIR)
    c("path_rename", 3, "e", 3, "e/sub", want=INVAL)
    c("path_rename", 3, "e/b", 3, "e/b")
    c("path_rename", 3, ".", 3, "x", want=BUSY)
    c("path_rename", 3, "e/b", 3, ".", want=BUSY)
    c("path_rename", 3, "e/b", 3, "../x", want=PERM)
    c("path_rename", 3, "../x", 3, "x", want=PERM)
    c("path_rename", 99, "e", 3, "x", want=BADF)
    c("path_rename", 3, "e", 99, "x", want=BADF)
    # An open file, and one in a directory, go on under the new name.
    if not place.disk:
        c.open("e/b")
    c("path_rename", 3, "e", 3, "g/")
    c("path_rename", 3, "g/b", 3, "c")
    if place.disk:
        c.open("c")
    c.write(4, b"BC")
    c("fd_filestat_set_size", 4, 1)
    c("fd_close", 4)
    c.content("c", b"B")
    # On top of another file, of an empty directory.
    c.open("h", oflags=CREAT)
    c("fd_close", 4)
    c("path_rename", 3, "c", 3, "h")
    c.content("h", b"B")
    if place.disk != "fat":
        c("path_rename", 3, "d", 3, "g")
        c.open("g/x", oflags=CREAT)
        c("fd_close", 4)
        c("path_create_directory", 3, "d")
        c("path_rename", 3, "d", 3, "g", want=NOTEMPTY)
    place(c)


def test_readdir(place: Place) -> None:
    names = [f"entry{i}" for i in range(12)]
    c = Script()
    for name in names:
        c.open(name, oflags=CREAT)
        c("fd_close", 4)
    c("path_create_directory", 3, "sub")
    c("fd_readdir", 3, 8000, 1000, 0, OUT)
    c.peek(ANY, OUT, 4)
    c.peek(ANY, 8000, 1000)
    # The same in pieces: a buffer for two entries and a bit.
    for _ in range(15):
        c("fd_readdir", 3, 8000, 80, 0, OUT)
        c.peek(ANY, 8000, 80)
    c("fd_readdir", 3, 8000, 10, 0, OUT)
    c.u32(10)
    c("fd_readdir", 3, 8000, 0, 0, OUT)
    c.u32(0)
    c("fd_readdir", 3, 8000, 100, 1000, OUT)
    c.u32(0)
    c("fd_readdir", 3, 8000, 100, -1, OUT)
    c.u32(0)
    c("fd_readdir", 3, 65500, 100, 0, OUT, want="trap")
    # Files may go while the directory is read.
    c("fd_readdir", 3, 8000, 100, 0, OUT)
    for name in names:
        c("path_unlink_file", 3, name)
    results = place(c)[0]
    peeks = [bytes(result) for result in results if isinstance(result, list)]
    entries, cookies = parse(peeks[1][: int.from_bytes(peeks[0], "little")])
    assert sorted(entries) == sorted([(b".", 3), (b"..", 3), (b"sub", 3), *((name.encode(), 4) for name in names)])
    assert [name for name, _ in parse(peeks[2])[0]] == [b".", b".."]
    assert len(set(cookies)) == 15


def parse(data: bytes) -> tuple[list[tuple[bytes, int]], list[int]]:
    """(name, type) of the whole entries that fd_readdir wrote, and their cookies."""
    entries, cookies = [], []
    while len(data) >= 24:
        cookie, _, size, kind = struct.unpack("<QQII", data[:24])
        if len(data) < 24 + size:
            break
        entries.append((data[24 : 24 + size], kind))
        cookies.append(cookie)
        data = data[24 + size :]
    return entries, cookies
