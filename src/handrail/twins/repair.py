"""Makes the drawn rows of a table keep its rules, before awkward values are strewn among them.

Computed columns are computed. Where rows break another rule, values of one column are exchanged with rows
that can do with them, which leaves every column's own distribution as it was; what cannot be exchanged is
drawn again among the values that fit. Rows that still break a rule take the columns that are tied together
from a row that keeps them all. Only columns that a rule is about are touched; the same seed gives the same
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handrail.twins import redraw
from handrail.twins.assign import Made
from handrail.twins.holds import Columns, Rows, broken, computed, derived, in_units, natural
from handrail.twins.mine_totals import ROWS
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.rules import OF_SEVERAL, Rule
from handrail.twins.values import Ints, Mask, Values

ROUNDS = 6
TRIES = 30  # partners that a row is offered for an exchange
FRUITLESS = 50  # offers for one exchange: more are not worth their time
CONSTANT = frozenset({"key", "link", "degree"})  # roles of columns that are not touched


def repair(
    table: TableSketch,
    rows: dict[str, Values],
    rng: np.random.Generator,
    locked: frozenset[str] = frozenset(),
) -> dict[str, Values]:
    """The rows with every rule kept whose columns are among them; `locked` columns stay as they are.

    A rule that no row keeps, or that only locked columns break, stays broken; the report says so.
    """
    columns = {one.name: one for one in table.columns if one.name in rows}
    fixed = locked | {
        one.name for one in table.columns if one.role in CONSTANT or one.unique or one.primary_key
    }
    own = [
        _facing(rule, columns, rows)
        for rule in table.rules
        if rule.kind not in OF_SEVERAL and set(rule.columns) <= columns.keys()
    ]
    work = _Work(columns, dict(rows), rng, fixed, arranged(own, fixed))
    count = len(next(iter(rows.values())).valid) if rows else 0
    if not work.rules or not count:
        return rows
    look = np.arange(count)
    for _ in range(ROUNDS):
        look = work.once(look)
        if not len(look):
            return work.rows
    for group in _tied(work.rules):
        work.borrow(group)
    return work.rows


def arranged(rules: Sequence[Rule], fixed: frozenset[str]) -> list[Rule]:
    """The rules in the order in which they are repaired: lists coarse first, computed columns last.

    Each column is computed once and not from itself; a sum whose column is taken is solved for another.
    """
    restricting = [rule for rule in rules if rule.target is None]
    restricting.sort(key=lambda rule: len({pair[1] for pair in rule.pairs}))
    computing: list[Rule] = []
    for rule in (rule for rule in rules if rule.target is not None):
        taken = fixed | {one.target for one in computing if one.target}
        free = [one for one in solved(rule) if one.target not in taken and not _circle(one, computing)]
        (computing if free else restricting).append(free[0] if free else rule)
    ordered: list[Rule] = []
    while computing:
        waiting = {rule.target for rule in computing}
        ready = next(rule for rule in computing if not waiting & (set(rule.columns) - {rule.target}))
        ordered.append(ready)
        computing.remove(ready)
    return [*restricting, *ordered]


def _facing(rule: Rule, columns: Columns, rows: Rows) -> Rule:
    """Of two columns that are empty together, or never together, the one drawn worse follows the other."""
    if rule.kind != "nulls" or rule.how != "empty" or not (rule.values and rule.filled):
        return rule
    off = {name: abs(rows[name].valid.mean() - 1 + _null_share(columns[name])) for name in rule.columns}
    a, b = rule.columns
    return rule if off[a] <= off[b] else replace(rule, columns=(b, a))


def _null_share(column: ColumnSketch) -> float:
    return column.shares[0] if column.shares and column.bins[0].kind == "null" else 0.0


def solved(rule: Rule) -> list[Rule]:
    """The same rule for each column that it could compute."""
    if rule.kind == "formula" and rule.how == "b + c":
        a, b, c = rule.columns
        return [rule, *(Rule("formula", names, how="b - c") for names in ((c, a, b), (b, a, c)))]
    if rule.kind == "offset":
        a, b = rule.columns
        return [rule, Rule("offset", (b, a), by=-rule.by)]
    return [rule]


def _circle(rule: Rule, computing: Iterable[Rule]) -> bool:
    """Whether the rule's column is, near or far, what its own inputs are computed from."""
    needs = {one.target: set(one.columns) - {one.target} for one in computing}
    seen, waiting = set[str](), [name for name in rule.columns if name != rule.target]
    while waiting:
        name = waiting.pop()
        if name == rule.target:
            return True
        if name not in seen:
            seen.add(name)
            waiting += sorted(needs.get(name, ()))
    return False


