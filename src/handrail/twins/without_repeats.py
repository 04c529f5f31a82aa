"""Draws for each group of rows different ones of a few values: a country's languages, each of them once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handrail.twins.values import Ints

CELLS = 2_000_000  # groups times values that are drawn at once
ROUNDS = 12
LEAST = 1e-9

Floats = NDArray[np.float64]


def without_repeats(group: Ints, rank: Ints, wanted: Floats, rng: np.random.Generator) -> Ints:
    """The place of a value for each row, no two alike in one group; about `wanted` rows have each value.

    `group` counts from 0, `rank` counts the rows within each. Rows of a group that has more than there are
    values get -1. Values are drawn by the shortest waiting times (Efraimidis and Spirakis 2006); since groups
    that have many values have the common ones only once, the weights are fitted until the numbers come out.
    """
    values, found = len(wanted), np.full(len(group), -1, dtype=np.int64)
    if not len(group) or not values:
        return found
    sizes = np.minimum(np.bincount(group), values)
    each = max(1, CELLS // values)
    weights = _fitted(sizes, wanted, each, rng)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(0, len(sizes) + each, each))
    for part, (first, after) in enumerate(pairwise(ends.tolist())):
        rows = order[first:after]
        rows = rows[rank[rows] < values]
        groups = min(each, len(sizes) - part * each)
        waiting = rng.exponential(size=(groups, values)) / weights
        found[rows] = np.argsort(waiting, axis=1)[group[rows] - part * each, rank[rows]]
    return found


def _fitted(sizes: Ints, wanted: Floats, each: int, rng: np.random.Generator) -> Floats:
    """Weights by which about `wanted` rows have each value, as far as there is room; tried on some groups."""
    some = sizes if len(sizes) <= each else rng.choice(sizes, each, replace=False)
    target = wanted * (some.sum() / max(wanted.sum(), LEAST))
    weights: Floats = np.maximum(target, LEAST)
    waiting = rng.exponential(size=(len(some), len(wanted)))
    for _ in range(ROUNDS):
        nth = np.sort(waiting / weights, axis=1)[np.arange(len(some)), np.maximum(some - 1, 0)]
        got = ((waiting / weights <= nth[:, None]) & (some > 0)[:, None]).sum(axis=0)
        weights = weights * np.clip((target + 0.5) / (got + 0.5), 0.2, 5.0)
    return weights
