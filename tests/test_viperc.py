# tools/viperc, the compiler of viper functions: whole programs (tests/viperrun.py), what it leaves to mpy-cross, what it builds
# MIT license; Copyright (c) 2026 the pitwasm authors
import ast
import random
import textwrap
from pathlib import Path

import pytest

from tests import viperrun
from tests.viperfuzz import Program
from tools import build, viperc
from tools.macros import load_layout, transform

# ---- whole programs ---------------------------------------------------------------------------------------------------------------------
CASES = {
    "a count in the result's register": ("def f(pool, x: int) -> int:\n    y = x * 3\n    x = y << x\n    return x", [(0,), (3,), (31,)]),
    "an argument nobody reads": (
        "def g(pool: ptr8, a: int, b: int, c: int) -> int:\n    return a - b * c\n\n@micropython.viper\n"
        "def f(pool: ptr8, a: int, b: int, c: int, d: int) -> int:\n    return int(g(pool, a, b, d))",
        [(1, 2, 3, 4)],
    ),
    "six arguments that live long": (
        "def g(pool: ptr8, a: int, b: int, c: int, d: int, e: int, g: int) -> int:\n    x = a\n    while x < 100:\n"
        "        pool[x & 7] = b\n        x += c * d + e * g + 1\n"
        "    return x + a * 2 + b * 3 + c * 5 + d * 7 + e * 11 + g * 13\n\n@micropython.viper\n"
        "def f(pool: ptr8, a: int) -> int:\n    return int(g(pool, a, 1, 2, 3, 4, 5)) + int(g(pool, 1, 2, 3, 4, 5, a))",
        [(1,), (7,), (50,)],
    ),
    "a literal as an unsigned result": ("def f(pool) -> uint:\n    return uint(-1)", [()]),
    "unsigned constants shift so": ("def f(pool) -> uint:\n    return uint(-256) >> 4", [()]),
    "no bits to test": ("def f(pool, x: int) -> int:\n    if x & 0:\n        return 1\n    return 2", [(0,), (1,), (-1,)]),
    "a constant divided by 0": ("def f(pool, x: int) -> int:\n    if x:\n        return 1 // (x - x + 7)\n    return 3", [(0,), (1,)]),
    "a store in between": ("def f(pool) -> int:\n    p = ptr8(pool)\n    q = ptr32(pool)\n    x = p[0]\n    q[0] = x + 1\n"
    "    return x * 1000 + p[0]", [()]),
    "the end without a result": ("def f(pool, x: int) -> int:\n    if x:\n        return 5", [(0,), (1,)]),
    "return without a value": ("def f(pool, x: int) -> int:\n    if x:\n        return\n    return 6", [(0,), (1,)]),
    "a truth value": ("def f(pool, x: bool) -> bool:\n    return x", [(0,), (1,), (300,)]),
    "large results": ("def f(pool, x: int) -> int:\n    return x + x", [(0x1FFFFFFF,), (0x20000000,), (0x3FFFFFFF,), (-0x20000001,)]),
    "too few arguments": ("def f(pool, x: int, y: int) -> int:\n    return x + y", [(1,), (1, 2, 3), ()]),
    "the wrong kind of argument": ("def f(pool, x: int) -> int:\n    return x", [("a",), (None,), ([],)]),
    "a call that fails": ("def f(pool, x: int) -> int:\n    return int(bad(x)) + 1\n\ndef bad(x):\n    return [][x]", [(1,)]),
    "a function that returns nothing": (
        "def g(pool: ptr8):\n    pool[0] = 9\n\n@micropython.viper\ndef f(pool: ptr8):\n    x = g(pool)\n    return x",
        [()],
    ),
    "a function of the unit as an object": (
        "def g(pool: ptr8, x: int) -> int:\n    return x + 1\n\ndef apply(fun, pool, x):\n    return fun(pool, x) * 2\n\n"
        "@micropython.viper\n"
        "def f(pool: ptr8, x: int) -> int:\n    return int(g(pool, x)) + int(apply(g, pool, x))",
        [(4,)],
    ),
    "counting down, by threes": (
        "def f(pool, a: int, b: int) -> int:\n    t = 0\n    for i in range(a, b, -3):\n        t = t * 10 + i\n"
        "        if i == 2:\n            continue\n        t += 1\n"
        "    return t",
        [(9, 0), (0, 9), (5, -5)],
    ),
    "built-in names": ("def f(pool) -> int:\n    return int(len(pool)) + int(max(3, 4))", [()]),
}


