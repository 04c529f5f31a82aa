"""PostgreSQL: tables stay in the database and are asked there, each question in a read-only transaction.

The role that Handrail signs in with should be able to read the tables and nothing else. What else holds: the
statement is written from an allow-list, a viewer's rows are fenced off from the query's own conditions, the
search path names nothing but the system's functions, and PostgreSQL's error texts, which quote values, stay
here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from handrail.adapters.engines.ended import WAIT_SECONDS, busy, same_server
from handrail.adapters.engines.plan import Planner
from handrail.adapters.engines.postgres_catalog import described, listed
from handrail.adapters.engines.postgres_running import Running
from handrail.adapters.engines.postgres_words import told, unreachable
from handrail.adapters.engines.to_postgres import POSTGRES
from handrail.adapters.engines.translate import translate
from handrail.kernel import Upstream
from handrail.kernel.ports import EngineLimits, LiveSource, Remote, Rows

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

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
            same_server(self._name, self.where, name, place)
        planned = self._planner.schema(sql, values, schema, tables)
        connection = self._connection(limits)
        try:
            physical = described(connection, tables)
            made = translate(sql, schema, physical, POSTGRES)
            bound = self._bound(made.parameters, made.converted, values)
        except psycopg.Error as error:
            self.give_back(connection, whole=False)
            raise told(error, self.where, limits.seconds) from None
        except BaseException:
            self.give_back(connection, whole=False)
            raise
        return Running(self, connection, made.sql, bound, planned, limits)  # which gives it back

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
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise busy(self._name)
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

    def _bound(
        self, names: tuple[str, ...], converted: Mapping[str, tuple[str, str]], values: Mapping[str, Any]
    ) -> list[Any]:
        return [
            self._planner.convert(values[converted[name][0]], converted[name][1])
            if name in converted
            else values[name]
            for name in names
        ]


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
