"""Read tables and views of a DuckDB file, attached read-only and locked away from every other file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from handrail.data.sources.table import (
    Extracted,
    ForeignKey,
    SourceColumn,
    Table,
    Tick,
    describe,
    distinct_names,
    literal,
    quote,
    storable,
    write_query,
)
from handrail.kernel import Invalid

MAGIC = b"DUCK"  # at offset 8
_NEXT = "Check the file with DuckDB itself (the newest version), and ask its owner for a good copy."


class DuckDBSource:
    """A DuckDB file. Its views may name other files of this machine, so file access is shut."""

    kind = "duckdb"

    def __init__(self, path: Path) -> None:
        self.location = str(path)
        self._left_out: list[str] = []
        self._con = duckdb.connect()
        try:
            self._con.execute(f"ATTACH {literal(str(path))} AS source (READ_ONLY)")
            self._con.execute("SET enable_external_access = false")
            self._con.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            raise self._unreadable() from error

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(self._left_out)

    def tables(self) -> tuple[Table, ...]:
        """Every table and readable view, sorted; a view that no longer works is left out and named."""
        sql = (
            "SELECT schema_name, table_name, 'table', comment FROM duckdb_tables()"
            " WHERE database_name = 'source' AND NOT internal"
            " UNION ALL SELECT schema_name, view_name, 'view', comment FROM duckdb_views()"
            " WHERE database_name = 'source' AND NOT internal ORDER BY 1, 2"
        )
        found = self._con.sql(sql).fetchall()
        tables = [self._table(str(row[0]), str(row[1]), str(row[2]), row[3] or "") for row in found]
        return tuple(table for table in tables if table is not None)

    def _table(self, schema: str, name: str, kind: str, comment: str) -> Table | None:
        try:
            columns = describe(self._con, _relation(schema, name))
        except duckdb.Error:
            self._left_out.append(f'The {kind} "{name}" cannot be read on its own; it was left out.')
            return None
        rules = self._con.execute(
            "SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names"
            " FROM duckdb_constraints()"
            " WHERE database_name = 'source' AND schema_name = ? AND table_name = ?",
            [schema, name],
        ).fetchall()
        required = {column for rule in rules if rule[0] == "NOT NULL" for column in rule[1]}
        return Table(
            key=_key(schema, name),
            name=name if schema == "main" else f"{schema}_{name}",
            columns=tuple(SourceColumn(column, type_, column in required) for column, type_ in columns),
            kind=kind,
            primary_key=next((tuple(rule[1]) for rule in rules if rule[0] == "PRIMARY KEY"), ()),
            unique=tuple(tuple(rule[1]) for rule in rules if rule[0] == "UNIQUE"),
            foreign_keys=tuple(
                ForeignKey(tuple(rule[1]), _key(schema, rule[2]), tuple(rule[3]))
                for rule in rules
                if rule[0] == "FOREIGN KEY"
            ),
            description=comment,
        )

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted:
        """Write the table to Parquet, types that Parquet cannot hold turned into ones it can."""
        schema, _, name = table.key.rpartition(".")
        relation = _relation(schema or "main", name)
        try:
            select, notes = selection(describe(self._con, relation))
            rows = write_query(self._con, f"SELECT {select} FROM {relation}", target, tick)  # noqa: S608
        except duckdb.Error as error:
            raise self._unreadable() from error
        return Extracted(rows, notes)

    def close(self) -> None:
        self._con.close()

    def _unreadable(self) -> Invalid:
        name = Path(self.location).name
        return Invalid(
            f"{name} is damaged, in use by a writer, or made by a newer DuckDB; nothing was imported.",
            next_step=_NEXT,
        )


def selection(columns: list[tuple[str, str]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A select list that reads DuckDB columns in storable types, and a note for each that changes."""
    names = distinct_names(name for name, _ in columns)
    read = [storable(name, type_) for name, type_ in columns]
    select = ", ".join(f"{sql} AS {quote(name)}" for name, (sql, _) in zip(names, read, strict=True))
    return select, tuple((name, note) for name, (_, note) in zip(names, read, strict=True) if note)


def _key(schema: str, name: str) -> str:
    return name if schema == "main" else f"{schema}.{name}"


def _relation(schema: str, name: str) -> str:
    return f"source.{quote(schema)}.{quote(name)}"
