"""The catalogue of awkward values that reality has and plain synthetic data has not, and how they are strewn.

A small share of the rows of the `hostile` variant carries them. Keys, unique columns, columns that others
point at and required columns keep what the contract promises; everything else the contract allows may come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handrail.twins.models import ColumnSketch, HostileCell, Kind, TableSketch
from handrail.twins.values import DAY_US, Values, limits

SHARE = 0.01  # of the rows
FEWEST = 12  # rows, in tables that have eight times as many
CELLS = 3  # awkward values in such a row, on average

NUMBERS: tuple[Kind, ...] = ("integer", "decimal", "float")
TEXTS: tuple[Kind, ...] = ("text",)
DAYS: tuple[Kind, ...] = ("date", "timestamp")
MOMENTS: tuple[Kind, ...] = ("timestamp",)


@dataclass(frozen=True)
class Case:
    """One kind of awkward value: a stable id, what it is, and the value for a column (None: null)."""

    id: str
    says: str
    kinds: tuple[Kind, ...] | None  # None: every kind
    make: Callable[[ColumnSketch], Any]


def _text(id: str, says: str, value: str) -> Case:
    return Case(id, says, TEXTS, lambda _: value)


def _moment(id: str, says: str, days: int, micros: int = 0) -> Case:
    kinds = MOMENTS if micros else DAYS
    return Case(id, says, kinds, lambda column: days if column.kind == "date" else days * DAY_US + micros)


def _large(column: ColumnSketch) -> float:
    """Ten times the highest common value: an outlier, yet not so large that every total drowns in it."""
    known = [
        one.high if one.kind == "range" else float(one.value or 0)
        for one in column.bins
        if one.kind in ("range", "value")
    ]
    top = max([abs(x) for x in known], default=100.0) or 100.0
    return min(10 * top, float(limits(column.kind, column.type)[1]))


def _negative(column: ColumnSketch) -> float:
    return float(max(-1 if column.kind != "float" else -0.5, limits(column.kind, column.type)[0]))


CATALOGUE: tuple[Case, ...] = (
    Case("null", "no value, where the contract allows it", None, lambda _: None),
    Case("number.zero", "zero: a divisor, an empty price", NUMBERS, lambda _: 0),
    Case("number.negative", "just below zero: a correction, a return", NUMBERS, _negative),
    Case("number.large", "ten times the highest usual value", NUMBERS, _large),
    _moment("date.sentinel", "31 December 9999, the date that means never", 2_932_896),
    _moment("date.ancient", "1 January 1900, the date that means unknown", -25_567),
    _moment("date.leap", "29 February", 19_782),
    _moment("time.gap", "02:30 on the night the clocks go forward in Europe", 20_541, 9_000_000_000),
    _moment("time.last", "one microsecond before midnight", 19_814, DAY_US - 1),
    _text("text.empty", "present but empty", ""),
    _text("text.blank", "only spaces", "   "),
    _text("text.padded", "spaces before and after", "  Padded value "),
    _text("text.quotes", "both kinds of quotes and a comma", 'O\'Brien, "Bob"'),
    _text("text.lines", "a line break and a tab", "first line\nsecond\tline"),
    _text("text.unicode", "letters outside ASCII, an emoji, a combining accent", "Zoë Łódź 北京 🧗 é"),
    _text("text.rtl", "right-to-left letters", "שלום مرحبا"),
    _text("text.formula", "a spreadsheet formula", "=1+1"),
    _text("text.markup", "markup that a page must escape", "<b onmouseover=alert(1)>bold</b>"),
    _text("text.sql", "a quote that ends a careless SQL string", "'; --"),
    _text("text.none", "the word null", "NULL"),
    _text("text.number", "a number with a decimal comma", "1.234,56"),
    _text("text.percent", "a percent sign and braces that formatting eats", "100% {0} %s"),
    _text("text.long", "longer than any screen is wide", "long " * 200 + "end"),
    _text("category.unseen", "a category that nobody has seen before", "Unseen category"),
)
BY_ID = {case.id: case for case in CATALOGUE}


def strew(
    table: TableSketch,
    values: dict[str, Values],
    targeted: frozenset[str],
    rows: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Values], tuple[HostileCell, ...]]:
    """Put awkward values into a few rows; `targeted` are the columns that other rows point at.

    Every column that may be null gets a null before anything is repeated. Returns the columns and a list of
    what was put where.
    """
    wanted = _row_count(rows)
    pairs = _pairs(table, targeted, rng)
    if not wanted or not pairs:
        return values, ()
    chosen = np.sort(rng.choice(rows, size=wanted, replace=False))
    nulls = sum(1 for _, case in pairs if case.id == "null")
    cells: dict[tuple[int, str], Case] = {}
    for number in range(max(nulls, wanted * CELLS)):
        column, case = pairs[number % len(pairs)]
        cells.setdefault((int(chosen[number % wanted]), column.name), case)
    changed = dict(values)
    linked = {link.columns[0]: link.columns for link in table.links}
    for name in {column for _, column in cells}:
        own = {row: case for (row, column), case in cells.items() if column == name}
        for other in linked.get(name, (name,)):
            changed[other] = _changed(table.column(other), changed[other], own)
    found = [HostileCell(row, column, case.id) for (row, column), case in cells.items()]
    return changed, tuple(sorted(found, key=lambda cell: (cell.row, cell.column)))


def _row_count(rows: int) -> int:
    return max(math.ceil(rows * SHARE), min(FEWEST, rows // 8), 1) if rows > 1 else 0


def _pairs(
    table: TableSketch, targeted: frozenset[str], rng: np.random.Generator
) -> list[tuple[ColumnSketch, Case]]:
    """What may happen to which column: nulls first, the rest shuffled."""
    later = {column for link in table.links for column in link.columns[1:]}
    keyed = {column for link in table.links for column in link.columns if _fixed(table, link.columns)}
    linked = {column for link in table.links for column in link.columns}
    nulls: list[tuple[ColumnSketch, Case]] = []
    others: list[tuple[ColumnSketch, Case]] = []
    for column in table.columns:
        if column.role in ("degree", "key") or column.unique or column.name in targeted | later | keyed:
            continue
        if not column.required and column.kind != "odd":
            nulls.append((column, BY_ID["null"]))
        if column.name not in linked and column.role != "fill":
            cases = [case for case in CATALOGUE if case.kinds and column.kind in case.kinds]
            others += [(column, case) for case in cases if _fits(case, column)]
    return nulls + [others[i] for i in rng.permutation(len(others))]


def _fixed(table: TableSketch, columns: Sequence[str]) -> bool:
    return any(table.column(name).required or table.column(name).primary_key for name in columns)


def _fits(case: Case, column: ColumnSketch) -> bool:
    made = case.make(column)
    if column.kind in ("text", "float"):
        return True
    low, high = limits(column.kind, column.type)
    return low <= float(made) <= high and not (case.id == "number.negative" and low >= 0)


def _changed(column: ColumnSketch, values: Values, cases: dict[int, Case]) -> Values:
    array, valid = values.array.copy(), values.valid.copy()
    for row, case in cases.items():
        made = case.make(column)
        valid[row] = made is not None
        if made is not None:
            array[row] = made if column.kind in ("text", "float") else int(made)
    return Values(array, valid)
