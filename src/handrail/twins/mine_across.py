"""Finds dates that never come before, or after, a date of the row that a link points at."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import counted
from handrail.twins.links import explains
from handrail.twins.mine import BY_CHANCE, MOMENTS
from handrail.twins.models import ColumnSketch
from handrail.twins.plane import Plane
from handrail.twins.rule_sql import Count, as_counts, numbers_sql
from handrail.twins.rules import Rule

MOST_DATES = 6  # of each table


def mine_across(
    plane: Plane, table: str, drafts: Mapping[str, Sequence[ColumnSketch]], known: Sequence[Rule]
) -> list[Rule]:
    """The rules that k rows and nearly all keep, and that rows pointing elsewhere would break.

    What follows from one of these and an order within the table, of the rules `known`, is left out.
    """
    source = plane.source(table)
    found: list[Rule] = []
    if source.rows < 10 * source.k:
        return found
    own = _dates(drafts[table])
    for link in plane.links(table):
        theirs = _dates(drafts.get(link.to, ())) if explains(plane, table, link) else []
        rules = [
            Rule("across", (a.name,), strict=strict, above=(link.name, b.name))
            for a in own
            for b in theirs
            for strict in (False, True)
        ]
        if not rules:
            continue
        view, joined = plane.pointed_at(table, link), plane.joined(table, link, "t", "p")
        likely = counted(source, rules, partial(count_across, parents=view, joined=joined))
        found += _telling(source, view, joined, likely)
    always = {one.name for one in own if one.required}
    orders = {rule.columns for rule in known if rule.kind == "order" and always & set(rule.columns)}
    leading = [rule for rule in found if rule.columns[0] in always]
    return [rule for rule in found if not any(_follows(rule, other, orders) for other in leading)]


def count_across(source: Source, rules: Sequence[Rule], parents: str, joined: str) -> list[Count]:
    """How many rows of `source` the rules of one link are about, and how many break each.

    `parents` is the table that the link points at, `joined` SQL for "t points at p".
    """
    if not rules:
        return []
    holder = f"t.{source.entity}" if source.entity else None
    asked = []
    for rule in rules:
        there, bad = _conditions(rule, "p")
        for number in numbers_sql(holder):
            asked += [f"{number} FILTER (WHERE {there})", f"{number} FILTER (WHERE {bad})"]
    found = source.one(
        f"SELECT {', '.join(asked)} FROM {source.relation} AS t JOIN {parents} AS p ON {joined}"
    )
    return as_counts(found, holder)


def _telling(source: Source, parents: str, joined: str, rules: Sequence[Rule]) -> list[Rule]:
    """The rules that rows would break if they pointed at the rows that others point at."""
    if not rules:
        return []
    others = sorted({rule.above[1] for rule in rules if rule.above})
    picked = ", ".join(
        f"lag(p.{quoted(name)}) OVER (ORDER BY hash(t.rowid)) AS {quoted(name)}" for name in others
    )
    own = sorted({rule.columns[0] for rule in rules})
    mine = ", ".join(f"t.{quoted(name)} AS {quoted('t ' + name)}" for name in own)
    asked = []
    for rule in rules:
        there, bad = _conditions(rule, "s", "t ")
        asked.append(f"avg(CASE WHEN {there} THEN ({bad})::INTEGER END)")
    found = source.one(
        f"SELECT {', '.join(asked)} FROM (SELECT {mine}, {picked} FROM {source.relation} AS t "
        f"JOIN {parents} AS p ON {joined}) AS s"
    )
    return [rule for rule, share in zip(rules, found, strict=True) if (share or 0.0) >= BY_CHANCE["order"]]


def _conditions(rule: Rule, parent: str, prefix: str = "") -> tuple[str, str]:
    own = f"{'s' if prefix else 't'}.{quoted(prefix + rule.columns[0])}"
    theirs = f"{parent}.{quoted(rule.above[1] if rule.above else '')}"
    there = f"{own} IS NOT NULL AND {theirs} IS NOT NULL"
    return there, f"{there} AND {own} {'>' if rule.strict else '<'} {theirs}"


def _dates(columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    kept = [one for one in columns if one.kind in MOMENTS and one.role == "model"]
    return kept[:MOST_DATES]


def _follows(rule: Rule, other: Rule, orders: set[tuple[str, ...]]) -> bool:
    """Whether an order between two columns of the table makes one rule follow from the other."""
    if rule.above != other.above or rule.strict != other.strict or rule is other:
        return False
    a, b = rule.columns[0], other.columns[0]
    return ((a, b) if rule.strict else (b, a)) in orders
