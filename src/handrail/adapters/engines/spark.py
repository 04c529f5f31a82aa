"""Spark: tables stay in its catalog and are asked there, by Spark Connect or by a Spark inside this server.

`pyspark` is not among Handrail's own dependencies; it is installed beside it where an engine is of this kind.
Spark has no read-only session, so the account that Handrail uses should be able to read the tables alone.
What else holds: statements are SELECTs from an allow-list, a viewer's rows are fenced off from the query's
own conditions, and Spark's error texts, which quote values, go nowhere.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog

from handrail.adapters.engines.duckdb_words import MISFIT, VALUE
from handrail.adapters.engines.ended import WAIT_SECONDS, busy, same_server
from handrail.adapters.engines.plan import Planner
from handrail.adapters.engines.spark_catalog import described, listed
from handrail.adapters.engines.spark_running import Running
from handrail.adapters.engines.to_spark import SPARK
from handrail.adapters.engines.translate import translate
from handrail.kernel import Invalid, NotReady, Refusal, Upstream
from handrail.kernel.ports import EngineLimits, LiveSource, Remote, Rows

try:
    from grpc import RpcError
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
except ImportError:  # told by `open_server`
    SparkSession = PySparkException = Py4JError = RpcError = None

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

_RETRIES = 4  # of a call to Spark Connect: some seconds
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.variable.substitute": "false",  # of ${env:…} in a text, which is the viewer's
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
}
_AT_START = {"spark.ui.enabled": "false", "spark.sql.execution.arrow.pyspark.enabled": "true"}
# What the client raises when a statement or the way to Spark fails, and what a value may that does not fit.
_FAILURES: tuple[Any, ...] = (PySparkException, Py4JError, RpcError, OSError, RuntimeError)
_MISFITS = (ValueError, TypeError, ArithmeticError, pa.ArrowException)
_log = structlog.get_logger(__name__)


def open_server(name: str, url: str, settings: EngineSettings) -> Spark:
    """The engine of that name at `url`; connects at the first question. Refuses NotReady without pyspark."""
    if SparkSession is None:
        raise NotReady(
            f"The engine {name} is a Spark, and pyspark is not installed here.",
            next_step="An admin installs pyspark[connect] beside Handrail; see docs/operate/engines.md.",
            subject=f"engine:{name}",
        )
    return Spark(name, url, settings.connections)


class Spark:
    """Questions to one Spark, in one session that is opened at need and anew when it is lost."""

    expected = (Refusal, *_FAILURES, *_MISFITS)  # what a question may raise, beside a mistake of ours

    def __init__(self, name: str, url: str, connections: int) -> None:
        self.name, self._url = name, url
        self.within = not url.startswith("sc://")  # in this server, not behind Spark Connect
        address = url.partition("://")[2].partition("/")[0] if url.startswith("sc://") else ""
        self.where = f"{address}/" if address else ""
        self._planner = Planner()
        self._session: Any = None
        self._lock = threading.Lock()
        self.free = threading.BoundedSemaphore(max(1, connections))

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
            same_server(self.name, self.where, name, place)
        planned = self._planner.schema(sql, values, schema, tables)
        if not self.free.acquire(timeout=WAIT_SECONDS):
            raise busy(self.name)

        def begin(session: Any) -> Iterator[Any]:
            made = translate(sql, schema, described(session, tables), SPARK)
            bound = {
                name: self._planner.convert(values[made.converted[name][0]], made.converted[name][1])
                if name in made.converted
                else values[name]
                for name in made.parameters
            }
            rows: Iterator[Any] = session.sql(made.sql, args=bound).toLocalIterator()
            return rows

        return Running(self, begin, planned, limits)

    def live(self) -> LiveSource:
        """Every table of the catalog that this account sees."""
        session = self.session()
        try:
            return LiveSource("spark", self.where, listed(session))
        except _FAILURES as error:
            raise self.told(error) from None

    def close(self) -> None:
        """End the session."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.stop()

    def session(self) -> Any:
        """The session; refuses Upstream when there is no Spark."""
        with self._lock:
            if self._session is None:
                try:
                    self._session = self._opened()
                except _FAILURES as error:
                    _log.info("engine_unreachable", engine=self.name, kind=type(error).__name__)
                    raise self._unreachable() from None
            return self._session

    def _opened(self) -> Any:
        builder = SparkSession.builder
        if not self.within:
            session = builder.remote(self._url).create()
            for policy in session.client.get_retry_policies():
                policy.max_retries = min(policy.max_retries, _RETRIES)  # the default waits for ten minutes
        else:
            builder = builder.master(self._url).appName("handrail")
            for name, value in _AT_START.items():
                builder = builder.config(name, value)
            session = builder.getOrCreate()
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
        return session

    def told(self, error: Any) -> Refusal:
        """An error in our own words, by its SQLSTATE; a lost session is let go of, so the next is new."""
        known = isinstance(error, PySparkException)
        state = (error.getSqlState() or "") if known else _state_within(error)
        _log.info("engine_error", engine="spark", state=state, kind=type(error).__name__)
        if state.startswith(("22", "21")):
            return Invalid(VALUE[0], next_step=VALUE[1])
        if state.startswith(("42", "0A", "07")):
            return Invalid(MISFIT[0], next_step=MISFIT[1])
        if state.startswith("KD"):  # a file of the source; the session is well
            return NotReady(
                f"Files of a table at {self.name} could not be read: they are replaced just now or damaged.",
                next_step="Ask again in a moment; if that does not help, the table's steward looks at it.",
                subject=f"engine:{self.name}",
            )
        if isinstance(error, _MISFITS) and not known:
            return Invalid(VALUE[0], next_step=VALUE[1])
        self._let_go()
        return self._unreachable()

    def _let_go(self) -> None:
        """Forget a session that is lost, and its channel, which would go on waiting between its attempts."""
        with self._lock:
            lost, self._session = self._session, None
        if lost is not None and not self.within:
            lost.client.close()

    def _unreachable(self) -> Upstream:
        return Upstream(
            f"The Spark of {self.name} does not answer.",
            next_step=f"An admin checks that it runs at the address of engines.{self.name}; then ask again.",
            subject=f"engine:{self.name}",
        )


def _state_within(error: Any) -> str:
    """The SQLSTATE of the first cause that has one, of an error that comes from the JVM as it is."""
    cause = getattr(error, "java_exception", None)
    for _ in range(10):
        if cause is None:
            break
        try:
            if state := cause.getSqlState():
                return str(state)
        except Py4JError:  # this cause knows no SQLSTATE
            pass
        cause = cause.getCause()
    return ""
