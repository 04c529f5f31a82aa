"""What Spark's catalog says about tables, and how each of their columns is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from handrail.adapters.engines.ended import changed
from handrail.adapters.engines.translate import Physical
from handrail.kernel.ports import LiveTable, Remote

_PLAIN = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp_ntz": "TIMESTAMP",
    "binary": "BLOB",
}


def reading(column: str, type_: str) -> tuple[str, str, str]:
    """The DuckDB type in which a column is read, the SQL that reads it, and what is said about that."""
    name = _quoted(column)
    if type_ in _PLAIN:
        return _PLAIN[type_], name, ""
    if found := re.fullmatch(r"decimal\((\d+),(\d+)\)", type_):
        return f"DECIMAL({found[1]},{found[2]})", name, ""
    if type_ == "timestamp":
        return "TIMESTAMP", f"CAST({name} AS TIMESTAMP_NTZ)", "Has a time zone in the source, read in UTC."
    if type_.startswith(("varchar", "char")):
        return "VARCHAR", f"CAST({name} AS STRING)", ""
    if type_.startswith(("array", "struct", "map")):
        return "VARCHAR", f"to_json({name})", "Nested in the source, read as JSON text."
    return "VARCHAR", f"CAST({name} AS STRING)", f"{type_} in the source, read as text."


def described(session: Any, tables: Mapping[str, Remote]) -> tuple[tuple[str, Physical], ...]:
    """Each table as it is now; refuses NotReady a table that is gone, a column that is gone or retyped."""
    return tuple((name, _physical(session, name, place)) for name, place in sorted(tables.items()))


def _physical(session: Any, name: str, place: Remote) -> Physical:
    relation = ".".join(_quoted(part) for part in place.table.split("."))
    if not session.catalog.tableExists(relation):
        raise changed(name, f"the table {place.table} is not there any more, or may not be seen")
    session.catalog.refreshTable(relation)  # or files that others have replaced are looked for in vain
    types = {field.name: field.dataType.simpleString() for field in session.table(relation).schema}
    read = []
    for column, stated in place.columns:
        if column not in types:
            raise changed(name, f"its column {column} is gone")
        type_, sql, _ = reading(column, types[column])
        if type_ != stated:
            raise changed(name, f"its column {column} is {type_} now, and the contract says {stated}")
        read.append((column, sql))
    return Physical(tuple(place.table.split(".")), tuple(read))


def listed(session: Any) -> tuple[LiveTable, ...]:
    """Every table and view of every database of the current catalog; Spark declares no keys."""
    found = []
    for database in session.catalog.listDatabases():
        for table in session.catalog.listTables(database.name):
            if table.isTemporary:
                continue
            one = _listed(session, database.name, table)
            found += [one] if one else []
    return tuple(found)


def _listed(session: Any, database: str, table: Any) -> LiveTable | None:
    if "." in database or "." in table.name:
        return None  # the parts of its name could not be told apart
    schema = session.table(f"{_quoted(database)}.{_quoted(table.name)}").schema
    read = [(field.name, *reading(field.name, field.dataType.simpleString())) for field in schema]
    return LiveTable(
        table=f"{database}.{table.name}",
        columns=tuple((column, type_) for column, type_, _, _ in read),
        required=tuple(field.name for field in schema if not field.nullable),
        notes=tuple((column, note) for column, _, _, note in read if note),
        kind="view" if table.tableType == "VIEW" else "table",
        description=table.description or "",
    )


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