def _tied(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The rules in groups that have no column in common."""
    groups: list[list[Rule]] = []
    for rule in rules:
        near = [one for one in groups if any(set(rule.columns) & set(other.columns) for other in one)]
        groups = [one for one in groups if one not in near]
        groups.append([rule, *(other for one in near for other in one)])
    return groups


class _Work:
    """One table while it is repaired."""

    def __init__(
        self,
        columns: Columns,
        rows: dict[str, Values],
        rng: np.random.Generator,
        fixed: frozenset[str],
        rules: list[Rule],
    ) -> None:
        self.columns, self.rows, self.rng, self.fixed, self.rules = columns, rows, rng, fixed, rules
        self.kept: dict[Rule, tuple[Values, ...]] = {}  # the columns as they were when a rule held
        self.computed = {rule.target for rule in rules if rule.target and rule.target not in fixed}

    def once(self, look: Ints) -> Ints:
        """Repair each rule once among these rows and those that change; returns the changed ones."""
        changed: list[Ints] = []
        for rule in self.rules:
            now = tuple(self.rows[name] for name in rule.columns)
            kept = self.kept.get(rule)
            if kept is not None and all(a is b for a, b in zip(kept, now, strict=True)):
                continue  # none of its columns was touched since
            bad = self.breaking(rule, look)
            if len(bad) and not self._allowed(rule, bad):
                changed.append(self._fix(rule, bad))
                if len(look) < len(now[0].valid):  # partners of an exchange may break what comes later
                    look = np.union1d(look, changed[-1])
            else:
                self.kept[rule] = now
        return np.unique(np.concatenate(changed)) if changed else np.zeros(0, dtype=np.int64)

    def breaking(self, rule: Rule, look: Ints) -> Ints:
        """Which of these rows break the rule."""
        count = len(self.rows[rule.columns[0]].valid)
        if rule.kind == "unique" or len(look) == count:
            return np.flatnonzero(broken(rule, self.columns, self.rows))
        return look[broken(rule, self.columns, self._some(rule.columns, look))]

    def _allowed(self, rule: Rule, bad: Ints) -> bool:
        return len(bad) <= rule.allowed * len(self.rows[rule.columns[0]].valid)

    def _some(self, names: Iterable[str], rows: Ints) -> dict[str, Values]:
        return {name: self.rows[name].take(rows) for name in names}

    def _fix(self, rule: Rule, bad: Ints) -> Ints:
        """Repair one rule in these rows; returns the rows that were touched."""
        if rule.target in self.computed:
            self._compute(rule, bad)
            return bad
        free = [name for name in reversed(rule.columns) if name not in self.fixed | self.computed]
        touched, few = [bad], 2 * len(bad) <= len(self.rows[rule.columns[0]].valid)
        if free and few and rule.kind in ("order", "nulls", "check", "accepted"):
            bad, partners = self._exchange(free[0], rule, bad)
            touched.append(partners)
        for name in free:
            if len(bad):
                made = redraw.redrawn(rule, name, self.columns, self.rows, bad, self.rng)
                self._put(name, bad, made)
                bad = self.breaking(rule, bad)
        return np.concatenate(touched)

    def _compute(self, rule: Rule, bad: Ints) -> None:
        target = rule.target or ""
        here = self._some(rule.columns, bad)
        if rule.kind == "derived":
            made = derived(rule, self.columns, here[rule.columns[0]])
        else:
            wanted = computed(rule, self.columns, here)
            made = Values(in_units(self.columns[target], wanted.array), wanted.valid)
        self._put(target, bad, made)

    def _put(self, name: str, rows: Ints, made: Values) -> None:
        array, valid = self.rows[name].array.copy(), self.rows[name].valid.copy()
        array[rows], valid[rows] = made.array, made.valid
        self.rows[name] = Values(array, valid)

    def _exchange(self, name: str, rule: Rule, bad: Ints) -> tuple[Ints, Ints]:
        """Exchange a column's values with other rows where both then keep all rules about it.

        Returns the rows that still break the rule, and those that values were exchanged with.
        """
        about = [one for one in self.rules if name in one.columns and one.target is None]
        about = [one for one in about if one.kind != "unique"]
        names = {column for one in about for column in one.columns}
        values = self.rows[name]
        array, valid = values.array.copy(), values.valid.copy()
        given: list[Ints] = []
        for _ in range(TRIES):
            if not len(bad):
                break
            partners, first = np.unique(self.rng.integers(0, len(valid), len(bad)), return_index=True)
            alone = ~np.isin(partners, bad)
            partners, some = partners[alone], bad[first[alone]]
            fits = self._fits(about, names, name, some, Values(array, valid).take(partners))
            fits &= self._fits(about, names, name, partners, Values(array, valid).take(some))
            here, there = some[fits], partners[fits]
            array[here], array[there] = array[there], array[here]
            valid[here], valid[there] = valid[there], valid[here]
            self.rows[name] = Values(array, valid)
            given.append(there)
            bad = np.setdiff1d(bad, here, assume_unique=True)
            if FRUITLESS * len(here) < len(some):
                break
        return bad, np.concatenate(given) if given else bad[:0]

    def _fits(
        self, about: Sequence[Rule], names: Iterable[str], name: str, rows: Ints, values: Values
    ) -> Mask:
        """Which rows keep all these rules with other values in one column."""
        tried: Mapping[str, Values] = {**self._some(names, rows), name: values}
        fits = np.ones(len(rows), dtype=bool)
        for rule in about:
            fits &= ~broken(rule, self.columns, tried)
        return fits

    def borrow(self, group: Sequence[Rule]) -> None:
        """Let rows that break a rule take all columns that are tied together from rows that keep them."""
        every = np.arange(len(self.rows[group[0].columns[0]].valid))
        bad = np.zeros(len(every), dtype=bool)
        for rule in group:
            rows = self.breaking(rule, every)
            bad[rows] |= not self._allowed(rule, rows)
        good, needy = np.flatnonzero(~bad), np.flatnonzero(bad)
        if len(good) and len(needy):
            lenders = good[self.rng.integers(0, len(good), len(needy))]
            for name in sorted({name for rule in group for name in rule.columns} - self.fixed):
                self._put(name, needy, self.rows[name].take(lenders))


def add_up(table: TableSketch, made: Mapping[str, Made]) -> frozenset[str]:
    """Set each total of a table to the sum over the rows that point at it; returns these columns."""
    one = made[table.name]
    for rule in (rule for rule in table.rules if rule.child):
        target = table.column(rule.columns[0])
        found = sums(rule, one, made)
        rows, old = found.valid, one.values[target.name]
        array = old.array.copy()
        array[rows] = in_units(target, found.array[rows])
        one.values[target.name] = Values(array, old.valid | rows)
    return frozenset(rule.columns[0] for rule in table.rules if rule.child)


def sums(rule: Rule, one: Made, made: Mapping[str, Made]) -> Values:
    """A total over the rows that point at each row; none where there is nothing to add up."""
    child, link, part = rule.child or ("", "", "")
    points = made[child].points[link]
    counted, weights = points >= 0, np.ones(len(points))
    if part != ROWS:
        values = made[child].values[part]
        counted = counted & values.valid
        weights = natural(made[child].sketch.column(part), values)
    found = np.bincount(points[counted], weights[counted], one.rows).astype(np.float64)
    return Values(found, np.bincount(points[counted], minlength=one.rows) > 0)
