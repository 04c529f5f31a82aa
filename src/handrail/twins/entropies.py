"""How much binned columns tell of each other: entropies, alone and together, counted in memory.

A query for each pair of columns takes many times longer than counting their bins, which are small numbers.
"""

# ruff: noqa: S608 - every name in the SQL is our own
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from handrail.twins.columns import Source
from handrail.twins.values import Ints

SAMPLED_ROWS = 100_000  # rows that are enough to find the structure


class Entropies:
    """The bins of some rows of a relation: `bins` says how many each of its columns has, nulls aside."""

    def __init__(self, source: Source, bins: Mapping[str, int]) -> None:
        every = max(1, source.rows // SAMPLED_ROWS)
        some = f" WHERE hash(rowid) % {every} = 0" if every > 1 else ""
        listed = ", ".join(f"coalesce({name}, {count})::UTINYINT AS {name}" for name, count in bins.items())
        found = source.con.execute(f"SELECT {listed or '0'} FROM {source.relation}{some}").fetchnumpy()
        self._codes: dict[str, Ints] = {name: np.asarray(found[name], dtype=np.int64) for name in bins}
        self._widths = {name: count + 1 for name, count in bins.items()}
        self._known: dict[tuple[str, ...], tuple[float, int]] = {}

    def of(self, columns: Sequence[str]) -> tuple[float, int]:
        """The Miller-Madow entropy of some columns together, in nats, and how many combinations there are."""
        names = tuple(sorted(columns))
        if names not in self._known:
            cell = self._codes[names[0]]
            for name in names[1:]:
                cell = cell * self._widths[name] + self._codes[name]
            counts = np.bincount(cell)
            counts = counts[counts > 0].astype(np.float64)
            rows = float(counts.sum()) or 1.0
            weight = float((counts * np.log(counts)).sum())
            entropy = math.log(rows) - weight / rows + (len(counts) - 1) / (2 * rows)
            self._known[names] = (entropy, len(counts))
        return self._known[names]
