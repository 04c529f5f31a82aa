"""Makes keys: values that differ in every row, and keys of several columns that differ as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import Codes, codes, decode
from handrail.twins.models import ColumnSketch
from handrail.twins.people import distinct_texts
from handrail.twins.shapes import distinct_texts_of
from handrail.twins.text import phrases, uuids
from handrail.twins.values import DAY_US, Ints, Mask, Values, dtype_of, full, limits
from handrail.twins.without_repeats import without_repeats

MOST_COMBINATIONS = 4_000_000
ROUNDS = 20
COUNTING = 0.1  # how far, by total variation, shares may be from those of values that are counted up


@dataclass(frozen=True)
class Composite:
    """Which rows keep a key of their own, and the parts of it that point nowhere."""

    keep: Ints
    values: dict[str, Values] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)


def distinct(column: ColumnSketch, rows: int, rng: np.random.Generator) -> Values:
    """`rows` different values of the column's type, in the shape and magnitude the sketch knows."""
    counted = np.arange(rows, dtype=np.int64)
    if column.kind == "text":
        return full(_texts(column, rows, rng))
    if column.kind == "uuid":
        return full(uuids(rows, rng))
    if column.kind == "blob":
        return full(_objects([int(i).to_bytes(8, "big") for i in counted]))
    if column.kind == "odd":
        return Values(np.full(rows, None, dtype=object), np.zeros(rows, dtype=bool))
    if column.kind == "float":
        return full(counted + 1.0)
    low, high = limits(column.kind, column.type)
    if column.kind in ("date", "timestamp", "time"):
        pace = _pace(column, rows)
        start = max(low, min(_first(column), high - rows * pace))
        return full(np.clip(start + counted * pace, low, high))
    unit = 10 ** int(column.type.rstrip(")").split(",")[1]) if column.kind == "decimal" else 1
    start = column.start if (column.start + rows) * unit <= high else 1
    if (start + rows) * unit > high:
        start, unit = max(low, -rows), 1
    return full((start + counted) * unit)


def capacity(column: ColumnSketch) -> int | None:
    """How many different values the type has, where that is few enough to matter."""
    if column.kind == "boolean":
        return 2
    if column.kind == "integer":
        low, high = limits(column.kind, column.type)
        return high - low + 1
    return None


def composite(
    parts: Sequence[ColumnSketch], linked: Sequence[Ints], rows: int, rng: np.random.Generator
) -> Composite:
    """A key of several columns. `linked` are the rows that its foreign keys point at.

    Only links: rows whose combination an earlier row has are dropped. Links and one more part: that part
    counts upwards within its parent, or where its shares are not those of counting, each parent has different
    ones of its values. No link: different combinations of the parts' common values where there are enough,
    weighted by their shares; else the part with most values counts.
    """
    if not parts:
        return Composite(_without_repeats(linked))
    if not linked and _enumerable(parts, rows):
        return _combinations(parts, rows, rng)
    counter = max(parts, key=lambda part: (any(b.kind == "range" for b in part.bins), len(part.bins)))
    made: dict[str, Values] = {}
    drawn: dict[str, Codes] = {}
    group = _grouped(linked, rows)
    for part in (part for part in parts if part is not counter):
        found = codes(part, np.zeros(rows, dtype=np.int64) - 1, rng)
        values = decode(part, found, rng)
        made[part.name], drawn[part.name] = full(values.array), found
        _, again = np.unique(values.array.astype(str), return_inverse=True)
        group = _grouped([group, again.astype(np.int64)], rows)
    made[counter.name], drawn[counter.name], fits = _counted(counter, group, rng)
    keep = np.flatnonzero(fits)
    return Composite(
        keep,
        {name: values.take(keep) for name, values in made.items()},
        {name: found[keep] for name, found in drawn.items()},
    )


def redraw_repeats(linked: Sequence[Ints], parents: Sequence[int], rng: np.random.Generator) -> list[Ints]:
    """Let the rows that links of a key point at differ as a whole, as far as there are combinations.

    The last link is shuffled among rows whose combination is taken already, a few rounds. Where nearly all
    combinations are taken that does not end, and rows that still repeat one get one that is free. `parents`
    are how many rows each link can point at.
    """
    found = [link.copy() for link in linked]
    for _ in range(ROUNDS):
        again = _repeats(found)
        if not len(again) or len(found) < 2:
            return found
        others = rng.integers(0, len(found[0]), len(again))
        for row, other in zip(again, others, strict=True):
            found[-1][row], found[-1][other] = found[-1][other], found[-1][row]
    for choice in ([np.unique(link[link >= 0]) for link in found], [np.arange(n) for n in parents]):
        if len(again := _repeats(found)) and 0 < math.prod(map(len, choice)) <= MOST_COMBINATIONS:
            _take_free(found, again, choice, rng)
    return found


