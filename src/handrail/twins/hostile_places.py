"""Which rows carry awkward values: few, so chosen that what is put there meets what programs look at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from handrail.twins.cases import Case
from handrail.twins.catalogue import BY_ID
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.values import Values

COVERED = 200  # rows that are chosen for what stands in them; the others are drawn
COMMON = (
    12  # different values up to which those of a column are worth meeting, and nulls that one column gets
)
USUAL = 12  # rows that are like most others, for outliers

Ints = NDArray[np.int64]
Cells = dict[tuple[int, str], Case]


class Places:
    """The rows that carry awkward values, what stands in the first of them, and what was put where."""

    def __init__(
        self,
        table: TableSketch,
        values: Mapping[str, Values],
        rows: int,
        wanted: int,
        rng: np.random.Generator,
    ) -> None:
        self.cells: Cells = {}
        first = min(wanted, COVERED)
        pool = np.sort(rng.choice(rows, size=min(rows, 4 * first + 200), replace=False))
        marks = _marks(table, values, pool)
        chosen = _cover(marks, first, np.zeros(len(pool)))
        self._apart = min(len(chosen), max(1, wanted // 3))  # rows that carry nothing but nulls
        nulls, others = chosen[: self._apart], chosen[self._apart :]
        usual = _usual(marks, nulls, min(USUAL, len(others) // 2))
        self._usual = {self._apart + place: 0 for place in range(len(usual))}  # how many outliers each has
        chosen = np.concatenate([nulls, usual, others[~np.isin(others, usual)]])[: len(chosen)]
        self._marks = marks[chosen]
        rest = np.setdiff1d(rng.choice(rows, size=wanted, replace=False), pool[chosen])[: wanted - first]
        self._rows = np.concatenate([pool[chosen], rest])
        self._load = np.zeros(len(self._rows), dtype=np.int64)
        self._turn = 0

    def nulls(self, column: ColumnSketch) -> None:
        """Put nulls where they meet every common value of the other columns."""
        for place in _cover(self._marks[: self._apart], COMMON, self._load[: self._apart] / 2, enough=True):
            self._take(int(place), column, BY_ID["null"])

    def put(self, column: ColumnSketch, case: Case) -> None:
        """Put one case into a row that carries little so far."""
        first = self._apart if self._apart < len(self._rows) else 0
        start, rows = self._turn, len(self._rows) - first
        near = first + (start + np.arange(min(rows, 16))) % rows
        free = [int(p) for p in near if (int(self._rows[p]), column.name) not in self.cells]
        if free:
            self._take(min(free, key=lambda place: int(self._load[place])), column, case)
        self._turn = (start + 1) % rows

    def outlier(self, column: ColumnSketch, case: Case) -> None:
        """Put a number far from all others into a row like most others.

        Of what people add up by, it then moves the largest parts, each the least. Those of two columns stand
        in one row only where there are too few rows: what is multiplied would be far off twice.
        """
        free = [place for place in self._usual if (int(self._rows[place]), column.name) not in self.cells]
        if not free:
            self.put(column, case)
            return
        place = min(free, key=lambda one: self._usual[one])
        self._usual[place] += 1
        self._take(place, column, case)

    def _take(self, place: int, column: ColumnSketch, case: Case) -> None:
        if self.cells.setdefault((int(self._rows[place]), column.name), case) is case:
            self._load[place] += 1


def _marks(table: TableSketch, values: Mapping[str, Values], pool: Ints) -> NDArray[np.bool_]:
    """What stands in each row of the pool: a column per null and per value of columns with few values."""
    made: list[NDArray[np.bool_]] = []
    for column in table.columns:
        if column.name not in values or column.role == "degree":
            continue
        there = values[column.name]
        valid = there.valid[pool]
        made += [valid, ~valid]
        if column.role == "model" and valid.any():
            found, codes = np.unique(there.array[pool][valid].astype(str), return_inverse=True)
            if len(found) <= COMMON:
                full = np.full(len(pool), -1)
                full[valid] = codes
                made += [full == code for code in range(len(found))]
    return np.column_stack(made) if made else np.zeros((len(pool), 1), dtype=bool)


def _usual(marks: NDArray[np.bool_], nulls: Ints, most: int) -> Ints:
    """The rows in which stands what stands in most others, the commonest first, without those for nulls."""
    share = np.maximum(marks.mean(axis=0), 1 / len(marks))
    common = np.argsort(-(marks @ np.log(share)), kind="stable")
    return common[~np.isin(common, nulls)][:most]


def _cover(marks: NDArray[np.bool_], most: int, load: NDArray[np.float64], enough: bool = False) -> Ints:
    """Greedily up to `most` rows of which each shows as much as it can that the ones before did not.

    With `enough` it ends when there is nothing new; otherwise it begins again until there are `most`.
    """
    left, taken = np.ones(marks.shape[1], dtype=bool), np.zeros(len(marks), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(most, len(marks)):
        new = (marks & left).sum(axis=1)
        if not new[~taken].any():
            if enough and chosen:
                break
            if left.all():
                chosen += [int(one) for one in np.flatnonzero(~taken)[: most - len(chosen)]]
                break
            left[:] = True
            continue
        best = int(np.argmax(np.where(taken, -np.inf, new - load)))
        chosen.append(best)
        taken[best] = True
        left &= ~marks[best]
    return np.array(chosen, dtype=np.int64)
