"""Lets numbers follow others: within their bins, which do not tell the ends of long tails apart, or over all
of them, where too few rows have two bins together for k to share them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from handrail.twins.assign import Made
from handrail.twins.draw import Codes, Places, folded
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.values import Ints, Mask


def along(
    table: TableSketch,
    made: Mapping[str, Made],
    one: Made,
    column: ColumnSketch,
    places: Places,
    rng: np.random.Generator,
) -> Places:
    """Places within the bins that follow those of a parent, where reality does: few bins tell tails apart."""
    if column.along is None or column.along not in column.parents:
        return places
    link, name = column.along
    there, points = one, None
    if link:
        there, points = made[next(known.to for known in table.links if known.name == link)], one.points[link]
    theirs, parent = there.places.get(name), there.sketch.column(name)
    if theirs is None or not len(theirs):
        return places
    at = slice(None) if points is None else np.maximum(points, 0)
    ranges, values = (np.array([found.kind == kind for found in parent.bins]) for kind in ("range", "value"))
    drawn = there.codes[name][at].astype(np.int64)
    known = (ranges | values)[drawn]
    if points is not None:
        known &= points >= 0
    groups = column.groups[column.parents.index(column.along)]
    within = np.where(ranges[drawn], theirs[at].astype(np.float32), np.float32(0.5))
    group = folded(drawn, len(parent.bins), groups)
    first, after = (-(-(group + more) * len(parent.bins) // groups) for more in (0, 1))
    near = np.clip((drawn + within - first) / (after - first), 0.0, 0.9995).astype(np.float32)
    wanted = np.array(column.closely)[one.codes[column.name]]
    copied = known & (rng.random(one.rows) < np.abs(wanted))
    return np.where(copied, np.where(wanted < 0, np.float32(0.9995) - near, near), places)


def in_step(
    table: TableSketch,
    made: Mapping[str, Made],
    one: Made,
    column: ColumnSketch,
    cell: Ints,
    drawn: tuple[Codes, Places],
    rng: np.random.Generator,
) -> tuple[Codes, Places]:
    """The same bins and places, dealt to rows so that numbers follow those of a column that is no parent.

    Only rows of one cell of the parents exchange what they were drawn, and only numbers, so that each column
    keeps its shares in each cell. Their order is that of normal scores that correlate as the columns do (a
    Gaussian copula).
    """
    if column.along is None or column.along in column.parents:
        return drawn
    link, name = column.along
    there, points = one, None
    if link:
        there, points = made[next(known.to for known in table.links if known.name == link)], one.points[link]
    theirs, parent = there.codes.get(name), there.sketch.column(name)
    if theirs is None or not len(theirs):
        return drawn
    at = np.arange(one.rows) if points is None else np.maximum(points, 0)
    within = there.places.get(name, np.full(len(theirs), 0.5))
    height = theirs.astype(np.float64)[at] + within[at]
    known = _numbers(parent)[theirs[at]] & _numbers(column)[drawn[0]]
    known &= (theirs[at] >= 0) & (drawn[0] >= 0) & (True if points is None else points >= 0)
    rows = np.flatnonzero(known)
    if not len(rows):
        return drawn
    close, score = column.closely[0], np.empty(len(rows))
    score[np.lexsort((rng.random(len(rows)), height[rows]))] = np.sort(rng.normal(size=len(rows)))
    lead = close * score + math.sqrt(1 - close**2) * rng.normal(size=len(rows))
    to = rows[np.lexsort((lead, cell[rows]))]
    of = rows[np.lexsort((drawn[1][rows], drawn[0][rows], cell[rows]))]
    codes, places = drawn[0].copy(), drawn[1].copy()
    codes[to], places[to] = drawn[0][of], drawn[1][of]
    return codes, places


def _numbers(column: ColumnSketch) -> Mask:
    """Which bins of a column hold numbers."""
    return np.array([found.kind in ("range", "value") for found in column.bins], dtype=bool)


def keep_places(table: TableSketch, one: Made) -> None:
    """Keep, in half the bits, what rows of tables made later may follow."""
    one.places = {
        name: one.places[name].astype(np.float16)
        for name in table.order
        if name in one.places and any(found.kind == "range" for found in table.column(name).bins)
    }
