"""Lays rows beside the row before them in DuckDB, and counts which keep a rule from row to row."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handrail.twins.columns import Source, quoted
from handrail.twins.holds import Columns, last_digit
from handrail.twins.rule_sql import Count, as_counts, key_sql, natural_sql, numbers_sql
from handrail.twins.rules import Rule

TURN = quoted("#turn")
_TOGETHER = quoted("#together")


def laid_out(source: Source, link: Sequence[str], by: str, columns: Sequence[str]) -> Source:
    """The temporary table `in_turn`: each row with the row before it as y columns, and its turn.

    Rows that share their place with another of the same parent are left out, and who comes right after these.
    """
    keys = ", ".join(quoted(name) for name in link)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in (*link, by))
    names = [name for name in dict.fromkeys((by, *columns)) if name not in link]
    held = [source.entity] if source.entity and source.entity not in map(quoted, (*link, *names)) else []
    kept = ", ".join([*(quoted(name) for name in (*link, *names)), *held])
    before = ", ".join(f"lag({quoted(name)}) OVER w AS {quoted('y ' + name)}" for name in names)
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE in_turn AS SELECT {kept}, row_number() OVER w AS {TURN}, {before} "
        f"FROM (SELECT *, count(*) OVER (PARTITION BY {keys}, {quoted(by)}) AS {_TOGETHER} "
        f"FROM {source.relation} WHERE {there}) WINDOW w AS (PARTITION BY {keys} ORDER BY {quoted(by)}) "
        f"QUALIFY {_TOGETHER} = 1 AND coalesce(lag({_TOGETHER}) OVER w, 1) = 1"
    )
    return replace(source, relation="in_turn")


def count_turns(source: Source, rules: Sequence[Rule], columns: Columns) -> list[Count]:
    """How many rows that were laid out each rule is about, and how many break it."""
    if not rules:
        return []
    asked, values = [], []
    for rule in rules:
        there, bad, given = _conditions(rule, columns)
        for number in numbers_sql(source.entity):
            asked += [f"{number} FILTER (WHERE {there})", f"{number} FILTER (WHERE {there} AND {bad})"]
            values += [*given[0], *given[0], *given[1]]
    found = source.one(f"SELECT {', '.join(asked)} FROM {source.relation} WHERE {TURN} > 1", values)
    return as_counts(found, source.entity)


def _conditions(rule: Rule, columns: Columns) -> tuple[str, str, tuple[list[object], list[object]]]:
    a = columns[rule.columns[0]]
    b = columns[rule.columns[-1]]
    own, old = quoted(a.name), quoted(f"y {a.name}")
    if rule.kind == "turned":
        kind = "VARCHAR" if a.kind == "text" else "DOUBLE"
        was, now = key_sql(a, old), key_sql(a, own)
        listed = f"(SELECT coalesce(x::VARCHAR, chr(0)) FROM (SELECT unnest(?::{kind}[]) AS x))"
        both = (
            "(SELECT coalesce(x::VARCHAR, chr(0)) || chr(31) || coalesce(y::VARCHAR, chr(0)) FROM "
            f"(SELECT unnest(?::{kind}[]) AS x, unnest(?::{kind}[]) AS y))"
        )
        firsts, seconds = [one for one, _, _ in rule.pairs], [one for _, one, _ in rule.pairs]
        there = f"{was} IN {listed} AND {now} IN {listed}"
        return there, f"{was} || chr(31) || {now} NOT IN {both}", ([firsts, seconds], [firsts, seconds])
    if rule.kind == "spaced" and rule.how:
        there = f"{own} IS NOT NULL AND {old} IS NOT NULL"
        return there, f"coalesce(TRY({own} <> {old} + to_months({int(rule.by)})), true)", ([], [])
    x, y = natural_sql(a, own), natural_sql(a, old)
    if rule.kind == "rising":
        there, bad = f"{x} IS NOT NULL AND {y} IS NOT NULL", f"{x} {'>' if rule.strict else '<'} {y}"
        return there, bad, ([], [])
    wanted = f"({y} + {rule.by!r})"
    if rule.kind == "carried":
        wanted = natural_sql(b, quoted(f"y {b.name}"))
    if rule.kind == "running":
        wanted = f"({y} {rule.how} {natural_sql(b)})"
    off = f"abs({x} - {wanted}) > {last_digit(a) / 2!r} + 1e-9 * greatest(1.0, abs({wanted}))"
    return f"{x} IS NOT NULL AND {wanted} IS NOT NULL", off, ([], [])
