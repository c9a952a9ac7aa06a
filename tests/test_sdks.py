# What is written down for guests of the functions that can be granted (guests/, docs/peripherals.md) is what there is
# MIT license; Copyright (c) 2026 the pitwasm authors

import re

import pytest

from tools import mp
from tools.host import ROOT


@pytest.fixture(scope="module")
def natives() -> dict[tuple[str, str], str]:
    """(module, function) -> WAMR signature, of all that can be granted."""
    script = """
from pitwasm import Runtime, board
from pitwasm.peripherals import grant
rt = Runtime(4096)
grant(rt, pins={0: "in"}, adc={0: True}, pwm={0: True}, i2c={0: 1}, spi={0: 1}, uart={0: 1}, time=True, log=True)
for module, functions in rt._natives.items():
    for name, (signature, _) in functions.items():
        print(module, name, signature)
"""
    words = [line.split() for line in mp.get(64).out(script).splitlines()]
    return {(module, name): signature for module, name, signature in words}


def signature(params: list[str], result: str) -> str:
    """The value types of a function declared in C, Rust or TypeScript; pointers and sizes are i32."""
    letters = {"int64_t": "I", "i64": "I"}
    return f"({''.join(letters.get(param, 'i') for param in params)}){'' if result in ('', 'void') else letters.get(result, 'i')}"


def split(params: str) -> list[str]:
    return [] if params in ("", "void") else params.split(", ")


def test_sdk_for_c(natives) -> None:
    text = (ROOT / "guests" / "c" / "pitwasm.h").read_text()
    found = re.findall(r'^PIT_IMPORT\("(\w+)", "(\w+)"\) (\w+) \w+\((.*?)\);', text, re.M)
    assert {(m, f): signature(split(p), r) for m, f, r, p in found} == {key: plain(s) for key, s in natives.items()}


def test_sdk_for_rust(natives) -> None:
    text = (ROOT / "guests" / "rust" / "src" / "lib.rs").read_text()
    found = {}
    for module, block in re.findall(r'wasm_import_module = "(\w+)"\)\]\s+extern "C" \{(.*?)\n    \}', text, re.S):
        functions = re.findall(r'(?:link_name = "(\w+)"\] )?pub fn (\w+)\((.*?)\)(?: -> (\w+))?;', " ".join(block.split()))
        for name, own, params, result in functions:
            types = [part.split(": ")[1] for part in params.strip(" ,").split(", ") if part]
            found[module, name or own] = signature(types, result)
    assert found == {key: plain(s) for key, s in natives.items()}


def test_sdk_for_assemblyscript(natives) -> None:
    text = (ROOT / "guests" / "assemblyscript" / "pitwasm.ts").read_text()
    found = re.findall(r'@external\("(\w+)", "(\w+)"\)\s+(?:export )?declare function \w+\((.*?)\): (\w+);', text)
    assert {(m, f): signature(split(p), r) for m, f, p, r in found} == {key: plain(s) for key, s in natives.items()}


def test_documentation(natives) -> None:
    rows = re.findall(r"^\| (`pit_\w+`)? ?\| `(\w+)\(.*?\)` \| `(.*?)` \|", (ROOT / "docs" / "peripherals.md").read_text(), re.M)
    found, module = {}, ""
    for new, name, type in rows:
        module = new.strip("`") or module
        found[module, name] = type
    assert found == natives


def plain(signature: str) -> str:
    return re.sub(r"[*~]", "i", signature)
