"""The rows of a table in their order, parent by parent, and what is drawn to follow the row before.

Dates go on in steps, and whatever clings to the row before is drawn near it: the random number that picks a
value within its parents' cell follows the one of the row before, so shares by cell stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handrail.twins import draw
from handrail.twins.assign import Made
from handrail.twins.draw import Codes, Places
from handrail.twins.models import ColumnSketch, First, Series, TableSketch
from handrail.twins.steps import first_values, in_steps, moved, on_day
from handrail.twins.values import Ints, Values

Floats = NDArray[np.float64]
WORTH = 0.02  # of what is missing in correlation, below which nothing is drawn anew


class Turns:
    """The rows of one table in their order, parent by parent."""

    def __init__(self, table: TableSketch, series: Series, one: Made) -> None:
        self.table, self.series, self.one = table, series, one
        self._clings = dict(series.clings)
        points = one.points[series.link]
        self.group = points
        self.order = np.flatnonzero(points >= 0)
        self.order = self.order[np.argsort(points[self.order], kind="stable")]
        ordered = points[self.order]
        new = np.ones(len(ordered), dtype=bool)
        new[1:] = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(new)
        self.firsts = self.order[starts]
        self.sizes = np.diff(np.append(starts, len(ordered)))
        self.rank = np.arange(len(ordered)) - np.repeat(starts, self.sizes)  # of `order`
        self.before = np.full(one.rows, -1, dtype=np.int64)
        self.before[self.order[1:]] = np.where(new[1:], -1, self.order[:-1])

    def levels(self) -> Iterator[Ints]:
        """The second rows of all parents, then the third, and so on."""
        by_rank = np.argsort(self.rank, kind="stable")
        ends = np.cumsum(np.bincount(self.rank)) if len(self.rank) else np.zeros(0, dtype=np.int64)
        for first, last in pairwise(ends):
            yield self.order[by_rank[first:last]]

    def step(self, rng: np.random.Generator) -> None:
        """Set the dates, or numbers, that rows go on in."""
        column, month = self.table.column(self.series.by), self.series.month
        steps, shares = (np.array(part) for part in zip(*self.series.steps, strict=True))
        gone = rng.choice(steps, len(self.order), p=shares / shares.sum())
        gone[self.rank == 0] = 0
        total = np.cumsum(gone)
        total -= np.repeat(total[self.rank == 0], self.sizes)
        last = np.cumsum(self.sizes) - 1
        start = first_values(column, self.begin(column.name), len(self.firsts), rng).astype(np.int64)
        if month:
            start = on_day(column, start, self.series.day)
        known = [b for b in column.bins if b.kind in ("range", "value")]
        made = np.zeros(self.one.rows, dtype=np.int64)
        if known:  # whoever lasts long has begun early
            top = max(b.high if b.kind == "range" else float(b.value or 0) for b in known)
            beyond = np.maximum(moved(column, start, total[last], month) - top, 0)
            start = moved(column, start, -np.ceil(in_steps(column, beyond, month)), month)
        made[self.order] = moved(column, np.repeat(start, self.sizes), total, month)
        values = Values(made, self.group >= 0)
        drawn = self.one.codes.get(column.name, np.zeros(self.one.rows, dtype=np.int16))
        self.one.values[column.name] = values
        self.one.codes[column.name] = draw.binned(column, values, drawn)

    def begin(self, name: str) -> First | None:
        """What first rows hold in a column, where that is known."""
        return next((first for first in self.series.first if first.column == name), None)

    def placed(self, column: ColumnSketch, cell: Ints, rng: np.random.Generator) -> tuple[Codes, Places]:
        """A bin and a place for each row as `draw.placed` does it, near those of the row before."""
        drawn = draw.placed(column, cell, rng)
        is_by = column.name == self.series.by
        wanted = self.series.near if is_by else self._clings.get(column.name, 0.0)
        if wanted:
            close = self._alike(drawn, column) if is_by else self._close(drawn, column)
            more = min(0.99, (wanted - close) / (1 - close)) if close < 1 else 0.0
            if more > WORTH:
                lead = self._together(more, rng) if is_by else self._lead(column, more, rng)
                drawn = draw.placed(column, cell, rng, lead)
        return self._sorted(drawn) if is_by else drawn

    def _sorted(self, drawn: tuple[Codes, Places]) -> tuple[Codes, Places]:
        """Later rows of a parent come later."""
        found, within = drawn[0].copy(), drawn[1].copy()
        rows = self.order[np.lexsort((within[self.order], found[self.order], self.group[self.order]))]
        found[self.order], within[self.order] = drawn[0][rows], drawn[1][rows]
        return found, within

    def _close(self, drawn: tuple[Codes, Places], column: ColumnSketch) -> float:
        """How closely the rows follow each other already: through what they point at."""
        now = np.flatnonzero(self.before >= 0)
        if len(now) < 2:
            return 1.0
        if not _ranged(column):
            return float((drawn[0][now] == drawn[0][self.before[now]]).mean())
        ranks = _ranks(drawn)
        return float(np.nan_to_num(np.corrcoef(ranks[now], ranks[self.before[now]])[0, 1]))

    def _alike(self, drawn: tuple[Codes, Places], column: ColumnSketch) -> float:
        """The share of the spread of ranks that lies between parents; see `mine_series`."""
        ranks = _ranks(drawn)[self.order]
        rows, parents = len(ranks), len(self.firsts)
        if rows <= parents or not ranks.var():
            return 1.0
        starts = np.flatnonzero(self.rank == 0)
        means = np.repeat(np.add.reduceat(ranks, starts) / self.sizes, self.sizes)
        return float(1 - ((ranks - means) ** 2).sum() / (rows - parents) / ranks.var())

    def _together(self, share: float, rng: np.random.Generator) -> Floats:
        """Random numbers of which this share of the spread is the parent's."""
        own = rng.normal(size=self.one.rows)
        theirs = rng.normal(size=int(self.group.max(initial=0)) + 1)[np.maximum(self.group, 0)]
        return np.asarray(np.sqrt(share) * theirs + np.sqrt(1 - share) * own)

    def _lead(self, column: ColumnSketch, close: float, rng: np.random.Generator) -> Floats:
        """Random numbers that follow the row before: near it, or where values have no order, as it or not."""
        made = rng.normal(size=self.one.rows)
        keeps = rng.random(self.one.rows) < close
        for rows in self.levels():
            old = made[self.before[rows]]
            if _ranged(column):
                made[rows] = close * old + np.sqrt(1 - close**2) * made[rows]
            else:
                made[rows] = np.where(keeps[rows], old, made[rows])
        return made


def _ranged(column: ColumnSketch) -> bool:
    return any(one.kind == "range" for one in column.bins)


def _ranks(drawn: tuple[Codes, Places]) -> Floats:
    ranks = np.empty(len(drawn[0]))
    ranks[np.lexsort((drawn[1], drawn[0]))] = np.arange(len(drawn[0]))
    return ranks
