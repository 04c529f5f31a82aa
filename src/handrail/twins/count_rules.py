"""Counts how many real rows are about a rule and keep it, and whom they are about, as far as that is told."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from handrail.twins.columns import Source, quoted
from handrail.twins.holds import Columns
from handrail.twins.rule_sql import Count, counts
from handrail.twins.rules import Rule

KEPT = 0.999  # share of the real rows that must keep a rule
GROUPS = 4096  # into which holders are put
SOME = 20_000  # rows whose holders are told apart first
_GROUP = quoted("#group")
Counting = Callable[[Source, Sequence[Rule]], list[Count]]


def count_own(source: Source, rules: Sequence[Rule], columns: Columns) -> list[Count]:
    """Counts rules that are about one row each."""
    return counts(source.con, source.relation, rules, columns, source.entity)


def counted(source: Source, rules: Sequence[Rule], count: Counting) -> list[Rule]:
    """The rules that enough rows are about, with the share of them that keep each.

    Fewer than k exceptions are not told. What is declared stays, whatever the rows say.
    """
    plain = zip(rules, count(replace(source, entity=None), rules), strict=True)
    known = [(rule, one) for rule, one in plain if as_counted(rule, one, source.k) is not None]
    if source.entity and known:
        known = _with_holders(source, known, count)
    return [made for rule, one in known if (made := as_counted(rule, one, source.k)) is not None]


def _with_holders(
    source: Source, known: Sequence[tuple[Rule, Count]], count: Counting
) -> list[tuple[Rule, Count]]:
    """The counts, with holders that are right where it matters: whether they are k or more.

    Telling a million holders apart takes many times longer than those of some rows, and than putting all into
    a few thousand groups, of which there are never more than of holders; both only where k are not reached.
    """
    found = list(known)
    unsure = list(range(len(found)))
    for lens in _lenses(source):
        counts = count(lens, [found[place][0] for place in unsure])
        for place, one in zip(unsure, counts, strict=True):
            rule, whole = found[place]
            found[place] = rule, replace(whole, holders=one.holders, breakers=one.breakers)
        unsure = [place for place in unsure if _unsure(found[place][1], source.k)]
        if not unsure:
            break
    return found


def _unsure(count: Count, k: int) -> bool:
    return count.holders < k <= count.seen or count.breakers < k <= count.broken


def _lenses(source: Source) -> Iterator[Source]:
    """Ways to count holders: never more than there are, cheapest first, and exactly at last."""
    if source.rows > SOME:
        yield replace(source, relation=f"(SELECT * FROM {source.relation} LIMIT {SOME})")
        grouped = (
            f"CASE WHEN {source.entity} IS NOT NULL THEN hash({source.entity}) % {GROUPS} END AS {_GROUP}"
        )
        yield replace(source, relation=f"(SELECT *, {grouped} FROM {source.relation})", entity=_GROUP)
    yield source


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
