"""Statements on every question's path: compiled once for each dialect, then handed straight to the driver.

SQLAlchemy's own execution takes several times as long as a query that finds one row by its key. What it does
for us there, this does too: values in the dialect's style and types, the write lock before the first write,
its own exceptions when the database gives way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from handrail.kernel import storage

Values = Mapping[str, Any]


@dataclass(frozen=True)
class _Compiled:
    text: str
    order: tuple[str, ...] | None  # of the values, where the dialect counts them instead of naming them
    fixed: Values
    writers: Mapping[str, Callable[[Any], Any]]

    def given(self, values: Values) -> Any:
        found = {**self.fixed, **values}
        for name, writer in self.writers.items():
            found[name] = writer(found[name])
        return found if self.order is None else tuple(found[name] for name in self.order)


class Ready:
    """One statement, whose values are named as its parameters are."""

    def __init__(self, statement: sa.Executable, *, writes: bool) -> None:
        self._statement: Any = statement
        self._writes = writes
        self._compiled = lru_cache(maxsize=8)(self._compile)

    def rows(self, connection: sa.Connection, values: Values) -> list[tuple[Any, ...]]:
        """What it finds, in the driver's own types."""
        made = self._compiled(connection.dialect)
        with self._cursor(connection, made) as cursor:
            cursor.execute(made.text, made.given(values))
            return list(map(tuple, cursor.fetchall()))

    def run(self, connection: sa.Connection, values: Sequence[Values]) -> None:
        """Run it once for each of these."""
        made = self._compiled(connection.dialect)
        with self._cursor(connection, made) as cursor:
            cursor.executemany(made.text, list(map(made.given, values)))

    @contextmanager
    def _cursor(self, connection: sa.Connection, made: _Compiled) -> Iterator[Any]:
        if self._writes and not connection.in_transaction():
            connection.begin()  # or its commit would not know of what the driver did
        cursor = connection.connection.cursor()
        failure = connection.dialect.loaded_dbapi.Error
        try:
            if self._writes:
                storage.lock_for_writing(connection)
            yield cursor
        except failure as error:
            raise sa.exc.DBAPIError.instance(made.text, None, error, failure) from error
        finally:
            cursor.close()

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        made = self._statement.compile(dialect=dialect)
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in made.binds.items()}
        writers = {name: writer for name, kind in kinds.items() if (writer := kind.bind_processor(dialect))}
        order = tuple(made.positiontup) if made.positional else None
        return _Compiled(str(made), order, made.construct_params(_check=False), writers)
