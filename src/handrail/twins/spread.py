"""The different numbers of a column in memory, with how many rows and holders have each.

One query for each column: asking for ends, pieces and steps one by one took ten, each longer than its answer.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handrail.twins.binned import told_apart
from handrail.twins.columns import STEPS, Source, who_sql
from handrail.twins.models import Kind
from handrail.twins.values import Ints

Floats = NDArray[np.float64]


class Spread:
    """What numbers a relation has; `value` is SQL for one."""

    def __init__(self, source: Source, value: str) -> None:
        holder = f", {who_sql(source.entity)} AS holder" if source.entity else ""
        found = source.con.execute(
            f"SELECT x, count(*) AS n{', holder' if holder else ''} "
            f"FROM (SELECT {value} AS x{holder} FROM {source.relation}) WHERE x IS NOT NULL GROUP BY ALL"
        ).fetchnumpy()
        self.k, self.bins = source.k, source.bins
        self._each = np.asarray(found["x"], dtype=np.float64)  # a number of one holder
        self._rows = np.asarray(found["n"], dtype=np.int64)
        self._who: Ints | None = told_apart(np.asarray(found["holder"])) if source.entity else None
        self.x, self._at = np.unique(self._each, return_inverse=True)
        self.n = np.bincount(self._at, weights=self._rows, minlength=len(self.x)).astype(np.int64)

    @property
    def by_holders(self) -> bool:
        """Whether k counts holders, not rows."""
        return self._who is not None

    @cached_property
    def held(self) -> Ints:
        """How many k counts for each number."""
        if self._who is None:
            return self.n
        return np.bincount(self._at[self._who >= 0], minlength=len(self.x))

    def holders(self, chosen: NDArray[np.bool_] | Ints) -> int:
        """How many k counts for all the chosen numbers together, chosen by a mask or by their places."""
        if self._who is None:
            return int(self.n[chosen].sum())
        if chosen.dtype != np.bool_:
            chosen = np.bincount(chosen, minlength=len(self.x)).astype(bool)
        return len(np.unique(self._who[chosen[self._at] & (self._who >= 0)]))

    def ranked(self, chosen: NDArray[np.bool_], upwards: bool) -> tuple[Floats, Ints]:
        """The chosen numbers from one end to the other with how many k counts up to each. Holders count once,
        by the number of theirs that is nearest to that end."""
        if self._who is None:
            x, n = self.x[chosen], self.n[chosen]
            return (x, np.cumsum(n)) if upwards else (x[::-1], np.cumsum(n[::-1]))
        mine = chosen[self._at] & (self._who >= 0)
        numbers, who = self._each[mine], self._who[mine]
        order = np.argsort(numbers, kind="stable")[:: 1 if upwards else -1]
        _, first = np.unique(who[order], return_index=True)
        return numbers[order][np.sort(first)], np.arange(1, len(first) + 1)

    def holders_between(self, chosen: NDArray[np.bool_], starts: Floats) -> Ints:
        """How many k counts for the chosen numbers from each start to the next; the starts grow."""
        place = np.searchsorted(starts, self._each, side="right") - 1
        inside = chosen[self._at] & (place >= 0)
        if self._who is None:
            return np.bincount(place[inside], weights=self._rows[inside], minlength=len(starts)).astype(
                np.int64
            )
        inside &= self._who >= 0
        everybody = int(self._who.max(initial=0)) + 1
        once = np.unique(place[inside] * everybody + self._who[inside])
        return np.bincount(once // everybody, minlength=len(starts))


def step_of(spread: Spread, kind: Kind) -> float:
    """The coarsest step that 99.5 % of the values keep to; the finest where fewer than k have any."""
    steps = STEPS.get(kind, ())
    if not steps:
        return 1.0
    if spread.holders(spread.x != 0) < spread.k:
        return 1.0 if kind != "float" else 0.01
    for step in sorted(steps, reverse=True):
        parts = np.abs(spread.x / step)
        kept = np.abs(parts - np.round(parts)) < np.maximum(1e-6, parts * 1e-12)
        if spread.n[kept].sum() >= 0.995 * spread.n.sum():
            return step
    return 1.0 if kind != "float" else 0.0
