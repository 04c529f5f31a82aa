"""Counts how many real rows are about a rule and keep it, and whom they are about, as far as that is told."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from handrail.twins.columns import Source, quoted
from handrail.twins.holds import Columns
from handrail.twins.rule_sql import Count, counts
from handrail.twins.rules import Rule

KEPT = 0.999  # share of the real rows that must keep a rule
GROUPS = 4096  # into which holders are put
Counting = Callable[[Source, Sequence[Rule]], list[Count]]


def count_own(source: Source, rules: Sequence[Rule], columns: Columns) -> list[Count]:
    """Counts rules that are about one row each."""
    return counts(source.con, source.relation, rules, columns, source.entity)


def counted(source: Source, rules: Sequence[Rule], count: Counting) -> list[Rule]:
    """The rules that enough rows are about, with the share of them that keep each.

    Fewer than k exceptions are not told. What is declared stays, whatever the rows say.
    """
    if source.entity:
        plain = zip(rules, count(replace(source, entity=None), rules), strict=True)
        rules = [rule for rule, one in plain if as_counted(rule, one, source.k) is not None]
    found = zip(rules, _with_holders(source, rules, count) if rules else (), strict=True)
    return [made for rule, one in found if (made := as_counted(rule, one, source.k)) is not None]


def _with_holders(source: Source, rules: Sequence[Rule], count: Counting) -> list[Count]:
    """The counts, with holders that are right where it matters: whether they are k or more.

    Telling a million holders apart takes many times longer than putting them into a few thousand groups, of
    which there are never more than of holders; they are told apart where k groups are not reached.
    """
    if source.entity is None:
        return count(source, rules)
    group = quoted("#group")
    grouped = f"CASE WHEN {source.entity} IS NOT NULL THEN hash({source.entity}) % {GROUPS} END AS {group}"
    relation = f"(SELECT *, {grouped} FROM {source.relation})"
    found = count(replace(source, relation=relation, entity=group), rules)
    unsure = [
        place
        for place, one in enumerate(found)
        if one.holders < source.k <= one.seen or one.breakers < source.k <= one.broken
    ]
    exact = count(source, [rules[place] for place in unsure]) if unsure else []
    for place, one in zip(unsure, exact, strict=True):
        found[place] = one
    return found


def as_counted(rule: Rule, count: Count, k: int) -> Rule | None:
    """The rule with what was counted of it, suppressed below k; None where too few rows are about it."""
    enough = count.holders >= k and count.seen >= (k if rule.declared else 10 * k)
    if not enough:
        return rule if rule.declared else None
    exceptions = count.broken / count.seen if count.breakers >= k else 0.0
    if not rule.declared and count.broken / count.seen > 1 - KEPT:
        return None
    return replace(rule, kept=round(1 - exceptions, 4), seen=rough(count.seen))


def rough(count: int) -> int:
    """Two significant digits."""
    unit: int = 10 ** max(0, len(str(int(count))) - 2)
    return int(count // unit * unit)