def _take_free(found: Sequence[Ints], again: Ints, choice: Sequence[Ints], rng: np.random.Generator) -> None:
    """Give these rows combinations of the chosen parents that no row has, those of parents with many children
    sooner (drawn as in `_combinations`)."""
    sizes = [len(some) for some in choice]
    weights, taken = np.ones(1), np.zeros(len(found[0]), dtype=np.int64)
    known = np.ones(len(found[0]), dtype=bool)
    for link, some in zip(found, choice, strict=True):
        at = np.minimum(np.searchsorted(some, link), len(some) - 1)
        known &= some[at] == link
        taken = taken * len(some) + at
        weights = np.outer(weights, np.bincount(at, minlength=len(some)) + 0.5).ravel()
    free = np.setdiff1d(np.arange(len(weights)), taken[known])
    waiting = rng.exponential(size=len(free)) / weights[free]
    picked = free[np.argsort(waiting, kind="stable")[: len(again)]]
    for link, some, place in zip(found, choice, np.unravel_index(picked, sizes), strict=True):
        link[again[: len(picked)]] = some[place]


def _repeats(linked: Sequence[Ints]) -> Ints:
    rows = len(linked[0])
    kept = _without_repeats(linked)
    return np.setdiff1d(np.arange(rows), kept, assume_unique=True)


def _without_repeats(linked: Sequence[Ints]) -> Ints:
    _, first = np.unique(_grouped(linked, len(linked[0])), return_index=True)
    return np.sort(first)


def _grouped(linked: Sequence[Ints], rows: int) -> Ints:
    """One number per combination."""
    group = np.zeros(rows, dtype=np.int64)
    for link in linked:
        _, group = np.unique(group * (int(link.max(initial=0)) + 2) + link + 1, return_inverse=True)
    return group.astype(np.int64)


def _rank(group: Ints) -> Ints:
    """The place of each row within its group, from 0."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(group) else np.zeros(0, dtype=bool)
    starts = np.maximum.accumulate(np.where(new, np.arange(len(group)), 0))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - starts
    return rank


def _enumerable(parts: Sequence[ColumnSketch], rows: int) -> bool:
    alone = all(any(_usable(part)) and _usable(part).sum() == np.count_nonzero(part.shares) for part in parts)
    return alone and rows <= math.prod(int(_usable(part).sum()) for part in parts) <= MOST_COMBINATIONS


def _usable(part: ColumnSketch) -> Mask:
    kinds = zip(part.bins, part.shares, strict=True) if len(part.bins) == len(part.shares) else ()
    return np.array([one.kind == "value" and share > 0 for one, share in kinds], dtype=bool)


def _combinations(parts: Sequence[ColumnSketch], rows: int, rng: np.random.Generator) -> Composite:
    """Draw without replacement, weighted: the shortest waiting times (Efraimidis and Spirakis 2006)."""
    usable = [np.flatnonzero(_usable(part)) for part in parts]
    weights = np.ones(1)
    for part, bins in zip(parts, usable, strict=True):
        weights = np.outer(weights, np.array(part.shares)[bins]).ravel()
    waiting = rng.exponential(size=len(weights)) / weights
    picked = np.sort(np.argsort(waiting, kind="stable")[:rows])
    places = np.unravel_index(picked, [len(bins) for bins in usable])
    drawn = {
        part.name: bins[place].astype(np.int16)
        for part, bins, place in zip(parts, usable, places, strict=True)
    }
    return Composite(
        np.arange(rows), {part.name: decode(part, drawn[part.name], rng) for part in parts}, drawn
    )


def _counted(counter: ColumnSketch, group: Ints, rng: np.random.Generator) -> tuple[Values, Codes, Mask]:
    """The counting part of a key: its common values in order while they last, or steps from its low end.

    What does not count, as the languages of a country, is drawn by its shares, no value twice in one group.
    """
    rank, usable = _rank(group), np.flatnonzero(_usable(counter))
    whole = len(usable) and len(usable) == np.count_nonzero(counter.shares)
    if (whole or counter.kind == "text") and not _counts(counter, usable, rank):
        return _differing(counter, group, rank, rng)
    if whole:
        fits = rank < len(usable)
        found = usable[np.minimum(rank, len(usable) - 1)].astype(np.int16)
        values = np.array([counter.bins[code].value for code in usable], dtype=object)
        array = values[np.minimum(rank, len(usable) - 1)]
        return full(array.astype(dtype_of(counter.kind))), found, fits
    unknown = np.full(len(rank), -1, dtype=np.int16)
    if counter.kind in ("text", "uuid", "blob", "odd"):
        made = [str(i + 1).encode() if counter.kind == "blob" else str(i + 1) for i in rank]
        made = (
            [f"00000000-0000-4000-8000-{int(i) + 1:012d}" for i in rank] if counter.kind == "uuid" else made
        )
        return full(_objects(made)), unknown, np.ones(len(rank), dtype=bool)
    if counter.kind == "float":
        return full(rank + 1.0), unknown, np.ones(len(rank), dtype=bool)
    low, high = limits(counter.kind, counter.type)
    array = _first(counter) + rank * _pace(counter, int(rank.max(initial=0)) + 1)
    return full(np.clip(array, low, high)), unknown, (array >= low) & (array <= high)


def _counts(counter: ColumnSketch, usable: Ints, rank: Ints) -> bool:
    """Whether its values have about the shares that they would have if all parents' rows were counted."""
    counted = np.bincount(rank, minlength=len(usable))[: len(usable)] / max(1, len(rank))
    return bool(np.abs(counted - np.array(counter.shares)[usable]).sum() < 2 * COUNTING)


