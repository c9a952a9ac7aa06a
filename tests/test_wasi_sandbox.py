# WASI preview 1: no path leads out of a preopened directory, and rights are held to
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct

import pytest

from tests.wasicalls import (
    ALL,
    ANY,
    CREAT,
    DIRECTORY,
    EXIST,
    FD_ALLOCATE,
    FD_READ,
    FD_SEEK,
    FD_WRITE,
    ILSEQ,
    INVAL,
    ISDIR,
    LOOP,
    NAMETOOLONG,
    NOENT,
    NOTCAPABLE,
    NOTDIR,
    NOTSUP,
    OUT,
    PERM,
    PLACES,
    SET_SIZE,
    TRUNC,
    Either,
    Place,
    Script,
)  # fmt: skip


def test_paths_stay_inside(place: Place) -> None:
    (place.box.parent / "secret").write_text("no")
    c = Script()
    c("path_create_directory", 3, "d")
    c.open("d/f", oflags=CREAT)
    c("fd_close", 4)
    c.open("d/.//../d/./f", rights=FD_READ)
    c("fd_close", 4)
    c.open("d/", rights=0)
    c("fd_close", 4)
    long = "d/" * 2500
    for path, errno in (
        ("..", PERM),
        ("../secret", PERM),
        ("d/../../secret", PERM),
        ("d/../../box/d/f", PERM),
        ("/etc/passwd", PERM),
        ("/", PERM),
        ("", NOENT),
        ("d/f\0", INVAL),
        ("\0", INVAL),
        (b"\xff", ILSEQ),
        ("d/f/..", NOTDIR),
        ("d/f/../f", NOTDIR),
        ("x/../d/f", NOENT),
        ("d/f/", NOTDIR),
        (long, NAMETOOLONG),
    ):
        c.open(path, want=errno)
        if path != "d/f/":  # EISDIR and ENOTDIR are both right
            c.open(path, oflags=CREAT, want=errno)
        c("path_filestat_get", 3, 0, path, OUT, want=errno)
        c("path_create_directory", 3, path, want=Either(errno, EXIST) if path == "d/f/" else errno)
        c("path_remove_directory", 3, path, want=errno)
        c("path_unlink_file", 3, path, want=errno)
        c("path_rename", 3, path, 3, "y", want=errno)
        c("path_readlink", 3, path, 8000, 100, OUT, want=errno)
        c("path_symlink", "f", 3, path, want=ANY)
        c("path_link", 3, 0, path, 3, "y", want=errno)
    if not place.disk:
        c.open("x" * 256, want=NAMETOOLONG)
    c.open("new/", oflags=CREAT, want=ISDIR)
    c("path_filestat_get", 3, 0, 65530, 7, OUT, want="trap")
    c("path_filestat_get", 3, 0, -1, 1, OUT, want="trap")
    c("path_filestat_get", 3, 0, "d", OUT + 4, want="trap")
    c("path_open", 3, 0, "d/f", 0, FD_READ, 0, 0, 65534, want="trap")
    if place.ours:
        c.open("..\\secret", oflags=CREAT, want=INVAL)
    place(c)
    assert sorted(path.name for path in place.box.parent.iterdir() if not path.name.startswith(("std", "calls"))) == ["box", "secret"]


@pytest.mark.parametrize("place", PLACES[:3], indirect=True)
def test_links_are_not_followed_out(place: Place) -> None:
    outside = place.box.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("no")
    (place.box / "d").mkdir()
    (place.box / "file").symlink_to(outside / "secret")
    (place.box / "folder").symlink_to(outside)
    (place.box / "up").symlink_to("..")
    (place.box / "loop").symlink_to("loop")
    (place.box / "dangling").symlink_to(outside / "new")
    (place.box / "d" / "file").symlink_to("../../outside/secret")
    c = Script()
    for path in ("file", "folder", "up", "dangling", "d/file"):
        c.open(path, want=LOOP)
        c.open(path, oflags=CREAT, want=LOOP)
        c.open(path, oflags=TRUNC, want=LOOP)
        for oflags in (0, CREAT, TRUNC, CREAT | TRUNC):
            c.open(path, oflags=oflags, follow=1, want=PERM)
        c("path_filestat_get", 3, 1, path, OUT, want=PERM)
        c("path_filestat_get", 3, 0, path, OUT)
        c.peek(b"\x07\0\0\0", OUT + 16)
        c("path_create_directory", 3, path, want=EXIST)
        c("path_readlink", 3, path, 8000, 100, OUT, want=Either(NOTSUP, ANY))
        c("path_link", 3, 1, path, 3, "y", want=Either(PERM, ANY))
    for path in ("folder/secret", "up/outside/secret", "up/box/d"):
        c.open(path, follow=1, want=PERM)
        c.open(path, want=PERM)
        c.open(path, oflags=CREAT, want=PERM)
        c("path_unlink_file", 3, path, want=PERM)
        c("path_create_directory", 3, path + "2", want=PERM)
        c("path_rename", 3, path, 3, "here", want=PERM)
        c("path_rename", 3, "d", 3, path, want=PERM)
    c.open("folder/", follow=1, want=PERM)
    c.open("loop", follow=1, want=Either(PERM, LOOP))
    c("path_remove_directory", 3, "folder", want=NOTDIR)
    c("path_symlink", "/etc", 3, "new", want=Either(NOTSUP, PERM))
    c("path_symlink", "x", 3, "d", want=EXIST)
    for path in ("file", "folder", "up", "dangling", "loop", "d/file"):
        c("path_unlink_file", 3, path)
    place(c)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "no"
    assert [path.name for path in place.box.iterdir()] == ["d"]


