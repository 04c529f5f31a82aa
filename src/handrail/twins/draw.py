"""Draws bins from a sketch and turns them into values; nothing but the sketch is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handrail.twins.ladder import Ladder
from handrail.twins.models import ColumnSketch
from handrail.twins.text import invented
from handrail.twins.values import DAY_US, Ints, Values, dtype_of, limits

Codes = NDArray[np.int16]
Places = NDArray[np.float32]  # where within its bin a row is, 0..1
MANY_ROWS = 200_000
AT_ONCE = 16_384  # rows
MOST = float(2**63 - 1024)  # the greatest float that is a 64-bit integer


def folded(codes: NDArray[np.int64], bins: int, groups: int) -> Ints:
    """The group of each bin number; the same arithmetic as `nodes.fold`."""
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
    """A bin for each row; see `placed`."""
    return placed(column, cell, rng)[0]


def placed(
    column: ColumnSketch, cell: Ints, rng: np.random.Generator, lead: NDArray[np.float64] | None = None
) -> tuple[Codes, Places]:
    """A bin for each row, by the shares of its parents' cell, or of the cells that were suppressed.

    One search in the cumulated shares of all cells laid end to end. How far into its share a draw falls is
    also its place within the bin, so that places are spread evenly too. With a `lead`, the
    rows of one cell draw by the size of their number in it, the least lowest.
    """
    if not column.bins or not any(column.shares):
        return np.full(len(cell), -1, dtype=np.int16), np.zeros(len(cell), dtype=np.float32)
    width = len(column.bins)
    shares, which = shares_by_cell(column, cell)
    if column.required:
        nulls = [code for code, one in enumerate(column.bins) if one.kind == "null"]
        shares[:, nulls] = 0
    empty = shares.sum(axis=1) == 0
    shares[empty] = column.shares if any(column.shares[1:]) else 1.0 / width
    cumulated = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    cumulated[:, -1] = 1.0
    laid = np.asarray(cumulated + np.arange(len(cumulated))[:, None], dtype=np.float64).ravel()
    even, ends = _even(which, rng, lead), np.concatenate([[0.0], laid])
    ladder = Ladder(laid, len(cumulated))
    depth = np.maximum(np.diff(ends), 1e-12)
    drawn, places = np.empty(len(which), dtype=np.int16), np.empty(len(which), dtype=np.float32)
    for some in in_parts(len(which)):
        thrown = which[some] + even[some]
        found_at = ladder.at(thrown)
        drawn[some] = np.clip(found_at - which[some] * width, 0, width - 1)
        inside = ((thrown - ends[found_at]) / depth[found_at]).astype(np.float32)
        places[some] = np.clip(inside, 0.0, np.float32(1 - 1e-7))
    return drawn, places


def in_parts(rows: int) -> list[slice]:
    """The rows in parts whose numbers stay near the processor while one is worked out from another."""
    return [slice(start, start + AT_ONCE) for start in range(0, rows, AT_ONCE)]


def shares_by_cell(column: ColumnSketch, cell: Ints) -> tuple[NDArray[np.float64], Ints]:
    """Shares of the bins, a row for each kind of cell, and which of these each row of the table goes by.

    Of a cell of two parents that is not told, those told with the same group of the first know more than all
    cells together do: their mean. First come the shares of all cells that are not told.
    """
    told = np.array([group for group, _ in column.given], dtype=np.int64)
    shares = np.zeros((len(told) + 1, len(column.bins)))
    shares[0] = column.otherwise or column.shares
    for row, (_, found) in enumerate(column.given, start=1):
        shares[row, [code for code, _ in found]] = [share for _, share in found]
    if not len(told):
        return shares, np.zeros(len(cell), dtype=np.int64)
    which = _place(told, cell)
    if len(column.groups) == 2:
        first, of = np.unique(told // column.groups[1], return_inverse=True)
        mean = np.zeros((len(first), shares.shape[1]))
        np.add.at(mean, of, shares[1:])
        near = _place(first, np.where(cell >= 0, cell // column.groups[1], -1))
        which = np.where((which == 0) & (near > 0), len(shares) - 1 + near, which)
        shares = np.concatenate([shares, mean / np.bincount(of)[:, None]])
    return shares, which


def _place(known: Ints, asked: Ints) -> Ints:
    """Which of the known numbers each is, from 1; 0 where it is none."""
    place = np.zeros(int(max(known.max(), 0)) + 2, dtype=np.int64)
    place[known] = np.arange(1, len(known) + 1)
    return place[np.where((asked >= 0) & (asked < len(place)), asked, len(place) - 1)]


def _even(
    which: Ints, rng: np.random.Generator, lead: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Random numbers in [0, 1), spread evenly within each group of rows (stratified sampling).

    Many rows come out even by themselves, so there they are left as they fall.
    """
    rows = len(which)
    if rows > MANY_ROWS and lead is None:
        return rng.random(rows)
    order = np.lexsort((rng.random(rows) if lead is None else lead, which))
    ordered = which[order]
    new = np.ones(rows, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, rows))
    spread = np.empty(rows)
    spread[order] = (np.arange(rows) - np.repeat(starts, sizes) + rng.random(rows)) / np.repeat(sizes, sizes)
    return np.minimum(spread, np.nextafter(1.0, 0.0))


