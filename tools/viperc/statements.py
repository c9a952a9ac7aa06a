# Viper compiler: statements as intermediate code
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A local has the type of its first assignment.
from __future__ import annotations

import ast

from tools.viperc.calls import Calls
from tools.viperc.ir import Block, Imm, Operand
from tools.viperc.signature import Module, Signature, Unsupported


class Statements(Calls):
    """The part of a function's front end that makes its statements."""

    def __init__(self, module: Module, sig: Signature, bits: int, steady: tuple[str, ...] = ()) -> None:
        super().__init__(module, sig, bits)
        self.loops: list[tuple[Block, Block]] = []  # where continue and break lead
        self.steady = steady

    def _return(self, node: ast.expr | None) -> None:
        raise NotImplementedError

    def block(self, body: list[ast.stmt]) -> None:
        for s in body:
            if self.code.at is None:
                return  # behind continue, break, return
            getattr(self, "s_" + type(s).__name__, self._no)(s)

    def s_Pass(self, s: ast.Pass) -> None:
        pass

    def s_Expr(self, s: ast.Expr) -> None:
        if isinstance(s.value, ast.Call):
            self.call(s.value, unused=True)
        elif not isinstance(s.value, ast.Constant):
            self._no(s)

    def s_Return(self, s: ast.Return) -> None:
        self._return(s.value)

    def s_Assign(self, s: ast.Assign) -> None:
        if isinstance(s.value, ast.Tuple):
            values = [self._copy(*self.expr(x)) for x in s.value.elts]
        elif isinstance(s.targets[0], ast.Tuple):
            if not (isinstance(s.value, ast.Call) and self._is_direct(s.value)):
                self._no(s)
            values = [(v, "int") for v in self._direct(s.value)]  # type: ignore[arg-type]
        else:
            values = [self.expr(s.value)]
        for target in s.targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            if len(parts) != len(values):
                self._no(s)
            for part, (value, kind) in zip(parts, values, strict=True):
                if isinstance(part, ast.Name):
                    self._set(part, value, kind)
                elif isinstance(part, ast.Subscript):
                    if kind == "object":
                        self._no(s)
                    self._store(part, value)
                else:
                    self._no(s)

    def _copy(self, value: Operand, kind: str) -> tuple[Operand, str]:
        """A value of its own: in `a, b = b, a` the names change one after the other."""
        if isinstance(value, Imm):
            return value, kind
        d = self.code.reg()
        self.code.emit("mov", d, value)
        return d, kind

    def _set(self, target: ast.Name, value: Operand, kind: str) -> None:
        name = target.id
        if name not in self.vars:
            self.vars[name] = self.code.reg(name)
            self.types[name] = kind
            if name in self.steady:
                self.code.steady.add(self.vars[name])
        elif self.types[name] != kind and not (isinstance(value, Imm) and self.sig.plain and self.types[name] != "object"):
            raise Unsupported(f"line {target.lineno}: {name} is {self.types[name]}, the value {kind}")
        self.code.emit("mov", self.vars[name], value)

    def s_AugAssign(self, s: ast.AugAssign) -> None:
        c = self.code
        if isinstance(s.target, ast.Name):
            left = ast.Name(s.target.id, ast.Load(), lineno=s.lineno)
            value, kind = self.expr(ast.BinOp(left, s.op, s.value, lineno=s.lineno))
            self._set(s.target, value, self.types[s.target.id] if self.sig.plain else kind)
            return
        if not isinstance(s.target, ast.Subscript):
            self._no(s)
        base, index, size, _ = self._place(s.target)
        old = c.reg()
        c.emit("ld", old, base, index, k=size)
        right, _ = self.number(s.value)
        new = self._binary(s.op, old, "int", right)
        c.emit("st", None, base, index, new, k=size)

    def _store(self, target: ast.Subscript, value: Operand) -> None:
        base, index, size, _ = self._place(target)
        self.code.emit("st", None, base, index, value, k=size)

    def s_If(self, s: ast.If) -> None:
        c = self.code
        yes, no, done = c.block(), c.block(), c.block()
        self.condition(s.test, yes, no if s.orelse else done)
        c.start(yes)
        self.block(s.body)
        if s.orelse:
            c.emit("br", to=[done])
            c.start(no)
            self.block(s.orelse)
        c.start(done)

    def s_While(self, s: ast.While) -> None:
        c = self.code
        head, done = c.block(), c.block()
        c.depth += 1
        endless = isinstance(s.test, ast.Constant) and s.test.value
        body = c.block()
        self.loops.append((head, done))
        if endless:
            c.start(head)
            self.block(s.body)
            c.emit("br", to=[head])
        else:  # the test at the end: one branch for each turn
            c.emit("br", to=[head])
            c.start(body)
            self.block(s.body)
            c.start(head)
            self.condition(s.test, body, done)
        self.loops.pop()
        c.depth -= 1
        if s.orelse:
            self._no(s)
        c.start(done)

    def s_For(self, s: ast.For) -> None:
        """for x in range(…)"""
        c = self.code
        call = s.iter
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "range" and isinstance(s.target, ast.Name)) or s.orelse:
            self._no(s)
        assert isinstance(call, ast.Call) and isinstance(s.target, ast.Name)
        args = [self._copy(*self.number(x)) for x in call.args]
        first, last = (Imm(0), args[0][0]) if len(args) == 1 else (args[0][0], args[1][0])
        step = args[2][0] if len(args) == 3 else Imm(1)
        if not isinstance(step, Imm) or not step.k or not 0 < len(args) < 4:
            self._no(s)
        count = c.reg()
        c.emit("mov", count, first)
        head, body, more, done = c.block(), c.block(), c.block(), c.block()
        c.depth += 1
        c.emit("br", to=[head])
        c.start(body)
        self._set(s.target, count, "int")
        self.loops.append((more, done))
        self.block(s.body)
        self.loops.pop()
        c.start(more)
        c.emit("add", count, count, step)
        c.start(head)
        c.emit("cbr", None, count, last, target="lt" if step.k > 0 else "gt", to=[body, done])
        c.depth -= 1
        c.start(done)

    def s_Continue(self, s: ast.Continue) -> None:
        self.code.emit("br", to=[self.loops[-1][0]])

    def s_Break(self, s: ast.Break) -> None:
        self.code.emit("br", to=[self.loops[-1][1]])
