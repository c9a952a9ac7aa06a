# Runtime.set_wasi_args() and what comes with it: settings by module, who shares what, streams, exits, errors, odd arguments
# MIT license; Copyright (c) 2026 the pitwasm authors

from pathlib import Path

import pytest

from tests import wat
from tests.wasicalls import FUNCTIONS, calls, imports
from tools.host import ROOT
from tools.mp import MicroPython

DEVICE = ROOT / "tests" / "device"

# say(fd) writes, count() gives the number of arguments; open(), close(fd) a file.
HELLO = (
    imports("fd_write", "args_sizes_get", "path_open", "fd_close", "proc_exit")
    + """
  (memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 64))
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "hello")
  (func (export "say") (param i32) (result i32) (call $fd_write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func (export "count") (result i32) (drop (call $args_sizes_get (i32.const 8) (i32.const 12))) (i32.load (i32.const 8)))
  (func (export "open") (result i32)
    (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0)
      (i32.const 8)))
  (func (export "close") (param i32) (result i32) (call $fd_close (local.get 0)))
  (func (export "exit") (param i32) (call $proc_exit (local.get 0)))
"""
)

SCRIPT = """
import io, os, sys
out = io.BytesIO()
"""


def test_settings(run, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    script = """
print("pitwasm.wasi" in sys.modules)
m = load("m")
print("pitwasm.wasi" in sys.modules)
i = rt.instantiate(m)  # nothing set: the REPL's streams, no arguments, no directories
print("pitwasm.wasi" in sys.modules)
sys.stdout.write("[")
print(i.exports.say(1), i.exports.say(0), i.exports.count(), i.exports.open())
rt.set_wasi_args(argv=("a", "b"))  # for all modules, from now on
print(i.exports.count(), rt.instantiate(m).exports.count())
rt.set_wasi_args(m, ["box"], (), {"A": "1"}, ["x"], stdout=out)
j = rt.instantiate(m)
print(j.exports.count(), j.exports.say(1), out.getvalue(), j.exports.open(), os.listdir("box"))
print(j.exports.say(4), j.exports.close(4), open("box/hello").read())
os.remove("box/hello")
for settings in ({"mapped_dirs": ["/b::box"]}, {"preopens": {"/b": os.getcwd() + "/box/."}}, {"dirs": ["./box/"]}):
    rt.set_wasi_args(m, **settings)
    print(rt.instantiate(m).exports.open(), os.listdir("box"))
    os.remove("box/hello")
for settings in ({"dirs": ["nowhere"]}, {"dirs": ["m.wasm"]}, {"argv": ["a\\0b"]}):
    rt.set_wasi_args(m, **settings)
    print(error(rt.instantiate, m))
for k in rt.instances():
    rt.deinstantiate(k)
rt.unload(m)
print(rt.pool.used, rt._hosts)
"""
    assert run(SCRIPT + script, m=HELLO) == [
        "False",
        "False",
        "True",
        "[hello0 76 0 8",
        "0 2",
        "1 0 b'hello' 0 ['hello']",
        "0 0 hello",
        "0 ['hello']",
        "0 ['hello']",
        "0 ['hello']",
        "LinkError: m: no directory 'nowhere' to be preopened",
        "LinkError: m: no directory 'm.wasm' to be preopened",
        "ValueError: a NUL in an argument or variable of a program",
        "0 []",
    ]


def test_who_shares(run, tmp_path: Path) -> None:
    """Modules instantiated together share descriptors; instances made apart do not. Files close with the last that has them."""
    (tmp_path / "box").mkdir()
    main = imports("fd_close") + """
      (import "sub" "open" (func $open (result i32)))
      (memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 64))
      (func (export "open") (result i32) (call $open))
      (func (export "close") (param i32) (result i32) (call $fd_close (local.get 0)))
    """
    script = """
from pitwasm.wasi_files import opened
rt.set_wasi_args(dirs=["box"])
sub = load("sub")
rt.register_module("sub", sub)
i = new("main")
print(i.exports.open(), i.exports.close(4), i.exports.close(4))
j = rt.instantiate(sub)  # apart
print(i.exports.open(), j.exports.close(4), j.exports.open(), len(opened))
k = rt.instantiate(i.module)  # imports from the submodule there is, but has descriptors of its own
print(k.exports.close(4), k.exports.close(3), k.exports.close(3), i.exports.open(), len(opened))
rt.deinstantiate(j)
print(len(opened))
rt.deinstantiate(i)
print(len(opened))
rt.deinstantiate(k)
print(len(opened))
with open("box/hello") as f:
    pass
"""
    assert run(SCRIPT + script, sub=HELLO, main=main) == ["0 0 8", "0 8 0 2", "8 0 8 0 3", "2", "2", "0"]


def test_exit(run) -> None:
    nested = '(import "env" "f" (func $f (param i32))) (func (export "g") (param i32) (call $f (local.get 0)) unreachable)'
    script = """
i = new("m")
for status in (0, 7, 300, -1):
    try:
        i.exports.exit(status)
    except pitwasm.Exit as exc:
        print(exc.status, exc, rt.get_exception(), i.exports.count())
rt.register_natives("env", {"f": ("(i)", i.exports.exit)})
try:
    new("n").exports.g(5)
except PitwasmError as exc:
    print(type(exc).__name__, exc.status)
"""
    exits = [f"{status} wasi proc exit None 0" for status in (0, 7, 300, 4294967295)]
    assert run(SCRIPT + script, m=HELLO, n=nested) == [*exits, "Exit 5"]


def test_initialize_runs_once(run) -> None:
    reactor = imports("args_sizes_get") + """
      (memory (export "memory") 1) (global $n (export "n") (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $n (i32.add (global.get $n) (call $args_sizes_get (i32.const 0) (i32.const 4))))
        (global.set $n (i32.add (global.get $n) (i32.load (i32.const 0)))))
    """
    script = """
rt.set_wasi_args(argv=["a"])
i = new("m")
print(i.exports.n.value)
"""
    assert run(SCRIPT + script, m=reactor) == ["1"]


def test_streams(run) -> None:
    script = """
class Input:  # nothing there at first
    def __init__(self):
        self.calls = 0
    def readinto(self, buf):
        self.calls += 1
        if self.calls < 3:
            return None
        buf[:2] = b"ok"
        return 2
class Full(io.IOBase):
    def write(self, data):
        return None
class Broken:
    def write(self, data):
        raise OSError(28)
class Odd:
    def write(self, data):
        raise KeyError("odd")
m = load("m")
def call(name, *args, **settings):
    rt.set_wasi_args(m, **settings)
    i = rt.instantiate(m, memory_cap=64)
    i.memory[0:8] = b"\\x10\\0\\0\\0\\x05\\0\\0\\0"
    result = error(i.exports[name], *args)
    return result, i.memory[8:24]
print(call("fd_read", 0, 0, 1, 8, stdin=Input()))
print(call("fd_write", 1, 0, 1, 8, stdout=Full())[0])
print(call("fd_write", 1, 0, 1, 8, stdout=Broken())[0])
print(call("fd_write", 2, 0, 1, 8, stderr=Odd())[0])
print(call("fd_fdstat_get", 1, 8)[1][0], call("fd_fdstat_get", 1, 8, stdout=out)[1][0])
"""
    assert run(SCRIPT + script, m=calls()) == [
        "(0, b'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00ok\\x00\\x00\\x00\\x00\\x00\\x00')",
        "6",
        "51",
        "Trap: host function wasi_snapshot_preview1.fd_write: KeyError: odd",
        "2 0",
    ]


def test_linking(run) -> None:
    script = """
for name in ("unknown", "types", "nomemory", "old"):
    print(error(new, name))
rt.register_natives("wasi_snapshot_preview1", {"sched_yield": ("()i", lambda: 9)})
i = new("own")
print(i.exports.a(), i.exports.b(0))
rt.drop_loader()
print(i.exports.a(), i.exports.b(0))
"""
    out = run(
        SCRIPT + script,
        unknown='(import "wasi_snapshot_preview1" "sock_open" (func (param i32) (result i32))) (memory (export "memory") 1)',
        types='(import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32))) (memory (export "memory") 1)',
        nomemory=imports("fd_close"),
        old='(import "wasi_unstable" "fd_close" (func (param i32) (result i32))) (memory (export "memory") 1)',
        own=imports("sched_yield", "fd_tell")
        + """ (memory (export "memory") 1)
          (func (export "a") (result i32) call $sched_yield)
          (func (export "b") (param i32) (result i32) (call $fd_tell (i32.const 9) (local.get 0)))""",
    )
    for line, text in zip(
        out,
        (
            "LinkError: unknown: unknown import wasi_snapshot_preview1.sock_open",
            "LinkError: types: incompatible import type wasi_snapshot_preview1.fd_close",
            "LinkError: nomemory: a module with WASI apis must export memory by default",
            "LinkError: old: unknown import wasi_unstable.fd_close",
            "9 8",
            "9 8",
        ),
        strict=True,
    ):
        assert line.startswith(text)


ODD = r"""
import random
sys.path.append(sys.argv[1])
from wasi_child import mount
random.seed(int(sys.argv[2]))
where = "."
if sys.argv[3]:
    mount(sys.argv[3])
    where = "/disk"
if not sys.argv[3]:
    os.mkdir("box")
    where = "box"
rt.set_wasi_args(preopens={"/box": where}, argv=["a", "b"], env={"c": "d"}, stdin=io.BytesIO(b"x" * 1000), stdout=out, stderr=out)
m = load("m")
i = None
NAMES = b"f\0g\0d\0d/e\0d/../f\0../x\0.\0..\0d/\0f/\0/\0D\0f.\0nothing/f\0d/e/../../g\0"
PATHS = {
    "path_create_directory": (1,), "path_filestat_get": (2,), "path_filestat_set_times": (2,), "path_link": (2, 5), "path_open": (2,),
    "path_readlink": (1,), "path_remove_directory": (1,), "path_rename": (1, 4), "path_symlink": (0, 3), "path_unlink_file": (1,)
}
SMALL = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 64, 100, 255)
counts = {}
for n in range(int(sys.argv[4])):
    if n % 200 == 0:  # the next program, on what the last one left
        if i:
            rt.deinstantiate(i)
        i = rt.instantiate(m)
        e = i.exports
        e.sched_yield()  # makes its stack
        used = rt.pool.used
    if n % 50 == 0:
        i.memory[0:2048] = bytes(2048)
        i.memory[1024 : 1024 + len(NAMES)] = NAMES
        i.memory[512:528] = b"\0\x06\0\0\x10\0\0\0\0\x08\0\0\x03\0\0\0"
    name = random.choice(FUNCTIONS)
    if name in ("fd_close", "fd_fdstat_set_rights", "proc_exit") and random.randrange(4):
        name = random.choice(("path_open", "fd_write", "fd_read"))
    args = []
    kinds = e[name].type[0].split()
    for k, kind in enumerate(kinds):
        pick = random.randrange(20)
        if pick == 0:
            value = random.choice((-1, 65535, 65536, -2147483648, 2047, 0x7FFFFFFF))
        elif kind == "i64":
            value = 0x3FFFFFFF if pick < 8 and name[:4] == "path" else random.choice(SMALL)
        elif k == 0 or name in ("path_rename", "path_link") and k == 3:
            value = 3 if name[:4] == "path" and pick < 15 else random.choice((0, 1, 4, 4, 4, 5, 5, 6))
        elif k == 1 and pick < 15:
            value = 512  # iovecs
        elif k == len(kinds) - 1 and pick < 15:
            value = 4096
        else:
            value = random.choice(SMALL)
        args.append(value)
    for k in PATHS.get(name, ()):
        if random.randrange(10):
            text = random.choice(NAMES.split(b"\0")[:-1])
            args[k : k + 2] = [1024 + NAMES.find(text), len(text)]
    if name in ("fd_allocate", "fd_filestat_set_size"):
        args[1:] = [random.choice(SMALL + (1000, 3000, -1)) for _ in args[1:]]
    if PATHS.get(name) in ((2,), (2, 5)):
        args[1] &= 1  # lookup flags
    if name == "path_open":
        args[4] = random.choice((0, 1, 1, 1, 2, 5, 9))
        args[7] = random.choice((0, 0, 1, 4))
    try:
        result = e[name](*args)
    except pitwasm.Trap as exc:
        result = exc.text
        if not result.startswith("out of bounds memory"):
            print(name, args, result)
    except pitwasm.Exit:
        result = "exit"
    if sys.argv[5:]:
        print(name, args, result)
    counts[result] = counts.get(result, 0) + 1
    assert rt.pool.used == used
print(counts.get(0, 0) > n // 12, len(counts) > 10)
rt.destroy()
from pitwasm.wasi_files import opened
print(opened)
"""


@pytest.mark.parametrize("disk", ["", "lfs2", "fat"])
def test_odd_arguments(mp32: MicroPython, tmp_path: Path, disk: str) -> None:
    """Whatever is asked, the answer is an error code, or a trap; and nothing is left outside of the box."""
    wat.modules(tmp_path, m=calls())
    names = [name for name in FUNCTIONS if name not in ("poll_oneoff", "random_get", "fd_renumber")]
    script = tmp_path / "odd.py"
    script.write_text(wat.script(f"FUNCTIONS = {names!r}\n" + SCRIPT + ODD))
    done = mp32.run([script, str(DEVICE), "1", disk, "2500"], heap="4M", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "True True\n[]\n"), done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"m.wasm", "odd.py", "box"}
