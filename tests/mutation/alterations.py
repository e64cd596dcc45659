"""Small changes to the code, of the size of a mistake: a turned comparison, a lost argument.

Each is found in the syntax tree and applied to a copy of it: no file is written.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[2]
CODE = ROOT / "functions"

LONGEST = 60
"""Letters of the code that a change is shown with."""

COMPARED: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}

CALCULATED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}

NAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}
"""Functions whose opposite takes the same arguments."""

MARKS = "__marks__"
"""The name under which a marked module has the set of its marks."""

SILENT = {"info", "warning", "error", "debug", "exception"}
"""Calls that only log, which no test needs to see."""


@dataclass(frozen=True)
class Alteration:
    """One change: where it is, and what stands there before and after it."""

    module: str
    place: str
    """The function or class that it is in, as `Class.method`; empty at the top."""
    block: int
    """The line at which its block begins, which is marked when it runs; 0 outside of functions."""
    line: int
    before: str
    after: str
    number: int
    """The index among those of the module."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same while other lines change."""
        return (self.module, self.place, self.before, self.after)

    def __str__(self) -> str:
        path = path_of(self.module).relative_to(ROOT)
        return f"{path}:{self.line} {self.place or 'top'}: {self.before}  ->  {self.after}"


def path_of(module: str) -> Path:
    """Return the file of a module of Landfall."""
    return CODE / (module.replace(".", "/") + ".py")


def alterations(module: str) -> list[Alteration]:
    """Return all changes to a module, in the order of its lines."""
    return [change.described(module, number) for number, change in enumerate(_changes(module))]


def altered(alteration: Alteration) -> CodeType:
    """Return the code of the module with the change."""
    for number, change in enumerate(_changes(alteration.module)):
        if number == alteration.number:
            change.apply()
            return _compiled(alteration.module, change.tree)
    raise LookupError(f"no such change: {alteration}")


def marked(module: str) -> CodeType:
    """Return the code of the module, each block of which begins with `MARKS.add(its line)`."""
    tree = ast.parse(path_of(module).read_text())
    for parent in [*ast.walk(tree)]:
        for field, children in ast.iter_fields(parent):
            if _is_block(parent, children):
                mark = ast.parse(f"{MARKS}.add({children[0].lineno})").body[0]
                docstring = field == "body" and children[0] is _docstring(parent)
                children.insert(1 if docstring else 0, mark)
    return _compiled(module, tree)


def _compiled(module: str, tree: ast.Module) -> CodeType:
    path = str(path_of(module))
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _is_block(parent: ast.AST, children: object) -> bool:
    """Tell a block that runs within a function, or beneath an `if` or a `try`."""
    if isinstance(parent, ast.Module | ast.ClassDef) or not isinstance(children, list):
        return False
    return bool(children) and isinstance(children[0], ast.stmt)


def _docstring(node: ast.AST) -> ast.AST | None:
    """Return the statement that may have to come first."""
    match node:
        case ast.FunctionDef(body=[first, *_]) | ast.AsyncFunctionDef(body=[first, *_]):
            return first if isinstance(first, ast.Expr) else None
    return None


@dataclass(frozen=True)
class _Change:
    """A node of a tree, and what takes its place in its parent."""

    tree: ast.Module
    place: str
    block: int
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST | None

    @property
    def old(self) -> ast.AST:
        child = getattr(self.parent, self.field)
        return child if self.index is None else child[self.index]  # type: ignore[no-any-return]

    def described(self, module: str, number: int) -> Alteration:
        after = "(nothing)" if self.new is None else _shown(self.new)
        line = getattr(self.old, "lineno", 0)
        shown = _shown(self.old)
        return Alteration(module, self.place, self.block, line, shown, after, number)

    def apply(self) -> None:
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        elif self.new is None:
            del getattr(self.parent, self.field)[self.index]
            if isinstance(self.parent, ast.Dict):
                del self.parent.values[self.index]
        else:
            getattr(self.parent, self.field)[self.index] = self.new


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _changes(module: str) -> Iterator[_Change]:
    tree = ast.parse(path_of(module).read_text())
    yield from _within(tree, tree, "", 0)


