"""PostgreSQL: tables stay in the database and are asked there, each question in a read-only transaction.

The role that Handrail signs in with should be able to read the tables and nothing else. What else holds: the
statement is written from an allow-list, a viewer's rows are fenced off from the query's own conditions, the
search path names nothing but the system's functions, and PostgreSQL's error texts, which quote values, stay
here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import structlog
from psycopg import conninfo

from handrail.adapters.engines.cells import batch
from handrail.adapters.engines.plan import Planner
from handrail.adapters.engines.postgres_catalog import described, listed
from handrail.adapters.engines.postgres_words import told, unreachable
from handrail.adapters.engines.to_postgres import POSTGRES
from handrail.adapters.engines.translate import translate
from handrail.kernel import LimitReached, NotReady, Refusal, Upstream
from handrail.kernel.ports import EngineLimits, LiveSource, Remote, Rows

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

_BATCH_ROWS = 20_000
_WAIT_SECONDS = 10
_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "client_encoding": "UTF8",
    "application_name": "handrail",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Whatever a session could have a text, a moment or a name mean is said; {ms} is how long it may take.
_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = on;
SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {ms};
SET LOCAL idle_in_transaction_session_timeout = {idle};
SET LOCAL max_parallel_workers_per_gather = {threads};
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL standard_conforming_strings = on; SET LOCAL extra_float_digits = 1
"""


def open_server(name: str, url: str, settings: EngineSettings) -> Postgres:
    """The engine of that name at `url`; connects at the first question."""
    return Postgres(name, url, settings.connections)


class Postgres:
    """Questions to one database. A connection answers one question at a time and is kept for the next."""

    def __init__(self, name: str, url: str, connections: int) -> None:
        self._name, self._url = name, url
        self.where = _where(name, url)
        self._planner = Planner()
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(max(1, connections))

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Remote],
        limits: EngineLimits,
    ) -> Rows:
        """Start a statement where the tables are. Refuses as `Engine.run` does, and NotReady tables that are
        gone or are not what their contracts say.
        """
        for name, place in tables.items():
            self._same_server(name, place)
        planned = self._planner.schema(sql, values, schema, tables)
        connection = self._connection(limits)
        try:
            physical = described(connection, tables)
            made = translate(sql, schema, physical, POSTGRES)
            bound = self._bound(made.parameters, made.converted, values)
            return _Running(self, connection, made.sql, bound, planned, limits)
        except psycopg.Error as error:
            self.give_back(connection, whole=False)
            raise told(error, self.where, limits.seconds) from None
        except BaseException:
            self.give_back(connection, whole=False)
            raise

    def live(self) -> LiveSource:
        """Every table and view that this role may read."""
        connection = self._connection(EngineLimits(60, 0, 0))
        try:
            tables = listed(connection)
        except psycopg.Error as error:
            raise told(error, self.where, 60) from None
        finally:
            self.give_back(connection, whole=False)
        return LiveSource("postgres", self.where, tables)

    def close(self) -> None:
        """Close the connections that wait for a question."""
        while kept := self._kept():
            kept.close()

    def give_back(self, connection: psycopg.Connection[Any], *, whole: bool) -> None:
        """End the transaction; keep the connection for the next question if its answer was read `whole`."""
        try:
            if whole:
                connection.execute("ROLLBACK")
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()
        except psycopg.Error:
            connection.close()
        finally:
            self._free.release()

    def _connection(self, limits: EngineLimits) -> psycopg.Connection[Any]:
        """A connection in a new transaction; refuses when all are busy or the database is not there."""
        if not self._free.acquire(timeout=_WAIT_SECONDS):
            raise LimitReached(
                f"{self._name} answers as many questions as it may, and none ended within {_WAIT_SECONDS} s.",
                next_step="Try it again in a moment; an admin may raise the engine's connections.",
            )
        milliseconds = max(1, int(limits.seconds * 1000))
        begin = _BEGIN.format(ms=milliseconds, idle=milliseconds + 60_000, threads=max(limits.threads - 1, 0))
        try:
            while kept := self._kept():
                try:
                    kept.execute(begin.encode())
                except psycopg.OperationalError:  # it went away while nobody looked
                    kept.close()
                else:
                    return kept
            return self._opened(begin)
        except BaseException:
            self._free.release()
            raise

    def _kept(self) -> psycopg.Connection[Any] | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _opened(self, begin: str) -> psycopg.Connection[Any]:
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                prepare_threshold=None,
                **_CONNECT,
            )
            connection.execute(begin.encode())
        except psycopg.Error as error:
            raise unreachable(error, self._name, self.where) from None
        return connection

    def _same_server(self, name: str, place: Remote) -> None:
        if place.server and place.server != self.where:
            raise NotReady(
                f"The contract of {name} says that its data is at {place.server}, and {self._name} is at "
                f"{self.where}.",
                next_step="An admin corrects the engine's address, or a steward the contract, which is then "
                "certified again.",
                subject=f"dataset:{name}",
            )

    def _bound(
        self, names: tuple[str, ...], converted: Mapping[str, tuple[str, str]], values: Mapping[str, Any]
    ) -> list[Any]:
        return [
            self._planner.convert(values[converted[name][0]], converted[name][1])
            if name in converted
            else values[name]
            for name in names
        ]


class _Running:
    """One running statement, its rows taken from the server as they are asked for."""

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
        self._stopped = threading.Event()
        self._open = True
        self._presence = limits.presence
        self._left = self._presence.on_leave(self._leave)
        self._rows = iter(connection.cursor().stream(sql.encode(), values, binary=True, size=2_000))
        self._first: pa.RecordBatch | None = self._next()  # an error of the start is told at the start

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
            self._connection.cancel_safe(timeout=5)  # whoever takes rows finds out, and closes
            return
        try:
            self._end(whole=False)
        finally:
            self._taking.release()

    def _leave(self) -> None:
        """Whoever asked has left: the server gives up, and the thread that waits for it learns so."""
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
            except psycopg.Error as error:
                self._end(whole=False)
                raise told(error, self._server.where, self._seconds) from None
            except Refusal:
                self._end(whole=False)
                raise
            finally:
                if self._stopped.is_set():
                    self._end(whole=False)

    def _next(self) -> pa.RecordBatch | None:
        rows = list(islice(self._rows, _BATCH_ROWS))
        if not rows:
            self._end(whole=True)
            return None
        try:
            return batch(rows, self.schema)
        except (ValueError, TypeError, ArithmeticError, pa.ArrowException):
            raise told(psycopg.DataError(), self._server.where, self._seconds) from None

    def _end(self, *, whole: bool) -> None:
        if not self._open:
            return
        self._open = False
        self._presence.forget(self._left)
        if not whole:
            try:
                self._connection.cancel_safe(timeout=5)
            except psycopg.Error:
                _log.info("engine_cancel_failed", engine="postgres")
        self._server.give_back(self._connection, whole=whole)


_log = structlog.get_logger(__name__)


def _where(name: str, url: str) -> str:
    """The address as host:port/database, as a contract states it."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise Upstream(
            f"The address of the engine {name} cannot be understood.",
            next_step="An admin writes it as postgresql://user@host:5432/database.",
        ) from None
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
