# The builder: what it makes of a source, and that every target takes every device file
# MIT license; Copyright (c) 2026 the pitwasm authors

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tools import build as builder
from tools.macros import SourceError, load_layout, transform

LAYOUT = {"FREE": 12, "LOWEST": -8}


def made(source: str, bits: int) -> str:
    return transform(textwrap.dedent(source), "f.py", bits, LAYOUT).strip()


@pytest.mark.parametrize(
    "source, on32, on64",
    [
        ("S32(p[0])", "p[0]", "p[0] << 32 >> 32"),
        ("U32(a + b)", "uint(a + b)", "uint(a + b << 32) >> 32"),
        ("UC(p[0])", "uint(p[0])", "uint(p[0])"),
        ("Z32(a * b)", "a * b", "int(uint(a * b << 32) >> 32)"),
        ("S32(a) < S32(b)", "a < b", "a << 32 >> 32 < b << 32 >> 32"),
        ("S32(a + b) * 2", "(a + b) * 2", "(a + b << 32 >> 32) * 2"),
        ("S32(Z32(a) & m)", "a & m", "(int(uint(a << 32) >> 32) & m) << 32 >> 32"),
        ("f.S32(a)", "f.S32(a)", "f.S32(a)"),
    ],
)
def test_macros(source: str, on32: str, on64: str) -> None:
    assert made("x = " + source, 32) == "x = " + on32
    assert made("x = " + source, 64) == "x = " + on64


@pytest.mark.parametrize("x", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, -1, -0x80000000, 1 << 40])
def test_macro_values(x: int) -> None:
    """The 64-bit forms, worked out with words that wrap as the machine's do."""

    class Word(int):
        def __lshift__(self, n: int) -> "Word":
            return Word(((int(self) << n) + (1 << 63)) % (1 << 64) - (1 << 63))

    def value(macro: str) -> int:
        return eval(made(macro + "(x) + 0", 64), {"x": Word(x), "uint": lambda v: int(v) % (1 << 64)})

    assert value("U32") == value("Z32") == x % (1 << 32)
    assert value("S32") == (x + (1 << 31)) % (1 << 32) - (1 << 31)


def test_static_branches() -> None:
    source = """
        if W64:
            a = 1
        else:
            a = 2
        if c:
            b = 1
        elif W32 and d:
            b = 2
        elif not W64:
            b = 3
        else:
            b = 4
        e = 8 if W64 else 4
        def f():
            if W64:
                return 1
    """
    on32 = "a = 2 if c: b = 1 elif d: b = 2 else: b = 3 e = 4 def f(): pass"
    on64 = "a = 1 if c: b = 1 else: b = 4 e = 8 def f(): return 1"
    assert " ".join(made(source, 32).split()) == on32
    assert " ".join(made(source, 64).split()) == on64
    assert made("x = y or W64 or z", 64) == "x = y or True"
    assert made("x = y or W64 or z", 32) == "x = y or z"
    assert made("while True:\n    pass", 32) == "while True:\n    pass"


def test_pruned_branch_is_not_looked_at() -> None:
    assert made("if W64:\n    x = layout.NOWHERE\nelse:\n    x = 1", 32) == "x = 1"


def test_layout() -> None:
    source = """
        from . import layout
        from . import layout, pool
        from .layout import FREE, LOWEST as _LOW
        _A = const(layout.FREE)
        x = p[layout.LOWEST + FREE] + _LOW
    """
    assert made(source, 32) == "from . import pool\n_A = const(12)\nx = p[-8 + 12] + -8"


