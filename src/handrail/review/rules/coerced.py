"""Values that are made to fit without a count of how many did not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handrail.review.models import Finding
from handrail.review.rules.failures import GROUP
from handrail.review.seen import ASKING
from handrail.review.source import Program, Source

COUNTING = frozenset({"isna", "isnull", "notna", "notnull", "count", "info", "isnan"})
FILLING = frozenset({"fillna", "nan_to_num"})


def coerced(program: Program) -> Iterator[Finding]:
    """A warning where bad values become blanks, zeros or missing rows and the scope counts none of them."""
    for source in program.values():
        counted = {source.scope(call) for call in source.calls if _name(call) in COUNTING}
        coercing: set[ast.AST] = set()
        for call in sorted(source.calls, key=lambda call: (call.lineno, call.col_offset)):
            scope = source.scope(call)
            if scope in counted:
                continue
            if _has(call, "errors", "coerce") or _has(call, "on_bad_lines", "skip") or _ignores(call):
                if scope not in coercing:
                    coercing.add(scope)
                    yield _coerced(source, call)
            elif (
                _name(call) in FILLING
                and _fills_with_zero(call)
                and scope not in coercing
                and _from_query(source, call)
            ):
                coercing.add(scope)
                yield _filled(source, call)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _has(call: ast.Call, argument: str, value: str) -> bool:
    return any(
        k.arg == argument and isinstance(k.value, ast.Constant) and k.value.value == value
        for k in call.keywords
    )


def _ignores(call: ast.Call) -> bool:
    reads = _name(call) in ("open", "read_csv", "read_text", "decode")
    return reads and (_has(call, "errors", "ignore") or _has(call, "encoding_errors", "ignore"))


def _fills_with_zero(call: ast.Call) -> bool:
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "value"), None)
    return isinstance(given, ast.Constant) and given.value in (0, 0.0) and given.value is not False


def _from_query(source: Source, call: ast.Call) -> bool:
    """Whether what is filled is a query's answer itself, not something computed from it (a pivot, a join)."""
    node = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        return _is_answer(source, node)
    if not isinstance(node, ast.Name):
        return False
    bound = source.bindings.get((source.scope(call), node.id), [])
    values = [
        one.value for one in bound if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    ]
    return bool(values) and all(
        _is_answer(source, value) or (isinstance(value, ast.Call) and _name(value) in FILLING)
        for value in values
    )


def _is_answer(source: Source, node: ast.expr) -> bool:
    while isinstance(node, ast.Call):
        if source.origin(node.func) in ASKING:
            return True
        plain = isinstance(node.func, ast.Attribute) and node.func.attr in (
            "to_pandas",
            "df",
            "pandas",
            "copy",
        )
        node = node.func.value if plain and isinstance(node.func, ast.Attribute) else ast.Constant(None)
    return False


def _coerced(source: Source, call: ast.Call) -> Finding:
    return _finding(
        source,
        call,
        "Values that do not fit become blanks (or vanish), and nothing counts them: a column in a "
        "new format would empty the report without a word.",
        "Count them and say so: `bad = converted.isna().sum()`, then raise or show `bad` beside the result.",
    )


def _filled(source: Source, call: ast.Call) -> Finding:
    return _finding(
        source,
        call,
        "Missing values become 0 right after the query, so that unknown looks like none.",
        'Keep them missing, or count them first (`df["x"].isna().sum()`) and show the count with the result.',
    )


def _finding(source: Source, call: ast.Call, because: str, fix: str) -> Finding:
    return Finding(
        rule="coerced-uncounted",
        severity="warns",
        title="Bad values are hidden, not counted",
        file=source.file,
        line=call.lineno,
        end_line=call.end_lineno or call.lineno,
        because=because,
        fix=fix,
        group=GROUP,
    )