@pytest.mark.parametrize("arch", ["armv6m", "x64"])
def test_cases(arch: str, tmp_path: Path) -> None:
    """Each is as in mpy-cross's code: result, exception, memory."""
    machine = viperrun.runner(arch)
    lines = []
    for n, (text, calls) in enumerate(CASES.values()):
        viperrun.both(Program("import micropython\n@micropython.viper\n" + text + "\n", [], "pool", False, ["f"]), tmp_path, str(n), arch)
        lines.append(repr((n, "pool", [("f", args) for args in calls])))
    (tmp_path / "cases.txt").write_text("\n".join(lines))
    found = machine.run([viperrun.CHILD, tmp_path], heap="8M", paths=[tmp_path]).stdout.splitlines()
    names = list(CASES)
    assert [(names[int(line.split()[1])], line) for line in found if line.startswith("differs")] == []
    assert found[-1] == "done"


@pytest.mark.parametrize("arch, count", [("armv6m", 100), ("x64", 200)])
def test_random_programs(arch: str, count: int) -> None:
    """Other ones each time; a failure is repeated by python -m tests.viperrun --arch … --seed N --count 1 --show."""
    first = random.randrange(1 << 28)
    print(f"{arch}: seeds from {first}")
    tally = viperrun.many(range(first, first + count), arch, 1)
    assert tally.differences == []
    assert tally.kept == []
    assert tally.programs >= count * 0.95
    assert tally.sizes[1] < tally.sizes[0]


# ---- what stays MicroPython's -----------------------------------------------------------------------------------------------------------
def unit(text: str, plain: bool = False, wanted: tuple[str, ...] = ("f",)) -> viperc.Unit:
    return viperc.Unit({"m": ast.parse(textwrap.dedent(text))}, wanted, plain)


