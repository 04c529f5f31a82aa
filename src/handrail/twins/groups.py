"""Groups of rows that hold the same keys, across tables, and parents dealt to rows within them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handrail.twins.values import Ints, Values

UNKNOWN, NULL = -2, -1  # instead of the code of a key


def coded_alike(columns: Sequence[Values]) -> list[Ints]:
    """A number for each value, the same in all the columns; -1 for null."""
    array = np.concatenate([one.array for one in columns])
    if not len(array):
        return [np.zeros(0, dtype=np.int64) for _ in columns]
    valid = np.concatenate([one.valid for one in columns])
    codes = pa.array(array, mask=~valid).dictionary_encode().indices.fill_null(NULL)
    return np.split(codes.to_numpy().astype(np.int64), np.cumsum([len(one.array) for one in columns])[:-1])


def grouped(own: Sequence[Ints], theirs: Sequence[Ints]) -> tuple[Ints, Ints]:
    """One number for each combination of codes, the same on both sides."""
    group = np.zeros(len(own[0]) + len(theirs[0]), dtype=np.int64)
    for a, b in zip(own, theirs, strict=True):
        codes = np.concatenate([a, b]) - UNKNOWN
        _, group = np.unique(group * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
    group = group.astype(np.int64)
    return group[: len(own[0])], group[len(own[0]) :]


def once(columns: Sequence[Values]) -> tuple[Values, ...]:
    """The rows of some columns without those that an earlier one repeats, and without nulls."""
    codes = [coded_alike([one])[0] for one in columns]
    there = np.logical_and.reduce([one.valid for one in columns])
    kept = np.setdiff1d(np.flatnonzero(there), repeats(codes), assume_unique=True)
    return tuple(one.take(kept) for one in columns)


def repeats(held: Sequence[Ints]) -> Ints:
    """The rows whose combination an earlier row has."""
    group, _ = grouped(held, [np.zeros(0, dtype=np.int64)] * len(held))
    _, first = np.unique(group, return_index=True)
    return np.setdiff1d(np.arange(len(group)), first, assume_unique=True)


def dealt(
    rows: Ints, parents: Ints, weights: NDArray[np.float64], unique: bool, rng: np.random.Generator
) -> Ints:
    """For each row the place of a parent of the same group, in proportion to the weights; -1 where none is.

    Within a group parents get whole numbers of children that add up (systematic rounding); of a `unique` link
    one each, while they last.
    """
    found = np.full(len(rows), -1, dtype=np.int64)
    if not len(parents) or not len(rows):
        return found
    size = int(max(rows.max(), parents.max())) + 1
    order = np.lexsort((rng.random(len(parents)), parents))
    group = parents[order]
    there, children = np.bincount(parents, minlength=size), np.bincount(rows, minlength=size)
    turn = np.lexsort((rng.random(len(rows)), rows))
    turn = turn[there[rows[turn]] > 0]
    if unique:
        starts = np.cumsum(there) - there
        ranks = np.arange(len(turn)) - np.searchsorted(rows[turn], rows[turn])
        fits = ranks < there[rows[turn]]
        found[turn[fits]] = order[starts[rows[turn[fits]]] + ranks[fits]]
        return found
    weight = weights[order].astype(float)
    weight = np.where(np.bincount(group, weight, size)[group] > 0, weight, 1.0)
    share = weight * children[group] / np.bincount(group, weight, size)[group]
    filled = np.cumsum(np.where(there > 0, children, 0))  # after each group
    begun = (filled - np.where(there > 0, children, 0))[group]
    within = np.cumsum(share) - begun
    edges = begun + np.floor(np.clip(within, 0, None) + rng.random(size)[group])
    last = np.append(group[1:] != group[:-1], True)
    edges = np.where(last, filled[group], np.clip(edges, begun, filled[group])).astype(np.int64)
    found[turn] = np.repeat(order, np.diff(np.concatenate([[0], edges])))
    return found
