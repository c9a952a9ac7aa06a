# Programs from C (tests/wasi): the same output and exit status as under wasmtime
# MIT license; Copyright (c) 2026 the pitwasm authors

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from tools.host import ROOT
from tools.mp import MicroPython

Furnish = Callable[[Path], None]  # fills the box

PROGRAMS = ROOT / "tests" / "wasi"


def program_under_wasmtime(name: str, words: list[str], env: dict[str, str], stdin: str, box: Path) -> tuple[int, str, str]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.argv = [name, *words]
    config.env = list(env.items())
    streams = [box.parent / stream for stream in ("stdin", "stdout", "stderr")]
    streams[0].write_text(stdin)
    config.stdin_file, config.stdout_file, config.stderr_file = streams
    config.preopen_dir(str(box), "/box")
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    start = linker.instantiate(store, wasmtime.Module.from_file(engine, str(PROGRAMS / name))).exports(store)["_start"]
    try:
        start(store)
        status = 0
    except wasmtime.ExitTrap as exc:
        status = exc.code
    except wasmtime.Trap:
        status = 134
    return status, streams[1].read_bytes().decode(errors="backslashreplace"), streams[2].read_text()


@pytest.fixture
def program(mp: MicroPython, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """program(name, words, …): status, output and errors of a program on the command line, the same as under wasmtime."""

    def run(
        name: str, *words: str, env: dict[str, str] | None = None, stdin: str = "", pool: str = "400K", furnish: Furnish | None = None
    ) -> tuple[int, str, str]:
        found = []
        for place in ("theirs", "ours"):
            box = tmp_path / place / "box"
            box.mkdir(parents=True)
            if furnish:
                furnish(box)
            if place == "theirs":
                found.append(program_under_wasmtime(name, list(words), env or {}, stdin, box))
                continue
            options = [f"--env={key}={value}" for key, value in (env or {}).items()]
            line = ["-m", "pitwasm", f"--dir={box}::/box", *options, "--pool", pool, PROGRAMS / name, *words]
            done = mp.run(line, heap="4M", stdin=stdin)
            found.append((done.returncode, done.stdout, done.stderr))
        theirs, ours = found
        if theirs[0] == 134:  # a trap: status 1, and a line on standard error
            assert ours[0] == 1 and ours[2].startswith(theirs[2] + "pitwasm: ")
            ours = (134, ours[1], theirs[2])
        assert ours == theirs
        return ours

    return run


def test_standard_streams(program) -> None:
    status, out, err = program("stdio.wasm", stdin="one\ntwo\nthree\n", pool="34K")  # with printf, and its memory cut
    assert (status, err) == (0, "2 lines\n")
    assert out.startswith("1:ONE\n2:TWO\nrest 546 eof 1 error 0\nbytes \0 and \\xff\n14 -1\n")


@pytest.mark.parametrize("how, want", [("", 0), ("fail", 1), ("exit", 42), ("_Exit", 43), ("abort", 134)])
def test_arguments_and_exit(program, how: str, want: int) -> None:
    status, out, _ = program("args.wasm", "a b", "h\u00e4", *([how] if how else []), env={"HOME": "/box", "X": "a=b"})
    assert status == want
    assert out.startswith("0 [args.wasm]\n1 [a b]\n2 [h\u00e4]\n") and "env [X=a=b]\n" in out
    assert out.endswith("bye\n") == (how in ("", "fail", "exit"))


def test_clocks(program) -> None:
    status, out, _ = program("clocks.wasm", str(int(time.time())))
    assert (status, "wrong" in out) == (0, False)


def test_files(program) -> None:
    status, out, _ = program("files.wasm")
    assert status == 0
    assert "100 removed, 3 left\n" in out
    assert out.endswith("/box: ../ ./\n")


def test_removing_while_reading(mp: MicroPython, tmp_path: Path) -> None:
    done = mp.run(["-m", "pitwasm", f"--dir={tmp_path}::/box", PROGRAMS / "files.wasm", "at once"], heap="4M")
    assert done.returncode == 0
    assert "100 removed, 3 left\n" in done.stdout
    assert not list(tmp_path.iterdir())


def test_escapes(program, tmp_path: Path) -> None:
    def furnish(box: Path) -> None:
        outside = box.parent / "outside"
        outside.mkdir()
        (outside / "secret").write_text("no")
        (box.parent / "secret").write_text("no")
        (box / "d").mkdir()
        (box / "d" / "file").write_text("yes")
        (box / "mine").write_text("mine")
        (box / "link").symlink_to("../secret")
        (box / "dangling").symlink_to("../new")
        (box / "folder").symlink_to("../outside")
        (box / "up").symlink_to("..")
        (box / "d" / "up").symlink_to("../..")

    status, out, _ = program("escape.wasm", furnish=furnish)
    assert status == 0
    assert "open d/../d/./file: ok\n0 got out\n" in out
    for place in ("ours", "theirs"):
        folder = tmp_path / place
        assert (folder / "secret").read_text() == (folder / "outside" / "secret").read_text() == "no"
        assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("std")) == ["box", "outside", "secret"]