@pytest.mark.parametrize(
    "text, why",
    [
        ("def f(x: int, y=1) -> int:\n    return x", "parameters with defaults"),
        ("def f(x: int) -> int:\n    return x.y", "line 3: Attribute"),
        ("def f(x: int) -> int:\n    return int(g('abc')) + x\ndef g(x):\n    return 1", "line 3: Constant"),
        ("def f(x: object) -> int:\n    return int(len(x))", "len, which is none of the module's names"),
        ("def f(x: int) -> int:\n    return x & 0x40000000", "no machine word"),
        ("def f(x: int) -> int:\n    while x:\n        x = y\n        y = 1\n    return x", "y is read before it is assigned"),
        ("def f(x) -> int:\n    p = ptr8(x)\n    return p[x]", "an object in a number's place"),
        ("def f(x) -> int:\n    return 1 if x & 1 else 2", "an object in a number's place"),
        ("def f(x) -> int:\n    t = 0\n    for i in range(x):\n        t += i\n    return t", "an object in a number's place"),
        ("def f(x: int):\n    p = ptr8(x)\n    p[0] = f", "line 4: Assign"),
        ("def f(x: int) -> int:\n    try:\n        return 1\n    except ValueError:\n        return 2", "line 3: Try"),
        ("def f(x: int):\n    return x, x", "a tuple as result"),
        ("def f(x: uint) -> uint:\n    return x // 3", "division of uint"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """Such a function keeps the code mpy-cross makes for it; the report says why."""
    made = unit("@micropython.viper\n" + text)
    assert why in made.report["f"]
    assert made.functions == {}
    assert ast.unparse(ast.parse("@micropython.viper\n" + text)) in made.source()


@pytest.mark.parametrize(
    "text, why",
    [
        ("def f(pool, c, x):\n    pool = x\n    return pool", "assigns to the pool"),
        ("def f(pool, c, x):\n    return 'a'", "Constant"),
        ("def f(pool, c, x=None):\n    return 1", "defaults that are no integers"),
        ("def f(pool, c, x):\n    if x:\n        return 1\n    return None", "a result on some ways only"),
        ("def f(pool, c, x):\n    if x:\n        return 1, 2\n    return 3", "different numbers of results"),
        ("def f(pool, c, x):\n    return x or 5", "BoolOp"),
        ("def f(pool, c, x):\n    return x + (1 << 40)", ""),
        ("def f(pool, c, x):\n    return x + 0x123456789", "no machine word"),
        ("def f(pool, c):\n    return 1, 2", "several results, for MicroPython"),
    ],
)
def test_plain_functions_refused(text: str, why: str) -> None:
    made = unit(text, True)
    if why:
        assert why in made.report["f"]
    else:
        assert made.report == {}


def test_a_refused_function_is_called_by_way_of_micropython() -> None:
    """So are those that call it for more than MicroPython gives them: they are refused in turn, and the build does not fail."""
    text = "def g(pool, c):\n    return 1, 2\ndef h(pool, c):\n    a, b = g(pool, c)\n    return a\n"
    assert unit(text, True, ("h",)).report == {}
    made = unit(text + "def f(pool, c):\n    return [h(pool, c), g(pool, c)]\n", True)
    assert made.functions == {}
    assert "several results" in made.report["g"]


# ---- what is built ----------------------------------------------------------------------------------------------------------------------
# Functions that stay MicroPython's, by unit; of other files all viper functions but these are compiled.
KEPT = {"translate": {"fail", "body"}, "driver": {"_put_ints"}}


def built(arch: str) -> dict[str, tuple[viperc.Unit, dict[str, str]]]:
    """Every file's unit, and the texts it is made of."""
    layout: dict[str, int] = {}
    for path in ("core/pitwasm/layout.py", "core/gen/opcodes.py"):
        layout |= load_layout(build.ROOT / path)
    layout["IMAGE_CODE"] = build.image_code(layout)
    modules = build.sources(arch)
    found = {}
    for name in sorted(build.files(arch)):
        members = build.UNITS.get(name, (name,))
        texts = {m: transform(modules[m].read_text(), modules[m], build.ARCHS[arch][0], layout, unit=True) for m in members}
        made = build.unit_of(texts, arch, build.wanted(name, modules, arch) if len(members) > 1 else set())
        assert made is not None
        found[name] = made, texts
    return found


@pytest.mark.parametrize("arch", viperc.BACKENDS)
def test_every_file(arch: str, tmp_path: Path) -> None:
    """Each parses; all but a few functions are viperc's; no file is larger than mpy-cross makes it."""
    package = build.build(arch) / "pitwasm"
    table = []
    for name, (made, texts) in built(arch).items():
        path = package / f"{name}.mpy"
        viperc.MpyFile.parse(path.read_bytes())
        functions = [s for s in made.tree.body if isinstance(s, ast.FunctionDef)]
        named = {s.name for s in functions if len(texts) > 1 or viperc.is_viper(s)}
        assert named - made.functions.keys() == KEPT.get(name, set()), (name, made.report)
        if not made.functions:
            continue
        alone = 0
        for stem, text in texts.items():
            alone += len(viperrun.cross(text, tmp_path / f"{stem}.mpy", arch))
        table.append((name, alone, path.stat().st_size))
    for name, alone, ours in table:
        print(f"{arch:8} {name:12} {alone:7} {ours:7} {100 * ours // alone:4} %")
    assert [row for row in table if row[2] > row[1]] == []
