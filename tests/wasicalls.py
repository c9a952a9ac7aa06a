# WASI calls as a script of steps with their outcomes, run under wasmtime and in MicroPython on each kind of filesystem
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import struct
from pathlib import Path

import wasmtime

from tests import wat
from tools.host import ROOT
from tools.mp import MicroPython

CHILD = ROOT / "tests" / "device" / "wasi_child.py"

# wasi_snapshot_preview1.witx: the parameters (i: i32, I: i64); all but the one with a minus return an errno.
FUNCTIONS = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i-",
    "proc_raise": "i",
    "sched_yield": "",
    "random_get": "ii",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}


def imports(*names: str) -> str:
    """Imports of functions, each under its own name."""
    lines = []
    for name in names:
        letters = FUNCTIONS[name].rstrip("-")
        params = "(param " + " ".join("i64" if letter == "I" else "i32" for letter in letters) + ")" if letters else ""
        result = "" if FUNCTIONS[name].endswith("-") else " (result i32)"
        lines.append(f'(import "wasi_snapshot_preview1" "{name}" (func ${name} {params}{result}))')
    return "\n".join(lines)


def calls() -> str:
    """A module that imports all functions, and exports one for each that does nothing but call it."""
    lines = []
    for line in imports(*FUNCTIONS).splitlines():
        name = line.split('"')[3]
        kind = line[line.index("$" + name) + len(name) + 1 : -2]
        arguments = " ".join(f"(local.get {i})" for i in range(len(FUNCTIONS[name].rstrip("-"))))
        lines.append(f'(func (export "{name}") {kind} (call ${name} {arguments}))')
    return "\n".join([imports(*FUNCTIONS), '(memory (export "memory") 1)', *lines])


# errno
BADF, BUSY, EXIST, FAULT, ILSEQ, INVAL, ISDIR, LOOP = 8, 10, 20, 21, 25, 28, 31, 32
NAMETOOLONG, NOENT, NOTDIR, NOTEMPTY, NOTSOCK, NOTSUP, PERM, SPIPE, NOTCAPABLE = 37, 44, 54, 55, 57, 58, 63, 70, 76

# rights
FD_READ, FD_SEEK, FD_TELL, FD_WRITE, FD_ALLOCATE = 1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 8
FILESTAT_GET, SET_SIZE, SET_TIMES, PATH_SET_SIZE = 1 << 21, 1 << 22, 1 << 23, 1 << 19
ALL = (1 << 30) - 1
RIGHTS = FD_READ | FD_SEEK | FD_TELL | FD_WRITE | FILESTAT_GET | SET_SIZE | 0b11001  # and sync, flags

CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8
APPEND = 1

ANY = object()  # an outcome that is looked at by the test itself, or by nobody
OUT = 4096  # where results go


class Either:
    """An outcome in which wasmtime differs: it traps where an argument is no value of its type, and knows no rights."""

    def __init__(self, ours: object, theirs: object) -> None:
        self.ours = ours
        self.theirs = theirs


def bad(errno: int = INVAL) -> Either:
    return Either(errno, "trap")


class Script:
    """Steps with the outcomes they shall have. A text among the arguments becomes its address and length."""

    def __init__(self) -> None:
        self.steps: list[list] = []
        self.wanted: list[object] = []

    def _step(self, want: object, *step: object) -> None:
        self.steps.append(list(step))
        self.wanted.append(want)

    def poke(self, address: int, data: bytes) -> None:
        self._step(0, "poke", address, list(data))

    def peek(self, want: bytes | object, address: int = OUT, n: int | None = None) -> None:
        size = len(want) if isinstance(want, bytes) else n
        self._step(list(want) if isinstance(want, bytes) else want, "peek", address, size)

    def u32(self, want: int, address: int = OUT) -> None:
        self.peek(struct.pack("<I", want), address)

    def u64(self, want: int, address: int = OUT) -> None:
        self.peek(struct.pack("<Q", want), address)

    def __call__(self, name: str, *args: int | str | bytes, want: object = 0) -> None:
        at = 16384
        words: list[int] = []
        for arg in args:
            if isinstance(arg, int):
                words.append(arg)
                continue
            data = arg.encode() if isinstance(arg, str) else arg
            self.poke(at, data)
            words += [at, len(data)]
            at += len(data)
        self._step(want, name, *words)

    def open(
        self, path: str, want: object = 0, oflags: int = 0, rights: int = RIGHTS, flags: int = 0, fd: int = 3, follow: int = 0
    ) -> None:
        self("path_open", fd, follow, path, oflags, rights, RIGHTS & rights, flags, OUT, want=want)

    def vectors(self, *parts: tuple[int, int]) -> int:
        self.poke(512, b"".join(struct.pack("<II", *part) for part in parts))
        return len(parts)

    def write(self, fd: int, data: bytes, want: object = 0, offset: int | None = None) -> None:
        self.poke(32768, data)
        n = self.vectors((99, 0), (32768, len(data)))
        if offset is None:
            self("fd_write", fd, 512, n, OUT, want=want)
        else:
            self("fd_pwrite", fd, 512, n, offset, OUT, want=want)
        if want == 0:
            self.u32(len(data))

    def read(self, fd: int, data: bytes, size: int = 100, want: object = 0, offset: int | None = None) -> None:
        n = self.vectors((32768, 0), (32768, size))
        if offset is None:
            self("fd_read", fd, 512, n, OUT, want=want)
        else:
            self("fd_pread", fd, 512, n, offset, OUT, want=want)
        if want == 0:
            self.u32(len(data))
            self.peek(data, 32768)

    def content(self, path: str, data: bytes) -> None:
        """Descriptor 4 is free."""
        self.open(path, rights=FD_READ)
        self.read(4, data)
        self("fd_close", 4)

    def size(self, path: str, size: int) -> None:
        self("path_filestat_get", 3, 0, path, OUT)
        self.u64(size, OUT + 32)


