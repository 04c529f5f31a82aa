"""Whether a handler keeps score of what failed, of something that is looked at later."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from handrail.review.rules.looks import value_kind
from handrail.review.source import Source

FILLING = frozenset({"append", "add", "update"})


def counts(source: Source, node: ast.AST, handler: ast.ExceptHandler) -> bool:
    """Whether the handler keeps score (`bad += 1`, `skipped.append(row)`) of something that is used later."""
    name = ""
    if isinstance(node, ast.AugAssign):
        name = _dotted(node.target)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FILLING:
        name = _dotted(node.func.value)
        if node.args and value_kind(source, node.args[0], "") in ("number", "empty", "nothing"):
            return False  # total.append(0) is a default, not a score
    inside = Counter(_loaded(source, ast.walk(handler)))
    return bool(name) and _loads(source)[name] > inside[name]


def _feeds(source: Source, node: ast.AST) -> bool:
    """`total` in `total.append(…)`: that fills it, and reads nothing."""
    parent = source.parents.get(node)
    return isinstance(parent, ast.Attribute) and parent.attr in FILLING


@lru_cache(maxsize=4)
def _loads(source: Source) -> Counter[str]:
    """How often each name (or dotted name) is read, other than to be filled."""
    return Counter(_loaded(source, source.nodes))


def _loaded(source: Source, nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        read = isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        if read and not _feeds(source, node) and (name := _dotted(node)):
            yield name


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