@pytest.mark.parametrize("place", PLACES[1:3], indirect=True)
def test_rights(place: Place) -> None:
    """What wasmtime has given up: rights are held to."""
    c = Script()
    c.open("f", oflags=CREAT, rights=ALL)
    c("fd_fdstat_get", 4, OUT)
    c.peek(struct.pack("<BxHxxxxQ", 4, 0, 0x08E001FF))
    c.write(4, b"data")
    c("fd_fdstat_set_rights", 4, FD_READ | FD_SEEK, 0)
    c.write(4, b"x", want=NOTCAPABLE)
    c.read(4, b"data", offset=0)
    c("fd_tell", 4, OUT)
    c("fd_filestat_get", 4, OUT, want=NOTCAPABLE)
    c("fd_filestat_set_size", 4, 0, want=NOTCAPABLE)
    c("fd_allocate", 4, 0, 9, want=NOTCAPABLE)
    c("fd_advise", 4, 0, 9, 0, want=NOTCAPABLE)
    c("fd_sync", 4, want=NOTCAPABLE)
    c("fd_datasync", 4, want=NOTCAPABLE)
    c("fd_fdstat_set_flags", 4, 0, want=NOTCAPABLE)
    c("fd_filestat_set_times", 4, 0, 0, 0, want=NOTCAPABLE)
    c("fd_fdstat_set_rights", 4, FD_READ | FD_WRITE, 0, want=NOTCAPABLE)
    c("fd_fdstat_set_rights", 4, FD_READ, 0)
    c("fd_seek", 4, 0, 0, OUT, want=NOTCAPABLE)
    c("fd_tell", 4, OUT, want=NOTCAPABLE)
    c.read(4, b"", want=NOTCAPABLE, offset=0)
    c("fd_close", 4)
    for bit, name, args in (
        (9, "path_create_directory", (3, "d")),
        (10, "path_open", (3, 0, "g", CREAT, 0, 0, 0, OUT)),
        (11, "path_link", (3, 0, "f", 3, "h")),
        (12, "path_link", (3, 0, "f", 3, "h")),
        (14, "fd_readdir", (3, OUT, 100, 0, OUT)),
        (15, "path_readlink", (3, "f", OUT, 100, OUT)),
        (16, "path_rename", (3, "f", 3, "h")),
        (17, "path_rename", (3, "f", 3, "h")),
        (18, "path_filestat_get", (3, 0, "f", OUT)),
        (19, "path_open", (3, 0, "f", TRUNC, 0, 0, 0, OUT)),
        (20, "path_filestat_set_times", (3, 0, "f", 0, 0, 0)),
        (24, "path_symlink", ("f", 3, "h")),
        (25, "path_remove_directory", (3, "d")),
        (26, "path_unlink_file", (3, "f")),
        (13, "path_open", (3, 0, "f", 0, 0, 0, 0, OUT)),
    ):
        # A directory without that one right.
        c.open(".", oflags=DIRECTORY, rights=ALL & ~FD_WRITE & ~FD_ALLOCATE & ~SET_SIZE)
        c("fd_fdstat_set_rights", 4, 0x0FBFFE19 & ~(1 << bit), 0)
        c(name, *[4 if arg == 3 and type(arg) is int else arg for arg in args], want=NOTCAPABLE)
        c("fd_close", 4)
    # What is opened through a directory has no more rights than the directory hands down.
    c("path_open", 3, 0, ".", DIRECTORY, 1 << 13, FD_READ, 0, OUT)
    c.open("f", fd=4, rights=FD_READ)
    c.open("f", fd=4, rights=FD_WRITE, want=NOTCAPABLE)
    c("path_open", 4, 0, "f", 0, 0, FD_WRITE, 0, OUT, want=NOTCAPABLE)
    c("fd_fdstat_set_rights", 4, 0, FD_READ | FD_WRITE, want=NOTCAPABLE)
    place(c)


@pytest.mark.parametrize("place", ["fat"], indirect=True)
def test_fat_has_other_spellings(place: Place) -> None:
    """Under another spelling a file is not there: it could be opened twice."""
    c = Script()
    c.open("a long name.text", oflags=CREAT)
    c("path_create_directory", 3, "Folder")
    c("fd_close", 4)
    c.open("Folder/x", oflags=CREAT)
    for path in ("A LONG NAME.TEXT", "a long name.text.", "a long name.text ", "ALONGN~1.TEX", "folder", "FOLDER/x", "Folder./x"):
        c.open(path, want=INVAL)
        c.open(path, oflags=CREAT, want=INVAL)
        c("path_unlink_file", 3, path, want=INVAL)
        c("path_rename", 3, path, 3, "y", want=INVAL)
        c("path_rename", 3, "Folder/x", 3, path, want=INVAL)
        c("path_filestat_get", 3, 0, path, OUT, want=INVAL)
    for path in ("new.", "new ", "new. ."):
        c.open(path, oflags=CREAT, want=INVAL)
        c("path_filestat_get", 3, 0, "new", OUT, want=NOENT)
    place(c)
