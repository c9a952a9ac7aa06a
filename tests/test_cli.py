# The command line on the device: micropython -m pitwasm, its output to the byte and its exit statuses
# MIT license; Copyright (c) 2026 the pitwasm authors

import subprocess
from pathlib import Path

import pytest

from tests.wat import modules
from tools import serve
from tools.host import ROOT
from tools.mp import MicroPython

APP = """
  (memory (export "memory") 1)
  (table (export "t") 1 2 funcref)
  (global (export "g") (mut i32) (i32.const 1))
  (global (export "c") f64 (f64.const 2))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "i64") (param i64) (result i64) (local.get 0))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "f64") (param f64) (result f64) (local.get 0))
  (func (export "all") (param i32 i64 f32 f64 externref) (result externref f64 f32 i64 i32)
    (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "none"))
  (func (export "spin") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $div (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $ref (export "ref") (result funcref) (ref.func $ref))
"""
START = '(func (export "_start") (drop (i32.load8_u (i32.const 65535)))) (memory 1)'
USAGE = """usage: micropython -m pitwasm [--invoke NAME] [--modules DIR] [--uart PATH] [--dir HOST[::GUEST]] [--env NAME=VALUE]
       [--pool BYTES] [--fuel N] [--bits] [--stats] app.wasm [ARGS...]
"""


@pytest.fixture
def cli(mp: MicroPython, tmp_path: Path):
    """cli(words): (status, stdout, stderr) of pitwasm with these words of command line."""
    modules(tmp_path, app=APP, start=START, bad='(import "a" "b" (func))', trap="(func $f unreachable) (start $f)")
    (tmp_path / "broken.wasm").write_bytes((tmp_path / "app.wasm").read_bytes()[:-3])
    (tmp_path / "text.wasm").write_text("(module)")

    def run(*words: str) -> tuple[int, str, str]:
        done: subprocess.CompletedProcess[str] = mp.run(["-m", "pitwasm", *words], cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return run


def test_lists_exports(cli) -> None:
    status, out, err = cli("app.wasm")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "memory memory: 1",
        "table t: funcref 1 2",
        "global g: mut i32",
        "global c: f64",
        "func add: (i32, i32) -> (i32)",
        "func i64: (i64) -> (i64)",
        "func f32: (f32) -> (f32)",
        "func f64: (f64) -> (f64)",
        "func all: (i32, i64, f32, f64, externref) -> (externref, f64, f32, i64, i32)",
        "func none: () -> ()",
        "func spin: (i32) -> ()",
        "func div: (i32, i32) -> (i32)",
        "func ref: () -> (funcref)",
    ]


INTEGERS = [
    (("add", "31", "0"), "31:i32"),
    (("add", "-5", "-4"), "-9:i32"),
    (("add", "0xffffffff", "0"), "-1:i32"),
    (("add", "4294967295", "2"), "1:i32"),
    (("add", "-2147483648", "0"), "-2147483648:i32"),
    (("i64", "-9"), "-9:i64"),
    (("i64", "-9223372036854775808"), "-9223372036854775808:i64"),
    (("i64", "9223372036854775807"), "9223372036854775807:i64"),
    (("i64", "18446744073709551615"), "-1:i64"),
    (("i64", "0x7fffffffffffffff:i64"), "9223372036854775807:i64"),
    (("i64", "1234567890123456789"), "1234567890123456789:i64"),
    (("none",), ""),
    (("ref",), None),
]


def test_integers(cli) -> None:
    for words, want in INTEGERS:
        status, out, err = cli("--invoke", words[0], "app.wasm", *words[1:])
        assert (status, err) == (0, ""), words
        if want is None:
            assert out.endswith(":funcref\n") and out != "null:funcref\n"
        else:
            assert out == (want and want + "\n"), words


FLOATS = [
    ("f32", "0.5", "0.5"),
    ("f32", "-0.0", "-0"),
    ("f32", "3.4028235e38", "3.4028235e+38"),
    ("f64", "0.1", "0.1"),
    ("f64", "-1e300", "-1e+300"),
    ("f64", "5e-324", "5e-324"),
    ("f64", "inf", "inf"),
    ("f64", "-inf", "-inf"),
    ("f64", "nan", "nan"),
]


def test_floats(cli) -> None:
    for kind, text, want in FLOATS:
        status, out, err = cli("--invoke", kind, "app.wasm", text)
        assert (status, err) == (0, ""), (kind, text)
        value, _, shown = out.strip().partition(":")
        assert shown == kind
        # The same number, and what was printed is read again as such.
        assert value.startswith("-") == want.startswith("-") and (float(value) == float(want) or value == want == "nan"), (out, want)
        assert cli("--invoke", kind, "app.wasm", value)[1] == out


@pytest.mark.parametrize(
    "kind, bits",
    [
        ("f32", "0x3f000000"),
        ("f32", "0x80000000"),
        ("f32", "0x7fa00001"),
        ("f64", "0x7ff0000000000001"),
        ("f64", "0xffffffffffffffff"),
        ("f64", "0x0000000000000001"),
    ],
)
def test_bits(cli, kind: str, bits: str) -> None:
    assert cli("--bits", "--invoke", kind, "app.wasm", bits) == (0, f"{bits}:{kind}\n", "")
    assert cli("--bits", "--invoke", kind, "app.wasm", f"{bits}:{kind}") == (0, f"{bits}:{kind}\n", "")


def test_each_result_on_its_line(cli) -> None:
    words = ("--bits", "--invoke=all", "app.wasm", "7", "-7", "0x3f800000", "0x4000000000000000", "null")
    assert cli(*words) == (0, "null:externref\n0x4000000000000000:f64\n0x3f800000:f32\n-7:i64\n7:i32\n", "")