def decode(
    column: ColumnSketch, drawn: Codes, rng: np.random.Generator, places: Places | None = None
) -> Values:
    """A value for each bin: the common value, a number from the range (at the given places, or any), or
    something invented."""
    if places is None:
        places = rng.random(len(drawn), dtype=np.float32)
    if dtype_of(column.kind) is not object and column.bins:
        return _numbers(column, drawn, places, rng)
    # What each bin holds is looked up for all rows at once; last what bin -1 does, of which nothing is known.
    alone = np.full(len(column.bins) + 1, "", dtype=object)
    alone[: len(column.bins)] = [one.value if one.kind == "value" else "" for one in column.bins]
    kinds = np.array([*(one.kind for one in column.bins), "other"], dtype=object)
    array, valid = alone[drawn], (kinds != "null")[drawn]
    for code, one in enumerate(column.bins):
        if one.kind == "pool" and len(rows := np.flatnonzero(drawn == code)):
            laid = np.cumsum(one.shares) / sum(one.shares)
            picked = np.minimum(np.searchsorted(laid, places[rows], side="right"), len(laid) - 1)
            array[rows] = np.array(one.values, dtype=object)[picked]
    lost = np.flatnonzero(((kinds == "other") | (kinds == "range"))[drawn])
    array[lost] = unknown(column, len(lost), rng)
    return Values(array, valid)


def _numbers(column: ColumnSketch, drawn: Codes, places: Places, rng: np.random.Generator) -> Values:
    """All bins at once: each row's place is looked up among the pieces of all ranges laid end to end.

    In a range without knots u^(1/lean - 1) of an even u has the mean that the range has.
    """
    laid: list[float] = []
    lows: list[float] = []
    highs: list[float] = []
    for code, one in enumerate(column.bins):
        value = float(one.value or 0) if one.kind == "value" else 0.0
        edges = (one.low, *one.knots, one.high) if one.kind == "range" else (value, value)
        shares = np.array(one.shares if one.kind == "range" and one.knots else (1.0,))
        laid += (code + np.cumsum(shares) / max(shares.sum(), 1e-12)).tolist()
        laid[-1] = code + 1.0
        lows += edges[:-1]
        highs += edges[1:]
    ends, low, high = np.array([0.0, *laid]), np.array(lows), np.array(highs)
    depths, alone = np.maximum(np.diff(ends), 1e-12), low == high
    leans = np.array([1.0 if one.knots else 1 / one.lean - 1 for one in column.bins])
    step = column.step if column.kind == "float" else max(column.step, 1.0)
    first = np.round(low / step) * step if step else low
    steps = np.maximum(np.round(high / step) - np.round(low / step), 1) if step else high - low
    first, steps = np.where(alone, low, first), np.where(alone, 0.0, steps)
    array: NDArray[Any] = np.empty(len(drawn), dtype=dtype_of(column.kind))
    ladder = Ladder(ends[1:], len(column.bins))
    for some in in_parts(len(drawn)):
        codes = np.maximum(drawn[some], 0)
        thrown = codes + places[some].astype(np.float64)
        piece = np.minimum(ladder.at(thrown), len(low) - 1)
        within = np.clip((thrown - ends[piece]) / depths[piece], 0, 1 - 1e-9)
        if (leans != 1.0).any():
            leaning = np.flatnonzero((leans != 1.0)[codes])
            within[leaning] **= leans[codes[leaning]]
        found: NDArray[np.floating]
        if step:
            found = first[piece] + np.floor(within * steps[piece]) * step
            found = np.round(found, 9) if column.kind == "float" else found
        else:
            found = first[piece] + within * steps[piece]
        array[some] = found if column.kind == "float" else _whole(found)
    other, null = (np.array([one.kind == kind for one in column.bins]) for kind in ("other", "null"))
    lost = np.flatnonzero((drawn < 0) | other[drawn])
    array[lost] = unknown(column, len(lost), rng)
    return Values(array, (drawn < 0) | ~null[drawn])


def text_codes(column: ColumnSketch, values: Values) -> Codes:
    """The bins that texts fall into: of what is not known, the last."""
    place = {one.value: code for code, one in enumerate(column.bins) if one.kind == "value"}
    for code, one in enumerate(column.bins):
        place |= dict.fromkeys(one.values, code)
    return text_places(values, place, len(column.bins) - 1, 0).astype(np.int16)


def text_places(values: Values, place: Mapping[Any, int], other: int, empty: int) -> Ints:
    """The number of each text, `other` where it has none, `empty` where there is no text."""
    coded = pa.array(values.array, pa.string(), mask=~values.valid).dictionary_encode()
    numbers = [*(place.get(text, other) for text in coded.dictionary.to_pylist()), empty]
    indices = coded.indices.fill_null(len(numbers) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(np.array(numbers, dtype=np.int64)[indices])


def binned(column: ColumnSketch, values: Values, drawn: Codes) -> Codes:
    """The bins that numbers fall into; of anything else, those that were drawn."""
    if dtype_of(column.kind) is object:
        return drawn
    found = np.full(len(drawn), -1, dtype=np.int16)
    ranges = [(code, one) for code, one in enumerate(column.bins) if one.kind == "range"]
    if ranges:
        lows = np.array([one.low for _, one in ranges])
        at = np.clip(np.searchsorted(lows, values.array, side="right") - 1, 0, len(lows) - 1)
        found = np.array([code for code, _ in ranges], dtype=np.int16)[at]
    for code, one in enumerate(column.bins):
        if one.kind == "value":
            found[values.array == one.value] = code
    return np.where(values.valid, found, 0).astype(np.int16)


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


def _whole(numbers: NDArray[np.floating]) -> Ints:
    """Rounded to whole numbers, as far as 64 bits go."""
    return np.clip(np.round(numbers), -MOST, MOST).astype(np.int64)


def whole(column: ColumnSketch, drawn: Codes, rng: np.random.Generator, places: Places) -> Ints:
    """Counts of children for the bins of a degree; none where nothing is known."""
    made = decode(column, drawn, rng, places)
    known = (drawn >= 0) & made.valid
    return np.where(known, np.maximum(made.array.astype(np.int64), 0), 0)
