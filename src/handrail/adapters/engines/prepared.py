"""Statements of one DuckDB database that ran to their end and are ready to run again, bound as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

_MOST, _LONGEST = 64, 20_000  # statements in one database; characters of one, its values included

_Key = tuple[str, str]


@dataclass(frozen=True)
class Prepared:
    """A bound statement on a cursor of its own; it runs anew each time it is read."""

    key: _Key
    cursor: duckdb.DuckDBPyConnection
    relation: duckdb.DuckDBPyRelation


class Database:
    """A closed database with its statements.

    One is ready for exactly its text and its values: whom these rows answer, they answer again. Its files
    are those of the database, and other files are another database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._ready: OrderedDict[_Key, list[Prepared]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, sql: str, values: Mapping[str, Any]) -> Prepared:
        """A statement for one run, to be given back or closed; raises what DuckDB says about it."""
        key = sql, repr(sorted(values.items()))  # 1, 1.0, True and Decimal("1.0") are different values
        with self._lock:
            if ready := self._ready.pop(key, None):
                last = ready.pop()  # what it used last may still be near the processor
                if ready:
                    self._ready[key] = ready
                return last
        cursor = self.connection.cursor()
        try:
            return Prepared(key, cursor, cursor.sql(sql, params=dict(values) or None))
        except duckdb.Error:
            cursor.close()
            raise

    def give_back(self, one: Prepared) -> None:
        """Keep a statement that ran to its end; those unused for longest, and very long ones, are closed."""
        closing = []
        with self._lock:
            self._ready.setdefault(one.key, []).append(one)
            self._ready.move_to_end(one.key)
            if sum(map(len, one.key)) > _LONGEST:
                closing = self._ready.pop(one.key)
            while sum(map(len, self._ready.values())) > _MOST:
                closing += self._ready.popitem(last=False)[1]
        for old in closing:
            old.cursor.close()
