"""What PostgreSQL's catalog says about tables, and how each of their columns is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg

from handrail.adapters.engines.ended import changed
from handrail.adapters.engines.translate import Physical
from handrail.kernel import Invalid
from handrail.kernel.ports import LiveTable, Remote

_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_PLAIN = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "bytea": "BLOB",
}
# PostgreSQL knows infinite dates and years past 9999 or before Christ; Python and most readers do not.
_USUAL = "CASE WHEN {0} >= '0001-01-01' AND {0} < '10000-01-01' THEN {1} END"
_DESCRIBED = """
SELECT t.name, a.attname, format_type(CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE a.atttypid END,
       CASE WHEN y.typtype = 'd' THEN y.typtypmod ELSE a.atttypmod END), a.attnotnull
FROM unnest($1::text[], $2::text[]) AS t(name, relation)
JOIN pg_attribute a ON a.attrelid = to_regclass(t.relation) JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY t.name, a.attnum
"""
_LISTED = """
SELECT n.nspname, c.relname, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname
"""
_RULES = """
SELECT c.contype, n.nspname || '.' || r.relname,
       (SELECT array_agg(attname::text ORDER BY o) FROM unnest(c.conkey) WITH ORDINALITY u(k, o)
        JOIN pg_attribute ON attrelid = c.conrelid AND attnum = k),
       (SELECT array_agg(attname::text ORDER BY o) FROM unnest(c.confkey) WITH ORDINALITY u(k, o)
        JOIN pg_attribute ON attrelid = c.confrelid AND attnum = k)
FROM pg_constraint c LEFT JOIN pg_class r ON r.oid = c.confrelid
     LEFT JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.conrelid = to_regclass($1) AND c.contype IN ('p', 'u', 'f') ORDER BY c.conname
"""


def reading(column: str, type_: str) -> tuple[str, str, str]:
    """The DuckDB type in which a column is read, the SQL that reads it, and what is said about that."""
    name, base = _quoted(column), re.sub(r"\(\d+\)", "", type_)
    if base in _PLAIN:
        return _PLAIN[base], name, ""
    if found := _NUMERIC.fullmatch(type_):
        digits, places = int(found[1]), int(found[2])
        if places <= digits <= 38:
            return f"DECIMAL({digits},{places})", name, ""
    if base.startswith("numeric"):
        return "DOUBLE", f"CAST({name} AS DOUBLE PRECISION)", "Unbounded numeric, read as DOUBLE (15 digits)."
    if base == "date":
        return "DATE", _USUAL.format(name, name), ""
    if base == "timestamp without time zone":
        return "TIMESTAMP", _USUAL.format(name, name), ""
    if base == "timestamp with time zone":
        moment = _USUAL.format(name, f"({name} AT TIME ZONE 'UTC')")
        return "TIMESTAMP", moment, "Has a time zone in the source, read in UTC."
    if base == "oid":
        return "BIGINT", f"CAST({name} AS BIGINT)", ""
    if base == "money":
        return "DECIMAL(19,2)", f"CAST(CAST({name} AS DECIMAL) AS DECIMAL(19, 2))", "Money in the source."
    textual = base in ("text", "character varying")
    note = "" if textual or base in ("character", "name", "uuid") else f"{type_} in the source, read as text."
    return "VARCHAR", name if textual else f"CAST({name} AS TEXT)", note


def described(
    connection: psycopg.Connection[Any], tables: Mapping[str, Remote]
) -> tuple[tuple[str, Physical], ...]:
    """Each table as it is now; refuses NotReady a table that is gone, a column that is gone or retyped."""
    names = list(tables)
    relations = [".".join(map(_quoted, parts(tables[name].table))) for name in names]
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for name, column, type_, _ in connection.execute(_DESCRIBED, [names, relations]):
        found[name][column] = type_
    return tuple((name, _physical(name, place, found[name])) for name, place in sorted(tables.items()))


def _physical(name: str, place: Remote, types: Mapping[str, str]) -> Physical:
    if not types:
        raise changed(name, f"the table {place.table} is not there any more, or may not be seen")
    read, texts = [], set()
    for column, stated in place.columns:
        if column not in types:
            raise changed(name, f"its column {column} is gone")
        type_, sql, _ = reading(column, types[column])
        if type_ != stated:
            raise changed(name, f"its column {column} is {type_} now, and the contract says {stated}")
        read.append((column, sql))
        if type_ == "VARCHAR":
            texts.add(column)
    return Physical(parts(place.table), tuple(read), frozenset(texts))


def listed(connection: psycopg.Connection[Any]) -> tuple[LiveTable, ...]:
    """Every table and view that this role may read, with what the catalog says about keys."""
    rows = connection.execute(_LISTED).fetchall()
    return tuple(table for row in rows if (table := _listed(connection, *row)))


def _listed(
    connection: psycopg.Connection[Any], schema: str, name: str, kind: str, comment: str
) -> LiveTable | None:
    relation = f"{_quoted(schema)}.{_quoted(name)}"
    columns = connection.execute(_DESCRIBED, [["t"], [relation]]).fetchall()
    lowered = [str(column[1]).lower() for column in columns]
    if not columns or len(set(lowered)) < len(lowered) or "." in schema:
        return None  # names that only case tells apart cannot be asked for
    rules = connection.execute(_RULES, [relation]).fetchall()
    read = [(str(column[1]), *reading(str(column[1]), str(column[2]))) for column in columns]
    return LiveTable(
        table=f"{schema}.{name}",
        columns=tuple((column, type_) for column, type_, _, _ in read),
        required=tuple(str(column[1]) for column in columns if column[3]),
        primary_key=next((tuple(rule[2]) for rule in rules if rule[0] == "p"), ()),
        unique=tuple(tuple(rule[2]) for rule in rules if rule[0] == "u"),
        foreign_keys=tuple((tuple(r[2]), str(r[1]), tuple(r[3])) for r in rules if r[0] == "f"),
        notes=tuple((column, note) for column, _, _, note in read if note),
        kind="view" if kind in ("v", "m") else "table",
        description=comment,
    )


def parts(table: str) -> tuple[str, str]:
    """Schema and name; the schema holds no dot, the name may."""
    schema, dot, name = table.partition(".")
    if not dot:
        raise Invalid(
            f"“{table}” is not the name of a table at a PostgreSQL server.",
            next_step="Write physicalName as schema.table in the contract.",
        )
    return schema, name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
