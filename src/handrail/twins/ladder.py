"""Finds between which edges numbers lie, as `numpy.searchsorted` does, which halves its way for each of them.

For millions of numbers among thousands of edges that takes longest of all that drawing does. Here a table
says for each narrow slot how many edges are below it; only numbers beyond the next edge are looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handrail.twins.values import Ints

SLOTS = 256  # a unit: a power of two, so that which slot a number is in is told exactly
Floats = NDArray[np.float64]


class Ladder:
    """Edges that do not fall, between 0 and `units`."""

    def __init__(self, edges: Floats, units: int) -> None:
        self._edges = np.append(edges, np.inf)
        self._below = np.searchsorted(edges, np.arange(units * SLOTS + 1) / SLOTS, side="right")

    def at(self, numbers: Floats) -> Ints:
        """How many edges are no greater than each of the numbers, which are between 0 and `units`, too."""
        found = self._below[(numbers * SLOTS).astype(np.int64)]
        cut = np.flatnonzero(self._edges[found] <= numbers)
        found[cut] = np.searchsorted(self._edges, numbers[cut], side="right")
        return found
