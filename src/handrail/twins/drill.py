"""Break a twin's contract on purpose, to see how an app takes what its source may do one day.

Each table of the `drill` variant loses a column and gets one renamed, one retyped and one in another unit,
where it has enough columns that no key needs. Keys repeat and point nowhere, a required column has a gap, and
numbers are none or endless, in a row each. Of several tables one comes without rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handrail.twins.models import Break, BreakKind, Sketch, TableSketch
from handrail.twins.seeds import seeded

_FEWEST = 2  # columns that a table keeps as they were
_RESCALED = 1000  # cents for euros, grams for kilograms: what stood there times this
_Change = Callable[[pa.ChunkedArray], pa.ChunkedArray]
_ROWS = 4  # rows that a table needs before some are spoilt


def drill(
    sketch: Sketch, tables: Mapping[str, pa.Table], seed: int
) -> tuple[dict[str, pa.Table], list[Break]]:
    """The tables with their contracts broken, and what was broken. The same seed breaks the same."""
    rng = seeded(seed, "drill")
    empty = str(rng.choice(sorted(tables))) if len(tables) > 1 else None
    result: dict[str, pa.Table] = {}
    breaks: list[Break] = []
    for name, table in tables.items():
        one = _Broken(sketch.table(name), tables, rng)
        one.columns()
        if table.num_rows >= _ROWS:
            one.rows()
        if name == empty:
            one.table = one.table.slice(0, 0)
            one.breaks.append(Break(name, "empty", ""))
        result[name] = one.table
        breaks += one.breaks
    return result, breaks


class _Broken:
    """One table on its way."""

    def __init__(self, sketch: TableSketch, whole: Mapping[str, pa.Table], rng: np.random.Generator) -> None:
        self.table, self.breaks = whole[sketch.name], list[Break]()
        self._sketch, self._whole, self._rng = sketch, whole, rng

    def columns(self) -> None:
        """Drop, rename, retype and rescale a column each; `_FEWEST` stay as they were."""
        free = [column.name for column in self._sketch.columns if column.role in ("model", "fake", "fill")]
        self._rng.shuffle(free)
        left = self.table.num_columns - _FEWEST
        for kind in ("dropped", "renamed", "retyped"):
            if free and left > 0:
                self._structure(kind, free.pop(0))
                left -= 1
        numbers = (name for name in free if pa.types.is_floating(self.table.schema.field(name).type))
        if (name := next(numbers, None)) is not None and left > 0:
            self._change(name, "rescaled", lambda column: pc.multiply(column, float(_RESCALED)))

    def rows(self) -> None:
        """Spoil a row each: a key that repeats, one that points nowhere, a gap, numbers that are none."""
        there = set(self.table.column_names)
        touched = {one.column for one in self.breaks}
        links = {
            name: (link.to, to)
            for link in self._sketch.links
            for name, to in zip(link.columns, link.to_columns, strict=True)
        }
        for column in self._sketch.columns:
            name = column.name
            if name not in there or name in touched:
                continue
            if name in links and not column.primary_key and self._no_break("orphaned"):
                self._change(name, "orphaned", partial(_orphaned, to=self._keys(*links[name])))
            elif column.role == "model" and column.required and self._no_break("emptied"):
                self._change(name, "emptied", lambda one: _with(one, 1, None))
            elif column.role == "model" and column.kind == "float" and self._no_break("endless"):
                self._change(name, "endless", lambda one: _with(_with(one, 2, float("inf")), 3, float("nan")))
        key = next((one.name for one in self._sketch.columns if one.primary_key and one.name in there), None)
        if key is not None:
            self.table = pa.concat_tables([self.table, self.table.slice(0, 1)]).combine_chunks()
            self.breaks.append(Break(self._sketch.name, "repeated", key))

    def _keys(self, table: str, column: str) -> pa.ChunkedArray | None:
        """What a key may point at; None where that is not in this build."""
        there = self._whole.get(table)
        return there.column(column) if there is not None and column in there.column_names else None

    def _no_break(self, kind: BreakKind) -> bool:
        return all(one.kind != kind for one in self.breaks)

    def _structure(self, kind: BreakKind, column: str) -> None:
        names = self.table.column_names
        place = names.index(column)
        if kind == "dropped":
            self.table = self.table.remove_column(place)
        elif kind == "renamed":
            new = _unused(f"{column}_new", names)
            self.table = self.table.rename_columns([new if one == column else one for one in names])
        else:
            self.table = self.table.set_column(place, column, _as_text(self.table.column(place)))
        self.breaks.append(Break(self._sketch.name, kind, column))

    def _change(self, name: str, kind: BreakKind, change: _Change) -> None:
        field = self.table.schema.field(name).with_nullable(True)
        place = self.table.column_names.index(name)
        self.table = self.table.set_column(place, field, change(self.table.column(place)))
        self.breaks.append(Break(self._sketch.name, kind, name))


def _with(column: pa.ChunkedArray, row: int, value: object) -> pa.ChunkedArray:
    """The column with another value in one row."""
    one = pa.array([value], column.type)
    return pa.chunked_array([*column.slice(0, row).chunks, one, *column.slice(row + 1).chunks], column.type)


def _orphaned(column: pa.ChunkedArray, to: pa.ChunkedArray | None) -> pa.ChunkedArray:
    return _with(column, 0, _nowhere(column, to))


def _nowhere(column: pa.ChunkedArray, to: pa.ChunkedArray | None) -> object:
    """A key that no row has, here or where it points."""
    if pa.types.is_integer(column.type):
        most = [pc.max(one).as_py() for one in (column, to) if one is not None]
        return 1 + max((one for one in most if isinstance(one, int)), default=0)
    return "points-nowhere" if pa.types.is_string(column.type) else None


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as people of another country write them; a text column becomes the lengths of its texts."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lengths = [None if one is None else len(one) for one in column.to_pylist()]
        return pa.chunked_array([pa.array(lengths, pa.int64())])
    texts = [None if one is None else _local(one) for one in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _local(value: object) -> str:
    """31.12.2024 for a day, 1234,5 for a number."""
    if isinstance(value, datetime):
        return f"{value:%d.%m.%Y %H:%M}"
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}"
    return str(value).replace(".", ",") if not isinstance(value, str | bytes) else str(value)


def _unused(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