ARGV = ["prog", "a b", "h\u00e4"]
ENV = {"HOME": "/box", "EMPTY": ""}
STDIN = "first line\nsecond"


def _under_wasmtime(script: Script, box: Path) -> tuple[list, bytes, bytes]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.argv = ARGV
    config.env = list(ENV.items())
    streams = [box.parent / name for name in ("stdin", "stdout", "stderr")]
    streams[0].write_text(STDIN)
    config.stdin_file, config.stdout_file, config.stderr_file = streams
    config.preopen_dir(str(box), "/box")
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    exports = linker.instantiate(store, wasmtime.Module(engine, wat.assemble(calls()))).exports(store)
    memory = exports["memory"]
    results: list = []
    for name, *args in script.steps:
        try:
            if name == "poke":
                memory.write(store, bytes(args[1]), args[0])
                results.append(0)
            elif name == "peek":
                results.append(list(memory.read(store, args[0], args[0] + args[1])))
            else:
                results.append(exports[name](store, *args))
        except wasmtime.ExitTrap as exc:
            results.append(f"exit {exc.code}")
        except (wasmtime.Trap, wasmtime.WasmtimeError):
            results.append("trap")
    return results, streams[1].read_bytes(), streams[2].read_bytes()


def _under_pitwasm(mp: MicroPython, script: Script, box: Path, disk: str) -> tuple[list, bytes, bytes]:
    module = box.parent / "calls.wasm"
    module.write_bytes(wat.assemble(calls()))
    env = [f"{name}={value}" for name, value in ENV.items()]
    setup = {"module": str(module), "box": str(box), "disk": disk, "argv": ARGV, "env": env, "stdin": STDIN, "steps": script.steps}
    done = mp.run([CHILD], heap="4M", stdin=json.dumps(setup | {"trace": False}) + "\n")
    assert done.returncode == 0, done.stderr
    results, out, err = json.loads(done.stdout)
    return results, bytes(out), bytes(err)


def compare(script: Script, results: list, ours: bool) -> None:
    wrong = []
    for step, got, want in zip(script.steps, results, script.wanted, strict=True):
        if isinstance(want, Either):
            want = want.ours if ours else want.theirs
        if want is not ANY and got != want:
            wrong.append(f"{step}: {got}, wanted {want}")
    assert not wrong, "\n".join(wrong)


class Place:
    """Runs a script in a fresh directory, under wasmtime or in MicroPython on one of its filesystems."""

    def __init__(self, name: str, mp: MicroPython | None, folder: Path) -> None:
        self.ours = mp is not None
        self.mp = mp
        self.disk = name if name in ("lfs2", "fat") else ""
        self.box = folder / "box"
        self.box.mkdir()

    def __call__(self, script: Script) -> tuple[list, bytes, bytes]:
        if self.mp is None:
            found = _under_wasmtime(script, self.box)
        else:
            found = _under_pitwasm(self.mp, script, self.box, self.disk)
        compare(script, found[0], self.ours)
        return found


# Where scripts run: the last two are filesystems of boards.
PLACES = ["wasmtime", "64-bit", "32-bit", "lfs2", "fat"]
