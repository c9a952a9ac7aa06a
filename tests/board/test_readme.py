# The README as a new user goes through it: every command pasted into one shell, every program run on the emulated Pico, in order
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A comment "prints x" (up to a semicolon or the end of the line) says what has to come out.

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime

from tools.board import Board
from tools.emulator import Emulator
from tools.host import ROOT

C = "__attribute__((export_name(\"add\"))) int add(int a, int b) { return a + b; }"
RUST = '#![no_std]\n#[panic_handler] fn p(_: &core::panic::PanicInfo) -> ! { loop {} }\n'
RUST += '#[no_mangle] pub extern "C" fn add(a: i32, b: i32) -> i32 { a.wrapping_add(b) }\n'

# What no CI has to have: tried where it is there. The Rust compiler comes without the library for WebAssembly from some sources.
COMPILERS = {
    "clang": "command -v clang wasm-ld",
    "rustc": 'ls "$(rustc --print sysroot --target wasm32-unknown-unknown)/lib/rustlib/wasm32-unknown-unknown"',
}


OURS = ("MAKE", "MFLAGS", "ARGS", "BOARD")  # of the environment: what the make that runs this test tells those below it


def blocks() -> Iterator[tuple[str, str]]:
    """(sh or python, text) of the README's blocks."""
    yield from re.findall(r"^```(sh|python)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


def promises(line: str) -> list[str]:
    return re.findall(r"#.*?\bprints ([^;]*?)\s*(?:;|$)", line)


class Shell:
    """One bash, that lives as long as the README."""

    def __init__(self, environ: dict[str, str]):
        self.bash = subprocess.Popen(
            ["bash"], cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, command: str) -> tuple[int, str]:
        self.bash.stdin.write(f"{command}\nstatus=$?; echo; echo @@ended $status\n")
        self.bash.stdin.flush()
        said = ""
        for line in self.bash.stdout:
            if line.startswith("@@ended "):
                return int(line.split()[1]), said
            said += line
        raise AssertionError(f"the shell ended: {said}")

    def good(self, command: str) -> str:
        status, said = self.run(command)
        assert status == 0, f"{command}\n{said}"
        return said

    def close(self) -> None:
        self.bash.stdin.close()
        self.bash.wait(30)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Callable[[str], Shell]]:
    """shell(url): with the board at a port."""
    opened = []

    def start(url: str) -> Shell:
        environ = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "PYTHON", "VIRTUAL"))}
        opened.append(Shell({**environ, "PITWASM_PORT": url, "COLUMNS": "120"}))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_every_command_and_program(boot: Callable[[str], Emulator], shell: Callable[[str], Shell], tmp_path: Path) -> None:
    with boot("bare") as pico:
        sh = shell(pico.url)
        serving = False
        count = 0
        for kind, text in blocks():
            if kind == "python":
                said = pico.board.exec(text, timeout=120)
                for promise in [found for line in text.splitlines() for found in promises(line)]:
                    assert promise in said, f"{text}\n{said}"
                pico.release()
                if serving:
                    sh.run("kill -INT %1; wait")
                serving = False
                count += 1
                continue
            for line in filter(None, text.replace("\\\n", " ").splitlines()):
                command = re.sub(r"\s+# .*", "", line)
                compiler = command.split()[0]
                if compiler in COMPILERS:
                    if sh.run(COMPILERS[compiler])[0] == 0:
                        compile_module(sh, command, tmp_path)
                elif "/dev/ttyUSB0" in command:
                    port = f"socket://127.0.0.1:{pico.ports['uart1']}"
                    sh.run(f"set -m; {command.replace('/dev/ttyUSB0', port)} > {tmp_path}/served 2>&1 &")
                    serving = True
                else:
                    said = sh.good(re.sub("^mpremote ", f"mpremote connect {pico.url} ", command))
                    for promise in promises(line):
                        assert promise in said, f"{line}\n{said}"
                count += 1
        assert count > 35
        assert "mA" in (tmp_path / "served").read_text()


def compile_module(sh: Shell, command: str, folder: Path) -> None:
    """What the README's flags make of a small program is a module of one page at most, that exports __heap_base."""
    (folder / "m.c").write_text(C)
    (folder / "m.rs").write_text(RUST)
    sh.good(f"(cd {shlex.quote(str(folder))} && {command})")
    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, (folder / "m.wasm").read_bytes())
    kinds = {export.name: export.type for export in module.exports}
    assert {"add", "__heap_base"} <= kinds.keys()
    assert kinds["memory"].limits.min == 1
    (folder / "m.wasm").unlink()


def test_make_emulate(tmp_path: Path) -> None:
    """Tells where the REPL is, keeps the filesystem, ends with Ctrl-C."""
    flash = tmp_path / "flash.img"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    for said in ("write('kept')", "read()"):
        command = ["make", "-s", "emulate", f"ARGS=--flash {flash} --repl 0 --control 0 --uart0 0 --uart1 0"]
        child = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            url = next(found[1] for line in child.stdout if (found := re.search(r"connect (socket://\S+) repl", line)))
            board = Board(url)
            out = board.exec(f"f = open('note', '{said[0]}')\nprint(f.{said})\nf.close()")
            board.close()
        finally:
            os.killpg(child.pid, signal.SIGINT)
            child.communicate(timeout=30)
    assert out == "kept\n"
