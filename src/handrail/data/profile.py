"""Look at an extract: rows, missing and distinct values, and a few hundred values of each column to judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from handrail.data.sources.table import describe, first, literal, quote

SAMPLE = 500  # distinct values of a column that are looked at
_COLUMNS_AT_ONCE = 200
_CELLS_HELD = 2_000_000
_MANY_CATEGORIES = 12
_FIRST_ROWS = 5_000
_REPEATS_WITHIN = 100_000  # rows of a large table: a column that repeats here is no key
_SAMPLED = ("VARCHAR", "BIGINT", "INTEGER")


@dataclass(frozen=True)
class ColumnProfile:
    """What the values of one column are like; `distinct` is exact only where it could make a key."""

    name: str
    type: str
    values: int  # not null
    distinct: int
    sample: tuple[str, ...] = ()  # distinct values as text, in no meaningful order
    categories: tuple[str, ...] = ()  # all values of a column of few, when none of them is rare


@dataclass(frozen=True)
class Profile:
    """What one extract is like."""

    path: Path
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def is_unique(self, column: ColumnProfile) -> bool:
        """Whether every row has its own value in this column."""
        return 0 < self.rows == column.values == column.distinct


def profile(con: duckdb.DuckDBPyConnection, path: Path, k: int = 10) -> Profile:
    """Profile one Parquet file; scans it a few times and holds only counts and samples.

    A column is one of categories when each of its few values is in at least `k` rows.
    """
    described = describe(con, relation(path))
    rows = int(first(con, f"SELECT count(*) FROM {relation(path)}")[0])  # noqa: S608
    if rows * len(described) > _CELLS_HELD:
        return Profile(path, rows, tuple(_columns(con, relation(path), described, rows, k)))
    # Hundreds of small questions about a wide file cost more in opening it than in answering.
    con.execute(f"CREATE OR REPLACE TEMP TABLE profiled AS SELECT * FROM {relation(path)}")  # noqa: S608
    columns = tuple(_columns(con, "profiled", described, rows, k))
    con.execute("DROP TABLE profiled")
    return Profile(path, rows, columns)


def _columns(
    con: duckdb.DuckDBPyConnection, source: str, described: Sequence[tuple[str, str]], rows: int, k: int
) -> Iterator[ColumnProfile]:
    for start in range(0, len(described), _COLUMNS_AT_ONCE):
        part = described[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(f"count({quote(n)}), {_distinct(n, t)}" for n, t in part)
        counted = first(con, f"SELECT {counts} FROM {source}")  # noqa: S608
        values, about = (
            dict(zip(part, counted[::2], strict=True)),
            dict(zip(part, counted[1::2], strict=True)),
        )
        # The count so far is within a few per cent (HyperLogLog): make it exact where it decides something.
        close = [c for c in part if values[c] == rows and about[c] > 0.85 * rows and c[1] != "BLOB"]
        repeated = _repeated(con, source, close, rows)
        about |= {column: min(about[column], rows - 1) for column in repeated}
        if close := [column for column in close if column not in repeated]:
            exact = ", ".join(f"count(DISTINCT {quote(name)})" for name, _ in close)
            about |= dict(zip(close, first(con, f"SELECT {exact} FROM {source}"), strict=True))  # noqa: S608
        for name, type_ in part:
            seen = values[name, type_]
            distinct = min(about[name, type_], seen)
            few = type_ == "VARCHAR" and 0 < distinct <= _MANY_CATEGORIES
            categories = _categories(con, source, name, k) if few else ()
            sample = _sample(con, source, name, type_, seen)
            yield ColumnProfile(name, type_, seen, distinct, sample, categories)


def relation(path: Path) -> str:
    """SQL that reads one extract."""
    return f"read_parquet({literal(str(path))})"


def is_unique(con: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str]) -> bool:
    """Whether these columns together are never missing and never repeated."""
    names = ", ".join(quote(column) for column in columns)
    missing = " OR ".join(f"{quote(column)} IS NULL" for column in columns)
    sql = (
        f"SELECT count(*) FROM (SELECT 1 FROM {relation(path)} GROUP BY {names}"  # noqa: S608
        f" HAVING count(*) > 1 OR bool_or({missing}) LIMIT 1)"
    )
    return bool(first(con, sql)[0] == 0)


def unique_in_sample(
    con: duckdb.DuckDBPyConnection, path: Path, candidates: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Those of these combinations of columns that do not repeat in the first few thousand rows; one query."""
    if not candidates:
        return []
    counts = ", ".join(f"count(DISTINCT ({', '.join(quote(c) for c in one)}))" for one in candidates)
    sql = f"SELECT count(*), {counts} FROM (SELECT * FROM {relation(path)} LIMIT {_FIRST_ROWS})"  # noqa: S608
    rows, *distinct = first(con, sql)
    return [one for one, found in zip(candidates, distinct, strict=True) if found == rows]


def unmatched(
    con: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str], target: Path, keys: Sequence[str]
) -> int:
    """How many rows point at what the target does not hold; a row with a missing part does not point."""
    present = " AND ".join(f"a.{quote(column)} IS NOT NULL" for column in columns)
    same = " AND ".join(f"a.{quote(c)} = b.{quote(k)}" for c, k in zip(columns, keys, strict=True))
    sql = (
        f"SELECT count(*) FROM {relation(path)} a WHERE {present}"  # noqa: S608
        f" AND NOT EXISTS (SELECT 1 FROM {relation(target)} b WHERE {same})"
    )
    return int(first(con, sql)[0])


def _distinct(name: str, type_: str) -> str:
    return "0" if type_ == "BLOB" else f"approx_count_distinct({quote(name)})"


def _categories(con: duckdb.DuckDBPyConnection, source: str, name: str, k: int) -> tuple[str, ...]:
    """The values of the column in order, or none when one of them is rare."""
    column = quote(name)
    sql = (
        f"SELECT {column}, count(*) >= {k:d} FROM {source}"  # noqa: S608
        f" WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    found = con.execute(sql).fetchall()
    return tuple(value for value, _ in found) if all(often for _, often in found) else ()


def _repeated(
    con: duckdb.DuckDBPyConnection, source: str, columns: Sequence[tuple[str, str]], rows: int
) -> frozenset[tuple[str, str]]:
    """Those of these columns of a large table that repeat in its first rows already, and so are no keys: to
    count all values of a column apart takes longer than anything else that is asked of it."""
    if not columns or rows <= 2 * _REPEATS_WITHIN:
        return frozenset()
    listed = ", ".join(quote(name) for name, _ in columns)
    counts = ", ".join(f"count(DISTINCT {quote(name)})" for name, _ in columns)
    begun = f"(SELECT {listed} FROM {source} LIMIT {_REPEATS_WITHIN})"  # noqa: S608
    found = first(con, f"SELECT {counts} FROM {begun}")  # noqa: S608
    return frozenset(one for one, apart in zip(columns, found, strict=True) if apart < _REPEATS_WITHIN)


def _sample(
    con: duckdb.DuckDBPyConnection, source: str, name: str, type_: str, values: int
) -> tuple[str, ...]:
    if type_ not in _SAMPLED or not values:
        return ()
    column = quote(name)
    sql = (
        f"SELECT DISTINCT left({column}::VARCHAR, 400) FROM {source}"  # noqa: S608
        f" WHERE {column} IS NOT NULL LIMIT {SAMPLE}"
    )
    return tuple(row[0] for row in con.execute(sql).fetchall())
