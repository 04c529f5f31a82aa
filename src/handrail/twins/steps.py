"""What stands in the first rows of series, and how dates go on from there: by days, by calendar months."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins import draw
from handrail.twins.models import ColumnSketch, First
from handrail.twins.values import DAY_US, Ints

Floats = NDArray[np.float64]
MONTH = "datetime64[M]"
SAFE_DAY = 28  # the last that every month has


def first_values(
    column: ColumnSketch, first: First | None, rows: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Values for first rows, as the sketch knows them."""
    known = column if first is None else replace(column, bins=first.bins, shares=first.shares)
    alone = replace(known, required=True, parents=(), groups=(), given=(), otherwise=())
    found, within = draw.placed(alone, np.full(rows, -1), rng)
    return draw.decode(alone, found, rng, within).array


def moved(column: ColumnSketch, start: NDArray[Any], by: NDArray[Any], month: bool) -> Ints:
    """Dates or numbers, moved by steps of calendar months or of the column's unit."""
    if not month:
        made: Ints = (start + by).astype(np.int64)
        return made
    begins = _month_begin(column, start.astype(np.int64))
    unit_of = "datetime64[D]" if column.kind == "date" else "datetime64[us]"
    months = begins.astype(unit_of).astype(MONTH) + by.astype(np.int64)
    return np.asarray(months.astype(unit_of).astype(np.int64) + (start.astype(np.int64) - begins))


def on_day(column: ColumnSketch, moments: Ints, day: int) -> Ints:
    """The moments on one day of their month, or on none that not every month has."""
    length = 1 if column.kind == "date" else DAY_US
    begins = _month_begin(column, moments)
    within = moments - begins
    days = np.full(len(moments), day - 1) if day else np.minimum(within // length, SAFE_DAY - 1)
    return np.asarray(begins + days * length + within % length)


def _month_begin(column: ColumnSketch, moments: Ints) -> Ints:
    unit = "datetime64[D]" if column.kind == "date" else "datetime64[us]"
    return moments.astype(unit).astype(MONTH).astype(unit).astype(np.int64)


def in_steps(column: ColumnSketch, distance: NDArray[Any], month: bool) -> Floats:
    """A distance in the column's unit as steps, months for dates of months."""
    days = 1.0 if column.kind == "date" else float(DAY_US)
    return np.asarray(distance / (days * 30.4 if month else 1.0), dtype=np.float64)
