"""What every kind of source says about its tables, and how their rows become a Parquet extract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 20_000
Tick = Callable[[int], None]  # rows written so far

# DuckDB types that are kept as they are; every other type is turned into one of them.
_KEPT = frozenset(
    (
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
        *("FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP"),
    )
)
_CHANGED = {
    "HUGEINT": ("DECIMAL(38,0)", "{}::DECIMAL(38,0)"),
    "UHUGEINT": ("VARCHAR", "{}::VARCHAR"),
    "UBIGINT": ("DECIMAL(20,0)", "{}::DECIMAL(20,0)"),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMP", "({} AT TIME ZONE 'UTC')"),
    "TIMESTAMP_S": ("TIMESTAMP", "{}::TIMESTAMP"),
    "TIMESTAMP_MS": ("TIMESTAMP", "{}::TIMESTAMP"),
    "TIMESTAMP_NS": ("TIMESTAMP", "{}::TIMESTAMP"),
}


@dataclass(frozen=True)
class ForeignKey:
    """Columns that point at columns of another table of the same source."""

    columns: tuple[str, ...]
    table: str  # physical name, as in Table.key
    targets: tuple[str, ...]


@dataclass(frozen=True)
class SourceColumn:
    """A column as the source declares it."""

    name: str
    declared: str = ""
    required: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table or view of a source; `key` names it uniquely inside the source ("schema.name" or "name")."""

    key: str
    name: str
    columns: tuple[SourceColumn, ...]
    kind: str = "table"
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Extracted:
    """One table written to Parquet: its rows, and what was changed on the way, by column."""

    rows: int
    notes: tuple[tuple[str, str], ...] = ()  # (column or '' for the table, text)


class Source(Protocol):
    """A place tables come from; `location` is safe to store and show (it never holds a password)."""

    @property
    def kind(self) -> str: ...

    @property
    def location(self) -> str: ...

    @property
    def left_out(self) -> tuple[str, ...]: ...  # what was found and not read, in words

    def tables(self) -> tuple[Table, ...]: ...

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted: ...

    def close(self) -> None: ...


def quote(name: str) -> str:
    """A name as a quoted SQL identifier; the standard's quoting, good for all four kinds of source."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def storable(name: str, type_: str) -> tuple[str, str]:
    """SQL that reads a DuckDB column in a type every extract can hold, and a note when that changes it."""
    column = quote(name)
    if type_ in _KEPT or type_.startswith("DECIMAL"):
        return column, ""
    if type_ in _CHANGED:
        kept, sql = _CHANGED[type_]
        zone = " in UTC" if "ZONE" in type_ else ""
        return sql.format(column), f"{type_} in the source, kept as {kept}{zone}."
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION", "VARIANT")):
        return f"to_json({column})::VARCHAR", "Nested in the source, kept as JSON text."
    shown = type_.partition("(")[0]
    return f"{column}::VARCHAR", f"{shown} in the source, kept as text."


def distinct_names(names: Iterable[str]) -> list[str]:
    """Column names that stay apart when case is ignored, none empty: later twins get a number."""
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names, 1):
        candidate = base = name if name.strip() else f"column{position}"
        number = 2
        while candidate.lower() in seen:
            candidate, number = f"{base}_{number}", number + 1
        seen.add(candidate.lower())
        result.append(candidate)
    return result


def write(target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], tick: Tick) -> int:
    """Write batches as one Parquet file and return the number of rows; an empty table is a valid file."""
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
            tick(rows)
    return rows


def write_query(con: duckdb.DuckDBPyConnection, sql: str, target: Path, tick: Tick) -> int:
    """Write a DuckDB query's rows as one Parquet file and return their number."""
    reader = con.sql(sql).to_arrow_reader(BATCH_ROWS)
    return write(target, reader.schema, reader, tick)


def describe(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    """Names and DuckDB types of the columns of a table or table function."""
    rows = con.sql(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608
    return [(str(row[0]), str(row[1])) for row in rows]


def first(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
    """The first row of a query, or an empty tuple; reads to the end, as DuckDB 2 wants it."""
    rows = con.execute(sql, list(values)).fetchall()
    return tuple(rows[0]) if rows else ()
