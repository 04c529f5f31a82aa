"""What a governed statement answers with, found by DuckDB over empty tables of the contract's types.

One question has one schema, whichever engine answers it, so an app that worked on twins finds the same
columns and types in production; and what does not fit the data is told in the same words.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from handrail.adapters.engines.duckdb import told_apart
from handrail.adapters.engines.duckdb_words import told
from handrail.kernel import Invalid
from handrail.kernel.ports import Remote

_Key = tuple[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]]
_KEPT = 32
_PLANS = 1024


class Planner:
    """Plans statements; plans are kept, and the empty databases, one for each set of tables in use."""

    def __init__(self) -> None:
        self._databases: OrderedDict[_Key, duckdb.DuckDBPyConnection] = OrderedDict()
        self._plans: OrderedDict[tuple[str, _Key, tuple[tuple[str, str], ...]], pa.Schema] = OrderedDict()
        self._lock = threading.Lock()

    def schema(
        self, sql: str, values: Mapping[str, Any], schema: str, tables: Mapping[str, Remote]
    ) -> pa.Schema:
        """The columns of the answer. Refuses Invalid what does not fit the tables; nothing is run."""
        key = sql, _key(schema, tables), tuple((name, _kind(value)) for name, value in sorted(values.items()))
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        planned = self._planned(sql, values, schema, tables)
        with self._lock:
            self._plans[key] = planned
            while len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return planned

    def convert(self, value: Any, type_: str) -> Any:
        """`value` as DuckDB's TRY_CAST makes it, None where that fails; `type_` is no more than a type."""
        return _converted(value, type_) if isinstance(value, str) else _cast(value, type_)

    def _planned(
        self, sql: str, values: Mapping[str, Any], schema: str, tables: Mapping[str, Remote]
    ) -> pa.Schema:
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

    def _database(self, schema: str, tables: Mapping[str, Remote]) -> duckdb.DuckDBPyConnection:
        key = _key(schema, tables)
        with self._lock:
            if key not in self._databases:
                self._databases[key] = _empty(schema, tables)
            self._databases.move_to_end(key)
            while len(self._databases) > _KEPT:
                self._databases.popitem(last=False)
            return self._databases[key]


def _key(schema: str, tables: Mapping[str, Remote]) -> _Key:
    return schema, tuple((name, place.columns) for name, place in sorted(tables.items()))


def _kind(value: Any) -> str:
    """What about a value decides on types: its own, and of a list those of its items."""
    if isinstance(value, list | tuple):
        return f"list of {sorted({type(one).__name__ for one in value})}"
    # A decimal's digits are its type, and so is the size of a whole number.
    return f"{type(value).__name__} {value}" if isinstance(value, int | Decimal) else type(value).__name__


@lru_cache(maxsize=4096)
def _converted(value: str, type_: str) -> Any:
    return _cast(value, type_)


def _cast(value: Any, type_: str) -> Any:
    with duckdb.connect(":memory:") as database:
        return database.execute(f"SELECT TRY_CAST($1 AS {type_})", [value]).fetchall()[0][0]


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