def _differing(
    counter: ColumnSketch, group: Ints, rank: Ints, rng: np.random.Generator
) -> tuple[Values, Codes, Mask]:
    """Values by their shares, none twice in one group; of texts that are not told, new ones each."""
    known: list[tuple[Any, int, float]] = []
    for code, (one, share) in enumerate(zip(counter.bins, counter.shares, strict=True)):
        if one.kind == "value" and share:
            known.append((one.value, code, share))
        elif one.kind == "pool" and share:
            known += [(text, code, share * part) for text, part in zip(one.values, one.shares, strict=True)]
    shares = np.array([share for _, _, share in known])
    untold = sum(
        share for one, share in zip(counter.bins, counter.shares, strict=True) if one.kind == "other"
    )
    free = counter.kind == "text" and untold > 0
    told = np.flatnonzero(rng.random(len(group)) >= untold) if free else np.arange(len(group))
    _, among = np.unique(group[told], return_inverse=True)
    place = np.full(len(group), -1, dtype=np.int64)
    place[told] = without_repeats(among, _rank(among), shares * len(group), rng)
    there, values = place >= 0, _objects([value for value, _, _ in known])[place]
    codes_of = np.array([code for _, code, _ in known], dtype=np.int16)
    drawn = np.where(there, codes_of[place], np.int16(len(counter.bins) - 1 if free else -1)).astype(np.int16)
    if not free:
        values[~there] = known[0][0]
        return full(values.astype(dtype_of(counter.kind))), drawn, there
    taken, missing = {value for value, _, _ in known}, np.flatnonzero(~there)
    fresh = [text for text in _texts(counter, len(missing) + len(taken), rng) if text not in taken]
    values[missing] = _objects(fresh[: len(missing)])
    return full(values), drawn, np.ones(len(group), dtype=bool)


def _first(column: ColumnSketch) -> int:
    """The low end that the sketch knows, or a plain beginning."""
    known = [
        one.low if one.kind == "range" else float(one.value or 0)
        for one in column.bins
        if one.kind in ("range", "value")
    ]
    if known:
        return int(min(known))
    return {"date": 19_723, "timestamp": 19_723 * DAY_US}.get(column.kind, 0 if column.kind == "time" else 1)


def _pace(column: ColumnSketch, rows: int) -> int:
    """The distance between two keys, so that they fill the range that the sketch knows."""
    known = [one for one in column.bins if one.kind == "range"]
    step = int(max(column.step, 1))
    if column.kind == "time":
        return max(1, DAY_US // max(rows, 1))
    if column.kind != "timestamp" or not known:
        return step if column.kind != "timestamp" else 60_000_000
    span = max(one.high for one in known) - min(one.low for one in known)
    return max(1, int(span // max(rows, 1) // step * step) or 1)


def _texts(column: ColumnSketch, rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Different texts in the shapes with room for them."""
    made = distinct_texts_of(column.shapes, rows, rng, column.start - 1, column.check)
    return distinct_texts(phrases(column.lengths, rows, rng)) if made is None else made


def _objects(items: Sequence[Any]) -> NDArray[Any]:
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made
