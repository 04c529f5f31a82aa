"""How much binned columns tell of each other: entropies, alone and together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from handrail.twins.binned import Binned


class Entropies:
    """The entropies of binned columns, nulls being a bin of their own; each is counted once."""

    def __init__(self, binned: Binned) -> None:
        self._binned = binned
        self._known: dict[tuple[str, ...], tuple[float, int]] = {}
        self._lost: dict[tuple[str, ...], float] = {}

    def of(self, columns: Sequence[str]) -> tuple[float, int]:
        """The Miller-Madow entropy of some columns together, in nats, and how many combinations there are."""
        names = tuple(sorted(columns))
        if names not in self._known:
            cell = self._binned.of(names[0])
            for name in names[1:]:
                cell = cell * (self._binned.bins[name] + 1) + self._binned.of(name)
            counts = np.bincount(cell)
            counts = counts[counts > 0].astype(np.float64)
            rows = float(counts.sum()) or 1.0
            weight = float((counts * np.log(counts)).sum())
            entropy = math.log(rows) - weight / rows + (len(counts) - 1) / (2 * rows)
            self._known[names] = (entropy, len(counts))
            self._lost[names] = float(counts[counts < self._binned.rows_of_k].sum()) / rows
        return self._known[names]

    def lost(self, columns: Sequence[str]) -> float:
        """The share of rows whose combination about fewer rows have than k have on average."""
        self.of(columns)
        return self._lost[tuple(sorted(columns))]
