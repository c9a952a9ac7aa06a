# The viper compiler: better machine code for the viper functions of an .mpy file than mpy-cross makes
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The source stays plain viper, which mpy-cross can compile too. A unit is one or more files that become one .mpy file: functions of a unit
# call each other by a branch; of those that nobody else calls mpy-cross does not even learn. What is outside the compiler's subset stays
# what mpy-cross made of it.
from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from tools.viperc.front import Front
from tools.viperc.ir import Code
from tools.viperc.mpyfile import NATIVE, VIPER, FormatError, MpyFile, RawCode
from tools.viperc.passes import optimise
from tools.viperc.signature import Module, Signature, Table, Unsupported
from tools.viperc.thumb import Thumb
from tools.viperc.x64 import X64

__all__ = ["BACKENDS", "FormatError", "MpyFile", "Unit", "Unsupported"]

STEADY = {"run": ("ip",)}  # function -> pointers that only code words are read through
# Architecture -> back end. Every Cortex-M runs Thumb as of ARMv6-M.
BACKENDS: dict[str, type[Thumb] | type[X64]] = {"armv6m": Thumb, "armv7m": Thumb, "x64": X64}
Names = Callable[[tuple[str, ...]], dict[str, int]]


def is_viper(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(ast.unparse(d) == "micropython.viper" for d in node.decorator_list)


class Unit:
    """Source files that become one .mpy file.

    Arguments: the files' syntax trees, as transformed for the machine (by module name, the unit's own last); the names that other files
    import from them; whether plain functions (pool, …) are compiled too; the architecture; a function, and others of the unit whose places
    in the code, from its start on, the file is to tell as `INNER`.
    """

    def __init__(
        self,
        trees: dict[str, ast.Module],
        wanted: Iterable[str],
        plain: bool,
        arch: str = "armv6m",
        inner: tuple[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.arch = arch
        self.inner = inner
        self.backend = BACKENDS[arch]
        self.report: dict[str, str] = {}
        self.listing: list[tuple[Thumb | X64, str, str]] | None = None  # (machine, function, intermediate code), for people to look at
        self.tree = _merged(trees)
        self.wanted = set(wanted)
        functions = [s for s in self.tree.body if isinstance(s, ast.FunctionDef)]
        self.functions: dict[str, Signature] = {}
        for node in functions:
            try:
                if is_viper(node):
                    self.functions[node.name] = Signature.of(node)
            except Unsupported as exc:
                self.report[node.name] = str(exc)
        if plain:
            for name, objects in _objects(functions).items():
                node = next(f for f in functions if f.name == name)
                try:
                    self.functions[name] = Signature.plainly(node, objects)
                except Unsupported as exc:
                    self.report[name] = str(exc)
        self._select()

    def _select(self) -> None:
        """Find out which functions can be compiled, which of them are called directly, and which nobody else has to know."""
        while True:
            self.module = Module(self.tree, Table([]), Table([]), 0)
            calls = {n: _called(s.node) & self.functions.keys() for n, s in self.functions.items()}
            direct = set().union(*calls.values(), self.inner[1] if self.inner else ())
            self.module.direct = {n: s for n, s in self.functions.items() if n in direct or s.plain}
            self.module.pinned = any(s.params and s.params[0][0] == "pool" for s in self.module.direct.values())
            self.module.tables = self._tables()
            others = [s for s in self.tree.body if isinstance(s, ast.FunctionDef) and s.name not in self.functions and not is_viper(s)]
            if self.module.direct and self.module.pinned:
                self.module.shims = {s.name: len(s.args.args) for s in others if s.name == "fail"}
            failed = self._fail([n for n in self.functions if n in self.module.direct], True)
            self.outside = self._seen()
            failed += [n for n in self._fail(self.outside, False) if n not in failed]
            self.outside = self._seen()
            if not failed:
                break
            for name in failed:
                del self.functions[name]

    def _fail(self, names: list[str], inner: bool) -> list[str]:
        """Those of the functions that cannot be compiled."""
        failed = []
        for name in names:
            try:
                self._code(self.functions[name], inner)
            except Unsupported as exc:
                self.report[name] = str(exc)
                failed.append(name)
        return failed

    def _seen(self) -> list[str]:
        """Functions that others than a caller in the unit know."""
        used = self._read() | self.module.read
        return [n for n in self.functions if n in used or n not in self.module.direct]

    def _read(self) -> set[str]:
        """Names that other files import, or that are read outside of the functions compiled here."""
        read = set(self.wanted)
        for s in self.tree.body:
            if not (isinstance(s, ast.FunctionDef) and s.name in self.functions):
                read |= {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        return read

    def _tables(self) -> dict[str, bytes]:
        """Constants of bytes that nothing but compiled functions reads."""
        found: dict[str, bytes] = {}
        for s in self.tree.body:
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, bytes):
                found[ast.unparse(s.targets[0])] = s.value.value
        read = self._read()
        return {name: data for name, data in found.items() if name not in read} if self.module.direct else {}

    def _code(self, sig: Signature, inner: bool) -> Code:
        front = Front(self.module, sig, self.backend.bits, self.backend.pins, STEADY.get(sig.name, ()))
        return front.body() if inner else front.outer()

    def source(self) -> str:
        """What mpy-cross is to compile: without the functions only this unit calls, of the others compiled here only the head."""
        gone = set(self.functions) - set(self.outside)
        body = [s for s in self.tree.body if not (isinstance(s, ast.FunctionDef) and s.name in gone)]
        body = [s for s in body if not (isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) in self.module.tables)]
        body = [_head(s) if isinstance(s, ast.FunctionDef) and s.name in self.functions else s for s in body]
        if self.inner:
            body.append(ast.parse(f"INNER = {self._unknown()!r}").body[0])
        return ast.unparse(ast.fix_missing_locations(ast.Module(body, []))) + "\n"

    def _unknown(self) -> bytes:
        """What stands in INNER's place until the code is made."""
        return b"".join((0xA5C3E1F0 + n).to_bytes(4, "little") for n in range(len(self.inner[1]))) if self.inner else b""

    def improve(self, data: bytes, names: Names) -> bytes:
        """The .mpy file with machine code of our own. names: finds the numbers of names built into every firmware."""
        if not self.functions:
            return data
        mpy = MpyFile.parse(data)
        children = list(mpy.code.children or ())
        kept = [s for s in ast.parse(self.source()).body if isinstance(s, (ast.FunctionDef, ast.ClassDef))]
        if len(children) != len(kept):
            raise Unsupported(f"{len(children)} functions in the .mpy file, {len(kept)} in the source")
        raws = {s.name: raw for s, raw in zip(kept, children, strict=True)}
        wanted = {n.id for s in self.functions.values() for n in ast.walk(s.node) if isinstance(n, ast.Name)} | set(self.functions)
        numbers = names(tuple(sorted(wanted)))
        by_number = {k: name for name, k in numbers.items()}
        self.module.qstrs = Table([x if x is not None else by_number.get(k, k) for x, k in zip(mpy.names, mpy.static, strict=True)])
        self.module.objects = Table(mpy.objects)
        self.module.fun_table = mpy.fun_table
        if mpy.fun_table < 0:
            self.module.fun_table = mpy.add_fun_table(self.arch)
            self.module.objects.there.append(None)
        first = self.inner[0] if self.inner else next((n for n in self.outside if n in raws), None)
        assert first is not None
        if self.module.direct:
            self._together(raws, first)
        else:
            for name in self.outside:
                machine = self.backend()
                self._emit(machine, self.functions[name], False)
                self._exchange(raws[name], machine.assemble())
        mpy.extend(self.module.qstrs.there[len(mpy.names) :], self.module.objects.there[len(mpy.objects) :], numbers)
        if self.inner:
            if mpy.tables.count(self._unknown()) != 1:
                raise Unsupported("INNER is no constant of the file")
            mpy.tables = mpy.tables.replace(self._unknown(), self.places)
        return mpy.build()

    def _emit(self, machine: Thumb | X64, sig: Signature, inner: bool) -> None:
        code = self._code(sig, inner)
        optimise(code)
        if self.listing is not None:
            self.listing.append((machine, code.name, code.text()))
        machine.function(code, inner)

    def _together(self, raws: dict[str, RawCode], first: str) -> None:
        """All code in the place of one function's; in the others' place a jump to it."""
        machine = self.backend()
        order = [first, *(n for n in self.outside if n != first)]
        self._emit(machine, self.functions[first], False)
        for name in self.module.direct:
            self._emit(machine, self.functions[name], True)
        for name in order[1:]:
            self._emit(machine, self.functions[name], False)
        for name, n in self.module.shims.items():
            node = next(s for s in self.tree.body if isinstance(s, ast.FunctionDef) and s.name == name)
            code = Front(self.module, Signature(name, [], "object", node), self.backend.bits, self.backend.pins).shim(n)
            code.name = "shim " + name
            optimise(code)
            machine.function(code, True)
        for n, data in enumerate(self.module.tables.values()):
            machine.table(n, data)
        q = self.module.qstrs.index(first)
        self._exchange(raws[first], machine.assemble())
        for name in order[1:]:
            at = machine.labels[name + "$" if name in self.module.direct else name]
            self._exchange(raws[name], self.backend.stub(q, self.module.fun_table, at))
        self.places = b"".join(machine.labels[name].to_bytes(4, "little") for name in self.inner[1]) if self.inner else b""

    def _exchange(self, raw: RawCode, data: bytes) -> None:
        if raw.kind == NATIVE or raw.children:
            raise Unsupported("not a viper function")
        if raw.kind != VIPER:
            raw.kind, raw.tail = VIPER, b"\0"
        raw.data = data


def _head(node: ast.FunctionDef) -> ast.FunctionDef:
    """The function without its body."""
    return ast.FunctionDef(node.name, node.args, [ast.Pass()], node.decorator_list, node.returns)


def _merged(trees: dict[str, ast.Module]) -> ast.Module:
    """One file of several: imports once, those from each other not at all."""
    imports: list[ast.stmt] = []
    body: list[ast.stmt] = []
    seen = set()
    names: set[str] = set()
    for tree in trees.values():
        if len(trees) > 1:
            _constants(tree)
        own = {s.name for s in tree.body if isinstance(s, (ast.FunctionDef, ast.ClassDef))}
        if own & names:
            raise Unsupported(f"two files of a unit have {', '.join(sorted(own & names))}")
        names |= own
        for s in tree.body:
            if isinstance(s, ast.ImportFrom) and s.level == 1 and s.module in trees and len(trees) > 1:
                continue
            text = ast.unparse(s)
            if isinstance(s, (ast.Import, ast.ImportFrom)) or isinstance(s, ast.Assign):
                if text not in seen:
                    (imports if not isinstance(s, ast.Assign) else body).append(s)
                    seen.add(text)
            else:
                body.append(s)
    if len(trees) > 1:
        body = [_Inside(set(trees)).visit(s) for s in body]
    return ast.Module(imports + body, [])


def _constants(tree: ast.Module) -> None:
    """A file's `_NAME = const(…)` are its own: they go where they are used."""
    known: dict[str, int] = {}
    for s in list(tree.body):
        if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call) and ast.unparse(s.value.func) == "const":
            name = ast.unparse(s.targets[0])
            known[name] = eval(ast.unparse(s.value.args[0]), {}, dict(known))
            if name.startswith("_"):
                tree.body.remove(s)
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            parts = value if isinstance(value, list) else [value]
            new = [ast.Constant(known[x.id]) if isinstance(x, ast.Name) and x.id[:1] == "_" and x.id in known else x for x in parts]
            if new != parts:
                setattr(node, field, new if isinstance(value, list) else new[0])


class _Inside(ast.NodeTransformer):
    """Drops imports, within functions, of what the unit has itself."""

    def __init__(self, members: set[str]) -> None:
        self.members = members

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return ast.Pass() if node.level == 1 and node.module in self.members else node


def _called(node: ast.FunctionDef) -> set[str]:
    return {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def _objects(functions: list[ast.FunctionDef]) -> dict[str, set[str]]:
    """Plain functions (pool, …), and which of their parameters are objects: what is called, or handed on as such."""
    plain = {f.name: f for f in functions if not f.decorator_list and f.args.args and f.args.args[0].arg == "pool"}
    objects = {name: _called(f) & {a.arg for a in f.args.args} for name, f in plain.items()}
    for f in functions:
        if is_viper(f):
            objects[f.name] = _called(f) & {a.arg for a in f.args.args}
    changed = True
    while changed:
        changed = False
        for name, f in plain.items():
            own = {a.arg for a in f.args.args}
            for call in (n for n in ast.walk(f) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in plain):
                callee = call.func.id  # type: ignore[attr-defined]
                for param, arg in zip(plain[callee].args.args, call.args, strict=False):
                    if param.arg in objects[callee] and isinstance(arg, ast.Name) and arg.id in own and arg.id not in objects[name]:
                        objects[name].add(arg.id)
                        changed = True
    return {name: objects[name] for name in plain}
