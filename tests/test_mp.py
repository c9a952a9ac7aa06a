# The tools the tests stand on: child processes that die are failures, both word sizes are what they claim, apt sources
# MIT license; Copyright (c) 2026 the pitwasm authors

from pathlib import Path

import pytest

from tools import build, debian, micropython
from tools.host import HostError
from tools.mp import ChildDied, MicroPython

NULL_STORE = """
import micropython
@micropython.viper
def store(p: ptr32):
    p[0] = 1
print("before")
store(8)
"""

# What the macros make of a cell, seen by MicroPython: every result as an object, so that its sign and size show.
MACROS = """
import micropython
@micropython.viper
def cell(p: ptr32) -> object:
    return (S32(p[0]), U32(p[0]), UC(p[0]), Z32(p[0] + p[0]) == p[1], S32(p[0] + p[1]), W64)
"""


def test_word_size(mp: MicroPython) -> None:
    assert mp.out("import sys; print(sys.maxsize == (1 << %d) - 1)" % (mp.bits - 1)) == "True\n"


def test_exit_status_is_a_result(mp64: MicroPython) -> None:
    done = mp64.run("import sys; print(sys.stdin.read()); sys.exit(3)", stdin="in")
    assert (done.returncode, done.stdout) == (3, "in\n")
    with pytest.raises(AssertionError, match="status 1(.|\n)*ZeroDivisionError"):
        mp64.out("1 // 0")


def test_heap_and_long_scripts(mp: MicroPython) -> None:
    assert int(mp.out("import gc; print(gc.mem_free() + gc.mem_alloc())", heap="256K")) < 256 << 10
    assert mp.out("x = 1\n" * 30_000 + "print(x)") == "1\n"


def test_death_by_signal_fails(mp: MicroPython) -> None:
    with pytest.raises(ChildDied, match="signal 11(.|\n)*before"):
        mp.run(NULL_STORE)


def test_timeout_fails(mp: MicroPython) -> None:
    with pytest.raises(ChildDied, match="more than 0.5 s(.|\n)*before"):
        mp.run("print('before')\nwhile True: pass", timeout=0.5)


@pytest.mark.parametrize("cell", [0, 1, 0x7FFFFFFF, 0x80000000, 0xDEADBEEF, 0xFFFFFFFF])
def test_macros_in_micropython(mp: MicroPython, tmp_path: Path, cell: int) -> None:
    source = tmp_path / "core" / "pitwasm" / "m.py"
    source.parent.mkdir(parents=True)
    source.write_text(MACROS)
    built = build.build(micropython.ARCH[mp.bits][1], tmp_path, tmp_path)
    twice = cell * 2 % (1 << 32)

    def signed(x: int) -> int:
        return (x + (1 << 31)) % (1 << 32) - (1 << 31)

    script = f"import array; from m import cell; print(cell(array.array('I', [{cell}, {twice}])))"
    expected = (signed(cell), cell, cell, True, signed(cell + twice), mp.bits == 64)
    assert mp.out(script, paths=[built / "pitwasm"]) == f"{expected}\n"


MODERN = """
# comment
Types: deb
URIs: http://tools.example/linux/debian
Suites: stable
Components: more

Types: deb deb-src
# comment
URIs: http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main contrib
"""
CLASSIC = """
# deb http://commented.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main
"""


@pytest.mark.parametrize("file, text", [("sources.list.d/debian.sources", MODERN), ("sources.list", CLASSIC)])
def test_debian_mirror(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / "apt" / file
    path.parent.mkdir(parents=True)
    (tmp_path / "os-release").write_text('VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\n')
    with pytest.raises(HostError, match="PITWASM_MIRROR"):
        debian.debian_mirror(tmp_path)
    path.write_text(text)
    assert debian.debian_mirror(tmp_path) == "http://mirror.example/debian"
    path.write_text(text.replace("Components", "Enabled: no\nComponents").replace("\ndeb ", "\n# "))
    with pytest.raises(HostError, match="PITWASM_MIRROR"):
        debian.debian_mirror(tmp_path)
