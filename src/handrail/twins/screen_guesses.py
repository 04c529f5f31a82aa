"""Refutes guesses about the numbers of a row by few rows, all guesses of one form in one query.

A query with an expression for each guess takes hundreds of times longer to plan than to run. Here the guesses
are rows themselves, joined to those that they are tried on.
"""

# ruff: noqa: S608 - the SQL is our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence

from handrail.twins.columns import Source
from handrail.twins.holds import last_digit
from handrail.twins.models import ColumnSketch
from handrail.twins.rule_sql import formula_sql
from handrail.twins.rules import Rule

LETTERS = "abcd"


def refuted(
    source: Source, rows: str, rules: Sequence[Rule], numbers: Sequence[ColumnSketch], most: float
) -> frozenset[int]:
    """The places of the rules that more than `most` of the rows break; never one that fewer do.

    `rows` is a relation with the list `v` of each row's `numbers`. Rules of other kinds, and about other
    columns, are let pass.
    """
    at = {one.name: place for place, one in enumerate(numbers, start=1)}
    forms: dict[str, list[int]] = {}
    for place, rule in enumerate(rules):
        if set(rule.columns) <= at.keys() and (bad := _breaks(rule)):
            forms.setdefault(bad, []).append(place)
    found: set[int] = set()
    for bad, places in forms.items():
        some = [rules[place] for place in places]
        given = [[at[name] for name in names] for names in zip(*(rule.columns for rule in some), strict=True)]
        digits = [last_digit(numbers[at[rule.target or rule.columns[0]] - 1]) for rule in some]
        listed = "".join(
            f", unnest(?::INTEGER[]) AS {letter}" for letter, _ in zip(LETTERS, given, strict=False)
        )
        asked = source.all(
            "SELECT n FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::DOUBLE[]) AS away, "
            f"unnest(?::DOUBLE[]) AS digit{listed}) AS guesses, {rows} AS tried WHERE {bad} "
            "GROUP BY n HAVING count(*) > ?",
            [places, [rule.by for rule in some], digits, *given, most],
        )
        found |= {int(place) for (place,) in asked}
    return frozenset(found)


def _breaks(rule: Rule) -> str:
    """SQL for "the row breaks it", where the places of its columns are called a, b, c and d."""
    if rule.kind == "order":
        return "v[a] > v[b]"
    if rule.kind == "offset":
        return "abs(v[b] - v[a] - away) > digit / 2 + 1e-9"
    if rule.kind == "formula":
        wanted = formula_sql(rule.how, [f"v[{letter}]" for letter in LETTERS])
        return f"abs(v[a] - {wanted}) > digit / 2 + 1e-9 * greatest(1.0, abs({wanted}))"
    return ""
