# Front end of the viper compiler: the subset of viper that works on integers and pointers, as intermediate code
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What is outside the subset raises Unsupported: that function keeps the code mpy-cross made for it. Types, conversions and the order of
# evaluation are those of MicroPython's viper emitter; a local has the type of its first assignment.
from __future__ import annotations

import ast
from dataclasses import dataclass

from tools.viperc.ir import INVERSE, Code, Imm, Operand, wrap

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
    """A viper function: parameter names and types, type of the result."""

    name: str
    params: list[tuple[str, str]]
    result: str
    node: ast.FunctionDef

    @classmethod
    def of(cls, node: ast.FunctionDef) -> Signature:
        a = node.args
        if a.vararg or a.kwarg or a.kwonlyargs or a.defaults or a.posonlyargs:
            raise Unsupported("parameters with defaults or stars")
        params = [(x.arg, _type(x.annotation)) for x in a.args]
        return cls(node.name, params, _type(node.returns), node)


def _type(node: ast.expr | None) -> str:
    if node is None:
        return "object"
    if isinstance(node, ast.Name) and node.id in TYPES:
        return node.id
    raise Unsupported(f"type {ast.unparse(node)}")


class Module:
    """What the functions of a file may name: other viper functions, constants, places in the tables of the .mpy file."""

    def __init__(self, tree: ast.Module, qstrs: list[str], objects: list, fun_table: int) -> None:
        self.qstrs = qstrs
        self.objects = objects
        self.fun_table = fun_table
        self.constants: dict[str, int] = {}
        for s in tree.body:
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call) and ast.unparse(s.value.func) == "const":
                self.constants[ast.unparse(s.targets[0])] = eval(ast.unparse(s.value.args[0]), {}, dict(self.constants))
        self.direct: dict[str, Signature] = {}


