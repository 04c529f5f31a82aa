"""Turn promises into SQL that counts: one scan for all that needs no more, one question for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError

from handrail.data.custom_sql import runnable
from handrail.data.govern import SCHEMA
from handrail.data.models import Contract
from handrail.data.promises import Freshness, Rule
from handrail.data.sources.table import quote
from handrail.kernel import Invalid


@dataclass(frozen=True)
class Question:
    """SQL with one row, one number a rule; its bound values; and the datasets it reads."""

    sql: str
    values: Mapping[str, Any]
    datasets: frozenset[str]


@dataclass
class _Values:
    """The values of one question, by the name under which each is bound, and the moment it is asked."""

    now: datetime
    bound: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"v{len(self.bound)}"
        self.bound[name] = value
        return f"${name}"


def promises_of(contract: Contract) -> tuple[Rule, ...]:
    """Every promise of a contract: those that its columns imply, then those it writes down."""
    key = tuple(column.name for column in contract.columns if column.primary_key)
    implied = [Rule("duplicates", columns=key)] if key else []
    for column in contract.columns:
        if column.required or column.primary_key:
            implied.append(Rule("nulls", columns=(column.name,)))
        if column.unique and key != (column.name,):
            implied.append(Rule("duplicates", columns=(column.name,)))
        if column.references:
            dataset, target = column.references
            implied.append(Rule("dangling", columns=(column.name,), references=(dataset, (target,))))
    implied += [
        Rule("dangling", columns=link.columns, references=(link.dataset, link.targets))
        for link in contract.combined
    ]
    if contract.retention and contract.retention.column:
        implied.append(Rule("outlived", columns=(contract.retention.column,), age=contract.retention.age))
    return (*implied, *contract.quality)


def scans_with_others(rule: Rule) -> bool:
    """Whether the rule is counted in the one scan that all such rules share."""
    return rule.counted not in ("sql", "dangling") and not (
        rule.counted == "duplicates" and len(rule.columns) > 1
    )


def scan(contract: Contract, rules: Sequence[Rule], freshness: Freshness | None, now: datetime) -> Question:
    """One question for many rules: the number of rows, a count for each rule, and the age in seconds."""
    values = _Values(now)
    counts = ["count(*)", *(_count(contract, rule, values) for rule in rules)]
    if freshness and freshness.column:
        newest = f"CAST(max({quote(freshness.column)}) AS TIMESTAMP)"
        moment = values.bind(now.replace(tzinfo=None))
        counts.append(f"date_diff('second', {newest}, CAST({moment} AS TIMESTAMP))")
    sql = f"SELECT {', '.join(counts)} FROM {_table(contract.name)}"  # noqa: S608
    return Question(sql, values.bound, frozenset({contract.name}))


def alone(contract: Contract, rule: Rule, others: Mapping[str, Contract]) -> Question:
    """The question of one rule that needs its own; `others` are the contracts of its reference tables.

    Refuses what `custom_sql.runnable` refuses.
    """
    table, here = _table(contract.name), frozenset({contract.name})
    if rule.counted == "sql":
        return Question(runnable(rule.query, contract, others), {}, here | others.keys())
    if rule.counted == "dangling" and rule.references:
        other, keys = rule.references
        # A row in which a part of the key is null points nowhere, as in SQL (MATCH SIMPLE).
        pointing = " AND ".join(f"a.{quote(column)} IS NOT NULL" for column in rule.columns)
        # Those that point, less those that meet a row: for NOT EXISTS, DuckDB keeps whole rows in memory.
        own = ", ".join(f"a.{quote(column)}" for column in rule.columns)
        there = ", ".join(f"b.{quote(key)}" for key in keys)
        every = f"SELECT count(*) FROM {table} AS a WHERE {pointing}"  # noqa: S608
        met = f"{every} AND ({own}) IN (SELECT {there} FROM {_table(other)} AS b)"  # noqa: S608
        return Question(f"SELECT ({every}) - ({met})", {}, here | {other})
    names = ", ".join(map(quote, rule.columns))
    sql = (
        f"SELECT coalesce(sum(n - 1), 0) FROM"  # noqa: S608
        f" (SELECT count(*) AS n FROM {table} GROUP BY {names} HAVING count(*) > 1) AS repeated"
    )
    return Question(sql, {}, here)


def _count(contract: Contract, rule: Rule, values: _Values) -> str:
    if rule.counted == "rows":
        return "count(*)"
    column = quote(rule.columns[0])
    if rule.counted == "duplicates":
        return f"count({column}) - count(DISTINCT {column})"
    if rule.counted == "nulls":
        return f"count(*) FILTER (WHERE {column} IS NULL)"
    if rule.counted == "outlived" and rule.age:
        oldest = values.bind((values.now - rule.age).replace(tzinfo=None))
        return f"count(*) FILTER (WHERE CAST({column} AS TIMESTAMP) < CAST({oldest} AS TIMESTAMP))"
    if rule.counted == "missing":
        listed = ", ".join(values.bind(str(value)) for value in rule.values)
        also = f" OR CAST({column} AS VARCHAR) IN ({listed})" if listed else ""
        return f"count(*) FILTER (WHERE {column} IS NULL{also})"
    valid = _valid(rule, column, _type(contract, rule.columns[0]), values)
    # What cannot be compared is not valid, so a promise is never kept by a limit that has no meaning here.
    return f"count(*) FILTER (WHERE {column} IS NOT NULL AND NOT coalesce({valid}, false))"


def _valid(rule: Rule, column: str, kind: str, values: _Values) -> str:
    def bound(value: Any) -> str:
        return f"TRY_CAST({values.bind(value)} AS {kind})"

    if rule.pattern is not None:
        return f"regexp_matches(CAST({column} AS VARCHAR), {values.bind(rule.pattern)})"
    if rule.values:
        return f"{column} IN ({', '.join(map(bound, rule.values))})"
    limits = ((">=", rule.least), ("<=", rule.most), (">", rule.above), ("<", rule.below))
    return " AND ".join(f"{column} {sign} {bound(value)}" for sign, value in limits if value is not None)


def _type(contract: Contract, name: str) -> str:
    """The column's type, as the parser writes it: the contract's own words never stand in SQL."""
    column = contract.column(name)
    try:
        kind = exp.DataType.build(column.type if column else "VARCHAR", dialect="duckdb")
    except ParseError:
        raise Invalid(f"The type of {name} means nothing.", next_step="Correct it in the contract.") from None
    return kind.sql(dialect="duckdb")


def _table(name: str) -> str:
    return f"{quote(SCHEMA)}.{quote(name)}"
