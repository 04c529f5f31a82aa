"""Makes the rows of a small table that a sketch tells as they are, and what points from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handrail.twins.assign import Made
from handrail.twins.link_keys import copy_keys
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.values import Values, dtype_of


def settle(table: TableSketch, one: Made) -> None:
    """Let the first rows have the bins that are told of them. Where no two told rows say the same in a
    column of texts, the rows after them say something that no told row says."""
    for column in (column for column in table.columns if column.kept and column.name in one.codes):
        place = {bin_.value: code for code, bin_ in enumerate(column.bins) if bin_.kind == "value"}
        kept = column.kept[: one.rows]
        drawn = one.codes[column.name].copy()
        drawn[: len(kept)] = [0 if value is None else place[_as_bin(column, value)] for value in kept]
        if column.kind == "text" and len(set(column.kept)) == len(column.kept):
            drawn[len(kept) :] = len(column.bins) - 1
        one.codes[column.name] = drawn


def put(table: TableSketch, made: Mapping[str, Made], one: Made) -> None:
    """Write what is told of the first rows, to the letter, and the keys of the rows that they point at."""
    for column in (column for column in table.columns if column.kept):
        values, kept = one.values[column.name], column.kept[: one.rows]
        array, valid = values.array.copy(), values.valid.copy()
        valid[: len(kept)] = [value is not None for value in kept]
        array[: len(kept)] = _array(column, kept)
        one.values[column.name] = Values(array, valid)
    for link in (link for link in table.links if link.kept and link.to in made):
        points = one.points[link.name].copy()
        points[: len(link.kept)] = link.kept[: one.rows]
        one.points[link.name] = points
        copy_keys(link, made[link.to], points, one)


def _as_bin(column: ColumnSketch, value: str | float) -> str | float:
    return value if column.kind == "text" else float(value)


def _array(column: ColumnSketch, kept: tuple[str | float | int | None, ...]) -> Any:
    """The values as numpy holds a column of that kind; what is null is anything."""
    wanted = dtype_of(column.kind)
    array = np.empty(len(kept), dtype=wanted)
    array[:] = [(("" if wanted is object else 0) if value is None else value) for value in kept]
    return array
