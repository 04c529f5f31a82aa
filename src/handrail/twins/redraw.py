"""Draws the value of one column again among those that fit a rule, given the other columns of the row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import codes, decode
from handrail.twins.holds import (
    Columns,
    Rows,
    asked,
    broken,
    in_units,
    listed_in,
    natural,
    places,
)
from handrail.twins.models import ColumnSketch
from handrail.twins.patterns import matching
from handrail.twins.rules import Listed, Rule
from handrail.twins.values import Ints, Values, full


def redrawn(
    rule: Rule, name: str, columns: Columns, rows: Rows, bad: Ints, rng: np.random.Generator
) -> Values:
    """New values of the column `name` for the rows `bad`; the old ones where nothing fits."""
    if rule.kind == "order":
        return _ordered(rule, name, columns, rows, bad, rng)
    if rule.kind == "accepted":
        return _accepted(rule, name, columns, rows, bad, rng)
    if rule.kind == "nulls" and name == rule.columns[1]:
        there = asked(rule, columns, rows[rule.columns[0]].take(bad), rule.filled)
        return Values(_filled(columns[name], rows[name], bad, rng), there)
    if rule.kind in ("range", "values", "pattern"):
        return _fitting(rule, name, columns, rows, bad, rng)
    if rule.kind == "unique":
        return _picked_values(rows[name], bad, rng)
    return rows[name].take(bad)


def _filled(column: ColumnSketch, values: Values, bad: Ints, rng: np.random.Generator) -> NDArray[Any]:
    """Values from the sketch of the column, as all rows have them that have one; else some of its own."""
    if column.role != "model" or not any(column.shares):
        return _picked(values, np.flatnonzero(values.valid), bad, rng)
    alone = replace(column, required=True, parents=(), groups=(), given=())
    return decode(alone, codes(alone, np.full(len(bad), -1), rng), rng).array


def _picked(values: Values, among: Ints, bad: Ints, rng: np.random.Generator) -> NDArray[Any]:
    """One of these rows' values for each row; its own where there is none."""
    if not len(among):
        return values.array[bad]
    found: NDArray[Any] = values.array[among[rng.integers(0, len(among), len(bad))]]
    return found


def _picked_values(values: Values, bad: Ints, rng: np.random.Generator) -> Values:
    return full(_picked(values, np.flatnonzero(values.valid), bad, rng))


def _ordered(
    rule: Rule, name: str, columns: Columns, rows: Rows, bad: Ints, rng: np.random.Generator
) -> Values:
    """A value of the column that is not beyond the other column's; the other's own where there is none."""
    other = rule.columns[0] if name == rule.columns[1] else rule.columns[1]
    bound = natural(columns[other], rows[other].take(bad))
    known = np.sort(natural(columns[name], rows[name])[rows[name].valid])
    if name == rule.columns[1]:  # at least
        low = np.searchsorted(known, bound, side="left")
        high = np.full(len(bad), len(known))
    else:
        low, high = np.zeros(len(bad), dtype=np.int64), np.searchsorted(known, bound, side="right")
    place = low + np.floor(rng.random(len(bad)) * (high - low)).astype(np.int64)
    found = np.where(high > low, known[np.minimum(place, len(known) - 1)], bound)
    return full(in_units(columns[name], found))


def _accepted(
    rule: Rule, name: str, columns: Columns, rows: Rows, bad: Ints, rng: np.random.Generator
) -> Values:
    """A partner of the other column's value, drawn by how often they go together."""
    side = rule.columns.index(name)
    other = rule.columns[1 - side]
    known = listed_in(rule)[1 - side]
    group = places(columns[other], rows[other].take(bad), known)
    at = {value: place for place, value in enumerate(known)}
    pairs = sorted(range(len(rule.pairs)), key=lambda n: at[rule.pairs[n][1 - side]])
    groups = np.array([at[rule.pairs[n][1 - side]] for n in pairs])
    shares = np.array([max(rule.pairs[n][2], 1e-9) for n in pairs])
    ends = np.cumsum(shares)
    first, last = np.searchsorted(groups, group, "left"), np.searchsorted(groups, group, "right") - 1
    begin = np.where(first > 0, ends[np.maximum(first - 1, 0)], 0.0)
    drawn = np.searchsorted(ends, begin + rng.random(len(bad)) * (ends[last] - begin), side="right")
    chosen = np.array(pairs)[np.clip(drawn, first, last)]
    return held([rule.pairs[n][side] for n in range(len(rule.pairs))], chosen, name, columns)


def held(values: list[Listed], chosen: Ints, name: str, columns: Columns) -> Values:
    """Listed values, chosen by place, as the column holds them."""
    column = columns[name]
    there = np.array([one is not None for one in values])
    if column.kind == "text":
        array = np.array([one if one is not None else "" for one in values], dtype=object)
    else:
        array = in_units(column, np.array([float(one or 0) for one in values]))
    return Values(array[chosen], there[chosen])


def _fitting(
    rule: Rule, name: str, columns: Columns, rows: Rows, bad: Ints, rng: np.random.Generator
) -> Values:
    """One of the column's own values that fits; without any, one from the list, the range or the pattern."""
    column, values = columns[name], rows[name]
    fits = ~broken(rule, columns, {name: values})
    among = np.flatnonzero(fits & values.valid)
    if len(among):
        return full(_picked(values, among, bad, rng))
    if rule.kind == "values" and not rule.strict:
        return held(list(rule.values), rng.integers(0, len(rule.values), len(bad)), name, columns)
    if rule.kind == "pattern":
        made = matching(rule.how, len(bad), rng)
        return full(np.array(made, dtype=object)) if made else values.take(bad)
    if rule.kind == "range":
        return full(in_units(column, _between(rule, len(bad), rng)))
    return values.take(bad)


def _between(rule: Rule, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Numbers of a range that none of the column's own lies in."""
    low = rule.low if rule.low is not None else (rule.high or 0.0) - 100.0
    high = rule.high if rule.high is not None else low + 100.0
    spread = 0.05 if rule.strict else 0.0
    return low + (high - low) * (spread + (1 - 2 * spread) * rng.random(rows))
