# Front end of the viper compiler: the subset of viper that works on integers and pointers, as intermediate code
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What is outside the subset raises Unsupported: that function keeps the code mpy-cross made for it. Types, conversions and the order of
# evaluation are those of MicroPython's viper emitter; a local has the type of its first assignment.
from __future__ import annotations

import ast
from dataclasses import dataclass

from tools.viperc.ir import Code, Imm, Operand, fold, wrap

POINTERS = {"ptr8": 1, "ptr16": 2, "ptr32": 4}
# As the function table's converters number them.
TYPES = {"object": 0, "bool": 1, "int": 2, "uint": 3, "ptr": 4, "ptr8": 5, "ptr16": 6, "ptr32": 7}
OPS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
OPS |= {ast.LShift: "shl", ast.RShift: "sar"}
CONDITIONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Is: "eq", ast.IsNot: "ne"}
# Places in MicroPython's function table (py/nativeglue.h).
FUN = {"none": 0, "from_obj": 3, "to_obj": 4, "load_attr": 9, "is_true": 16, "call": 27, "check": 44, "divide": 46, "modulo": 47}


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
        """Of a function (pool, c, …) in Python that is written so that it can be compiled: `pool` bytes, `c` cells, integers, these objects."""
        a = node.args
        if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or any(not isinstance(d, ast.Constant) for d in a.defaults):
            raise Unsupported("parameters with stars")
        special = {"pool": "pool", "c": "cells"}
        params = [(x.arg, special.get(x.arg) or ("object" if x.arg in objects else "int")) for x in a.args]
        results = _results(node)
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
        self.tables: dict[str, bytes] = {}  # constants of bytes that only functions of the unit read
        self.direct: dict[str, Signature] = {}  # functions called by a branch; they find pool, its address and the context in PINNED
        self.shims: dict[str, int] = {}  # functions in Python, and their number of integer arguments, called by way of a shim


class Table:
    """Names or constants of an .mpy file; what is missing is added at the end."""

    def __init__(self, there: list) -> None:
        self.there = list(there)

    def index(self, value: object) -> int:
        if value not in self.there:
            self.there.append(value)
        return self.there.index(value)


# Registers that hold the same in all functions of a unit: the pool, its address, the module's context.
POOL, ADDRESS, CONTEXT = 8, 9, 10


