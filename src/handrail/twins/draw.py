"""Draws bins from a sketch and turns them into values; numpy only, nothing but the sketch is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handrail.twins.models import Bin, ColumnSketch
from handrail.twins.text import invented
from handrail.twins.values import DAY_US, Ints, Values, dtype_of, limits

Codes = NDArray[np.int16]
MANY_ROWS = 200_000
MOST = float(2**63 - 1024)  # the greatest float that is a 64-bit integer


def folded(codes: NDArray[np.int64], bins: int, groups: int) -> Ints:
    """The group of each bin number; the same arithmetic as `network.fold`."""
    return codes * groups // bins


def cells(column: ColumnSketch, parents: list[tuple[Codes, int]], rows: int) -> Ints:
    """The parents' cell of each row, -1 where a parent is unknown."""
    cell = np.zeros(rows, dtype=np.int64)
    unknown = np.zeros(rows, dtype=bool)
    for (codes, bins), groups in zip(parents, column.groups, strict=True):
        cell = cell * groups + folded(np.maximum(codes, 0).astype(np.int64), max(bins, 1), groups)
        unknown |= codes < 0
    return np.where(unknown, -1, cell)


def codes(column: ColumnSketch, cell: Ints, rng: np.random.Generator) -> Codes:
    """A bin for each row, by the shares of its parents' cell, or of all rows where that cell was suppressed.

    One search in the cumulated shares of all cells laid end to end.
    """
    if not column.bins or not any(column.shares):
        return np.full(len(cell), -1, dtype=np.int16)
    width = len(column.bins)
    shares = np.zeros((len(column.given) + 1, width))
    shares[0] = column.shares
    place = np.zeros(max((g for g, _ in column.given), default=0) + 1, dtype=np.int64)
    for row, (group, found) in enumerate(column.given, start=1):
        place[group] = row
        shares[row, [code for code, _ in found]] = [share for _, share in found]
    if column.required:
        nulls = [code for code, one in enumerate(column.bins) if one.kind == "null"]
        shares[:, nulls] = 0
    empty = shares.sum(axis=1) == 0
    shares[empty] = shares[0] if shares[0].any() else 1.0 / width
    cumulated = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    cumulated[:, -1] = 1.0
    which = np.where((cell >= 0) & (cell < len(place)), place[np.clip(cell, 0, len(place) - 1)], 0)
    laid = (cumulated + np.arange(len(cumulated))[:, None]).ravel()
    found_at: Ints = np.searchsorted(laid, which + _even(which, rng), side="right") - which * width
    drawn: Codes = np.clip(found_at, 0, width - 1).astype(np.int16)
    return drawn


def _even(which: Ints, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random numbers in [0, 1), spread evenly within each group of rows (stratified sampling).

    Many rows come out even by themselves, so there they are left as they fall.
    """
    rows = len(which)
    if rows > MANY_ROWS:
        return rng.random(rows)
    order = np.lexsort((rng.random(rows), which))
    ordered = which[order]
    new = np.ones(rows, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, rows))
    spread = np.empty(rows)
    spread[order] = (np.arange(rows) - np.repeat(starts, sizes) + rng.random(rows)) / np.repeat(sizes, sizes)
    return np.minimum(spread, np.nextafter(1.0, 0.0))


def decode(column: ColumnSketch, drawn: Codes, rng: np.random.Generator) -> Values:
    """A value for each bin: the common value, an even draw from the range, or something invented."""
    array = np.zeros(len(drawn), dtype=dtype_of(column.kind))
    valid = np.ones(len(drawn), dtype=bool)
    for code in np.flatnonzero(np.bincount(drawn.astype(np.int64) + 1)) - 1:
        rows = np.flatnonzero(drawn == code)
        one = column.bins[code] if code >= 0 else None
        if one is not None and one.kind == "null":
            valid[rows] = False
        elif one is not None and one.kind == "value":
            array[rows] = one.value if column.kind in ("text", "float") else _one_whole(one.value)
        elif one is not None and one.kind == "range":
            array[rows] = _in_range(column, one, len(rows), rng)
        elif one is not None and one.kind == "pool":
            weights = np.array(one.shares)
            picked = rng.choice(len(one.values), size=len(rows), p=weights / weights.sum())
            array[rows] = np.array(one.values, dtype=object)[picked]
        else:
            array[rows] = unknown(column, len(rows), rng)
    return Values(array, valid)


def unknown(column: ColumnSketch, rows: int, rng: np.random.Generator) -> NDArray[np.generic]:
    """Values of the type alone, where the sketch knows nothing."""
    low, high = limits(column.kind, column.type)
    if column.kind == "float":
        return np.round(rng.random(rows) * 100, 2)
    if column.kind == "decimal":
        scale = 10 ** int(column.type.rstrip(")").split(",")[1])
        return np.clip(rng.integers(1, 100 * scale + 1, rows), low, high)
    if column.kind == "date":
        return rng.integers(19_723, 20_088, rows)  # the year 2024
    if column.kind == "timestamp":
        return rng.integers(19_723 * 24, 20_088 * 24, rows) * 3_600_000_000
    if column.kind == "time":
        return rng.integers(0, 1440, rows) * (DAY_US // 1440)
    if column.kind == "boolean":
        return rng.integers(0, 2, rows)
    if column.kind == "integer":
        return rng.integers(1, 101, rows)
    return invented(column, rows, rng)


def _in_range(column: ColumnSketch, one: Bin, rows: int, rng: np.random.Generator) -> NDArray[np.generic]:
    """Numbers of a range; u^(1/lean - 1) of an even u has the mean that the range has."""
    low, high = one.low, one.high
    part = rng.random(rows) ** (1 / one.lean - 1)
    step = column.step if column.kind == "float" else max(column.step, 1.0)
    if not step:
        return low + part * (high - low)
    first: float = round(low / step)
    steps = max(1, round(high / step) - round(low / step))
    first = first if abs(first) < MOST / 2 else float(first)  # beyond 64 bits, as of unsigned numbers
    steps = min(steps, round(MOST))
    found = (first + np.minimum(np.floor(part * steps), steps - 1)) * step
    return np.round(found, 9) if column.kind == "float" else _whole(found)


def _one_whole(value: str | float | None) -> int:
    return round(min(max(float(value or 0), -MOST), MOST))


def _whole(numbers: NDArray[np.floating]) -> Ints:
    """Rounded to whole numbers, as far as 64 bits go."""
    return np.clip(np.round(numbers), -MOST, MOST).astype(np.int64)


def whole(column: ColumnSketch, drawn: Codes, rng: np.random.Generator) -> Ints:
    """Counts of children for the bins of a degree; none where nothing is known."""
    made = decode(column, drawn, rng)
    known = (drawn >= 0) & made.valid
    return np.where(known, np.maximum(made.array.astype(np.int64), 0), 0)
