"""Mines two orders that apps rely on: dates that never run backwards, and keys that grow with time."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from handrail.twins.columns import Source, quoted
from handrail.twins.models import ColumnSketch

MOST_DATES = 8
KEPT = 0.98  # share of rows that must follow their predecessor


def ascending(source: Source, columns: Sequence[ColumnSketch]) -> tuple[tuple[str, str], ...]:
    """Pairs of dates (a, b) with a <= b in every row that has both, where at least 10 k rows have both."""
    dates = [one for one in columns if one.kind in ("date", "timestamp") and one.role == "model"][:MOST_DATES]
    found: list[tuple[str, str]] = []
    for first, second in combinations(dates, 2):
        if first.type != second.type:
            continue
        a, b = quoted(first.name), quoted(second.name)
        both, over, under = source.one(
            f"SELECT count(*), count(*) FILTER ({a} > {b}), count(*) FILTER ({a} < {b}) "
            f"FROM {source.relation} WHERE {a} IS NOT NULL AND {b} IS NOT NULL"
        )
        if both >= 10 * source.k and not (over and under):
            found.append((first.name, second.name) if not over else (second.name, first.name))
    return tuple(found)


def sorted_by(source: Source, columns: Sequence[ColumnSketch]) -> str | None:
    """The date column that grows with a numbered key, if nearly every row follows the one before it."""
    keys = [one for one in columns if one.role == "key" and one.primary_key]
    if len(keys) != 1 or keys[0].kind != "integer" or not keys[0].unique or source.rows < 10 * source.k:
        return None
    for one in (one for one in columns if one.kind in ("date", "timestamp") and one.role == "model"):
        (share,) = source.one(
            f"SELECT avg(follows::INTEGER) FROM (SELECT d >= lag(d) OVER (ORDER BY key) AS follows FROM "
            f"(SELECT {quoted(one.name)} AS d, {quoted(keys[0].name)} AS key FROM {source.relation}))"
        )
        if share is not None and share >= KEPT:
            return one.name
    return None
