"""Finds rules between numbers, dates and texts of a row that its table shows, by aggregates only.

Guesses are tried on a thousand rows, each also against rows that were shifted by one: a rule that holds
between rows that have nothing to do with each other says nothing. What is left is counted over all rows.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import KEPT, Counting, count_own, counted
from handrail.twins.holds import Columns, Floats, last_digit
from handrail.twins.models import ColumnSketch, Kind
from handrail.twins.rule_sql import formula_sql, natural_sql
from handrail.twins.rules import DERIVED, Rule
from handrail.twins.screen_guesses import refuted

TRIED_ROWS = 1000
MOST_COLUMNS = 14  # of each kind: the number of guesses grows with the third power
REFUTED = 0.005  # share of the tried rows that may break a guess
AT_ONCE = 250  # guesses a query
SURE = 10_000  # rows of a sample of which so many more break a rule than may that it is no chance
SCREENED_ROWS = 64  # of the tried: those that most wrong guesses about numbers are refuted by
NUMBERS: tuple[Kind, ...] = ("integer", "decimal", "float")
MOMENTS: tuple[Kind, ...] = ("date", "timestamp")
BY_CHANCE = {"order": 0.02, "offset": 0.5, "formula": 0.5, "derived": 0.2}  # least share broken when shifted
# What a function takes and gives.
_FITS: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    "same": (("text",), "text"),
    "upper": (("text",), "text"),
    "lower": (("text",), "text"),
    "first letter": (("text",), "text"),
    "length": (("text",), "integer"),
    "day": (("timestamp",), "date"),
    "year": (MOMENTS, "integer"),
    "quarter": (MOMENTS, "integer"),
    "month": (MOMENTS, "integer"),
    "year and month": (MOMENTS, "text"),
}


@dataclass(frozen=True)
class Guess:
    """A rule that may hold: SQL over the tried rows for "it is about this row" and "the row breaks it"."""

    rule: Rule
    there: str
    bad: str
    shifted_there: str
    shifted_bad: str


def mine(sample: Source, whole: Source, columns: Sequence[ColumnSketch]) -> list[Rule]:
    """The rules of a table that the data shows, each with the share of all rows that keep it."""
    if whole.rows < 10 * whole.k:
        return []
    free = [one for one in columns if one.role == "model"]
    numbers = [one for one in free if one.kind in NUMBERS][:MOST_COLUMNS]
    moments = [one for one in free if one.kind in MOMENTS][:MOST_COLUMNS]
    texts = [one for one in free if one.kind == "text"][:MOST_COLUMNS]
    tried = [*numbers, *moments, *texts]
    if len(tried) < 2:
        return []
    _try(sample, tried)
    rows = _numbers(sample, numbers)
    rates, few, most = _rates(rows, numbers), rows[:SCREENED_ROWS], REFUTED * TRIED_ROWS
    simple = [*_orders(numbers), *_orders(moments), *_derived(sample, texts, moments, numbers)]
    simple += [*_offsets(sample, numbers, rows), *_offsets(sample, moments)]
    gone = refuted(few, [guess.rule for guess in simple], numbers, most)
    found = _likely(sample, [guess for place, guess in enumerate(simple) if place not in gone])
    twice = {rule.columns[1] for rule in found if rule.kind == "offset" or rule.how == "same"}
    formulas = list(_formulas([one for one in numbers if one.name not in twice], rates))
    gone = refuted(few, formulas, numbers, most)  # of a thousand few are left to be written down
    by_name = {one.name: one for one in columns}
    found += _likely(
        sample, [_formula(rule, by_name) for place, rule in enumerate(formulas) if place not in gone]
    )
    found += [Rule("range", (one.name,), low=0.0) for one in numbers]
    found += [Rule("range", (one.name,), high=0.0) for one in numbers]
    count = partial(count_own, columns=by_name)
    if sample.rows < whole.rows:
        found = _likely_of_all(sample, found, count)
    return _without_echoes([rule for rule in counted(whole, found, count) if rule.kept >= KEPT], by_name)


def _likely_of_all(sample: Source, rules: Sequence[Rule], count: Counting) -> list[Rule]:
    """Without the rules that a sample breaks so often that all rows cannot keep them."""
    found = zip(rules, count(replace(sample, entity=None), rules), strict=True)
    return [rule for rule, one in found if one.seen < SURE or one.broken <= 5 * (1 - KEPT) * one.seen]


def _try(source: Source, columns: Sequence[ColumnSketch]) -> None:
    """A table of a few rows in no order, x for each column and y for the same column of the next row."""
    listed = ", ".join(
        f"{natural_sql(one) if one.kind in NUMBERS else quoted(one.name)} AS {_name(one, 'x')}"
        for one in columns
    )
    shifted = ", ".join(f"lead({_name(one, 'x')}) OVER () AS {_name(one, 'y')}" for one in columns)
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE tried AS SELECT *, {shifted} FROM (SELECT {listed} FROM "
        f"(SELECT * FROM {source.relation} ORDER BY hash(rowid) LIMIT {TRIED_ROWS}))"
    )


def _name(column: ColumnSketch, side: str) -> str:
    return quoted(f"{side} {column.name}")


def _orders(columns: Sequence[ColumnSketch]) -> Iterator[Guess]:
    for a, b in permutations(columns, 2):
        if a.kind in NUMBERS or a.type == b.type:
            yield _guess(Rule("order", (a.name, b.name)), [a, b], b, "{0} > {1}")


def _guess(rule: Rule, columns: Sequence[ColumnSketch], shifted: ColumnSketch, bad: str) -> Guess:
    """The guess in SQL; `bad` has the columns as {0}, {1}, …; one of them is of the next row when shifted."""
    sides = []
    for target in (None, shifted):
        names = [_name(one, "y" if one is target else "x") for one in columns]
        sides += [" AND ".join(f"{name} IS NOT NULL" for name in names), f"({bad.format(*names)})"]
    return Guess(rule, *sides)


def _offsets(source: Source, columns: Sequence[ColumnSketch], tried: Floats | None = None) -> Iterator[Guess]:
    """The distance that most rows have; `tried` are the tried rows of numbers, None for moments."""
    pairs = [(a, b) for a, b in combinations(range(len(columns)), 2) if _comparable(columns[a], columns[b])]
    if not pairs:
        return
    unit = {"date": "day", "timestamp": "microsecond"}
    if tried is not None:
        found: Sequence[Any] = [_commonest(np.round(tried[:, b] - tried[:, a], 6)) for a, b in pairs]
    else:
        names = [_name(one, "x") for one in columns]
        asked = [f"mode(date_diff('{unit[columns[a].kind]}', {names[a]}, {names[b]}))" for a, b in pairs]
        found = source.one(f"SELECT {', '.join(asked)} FROM tried")
    for (first, second), by in zip(pairs, found, strict=True):
        a, b = columns[first], columns[second]
        if by is not None:
            bad = "abs({1} - {0} - " + f"{float(by)!r}) > {last_digit(b) / 2 + 1e-9!r}"
            if a.kind in unit:
                bad = f"date_diff('{unit[a.kind]}', {{0}}, {{1}}) <> {int(by)}"
            yield _guess(Rule("offset", (a.name, b.name), by=float(by)), [a, b], b, bad)


def _comparable(a: ColumnSketch, b: ColumnSketch) -> bool:
    return a.kind in NUMBERS or a.type == b.type


def _commonest(numbers: Floats) -> float | None:
    """The number that most rows have, the least of several; None where no row has one."""
    known, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    return float(known[np.argmax(counts)]) if len(known) else None


def _derived(
    source: Source,
    texts: Sequence[ColumnSketch],
    moments: Sequence[ColumnSketch],
    numbers: Sequence[ColumnSketch],
) -> Iterator[Guess]:
    alike = _alike(source, texts)
    for a, b in permutations([*texts, *moments, *numbers], 2):
        for how, (takes, gives) in _FITS.items():
            if a.kind not in takes or b.kind != gives or (how == "same" and a.name > b.name):
                continue
            if a.kind == b.kind == "text" and (how != "first letter", a.name, b.name) not in alike:
                continue
            value = DERIVED[how].replace("(x", "({0}") if how != "same" else "{0}"
            compared = "{1}::DOUBLE" if b.kind == "integer" else "{1}"
            bad = f"{value} IS DISTINCT FROM {compared}"
            yield _guess(Rule("derived", (a.name, b.name), how=how), [a, b], b, bad)


def _alike(source: Source, texts: Sequence[ColumnSketch]) -> set[tuple[bool, str, str]]:
    """Pairs of texts that are the same but for their case (True), or where one begins the other (False)."""
    pairs = list(permutations(texts, 2))
    if not pairs:
        return set()
    asked = []
    for a, b in pairs:
        x, y = _name(a, "x"), _name(b, "x")
        asked.append(f"avg((lower({x}) = lower({y}))::INTEGER), avg((left({x}, 1) = {y})::INTEGER)")
    found = source.one(f"SELECT {', '.join(asked)} FROM tried")
    whole = {
        (True, a.name, b.name) for (a, b), share in zip(pairs, found[::2], strict=True) if (share or 0) > 0.99
    }
    return whole | {
        (False, a.name, b.name)
        for (a, b), share in zip(pairs, found[1::2], strict=True)
        if (share or 0) > 0.99
    }


def _rates(tried: Floats, numbers: Sequence[ColumnSketch]) -> dict[str, float]:
    """Columns that may be shares of one (1) or, where they have few values, of a hundred (100)."""
    found = {}
    for place, one in enumerate(numbers):
        known = tried[:, place][~np.isnan(tried[:, place])]
        few = not any(bin_.kind == "range" for bin_ in one.bins)
        if len(known) and known.min() >= 0 and 0 < known.max() <= (100 if few else 1):
            found[one.name] = 1.0 if known.max() <= 1 else 100.0
    return found


def _formulas(numbers: Sequence[ColumnSketch], rates: dict[str, float]) -> Iterator[Rule]:
    """Sums and products of two others, also less or plus a share."""
    for a in numbers:
        others = [one for one in numbers if one is not a]
        for b, c in combinations(others, 2):
            yield _written("b + c", a, b, c)
            yield _written("b * c", a, b, c)
        for rate in (one for one in others if one.name in rates):
            percent = rates[rate.name] == 100
            for b in (one for one in others if one is not rate):
                for how in ("b * (1 - c / 100)",) if percent else ("b * (1 - c)", "b * (1 + c)"):
                    yield _written(how, a, b, rate)
            for b, c in combinations([one for one in others if one is not rate], 2):
                yield _written("b * c * (1 - d / 100)" if percent else "b * c * (1 - d)", a, b, c, rate)


def _written(how: str, *columns: ColumnSketch) -> Rule:
    return Rule("formula", tuple(one.name for one in columns), how=how)


def _formula(rule: Rule, by_name: Columns) -> Guess:
    columns = [by_name[name] for name in rule.columns]
    wanted = formula_sql(rule.how, [f"{{{place}}}" for place in range(len(columns))])
    bad = f"abs({{0}} - {wanted}) > {last_digit(columns[0]) / 2!r} + 1e-9 * greatest(1.0, abs({wanted}))"
    return _guess(rule, columns, columns[0], bad)


def _likely(source: Source, guesses: Iterable[Guess]) -> list[Rule]:
    """The guesses that hold among the tried rows, and not between rows that are strangers to each other."""
    waiting, found = _not_refuted(source, list(guesses)), []
    for start in range(0, len(waiting), AT_ONCE):
        some = waiting[start : start + AT_ONCE]
        asked = [
            f"count(*) FILTER ({there}), count(*) FILTER ({there} AND {bad})"
            for guess in some
            for there, bad in ((guess.there, guess.bad), (guess.shifted_there, guess.shifted_bad))
        ]
        numbers = source.one(f"SELECT {', '.join(asked)} FROM tried")
        for place, guess in enumerate(some):
            seen, broken, shifted, strange = numbers[4 * place : 4 * place + 4]
            if seen >= 5 and broken <= REFUTED * seen and strange >= BY_CHANCE[guess.rule.kind] * shifted > 0:
                found.append(guess.rule)
    return found


def _numbers(source: Source, numbers: Sequence[ColumnSketch]) -> Floats:
    """The numbers of the tried rows, a column each, NaN where there is none."""
    if not numbers:
        return np.empty((0, 0))
    asked = ", ".join(f"{_name(one, 'x')} AS n{place}" for place, one in enumerate(numbers))
    found = source.con.execute(f"SELECT {asked} FROM tried").fetchnumpy()
    held = (np.ma.asarray(found[f"n{place}"], dtype=np.float64) for place in range(len(numbers)))
    return np.column_stack([one.filled(np.nan) for one in held])


def _not_refuted(source: Source, guesses: list[Guess]) -> list[Guess]:
    """The guesses that hardly any tried row breaks; the others are not worth a closer look."""
    found: list[Guess] = []
    for start in range(0, len(guesses), AT_ONCE):
        some = guesses[start : start + AT_ONCE]
        asked = ", ".join(f"count(*) FILTER ({guess.bad})" for guess in some)
        broken = source.one(f"SELECT {asked} FROM tried")
        found += [guess for guess, n in zip(some, broken, strict=True) if n <= REFUTED * TRIED_ROWS]
    return found


def _without_echoes(rules: list[Rule], columns: Columns) -> list[Rule]:
    """Without orders that others imply, and one explanation for each computed column."""
    fixed = {frozenset(rule.columns) for rule in rules if rule.kind == "offset"}
    orders = {rule.columns for rule in rules if rule.kind == "order"}
    always = {a for a, _ in orders if columns[a].required}
    implied = {(a, c) for a, b in orders for other, c in orders if b == other and b in always}
    kept: dict[tuple[str, ...], Rule] = {}
    for rule in sorted(rules, key=lambda one: (len(one.columns), -one.kept, one.kind != "derived")):
        if rule.kind == "order" and (rule.columns in implied or frozenset(rule.columns) in fixed):
            continue
        target = rule.target
        kept.setdefault(("target", target) if target else (rule.kind, *rule.columns), rule)
    return list(kept.values())
