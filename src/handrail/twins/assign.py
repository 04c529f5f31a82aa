"""Decides which row each foreign key points at, so that every key resolves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import Codes, Places
from handrail.twins.models import LinkSketch, TableSketch
from handrail.twins.values import Ints, Mask, Values

RAKED = 6  # rounds
TOLD_FROM = 100  # children, ten times the least k: of fewer it is not told how unequally they are shared
CLOSE = 0.1  # share of children by which drawn numbers may miss the total and be kept all the same


@dataclass
class Made:
    """A table while it is made: its rows, drawn bins, and values."""

    sketch: TableSketch
    rows: int
    k: int = 0  # rows that share each text which is told; 0 where that many people do
    codes: dict[str, Codes] = field(default_factory=dict)
    places: dict[str, Places] = field(default_factory=dict)  # within the bins
    values: dict[str, Values] = field(default_factory=dict)
    points: dict[str, Ints] = field(default_factory=dict)  # link name -> row of the parent, -1 for none
    keys: dict[str, Values] = field(default_factory=dict)  # of links that share columns
    degrees: dict[str, Ints] = field(default_factory=dict)
    crowds: dict[str, Any] = field(default_factory=dict)  # the people its rows are about, see `crowd.py`
    lent: dict[str, Mask] = field(default_factory=dict)  # rows whose text their children know, see `lent.py`


def rows_of(table: TableSketch, made: dict[str, Made], wanted: int) -> int:
    """How many rows there can be: none without a parent, no more than parents where each is used once."""
    for link in table.links:
        if link.kind != "inside":
            continue
        parents = made[link.to].rows
        mandatory = all(table.column(column).required for column in link.columns)
        if mandatory and not parents:
            return 0
        if mandatory and link.unique:
            wanted = min(wanted, len(different(link, made[link.to])))
    return wanted


def different(link: LinkSketch, parent: Made) -> Ints:
    """The rows of a parent that a unique link can point at: of those with equal keys the first."""
    group = np.zeros(parent.rows, dtype=np.int64)
    there = np.ones(parent.rows, dtype=bool)
    for name in link.to_columns:
        if (keys := parent.values.get(name)) is not None:
            _, place = np.unique(keys.array.astype(str), return_inverse=True)
            _, group = np.unique(group * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
            there &= keys.valid
    _, first = np.unique(np.where(there, group, -1), return_index=True)
    return np.sort(first[there[first]]).astype(np.int64)


def point(
    link: LinkSketch, parents: int, degrees: Ints | None, rows: int, first: bool, rng: np.random.Generator
) -> Ints:
    """The parent's row for each of `rows` children, -1 where it points nowhere.

    Each parent gets as many children as its degree says, scaled to the known total. The first link of a
    table keeps its children together and in order; the others are shuffled.
    """
    nulls = round(rows * link.null_share)
    if not parents:
        return np.full(rows, -1, dtype=np.int64)
    if link.unique:
        filled = min(rows - nulls, parents)
        chosen = rng.permutation(parents)[:filled]
    else:
        filled = rows - nulls
        chosen = np.repeat(np.arange(parents), scaled(degrees, parents, filled, rng))
    found = np.concatenate(
        [np.sort(chosen) if first else rng.permutation(chosen), np.full(rows - filled, -1)]
    )
    if first and filled == rows:
        return found.astype(np.int64)
    if first:  # nulls spread among rows that stay in order
        empty = rng.choice(rows, size=rows - filled, replace=False)
        spread = np.full(rows, -1, dtype=np.int64)
        spread[np.setdiff1d(np.arange(rows), empty)] = np.sort(chosen)
        return spread
    return rng.permutation(found).astype(np.int64)


def loaded(
    link: LinkSketch, degrees: Ints | None, parents: int, total: int, rng: np.random.Generator
) -> Ints:
    """Children per parent in the known proportions; who was drawn to have more gets more of them, unless it
    is known whose they are. What is left over is shared by those of whom nothing is known."""
    loads = np.array(link.loads)
    if (unknown := loads == 0).any():
        loads[unknown] = max(0.0, 1 - float(loads.sum())) / unknown.sum()
    if link.in_order:
        shares = np.zeros(parents)
        shares[: len(loads)] = loads[:parents]
        return np.round(shares * total).astype(np.int64)
    drawn = np.zeros(parents) if degrees is None else degrees.astype(float)
    ranked = np.lexsort((rng.random(parents), -drawn))
    given = np.zeros(parents)
    given[ranked[: len(loads)]] = loads[:parents] * total
    return np.round(given).astype(np.int64)


def spread_of(link: LinkSketch, parents: int, children: int) -> float:
    """How unequally few parents share their children (deviation over mean): as told, or where there are too
    few children to tell, as if each had drawn its parent by chance. That all have as many is least likely."""
    if link.spread or not 1 < parents <= children < TOLD_FROM:
        return link.spread
    return math.sqrt(parents / children)


def unequal(spread: float, parents: int, rng: np.random.Generator) -> Ints:
    """Proportions of children of few parents, of whom no more is told than how unequal they are.

    Evenly placed quantiles of a gamma distribution (Wilson and Hilferty 1931), stretched to that spread: of
    three numbers that are drawn at random, the spread would be anything.
    """
    normal = NormalDist()
    scores = np.array([normal.inv_cdf((place + 0.5) / parents) for place in range(parents)])
    shares = np.maximum(1 - spread**2 / 9 + scores * spread / 3, 0.0) ** 3
    off = shares / shares.mean() - 1
    stretched = np.maximum(1 + off * (spread / max(float(off.std()), 1e-9)), 0.01)
    return np.asarray(np.round(rng.permutation(stretched) * 1_000_000), dtype=np.int64)


def matched(
    degrees: Ints, towards: tuple[tuple[str, tuple[float, ...]], ...], codes: Mapping[str, Codes | Ints]
) -> Ints:
    """The same numbers of children, dealt to parents that are like those which have so many.

    Weights are raked until the children are shared by the bins of each column as they are in reality
    (Deming and Stephan 1940); by their rank the numbers are dealt out.
    """
    known = [(codes[name], np.array(shares)) for name, shares in towards if name in codes]
    if not known or not degrees.any():
        return degrees
    # Whose bin is not known has one more, the last, which keeps its weight; it is counted with the first.
    placed = [(np.where(at >= 0, at, len(shares)).astype(np.intp), shares) for at, shares in known]
    weights = degrees + 0.1 * degrees.mean()
    for _ in range(RAKED):
        for at, shares in placed:
            has = np.bincount(at, weights=weights, minlength=len(shares) + 1)
            has[0] += has[-1]
            ratio = np.clip(shares * weights.sum() / np.maximum(has[:-1], 1e-9), 0.05, 20.0)
            weights *= np.append(ratio, 1.0)[at]
    dealt = np.empty_like(degrees)
    dealt[np.argsort(-weights, kind="stable")] = np.sort(degrees)[::-1]
    return dealt


def scaled(degrees: Ints | None, parents: int, total: int, rng: np.random.Generator) -> Ints:
    """Whole children per parent in proportion to `degrees` that add up to `total` (systematic rounding)."""
    weights = np.ones(parents) if degrees is None or not degrees.sum() else degrees.astype(float)
    if weights.sum() > 0 and abs(weights.sum() - total) <= CLOSE * total and (weights % 1 == 0).all():
        return _nudged(weights.astype(np.int64), total, rng)
    edges = np.floor(np.cumsum(weights * (total / weights.sum())) + rng.random())
    edges[-1] = total
    counts = np.diff(np.concatenate([[0.0], np.minimum(edges, total)]))
    return counts.astype(np.int64)


def _nudged(degrees: Ints, total: int, rng: np.random.Generator) -> Ints:
    """The same numbers of children but for the few too many or too few: parents of many give or get those."""
    counts = degrees.copy()
    while (missing := total - int(counts.sum())) != 0:
        spare = missing < 0 and (counts > 1).any()  # nobody is left without, while others have several
        free = np.flatnonzero(counts > int(spare))
        shares = counts[free] / counts[free].sum()
        picked = rng.choice(free, size=min(abs(missing), len(free)), replace=False, p=shares)
        counts[picked] += 1 if missing > 0 else -1
    return counts


def point_back(link: LinkSketch, rows: int, required: bool, rng: np.random.Generator) -> Ints:
    """A self reference: each row points at an earlier one, so no circles; roots at none or themselves."""
    counted = np.arange(rows)
    found = np.floor(rng.random(rows) * counted).astype(np.int64)
    if required:
        found[:1] = 0
        return counted if link.unique else found
    roots = rng.random(rows) < link.null_share
    found[roots] = -1
    found[:1] = -1
    if link.unique:
        _, once = np.unique(found, return_index=True)
        found = np.where(np.isin(counted, once), found, -1)
    return found


def evenly(link: LinkSketch, targets: int, rows: int, rng: np.random.Generator) -> Ints:
    """Parents drawn evenly, for links whose parents are not modelled."""
    if not targets:
        return np.full(rows, -1, dtype=np.int64)
    if link.unique:
        found = np.full(rows, -1, dtype=np.int64)
        found[: min(rows, targets)] = rng.permutation(targets)[:rows]
    else:
        found = rng.integers(0, targets, rows)
    found[rng.random(rows) < link.null_share] = -1
    return found


def reorder(made: Made, rows: NDArray[np.int64]) -> None:
    """Keep only these rows, in this order."""
    made.rows = len(rows)
    made.codes = {name: codes[rows] for name, codes in made.codes.items()}
    made.places = {name: places[rows] for name, places in made.places.items()}
    made.values = {name: values.take(rows) for name, values in made.values.items()}
    made.keys = {name: values.take(rows) for name, values in made.keys.items()}
    made.points = {name: points[rows] for name, points in made.points.items()}
    made.lent = {name: lent[rows] for name, lent in made.lent.items()}
