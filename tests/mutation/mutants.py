"""Generic mutants of a source file: one small change of the syntax tree each."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "zeros": "ones", "empty": None}
DROPPED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Continue, ast.Break, ast.Return)


@dataclass(frozen=True)
class Mutant:
    line: int
    before: str
    after: str
    source: str


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""

    def changed(**fields: object) -> ast.AST:
        other = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    if isinstance(node, ast.Compare):
        for op in COMPARED.get(type(node.ops[0]), ()):
            yield changed(ops=[op(), *node.ops[1:]])
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        if type(node.op) in COMPUTED:
            yield changed(op=COMPUTED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield changed(op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield changed(value=not node.value)
        elif isinstance(node.value, int):
            yield changed(value=node.value + 1)
            if node.value:
                yield changed(value=node.value - 1)
        elif isinstance(node.value, float):
            yield changed(value=0.0 if node.value else 1.0)
    elif isinstance(node, ast.Name) and NAMES.get(node.id):
        yield changed(id=NAMES[node.id])
    elif isinstance(node, ast.Attribute) and NAMES.get(node.attr):
        yield changed(attr=NAMES[node.attr])
    if isinstance(node, DROPPED) and not is_docstring(node):
        yield ast.copy_location(ast.Pass(), node)


def is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """(parent, field, position in the field, node) of all that may be changed: not docstrings, imports, decorators."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if name == "decorator_list" or isinstance(parent, (ast.ImportFrom, ast.Import)) or is_docstring(parent):
                continue
            for i, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST):
                    yield parent, name, i, node


def text(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())[:90]


def generic_mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    tree = ast.parse(source)
    decorators = {
        id(sub) for node in ast.walk(tree) for d in getattr(node, "decorator_list", []) for sub in ast.walk(d)
    }
    for parent, name, i, node in list(places(tree)):
        if id(parent) in decorators or id(node) in decorators:
            continue
        for other in variants(node):
            if i is None:
                setattr(parent, name, other)
            else:
                getattr(parent, name)[i] = other
            yield Mutant(node.lineno, text(node), text(other), ast.unparse(ast.fix_missing_locations(tree)))
            if i is None:
                setattr(parent, name, node)
            else:
                getattr(parent, name)[i] = node
