# Viper compiler: calls, to functions of the unit by a branch, to all others by way of MicroPython
# MIT license; Copyright (c) 2026 the pitwasm authors
from __future__ import annotations

import ast

from tools.viperc.expressions import FUN, Expressions
from tools.viperc.ir import Imm, Operand
from tools.viperc.signature import POINTERS, Signature, Unsupported


class Calls(Expressions):
    """The part of a function's front end that calls others."""

    def call(self, node: ast.Call, unused: bool = False) -> tuple[Operand, str]:
        """A call: a conversion, a function of the unit, or anything else by way of MicroPython."""
        if node.keywords or not isinstance(node.func, ast.Name):
            self._no(node)
        name = node.func.id  # type: ignore[attr-defined]
        c = self.code
        if name in POINTERS or name in ("int", "uint", "ptr"):
            return self._conversion(name, node)
        if self._is_direct(node):
            sig = self.module.direct[name]
            result = self._direct(node)
            if unused:
                return Imm(0), "object"
            if not result:
                return self.expr(ast.Constant(None))
            if self.sig.plain or sig.result == "object":
                return result[0], sig.result
            return self._boxed(result[0], sig.result), "object"
        if name in ("get32", "put32") and self.sig.plain:
            at, extra = self._split(node.args[1])
            t = c.reg()
            c.emit("add", t, self.buffers["pool"], at)
            if name == "put32":
                c.emit("st", None, t, Imm(extra), self.number(node.args[2])[0], k=4)
                return Imm(0), "object"
            d = c.reg()
            c.emit("ld", d, t, Imm(extra), k=4)
            return d, "int"
        if name in self.module.shims and name not in self.vars and len(node.args) == self.module.shims[name] and unused:
            c.emit("call", None, args=tuple(self.number(arg)[0] for arg in node.args), target="shim " + name)
            return Imm(0), "object"
        fun, kind = self.expr(node.func)
        if kind != "object":
            self._no(node)
        d = self._objects(fun, [self._argument(arg) for arg in node.args])
        return d, "object"

    def _argument(self, arg: ast.expr) -> Operand:
        if self.sig.plain and isinstance(arg, ast.Name) and arg.id == "pool":
            return self.pool_object
        return self._boxed(*self.expr(arg))

    def _split(self, node: ast.expr) -> tuple[Operand, int]:
        """An offset as a value and a constant."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.right, ast.Constant):
            return self.number(node.left)[0], node.right.value
        value, _ = self.number(node)
        return (Imm(0), value.k) if isinstance(value, Imm) else (value, 0)

    def _objects(self, fun: Operand, boxed: list[Operand]) -> int:
        """Call a function object."""
        c = self.code
        for k, value in enumerate(boxed):
            c.emit("sto", None, c=value, k=k)
        c.out = max(c.out, len(boxed))
        p, d = c.reg(), c.reg()
        c.emit("argp", p)
        c.emit("call", d, self.fun, args=(fun, Imm(len(boxed)), p), target=FUN["call"])
        return d

    def _conversion(self, name: str, node: ast.Call) -> tuple[Operand, str]:
        """int(x), uint(x), ptr8(x) …"""
        if len(node.args) != 1:
            self._no(node)
        arg = node.args[0]
        if isinstance(arg, ast.Name) and arg.id in self.buffers and name in POINTERS:
            return self.buffers[arg.id], name
        if isinstance(arg, ast.Name) and arg.id in self.module.tables and arg.id not in self.vars:
            return self._table(arg.id), name
        if isinstance(arg, ast.Call) and self._is_direct(arg):
            result = self._direct(arg)
            if len(result) != 1 or self.module.direct[arg.func.id].result == "object":  # type: ignore[attr-defined]
                self._no(node)
            return result[0], name
        value, kind = self.expr(arg)
        if kind == "object":
            d = self.code.reg()
            self._native(d, self.code.value(value), name)
            return d, name
        return value, name

    def _is_direct(self, node: ast.Call) -> bool:
        return isinstance(node.func, ast.Name) and node.func.id in self.module.direct and node.func.id not in self.vars

    def _direct(self, node: ast.Call) -> list[int]:
        """Call a function of the unit."""
        sig = self.module.direct[node.func.id]  # type: ignore[attr-defined]
        args = list(node.args)
        missing = len(sig.params) - len(args)
        if not 0 <= missing <= len(sig.defaults):
            raise Unsupported(f"line {node.lineno}: {len(args)} arguments for {sig.name}")
        if missing:
            args += [ast.Constant(k) for k in sig.defaults[len(sig.defaults) - missing :]]
        values: list[Operand] = []
        for (name, kind), arg in zip(sig.params, args, strict=True):
            if name == "pool" or kind == "cells":
                # Cells are always the pool's.
                if not isinstance(arg, ast.Name) or arg.id != name and name == "pool" or "pool" not in self.buffers:
                    self._no(node)
                continue
            value, got = self.expr(arg)
            if kind == "object" and got != "object" or kind != "object" and got == "object" or kind == "bool" and got != kind:
                raise Unsupported(f"line {node.lineno}: {kind} wanted, {got} given")
            values.append(value)
        return self._branch(sig, tuple(values))

    def _branch(self, sig: Signature, values: tuple[Operand, ...]) -> list[int]:
        c = self.code
        if not self.module.pinned:
            values = (*values, self.ctx)
        for k, value in enumerate(values[4:]):
            c.emit("sto", None, c=value, k=k)
        c.out = max(c.out, len(values) - 4)
        results = [c.reg() for _ in range(sig.results)]
        c.emit("call", results[0] if results else None, args=values[:4], target=sig.name)
        for k, v in enumerate(results[1:]):
            c.emit("more", v, b=results[1] if k else None, c=results[0], k=k + 1)  # all in the same moment: none in the others' place
        return results
