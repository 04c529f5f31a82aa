"""Lets the parents that a row points at go together as the sketch says; each parent keeps its children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made
from handrail.twins.draw import folded
from handrail.twins.models import Beside, LinkSketch
from handrail.twins.values import Ints

Floats = NDArray[np.float64]
ROUNDS = 40  # of fitting the tables to each other
MOST_CELLS = 100_000


def through(link: LinkSketch, made: Mapping[str, Made], one: Made) -> Ints:
    """The row that a row of another link points at already; nowhere where that points nowhere, unless it must
    point somewhere."""
    other, theirs = link.through or ("", "")
    there = made[next(known.to for known in one.sketch.links if known.name == other)]
    points, onward = one.points[other], there.points[theirs]
    found = np.where(points < 0, -1, onward[np.maximum(points, 0)]) if len(onward) else points
    required = all(one.sketch.column(name).required for name in link.columns)
    return np.where(found < 0, one.points[link.name], found) if required else found


def paired(link: LinkSketch, made: Mapping[str, Made], one: Made, rng: np.random.Generator) -> Ints:
    """The same parents, dealt out again to rows whose other parents they go together with.

    How many rows of a kind get parents of a kind follows from the tables of the sketch, fitted to how many
    there are of each (iterative proportional fitting, Deming and Stephan 1940).
    """
    points = one.points[link.name]
    to = {known.name: made[known.to] for known in one.sketch.links if known.kind == "inside"}
    known = [
        table
        for table in link.beside
        if table.link in one.points
        and table.theirs in to[table.link].codes
        and table.own in to[link.name].codes
    ]
    if not known or not len(points):
        return points
    mine = [_groups(to[link.name], table.own, table.groups[1], points) for table in known]
    theirs = [
        _groups(to[table.link], table.theirs, table.groups[0], one.points[table.link]) for table in known
    ]
    (kinds, row_kind), (sorts, slot_sort) = _kinds(theirs), _kinds(mine)
    if len(kinds) * len(sorts) > MOST_CELLS:
        return points
    wanted = _fitted(
        known, kinds, sorts, np.bincount(row_kind).astype(float), np.bincount(slot_sort).astype(float)
    )
    counts = _whole(wanted, np.bincount(row_kind), np.bincount(slot_sort), rng)
    rows = _shuffled(row_kind, rng)
    # The rows of each kind take so many slots of each sort; within a sort the slots come in any order.
    sort_of = np.repeat(np.tile(np.arange(len(sorts)), len(kinds)), counts.ravel())
    slots = _shuffled(slot_sort, rng)
    dealt = np.empty_like(points)
    dealt[rows[np.argsort(sort_of, kind="stable")]] = points[slots]
    return dealt


def _groups(there: Made, column: str, groups: int, points: Ints) -> Ints:
    """The folded bin of the row that each row points at, -1 where it points nowhere or that is unknown."""
    bins = max(1, len(there.sketch.column(column).bins))
    if not there.rows:
        return np.full(len(points), -1, dtype=np.int64)
    codes = there.codes[column][np.maximum(points, 0)].astype(np.int64)
    return np.where((points < 0) | (codes < 0), -1, folded(codes, bins, groups))


def _kinds(parts: Sequence[Ints]) -> tuple[Ints, Ints]:
    """The different combinations, and which of them each row is."""
    kinds, which = np.unique(np.column_stack(parts), axis=0, return_inverse=True)
    return kinds, which.ravel()


def _fitted(known: Sequence[Beside], kinds: Ints, sorts: Ints, rows: Floats, columns: Floats) -> Floats:
    """How many rows of each kind go with each sort of parent."""
    fitted = np.outer(rows, columns) / max(columns.sum(), 1.0)
    for _ in range(ROUNDS):
        for place, table in enumerate(known):
            a, b = kinds[:, place], sorts[:, place]
            told = (a[:, None] >= 0) & (b[None, :] >= 0)
            cell = np.where(told, a[:, None] * table.groups[1] + b[None, :], 0)
            size = table.groups[0] * table.groups[1]
            shares = np.zeros(size)
            listed = np.zeros(size, dtype=bool)
            for at, share in table.cells:
                shares[at], listed[at] = share, True
            has = np.bincount(cell[told], weights=fitted[told], minlength=size)
            if table.rest:
                unlisted = has * ~listed
                shares += table.rest * unlisted / max(unlisted.sum(), 1e-12)
            scale = shares * fitted[told].sum() / np.maximum(shares.sum() * has, 1e-12)
            fitted = np.where(told, fitted * scale[cell], fitted)
        fitted *= _to(rows, fitted.sum(axis=1))[:, None]
        fitted *= _to(columns, fitted.sum(axis=0))[None, :]
    return np.asarray(fitted)


def _to(wanted: Floats, has: Floats) -> Floats:
    return np.asarray(np.where(has > 1e-12, wanted / np.maximum(has, 1e-12), 0.0))


def _whole(wanted: Floats, rows: Ints, columns: Ints, rng: np.random.Generator) -> Ints:
    """Whole numbers near the wanted ones with exactly these sums; if possible in cells that are wanted."""
    counts = np.floor(wanted + 1e-9).astype(np.int64)
    counts = _within(counts, rows)
    counts = _within(counts.T, columns).T
    open_rows, open_columns = rows - counts.sum(axis=1), columns - counts.sum(axis=0)
    for likely in (wanted - np.floor(wanted), wanted, np.ones_like(wanted)):
        a, b = np.nonzero((open_rows[:, None] > 0) & (open_columns[None, :] > 0) & (likely > 1e-9))
        by_chance = 1e-6 * rng.random(len(a))
        for place in np.argsort(-likely[a, b] - by_chance, kind="stable"):
            row, column = a[place], b[place]
            more = min(open_rows[row], open_columns[column])
            if likely is not wanted and likely[row, column] < 1:
                more = min(more, 1)
            counts[row, column] += more
            open_rows[row] -= more
            open_columns[column] -= more
    return counts


def _within(counts: Ints, sums: Ints) -> Ints:
    """The counts, lowered from the last on where a row has more than its sum."""
    ends = np.minimum(np.cumsum(counts, axis=1), sums[:, None])
    return np.diff(ends, axis=1, prepend=0)


def _shuffled(group: Ints, rng: np.random.Generator) -> Ints:
    """All places, group by group, in any order within each."""
    return np.lexsort((rng.random(len(group)), group))
