"""Keeps what is carried on from row to row within its range: who would leave it exchanges what moves them.

A sum of many steps strays further than any real one did, where what is drawn does not know how far it has
come. Steps are exchanged between rows of one turn, so that they are in the twin as often as they were drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins.models import ColumnSketch
from handrail.twins.values import Ints, Values

TRIES = 16  # times that a row is given another's steps; about half of these bring both nearer to their range

Ends = Mapping[str, tuple[float, float]]  # of each column that is computed, as its values are held


def ends(columns: Sequence[ColumnSketch]) -> Ends:
    """The least and the greatest value that the sketch knows, of numbers and dates that it knows some of."""
    found: dict[str, tuple[float, float]] = {}
    for column in columns:
        known = [end for one in column.bins if one.kind == "range" for end in (one.low, one.high)]
        if column.kind != "text" and known:
            known += [float(one.value or 0) for one in column.bins if one.kind == "value"]
            found[column.name] = (min(known), max(known))
    return found


def keep_within(
    rows: Mapping[str, Values],
    here: Ints,
    steps: Sequence[str],
    bounds: Ends,
    compute: Callable[[Ints], None],
    rng: np.random.Generator,
) -> None:
    """Exchange `steps` between rows `here`, which are computed, until `bounds` hold or nothing more helps.

    `compute` works out again what follows from the steps of some rows. Two rows exchange them where what
    both lack together becomes less.
    """
    if not steps:
        return
    for _ in range(TRIES):
        out = _beyond(rows, here, bounds) > 0
        pairs = min(int(out.sum()), len(here) // 2)
        if not pairs:
            return
        one = rng.permutation(here[out])[:pairs]
        other = rng.permutation(np.setdiff1d(here, one))[:pairs]
        before = _beyond(rows, one, bounds) + _beyond(rows, other, bounds)
        _exchange(rows, steps, one, other)
        compute(np.concatenate([one, other]))
        worse = _beyond(rows, one, bounds) + _beyond(rows, other, bounds) >= before
        if worse.any():
            _exchange(rows, steps, one[worse], other[worse])
            compute(np.concatenate([one[worse], other[worse]]))


def _beyond(rows: Mapping[str, Values], here: Ints, bounds: Ends) -> NDArray[np.float64]:
    """How far each row lies outside, over all columns, in the widths of their ranges."""
    off = np.zeros(len(here))
    for name, (low, high) in bounds.items():
        array = rows[name].array[here].astype(np.float64)
        over = np.maximum(np.maximum(low - array, array - high), 0.0) / max(high - low, 1e-9)
        off += np.where(rows[name].valid[here], over, 0.0)
    return off


def _exchange(rows: Mapping[str, Values], names: Sequence[str], one: Ints, other: Ints) -> None:
    for name in names:
        for held in (rows[name].array, rows[name].valid):
            held[one], held[other] = held[other], held[one]
