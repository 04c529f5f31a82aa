"""What a governed statement answers with, found by DuckDB over empty tables of the contract's types.

One question has one schema, whichever engine answers it, so an app that worked on twins finds the same
columns and types in production; and what does not fit the data is told in the same words.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from handrail.adapters.engines.duckdb import told, told_apart
from handrail.kernel import Invalid
from handrail.kernel.ports import Remote

_Key = tuple[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]]
_KEPT = 32


class Planner:
    """Plans statements; the empty databases are kept, one for each set of tables in use."""

    def __init__(self) -> None:
        self._databases: OrderedDict[_Key, duckdb.DuckDBPyConnection] = OrderedDict()
        self._lock = threading.Lock()

    def schema(
        self, sql: str, values: Mapping[str, Any], schema: str, tables: Mapping[str, Remote]
    ) -> pa.Schema:
        """The columns of the answer. Refuses Invalid what does not fit the tables; nothing is run."""
        cursor = self._database(schema, tables).cursor()
        try:
            rows = cursor.execute(f"DESCRIBE {sql}", dict(values) or None).fetchall()
            kinds = ", ".join(f"NULL::{row[1]}" for row in rows)
            types = [field.type for field in cursor.sql(f"SELECT {kinds}").to_arrow_table().schema]
        except duckdb.Error as error:
            raise told(error) from None
        finally:
            cursor.close()
        named = [pa.field(str(row[0]), kind) for row, kind in zip(rows, types, strict=True)]
        return told_apart(pa.schema(named))

    def convert(self, value: Any, type_: str) -> Any:
        """`value` as DuckDB's TRY_CAST makes it, None where that fails; `type_` is no more than a type."""
        with duckdb.connect(":memory:") as database:
            return database.execute(f"SELECT TRY_CAST($1 AS {type_})", [value]).fetchall()[0][0]

    def _database(self, schema: str, tables: Mapping[str, Remote]) -> duckdb.DuckDBPyConnection:
        key = schema, tuple((name, place.columns) for name, place in sorted(tables.items()))
        with self._lock:
            if key not in self._databases:
                self._databases[key] = _empty(schema, tables)
            self._databases.move_to_end(key)
            while len(self._databases) > _KEPT:
                self._databases.popitem(last=False)
            return self._databases[key]


def _empty(schema: str, tables: Mapping[str, Remote]) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": "64MB",
            "temp_directory": "",
            "python_enable_replacements": False,
        },
    )
    database.execute("SET enable_external_access = false")
    database.execute(f"CREATE SCHEMA {_quoted(schema)}")
    for name, place in tables.items():
        try:
            columns = ", ".join(f"{_quoted(column)} {_type(kind)}" for column, kind in place.columns)
            database.execute(f"CREATE TABLE {_quoted(schema)}.{_quoted(name)} ({columns})")
        except (duckdb.Error, ValueError):
            raise Invalid(
                f"The contract of {name} has a type that means nothing.",
                next_step="Ask its steward to correct it.",
            ) from None
    database.execute("SET lock_configuration = true")
    return database


def _type(kind: str) -> str:
    """The type, when it is one word with numbers: the contract's own text never stands in SQL otherwise."""
    if not all(letter.isalnum() or letter in "_(,) []" for letter in kind):
        raise ValueError
    return kind


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
