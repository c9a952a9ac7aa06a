# Viper compiler: signatures of functions, and what the functions of a unit may name
# MIT license; Copyright (c) 2026 the pitwasm authors
from __future__ import annotations

import ast
from dataclasses import dataclass

POINTERS = {"ptr8": 1, "ptr16": 2, "ptr32": 4}
# As the function table's converters number them.
TYPES = {"object": 0, "bool": 1, "int": 2, "uint": 3, "ptr": 4, "ptr8": 5, "ptr16": 6, "ptr32": 7}


@dataclass(frozen=True)
class Pins:
    """Registers that hold the same in all functions of a unit: the pool, its address, the module's context. Kept by whoever is called."""

    pool: int
    address: int
    context: int


class Unsupported(Exception):
    """The function has to stay what mpy-cross made of it; says why."""


@dataclass
class Signature:
    """A function: parameter names and types, type of the result ("object" of a function that returns nothing: None), number of results.

    Types besides viper's: "pool" and "cells", of a function that works on the pool's bytes and words without being viper.
    """

    name: str
    params: list[tuple[str, str]]
    result: str
    node: ast.FunctionDef
    results: int = 1
    plain: bool = False  # not a viper function: everything is an integer
    defaults: tuple[int, ...] = ()

    @classmethod
    def of(cls, node: ast.FunctionDef) -> Signature:
        """Of a viper function."""
        a = node.args
        if a.vararg or a.kwarg or a.kwonlyargs or a.defaults or a.posonlyargs:
            raise Unsupported("parameters with defaults or stars")
        params = [(x.arg, _type(x.annotation)) for x in a.args]
        return cls(node.name, params, _type(node.returns), node, _results(node))

    @classmethod
    def plainly(cls, node: ast.FunctionDef, objects: set[str]) -> Signature:
        """Of a function (pool, c, …) in Python written so that it can be compiled: `pool` bytes, `c` cells, integers, these objects."""
        a = node.args
        numbers = all(isinstance(d, ast.Constant) and isinstance(d.value, int) for d in a.defaults)
        if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or not numbers:
            raise Unsupported("parameters with stars, or defaults that are no integers")
        special = {"pool": "pool", "c": "cells"}
        params = [(x.arg, special.get(x.arg) or ("object" if x.arg in objects else "int")) for x in a.args]
        if any(kind != "int" for _, kind in params[len(params) - len(a.defaults) :]):
            raise Unsupported("an object with a default")
        results = _results(node)
        returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
        if results and any(v is None or isinstance(v, ast.Constant) and v.value is None for v in returns):
            raise Unsupported("a result on some ways only")
        defaults = tuple(int(d.value) for d in a.defaults)  # type: ignore[attr-defined]
        return cls(node.name, params, "int" if results else "object", node, results, True, defaults)


def _type(node: ast.expr | None) -> str:
    if node is None:
        return "object"
    if isinstance(node, ast.Name) and node.id in TYPES:
        return node.id
    raise Unsupported(f"type {ast.unparse(node)}")


def _results(node: ast.FunctionDef) -> int:
    values = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    values = [v for v in values if not (isinstance(v, ast.Constant) and v.value is None)]
    counts = {len(v.elts) if isinstance(v, ast.Tuple) else 1 for v in values}
    if len(counts) > 1:
        raise Unsupported("different numbers of results")
    return counts.pop() if counts else 0


class Module:
    """What the functions of a unit may name: each other, constants, places in the tables of the .mpy file."""

    def __init__(self, tree: ast.Module, qstrs: Table, objects: Table, fun_table: int) -> None:
        self.qstrs = qstrs
        self.objects = objects
        self.fun_table = fun_table
        self.constants: dict[str, int] = {}
        for s in tree.body:
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call) and ast.unparse(s.value.func) == "const":
                self.constants[ast.unparse(s.targets[0])] = eval(ast.unparse(s.value.args[0]), {}, dict(self.constants))
            elif isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant) and type(s.value.value) is int:
                self.constants[ast.unparse(s.targets[0])] = s.value.value
        self.bound = {n for s in tree.body for n in _binds(s)}  # names the module gives a meaning itself: all others are built in
        self.read: set[str] = set()  # those of them that compiled functions look up
        self.tables: dict[str, bytes] = {}  # constants of bytes that only functions of the unit read
        self.pinned = True  # pool and context lie in registers of their own; else the context is the last argument
        self.direct: dict[str, Signature] = {}  # functions called by a branch; they find pool, its address and the context in PINNED
        self.shims: dict[str, int] = {}  # functions in Python, and their number of integer arguments, called by way of a shim


def _binds(node: ast.stmt) -> set[str]:
    """The names a statement of a module binds."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name} | {x for n in ast.walk(node) if isinstance(n, ast.Global) for x in n.names}
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(node):
        if isinstance(n, (ast.Import, ast.ImportFrom)):
            found |= {a.asname or a.name.split(".")[0] for a in n.names}
        elif isinstance(n, (ast.FunctionDef, ast.ClassDef)):
            found.add(n.name)
    return found


class Table:
    """Names or constants of an .mpy file; what is missing is added at the end."""

    def __init__(self, there: list) -> None:
        self.there = list(there)

    def index(self, value: object) -> int:
        if value not in self.there:
            self.there.append(value)
        return self.there.index(value)
