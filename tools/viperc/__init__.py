# The viper compiler: better machine code for the viper functions of an .mpy file than mpy-cross makes
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The source stays plain viper, which mpy-cross has compiled already: what is exchanged here is machine code only. A function outside the
# compiler's subset keeps the code it has.
from __future__ import annotations

import ast
from collections.abc import Callable

from tools.viperc import thumb
from tools.viperc.front import Front, Module, Signature, Unsupported
from tools.viperc.ir import optimise
from tools.viperc.mpyfile import VIPER, MpyFile

__all__ = ["MpyFile", "Unsupported", "improve"]

STEADY = {"loop": ("ip",)}  # module -> pointers that only code words are read through


def vipers(tree: ast.Module) -> list[ast.FunctionDef]:
    """The viper functions of a file, in the order of their raw code."""
    found = []

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef) and any(ast.unparse(d) == "micropython.viper" for d in child.decorator_list):
                found.append(child)
            walk(child)

    walk(tree)
    return found


def improve(
    data: bytes, source: str, stem: str, names: Callable[[tuple[str, ...]], dict[str, int]], report: dict[str, str] | None = None
) -> bytes:
    """An .mpy file for a Cortex-M with its viper functions compiled again. names: numbers of the names built into every firmware."""
    tree = ast.parse(source)
    mpy = MpyFile.parse(data)
    codes = [raw for raw in mpy.code.all() if raw.kind == VIPER]
    nodes = vipers(tree)
    if len(codes) != len(nodes):
        raise Unsupported(f"{stem}: {len(nodes)} viper functions, {len(codes)} in the .mpy file")
    if not nodes:
        return data
    wanted = {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)} - {x for x in mpy.names if x}
    numbers = names(tuple(sorted(wanted))) if any(x is None for x in mpy.names) else {}
    by_number = {k: name for name, k in numbers.items()}
    table = [name if name is not None else by_number.get(static, "") for name, static in zip(mpy.names, mpy.static, strict=True)]
    module = Module(tree, table, mpy.objects, mpy.fun_table)
    for raw, node in zip(codes, nodes, strict=True):
        try:
            code = Front(module, Signature.of(node), 32, STEADY.get(stem, ())).wrapper()
        except Unsupported as exc:
            if report is not None:
                report[node.name] = str(exc)
            continue
        optimise(code)
        machine = thumb.Thumb()
        machine.function(code)
        new = machine.assemble()
        if report is not None:
            report[node.name] = f"{len(raw.data)} -> {len(new)}"
        raw.data = new
    return mpy.build()
