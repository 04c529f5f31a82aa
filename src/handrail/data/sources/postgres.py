"""Read tables and views of a PostgreSQL database in one read-only snapshot, streaming."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent

import psycopg
import pyarrow as pa
from psycopg import conninfo
from psycopg.rows import TupleRow

from handrail.data.sources.postgres_types import Reading, measure, reading
from handrail.data.sources.table import (
    BATCH_ROWS,
    Extracted,
    ForeignKey,
    SourceColumn,
    Table,
    Tick,
    distinct_names,
    quote,
    write,
)
from handrail.kernel import Invalid, NotAllowed, Upstream

_CONNECT_SECONDS = 10
_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind, has_table_privilege(c.oid, 'SELECT'),
       coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT attname, format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE atttypid END,
                            CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE atttypmod END),
       attnotnull, attgenerated <> ''
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_CONSTRAINTS = """
SELECT c.contype, n.nspname, r.relname,
       (SELECT array_agg(attname::text ORDER BY o) FROM unnest(c.conkey) WITH ORDINALITY u(k, o)
        JOIN pg_attribute ON attrelid = c.conrelid AND attnum = k),
       (SELECT array_agg(attname::text ORDER BY o) FROM unnest(c.confkey) WITH ORDINALITY u(k, o)
        JOIN pg_attribute ON attrelid = c.confrelid AND attnum = k)
FROM pg_constraint c LEFT JOIN pg_class r ON r.oid = c.confrelid
     LEFT JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.conrelid = %s AND c.contype IN ('p', 'u', 'f') ORDER BY c.conname
"""


def without_password(url: str) -> tuple[str, bool]:
    """The address as it may be stored and shown, and whether a password was taken out of it."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error as error:
        raise Invalid(
            "That PostgreSQL address cannot be understood.",
            next_step="Write it as postgresql://user@host:5432/database.",
        ) from error
    user = f"{percent(str(parts['user']), safe='')}@" if parts.get("user") else ""
    host = str(parts.get("host") or "localhost")
    name = percent(host, safe="") if host.startswith("/") else f"[{host}]" if ":" in host else host
    port = f":{parts['port']}" if parts.get("port") else ""
    return (
        f"postgresql://{user}{name}{port}/{percent(str(parts.get('dbname') or ''), safe='')}",
        "password" in parts,
    )


class PostgresSource:
    """A PostgreSQL database; the password comes with the address or from PGPASSWORD and is never kept."""

    kind = "postgres"

    def __init__(self, url: str) -> None:
        self.location, _ = without_password(url)
        self._left_out: list[str] = []
        try:
            self._db = psycopg.connect(
                url,
                connect_timeout=_CONNECT_SECONDS,
                client_encoding="UTF8",
                application_name="handrail import",
            )
        except psycopg.OperationalError as error:
            raise _unreachable(self.location, str(error)) from None  # the cause's text may hold the address
        self._db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._db.read_only = True

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(self._left_out)

    def tables(self) -> tuple[Table, ...]:
        """Every table, view and materialised view outside the system schemas; a partitioned table is one."""
        try:
            found = self._db.execute(_RELATIONS).fetchall()
            tables = [self._table(row) for row in found]
        except psycopg.Error as error:
            raise self._failed() from error
        return tuple(table for table in tables if table is not None)

    def _table(self, row: TupleRow) -> Table | None:
        oid, schema, name, relkind, may_read, comment = row
        if not may_read:
            self._left_out.append(f'This user may not read "{schema}.{name}"; it was left out.')
            return None
        described = self._db.execute(_COLUMNS, (oid,)).fetchall()
        if not described:
            self._left_out.append(f'"{schema}.{name}" has no columns; it was left out.')
            return None
        rules = self._db.execute(_CONSTRAINTS, (oid,)).fetchall()
        return Table(
            key=f"{schema}.{name}",
            name=name if schema == "public" else f"{schema}_{name}",
            columns=tuple(
                SourceColumn(str(c[0]), str(c[1]), bool(c[2]), "Computed by the source." if c[3] else "")
                for c in described
            ),
            kind="view" if relkind in ("v", "m") else "table",
            primary_key=next((tuple(rule[3]) for rule in rules if rule[0] == "p"), ()),
            unique=tuple(tuple(rule[3]) for rule in rules if rule[0] == "u"),
            foreign_keys=tuple(
                ForeignKey(tuple(rule[3]), f"{rule[1]}.{rule[2]}", tuple(rule[4]))
                for rule in rules
                if rule[0] == "f"
            ),
            description=comment,
        )

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted:
        """Write the table to Parquet by a server-side cursor, inside the snapshot of the whole import."""
        schema, _, name = table.key.partition(".")
        relation = f"{quote(schema)}.{quote(name)}"
        try:
            readings = [self._reading(relation, column) for column in table.columns]
            lost = self._lost(relation, readings)
            names = distinct_names(column.name for column in table.columns)
            fields = pa.schema([pa.field(n, r.type) for n, r in zip(names, readings, strict=True)])
            sql = f"SELECT {', '.join(r.sql for r in readings)} FROM {relation}"  # noqa: S608
            rows = write(target, fields, self._batches(sql, fields), tick)
        except psycopg.Error as error:
            raise self._failed() from error
        notes = []
        for column, how, gone in zip(names, readings, lost, strict=True):
            said = (
                f"{gone} values outside years 1 to 9999, or not a number, were read as missing."
                if gone
                else ""
            )
            if text := " ".join(part for part in (how.note, said) if part):
                notes.append((column, text))
        return Extracted(rows, tuple(notes))

    def _reading(self, relation: str, column: SourceColumn) -> Reading:
        if column.declared != "numeric":
            return reading(column.name, column.declared)
        row = self._db.execute(f"SELECT {measure(column.name)} FROM {relation}".encode()).fetchone()  # noqa: S608
        before, after, odd = row or (1, 0, 0)
        return reading(column.name, column.declared, None if odd else (before, after))

    def _lost(self, relation: str, readings: Sequence[Reading]) -> list[int]:
        counts = ", ".join(f"count(*) FILTER (WHERE {r.lost or 'false'})" for r in readings)
        row = self._db.execute(f"SELECT {counts} FROM {relation}".encode()).fetchone()  # noqa: S608
        return [int(value) for value in row or ()]

    def _batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._db.cursor(name="handrail_extract") as cursor:
            cursor.itersize = BATCH_ROWS
            cursor.execute(sql.encode())
            while rows := cursor.fetchmany(BATCH_ROWS):
                columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
                arrays = [pa.array(v, field.type) for v, field in zip(columns, schema, strict=True)]
                yield pa.record_batch(arrays, schema=schema)

    def close(self) -> None:
        self._db.close()

    def _failed(self) -> Upstream:
        return Upstream(
            f"{self.location} stopped answering, or could not give one of its tables; nothing was imported.",
            next_step="Check with psql that this user can read every table, and import again.",
        )


def _unreachable(location: str, text: str) -> Upstream | NotAllowed:
    """Our own words for why there is no connection; libpq's text is only looked at, never passed on."""
    if re.search(r"password|authentication|no pg_hba", text):
        return NotAllowed(
            f"{location} did not accept this user and password.",
            next_step="Set PGPASSWORD, or put the password into the address; Handrail does not keep it.",
        )
    if re.search(r'database ".*" does not exist', text):
        return Upstream(
            f"There is no such database at {location}.", next_step="Check the name after the last slash."
        )
    return Upstream(
        f"No PostgreSQL server answered at {location} within {_CONNECT_SECONDS} seconds.",
        next_step="Check host and port, and that this machine may reach them.",
    )
