"""Dates about which nothing may be known, in the time in which the rest of a database plays.

A table of fewer than k rows teaches no dates. Those of the rows that point at it are told all the same, and
what is pointed at was there before: nine people who took the orders of 1996 were hired in the years before,
and were born a generation earlier. Nothing but the sketch is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from handrail.twins.models import Bin, ColumnSketch, Sketch, TableSketch
from handrail.twins.semantics import meaning_of
from handrail.twins.values import DAY_US

YEAR = 365.25  # days
BEFORE = 5 * YEAR  # that what is pointed at may be older than what points at it
YOUNG, OLD = 18 * YEAR, 65 * YEAR
Span = tuple[float, float]  # first and last day since 1970


def dated(sketch: Sketch) -> Sketch:
    """The sketch with a range for every date, and day of birth, about which it says nothing; where it says
    nothing of any time, they stay as they are."""
    return replace(sketch, tables=tuple(_table(sketch, table) for table in sketch.tables))


def _table(sketch: Sketch, table: TableSketch) -> TableSketch:
    unknown = [column for column in table.columns if _unknown(column)]
    if not unknown or table.verbatim:
        return table
    pointing = [other for other in sketch.tables if any(link.to == table.name for link in other.links)]
    below = _span(column for other in pointing if other is not table for column in other.columns)
    around = _span(table.columns) or below or _span(c for other in sketch.tables for c in other.columns)
    if around is None:
        return table
    before = (below[0] - BEFORE, below[0]) if below else around
    middle = (around[0] + around[1]) / 2
    born = (middle - OLD, middle - YOUNG)
    columns = {
        one.name: _within(one, born if _of_birth(one) else before) if one in unknown else one
        for one in table.columns
    }
    drawn = tuple(one.name for one in unknown if one.role == "model" and one.name not in table.order)
    return replace(table, columns=tuple(columns.values()), order=(*table.order, *drawn))


def _unknown(column: ColumnSketch) -> bool:
    if column.kind not in ("date", "timestamp") or column.kept:
        return False
    known = any(share for one, share in zip(column.bins, column.shares, strict=False) if one.kind in _TOLD)
    return not known and (column.role == "model" or (column.role == "fake" and _of_birth(column)))


def _of_birth(column: ColumnSketch) -> bool:
    return meaning_of(column.semantic, column.name) == "birth_date"


_TOLD = ("value", "range")


def _span(columns: Iterator[ColumnSketch] | tuple[ColumnSketch, ...]) -> Span | None:
    """From the first to the last day that dates told of these columns have, days of birth left out."""
    found: list[float] = []
    for column in columns:
        if column.kind not in ("date", "timestamp") or column.role != "model" or _of_birth(column):
            continue
        unit = DAY_US if column.kind == "timestamp" else 1
        for one, share in zip(column.bins, column.shares, strict=False):
            if share and one.kind == "range":
                found += [one.low / unit, one.high / unit]
            elif share and one.kind == "value":
                found.append(float(one.value or 0) / unit)
    return (min(found), max(found)) if found else None


def _within(column: ColumnSketch, span: Span) -> ColumnSketch:
    unit = DAY_US if column.kind == "timestamp" else 1
    low, high = (float(round(day) * unit) for day in span)
    empty = column.shares[0] if column.shares and column.bins[0].kind == "null" else 0.0
    bins = (Bin("null"), Bin("range", low=low, high=max(high, low + unit)))
    step = max(column.step, float(unit))
    return replace(column, bins=bins, shares=(empty, 1 - empty), step=step)