@pytest.mark.parametrize(
    "source, message",
    [
        ("\nx = layout.NOWHERE", "f.py:2: layout has no NOWHERE"),
        ("from .layout import NOWHERE", "f.py:1: layout has no NOWHERE"),
        ("layout.FREE = 3", "f.py:1: layout.FREE is a constant"),
        ("from .layout import FREE\nFREE = 3", "f.py:2: FREE is a constant"),
        ("def f(W64): pass", "f.py:1: W64 is a constant"),
        ("S32(a, b)", "f.py:1: S32 takes one argument"),
        ("a +", "f.py:1: invalid syntax"),
    ],
)
def test_refused(source: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        made(source, 32)
    assert str(caught.value) == message


def test_annotations_and_docstrings() -> None:
    source = '''
        """Module."""
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from .types import Reader
        class C:
            """Class."""
            size: int
            used: int = 0
            def f(self, a: int, *rest: int, b: str = "", **more: int) -> "Reader":
                """Function."""
                self.n: int = a  # comment
        @micropython.viper
        def g(a: ptr8, n: int) -> int:
            """Viper."""
            return a[n]
    '''
    assert made(source, 32) == textwrap.dedent("""
        class C:
            used = 0

            def f(self, a, *rest, b='', **more):
                self.n = a

        @micropython.viper
        def g(a: ptr8, n: int) -> int:
            return a[n]
    """).strip()


def test_layout_file(tmp_path: Path) -> None:
    layout = tmp_path / "layout.py"
    layout.write_text("from micropython import const\n_STEP = 4\nA = const(8)\nB = A + _STEP\n")
    assert load_layout(layout) == {"A": 8, "B": 12}
    layout.write_text("A = 'text'\n")
    with pytest.raises(SourceError, match="A is a str"):
        load_layout(layout)


def project(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/")
        path = path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_builds_what_changed(tmp_path: Path) -> None:
    root = project(tmp_path, core__pitwasm__layout="A = 1", core__pitwasm__a="x = layout.A", core__gen__b="y = 2")
    package = builder.build("x64", root / "build", root) / "pitwasm"
    first = {p.name: p.stat().st_mtime_ns for p in package.iterdir()}
    assert sorted(first) == ["a.mpy", "b.mpy"]
    builder.build("x64", root / "build", root)
    assert {p.name: p.stat().st_mtime_ns for p in package.iterdir()} == first
    (root / "core/gen/b.py").unlink()
    (root / "core/pitwasm/layout.py").write_text("A = 2")
    builder.build("x64", root / "build", root)
    assert [p.name for p in package.iterdir()] == ["a.mpy"]
    assert (package / "a.mpy").stat().st_mtime_ns > first["a.mpy"]
    assert "x = 2" in (root / "build/x64/src/pitwasm/a.py").read_text()


def test_folds_the_constants_of_a_machine_into_its_assembler(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        core__machine__x86__constants="ADD = 3",
        core__machine__x86__encode="from .constants import ADD\nx = ADD",
        core__machine__rv32__constants="ADD = 4",
        core__machine__rv32__encode="from .constants import ADD\nx = ADD",
    )
    packages = builder.build_all(["x86", "rv32imc"], root / "build", root)
    assert [sorted(p.name for p in (package / "pitwasm").iterdir()) for package in packages] == [["encode.mpy"]] * 2
    assert [(package / "src/pitwasm/encode.py").read_text().splitlines()[-1] for package in packages] == ["x = 3", "x = 4"]


def test_says_which_file_is_refused(tmp_path: Path) -> None:
    bad = "@micropython.viper\ndef f(a: int) -> int:\n    return a & 0xF0000000\n"
    root = project(tmp_path, core__pitwasm__bad=bad, core__pitwasm__good="x = 1")
    with pytest.raises(builder.BuildError, match=r"bad\.py: mpy-cross -march=armv6m refuses"):
        builder.build("armv6m", root / "build", root)
    assert [p.name for p in (root / "build/armv6m/pitwasm").iterdir()] == ["good.mpy"]


@pytest.mark.parametrize("arch", builder.ARCHS)
def test_every_target_takes_every_file(arch: str) -> None:
    package = builder.build(arch) / "pitwasm"
    assert {p.stem for p in package.glob("*.mpy")} == builder.files(arch) >= {"__init__", "loop", "translate"}


def test_generated_files_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.genloop", "--check"], cwd=builder.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
