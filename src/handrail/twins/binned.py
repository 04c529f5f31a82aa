"""The bins of a table's rows in memory: counting small numbers here costs less than queries do."""

# ruff: noqa: S608 - every name in the SQL is our own
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins.columns import Source, who_sql
from handrail.twins.values import Ints


class Binned:
    """Columns of a binned relation, of which `bins` says how many bins each has; a null is one bin more."""

    def __init__(self, source: Source, bins: Mapping[str, int]) -> None:
        picked = [f"coalesce({name}, {count})::UTINYINT AS {name}" for name, count in bins.items()]
        if source.entity:
            picked.append(f"{who_sql(source.entity)} AS holder")
        found = source.con.execute(f"SELECT {', '.join(picked) or '0'} FROM {source.relation}").fetchnumpy()
        self.k, self.rows, self.bins = source.k, source.rows, dict(bins)
        self._codes: dict[str, NDArray[np.uint8]] = {name: np.asarray(found[name]) for name in bins}
        self._holders = told_apart(np.asarray(found["holder"])) if source.entity else None

    @property
    def rows_of_k(self) -> float:
        """How many rows k have on average: k where rows are counted, more where they are about somebody."""
        if self._holders is None:
            return float(self.k)
        return self.k * max(1.0, self.rows / max(1, int(self._holders.max(initial=-1)) + 1))

    def of(self, column: str) -> Ints:
        """The bin of a column in each row; how many bins it has where it is null."""
        return self._codes[column].astype(np.int64)

    def counted(self, cells: Ints, most: int) -> tuple[Ints, Ints]:
        """How many rows are in each cell, below `most`, and how many k counts there; -1 is none."""
        inside = cells >= 0
        rows = np.bincount(cells[inside], minlength=most)
        if self._holders is None:
            return rows, rows
        inside &= self._holders >= 0
        everybody = int(self._holders.max(initial=0)) + 1
        pairs = np.sort(cells[inside] * everybody + self._holders[inside])
        once = pairs[np.diff(pairs, prepend=-1) > 0]  # np.unique, which hashes them, takes three times longer
        return rows, np.bincount(once // everybody, minlength=most)

    def folded(self, columns: Sequence[str], groups: Sequence[int]) -> Ints:
        """Of each row the group of its bins, by the arithmetic of `nodes.fold`; -1 where one is null."""
        cell = np.zeros(len(self.of(columns[0])), dtype=np.int64)
        there = np.ones(len(cell), dtype=bool)
        for name, count in zip(columns, groups, strict=True):
            code = self.of(name)
            there &= code < self.bins[name]
            cell = cell * count + code * count // self.bins[name]
        return np.where(there, cell, -1)


def told_apart(holders: Ints) -> Ints:
    """Holders as small numbers from 0, and -1 for nobody."""
    if holders.max(initial=-1) < 2 * len(holders):
        return holders
    return np.where(holders < 0, -1, np.unique(holders, return_inverse=True)[1])