def test_start_and_arguments_for_it(cli) -> None:
    assert cli("start.wasm") == (0, "", "")
    assert cli("start.wasm", "--invoke", "-x") == (0, "", "")


FAILURES = [
    (("--invoke", "div", "app.wasm", "1", "0"), "pitwasm: app: integer divide by zero, at app!div+"),
    (("--invoke", "div", "app.wasm", "-2147483648", "-1"), "pitwasm: app: integer overflow, at app!div+"),
    (("--fuel", "100", "--invoke", "spin", "app.wasm", "1000"), "pitwasm: out of fuel"),
    (("broken.wasm",), "pitwasm: broken: "),
    (("text.wasm",), "pitwasm: text: magic header not detected"),
    (("bad.wasm",), "pitwasm: bad: no sub module reader to load a (bad -> a.b)"),
    (("trap.wasm",), "pitwasm: trap: unreachable, at trap!0+0"),
    (("missing.wasm",), "pitwasm: cannot read missing.wasm: "),
    (("--pool", "2K", "app.wasm"), "pitwasm: "),
    (("--pool", "32K", "app.wasm"), "pitwasm: "),
    (("--pool", "9", "app.wasm"), "pitwasm: a pool has "),
]


def test_failures_are_one_line_and_status_1(cli) -> None:
    for words, want in FAILURES:
        status, out, err = cli(*words)
        assert (status, out) == (1, ""), words
        assert err.startswith(want) and err.count("\n") == 1 and err.endswith("\n"), (words, err)


WRONG = [
    ((), "no module given"),
    (("--bits",), "no module given"),
    (("--nothing", "app.wasm"), "unknown option --nothing"),
    (("--invoke",), "--invoke needs a value"),
    (("--bits=1", "app.wasm"), "--bits takes no value"),
    (("--fuel", "much", "app.wasm"), "--fuel: 'much' is not a number"),
    (("--pool", "-8", "app.wasm"), "--pool: '-8' is not a number"),
    (("--dir",), "--dir needs a value"),
    (("--env", "HOME", "app.wasm"), "--env: 'HOME' is not NAME=VALUE"),
    (("app.wasm", "1"), "no --invoke, and app.wasm has no _start: nothing to give arguments to"),
    (("--invoke", "nope", "app.wasm"), "app.wasm exports no function 'nope'"),
    (("--invoke", "memory", "app.wasm"), "app.wasm exports no function 'memory'"),
    (("--invoke", "add", "app.wasm", "1"), "'add' takes 2 arguments (i32 i32), 1 given"),
    (("--invoke", "add", "app.wasm", "1", "2", "3"), "'add' takes 2 arguments (i32 i32), 3 given"),
    (("--invoke", "add", "app.wasm", "1", "2.5"), "argument '2.5' is no i32"),
    (("--invoke", "add", "app.wasm", "1", ""), "argument '' is no i32"),
    (("--invoke", "add", "app.wasm", "1", "4294967296"), "argument '4294967296' is no i32"),
    (("--invoke", "add", "app.wasm", "1", "-2147483649"), "argument '-2147483649' is no i32"),
    (("--invoke", "add", "app.wasm", "1", "2:i64"), "argument '2:i64' is for a parameter of type i32"),
    (("--invoke", "i64", "app.wasm", "18446744073709551616"), "argument '18446744073709551616' is no i64"),
    (("--invoke", "f32", "app.wasm", "half"), "argument 'half' is no f32"),
    (("--bits", "--invoke", "f32", "app.wasm", "0x123456789"), "argument '0x123456789' is no f32"),
]


def test_wrong_usage_is_status_2(cli) -> None:
    for words, want in WRONG:
        assert cli(*words) == (2, "", f"pitwasm: {want}\n{USAGE}"), words


def test_stats(cli) -> None:
    status, out, err = cli("--stats", "--pool", "96K", "--fuel=1000", "--invoke", "spin", "app.wasm", "100")
    assert (status, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith("pool: 98304 bytes, ") and lines[0].endswith(" at most")
    assert lines[1].startswith("code: ") and " bytes of code words for " in lines[1]
    assert lines[2].startswith("time: ")
    assert lines[3:] == ["fuel: 100 of 1000 used"]


def test_reads_the_module_as_a_stream(mp: MicroPython, tmp_path: Path) -> None:
    """A module larger than the heap besides the pool still loads: it is never in memory as a whole."""
    modules(tmp_path, big='(func (export "f") (result i32) (i32.const 5)) (@custom "fill" "' + "x" * 400_000 + '")')
    done = mp.run(["-m", "pitwasm", "--pool", "8K", "--invoke", "f", "big.wasm"], heap="192K", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5:i32\n", "")


def test_runs_from_any_folder(mp: MicroPython, tmp_path: Path) -> None:
    modules(tmp_path, start=START)
    done = mp.run(["-m", "pitwasm", str(tmp_path / "start.wasm")], cwd=Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_submodules_from_a_directory_and_over_a_line(cli, tmp_path: Path) -> None:
    """--modules and --uart: mB is in the one, mA at the end of the other."""
    seed = ROOT / "samples" / "seed"
    main, flash = str(seed / "mC.wasm"), str(seed / "flash")
    status, out, err = cli("--modules", flash, "--invoke", "C4", main)
    assert (status, out) == (1, "") and err == "pitwasm: mB: unknown import mA (mC -> mB -> mA.A1)\n"
    with serve.background(seed / "host") as line:
        for words, want in ((["--invoke", "C4"], "11:i32\n"), (["--invoke=$mB$B1"], "21:i32\n"), ([], "")):
            assert cli("--modules", flash, "--uart", line, *words, main) == (0, want, "")
    assert cli("--uart", str(tmp_path / "none"), main)[0] == 1