class Front:
    """Makes the intermediate code of one function: of its body, or of what stands between MicroPython and a body."""

    def __init__(self, module: Module, sig: Signature, bits: int, steady: tuple[str, ...] = ()) -> None:
        self.module = module
        self.sig = sig
        self.bits = bits
        self.word = bits // 8
        self.code = Code(sig.name, bits)
        self.vars: dict[str, int] = {}
        self.types: dict[str, str] = {}
        self.loops: list[tuple] = []
        self.assigned = {n.id for n in ast.walk(sig.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.steady = steady
        self.buffers: dict[str, int] = {}  # object parameter -> its buffer's address, found on entry
        self.inner = False

    # ---- entry and exit -------------------------------------------------------------------------------------------------
    def outer(self) -> Code:
        """The function as MicroPython calls it: (function object, number of arguments, of keywords, array of arguments)."""
        c = self.code
        c.start(c.block())
        me, count, keys, args = (c.reg() for _ in range(4))
        for k, r in enumerate((me, count, keys, args)):
            c.emit("in", r, k=k)
        pinned = bool(self.module.direct)
        self.ctx = self._pinned("context", CONTEXT) if pinned else c.reg("context")
        c.emit("ld", self.ctx, me, Imm(self.word), k=self.word)
        n = len(self.sig.params)
        good, bad, fits = c.block(), c.block(), c.block()
        c.emit("cbr", None, keys, Imm(0), target="eq", to=[good, bad])
        c.start(good)
        c.emit("cbr", None, count, Imm(n), target="eq", to=[fits, bad])
        c.start(bad)
        self._helper(None, "check", count, keys, Imm(n << 17 | n << 1))
        c.start(fits)
        for k, (name, kind) in enumerate(self.sig.params):
            v = self.vars[name] = self._pinned("pool", POOL) if pinned and k == 0 and name == "pool" else c.reg(name)
            self.types[name] = kind
            if kind == "cells":
                continue
            o = c.reg()
            c.emit("ld", o, args, Imm(k * self.word), k=self.word)
            if kind in ("object", "pool"):
                c.emit("mov", v, o)
            elif pinned and name == "pool":
                c.emit("mov", v, o)
                self._pool(kind)
            else:
                self._native(v, o, kind)
            if pinned and name == "pool" and kind in ("object", "pool"):
                self._pool(kind)
        if self.sig.name in self.module.direct:
            return self._bridge()
        return self._body()

    def _pinned(self, name: str, register: int) -> int:
        v = self.code.reg(name)
        self.code.pinned[v] = register
        return v

    def _pool(self, kind: str) -> None:
        """The pool's address, once its object is there."""
        v = self._pinned("pool@", ADDRESS)
        self._helper(v, "from_obj", self.vars["pool"], Imm(TYPES["ptr8"]))
        self._pool_names(v, kind)

    def _pool_names(self, v: int, kind: str) -> None:
        self.buffers["pool"] = v
        self.pool_object = self.vars["pool"]
        if kind != "object":
            self.vars["pool"] = v
            self.types["pool"] = "ptr8"
        for name, k in self.sig.params:
            if k == "cells":
                self.vars[name] = v
                self.types[name] = "ptr32"

    def _bridge(self) -> Code:
        """The outer function of one that others call directly."""
        c = self.code
        args = tuple(self.vars[name] for name, kind in self.sig.params if name != "pool" and kind != "cells")
        c.name += "$"
        result = self._branch(self.sig, args)
        if self.sig.results == 0:
            self._return(None)
        elif self.sig.results == 1:
            c.emit("ret", None, self._boxed(result[0], self.sig.result))
        else:
            raise Unsupported(f"{self.sig.name}: several results, for MicroPython")
        return c

    def body(self) -> Code:
        """The function as the others of its unit call it: arguments and result in registers, pool and context in theirs."""
        self.inner = True
        c = self.code
        c.start(c.block())
        self.ctx = self._pinned("context", CONTEXT)
        n = 0
        loaded = []
        for name, kind in self.sig.params:
            self.types[name] = kind
            if kind == "cells":
                continue
            if name == "pool":
                self.vars[name] = self._pinned("pool", POOL)
                continue
            v = self.vars[name] = c.reg(name)
            if n < 4:
                c.emit("in", v, k=n)
            else:
                t = c.reg()
                c.emit("in", t, k=n)
                loaded.append((v, t))
            n += 1
        for v, t in loaded:
            c.emit("mov", v, t)
        if "pool" in self.vars:
            self._pool_names(self._pinned("pool@", ADDRESS), dict(self.sig.params)["pool"])
        return self._body()

    def shim(self, n: int) -> Code:
        """What calls a function written in Python with n integers."""
        self.inner = True
        c = self.code
        c.start(c.block())
        self.ctx = self._pinned("context", CONTEXT)
        args = [c.reg() for _ in range(n)]
        for k, v in enumerate(args):
            c.emit("in", v, k=k)
        self._objects(self._global(self.sig.name), [self._boxed(v, "int") for v in args])
        c.emit("ret")
        return c

    @property
    def fun(self) -> int:
        """MicroPython's function table."""
        c = self.code
        t, f = c.reg(), c.reg("functions")
        c.emit("ld", t, self.ctx, Imm(3 * self.word), k=self.word)
        c.emit("ld", f, t, Imm(self.module.fun_table * self.word), k=self.word)
        return f

    def _body(self) -> Code:
        c = self.code
        for name in self.steady:
            if name in self.vars:
                c.steady.add(self.vars[name])
        c.steady.add(self.ctx)
        for name, kind in self.sig.params:
            if kind == "object" and name not in self.assigned and name not in self.buffers and self._buffer_used(name):
                v = self.buffers[name] = c.reg(name + "@")
                self._helper(v, "from_obj", self.vars[name], Imm(TYPES["ptr8"]))
        self.block(self.sig.node.body)
        if c.at is not None:
            self._return(None)
        return c

    def _buffer_used(self, name: str) -> bool:
        """The function starts with the buffer's address: then it is found out once (a buffer that is a parameter does not move)."""
        for n in ast.walk(self.sig.node.body[0]):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in POINTERS and isinstance(n.args[0], ast.Name):
                if n.args[0].id == name:
                    return True
        return False

    def _return(self, node: ast.expr | None) -> None:
        c = self.code
        if node is None or isinstance(node, ast.Constant) and node.value is None:
            if self.inner:
                c.emit("ret")
                return
            r = c.reg()
            c.emit("ld", r, self.fun, Imm(FUN["none"] * self.word), k=self.word)
            c.emit("ret", None, r)
            return
        if isinstance(node, ast.Tuple):
            values = tuple(self.expr(x)[0] for x in node.elts)
            c.emit("ret", args=values)
            return
        value, kind = self.expr(node)
        if kind != self.sig.result and not (isinstance(value, Imm) and self.sig.result in ("int", "uint")) and not self.sig.plain:
            raise Unsupported(f"return type {kind}")
        c.emit("ret", None, value if self.inner else self._boxed(value, self.sig.result))

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
            if -(1 << 30) <= value.k < 1 << 30:
                return Imm(wrap(value.k << 1 | 1, self.bits))
            value = c.value(value)
        d = c.reg()
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

    # ---- statements ------------------------------------------------------------------------------------------------------
    def block(self, body: list[ast.stmt]) -> None:
        for s in body:
            if self.code.at is None:
                return  # behind continue, break, return
            getattr(self, "s_" + type(s).__name__, self._no)(s)

    def _no(self, node: ast.AST) -> None:
        raise Unsupported(f"line {getattr(node, 'lineno', 0)}: {type(node).__name__}")

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
        elif self.types[name] != kind and not (isinstance(value, Imm) and self.sig.plain):
            raise Unsupported(f"line {target.lineno}: {name} is {self.types[name]}, the value {kind}")
        self.code.emit("mov", self.vars[name], value)

    def s_AugAssign(self, s: ast.AugAssign) -> None:
        c = self.code
        if isinstance(s.target, ast.Name):
            left = ast.Name(s.target.id, ast.Load(), lineno=s.lineno)
            value, kind = self.expr(ast.BinOp(left, s.op, s.value, lineno=s.lineno))
            self._set(s.target, value, kind)
            return
        if not isinstance(s.target, ast.Subscript):
            self._no(s)
        base, index, size, _ = self._place(s.target)
        old = c.reg()
        c.emit("ld", old, base, index, k=size)
        right, _ = self.expr(s.value)
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
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range" and isinstance(s.target, ast.Name)) or s.orelse:
            self._no(s)
        assert isinstance(call, ast.Call)
        args = [self._copy(*self.expr(x)) for x in call.args]
        first, last = (Imm(0), args[0][0]) if len(args) == 1 else (args[0][0], args[1][0])
        step = args[2][0] if len(args) == 3 else Imm(1)
        if not isinstance(step, Imm):
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

    # ---- conditions ------------------------------------------------------------------------------------------------------
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

    def _pair(self, left: ast.expr, right: ast.expr) -> tuple[Operand, Operand, str]:
        a, ka = self.expr(left)
        b, _ = self.expr(right)
        if isinstance(a, Imm):
            a, b = b, a
        return a, b, ka

    def _compare(self, op: ast.cmpop, left: ast.expr, right: ast.expr, yes, no) -> None:
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, ast.Tuple):
            if isinstance(op, ast.NotIn):
                yes, no = no, yes
            a, _ = self.expr(left)
            for x in right.elts:
                more = self.code.block()
                self.code.emit("cbr", None, a, self.expr(x)[0], target="eq", to=[yes, more])
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
            a, _ = self.expr(left)
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

    # ---- expressions -----------------------------------------------------------------------------------------------------
    def expr(self, node: ast.expr) -> tuple[Operand, str]:
        """Value and type."""
        match node:
            case ast.Constant(value=bool(v)):
                return Imm(int(v)), "int"
            case ast.Constant(value=int(v)):
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
                if name in self.module.constants:
                    return Imm(wrap(self.module.constants[name], self.bits)), "int"
                return self._global(name), "object"
            case ast.BinOp():
                a, ka = self.expr(node.left)
                b, kb = self.expr(node.right)
                if "object" in (ka, kb):
                    self._no(node)
                return self._binary(node.op, a, ka, b), "uint" if self.sig.plain and kb == "uint" else ka
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
                if ka != kb and not isinstance(a, Imm) and not isinstance(b, Imm):
                    self._no(node)
                return d, ka if not isinstance(a, Imm) else kb
            case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
                if isinstance(node, ast.BoolOp) and not self.sig.plain:
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
        if isinstance(a, Imm) and isinstance(b, Imm):
            if isinstance(op, (ast.FloorDiv, ast.Mod)):
                return Imm(a.k // b.k if isinstance(op, ast.FloorDiv) else a.k % b.k)
            k = fold(OPS.get(type(op), ""), a.k, b.k, self.bits)
            if k is not None:
                return Imm(k)
        if isinstance(op, (ast.FloorDiv, ast.Mod)):
            if ka != "int":
                raise Unsupported("division of " + ka)
            c.emit("call", d, self.fun, args=(a, b), target=FUN["divide" if isinstance(op, ast.FloorDiv) else "modulo"])
            return d
        name = OPS.get(type(op))
        if name is None:
            raise Unsupported(f"operator {type(op).__name__}")
        if name == "sar" and ka == "uint":
            name = "shr"
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
        i, _ = self.expr(index)
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
        c = self.code
        t, q, d = c.reg(), c.reg(), c.reg()
        c.emit("ld", t, self.ctx, Imm(2 * self.word), k=self.word)
        c.emit("ld", q, t, Imm(2 * self.module.qstrs.index(name)), k=2)
        self._helper(d, "load_attr", self.ctx, q)
        return d

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
            if unused or not result:
                return Imm(0), "object"
            if self.sig.plain or sig.result == "object":
                return result[0], sig.result
            return self._boxed(result[0], sig.result), "object"
        if name in ("get32", "put32") and self.sig.plain:
            at, extra = self._split(node.args[1])
            t = c.reg()
            c.emit("add", t, self.buffers["pool"], at)
            if name == "put32":
                c.emit("st", None, t, Imm(extra), self.expr(node.args[2])[0], k=4)
                return Imm(0), "object"
            d = c.reg()
            c.emit("ld", d, t, Imm(extra), k=4)
            return d, "int"
        if name in self.module.shims and name not in self.vars and len(node.args) == self.module.shims[name] and unused:
            c.emit("call", None, args=tuple(self.expr(arg)[0] for arg in node.args), target="shim " + name)
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
            return self.expr(node.left)[0], node.right.value
        value, _ = self.expr(node)
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
            return self._direct(arg)[0], name
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
        if missing:
            args += [ast.Constant(k) for k in sig.defaults[len(sig.defaults) - missing :]]
        values: list[Operand] = []
        for (name, kind), arg in zip(sig.params, args, strict=True):
            if name == "pool" or kind == "cells":
                if not isinstance(arg, ast.Name) or arg.id != name and name == "pool":
                    self._no(node)
                continue
            value, got = self.expr(arg)
            if kind == "object" and got != "object" or kind != "object" and got == "object":
                raise Unsupported(f"line {node.lineno}: {kind} wanted, {got} given")
            values.append(value)
        return self._branch(sig, tuple(values))

    def _branch(self, sig: Signature, values: tuple[Operand, ...]) -> list[int]:
        c = self.code
        for k, value in enumerate(values[4:]):
            c.emit("sto", None, c=value, k=k)
        c.out = max(c.out, len(values) - 4)
        results = [c.reg() for _ in range(sig.results)]
        c.emit("call", results[0] if results else None, args=values[:4], target=sig.name)
        for k, v in enumerate(results[1:]):
            c.emit("more", v, b=results[1] if k else None, c=results[0], k=k + 1)  # all in the same moment: none in the others' place
        return results
