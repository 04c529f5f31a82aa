"""What a string in the code can be, as far as reading the code can tell."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, product

from handrail.review.source import Program, Source, module_name

MOST = 24  # alternatives that are followed; beyond, the string is unknown
LONGEST = 100_000  # characters; a longer string is not followed
UNCHANGED = frozenset({"strip", "lstrip", "rstrip", "dedent", "cleandoc", "text"})


@dataclass(frozen=True)
class Hole:
    """A part of a string that only a run can know; `code` is the expression that fills it."""

    code: str


@dataclass(frozen=True)
class Text:
    """A string made of known parts and holes."""

    parts: tuple[str | Hole, ...]

    @property
    def known(self) -> str | None:
        """The whole string, or None when a part of it is unknown."""
        return None if self.holes else "".join(part for part in self.parts if isinstance(part, str))

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The unknown parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    @property
    def size(self) -> int:
        """Characters of the known parts, counting each part as at least one."""
        return sum(len(part) if isinstance(part, str) else 1 for part in self.parts) + len(self.parts)


class Strings:
    """Follows strings through one app.

    Understands constants, assignments, `+`, `+=`, `%`, `.format`, `.join`, f-strings, `if` expressions, loops
    over literal lists, dictionaries of constants, names imported from the app's own files, and the arguments
    that a file's own calls hand to a function. Each expression is followed once, so the work is bounded by
    the size of the app.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._found: dict[ast.AST, tuple[Text, ...]] = {}

    def of(self, source: Source, node: ast.AST) -> tuple[Text, ...]:
        """Every string that this expression can be, at most MOST; what is unknown is a hole."""
        if node not in self._found:
            unknown = (hole(ast.unparse(node)[:60]),)
            self._found[node] = unknown  # the answer for an expression that depends on itself
            found = tuple(dict.fromkeys(islice(self._texts(source, node), MOST + 1)))
            fits = 0 < len(found) <= MOST and all(text.size <= LONGEST for text in found)
            self._found[node] = found if fits else unknown
        return self._found[node]

    def _texts(self, source: Source, node: ast.AST) -> Iterator[Text]:
        match node:
            case ast.Constant(value=str() | int() | float() as value):
                yield known(str(value))
            case ast.JoinedStr(values=values):
                yield from joined(self.of(source, value) for value in values)
            case ast.FormattedValue(value=value, format_spec=None):
                yield from self.of(source, value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from joined(self.of(source, side) for side in (left, right))
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                yield from self._percent(
                    source, left, right.elts if isinstance(right, ast.Tuple) else [right]
                )
            case ast.IfExp(body=body, orelse=orelse):
                yield from self.of(source, body)
                yield from self.of(source, orelse)
            case ast.Call():
                yield from self._call(source, node)
            case ast.Name():
                yield from self._name(source, node)
            case ast.Subscript(value=value, slice=key):
                yield from self._item(source, value, key)
            case ast.Attribute(attr=attr) if (origin := source.origin(node)) and "." in origin:
                yield from self._elsewhere(origin.rpartition(".")[0], attr)

    def _percent(self, source: Source, left: ast.expr, values: list[ast.expr]) -> Iterator[Text]:
        for text in self.of(source, left):
            pieces = text.known.split("%s") if text.known is not None else []
            if len(pieces) == len(values) + 1:
                options: list[tuple[Text, ...]] = [(known(pieces[0]),)]
                for value, piece in zip(values, pieces[1:], strict=True):
                    options += [self.of(source, value), (known(piece),)]
                yield from joined(options)

    def _call(self, source: Source, node: ast.Call) -> Iterator[Text]:
        if not isinstance(node.func, ast.Attribute):
            if getattr(node.func, "id", "") in UNCHANGED and node.args:
                yield from self.of(source, node.args[0])
            return
        name, receiver = node.func.attr, node.func.value
        if name == "format":
            for text in self.of(source, receiver):
                yield from self._format(source, text, node)
        elif name == "join" and len(node.args) == 1:
            items = self._elements(source, node.args[0])
            for glue in self.of(source, receiver):
                if items and all(len(item) == 1 for item in items):
                    yield from joined([option for item in items for option in ((glue,), item)][1:])
        elif name in UNCHANGED:
            yield from self.of(source, node.args[0] if node.args else receiver)

    def _format(self, source: Source, text: Text, node: ast.Call) -> Iterator[Text]:
        if text.known is None:
            return
        try:
            fields = list(string.Formatter().parse(text.known))
        except ValueError:
            return
        named = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        options: list[tuple[Text, ...]] = []
        position = 0
        for literal, field, _spec, _conversion in fields:
            options.append((known(literal),))
            if field is None:
                continue
            index = int(field) if field.isdecimal() and len(field) < 4 else position
            position += not field
            value = named.get(field) or (node.args[index] if index < len(node.args) else None)
            options.append(self.of(source, value) if value is not None else (hole(field),))
        yield from joined(options)

    def _elements(self, source: Source, node: ast.AST) -> list[tuple[Text, ...]]:
        """The elements of a literal list, or of a name bound once to one."""
        if isinstance(node, ast.Name):
            bound = _bindings(source, node)
            if len(bound) == 1 and isinstance(bound[0], ast.Assign):
                node = bound[0].value
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [self.of(source, element) for element in node.elts[: MOST + 1]]
        if isinstance(node, ast.Dict):
            return [self.of(source, key) for key in node.keys[: MOST + 1] if key is not None]
        return []

    def _name(self, source: Source, node: ast.Name) -> Iterator[Text]:
        bound = _bindings(source, node)
        scope = source.scope(node)
        if not bound and isinstance(scope, ast.FunctionDef) and node.id in _parameters(scope):
            yield from self._argument(source, scope, node.id)
        elif not bound and "." in (origin := source.imports.get(node.id, "")):
            module, _, name = origin.rpartition(".")
            yield from self._elsewhere(module, name)
        options: list[Text] = []
        for binding in bound[: MOST + 1]:
            options += self._bound(source, binding, options)
            if len(options) > MOST:
                break
        yield from options

    def _bound(self, source: Source, binding: ast.AST, before: list[Text]) -> Iterable[Text]:
        match binding:
            case ast.Assign(targets=[ast.Name()], value=value) | ast.NamedExpr(value=value):
                return self.of(source, value)
            case ast.AnnAssign(value=ast.expr() as value):
                return self.of(source, value)
            case ast.AugAssign(op=ast.Add(), value=value):
                return joined([tuple(before), self.of(source, value)])
            case (
                ast.For(target=ast.Name() as name, iter=items)
                | ast.comprehension(target=ast.Name() as name, iter=items)
            ):
                elements = self._elements(source, items)
                return [text for element in elements for text in element] or [hole(name.id)]
        return [hole("…")]

    def _argument(self, source: Source, function: ast.FunctionDef, name: str) -> Iterator[Text]:
        """What the file's own calls hand to a parameter, or its default."""
        position = _parameters(function).index(name)
        defaults = function.args.defaults
        offset = len(function.args.posonlyargs + function.args.args) - len(defaults)
        called = False
        for call in source.calls_named.get(function.name, ())[: MOST + 1]:
            called = True
            given = next((item.value for item in call.keywords if item.arg == name), None)
            if given is None and position < len(call.args):
                given = call.args[position]
            if given is None and 0 <= position - offset < len(defaults):
                given = defaults[position - offset]
            yield from self.of(source, given) if given is not None else (hole(name),)
        if not called:
            yield hole(name)

    def _item(self, source: Source, value: ast.expr, key: ast.expr) -> Iterator[Text]:
        table: ast.expr | None = value
        if isinstance(value, ast.Name):
            bound = _bindings(source, value)
            only = bound[0] if len(bound) == 1 else None
            table = only.value if isinstance(only, ast.Assign | ast.AnnAssign) else None
        if isinstance(table, ast.Dict):
            wanted = key.value if isinstance(key, ast.Constant) else None
            for name, item in zip(table.keys, table.values, strict=True):
                if wanted is None or (isinstance(name, ast.Constant) and name.value == wanted):
                    yield from self.of(source, item)

    def _elsewhere(self, module: str, name: str) -> Iterator[Text]:
        """A name that another file of the app gives its value."""
        for source in self.program.values():
            if module_name(source.file) == module:
                for binding in source.bindings.get((source.tree, name), []):
                    if isinstance(binding, ast.Assign | ast.AnnAssign) and binding.value is not None:
                        yield from self.of(source, binding.value)


def known(text: str) -> Text:
    """A string without holes."""
    return Text((text,))


def hole(code: str) -> Text:
    """A string of which nothing is known."""
    return Text((Hole(code),))


def joined(options: Iterable[tuple[Text, ...]]) -> Iterator[Text]:
    """Every way to put one of each option in a row."""
    for choice in product(*options):
        total = Text(tuple(part for text in choice for part in text.parts))
        yield total if total.size <= LONGEST else hole("a very long text")


def _bindings(source: Source, node: ast.Name) -> list[ast.AST]:
    scope = source.scope(node)
    while (scope, node.id) not in source.bindings and scope is not source.tree:
        if node.id in _parameters(scope):
            return []
        scope = source.scope(scope)
    return source.bindings.get((scope, node.id), [])


def _parameters(scope: ast.AST) -> list[str]:
    args = getattr(scope, "args", None)
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)] if args else []
