"""The quality rules of a contract as rules of a sketch: what they allow is public, whatever the data says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from handrail import data
from handrail.twins.holds import Columns
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import Listed, Rule

Scalar = str | int | float | bool


def declared(promises: Sequence[data.Rule], rows: int, columns: Columns) -> list[Rule]:
    """The promises that are about single rows or several columns together, and that no row may break, or so
    few as they allow. What a column promises by itself (a value, none twice) is part of its sketch."""
    found: list[Rule] = []
    for one in promises:
        allowed = _allowed(one, rows)
        if allowed is not None and set(one.columns) <= columns.keys():
            hint = not one.blocking
            found += [
                replace(rule, declared=True, hint=hint, allowed=allowed) for rule in _rules(one, columns)
            ]
    return found


def _allowed(one: data.Rule, rows: int) -> float | None:
    """The share of rows that may break it; None where it asks for something else than few breaks."""
    bound = one.bound
    if one.counted == "sql":
        return 0.0
    if not bound.holds(0, max(rows, 1)):
        return None
    if bound.operator not in ("mustBeLessOrEqualTo", "mustBeLessThan"):
        return 0.0
    share = bound.values[0] / (100 if bound.unit == "percent" else max(rows, 1))
    return share if bound.operator == "mustBeLessOrEqualTo" else share * 0.999


def _rules(one: data.Rule, columns: Columns) -> Iterator[Rule]:
    column = columns[one.columns[0]] if one.columns else None
    if one.counted == "duplicates" and len(one.columns) > 1:
        yield Rule("unique", one.columns)
    elif one.counted == "sql":
        yield from _relation(one, columns)
    elif one.counted == "missing" and column and one.values:
        yield Rule("values", one.columns, strict=True, values=_listed(column, one.values))
    elif one.counted == "invalid" and column and one.values:
        yield Rule("values", one.columns, values=_listed(column, one.values))
    elif one.counted == "invalid" and column and one.pattern is not None:
        if column.kind == "text":
            yield Rule("pattern", one.columns, how=one.pattern)
    elif one.counted == "invalid" and column:
        for least, most, strict in ((one.least, one.most, False), (one.above, one.below, True)):
            low, high = _end(column, least), _end(column, most)
            if low is not None or high is not None:
                yield Rule("range", one.columns, low=low, high=high, strict=strict)


def _listed(column: ColumnSketch, values: Sequence[Scalar]) -> tuple[Listed, ...]:
    found = (str(one) if column.kind == "text" else _number(column, one) for one in values)
    return tuple(one for one in found if one is not None)


def _end(column: ColumnSketch, value: Scalar | None) -> float | None:
    return None if value is None else _number(column, value)


def _number(column: ColumnSketch, value: Scalar) -> float | None:
    """A declared value in the unit of the column; None where it means nothing there."""
    try:
        if column.kind == "date":
            return float((date.fromisoformat(str(value)[:10]) - date(1970, 1, 1)).days)
        if column.kind == "timestamp":
            return datetime.fromisoformat(str(value)).replace(tzinfo=UTC).timestamp() * 1e6
        return float(value)
    except ValueError:
        return None


def _relation(one: data.Rule, columns: Columns) -> Iterator[Rule]:
    """A query that counts the rows where something is true, of which there must be none."""
    try:
        tree = sqlglot.parse_one(one.query, read="duckdb")
    except SqlglotError:
        return
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None or tree.args.get("joins") or len(list(tree.find_all(exp.Select))) > 1:
        return
    if not _none_wanted(one, tree.expressions[0].unalias()):
        return
    condition = where.this.copy()
    by_name = {name.lower(): name for name in columns}
    names: dict[str, None] = {}
    for column in condition.find_all(exp.Column):
        if column.name.lower() not in by_name:
            return
        names[by_name[column.name.lower()]] = None
        column.replace(exp.column(by_name[column.name.lower()], quoted=True))
    if not names:
        return
    said = f"NOT coalesce(({condition.sql(dialect='duckdb')}), false)"
    yield _order(condition) or Rule("check", tuple(names), how=said)


def _none_wanted(one: data.Rule, asked: exp.Expression) -> bool:
    """Whether the promise is that the count of rows is nought: as a number, or as the answer yes."""
    if isinstance(asked, exp.EQ) and isinstance(asked.this, exp.Count):
        return asked.expression.sql() == "0" and one.bound.holds(1, 1)
    return isinstance(asked, exp.Count) and one.bound.holds(0, 1) and not one.bound.holds(1, 1)


def _order(condition: exp.Expression) -> Rule | None:
    """That one column is never beyond another: "a > b" is what must not be."""
    bare = condition.unnest()
    if not isinstance(bare, exp.GT | exp.LT):
        return None
    sides = [side.unnest() for side in (bare.this, bare.expression)]
    if not all(isinstance(side, exp.Column) for side in sides):
        return None
    a, b = (side.name for side in sides)
    return Rule("order", (a, b) if isinstance(bare, exp.GT) else (b, a))
