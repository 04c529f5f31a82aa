"""Rows that are awkward together: entered twice, late, tied, all of one parent, none of another.

No row is added or taken away, and no key changes: what is there is made to look so. Each changed cell counts
as awkward and is written down with the case it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins.cases import NUMBERS
from handrail.twins.catalogue import BY_ID
from handrail.twins.models import LinkSketch, TableSketch
from handrail.twins.values import DAY_US, Values

FEWEST = 30  # rows that a table needs for any of this
MANY = 12  # times the usual number of children
MOST = 0.04  # share of the rows that come to one parent
PARENTS = 20  # where there are fewer, each has many children anyway

Ints = NDArray[np.int64]
Placed = dict[tuple[int, str], str]  # row and column -> case


def entangle(
    table: TableSketch,
    values: Mapping[str, Values],
    targeted: frozenset[str],
    rows: int,
    wanted: int,
    parents: Mapping[str, int],
    rng: np.random.Generator,
) -> tuple[dict[str, Values], Placed]:
    """The columns with awkward rows, about `wanted` cells of each kind at most, and where they are."""
    if rows < FEWEST:
        return dict(values), {}
    made = _Rows(table, values, targeted, rng)
    for link in table.links:
        made.skew(link, rows, parents.get(link.to, 0), wanted)
    made.hole(wanted)
    made.late(rows)
    made.ties()
    for case in ("row.twice", "row.similar"):
        made.repeat(case, rows, 1 + min(wanted // 20, 20))
    return made.values, made.placed


def bound(table: TableSketch) -> dict[str, tuple[str, ...]]:
    """By column of a link all columns that must change with it for each link to point at something still."""
    found: dict[str, tuple[str, ...]] = {}
    for link in table.links:
        names = dict.fromkeys(other for name in link.columns for other in found.get(name, (name,)))
        found |= dict.fromkeys(names, tuple(names))
    return found


class _Rows:
    def __init__(
        self,
        table: TableSketch,
        values: Mapping[str, Values],
        targeted: frozenset[str],
        rng: np.random.Generator,
    ) -> None:
        self.values = {name: Values(one.array.copy(), one.valid.copy()) for name, one in values.items()}
        self.placed: Placed = {}
        self._table = table
        self._rng = rng
        fixed = targeted | {name for link in table.links if link.unique for name in link.columns}
        self._free = [
            column
            for column in table.columns
            if column.name in values
            and column.role not in ("degree", "key")
            and not (column.unique or column.primary_key or column.name in fixed)
        ]
        free, self._bound = {column.name for column in self._free}, bound(table)
        self._free = [one for one in self._free if free.issuperset(self._bound.get(one.name, ()))]

    def repeat(self, case: str, rows: int, often: int) -> None:
        """Some rows repeat others, but for their keys; of `row.similar` a text in other letters."""
        texts = [column for column in self._free if column.kind == "text" and column.role != "link"]
        if not self._free or (case == "row.similar" and not texts):
            return
        chosen = self._rng.choice(rows, size=2 * min(often, rows // 4), replace=False)
        for first, second in chosen.reshape(-1, 2):
            for column in self._free:
                self._copy(column.name, int(first), int(second), case)
            if case == "row.similar":
                column = texts[int(self._rng.integers(len(texts)))]
                there = self.values[column.name]
                if there.valid[second]:
                    there.array[second] = BY_ID["text.case"].make(column, there.array[second])
                    self.placed[int(second), column.name] = case

    def late(self, rows: int) -> None:
        """Two of the last rows get the dates of some of the first."""
        dates = [column.name for column in self._free if column.kind in ("date", "timestamp")]
        first = self._rng.integers(0, rows // 10, 2)
        last = self._rng.choice(np.arange(rows - rows // 5, rows), size=2, replace=False)
        for early, now in zip(first, last, strict=True):
            for name in dates:
                self._copy(name, int(early), int(now), "row.late")

    def ties(self) -> None:
        """One more row gets the highest value of each number."""
        for column in self._free:
            there = self.values[column.name]
            if column.kind in NUMBERS and column.role == "model" and there.valid.sum() > 1:
                top = int(np.argmax(np.where(there.valid, there.array, there.array[there.valid].min())))
                self._copy(column.name, top, int(self._rng.integers(len(there.valid))), "row.tie")

    def skew(self, link: LinkSketch, rows: int, parents: int, wanted: int) -> None:
        """Many children for one parent, none for another, one for a third; the number of rows stays."""
        names = [column.name for column in self._free]
        if link.kind == "self" or not all(name in names for name in self._bound[link.columns[0]]):
            return
        codes, rows_of_it = self._codes(link)
        count = np.bincount(codes)
        if len(count) < 3:
            return
        usual = rows / max(parents, len(count))
        many = min(int(MANY * usual), int(MOST * rows))
        if len(count) >= PARENTS and many > usual:
            chosen = self._rng.choice(len(codes), size=min(many, len(codes)), replace=False)
            self._repoint(
                link, rows_of_it[chosen], int(rows_of_it[int(self._rng.integers(len(codes)))]), "link.many"
            )
            codes, rows_of_it = self._codes(link)
            count = np.bincount(codes)
        rare = np.argsort(count, kind="stable")
        busiest = int(rows_of_it[codes == rare[-1]][0])
        if parents <= len(count) and count[rare[0]] <= max(3, wanted):
            self._repoint(link, rows_of_it[codes == rare[0]], busiest, "link.none")
        if count[rare[0]] > 1 and 1 < count[rare[1]] <= max(3, wanted):
            self._repoint(link, rows_of_it[codes == rare[1]][1:], busiest, "link.one")

    def hole(self, wanted: int) -> None:
        """The rows of some days in a row are moved to the day after them."""
        names = [one.name for one in self._free if one.kind in ("date", "timestamp") and one.role == "model"]
        name = self._table.sorted_by if self._table.sorted_by in names else next(iter(names), None)
        if name is None:
            return
        unit = 1 if self._table.column(name).kind == "date" else DAY_US
        there = self.values[name]
        rows_of_it = np.flatnonzero(there.valid)
        days = there.array[rows_of_it].astype(np.int64) // unit
        start, end = _gap(days, wanted)
        if end - start < 2:
            return
        for row in rows_of_it[(days >= start) & (days < end)]:
            there.array[row] += (end - there.array[row] // unit) * unit
            self.placed[int(row), name] = "date.hole"

    def _codes(self, link: LinkSketch) -> tuple[Ints, Ints]:
        """The rows that have a parent, and a number for each one's parent."""
        valid = self.values[link.columns[0]].valid
        rows_of_it = np.flatnonzero(valid)
        parts = [
            np.unique(self.values[name].array[rows_of_it], return_inverse=True)[1] for name in link.columns
        ]
        codes = (
            np.unique(np.stack(parts), axis=1, return_inverse=True)[1].ravel()
            if len(rows_of_it)
            else parts[0]
        )
        return codes.astype(np.int64), rows_of_it

    def _repoint(self, link: LinkSketch, rows: Sequence[int] | Ints, like: int, case: str) -> None:
        for row in rows:
            for name in self._bound[link.columns[0]]:
                self._copy(name, like, int(row), case)

    def _copy(self, name: str, source: int, target: int, case: str) -> None:
        there = self.values[name]
        there.array[target], there.valid[target] = there.array[source], there.valid[source]
        self.placed[target, name] = case


def _gap(days: Ints, most: int) -> tuple[int, int]:
    """Days from the middle on that hold up to `most` rows together: the first, and the one after the last."""
    if not len(days):
        return 0, 0
    start = int(np.median(days))
    counts = np.bincount(np.clip(days - start, -1, 400) + 1, minlength=402)[1:]
    held = np.cumsum(counts)
    end = int(np.searchsorted(held, most, side="right"))
    return start, start + min(end, 45)
