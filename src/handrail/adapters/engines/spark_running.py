"""One statement that runs at Spark, from its start until its last row or until nobody waits."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog

from handrail.adapters.engines.cells import batch
from handrail.adapters.engines.ended import has_left, too_late
from handrail.kernel import Refusal
from handrail.kernel.ports import EngineLimits

if TYPE_CHECKING:
    from handrail.adapters.engines.spark import Spark

_BATCH_ROWS = 10_000
_AGAIN = 0.5  # seconds after which a statement that was interrupted, and goes on, is interrupted again
_TRIES = 20
_log = structlog.get_logger(__name__)


class Running:
    """One statement: a thread of its own takes the rows, so no wait is longer than the deadline."""

    def __init__(
        self,
        spark: Spark,
        begin: Callable[[Any], Iterator[Any]],
        schema: pa.Schema,
        limits: EngineLimits,
    ) -> None:
        self.schema = schema
        self._spark, self._presence = spark, limits.presence
        self._session: Any = None
        self._tag = f"handrail-{uuid.uuid4().hex}"
        self._made: queue.Queue[pa.RecordBatch | Exception | None] = queue.Queue(maxsize=2)
        self._stopped, self._done = threading.Event(), threading.Event()
        self._why: Refusal | None = None
        self._deadline = threading.Timer(limits.seconds, self._give_up, [too_late(limits.seconds)])
        self._deadline.daemon = True
        self._deadline.start()
        threading.Thread(target=self._take, args=(begin,), daemon=True).start()
        self._left = self._presence.on_leave(self._leave)
        self._first = self._next()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time. Refuses as `Spark.run` does, and closes at the end."""
        try:
            made, self._first = self._first, None
            while made is not None:
                yield made
                made = self._next()
        finally:
            self.close()

    def close(self) -> None:
        """Stop, whether or not all rows were taken; what still runs is interrupted."""
        self._deadline.cancel()
        self._presence.forget(self._left)
        if not self._stopped.is_set():
            self._stopped.set()
            if not self._done.is_set():
                threading.Thread(target=self._interrupt, daemon=True).start()

    def _next(self) -> pa.RecordBatch | None:
        made = self._made.get()
        if not isinstance(made, Exception):
            return made
        self.close()
        error = self._why or made
        if isinstance(error, self._spark.expected) and not isinstance(error, Refusal):
            error = self._spark.told(error)
        raise error from None

    def _take(self, begin: Callable[[Any], Iterator[Any]]) -> None:
        """In a thread: run the statement and hand its batches over."""
        try:
            self._session = self._spark.session()
            if self._spark.within:
                self._session.sparkContext.setJobGroup(self._tag, "handrail", interruptOnCancel=True)
            else:
                self._session.addTag(self._tag)
            if not self._stopped.is_set():
                rows = begin(self._session)
                while found := list(islice(rows, _BATCH_ROWS)):
                    self._hand_over(batch(found, self.schema))
                self._hand_over(None)
        except _Stopped:
            _log.info("engine_stopped", engine="spark")
        except Exception as error:  # noqa: BLE001 - raised, or told, where somebody waits for the rows
            self._hand_over(error)
        finally:
            self._done.set()
            self._spark.free.release()

    def _hand_over(self, made: pa.RecordBatch | Exception | None) -> None:
        while not self._stopped.is_set():
            try:
                self._made.put(made, timeout=0.5)
            except queue.Full:
                continue
            return
        if made is not None and not isinstance(made, Exception):
            raise _Stopped

    def _leave(self) -> None:
        """Whoever asked has left; not in this thread, which tells others so too."""
        threading.Thread(target=self._give_up, args=(has_left(),), daemon=True).start()

    def _give_up(self, why: Refusal) -> None:
        """Have whoever waits for rows learn why, and the statement end."""
        if self._stopped.is_set():
            return
        self._why = why
        self._stopped.set()
        while True:  # nothing is handed over any more
            try:
                self._made.put_nowait(why)
                break
            except queue.Full:
                with suppress(queue.Empty):
                    self._made.get_nowait()
        self._interrupt()

    def _interrupt(self) -> None:
        """Until it has ended: it may just have been about to begin."""
        for _ in range(_TRIES):
            try:
                if self._session is not None and self._spark.within:
                    self._session.sparkContext.cancelJobGroup(self._tag)
                elif self._session is not None:
                    self._session.interruptTag(self._tag)
            except self._spark.expected as error:  # it ends by itself then
                _log.info("engine_cancel_failed", engine="spark", kind=type(error).__name__)
            if self._done.wait(_AGAIN):
                return


class _Stopped(Exception):
    """Nobody takes these rows any more."""
