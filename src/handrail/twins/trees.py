"""Lets rows point at rows of the same table, level by level: heads first, then as many children as known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from handrail.twins.assign import scaled
from handrail.twins.draw import codes, decode
from handrail.twins.models import ColumnSketch, LinkSketch
from handrail.twins.values import Ints


def grown(link: LinkSketch, rows: int, required: bool, rng: np.random.Generator) -> Ints:
    """The row that each row points at, always an earlier one, so that there are no circles.

    Those on the first level point nowhere, or where that may not be, at themselves.
    """
    sizes = _sizes(link, rows)
    found = np.full(rows, -1, dtype=np.int64)
    first = 0
    for above, own in pairwise(sizes):
        parents = first + _parents(link, int(above), int(own), rng)
        found[first + above : first + above + own] = rng.permutation(parents)
        first += int(above)
    return np.where(found < 0, np.arange(rows), found) if required else found


def _sizes(link: LinkSketch, rows: int) -> Ints:
    """How many rows stand on each level: one at least, as long as there are rows."""
    shares = np.array(link.levels)[: max(rows, 1)]
    left = max(rows - len(shares), 0)  # once each level has one
    sizes: Ints = 1 + np.floor(shares / shares.sum() * left).astype(np.int64)
    sizes[int(np.argmax(sizes))] += rows - sizes.sum()
    return np.asarray(sizes[sizes > 0])


def _parents(link: LinkSketch, above: int, rows: int, rng: np.random.Generator) -> Ints:
    """Which of the rows on the level above each of these points at."""
    if link.children is None:
        return rng.integers(0, above, rows)
    column = ColumnSketch(
        "", "BIGINT", "integer", "degree", required=True, bins=link.children.bins, shares=link.children.shares
    )
    drawn = decode(column, codes(column, np.full(above, -1), rng), rng).array
    drawn = np.maximum(drawn, 1).astype(np.int64)
    some = int(np.searchsorted(np.cumsum(drawn), rows)) + 1  # so many have children, the others none
    degrees = np.zeros(above, dtype=np.int64)
    degrees[rng.permutation(above)[: min(some, above)]] = drawn[: min(some, above)]
    return np.repeat(np.arange(above), scaled(degrees, above, rows, rng))