class Front:
    """Makes the body of one function. `ctx`: register of the module's context; inner = False: called by MicroPython, with objects."""

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

    # ---- entry and exit -------------------------------------------------------------------------------------------------
    def wrapper(self) -> Code:
        """The function as MicroPython calls it: (function object, number of arguments, of keywords, array of arguments)."""
        c = self.code
        c.start(c.block())
        me, count, keys, args = (c.reg() for _ in range(4))
        for k, r in enumerate((me, count, keys, args)):
            c.emit("in", r, k=k)
        self._context(me)
        n = len(self.sig.params)
        good, bad, fits = c.block(), c.block(), c.block()
        c.emit("cbr", None, keys, Imm(0), target="eq", to=[good, bad])
        c.start(good)
        c.emit("cbr", None, count, Imm(n), target="eq", to=[fits, bad])
        c.start(bad)
        self._helper(None, "check", count, keys, Imm(n << 17 | n << 1))
        c.start(fits)
        for k, (name, kind) in enumerate(self.sig.params):
            v = self.vars[name] = c.reg(name)
            self.types[name] = kind
            o = c.reg()
            c.emit("ld", o, args, Imm(k * self.word), k=self.word)
            if kind == "object":
                c.emit("mov", v, o)
            else:
                self._native(v, o, kind)
        return self._body()

    def _context(self, me: int) -> None:
        c = self.code
        self.ctx = c.reg("context")
        self.fun = c.reg("functions")
        c.emit("ld", self.ctx, me, Imm(self.word), k=self.word)
        t = c.reg()
        c.emit("ld", t, self.ctx, Imm(3 * self.word), k=self.word)
        c.emit("ld", self.fun, t, Imm(self.module.fun_table * self.word), k=self.word)

    def _body(self) -> Code:
        c = self.code
        for name in self.steady:
            if name in self.vars:
                c.steady.add(self.vars[name])
        for name, kind in self.sig.params:
            if kind == "object" and name not in self.assigned and self._buffer_used(name):
                v = self.buffers[name] = c.reg(name + "@")
                self._helper(v, "from_obj", self.vars[name], Imm(TYPES["ptr8"]))
        self.block(self.sig.node.body)
        if c.at is not None:
            self._return(None)
        return c

    def _buffer_used(self, name: str) -> bool:
        """The function starts with the buffer's address: then it is found out once (a buffer that is a parameter does not move)."""
        first = self.sig.node.body[0]
        return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in POINTERS and len(n.args) == 1
                   and isinstance(n.args[0], ast.Name) and n.args[0].id == name for n in ast.walk(first))

    def _return(self, node: ast.expr | None) -> None:
        c = self.code
        if node is None or isinstance(node, ast.Constant) and node.value is None:
            r = c.reg()
            c.emit("ld", r, self.fun, Imm(FUN["none"] * self.word), k=self.word)
            c.emit("ret", None, r)
            return
        value, kind = self.expr(node)
        if kind != self.sig.result and not (isinstance(value, Imm) and self.sig.result in ("int", "uint")):
            raise Unsupported(f"return type {kind}")
        c.emit("ret", None, self._boxed(value, self.sig.result))

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
        if kind == "int":
            t = c.reg()
            c.emit("add", d, value, value)
            c.emit("sar", t, d, Imm(1))
            c.emit("cbr", None, t, value, target="eq", to=[small, large])
        else:
            t = c.reg()
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
        if len(s.targets) != 1:
            self._no(s)
        target = s.targets[0]
        if isinstance(target, ast.Name):
            value, kind = self.expr(s.value)
            self._set(target, value, kind)
        elif isinstance(target, ast.Subscript):
            value, kind = self.expr(s.value)
            self._store(target, value)
        else:
            self._no(s)

    def _set(self, target: ast.Name, value: Operand, kind: str) -> None:
        name = target.id
        if name not in self.vars:
            self.vars[name] = self.code.reg(name)
            self.types[name] = kind
            if name in self.steady:
                self.code.steady.add(self.vars[name])
        elif self.types[name] != kind:
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
        if ka == "uint" and cond not in ("eq", "ne"):  # the left operand decides (py/emitnative.c)
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
                return self._binary(node.op, a, ka, b), ka
            case ast.UnaryOp(op=ast.USub()):
                a, ka = self.expr(node.operand)
                return self._binary(ast.Sub(), Imm(0), ka, a), ka
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
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
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

    def _object(self, value: bytes) -> int:
        c = self.code
        t, d = c.reg(), c.reg()
        c.emit("ld", t, self.ctx, Imm(3 * self.word), k=self.word)
        c.emit("ld", d, t, Imm(self.module.objects.index(value) * self.word), k=self.word)
        return d

    def _global(self, name: str) -> int:
        """A name of the module: its attribute, so that the globals in force need not be changed."""
        c = self.code
        if name not in self.module.qstrs:
            raise Unsupported(f"{name}: not among the file's names")
        t, q, d = c.reg(), c.reg(), c.reg()
        c.emit("ld", t, self.ctx, Imm(2 * self.word), k=self.word)
        c.emit("ld", q, t, Imm(2 * self.module.qstrs.index(name)), k=2)
        self._helper(d, "load_attr", self.ctx, q)
        return d

    def call(self, node: ast.Call, unused: bool = False) -> tuple[Operand, str]:
        if node.keywords or not isinstance(node.func, ast.Name):
            self._no(node)
        name = node.func.id  # type: ignore[attr-defined]
        c = self.code
        if name in POINTERS or name in ("int", "uint", "ptr"):
            if len(node.args) != 1:
                self._no(node)
            arg = node.args[0]
            if isinstance(arg, ast.Name) and arg.id in self.buffers and name in POINTERS:
                return self.buffers[arg.id], name
            if isinstance(arg, ast.Call) and self._is_direct(arg):
                return self._direct(arg), name
            value, kind = self.expr(arg)
            if kind == "object":
                d = c.reg()
                self._native(d, c.value(value), name)
                return d, name
            return value, name
        if self._is_direct(node):
            result = self._direct(node)
            kind = self.module.direct[name].result
            return (result, kind) if unused or kind == "object" else (self._boxed(result, kind), "object")
        fun, kind = self.expr(node.func)
        if kind != "object":
            self._no(node)
        boxed = []
        for arg in node.args:
            value, kind = self.expr(arg)
            boxed.append(self._boxed(value, kind))
        for k, value in enumerate(boxed):
            c.emit("sto", None, c=value, k=k)
        c.out = max(c.out, len(boxed))
        p, d = c.reg(), c.reg()
        c.emit("argp", p)
        c.emit("call", d, self.fun, args=(fun, Imm(len(boxed)), p), target=FUN["call"])
        return d, "object"

    def _is_direct(self, node: ast.Call) -> bool:
        return isinstance(node.func, ast.Name) and node.func.id in self.module.direct and node.func.id not in self.vars

    def _direct(self, node: ast.Call) -> Operand:
        raise Unsupported("direct call")


assert INVERSE
