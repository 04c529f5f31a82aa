"""Sketches one column: bins that each stand for at least k, by aggregates in DuckDB only."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from handrail.twins.models import Bin, Kind

MOST_BINS = 32
MOST_TEXTS = 64  # that have a bin of their own: more than numbers, for texts have no order to be cut by
MOST_POOLED = 2000
SHAPED_TEXTS = 5_000  # different texts, of those that few share, that are enough to see their shapes
STEPS: dict[Kind, tuple[float, ...]] = {
    "integer": (1000.0, 500.0, 100.0, 50.0, 10.0, 5.0),
    "decimal": (100000.0, 10000.0, 5000.0, 1000.0, 500.0, 100.0, 50.0, 10.0, 5.0),
    "float": (1000.0, 100.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.001, 0.0001, 1e-6),
    "date": (),
    "time": (3.6e9, 6e7, 1e6, 1e3),
    "timestamp": (8.64e10, 3.6e9, 6e7, 1e6, 1e3),
}
NUMERIC: frozenset[Kind] = frozenset({"integer", "decimal", "float", "date", "timestamp", "time", "boolean"})


@dataclass(frozen=True)
class Source:
    """A relation in DuckDB with the expression that k counts distinct values of (None: rows)."""

    con: duckdb.DuckDBPyConnection
    relation: str
    rows: int
    k: int
    entity: str | None

    @property
    def holders(self) -> str:
        """SQL that counts whom a group is about."""
        return f"count(DISTINCT {self.entity})" if self.entity else "count(*)"

    @property
    def bins(self) -> int:
        """How many bins this many rows can carry."""
        return int(min(MOST_BINS, max(4, 1.4 * math.sqrt(self.rows / self.k))))

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of an aggregate."""
        return self.con.execute(sql, list(values)).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of an aggregate."""
        return self.all(sql, values)[0]


def quoted(name: str) -> str:
    """A column or table name as SQL. Names of our own that stand beside a table's columns begin with #."""
    return '"' + name.replace('"', '""') + '"'


def number_sql(column: str, sql_type: str, kind: Kind) -> str:
    """SQL for the number its bins are written in (see `Bin`); null where there is none."""
    if kind == "decimal":
        scale = int(sql_type.rstrip(")").split(",")[1])
        return f"({column}::DOUBLE * 1e{scale})" if scale else f"{column}::DOUBLE"
    if kind == "date":
        return f"CASE WHEN isfinite({column}) THEN date_diff('day', DATE '1970-01-01', {column})::DOUBLE END"
    if kind == "timestamp":
        return f"CASE WHEN isfinite({column}) THEN epoch_us({column})::DOUBLE END"
    if kind == "time":
        return f"date_diff('microsecond', TIME '00:00:00', {column})::DOUBLE"
    if kind == "float":
        return f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
    if kind == "boolean":
        return f"{column}::INTEGER::DOUBLE"
    return f"{column}::DOUBLE"


def text_bins(source: Source, value: str, pool: str) -> tuple[Bin, ...]:
    """Null, the commonest texts alone, further common ones in a pool (also kept as table `pool` for coding),
    and one bin for everything that fewer than k share, whose texts are not kept."""
    found = source.all(
        f"SELECT x, count(*) AS n FROM (SELECT {value} AS x{carry(source)} FROM {source.relation}) "
        f"WHERE x IS NOT NULL GROUP BY x HAVING {held(source)} >= ? "
        f"ORDER BY n DESC, x LIMIT {MOST_POOLED}",
        [source.k],
    )
    alone = found if len(found) <= MOST_TEXTS else found[: MOST_TEXTS - 2]
    pooled = found[len(alone) :]
    source.con.execute(
        f"CREATE OR REPLACE TABLE {pool} AS SELECT unnest(?::VARCHAR[]) AS v", [[p[0] for p in pooled]]
    )
    bins = [Bin("null"), *(Bin("value", value=text) for text, _ in alone)]
    if pooled:
        total = sum(n for _, n in pooled)
        shares = tuple(round(n / total, 5) for _, n in pooled)
        bins.append(Bin("pool", values=tuple(text for text, _ in pooled), shares=shares))
    return (*bins, Bin("other"))


def code_sql(bins: Sequence[Bin], value: str, numeric: bool, pool: str) -> tuple[str, list[Any]]:
    """SQL (and its parameters) for the number of the bin a value falls into; null where no bin holds it.

    It names `value` more than once, so that should be the name of a column, not how it is made.
    """
    if numeric:
        return f"(CASE WHEN {value} IS NULL THEN 0 ELSE {_number_code(bins, value)} END)::UTINYINT", []
    alone = [one.value for one in bins if one.kind == "value"]
    own = f"[{', '.join(str(code) for code, one in enumerate(bins) if one.kind == 'value')}]"
    other = len(bins) - 1
    rest = str(other)
    if bins[-2].kind == "pool":
        rest = f"CASE WHEN {value} IN (SELECT v FROM {pool}) THEN {other - 1} ELSE {other} END"
    found = f"coalesce({own}[list_position(?::VARCHAR[], {value})], {rest})" if alone else rest
    return f"(CASE WHEN {value} IS NULL THEN 0 ELSE {found} END)::UTINYINT", [alone] if alone else []


