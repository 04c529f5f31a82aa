"""Two tables held against each other, row by row: by a key where they have one, else by where rows stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from handrail.runtime.tables import arrow

_MOST_CELLS = 2_000_000  # of both tables, that are compared cell by cell
_SHOWN = 20
_LONGEST = 80  # characters of a value that is shown
_WIDEST = 3  # columns of a key


@dataclass(frozen=True)
class CellChange:
    """A cell that is another: in the row of this key, in this column."""

    key: str
    column: str
    before: str
    now: str


@dataclass(frozen=True)
class TableChange:
    """What changed in a table. Rows are known by `key`, or by their place where it is empty.

    `cells` counts the cells that are others, by column; `shown` are the first of them.
    """

    rows_before: int
    rows: int
    columns_new: tuple[str, ...] = ()
    columns_gone: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    rows_new: int = 0
    rows_gone: int = 0
    rows_changed: int = 0
    cells: tuple[tuple[str, int], ...] = ()
    shown: tuple[CellChange, ...] = ()
    keys_new: tuple[str, ...] = ()
    keys_gone: tuple[str, ...] = ()
    compared: bool = True  # False: too large, only rows and columns were

    @property
    def state(self) -> str:
        """`same` where they hold the same rows, in whatever form and order of columns."""
        other = (
            self.columns_new or self.columns_gone or self.rows_new or self.rows_gone or self.rows_changed
            or not self.compared
        )  # fmt: skip
        return "changed" if other else "same"


def compare_tables(before: bytes, now: bytes) -> TableChange:
    """What changed from one table that was handed over to another."""
    old, new = arrow(before), arrow(now)
    columns_new = tuple(name for name in new.column_names if name not in old.column_names)
    columns_gone = tuple(name for name in old.column_names if name not in new.column_names)
    sides = (old.num_rows, new.num_rows, columns_new, columns_gone)
    size = old.num_rows * old.num_columns + new.num_rows * new.num_columns
    twice = any(len(set(one.column_names)) < one.num_columns for one in (old, new))
    if size > _MOST_CELLS or twice:
        return TableChange(*sides, compared=False)
    both = [name for name in new.column_names if name in old.column_names]
    was = {name: old.column(name).to_pylist() for name in both}
    is_ = {name: new.column(name).to_pylist() for name in both}
    key = _key(both, was, is_)
    old_rows, new_rows = _by_key(key, was, old.num_rows), _by_key(key, is_, new.num_rows)
    counts: dict[str, int] = {}
    shown: list[CellChange] = []
    changed = 0
    for name, place in new_rows.items():
        if name not in old_rows:
            continue
        others = [one for one in both if was[one][old_rows[name]] != is_[one][place]]
        changed += bool(others)
        for one in others:
            counts[one] = counts.get(one, 0) + 1
            if len(shown) < _SHOWN:
                cells = _cell(was[one][old_rows[name]]), _cell(is_[one][place])
                shown.append(CellChange(_said(name), one, *cells))
    fresh = [name for name in new_rows if name not in old_rows]
    gone = [name for name in old_rows if name not in new_rows]
    return TableChange(
        *sides,
        key,
        len(fresh),
        len(gone),
        changed,
        tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        tuple(shown),
        tuple(map(_said, fresh[:_SHOWN])) if key else (),
        tuple(map(_said, gone[:_SHOWN])) if key else (),
    )


_Columns = dict[str, list[Any]]


def _key(names: Sequence[str], before: _Columns, now: _Columns) -> tuple[str, ...]:
    """The columns that tell each row from all others in both tables: the first ones together, or else one
    that does alone; none where there are no such. What is measured tells nothing.
    """
    measured = (float, Decimal)
    usable = [n for n in names if not any(isinstance(value, measured) for value in before[n] + now[n])]
    first = [tuple(usable[:width]) for width in range(1, min(_WIDEST, len(usable)) + 1)]
    for tried in (*first, *((name,) for name in usable)):
        if _tells(tried, before) and _tells(tried, now):
            return tried
    return ()


def _tells(names: tuple[str, ...], columns: _Columns) -> bool:
    rows = list(zip(*(columns[name] for name in names), strict=True))
    whole = len(names) > 1 or all(row[0] is not None for row in rows)
    return whole and len(set(rows)) == len(rows)


def _by_key(key: tuple[str, ...], columns: _Columns, count: int) -> dict[tuple[Any, ...], int]:
    if not key:
        return {(place + 1,): place for place in range(count)}
    rows = zip(*(columns[name] for name in key), strict=True)
    return {row: place for place, row in enumerate(rows)}


def _said(key: tuple[Any, ...]) -> str:
    return ", ".join(_cell(one) for one in key)


def _cell(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST]
