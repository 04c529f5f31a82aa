"""Finds columns of a parent that add up, or count, the rows that point at it."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import counted
from handrail.twins.holds import Columns, last_digit
from handrail.twins.links import explains
from handrail.twins.mine import NUMBERS
from handrail.twins.models import ColumnSketch
from handrail.twins.plane import Plane
from handrail.twins.rule_sql import Count, as_counts, natural_sql, numbers_sql
from handrail.twins.rules import Rule

MOST_COLUMNS = 8
FEW_ROWS = 4000
MOST_BROKEN = 0.05  # of a few rows; of all it is a rule only when far fewer break it
ROWS = "#"  # instead of a column: how many rows there are


def mine_totals(plane: Plane, parent: str, drafts: Mapping[str, Sequence[ColumnSketch]]) -> list[Rule]:
    """The totals that a table keeps of others, counted over the rows that it is sketched from."""
    source = plane.source(parent)
    if source.rows < 10 * source.k:
        return []
    totals = _numbers(drafts[parent])
    found: dict[str, Rule] = {}
    for child in plane.layout.order:
        parts = _numbers(drafts[child])
        for link in plane.links(child):
            if link.to != parent or child == parent or not totals or not explains(plane, child, link):
                continue
            rules = [
                Rule("total", (a.name,), child=(child, link.name, name))
                for a in totals
                for name in (ROWS, *(one.name for one in parts))
            ]
            columns = ({one.name: one for one in totals}, {one.name: one for one in parts})
            joined = plane.joined(child, link, "c", "p")
            few = replace(_few(source, link.to_columns), entity=None)
            near = f"(SELECT c.* FROM {plane.views[child]} AS c SEMI JOIN {few.relation} AS p ON {joined})"
            likely = [
                rule
                for rule, count in zip(
                    rules, count_totals(few, rules, near, joined, link.columns, columns), strict=True
                )
                if count.broken <= MOST_BROKEN * count.seen
            ]
            if not likely:
                continue
            total = partial(
                count_totals, child=plane.views[child], joined=joined, keys=link.columns, columns=columns
            )
            for rule in counted(source, likely, total):
                found.setdefault(rule.columns[0], rule)
    return list(found.values())


def _few(source: Source, keys: Sequence[str]) -> Source:
    """Some thousand of the rows, enough to see that most sums are no totals; the same ones each time."""
    every = max(1, source.rows // FEW_ROWS)
    listed = ", ".join(quoted(key) for key in keys)
    relation = f"(SELECT * FROM {source.relation} WHERE hash({listed}) % {every} = 0)"
    return replace(source, relation=relation) if every > 1 else source


def count_totals(
    source: Source,
    rules: Sequence[Rule],
    child: str,
    joined: str,
    keys: Sequence[str],
    columns: tuple[Columns, Columns],
) -> list[Count]:
    """How many rows of a parent, in `source`, have rows that point at them, and another total than these.

    `rules` are about one link: `joined` is SQL for "c points at p", `keys` its columns in the table `child`.
    `columns` are those of the parent and of the child.
    """
    totals, parts = columns
    every = list(dict.fromkeys(rule.child[2] for rule in rules if rule.child))
    sums = {
        name: "count(*)::DOUBLE" if name == ROWS else f"sum({natural_sql(parts[name])})" for name in every
    }
    listed = ", ".join(f"{sum_} AS {quoted(f'#{place}')}" for place, sum_ in enumerate(sums.values()))
    grouped = ", ".join(quoted(key) for key in keys)
    holder = f"p.{source.entity}" if source.entity else None
    asked = []
    for rule in rules:
        a = totals[rule.columns[0]]
        place = every.index(rule.child[2] if rule.child else ROWS)
        x, y = natural_sql(a, f"p.{quoted(a.name)}"), f"c.{quoted(f'#{place}')}"
        there = f"{x} IS NOT NULL AND {y} IS NOT NULL"
        bad = f"{there} AND abs({x} - {y}) > {last_digit(a) / 2!r} + 1e-9 * greatest(1.0, abs({y}))"
        for number in numbers_sql(holder):
            asked += [f"{number} FILTER (WHERE {there})", f"{number} FILTER (WHERE {bad})"]
    found = source.one(
        f"SELECT {', '.join(asked)} FROM {source.relation} AS p "
        f"JOIN (SELECT {grouped}, {listed} FROM {child} GROUP BY {grouped}) AS c ON {joined}"
    )
    return as_counts(found, holder)


def _numbers(columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    return [one for one in columns if one.role == "model" and one.kind in NUMBERS][:MOST_COLUMNS]
