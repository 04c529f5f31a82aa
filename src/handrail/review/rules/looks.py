"""What a viewer would take a value for: a result, nothing, or a failure."""

from __future__ import annotations

import ast
import re
from typing import Literal

from handrail.review.source import Source

Ending = Literal["made up", "number", "empty", "nothing", "carries on", "visible"]

FAILED = re.compile(
    r"(?i)\b(?:error|fail|failed|failure|unavailable|could not|couldn't|cannot|can't|not available|invalid)\b"
)


def value_kind(source: Source, value: ast.expr, named: str) -> Ending:
    """What a viewer would take this value for."""
    if named and mentions(value, named):
        return "visible"
    match value:
        case ast.Constant(value=None):
            return "nothing"
        case ast.Constant(value=bool()):
            return "nothing"
        case ast.Constant(value=int() | float()) | ast.UnaryOp(operand=ast.Constant()):
            return "number"
        case ast.Constant(value=str() as text):
            return "empty" if text.strip() in ("", "0", "0.0", "0%") else "visible"
        case ast.Tuple(elts=elements) if elements:
            kinds = {value_kind(source, element, named) for element in elements}
            return next(
                (kind for kind in ("made up", "number", "empty", "nothing") if kind in kinds), "visible"
            )
        case ast.List() | ast.Dict() | ast.Set() | ast.Tuple():
            return _container(value)
        case ast.Call(func=func, args=args):
            name = source.origin(func).rpartition(".")[2]
            if name in (
                "DataFrame",
                "Series",
                "dict",
                "list",
                "set",
                "defaultdict",
                "array",
                "zeros",
                "Decimal",
            ):
                rows = [
                    node for argument in args for node in ast.walk(argument) if isinstance(node, ast.Constant)
                ]
                if name == "Decimal":
                    return "number"
                numbers = [node for node in rows if isinstance(node.value, int | float)]
                return (
                    "made up" if len(numbers) >= 2 and name in ("DataFrame", "Series", "array") else "empty"
                )
            if name == "float" and args and isinstance(args[0], ast.Constant) and args[0].value == "nan":
                return "nothing"
    return "visible"


def _container(value: ast.expr) -> Ending:
    constants = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    texts = " ".join(item for item in constants if isinstance(item, str))
    if FAILED.search(texts):
        return "visible"
    numbers = [item for item in constants if isinstance(item, int | float) and not isinstance(item, bool)]
    if any(number not in (0, 0.0) for number in numbers):
        return "made up"
    return "number" if numbers else "empty" if not constants else "nothing"


def mentions(node: ast.AST, name: str) -> bool:
    """Whether an expression uses this name."""
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))
