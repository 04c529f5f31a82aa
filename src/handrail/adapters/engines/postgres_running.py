"""One statement that runs at a PostgreSQL server, from its start until its last row or until nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import structlog

from handrail.adapters.engines.cells import batch
from handrail.adapters.engines.ended import has_left
from handrail.adapters.engines.postgres_words import told
from handrail.adapters.engines.watch import Watch
from handrail.kernel import Refusal
from handrail.kernel.ports import EngineLimits

if TYPE_CHECKING:
    from handrail.adapters.engines.postgres import Postgres

_BATCH_ROWS = 20_000
_BATCH_BYTES = 16 << 20  # of texts, so that a few wide rows are not many gigabytes before anybody counts them
_TAKEN, _TAKEN_TEXTS = 2_000, 100  # rows that the server hands over at once, and where texts are among them
_AGAIN = 0.5  # seconds after which a statement that was cancelled, and goes on, is cancelled again
_watch = Watch()
_log = structlog.get_logger(__name__)


class Running:
    """One statement, its rows taken from the server as they are asked for; gives its connection back."""

    def __init__(
        self,
        server: Postgres,
        connection: psycopg.Connection[Any],
        sql: str,
        values: list[Any],
        schema: pa.Schema,
        limits: EngineLimits,
    ) -> None:
        self.schema = schema
        self._server, self._connection, self._seconds = server, connection, limits.seconds
        self._taking = threading.Lock()  # held while rows are taken, so that nobody closes below them
        self._ending = threading.Lock()  # nobody cancels a connection that answers somebody else by now
        self._stopped = threading.Event()
        self._open = True
        self._presence = limits.presence
        self._left = self._presence.on_leave(self._leave)
        self._wide = [i for i, column in enumerate(schema) if _is_wide(column.type)]
        size = _TAKEN_TEXTS if self._wide else _TAKEN
        self._rows = iter(connection.cursor().stream(sql.encode(), values, binary=True, size=size))
        try:
            self._first = self._next()  # an error of the start is told at the start
        except BaseException:
            self._end(whole=False)
            raise

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time. Refuses as `Postgres.run` does, and closes at the end."""
        try:
            made, self._first = self._first, None
            while made is not None:
                yield made
                made = self._taken()
        finally:
            self.close()

    def close(self) -> None:
        """Stop, whether or not all rows were taken; what still runs at the server is cancelled."""
        self._stopped.set()
        if not self._taking.acquire(blocking=False):
            with self._ending:
                if self._open:
                    self._cancel()  # whoever takes rows finds out, and closes
            return
        try:
            self._end(whole=False)
        finally:
            self._taking.release()

    def _leave(self) -> None:
        """Whoever asked has left: the server gives up, and the thread that waits for it learns so.

        Again after a moment, because it may just have been about to begin.
        """
        with self._ending:
            if self._open:
                self._cancel()
                _watch.after(_AGAIN, self._leave)

    def _cancel(self) -> None:
        try:
            self._connection.cancel_safe(timeout=5)
        except psycopg.Error:
            _log.info("engine_cancel_failed", engine="postgres")

    def _taken(self) -> pa.RecordBatch | None:
        with self._taking:
            if not self._open:
                return None
            try:
                return self._next()
            except Refusal:
                self._end(whole=False)
                raise
            finally:
                if self._stopped.is_set():
                    self._end(whole=False)

    def _next(self) -> pa.RecordBatch | None:
        try:
            rows = [] if self._presence.gone else self._some()
        except psycopg.Error as error:
            refusal = told(error, self._server.where, self._seconds)
            raise (has_left() if self._presence.gone else refusal) from None
        if self._presence.gone:
            raise has_left()
        if not rows:
            self._end(whole=True)
            return None
        try:
            return batch(rows, self.schema)
        except (ValueError, TypeError, ArithmeticError, pa.ArrowException):
            raise told(psycopg.DataError(), self._server.where, self._seconds) from None

    def _some(self) -> list[Any]:
        if not self._wide:
            return list(islice(self._rows, _BATCH_ROWS))
        rows: list[Any] = []
        size = 0
        for row in islice(self._rows, _BATCH_ROWS):
            rows.append(row)
            size += sum(len(row[column] or ()) for column in self._wide)
            if size > _BATCH_BYTES:
                break
        return rows

    def _end(self, *, whole: bool) -> None:
        with self._ending:
            if not self._open:
                return
            self._open = False
            self._presence.forget(self._left)
            if not whole:
                self._cancel()
        self._server.give_back(self._connection, whole=whole)


def _is_wide(kind: pa.DataType) -> bool:
    """Whether a value may be of any length."""
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_list(kind))
