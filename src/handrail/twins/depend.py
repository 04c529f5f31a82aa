"""How a binned column depends on its parents: shares of its bins in the cells of theirs that k stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handrail.twins.binned import Binned
from handrail.twins.columns import MOST_TEXTS
from handrail.twins.nodes import WORTH, Node

# Into how many groups the bins of a parent are folded; the last tells all texts apart, null, pool and other.
FOLDINGS = (4, 8, 16, 32, MOST_TEXTS + 3)
Given = tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dependence:
    """Shares of a column's bins, and by cell of its parents' folded bins where k or more stand for it."""

    shares: tuple[float, ...]
    parents: tuple[Node, ...] = ()
    groups: tuple[int, ...] = ()
    given: Given = ()
    worth: float = 0.0  # nats that survive suppression
    otherwise: tuple[float, ...] = ()  # shares in the cells that are not given


@dataclass(frozen=True)
class _Tried:
    """A column given some parents; only of those that are taken shares are written down."""

    parents: tuple[Node, ...]
    groups: tuple[int, ...]
    known: NDArray[np.int64]  # the cells of the parents that are told
    shares: Floats  # a row for each of them
    worth: float
    otherwise: tuple[float, ...]

    def given(self) -> Given:
        """The shares above nought of each cell."""
        cells, codes = np.nonzero(self.shares > 0)
        pairs = list(zip(codes.tolist(), self.shares[cells, codes].tolist(), strict=True))
        ends = np.searchsorted(cells, np.arange(len(self.known) + 1)).tolist()
        return tuple(
            (cell, tuple(pairs[first:last]))
            for cell, (first, last) in zip(self.known.tolist(), pairwise(ends), strict=True)
        )


def depend(binned: Binned, node: Node, parents: Sequence[Node]) -> Dependence:
    """Count a column given its parents, their bins folded as finely as suppression allows.

    A cell that fewer than k stand for is left out, and so is what remains of its row when that is fewer
    than k too; drawing falls back to the shares of all rows. Of one parent or both, and of several foldings,
    the one that keeps most information is taken.
    """
    own = binned.folded([node.code], [node.bins])
    counts, holders = binned.counted(own, node.bins)
    counts = np.where(holders >= binned.k, counts, 0)
    marginal = np.round(counts / max(1, counts.sum()), 6)
    best: _Tried | None = None
    for chosen, groups in _foldings(parents) if np.count_nonzero(marginal) > 1 else ():
        found = _tried(binned, own, chosen, groups, marginal, int(counts.sum()))
        if found.worth > (best.worth if best else 0.0) + WORTH / 2:
            best = found
    told = tuple(marginal.tolist())
    if best is None:
        return Dependence(told)
    return Dependence(told, best.parents, best.groups, best.given(), best.worth, best.otherwise)


def _foldings(parents: Sequence[Node]) -> list[tuple[tuple[Node, ...], tuple[int, ...]]]:
    """Parents alone and together, each with its bins folded into fewer and fewer groups."""
    found: list[tuple[tuple[Node, ...], tuple[int, ...]]] = []
    for groups in FOLDINGS:
        found += [((parent,), (min(parent.bins, groups),)) for parent in parents]
        if len(parents) == 2:
            first, second = parents
            for other in (groups, max(4, groups // 4)):
                found.append(((first, second), (min(first.bins, groups), min(second.bins, other))))
    return list(dict.fromkeys(found))


def _tried(
    binned: Binned,
    own: NDArray[np.int64],
    parents: tuple[Node, ...],
    groups: tuple[int, ...],
    marginal: Floats,
    total: int,
) -> _Tried:
    bins, rows = len(marginal), max(1, binned.rows)
    cells = int(np.prod(groups))
    group = binned.folded([parent.code for parent in parents], groups)
    group = np.where(own >= 0, group, -1)
    whole, _ = binned.counted(group, cells)
    counts, holders = binned.counted(np.where(group >= 0, group * bins + own, -1), cells * bins)
    table = np.where(holders >= binned.k, counts, 0.0).reshape(cells, bins)
    known = np.flatnonzero(table.any(axis=1))
    table = table[known]
    shares, otherwise = _shares(table, whole[known].astype(np.float64), total, marginal, binned.k)
    told = (table > 0) & (shares > 0)
    gained = table[told] / rows * np.log((shares / np.where(marginal > 0, marginal, 1.0))[told])
    worth = float(gained.sum()) - float(((table > 0).sum(axis=1) - 1).sum()) / (2 * rows)
    return _Tried(parents, groups, known, shares, worth, otherwise)


def _shares(
    table: Floats, whole: Floats, total: int, marginal: Floats, k: int
) -> tuple[Floats, tuple[float, ...]]:
    """Shares within each cell of the parents that k stand for, and in all other cells together.

    Within a cell a bin that fewer than k stand for is not told. Of all cells together it is, where k or more
    stand for it, and is given back to the cells that lack it: evenly, for which had more is not known. So the
    shares of all rows come out right although small cells know nothing about rare bins.
    """
    left_out = marginal * total - table.sum(axis=0)
    lost = np.where(left_out >= k, left_out, 0.0)
    aside = max(0.0, total - float(whole.sum()))  # rows in cells about which nothing is told
    inside = max(0.0, lost.sum() - aside) / (lost.sum() or 1.0)
    rest = whole - table.sum(axis=1)
    few = rest < k
    evenly = max(0.0, lost.sum() * inside - rest[~few].sum()) / (whole[few].sum() or 1.0)
    left = np.where(few, evenly * whole, rest)
    lacking = np.where(table > 0, 0.0, lost)
    missing = lacking.sum(axis=1)
    weights = table + lacking * (left / np.where(missing > 0, missing, 1.0))[:, None]
    shares = np.round(weights / weights.sum(axis=1, keepdims=True), 4)
    if aside < k or not lost.any():
        return shares, ()
    return shares, tuple(np.round(lost / lost.sum(), 5).tolist())
