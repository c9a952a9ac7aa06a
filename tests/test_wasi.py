# WASI preview 1, call by call, beside wasmtime: arguments, clocks, streams, descriptors, polling
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct
import time

from tests.wasicalls import (
    ALL,
    ANY,
    ARGV,
    BADF,
    CREAT,
    FUNCTIONS,
    INVAL,
    NAMETOOLONG,
    NOTCAPABLE,
    NOTDIR,
    NOTSOCK,
    NOTSUP,
    OUT,
    SPIPE,
    Either,
    Place,
    Script,
    bad,
)  # fmt: skip


def test_all_are_there() -> None:
    assert len(FUNCTIONS) == 46


def test_arguments_and_environment(place: Place) -> None:
    words = [word.encode() + b"\0" for word in ARGV]
    c = Script()
    c("args_sizes_get", OUT, OUT + 4)
    c.peek(struct.pack("<II", 3, 13))
    c("args_get", OUT, 8000)
    c.peek(struct.pack("<III", 8000, 8005, 8009))
    c.peek(b"".join(words), 8000)
    c("environ_sizes_get", OUT, OUT + 4)
    c.peek(struct.pack("<II", 2, 17))
    c("environ_get", OUT, 8000)
    c.peek(b"HOME=/box\0EMPTY=\0", 8000)
    for name in ("args_get", "environ_get", "args_sizes_get", "environ_sizes_get"):
        c(name, 65536, 8000, want="trap")
        c(name, 4098, 8000, want="trap")
        c(name, OUT, -4, want="trap")
    c("args_get", OUT, 65530, want="trap")
    place(c)


def test_clocks_and_random(place: Place) -> None:
    c = Script()
    for clock in (0, 1):
        c("clock_res_get", clock, OUT)
        c("clock_time_get", clock, 0, OUT)
        c.peek(ANY, OUT, 8)
    c("clock_time_get", 1, 0, OUT)
    c.peek(ANY, OUT, 8)
    for name, *rest in (("clock_res_get",), ("clock_time_get", 0)):
        c(name, 2, *rest, OUT, want=Either(INVAL, BADF))
        c(name, 3, *rest, OUT, want=Either(INVAL, BADF))
        c(name, 4, *rest, OUT, want=bad())
        c(name, 0, *rest, OUT + 4, want="trap")
        c(name, 0, *rest, 65536, want="trap")
    c("random_get", 8000, 100)
    c.peek(ANY, 8000, 100)
    c("random_get", 8000, 0)
    c("random_get", 65530, 7, want="trap")
    c("random_get", -1, 1, want="trap")
    c("random_get", 8000, -1, want="trap")
    c("sched_yield")
    results = place(c)[0]
    blocks = [bytes(result) for result in results if isinstance(result, list)]
    real, before, after = (int.from_bytes(block, "little") for block in blocks[:3])
    assert abs(real / 1e9 - time.time()) < 60
    assert before <= after < before + 10**9
    assert len(set(blocks[3])) > 30


def test_exit(place: Place) -> None:
    c = Script()
    c("proc_raise", 6, want=NOTSUP)
    c("proc_exit", 0, want="exit 0")
    c("proc_exit", 7, want="exit 7")
    c("proc_exit", 300, want=Either("exit 300", "trap"))
    c("sched_yield")
    place(c)


def test_standard_streams(place: Place) -> None:
    c = Script()
    c.read(0, b"fir", 3)
    c.read(0, b"st line\nsecond")
    c.read(0, b"")
    c.write(1, b"out")
    c.write(2, b"error")
    c.write(1, b"")
    for fd in (0, 1, 2):
        c("fd_seek", fd, 0, 0, OUT, want=SPIPE)
        c("fd_tell", fd, OUT, want=SPIPE)
        c("fd_fdstat_get", fd, OUT)
        c("fd_filestat_get", fd, OUT)
        c("fd_prestat_get", fd, OUT, want=BADF)
        c("fd_prestat_dir_name", fd, OUT, 1, want=NOTDIR)
        c("fd_readdir", fd, OUT, 100, 0, OUT, want=BADF)
        c("fd_filestat_set_size", fd, 1, want=Either(NOTCAPABLE, BADF))
        c("fd_allocate", fd, 0, 1, want=Either(NOTCAPABLE, BADF))
        c("fd_advise", fd, 0, 1, 0, want=Either(NOTCAPABLE, BADF))
        c("path_create_directory", fd, "x", want=Either(NOTDIR, BADF))
        c("fd_sync", fd, want=Either(NOTCAPABLE, BADF))
        c("fd_datasync", fd, want=Either(NOTCAPABLE, BADF))
    c.read(0, b"", want=SPIPE, offset=0)
    c.write(1, b"x", want=SPIPE, offset=0)
    c.read(1, b"", want=Either(NOTCAPABLE, BADF))
    c.write(0, b"x", want=Either(NOTCAPABLE, BADF))
    c("fd_write", 1, 512, -1, OUT, want=ANY)
    c.vectors((65530, 7))
    c("fd_write", 1, 512, 1, OUT, want="trap")
    c("fd_write", 1, 514, 1, OUT, want="trap")
    c("fd_write", 1, 65532, 1, OUT, want="trap")
    c("fd_read", 0, 65532, 1, OUT, want="trap")
    c("fd_close", 1)
    c("fd_close", 1, want=BADF)
    c.write(1, b"x", want=BADF)
    _, out, err = place(c)
    assert (out, err) == (b"out", b"error")