def _within(tree: ast.Module, parent: ast.AST, place: str, block: int) -> Iterator[_Change]:
    """Yield the changes to the children of a node, from the top down."""
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "type_comment", "ctx"):
            continue
        several = isinstance(value, list)
        within = value[0].lineno if _is_block(parent, value) else block
        for index, child in enumerate(value if several else [value]):
            if not isinstance(child, ast.AST) or _meaningless(child):
                continue
            at = index if several else None
            for new in _instead_of(child, parent, field, tuned=within == 0):
                yield _Change(tree, place, within, parent, field, at, new)
            yield from _within(tree, child, _inner(place, child), within)


def _inner(place: str, node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return f"{place}.{node.name}".strip(".")
    return place


def _meaningless(node: ast.AST) -> bool:
    """Tell what no test needs to see: imports, docstrings, types, log lines, and messages."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Pass() | ast.Assert():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logs"), attr=name))):
            return name in SILENT
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.ClassDef(
            bases=[
                ast.Name(id="Protocol") | ast.Subscript(value=ast.Name(id="Protocol")),
                *_,
            ]
        ):
            return True
        case ast.Call(func=ast.Name(id="cast" | "TypeVar" | "NewType")):
            return True
        case ast.Await(value=ast.Call(func=ast.Attribute(attr="sleep"), args=[ast.Constant()])):
            return True  # others go on
        case ast.keyword(arg="description" | "examples" | "frozen" | "strict" | "defer_build"):
            return True
        case ast.Subscript(value=ast.Name(id=name)):
            return name[0].isupper() and not name.isupper()  # a type
    return False


def _instead_of(
    node: ast.AST, parent: ast.AST, field: str, *, tuned: bool
) -> Iterator[ast.AST | None]:
    """Yield what may stand in the place of a node; None deletes it.

    A `tuned` number stands outside of functions: no test needs to see a little more of it.
    """
    if isinstance(node, ast.stmt):
        yield from _instead_of_statement(node)
    elif isinstance(node, ast.keyword):
        if node.arg is not None:
            yield None
    elif isinstance(node, ast.Constant):
        yield from _instead_of_constant(node, parent, tuned=tuned)
    elif isinstance(node, ast.expr):
        yield from _instead_of_expression(node, tuned=tuned)
        if field == "test" and isinstance(
            node, ast.Name | ast.Attribute | ast.Call | ast.Subscript
        ):
            yield ast.UnaryOp(ast.Not(), node)
    if _is_element(parent, field):
        yield None


def _is_element(parent: ast.AST, field: str) -> bool:
    """Tell what can be left out of a list, a set, a group, or the conditions of a loop."""
    match parent:
        case ast.List(elts=several) | ast.Set(elts=several):
            return field == "elts" and len(several) > 1
        case ast.Dict():
            return field == "keys"
        case ast.BoolOp(values=several):
            return field == "values" and len(several) > 2
        case ast.comprehension():
            return field == "ifs"
    return False


def _instead_of_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.If(orelse=[_, *_]):
            yield ast.If(ast.Constant(False), node.body, node.orelse)


def _instead_of_constant(node: ast.Constant, parent: ast.AST, *, tuned: bool) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value * 10 if tuned and value > 1 else value + 1)
    elif isinstance(value, str) and value.isidentifier() and not isinstance(parent, ast.Subscript):
        yield ast.Constant(value + "_")


def _instead_of_expression(node: ast.expr, *, tuned: bool) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in COMPARED[type(operator)]:
                yield _with(node, ops=[other()])
        case ast.BoolOp(op=operator, values=values):
            yield _with(node, op=ast.And() if isinstance(operator, ast.Or) else ast.Or())
            if len(values) == 2:
                yield from values
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.BinOp(op=operator) if type(operator) in CALCULATED and not tuned:
            yield _with(node, op=CALCULATED[type(operator)]())
        case ast.Call(func=ast.Name(id=name)) if name in NAMED:
            yield _with(node, func=ast.Name(NAMED[name], ast.Load()))


def _with(node: ast.expr, **fields: object) -> ast.expr:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new