def _number_code(bins: Sequence[Bin], value: str) -> str:
    """SQL for the bin of a number: its place between all ends of bins is found by halving, not one by one."""
    codes = {float(one.value or 0): code for code, one in enumerate(bins) if one.kind == "value"}
    ranges = [(one.low, code) for code, one in enumerate(bins) if one.kind == "range"]
    starts = [-math.inf, *sorted({*codes, *(low for low, _ in ranges[1:])})]

    def leaf(start: float) -> str:
        around = [code for low, code in ranges if low <= start] or [code for _, code in ranges[:1]]
        within = str(around[-1]) if around else "NULL"
        if start not in codes:
            return within
        return f"CASE WHEN {value} = {_double(start)} THEN {codes[start]} ELSE {within} END"

    def between(first: int, after: int) -> str:
        if after - first == 1:
            return leaf(starts[first])
        half = (first + after) // 2
        low, high = between(first, half), between(half, after)
        return f"CASE WHEN {value} < {_double(starts[half])} THEN {low} ELSE {high} END"

    return between(0, len(starts))


def _double(number: float) -> str:
    """A number as SQL that is read as this very float: without an exponent it would be read as a decimal."""
    text = repr(float(number))
    return text if "e" in text else f"{text}e0"


def text_shapes(source: Source, value: str) -> tuple[tuple[tuple[str, float], ...], tuple[int, int, int]]:
    """Shapes of short text (letters to A and a, digits to 9) that at least k share, and usual lengths."""
    inner = f"(SELECT {value} AS x{carry(source)} FROM {source.relation})"
    held_by = "count(DISTINCT holder)" if source.entity else "sum(n)"
    own = "x, holder" if source.entity else "x"
    found = source.all(
        f"WITH each AS MATERIALIZED (SELECT {own}, count(*) AS n FROM {inner} "
        "WHERE x <> '' AND len(x) <= 40 GROUP BY ALL), "
        f"kept AS (SELECT *, n >= {source.k} AS often FROM each, "
        f"(SELECT greatest(1, count(*) // {SHAPED_TEXTS}) AS every FROM each) "
        "WHERE often OR hash(x) % every = 0) "
        f"SELECT {shape_sql('x')} AS s, sum(CASE WHEN often THEN n ELSE n * every END)::BIGINT AS n "
        f"FROM kept GROUP BY s HAVING {held_by} >= ? ORDER BY n DESC, s LIMIT 20",
        [source.k],
    )
    filled, holders, lengths = source.one(
        f"SELECT count(*), {held(source)}, quantile_disc(len(x), [0.1, 0.5, 0.9]) "
        f"FROM {inner} WHERE x IS NOT NULL"
    )
    total = sum(n for _, n in found)
    shapes = tuple((text, round(n / total, 4)) for text, n in found)
    if filled < source.k * 10 or holders < source.k or not lengths:  # a tenth of the rows must still be k
        return shapes, (4, 12, 24)
    short, middle, long = (max(1, min(2000, int(n))) for n in lengths)
    return shapes, (short, middle, long)


def shape_sql(text: str) -> str:
    """SQL for the shape of a text, by patterns: microseconds for each text."""
    made = f"regexp_replace({text}, '\\p{{Lu}}', 'A', 'g')"
    for pattern, to in (("[^\\x00-\\x7F]|[b-z]", "a"), ("[0-9]", "9")):
        made = f"regexp_replace({made}, '{pattern}', '{to}', 'g')"
    return made


def some_of(source: Source, rows: int) -> str:
    """The relation, or `rows` to twice as many of its rows where it has more."""
    every = source.rows // rows
    return (
        f"(SELECT * FROM {source.relation} WHERE hash(rowid) % {every} = 0)" if every > 1 else source.relation
    )


def held(source: Source) -> str:
    """SQL for how many hold a value, where `carry` was selected."""
    return "count(DISTINCT holder)" if source.entity else "count(*)"


def who_sql(entity: str) -> str:
    """SQL for 63 bits that stand for a holder, -1 for nobody: two of a million share them once in ten million
    tables, and are then counted as one."""
    return f"CASE WHEN {entity} IS NULL THEN -1 ELSE (hash({entity}) >> 1)::BIGINT END"


def carry(source: Source) -> str:
    """SQL that selects the holder beside a value, where holders are counted."""
    return f", {source.entity} AS holder" if source.entity else ""
