"""Draws values by the lists of what goes together: of Austria's cities as many as Austria has, and no others.

What a column's own sketch says by the bins of two others is lost in cells that fewer than k stand for; rows
of those are drawn by the shares of all. A list of accepted pairs (`mine_pairs.py`) says more of them, each
with its share. So rows in such cells, and rows that break a list, are drawn again by the finest list that
knows the other column's value. What then still breaks a list is left to `repair.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made
from handrail.twins.draw import Codes, Places, text_places
from handrail.twins.holds import natural
from handrail.twins.models import Bin, ColumnSketch, TableSketch
from handrail.twins.raking import raked
from handrail.twins.rules import Listed
from handrail.twins.values import Ints, Mask, Values

Floats = NDArray[np.float64]
LEAST = 0.05  # share of a value's rows below which what no pair says is taken for rounding


@dataclass(frozen=True)
class _List:
    """One list: pairs of a value of another column and one of the column that is drawn, by their places."""

    other: ColumnSketch
    theirs: tuple[Listed, ...]
    own: tuple[Listed, ...]
    shares: (
        Floats  # of the rows with a value of the other, by value: shares of ours, what is none of these last
    )


def drawn_by_lists(
    table: TableSketch,
    one: Made,
    column: ColumnSketch,
    poor: Mask,
    drawn: tuple[Codes, Places],
    rng: np.random.Generator,
) -> tuple[Codes, Places]:
    """The bins and places that were drawn, with others where a list knows better.

    `poor` are the rows that were drawn by the shares of all. Columns that come later are not looked at.
    """
    lists = _lists(table, one, column)
    if not lists or not one.rows:
        return drawn
    known = [_places(known.other, known.theirs, one.codes[known.other.name], one) for known in lists]
    codes, places = drawn[0].copy(), drawn[1].copy()
    poor = poor | _breaking(lists, known, column, codes, places)
    for each, theirs in zip(lists, known, strict=True):
        rows = np.flatnonzero(poor & (theirs >= 0))
        if not len(rows):
            continue
        picked = _picked(_leaned(each, column, theirs, rows, codes, places), theirs[rows], rng)
        codes[rows], places[rows] = _as_bins(column, each.own, picked, codes[rows], places[rows])
        poor[rows] = _breaking(lists, [one[rows] for one in known], column, codes[rows], places[rows])
    return codes, places


def _lists(table: TableSketch, one: Made, column: ColumnSketch) -> list[_List]:
    """The lists of this column and one that is drawn already, the finest first."""
    found = []
    for rule in table.rules:
        if rule.kind != "accepted" or rule.declared or column.name not in rule.columns:
            continue
        side = rule.columns.index(column.name)
        other = table.column(rule.columns[1 - side])
        if other.name in one.codes and other.name != column.name:
            found.append(_listed([(p[1 - side], p[side], p[2]) for p in rule.pairs], other))
    return sorted(found, key=lambda known: -len(known.theirs))


def _listed(pairs: Sequence[tuple[Listed, Listed, float]], other: ColumnSketch) -> _List:
    theirs, own = (tuple(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    row, place = ({value: at for at, value in enumerate(values)} for values in (theirs, own))
    shares = np.zeros((len(theirs), len(own) + 1))
    for a, b, share in pairs:
        shares[row[a], place[b]] = share
    of_all = _shares(other)
    having = np.array([of_all.get(value, 0.0) for value in theirs])
    listed = shares.sum(axis=1)
    # Pairs are shares of all that are told. Where all of a value is told, the two say how many that are.
    whole = float(np.min(having[having > 0] / listed[having > 0], initial=np.inf))
    rest = having / whole - listed if np.isfinite(whole) and whole else np.zeros(len(theirs))
    shares[:, -1] = np.where(rest > LEAST * (listed + rest), np.maximum(rest, 0.0), 0.0)
    return _List(other, theirs, own, shares / shares.sum(axis=1, keepdims=True))


def _shares(column: ColumnSketch) -> dict[Listed, float]:
    """The share of each value that stands in a sketch, null among them."""
    found: dict[Listed, float] = {}
    for one, share in zip(column.bins, column.shares, strict=False):
        if one.kind == "pool":
            found |= {text: share * part for text, part in zip(one.values, one.shares, strict=True)}
        elif one.kind in ("null", "value"):
            found[_said(column, one)] = share
    return found


def _said(column: ColumnSketch, one: Bin) -> Listed:
    """The value of a bin as lists have it."""
    if one.kind == "null" or one.value is None:
        return None
    if column.kind == "text":
        return str(one.value)
    return float(natural(column, Values(np.array([float(one.value)]), np.ones(1, dtype=bool)))[0])


def _places(column: ColumnSketch, values: Sequence[Listed], codes: Codes, one: Made) -> Ints:
    """Which of these values each row has, -1 for none of them."""
    repeated = one.values.get(column.name) if column.kind == "text" else None
    if repeated is not None:  # it repeats another row's: its places in a pool say nothing
        at = {value: place for place, value in enumerate(values)}
        return text_places(repeated, at, -1, at.get(None, -1))
    places = one.places.get(column.name, np.zeros(len(codes), dtype=np.float32))
    return _of_bins(column, values, codes, places)


def _of_bins(column: ColumnSketch, values: Sequence[Listed], codes: Codes, places: Places) -> Ints:
    """Which of these values a row has by its bin, and of a pool by its place in it; -1 for none of them."""
    at = {value: place for place, value in enumerate(values)}
    plain = [
        at.get(_said(column, bin_), -1) if bin_.kind in ("null", "value") else -1 for bin_ in column.bins
    ]
    found = np.array([-1, *plain], dtype=np.int64)[codes.astype(np.int64) + 1]
    for code, bin_ in enumerate(column.bins):
        rows = np.flatnonzero(codes == code) if bin_.kind == "pool" else np.zeros(0, dtype=np.int64)
        if len(rows):
            laid = np.cumsum(bin_.shares) / sum(bin_.shares)
            picked = np.minimum(np.searchsorted(laid, places[rows], side="right"), len(laid) - 1)
            found[rows] = np.array([at.get(text, -1) for text in bin_.values], dtype=np.int64)[picked]
    return found


def _breaking(
    lists: Sequence[_List], known: Sequence[Ints], column: ColumnSketch, codes: Codes, places: Places
) -> Mask:
    """Which rows have two values of a list that do not go together in it."""
    bad = np.zeros(len(codes), dtype=bool)
    for each, theirs in zip(lists, known, strict=True):
        own = _of_bins(column, each.own, codes, places)
        both = (theirs >= 0) & (own >= 0)
        bad |= both & (each.shares[np.maximum(theirs, 0), np.maximum(own, 0)] == 0)
    return bad


def _leaned(
    each: _List, column: ColumnSketch, theirs: Ints, rows: Ints, codes: Codes, places: Places
) -> _List:
    """The list with shares by which these rows, and all others as they are, come to what the column holds."""
    others = np.delete(_of_bins(column, each.own, codes, places), rows)
    told = _shares(column)
    wanted = np.array([told.get(value, 0.0) for value in each.own])
    wanted = np.maximum(wanted * len(codes) - np.bincount(others[others >= 0], minlength=len(wanted)), 0.0)
    left = np.append(wanted, max(len(rows) - wanted.sum(), 0.0))
    counted = np.bincount(theirs[rows], minlength=len(each.shares))
    return replace(each, shares=raked(each.shares, counted, left)[0])


def _picked(each: _List, theirs: Ints, rng: np.random.Generator) -> Ints:
    """A value of the list for each row, by what goes with the other column's; -1 for any other."""
    order = np.lexsort((rng.random(len(theirs)), theirs))
    ordered = theirs[order]
    first = np.searchsorted(ordered, ordered, side="left")
    size = np.searchsorted(ordered, ordered, side="right") - first
    thrown = (np.arange(len(order)) - first + rng.random(len(order))) / size
    ends = np.cumsum(each.shares, axis=1)
    ends[:, -1] = 1.0
    laid = (ends + np.arange(len(ends))[:, None]).ravel()
    width = ends.shape[1]
    at = np.searchsorted(laid, ordered + np.minimum(thrown, 1 - 1e-12), side="right") - ordered * width
    found = np.empty(len(theirs), dtype=np.int64)
    found[order] = np.where(at >= width - 1, -1, at)
    return found


