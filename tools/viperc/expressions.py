# Viper compiler: expressions, conditions and conversions as intermediate code
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Types, conversions and the order of evaluation are those of MicroPython's viper emitter.
from __future__ import annotations

import ast

from tools.viperc.ir import Code, Imm, Operand, fold, wrap
from tools.viperc.signature import POINTERS, TYPES, Module, Signature, Unsupported

OPS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
OPS |= {ast.LShift: "shl", ast.RShift: "sar"}
CONDITIONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Is: "eq", ast.IsNot: "ne"}
# Places in MicroPython's function table (py/nativeglue.h).
FUN = {"none": 0, "from_obj": 3, "to_obj": 4, "load_attr": 9, "is_true": 16, "call": 27, "check": 44, "divide": 46, "modulo": 47}


class Expressions:
    """The part of a function's front end that makes values."""

    def __init__(self, module: Module, sig: Signature, bits: int) -> None:
        self.module = module
        self.sig = sig
        self.bits = bits
        self.word = bits // 8
        self.code = Code(sig.name, bits)
        self.ctx = 0  # register of the module's context
        self.vars: dict[str, int] = {}
        self.types: dict[str, str] = {}
        self.buffers: dict[str, int] = {}  # object parameter -> its buffer's address, found on entry
        self.pool_object = 0
        self.assigned = {n.id for n in ast.walk(sig.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def _no(self, node: ast.AST) -> None:
        raise Unsupported(f"line {getattr(node, 'lineno', 0)}: {type(node).__name__}")

    @property
    def fun(self) -> int:
        """MicroPython's function table."""
        c = self.code
        t, f = c.reg(), c.reg("functions")
        c.emit("ld", t, self.ctx, Imm(3 * self.word), k=self.word)
        c.emit("ld", f, t, Imm(self.module.fun_table * self.word), k=self.word)
        return f

    def _helper(self, d: int | None, name: str, *args: Operand) -> None:
        self.code.emit("call", d, self.fun, args=args, target=FUN[name])

    def _native(self, d: int, o: int, kind: str) -> None:
        """Object o as a native value: small integers here, anything else by MicroPython's converter."""
        c = self.code
        if kind not in ("int", "uint"):
            self._helper(d, "from_obj", o, Imm(TYPES[kind]))
            return
        small, large, done = c.block(), c.block(), c.block()
        c.emit("tst", None, o, Imm(1), target="nz", to=[small, large])
        c.start(small)
        c.emit("sar", d, o, Imm(1))
        c.emit("br", to=[done])
        c.start(large)
        self._helper(d, "from_obj", o, Imm(TYPES[kind]))
        c.start(done)

    def _boxed(self, value: Operand, kind: str) -> Operand:
        """A native value as an object."""
        c = self.code
        if kind == "object":
            return value
        if isinstance(value, Imm):
            if kind != "bool" and (-(1 << 30) if kind == "int" else 0) <= value.k < 1 << 30:
                return Imm(wrap(value.k << 1 | 1, self.bits))
            value = c.value(value)
        d = c.reg()
        if kind == "bool":
            self._helper(d, "to_obj", value, Imm(TYPES[kind]))
            return d
        small, large, done = c.block(), c.block(), c.block()
        t = c.reg()
        if kind == "int":
            c.emit("add", d, value, value)
            c.emit("sar", t, d, Imm(1))
            c.emit("cbr", None, t, value, target="eq", to=[small, large])
        else:
            c.emit("shr", t, value, Imm(self.bits - 2))
            c.emit("cbr", None, t, Imm(0), target="eq", to=[small, large])
        c.start(small)
        if kind != "int":
            c.emit("add", d, value, value)
        c.emit("add", d, d, Imm(1))
        c.emit("br", to=[done])
        c.start(large)
        self._helper(d, "to_obj", value, Imm(TYPES[kind]))
        c.start(done)
        return d

    def condition(self, node: ast.expr, yes, no) -> None:
        """Branch to yes or no."""
        c = self.code
        if isinstance(node, ast.BoolOp):
            last = node.values[-1]
            for value in node.values[:-1]:
                more = c.block()
                if isinstance(node.op, ast.And):
                    self.condition(value, more, no)
                else:
                    self.condition(value, yes, more)
                c.start(more)
            self.condition(last, yes, no)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.condition(node.operand, no, yes)
        elif isinstance(node, ast.Compare):
            left = node.left
            for op, right in zip(node.ops[:-1], node.comparators[:-1], strict=True):
                more = c.block()
                self._compare(op, left, right, more, no)
                c.start(more)
                left = right
                if not isinstance(right, (ast.Name, ast.Constant)):
                    self._no(node)
            self._compare(node.ops[-1], left, node.comparators[-1], yes, no)
        elif isinstance(node, ast.Constant):
            c.emit("br", to=[yes if node.value else no])
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
            a, b, _ = self._pair(node.left, node.right)
            c.emit("tst", None, a, b, target="nz", to=[yes, no])
        else:
            value, kind = self.expr(node)
            if kind == "object":
                r = c.reg()
                self._helper(r, "is_true", value)
                value = r
            c.emit("cbr", None, value, Imm(0), target="ne", to=[yes, no])

    def number(self, node: ast.expr) -> tuple[Operand, str]:
        """Value and type of what is no object."""
        value, kind = self.expr(node)
        if kind == "object":
            raise Unsupported(f"line {getattr(node, 'lineno', 0)}: an object in a number's place")
        return value, kind

    def _pair(self, left: ast.expr, right: ast.expr) -> tuple[Operand, Operand, str]:
        a, ka = self.number(left)
        b, _ = self.number(right)
        if isinstance(a, Imm):
            a, b = b, a
        return a, b, ka

    def _compare(self, op: ast.cmpop, left: ast.expr, right: ast.expr, yes, no) -> None:
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, ast.Tuple):
            if isinstance(op, ast.NotIn):
                yes, no = no, yes
            a, _ = self.number(left)
            for x in right.elts:
                more = self.code.block()
                self.code.emit("cbr", None, a, self.number(x)[0], target="eq", to=[yes, more])
                self.code.start(more)
            self.code.emit("br", to=[no])
            return
        cond = CONDITIONS.get(type(op))
        if cond is None:
            self._no(left)
        if cond in ("eq", "ne") and isinstance(right, ast.Constant) and right.value == 0 and right.value is not None \
                and isinstance(left, ast.BinOp) and isinstance(left.op, ast.BitAnd):
            a, b, _ = self._pair(left.left, left.right)
            self.code.emit("tst", None, a, b, target="z" if cond == "eq" else "nz", to=[yes, no])
            return
        if isinstance(right, ast.Constant) and right.value is None:
            a, ka = self.expr(left)
            if ka != "object":
                self._no(left)
            r = self.code.reg()
            self.code.emit("ld", r, self.fun, Imm(0), k=self.word)
            self.code.emit("cbr", None, a, r, target=cond, to=[yes, no])
            return
        a, ka = self.expr(left)
        b, kb = self.expr(right)
        if "object" in (ka, kb):
            self._no(left)
        # The left operand decides (py/emitnative.c); in plain functions, whose integers are not bounded, what came in unsigned.
        if (ka == "uint" or self.sig.plain and kb == "uint") and cond not in ("eq", "ne"):
            cond += "u"
        self.code.emit("cbr", None, a, b, target=cond, to=[yes, no])

    def expr(self, node: ast.expr) -> tuple[Operand, str]:
        """Value and type."""
        match node:
            case ast.Constant(value=bool(v)):
                return Imm(int(v)), "int"
            case ast.Constant(value=int(v)):
                bits = self.bits if self.sig.plain else 30  # viper's literals are small integers
                if not -(1 << bits) <= v < 1 << bits:
                    raise Unsupported(f"line {node.lineno}: {v} is no machine word")
                return Imm(wrap(v, self.bits)), "int"
            case ast.Constant(value=bytes(v)):
                return self._object(v), "object"
            case ast.Constant(value=None):
                r = self.code.reg()
                self.code.emit("ld", r, self.fun, Imm(0), k=self.word)
                return r, "object"
            case ast.Name(id=name):
                if name in self.vars:
                    return self.vars[name], self.types[name]
                if name in self.assigned:
                    raise Unsupported(f"line {node.lineno}: {name} is read before it is assigned")
                if name in self.module.constants:
                    return Imm(wrap(self.module.constants[name], self.bits)), "int"
                return self._global(name), "object"
            case ast.BinOp():
                a, ka = self.expr(node.left)
                b, kb = self.expr(node.right)
                if "object" in (ka, kb):
                    self._no(node)
                return self._binary(node.op, a, ka, b), "uint" if self.sig.plain and kb == "uint" else ka
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(v))):
                return self.expr(ast.Constant(-v, lineno=node.lineno))
            case ast.UnaryOp(op=ast.USub()):
                a, ka = self.expr(node.operand)
                return self._binary(ast.Sub(), Imm(0), ka, a), ka
            case ast.Subscript(value=ast.Name(id=name)) if name in self.module.tables and name not in self.vars:
                d = self.code.reg()
                index, extra = self._split(node.slice)
                t = self.code.reg()
                self.code.emit("add", t, self._table(name), index)
                self.code.emit("ld", d, t, Imm(extra), k=1)
                return d, "int"
            case ast.Subscript():
                base, index, size, _ = self._place(node)
                d = self.code.reg()
                self.code.emit("ld", d, base, index, k=size)
                return d, "int"
            case ast.Call():
                return self.call(node)
            case ast.IfExp():
                c = self.code
                yes, no, done = c.block(), c.block(), c.block()
                d = c.reg()
                self.condition(node.test, yes, no)
                c.start(yes)
                a, ka = self.expr(node.body)
                c.emit("mov", d, a)
                c.emit("br", to=[done])
                c.start(no)
                b, kb = self.expr(node.orelse)
                c.emit("mov", d, b)
                c.start(done)
                if ka != kb and ("object" in (ka, kb) or not isinstance(a, Imm) and not isinstance(b, Imm)):
                    self._no(node)
                return d, ka if not isinstance(a, Imm) else kb
            case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
                if isinstance(node, ast.BoolOp) and not (self.sig.plain and _truth(node)):
                    self._no(node)
                c = self.code
                yes, no, done = c.block(), c.block(), c.block()
                d = c.reg()
                self.condition(node, yes, no)
                c.start(yes)
                c.emit("li", d, k=1)
                c.emit("br", to=[done])
                c.start(no)
                c.emit("li", d, k=0)
                c.start(done)
                return d, "int"
        self._no(node)
        raise AssertionError

    def _binary(self, op: ast.operator, a: Operand, ka: str, b: Operand) -> Operand:
        c = self.code
        d = c.reg()
        name = "shr" if isinstance(op, ast.RShift) and ka == "uint" else OPS.get(type(op))
        if isinstance(a, Imm) and isinstance(b, Imm):
            if isinstance(op, (ast.FloorDiv, ast.Mod)) and b.k:
                return Imm(a.k // b.k if isinstance(op, ast.FloorDiv) else a.k % b.k)
            k = fold(name or "", a.k, b.k, self.bits)
            if k is not None:
                return Imm(k)
        if isinstance(op, (ast.FloorDiv, ast.Mod)):
            if ka != "int":
                raise Unsupported("division of " + ka)
            c.emit("call", d, self.fun, args=(a, b), target=FUN["divide" if isinstance(op, ast.FloorDiv) else "modulo"])
            return d
        if name is None:
            raise Unsupported(f"operator {type(op).__name__}")
        c.emit(name, d, a, b)
        return d

    def _place(self, node: ast.Subscript) -> tuple[Operand, Operand, int, str]:
        """Base, index in bytes, size."""
        c = self.code
        base, kind = self.expr(node.value)
        if kind not in POINTERS:
            raise Unsupported(f"line {node.lineno}: subscript of {kind}")
        size = POINTERS[kind]
        # p[x + 1]: the constant goes into the access
        index = node.slice
        extra = 0
        if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add) and isinstance(index.right, ast.Constant):
            index, extra = index.left, index.right.value
        i, _ = self.number(index)
        if isinstance(i, Imm):
            return c.value(base), Imm((i.k + extra) * size), size, kind
        if size > 1:
            t = c.reg()
            c.emit("shl", t, i, Imm(size.bit_length() - 1))
            i = t
        if extra:
            t = c.reg()
            c.emit("add", t, base, i)
            return t, Imm(extra * size), size, kind
        return c.value(base), i, size, kind

    def _table(self, name: str) -> int:
        """The address of a table of the unit, which lies behind the code."""
        d = self.code.reg()
        self.code.emit("adr", d, k=list(self.module.tables).index(name))
        return d

    def _object(self, value: bytes) -> int:
        c = self.code
        t, d = c.reg(), c.reg()
        c.emit("ld", t, self.ctx, Imm(3 * self.word), k=self.word)
        c.emit("ld", d, t, Imm(self.module.objects.index(value) * self.word), k=self.word)
        return d

    def _global(self, name: str) -> int:
        """A name of the module: its attribute, so that the globals in force need not be changed."""
        if name in self.module.tables:
            return self._object(self.module.tables[name])
        if name not in self.module.bound:
            raise Unsupported(f"{name}, which is none of the module's names")
        self.module.read.add(name)
        c = self.code
        t, q, d = c.reg(), c.reg(), c.reg()
        c.emit("ld", t, self.ctx, Imm(2 * self.word), k=self.word)
        c.emit("ld", q, t, Imm(2 * self.module.qstrs.index(name)), k=2)
        self._helper(d, "load_attr", self.ctx, q)
        return d

    def call(self, node: ast.Call, unused: bool = False) -> tuple[Operand, str]:
        raise NotImplementedError


def _truth(node: ast.expr) -> bool:
    """True and False are all it can be."""
    if isinstance(node, ast.BoolOp):
        return all(_truth(value) for value in node.values)
    return isinstance(node, ast.Compare) or isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
