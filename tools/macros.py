# The build's source transformation: layout constants, word-size macros, static branches, annotations
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import sys
from pathlib import Path

# The generated loop nests deeply, and both the transformer and ast.unparse recurse.
sys.setrecursionlimit(20000)

# What each macro becomes, by word size. Its argument x is a viper int: on 64-bit words a cell loaded from a
# ptr32 is 0 … 0xffffffff, on 32-bit words it is the signed value.
MACROS: dict[str, dict[int, str]] = {
    "S32": {32: "x", 64: "x << 32 >> 32"},  # signed value of a cell
    "U32": {32: "uint(x)", 64: "uint(x << 32) >> 32"},  # low 32 bits of any int, as uint
    "UC": {32: "uint(x)", 64: "uint(x)"},  # a cell just loaded (zero-extended already), as uint
    "Z32": {32: "x", 64: "int(uint(x << 32) >> 32)"},  # low 32 bits as the int a load of the cell would give
}

# Decorators under which MicroPython reads the annotations.
TYPED = {"viper", "native", "asm_thumb"}


class SourceError(Exception):
    """A device source the build cannot transform; says file and line."""


def load_layout(path: Path) -> dict[str, int]:
    """Run layout.py on the host; returns its public names, all of which have to be integers."""
    tree = ast.parse(path.read_text(), str(path))
    tree.body = [s for s in tree.body if not (isinstance(s, ast.ImportFrom) and s.module == "micropython")]
    names: dict = {"const": lambda value: value}
    exec(compile(tree, str(path), "exec"), names)
    public = {k: v for k, v in names.items() if not k.startswith("_") and k != "const"}
    for name, value in public.items():
        if type(value) is not int:
            raise SourceError(f"{path}: {name} is a {type(value).__name__}; layout constants are integers")
    return public


class Transform(ast.NodeTransformer):
    """One device source file for one word size."""

    def __init__(self, path: Path | str, bits: int, layout: dict[str, int], trace: bool = False, unit: bool = False) -> None:
        self.path = path
        self.bits = bits
        self.layout = layout
        self.folded: dict[str, int | bool] = {"W64": bits == 64, "W32": bits == 32, "TYPE_CHECKING": False}
        self.folded |= {"TRACE": trace, "UNIT": unit}
        self.typed = False  # within a function whose annotations MicroPython reads

    def error(self, node: ast.AST, message: str) -> SourceError:
        return SourceError(f"{self.path}:{getattr(node, 'lineno', 0)}: {message}")

    # Imports: layout and a machine's constants are folded away, typing exists on the host only.

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        if node.module in ("typing", "__future__") and not node.level:
            return None
        if node.module in ("layout", "constants") and node.level == 1:
            for alias in node.names:
                if alias.name not in self.layout:
                    raise self.error(node, f"{node.module} has no {alias.name}")
                self.folded[alias.asname or alias.name] = self.layout[alias.name]
            return None
        if node.module is None and node.level == 1:
            node.names = [alias for alias in node.names if alias.name != "layout"]
        return node if node.names else None

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name != "typing"]
        return node if node.names else None

    # Names: layout.NAME, names imported from layout, W64 and W32.

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not (isinstance(node.value, ast.Name) and node.value.id == "layout"):
            return self.generic_visit(node)
        if node.attr not in self.layout:
            raise self.error(node, f"layout has no {node.attr}")
        if not isinstance(node.ctx, ast.Load):
            raise self.error(node, f"layout.{node.attr} is a constant")
        return ast.Constant(self.layout[node.attr])

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self.folded:
            return node
        if not isinstance(node.ctx, ast.Load):
            raise self.error(node, f"{node.id} is a constant")
        return ast.Constant(self.folded[node.id])

    def visit_arg(self, node: ast.arg) -> ast.AST:
        if node.arg in self.folded:
            raise self.error(node, f"{node.arg} is a constant")
        return self.generic_visit(node)

    # Macros.

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id in MACROS):
            return node
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise self.error(node, f"{node.func.id} takes one argument")
        template = ast.parse(MACROS[node.func.id][self.bits], mode="eval").body
        return _Fill(node.args[0]).visit(template)

    # Branches known at build time.

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        known = _known(node.operand)
        if isinstance(node.op, ast.Not) and known is not None:
            return ast.Constant(not known)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)  # True decides an "or", False an "and"
        rest: list[ast.expr] = []
        for value in node.values:
            known = _known(value)
            if known is None:
                rest.append(value)
            elif known is decides:
                rest.append(value)
                break
        if not rest:
            return ast.Constant(not decides)
        if len(rest) == 1 or _known(rest[0]) is not None:
            return rest[0]
        node.values = rest
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        node.test = self.visit(node.test)
        known = _known(node.test)
        if known is None:
            return self.generic_visit(node)
        # Only the branch that stays is visited: the other may say what makes no sense for this word size.
        kept = ast.Module(node.body if known else node.orelse, [])
        return self.generic_visit(kept).body  # type: ignore[attr-defined]

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test = self.visit(node.test)
        known = _known(node.test)
        if known is None:
            return self.generic_visit(node)
        return self.visit(node.body if known else node.orelse)

    # What only people and type checkers read.

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self.typed:
            return self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign([self.visit(node.target)], self.visit(node.value), lineno=node.lineno)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer, self.typed = self.typed, any(_typed(d) for d in node.decorator_list)
        if not self.typed:
            node.returns = None
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    arg.annotation = None
        self.generic_visit(node)
        self.typed = outer
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]


class _Fill(ast.NodeTransformer):
    """Puts a macro's argument in the place of x."""

    def __init__(self, argument: ast.expr) -> None:
        self.argument = argument

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.argument if node.id == "x" else node


def _known(test: ast.AST) -> bool | None:
    """The value of a condition settled at build time, else None."""
    if isinstance(test, ast.Constant) and isinstance(test.value, bool):
        return test.value
    return None


def _typed(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Attribute)
        and isinstance(decorator.value, ast.Name)
        and decorator.value.id == "micropython"
        and decorator.attr in TYPED
    )


def transform(source: str, path: Path | str, bits: int, layout: dict[str, int], trace: bool = False, unit: bool = False) -> str:
    """The text mpy-cross gets for a device source file. trace: with the statements under `if TRACE`, for tools/dis.py and counting.py;
    unit: with those under `if UNIT`, for the machines of tools/viperc, where loop.py and the floats are one .mpy file."""
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as exc:
        raise SourceError(f"{path}:{exc.lineno}: {exc.msg}") from None
    tree = Transform(path, bits, layout, trace, unit).visit(tree)
    for node in ast.walk(tree):
        # A block whose only statements went away still needs one.
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
