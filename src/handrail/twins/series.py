"""Lets rows that point at the same row follow each other in time as the sketch says.

Dates go on in steps, balances are carried from row to row, meters only rise, statuses turn into those that
may come next, and whatever else clings to the row before is drawn near it: the random number that picks a
value within its parents' cell follows the one of the row before, so shares by cell stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handrail.twins import draw
from handrail.twins.assign import Made
from handrail.twins.draw import Codes, Places
from handrail.twins.holds import computed, in_units, natural, places
from handrail.twins.models import ColumnSketch, First, Series, TableSketch
from handrail.twins.repair import solved
from handrail.twins.rules import IN_TURN, Rule
from handrail.twins.steps import first_values, in_steps, moved, on_day
from handrail.twins.values import Ints, Values

Floats = NDArray[np.float64]
WORTH = 0.02  # of what is missing in correlation, below which nothing is drawn anew


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
    """The rules from row to row, without those about columns that follow from another of them."""
    kept: list[Rule] = []
    for rule in (rule for rule in table.rules if rule.kind in IN_TURN):
        mates = {
            name
            for other in table.rules
            if other.kind in ("accepted", "derived", "offset") and rule.columns[0] in other.columns
            for name in other.columns
        }
        if rule.kind not in ("turned", "rising") or not mates & {one.columns[0] for one in kept}:
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


class Turns:
    """The rows of one table in their order, parent by parent."""

    def __init__(self, table: TableSketch, series: Series, one: Made) -> None:
        self.table, self.series, self.one = table, series, one
        self._clings = dict(series.clings)
        points = one.points[series.link]
        self.group = points
        self.order = np.flatnonzero(points >= 0)
        self.order = self.order[np.argsort(points[self.order], kind="stable")]
        ordered = points[self.order]
        new = np.ones(len(ordered), dtype=bool)
        new[1:] = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(new)
        self.firsts = self.order[starts]
        self.sizes = np.diff(np.append(starts, len(ordered)))
        self.rank = np.arange(len(ordered)) - np.repeat(starts, self.sizes)  # of `order`
        self.before = np.full(one.rows, -1, dtype=np.int64)
        self.before[self.order[1:]] = np.where(new[1:], -1, self.order[:-1])

    def levels(self) -> Iterator[Ints]:
        """The second rows of all parents, then the third, and so on."""
        by_rank = np.argsort(self.rank, kind="stable")
        ends = np.cumsum(np.bincount(self.rank)) if len(self.rank) else np.zeros(0, dtype=np.int64)
        for first, last in pairwise(ends):
            yield self.order[by_rank[first:last]]

    def step(self, rng: np.random.Generator) -> None:
        """Set the dates, or numbers, that rows go on in."""
        column, month = self.table.column(self.series.by), self.series.month
        steps, shares = (np.array(part) for part in zip(*self.series.steps, strict=True))
        gone = rng.choice(steps, len(self.order), p=shares / shares.sum())
        gone[self.rank == 0] = 0
        total = np.cumsum(gone)
        total -= np.repeat(total[self.rank == 0], self.sizes)
        last = np.cumsum(self.sizes) - 1
        start = first_values(column, self._begin(column.name), len(self.firsts), rng).astype(np.int64)
        if month:
            start = on_day(column, start, self.series.day)
        known = [b for b in column.bins if b.kind in ("range", "value")]
        made = np.zeros(self.one.rows, dtype=np.int64)
        if known:  # whoever lasts long has begun early
            top = max(b.high if b.kind == "range" else float(b.value or 0) for b in known)
            beyond = np.maximum(moved(column, start, total[last], month) - top, 0)
            start = moved(column, start, -np.ceil(in_steps(column, beyond, month)), month)
        made[self.order] = moved(column, np.repeat(start, self.sizes), total, month)
        values = Values(made, self.group >= 0)
        drawn = self.one.codes.get(column.name, np.zeros(self.one.rows, dtype=np.int16))
        self.one.values[column.name] = values
        self.one.codes[column.name] = draw.binned(column, values, drawn)

    def _begin(self, name: str) -> First | None:
        return next((first for first in self.series.first if first.column == name), None)

    def placed(self, column: ColumnSketch, cell: Ints, rng: np.random.Generator) -> tuple[Codes, Places]:
        """A bin and a place for each row as `draw.placed` does it, near those of the row before."""
        drawn = draw.placed(column, cell, rng)
        is_by = column.name == self.series.by
        wanted = self.series.near if is_by else self._clings.get(column.name, 0.0)
        if wanted:
            close = self._alike(drawn, column) if is_by else self._close(drawn, column)
            more = min(0.99, (wanted - close) / (1 - close)) if close < 1 else 0.0
            if more > WORTH:
                lead = self._together(more, rng) if is_by else self._lead(column, more, rng)
                drawn = draw.placed(column, cell, rng, lead)
        return self._sorted(drawn) if is_by else drawn

    def _sorted(self, drawn: tuple[Codes, Places]) -> tuple[Codes, Places]:
        """Later rows of a parent come later."""
        found, within = drawn[0].copy(), drawn[1].copy()
        rows = self.order[np.lexsort((within[self.order], found[self.order], self.group[self.order]))]
        found[self.order], within[self.order] = drawn[0][rows], drawn[1][rows]
        return found, within

    def _close(self, drawn: tuple[Codes, Places], column: ColumnSketch) -> float:
        """How closely the rows follow each other already: through what they point at."""
        now = np.flatnonzero(self.before >= 0)
        if len(now) < 2:
            return 1.0
        if not _ranged(column):
            return float((drawn[0][now] == drawn[0][self.before[now]]).mean())
        ranks = _ranks(drawn)
        return float(np.nan_to_num(np.corrcoef(ranks[now], ranks[self.before[now]])[0, 1]))

    def _alike(self, drawn: tuple[Codes, Places], column: ColumnSketch) -> float:
        """The share of the spread of ranks that lies between parents; see `mine_series`."""
        ranks = _ranks(drawn)[self.order]
        rows, parents = len(ranks), len(self.firsts)
        if rows <= parents or not ranks.var():
            return 1.0
        starts = np.flatnonzero(self.rank == 0)
        means = np.repeat(np.add.reduceat(ranks, starts) / self.sizes, self.sizes)
        return float(1 - ((ranks - means) ** 2).sum() / (rows - parents) / ranks.var())

    def _together(self, share: float, rng: np.random.Generator) -> Floats:
        """Random numbers of which this share of the spread is the parent's."""
        own = rng.normal(size=self.one.rows)
        theirs = rng.normal(size=int(self.group.max(initial=0)) + 1)[np.maximum(self.group, 0)]
        return np.asarray(np.sqrt(share) * theirs + np.sqrt(1 - share) * own)

    def _lead(self, column: ColumnSketch, close: float, rng: np.random.Generator) -> Floats:
        """Random numbers that follow the row before: near it, or where values have no order, as it or not."""
        made = rng.normal(size=self.one.rows)
        keeps = rng.random(self.one.rows) < close
        for rows in self.levels():
            old = made[self.before[rows]]
            if _ranged(column):
                made[rows] = close * old + np.sqrt(1 - close**2) * made[rows]
            else:
                made[rows] = np.where(keeps[rows], old, made[rows])
        return made

    def settle(self, rng: np.random.Generator) -> set[str]:
        """Let the values keep the rules from row to row; returns the columns that were changed."""
        rules = _rules(self.table)
        within = [rule for rule in _within(self.table, rules) if set(rule.columns) <= set(self.one.codes)]
        ruled = {name for rule in (*rules, *within) for name in rule.columns}
        for name in sorted(ruled - self.one.values.keys()):
            column, found = self.table.column(name), self.one.codes[name]
            self.one.values[name] = draw.decode(column, found, rng, self.one.places.get(name))
        for rule in rules:
            if rule.kind == "rising":
                self._rise(rule)
            if rule.kind == "turned":
                self._turn(rule, rng)
        carrying = [rule for rule in rules if rule.kind in ("carried", "running")]
        if carrying:
            self._carry(carrying, within, rng)
        for name in ruled:
            self._bin(name)
        return ruled

    def _bin(self, name: str) -> None:
        column, values = self.table.column(name), self.one.values[name]
        if column.kind != "text":
            self.one.codes[name] = draw.binned(column, values, self.one.codes[name])

    def _rise(self, rule: Rule) -> None:
        name = rule.columns[0]
        values = self.one.values[name]
        there = self.order[values.valid[self.order]]
        keys = -values.array[there] if rule.strict else values.array[there]
        array = values.array.copy()
        array[there] = values.array[there[np.lexsort((keys, self.group[there]))]]
        self.one.values[name] = Values(array, values.valid)

    def _turn(self, rule: Rule, rng: np.random.Generator) -> None:
        """Let each row's value be one that its predecessor's may turn into."""
        name = rule.columns[0]
        column, values = self.table.column(name), self.one.values[name]
        array = values.array.copy()
        if (first := self._begin(name)) is not None:
            array[self.firsts] = first_values(column, first, len(self.firsts), rng)
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
        for rows in self.levels():
            old = Values(array[self.before[rows]], values.valid[self.before[rows]])
            was = places(column, old, known)
            picked = (rng.random(len(rows))[:, None] >= laid[np.maximum(was, 0)]).sum(axis=1)
            array[rows] = np.where(was >= 0, held[np.minimum(picked, len(known) - 1)], array[rows])
        self.one.values[name] = Values(array, values.valid)
        if column.kind == "text":
            code = {one.value: place for place, one in enumerate(column.bins) if one.kind == "value"}
            pool = next((place for place, one in enumerate(column.bins) if one.kind == "pool"), -1)
            found = np.array([code.get(value, pool) for value in array], dtype=np.int16)
            self.one.codes[name] = np.where(values.valid & (found >= 0), found, self.one.codes[name])

    def _carry(self, rules: Sequence[Rule], within: Sequence[Rule], rng: np.random.Generator) -> None:
        columns = {one.name: one for one in self.table.columns}
        names = {name for rule in (*rules, *within) for name in rule.columns}
        rows = {name: _copied(self.one.values[name]) for name in names}
        for rule in rules:
            self._begins(columns[rule.columns[0]], rows[rule.columns[0]], rng)

        def compute(here: Ints) -> None:
            for rule in within:
                target = rule.columns[0]
                made = computed(rule, columns, {name: rows[name].take(here) for name in rule.columns})
                _put(rows[target], here, in_units(columns[target], made.array), made.valid)

        compute(self.firsts)
        for here in self.levels():
            old = self.before[here]
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
        self.one.values |= rows

    def _begins(self, column: ColumnSketch, values: Values, rng: np.random.Generator) -> None:
        """What stands in first rows: dealt out by the size of what was drawn, which knows the parents."""
        first = self._begin(column.name)
        if first is None:
            return
        drawn = values.array[self.firsts]
        dealt = np.empty_like(drawn)
        dealt[np.argsort(drawn, kind="stable")] = np.sort(first_values(column, first, len(drawn), rng))
        values.array[self.firsts] = dealt
        values.valid[self.firsts] = True


def _ranged(column: ColumnSketch) -> bool:
    return any(one.kind == "range" for one in column.bins)


def _ranks(drawn: tuple[Codes, Places]) -> Floats:
    ranks = np.empty(len(drawn[0]))
    ranks[np.lexsort((drawn[1], drawn[0]))] = np.arange(len(drawn[0]))
    return ranks


def _copied(values: Values) -> Values:
    return Values(values.array.copy(), values.valid.copy())


def _put(values: Values, rows: Ints, array: NDArray[np.generic], valid: NDArray[np.bool_]) -> None:
    values.array[rows], values.valid[rows] = array, valid