def test_descriptors(place: Place) -> None:
    c = Script()
    c("fd_prestat_get", 3, OUT)
    c.peek(struct.pack("<II", 0, 4))
    c("fd_prestat_get", 3, OUT + 2, want="trap")
    c("fd_prestat_dir_name", 3, OUT, 4)
    c.peek(b"/box")
    c("fd_prestat_dir_name", 3, OUT, 3, want=NAMETOOLONG)
    c("fd_prestat_dir_name", 3, 65534, 4, want="trap")
    c.open("a", oflags=CREAT)
    c.open("b", oflags=CREAT)
    c("fd_renumber", 5, 4)
    c("fd_close", 5, want=BADF)
    c("fd_renumber", 4, 5, want=BADF)
    c("fd_renumber", 4, 4)
    c.write(4, b"b")
    c.open("a")
    c.u32(5)
    c("fd_renumber", 4, 3)
    c.open("b", want=NOTDIR)
    c.write(3, b"B")
    c.read(3, b"bB", offset=0)
    for name, n in (("sock_accept", 2), ("sock_recv", 5), ("sock_send", 4), ("sock_shutdown", 1)):
        c(name, 5, *[0] * n, want=NOTSOCK)
        c(name, 1, *[0] * n, want=NOTSOCK)
        c(name, 99, *[0] * n, want=BADF)
    place(c)


def subscription(userdata: int, kind: int, *rest: int) -> bytes:
    body = struct.pack("<IxxxxQQH", *rest) if kind == 0 else struct.pack("<I", *rest)
    return (struct.pack("<QB7x", userdata, kind) + body).ljust(48, b"\0")


def test_poll(place: Place) -> None:
    def events(*found: tuple[int, int, int]) -> bytes:
        return b"".join(struct.pack("<QHB5x", *event) for event in found)

    c = Script()
    c("poll_oneoff", 1024, 8000, 0, OUT, want=INVAL)
    c("clock_time_get", 1, 0, OUT + 8)
    c.peek(ANY, OUT + 8, 8)
    c.poke(1024, subscription(7 << 40, 0, 1, 30_000_000, 0, 0))
    c("poll_oneoff", 1024, 8000, 1, OUT)
    c.u32(1)
    c.peek(events((7 << 40, 0, 0)), 8000)
    c("clock_time_get", 1, 0, OUT + 8)
    c.peek(ANY, OUT + 8, 8)
    # A moment gone by, and an hour: only the first has come.
    c.poke(1024, subscription(1, 0, 0, 10**18, 0, 1) + subscription(2, 0, 1, 3600 * 10**9, 0, 0))
    c("poll_oneoff", 1024, 8000, 2, OUT)
    c.u32(1)
    c.peek(events((1, 0, 0)), 8000)
    # Files and streams that can be written are ready at once.
    c.open("f", oflags=CREAT, rights=ALL)
    c.poke(1024, subscription(3, 2, 1) + subscription(4, 0, 1, 3600 * 10**9, 0, 0) + subscription(5, 2, 4))
    c("poll_oneoff", 1024, 8000, 3, OUT)
    c.u32(2)
    c.peek(events((3, 0, 2)), 8000)
    c.peek(events((5, 0, 2)), 8032)
    if place.ours:
        c.poke(1024, subscription(6, 1, 0))
        c("poll_oneoff", 1024, 8000, 1, OUT)
        c.peek(events((6, 0, 1)), 8000)
        c.poke(1024, subscription(3, 1, 99) + subscription(4, 0, 2, 1, 0, 0) + subscription(5, 1, 3))
        c("poll_oneoff", 1024, 8000, 3, OUT)
        c.u32(3)
        c.peek(events((3, BADF, 1)), 8000)
        c.peek(events((4, INVAL, 0)), 8032)
        c.peek(events((5, BADF, 1)), 8064)
    c.poke(1024, subscription(1, 3, 0))
    c("poll_oneoff", 1024, 8000, 1, OUT, want=INVAL)
    c.poke(1024, subscription(1, 0, 0, 10**18, 0, 1))
    c("poll_oneoff", 1028, 8000, 1, OUT, want="trap")
    c("poll_oneoff", 65520, 8000, 1, OUT, want="trap")
    c("poll_oneoff", 1024, 65520, 1, OUT, want="trap")
    c("poll_oneoff", 1024, 8000, -1, OUT, want=Either("trap", ANY))
    results = place(c)[0]
    times = [int.from_bytes(bytes(result), "little") for step, result in zip(c.steps, results, strict=True) if step == ["peek", OUT + 8, 8]]
    assert 30_000_000 <= times[1] - times[0] < 10**9
