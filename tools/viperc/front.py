# Front end of the viper compiler: the subset of viper that works on integers and pointers, as intermediate code
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What is outside the subset raises Unsupported: that function keeps the code mpy-cross made for it.
from __future__ import annotations

import ast

from tools.viperc.expressions import FUN
from tools.viperc.ir import Code, Imm
from tools.viperc.signature import POINTERS, TYPES, Module, Pins, Signature, Unsupported
from tools.viperc.statements import Statements


class Front(Statements):
    """Makes the intermediate code of one function: of its body, or of what stands between MicroPython and a body."""

    def __init__(self, module: Module, sig: Signature, bits: int, pins: Pins, steady: tuple[str, ...] = ()) -> None:
        super().__init__(module, sig, bits, steady)
        self.pins = pins
        self.inner = False  # called by others of the unit, not by MicroPython

    def outer(self) -> Code:
        """The function as MicroPython calls it: (function object, number of arguments, of keywords, array of arguments)."""
        c = self.code
        c.start(c.block())
        me, count, keys, args = (c.reg() for _ in range(4))
        for k, r in enumerate((me, count, keys, args)):
            c.emit("in", r, k=k)
        pinned = bool(self.module.direct) and self.module.pinned
        self.ctx = self._pinned("context", self.pins.context) if pinned else c.reg("context")
        c.emit("ld", self.ctx, me, Imm(self.word), k=self.word)
        n = len(self.sig.params)
        least = n - len(self.sig.defaults)
        if pinned:
            self._pool_first()
        good, bad, fits = c.block(), c.block(), c.block()
        c.emit("cbr", None, keys, Imm(0), target="eq", to=[good, bad])
        c.start(good)
        if least < n:
            some = c.block()
            c.emit("cbr", None, count, Imm(least), target="ge", to=[some, bad])
            c.start(some)
        c.emit("cbr", None, count, Imm(n), target="eq" if least == n else "le", to=[fits, bad])
        c.start(bad)
        self._helper(None, "check", count, keys, Imm(least << 17 | n << 1))
        c.start(fits)
        for k, (name, kind) in enumerate(self.sig.params):
            v = self.vars[name] = self._pinned("pool", self.pins.pool) if pinned and k == 0 and name == "pool" else c.reg(name)
            self.types[name] = kind
            if kind == "cells":
                continue
            done = c.block()
            if k >= least:
                there = c.block()
                c.emit("mov", v, Imm(self.sig.defaults[k - least]))
                c.emit("cbr", None, count, Imm(k), target="gt", to=[there, done])
                c.start(there)
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
            c.start(done)
        if self.sig.name in self.module.direct:
            return self._bridge()
        return self._body()

    def _pool_first(self) -> None:
        """The pool and its address stay in their registers for all that are called."""
        fixed = [k for k, (name, kind) in enumerate(self.sig.params) if name == "pool" or kind == "cells"]
        if any(self.sig.params[k][0] in self.assigned for k in fixed):
            raise Unsupported("assigns to the pool or its cells")
        kind = dict(self.sig.params).get("pool", "pool")
        if fixed and self.sig.params[0][0] != "pool" or kind not in POINTERS and kind not in ("pool", "object"):
            raise Unsupported("the pool comes first, as an object or a pointer")

    def _pinned(self, name: str, register: int) -> int:
        v = self.code.reg(name)
        self.code.pinned[v] = register
        return v

    def _pool(self, kind: str) -> None:
        """The pool's address, once its object is there."""
        v = self._pinned("pool@", self.pins.address)
        self._helper(v, "from_obj", self.vars["pool"], Imm(TYPES["ptr8"]))
        self._pool_names(v, kind)

    def _pool_names(self, v: int, kind: str) -> None:
        self.buffers["pool"] = v
        self.pool_object = self.vars["pool"]
        if kind != "object":
            self.vars["pool"] = v
            self.types["pool"] = kind if kind in POINTERS else "ptr8"
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
        pinned = self.module.pinned
        self.ctx = self._pinned("context", self.pins.context) if pinned else c.reg("context")
        n = 0
        self._pool_first()
        for name, kind in self.sig.params:
            self.types[name] = kind
            if kind == "cells":
                continue
            if name == "pool":
                self.vars[name] = self._pinned("pool", self.pins.pool)
                continue
            self.vars[name] = c.reg(name)
            c.emit("in", self.vars[name], k=n)
            n += 1
        if not pinned:
            c.emit("in", self.ctx, k=n)
        if "pool" in self.vars:
            self._pool_names(self._pinned("pool@", self.pins.address), dict(self.sig.params)["pool"])
        return self._body()

    def shim(self, n: int) -> Code:
        """What calls a function written in Python with n integers."""
        self.inner = True
        c = self.code
        c.start(c.block())
        self.ctx = self._pinned("context", self.pins.context)
        args = [c.reg() for _ in range(n)]
        for k, v in enumerate(args):
            c.emit("in", v, k=k)
        self._objects(self._global(self.sig.name), [self._boxed(v, "int") for v in args])
        c.emit("ret")
        return c

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
        first = next((s for s in self.sig.node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))), None)
        if not isinstance(first, (ast.Assign, ast.Expr)) or any(isinstance(n, (ast.IfExp, ast.BoolOp)) for n in ast.walk(first)):
            return False
        for n in ast.walk(first):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in POINTERS and isinstance(n.args[0], ast.Name):
                if n.args[0].id == name:
                    return True
        return False

    def _return(self, node: ast.expr | None) -> None:
        c = self.code
        if node is None or isinstance(node, ast.Constant) and node.value is None:
            if self.sig.result != "object":  # 0, as from mpy-cross's code
                if self.sig.results > 1:
                    c.emit("ret", args=(Imm(0),) * self.sig.results)
                else:
                    c.emit("ret", None, Imm(0) if self.inner else self._boxed(Imm(0), self.sig.result))
                return
            if self.inner:
                c.emit("ret")
                return
            r = c.reg()
            c.emit("ld", r, self.fun, Imm(FUN["none"] * self.word), k=self.word)
            c.emit("ret", None, r)
            return
        if isinstance(node, ast.Tuple):
            if not self.sig.plain or len(node.elts) > 3:
                raise Unsupported("a tuple as result")
            values = tuple(self.number(x)[0] for x in node.elts)
            c.emit("ret", args=values)
            return
        value, kind = self.expr(node)
        if kind != self.sig.result and not self.sig.plain:
            raise Unsupported(f"return type {kind}")
        c.emit("ret", None, value if self.inner else self._boxed(value, self.sig.result))
