"""Lets rows that point at the same row follow each other as the sketch says; how they lie is in `turns.py`.

Balances are carried from row to row, meters only rise, statuses turn into those that may come next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins import draw
from handrail.twins.assign import Made
from handrail.twins.bounded import ends, keep_within
from handrail.twins.holds import computed, in_units, natural, places
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.repair import solved
from handrail.twins.rules import IN_TURN, Rule
from handrail.twins.steps import first_values
from handrail.twins.turns import Turns
from handrail.twins.values import Ints, Values


def begun(table: TableSketch, one: Made, rng: np.random.Generator) -> Turns | None:
    """The order of the rows of a table with a series, once it is known what they point at; else None.

    Rows of one parent follow each other as they stand. Where they come in steps, their dates are set here.
    """
    series = table.series
    if series is None or series.link not in one.points or not one.rows:
        return None
    turns = Turns(table, series, one)
    if series.steps:
        turns.step(rng)
    return turns


def keep_in_turn(turns: Turns, rng: np.random.Generator) -> set[str]:
    """Let the values keep the rules from row to row; returns the columns that were changed."""
    rules = _rules(turns.table)
    within = [rule for rule in _within(turns.table, rules) if set(rule.columns) <= set(turns.one.codes)]
    ruled = {name for rule in (*rules, *within) for name in rule.columns}
    for name in sorted(ruled - turns.one.values.keys()):
        column, found = turns.table.column(name), turns.one.codes[name]
        turns.one.values[name] = draw.decode(column, found, rng, turns.one.places.get(name))
    for rule in rules:
        if rule.kind == "rising":
            _rise(turns, rule)
        if rule.kind == "turned":
            _turn(turns, rule, rng)
    carrying = [rule for rule in rules if rule.kind in ("carried", "running")]
    if carrying:
        _carry(turns, carrying, within, rng)
    for name in ruled:
        _bin(turns, name)
    return ruled


def still(table: TableSketch) -> frozenset[str]:
    """The columns that nothing may change any more once the rows follow each other."""
    rules = _rules(table)
    if table.series is None or not (rules or table.series.steps):
        return frozenset()
    ruled = {name for rule in rules for name in rule.columns}
    ruled |= {name for rule in _within(table, rules) for name in rule.columns}
    return frozenset({*ruled, table.series.by})


def put_in_order(table: TableSketch, one: Made) -> bool:
    """Let dates that were exchanged or drawn again rise with the rows once more; whether that is needed.

    Only where something hangs on the order, and the dates do not come in steps.
    """
    series = table.series
    if series is None or series.steps or not still(table) or series.link not in one.points:
        return False
    values = one.values[series.by]
    rows = np.flatnonzero(values.valid & (one.points[series.link] >= 0))
    group = one.points[series.link][rows]
    array = values.array.copy()
    array[rows[np.argsort(group, kind="stable")]] = values.array[
        rows[np.lexsort((values.array[rows], group))]
    ]
    one.values[series.by] = Values(array, values.valid)
    return True


def _rules(table: TableSketch) -> list[Rule]:
    """The rules from row to row, without those about columns that follow from another of them, or from dates
    that come in steps."""
    stepped = {table.series.by} if table.series and table.series.steps else set[str]()
    kept: list[Rule] = []
    for rule in (rule for rule in table.rules if rule.kind in IN_TURN):
        mates = {
            name
            for other in table.rules
            if other.kind in ("accepted", "derived", "offset") and rule.columns[0] in other.columns
            for name in other.columns
        }
        settled = stepped | {one.columns[0] for one in kept}
        if rule.kind not in ("turned", "rising") or not mates & settled:
            kept.append(rule)
    return kept


def _within(table: TableSketch, rules: Sequence[Rule]) -> list[Rule]:
    """Formulas of a row, solved for what its successor carries on."""
    carried = [rule.columns[1] for rule in rules if rule.kind == "carried"]
    taken = {rule.columns[0] for rule in rules if rule.kind != "running"}
    found: dict[str, Rule] = {}
    for rule in (rule for rule in table.rules if rule.kind == "formula"):
        for one in solved(rule):
            if one.columns[0] in carried and one.columns[0] not in taken:
                found.setdefault(one.columns[0], one)
    return list(found.values())


def _bin(turns: Turns, name: str) -> None:
    column, values = turns.table.column(name), turns.one.values[name]
    if column.kind != "text":
        turns.one.codes[name] = draw.binned(column, values, turns.one.codes[name])


def _rise(turns: Turns, rule: Rule) -> None:
    name = rule.columns[0]
    values = turns.one.values[name]
    there = turns.order[values.valid[turns.order]]
    keys = -values.array[there] if rule.strict else values.array[there]
    array = values.array.copy()
    array[there] = values.array[there[np.lexsort((keys, turns.group[there]))]]
    turns.one.values[name] = Values(array, values.valid)


def _turn(turns: Turns, rule: Rule, rng: np.random.Generator) -> None:
    """Let each row's value be one that its predecessor's may turn into."""
    name = rule.columns[0]
    column, values = turns.table.column(name), turns.one.values[name]
    array = values.array.copy()
    if (first := turns.begin(name)) is not None:
        array[turns.firsts] = first_values(column, first, len(turns.firsts), rng)
    known = list(dict.fromkeys(value for a, b, _ in rule.pairs for value in (a, b)))
    at = {value: place for place, value in enumerate(known)}
    chances = np.zeros((len(known), len(known)))
    for a, b, share in rule.pairs:
        chances[at[a], at[b]] = max(share, 1e-9)
    ends = np.flatnonzero(chances.sum(axis=1) == 0)
    chances[ends, ends] = 1.0  # what nothing follows stays
    laid = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
    held = np.array([one if column.kind == "text" else float(one or 0) for one in known], dtype=object)
    if column.kind != "text":
        held = in_units(column, held.astype(np.float64))
    for rows in turns.levels():
        old = Values(array[turns.before[rows]], values.valid[turns.before[rows]])
        was = places(column, old, known)
        picked = (rng.random(len(rows))[:, None] >= laid[np.maximum(was, 0)]).sum(axis=1)
        array[rows] = np.where(was >= 0, held[np.minimum(picked, len(known) - 1)], array[rows])
    turns.one.values[name] = Values(array, values.valid)
    if column.kind == "text":
        code = {one.value: place for place, one in enumerate(column.bins) if one.kind == "value"}
        pool = next((place for place, one in enumerate(column.bins) if one.kind == "pool"), -1)
        found = np.array([code.get(value, pool) for value in array], dtype=np.int16)
        turns.one.codes[name] = np.where(values.valid & (found >= 0), found, turns.one.codes[name])


def _carry(turns: Turns, rules: Sequence[Rule], within: Sequence[Rule], rng: np.random.Generator) -> None:
    columns = {one.name: one for one in turns.table.columns}
    names = dict.fromkeys(name for rule in (*rules, *within) for name in rule.columns)
    rows = {name: _copied(turns.one.values[name]) for name in names}
    for rule in rules:
        _begins(turns, columns[rule.columns[0]], rows[rule.columns[0]], rng)

    made = {rule.columns[0] for rule in (*rules, *within)}
    steps = [name for name in names if name not in made]
    bounds = ends([columns[name] for name in names if name in made])

    def compute(here: Ints) -> None:
        for rule in within:
            target = rule.columns[0]
            made = computed(rule, columns, {name: rows[name].take(here) for name in rule.columns})
            _put(rows[target], here, in_units(columns[target], made.array), made.valid)

    def advance(here: Ints) -> None:
        old = turns.before[here]
        for rule in rules:
            a, b = rule.columns
            wanted, valid = natural(columns[b], rows[b].take(old)), rows[b].valid[old]
            if rule.kind == "running":
                sign = 1 if rule.how == "+" else -1
                wanted = natural(columns[a], rows[a].take(old)) + sign * natural(
                    columns[b], rows[b].take(here)
                )
                valid = rows[a].valid[old] & rows[b].valid[here]
            _put(rows[a], here, in_units(columns[a], wanted), valid)
        compute(here)

    begin = np.flatnonzero(turns.before < 0)  # first rows, and those that point nowhere
    compute(begin)
    keep_within(rows, begin, steps, bounds, compute, rng)
    for here in turns.levels():
        advance(here)
        keep_within(rows, here, steps, bounds, advance, rng)
    turns.one.values |= rows


def _begins(turns: Turns, column: ColumnSketch, values: Values, rng: np.random.Generator) -> None:
    """What stands in first rows: dealt out by the size of what was drawn, which knows the parents."""
    first = turns.begin(column.name)
    if first is None:
        return
    drawn = values.array[turns.firsts]
    dealt = np.empty_like(drawn)
    dealt[np.argsort(drawn, kind="stable")] = np.sort(first_values(column, first, len(drawn), rng))
    values.array[turns.firsts] = dealt
    values.valid[turns.firsts] = True


def _copied(values: Values) -> Values:
    return Values(values.array.copy(), values.valid.copy())


def _put(values: Values, rows: Ints, array: NDArray[np.generic], valid: NDArray[np.bool_]) -> None:
    values.array[rows], values.valid[rows] = array, valid
