"""The keys of the rows that a link points at, written into the link's columns."""

from __future__ import annotations

import numpy as np

from handrail.twins.assign import Made
from handrail.twins.groups import NULL, coded_alike, dealt, grouped
from handrail.twins.models import LinkSketch
from handrail.twins.roles import written
from handrail.twins.values import Ints, Mask, Values, as_kind


def copy_keys(link: LinkSketch, there: Made, points: Ints, one: Made) -> None:
    """Write the keys of the rows that a link points at into its columns."""
    for column, keys in zip(link.columns, keys_of(link, there, one), strict=True):
        one.values[column] = keys.take(points)


def keys_of(link: LinkSketch, there: Made, one: Made) -> list[Values]:
    """The columns that a link points at, each in the unit of the column that points."""
    return [
        as_kind(there.values[target], there.sketch.column(target), one.sketch.column(column))
        for column, target in zip(link.columns, link.to_columns, strict=True)
    ]


def point_later(link: LinkSketch, there: Made, one: Made, rng: np.random.Generator) -> None:
    """Point a link of several columns when all rows are there: at one that agrees in what a row has already.

    In its own table a row points at an earlier one, so there are no circles. Where none agrees a column that
    may be null becomes null; where none may, a row of its own table points at itself.
    """
    table = one.sketch
    taken = {column.name for column in table.columns if column.primary_key or column.unique}
    for other in table.links:
        taken |= set(other.columns) if other.kind in ("inside", "outside") else set()
    names = written(link, True, taken)
    keys = dict(zip(link.columns, keys_of(link, there, one), strict=True))
    coded = {name: coded_alike([one.values[name], keys[name]]) for name in link.columns if name not in names}
    own, theirs = [np.zeros(one.rows, dtype=np.int64)], [np.zeros(there.rows, dtype=np.int64)]
    rows, parents = grouped(
        [*own, *(mine for mine, _ in coded.values())], [*theirs, *(other for _, other in coded.values())]
    )
    open_ = [name for name in names if not table.column(name).required]
    may = rng.random(one.rows) >= (link.null_share if open_ else 0.0)
    for mine, _ in coded.values():
        may &= mine != NULL
    there_is = np.logical_and.reduce([key.valid for key in keys.values()])
    found = np.full(one.rows, -1, dtype=np.int64)
    at, among = np.flatnonzero(may), np.flatnonzero(there_is)
    if link.kind == "self":
        found[at] = _earlier(at, rows[at], among, parents[among], rng)
        if not open_:
            itself = (found < 0) & (rows == parents)
            found[itself] = np.flatnonzero(itself)
    else:
        place = dealt(rows[at], parents[among], np.ones(len(among)), link.unique, rng)
        found[at] = np.where(place < 0, -1, among[place]) if len(among) else place
    if link.unique and open_:
        _, once = np.unique(found, return_index=True)
        found = np.where(np.isin(np.arange(one.rows), once), found, -1)
    one.points[link.name] = found
    for name in names:
        one.values[name] = _filled(keys[name], found, table.column(name).required, there_is, rng)


def _earlier(at: Ints, rows: Ints, among: Ints, parents: Ints, rng: np.random.Generator) -> Ints:
    """For the rows `at` one of `among` that comes before it, of the same group; -1 for the first of each."""
    most = int(max(at.max(initial=0), among.max(initial=0))) + 1
    order = np.lexsort((among, parents))
    placed = parents[order] * most + among[order]
    low = np.searchsorted(placed, rows * most)
    several = np.searchsorted(placed, rows * most + at) - low
    picked = low + np.floor(rng.random(len(at)) * several).astype(np.int64)
    found = np.full(len(at), -1, dtype=np.int64)
    found[several > 0] = among[order][picked[several > 0]]
    return found


def _filled(keys: Values, found: Ints, required: bool, among: Mask, rng: np.random.Generator) -> Values:
    """The keys; any of them for a row that points nowhere and must have one."""
    made, some = keys.take(found), np.flatnonzero(among)
    if not required or not len(some):
        return made
    lost = np.flatnonzero(found < 0)
    any_ = keys.take(some[rng.integers(0, len(some), len(lost))])
    array, valid = made.array.copy(), made.valid.copy()
    array[lost], valid[lost] = any_.array, any_.valid
    return Values(array, valid)
