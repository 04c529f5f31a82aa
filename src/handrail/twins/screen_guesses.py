"""Refutes guesses about the numbers of a row by few rows, all guesses of one form at once.

A query with an expression for each guess takes hundreds of times longer to plan than to run, and one with a
row for each guess ten times longer than the few thousand sums that this takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handrail.twins.holds import FORMULAS, Floats, last_digit
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import Rule
from handrail.twins.values import Mask

KINDS = ("order", "offset", "formula")
AT_ONCE = 2000  # guesses: as many numbers for each of the rows are held at a time


def refuted(
    rows: Floats, rules: Sequence[Rule], numbers: Sequence[ColumnSketch], most: float
) -> frozenset[int]:
    """The places of the rules that more than `most` of the rows break; never one that fewer do.

    `rows` has a column for each of the `numbers`, NaN where there is none. Rules of other kinds, and about
    other columns, are let pass.
    """
    at = {one.name: place for place, one in enumerate(numbers)}
    forms: dict[tuple[str, str], list[int]] = {}
    for place, rule in enumerate(rules):
        if rule.kind in KINDS and set(rule.columns) <= at.keys():
            forms.setdefault((rule.kind, rule.how), []).append(place)
    found: set[int] = set()
    for places in forms.values():
        for start in range(0, len(places), AT_ONCE):
            some = places[start : start + AT_ONCE]
            broken = _broken(rows, [rules[place] for place in some], numbers, at).sum(axis=0)
            found |= {place for place, n in zip(some, broken.tolist(), strict=True) if n > most}
    return frozenset(found)


def _broken(rows: Floats, rules: Sequence[Rule], numbers: Sequence[ColumnSketch], at: dict[str, int]) -> Mask:
    """Which rows break each of some rules of one form, a column each; none that lacks one of the numbers."""
    given = [
        rows[:, [at[name] for name in names]] for names in zip(*(one.columns for one in rules), strict=True)
    ]
    first, second, last = given[0], given[1], given[-1]
    kind, how = rules[0].kind, rules[0].how
    digits: NDArray[np.float64] = np.array(
        [last_digit(numbers[at[one.target or one.columns[0]]]) for one in rules]
    )
    with np.errstate(all="ignore"):  # what is too great for a float breaks nothing
        if kind == "order":
            return np.asarray(first > second)
        if kind == "offset":
            away = np.array([one.by for one in rules])
            return np.asarray(np.abs(second - first - away) > digits / 2 + 1e-9)
        wanted = FORMULAS[how](second, given[2], last)
        return np.asarray(np.abs(first - wanted) > digits / 2 + 1e-9 * np.maximum(1.0, np.abs(wanted)))
