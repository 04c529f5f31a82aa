"""Whether the rows of a table in DuckDB keep a rule: counts only, of real rows and of twins alike."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from handrail.twins.columns import number_sql, quoted
from handrail.twins.holds import Columns, last_digit
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import DERIVED, Rule

NO_VALUE = "chr(0)"
AT_ONCE = 16  # rules a query: each list is looked up in memory of its own, which a hundred of them exhaust


@dataclass(frozen=True)
class Count:
    """How many rows a rule is about, how many break it, and how many of each k counts."""

    seen: int
    broken: int
    holders: int
    breakers: int


def numbers_sql(entity: str | None) -> tuple[str, ...]:
    """SQL for the two numbers of some rows: how many they are, and how many k counts if that differs."""
    return ("count(*)", f"count(DISTINCT {entity})") if entity else ("count(*)",)


def as_counts(found: Sequence[Any], entity: str | None) -> list[Count]:
    """What was asked by `numbers_sql` of the rows that each rule is about, and of those that break it."""
    if entity is None:
        return [Count(*two, *two) for two in zip(found[::2], found[1::2], strict=True)]
    return [Count(*four) for four in zip(*(found[start::4] for start in range(4)), strict=True)]


def natural_sql(column: ColumnSketch, reference: str = "") -> str:
    """SQL for the number that `holds.natural` gives."""
    name = reference or quoted(column.name)
    return f"{name}::DOUBLE" if column.kind == "decimal" else number_sql(name, column.type, column.kind)


def key_sql(column: ColumnSketch, reference: str = "") -> str:
    """SQL for a value as text by which it is looked up in a list, also where there is none."""
    name = reference or quoted(column.name)
    value = name if column.kind == "text" else natural_sql(column, name)
    return _key(f"({value})")


def counts(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    rules: Sequence[Rule],
    columns: Columns,
    entity: str | None = None,
) -> list[Count]:
    """Counts every rule but totals, as many in one pass as leave memory for what they list."""
    found: list[Count] = []
    for start in range(0, len(rules), AT_ONCE):
        found += _counted(con, relation, rules[start : start + AT_ONCE], columns, entity)
    return found


def _counted(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    rules: Sequence[Rule],
    columns: Columns,
    entity: str | None,
) -> list[Count]:
    asked: list[str] = []
    values: list[Any] = []
    for rule in rules:
        seen, bad, given = _conditions(rule, columns)
        for count in numbers_sql(entity):
            asked += [f"{count} FILTER (WHERE {seen})", f"{count} FILTER (WHERE {bad})"]
            values += [*given[0], *given[1]]
    found = con.execute(f"SELECT {', '.join(asked)} FROM {relation}", values).fetchall()[0]
    made = as_counts(found, entity)
    for place, rule in enumerate(rules):
        if rule.kind == "unique":
            made[place] = _repeated(con, relation, rule, made[place])
    return made


def _conditions(rule: Rule, columns: Columns) -> tuple[str, str, tuple[list[Any], list[Any]]]:
    """SQL for "the rule is about this row" and "the row breaks it", and the values that each binds."""
    a, b = quoted(rule.columns[0]), quoted(rule.columns[-1])
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in rule.columns)
    if rule.kind in ("order", "offset", "formula", "range"):
        x = {name: natural_sql(columns[name]) for name in rule.columns}
        there = " AND ".join(f"({sql}) IS NOT NULL" for sql in x.values())
        return there, f"{there} AND {_numbers(rule, columns, x)}", ([], [])
    if rule.kind == "derived":
        made = DERIVED[rule.how].replace("x", a, 1) if rule.how == "same" else _with(DERIVED[rule.how], a)
        same = f"({made})::VARCHAR = {b}::VARCHAR"
        return there, f"{there} AND NOT coalesce({same}, false)", ([], [])
    if rule.kind == "accepted":
        return _pairs(rule, columns)
    if rule.kind == "nulls":
        asked = columns[rule.columns[0]]
        key = f"({a} IS NULL)::INTEGER::DOUBLE::VARCHAR" if rule.how == "empty" else key_sql(asked)
        listed = f"{key} IN {_list('DOUBLE' if rule.how == 'empty' else _type(asked))}"
        bad = f"(({listed} AND {b} IS NOT NULL) OR ({listed} AND {b} IS NULL))"
        return listed, bad, ([[*rule.values, *rule.filled]], [[*rule.values], [*rule.filled]])
    if rule.kind == "values":
        column = columns[rule.columns[0]]
        listed = f"{key_sql(column)} IN {_list(_type(column))}"
        return there, f"{there} AND {'' if rule.strict else 'NOT '}{listed}", ([], [[*rule.values]])
    if rule.kind == "pattern":
        return there, f"{there} AND NOT regexp_matches({a}::VARCHAR, ?)", ([], [rule.how])
    if rule.kind == "check":
        return "true", f"NOT coalesce(({rule.how}), true)", ([], [])
    return there, "false", ([], [])


def _numbers(rule: Rule, columns: Columns, x: Mapping[str, str]) -> str:
    """SQL that is true where numbers break the rule."""
    names = rule.columns
    if rule.kind == "order":
        return f"{x[names[0]]} > {x[names[1]]}"
    if rule.kind == "range":
        low, high = ("<=", ">=") if rule.strict else ("<", ">")
        ends = [(low, rule.low), (high, rule.high)]
        return (
            "(" + " OR ".join(f"{x[names[0]]} {sign} {end!r}" for sign, end in ends if end is not None) + ")"
        )
    wanted = (
        f"({x[names[0]]} + {rule.by!r})"
        if rule.kind == "offset"
        else formula_sql(rule.how, [x[n] for n in names])
    )
    target = rule.target or ""
    off = f"abs({x[target]} - {wanted})"
    return f"{off} > {last_digit(columns[target]) / 2!r} + 1e-9 * greatest(1.0, abs({wanted}))"


def formula_sql(how: str, numbers: Sequence[str]) -> str:
    """A formula with these numbers for a, b, c and d."""
    given = dict(zip("abcd", numbers, strict=False))
    return "(" + "".join(f"({given[letter]})" if letter in given else letter for letter in how) + ")"


def _with(template: str, column: str) -> str:
    """The template with the column for x, which is no letter of the functions that take it: `(x`, `x,`."""
    return template.replace("(x", f"({column}")


def _pairs(rule: Rule, columns: Columns) -> tuple[str, str, tuple[list[Any], list[Any]]]:
    first, second = (columns[name] for name in rule.columns)
    a, b = key_sql(first), key_sql(second)
    given = [list(column) for column in zip(*((pair[0], pair[1]) for pair in rule.pairs), strict=True)]
    listed = f"{a} IN {_list(_type(first))} AND {b} IN {_list(_type(second))}"
    both = (
        f"(SELECT {_key('x')} || chr(31) || {_key('y')} FROM "
        f"(SELECT unnest(?::{_type(first)}[]) AS x, unnest(?::{_type(second)}[]) AS y))"
    )
    return listed, f"{listed} AND {a} || chr(31) || {b} NOT IN {both}", (given, [*given, *given])


def _type(column: ColumnSketch) -> str:
    return "VARCHAR" if column.kind == "text" else "DOUBLE"


def _key(value: str) -> str:
    return f"coalesce({value}::VARCHAR, {NO_VALUE})"


def _list(kind: str) -> str:
    """SQL for the keys of a bound list."""
    return f"(SELECT {_key('x')} FROM (SELECT unnest(?::{kind}[]) AS x))"


def _repeated(con: duckdb.DuckDBPyConnection, relation: str, rule: Rule, count: Count) -> Count:
    listed = ", ".join(quoted(name) for name in rule.columns)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in rule.columns)
    (again,) = con.execute(
        f"SELECT coalesce(sum(n - 1), 0) FROM "
        f"(SELECT count(*) AS n FROM {relation} WHERE {there} GROUP BY {listed})"
    ).fetchall()[0]
    return Count(count.seen, int(again), count.holders, 0)