def _as_bins(
    column: ColumnSketch, own: Sequence[Listed], picked: Ints, codes: Codes, places: Places
) -> tuple[Codes, Places]:
    """The bins, and places in pools, of picked values; of what is none of them, the bin for all others."""
    bin_of: dict[Listed, tuple[int, float]] = {}
    for number, one in enumerate(column.bins):
        if one.kind == "pool":
            ends = np.concatenate([[0.0], np.cumsum(one.shares) / sum(one.shares)])
            middles = (ends[1:] + ends[:-1]) / 2
            bin_of |= {text: (number, float(at)) for text, at in zip(one.values, middles, strict=True)}
        elif one.kind in ("null", "value"):
            bin_of.setdefault(_said(column, one), (number, 0.5))
    others = [at for at, one in enumerate(column.bins) if one.kind == "other"]
    there = [bin_of.get(value, (-1, 0.5)) for value in own] + [(others[-1] if others else -1, 0.5)]
    code = np.array([at for at, _ in there], dtype=np.int16)[picked]
    place = np.array([at for _, at in there], dtype=np.float32)[picked]
    known = code >= 0
    in_pool = np.isin(code, [at for at, one in enumerate(column.bins) if one.kind == "pool"])
    return np.where(known, code, codes), np.where(known & in_pool, place, places)
