"""Lets numbers follow others within their bins: few bins do not tell the ends of long tails apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from handrail.twins.assign import Made
from handrail.twins.draw import Places, folded
from handrail.twins.models import ColumnSketch, TableSketch


def along(
    table: TableSketch,
    made: Mapping[str, Made],
    one: Made,
    column: ColumnSketch,
    places: Places,
    rng: np.random.Generator,
) -> Places:
    """Places within the bins that follow those of a parent, where reality does: few bins tell tails apart."""
    if column.along is None:
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


def keep_places(table: TableSketch, one: Made) -> None:
    """Keep, in half the bits, what rows of tables made later may follow."""
    one.places = {
        name: one.places[name].astype(np.float16)
        for name in table.order
        if name in one.places and any(found.kind == "range" for found in table.column(name).bins)
    }
