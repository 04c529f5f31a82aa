"""The thread that commits entries in groups: who cannot wait for one another's flush share one."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

Note = TypeVar("Note")
_GROUP = 200
_PATIENCE = 0.005  # seconds for which what nobody waits for may wait for company
_LAG = 0.05  # seconds by which the checkpoint outside may be behind
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Waiting(Generic[Note]):
    note: Note | None  # None: somebody waits until all before it is written and published
    urgent: bool
    written: "Future[int]"


class Writer(Generic[Note]):
    """Commits what is said, in its order. `commit` gives the number of each entry, and a checkpoint;
    in place of a number, what kept this entry alone from being written.

    The thread begins with the first entry. What goes wrong with a group reaches everybody who waits for it.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Note]], tuple[Sequence[int | Exception], str | None]],
        publish: Callable[[str], None],
    ) -> None:
        self._write = commit
        self._show = publish
        self._queue: queue.SimpleQueue[_Waiting[Note] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._unpublished: str | None = None
        self._published = 0.0

    def soon(self, note: Note | None, *, urgent: bool = True) -> "Future[int]":
        """The number of the entry, once it is durable; None stands for all entries before, published too.

        What is not `urgent` may wait a few milliseconds for others to be committed with.
        """
        waiting = _Waiting(note, urgent, Future())
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ended = False
                self._thread = threading.Thread(target=self._serve, name="audit", daemon=True)
                self._thread.start()
            self._queue.put(waiting)
        return waiting.written

    def close(self) -> None:
        """Write what is queued, publish, and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def _serve(self) -> None:
        while not self._ended:
            group = self._group()
            settling = [one for one in group if one.note is None]
            if self._commit([one for one in group if one.note is not None], settling):
                due = time.monotonic() >= self._published + _LAG
                self._publish(at_once=bool(settling) or self._ended or due)
                for one in settling:
                    one.written.set_result(-1)

    def _group(self) -> list[_Waiting[Note]]:
        """The next entries to commit together; none when it is time to publish."""
        group: list[_Waiting[Note]] = []
        until = self._published + _LAG if self._unpublished else None
        while len(group) < _GROUP:
            try:
                wait = None if until is None else max(0.0, until - time.monotonic())
                one = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if one is None:
                self._ended = True
                break
            group.append(one)
            if one.urgent:
                until = 0.0  # whatever is here already, and no more
            elif len(group) == 1:
                until = time.monotonic() + _PATIENCE
        return group

    def _commit(self, group: list[_Waiting[Note]], settling: list[_Waiting[Note]]) -> bool:
        if not group:
            return True
        try:
            numbers, signed = self._write([one.note for one in group if one.note is not None])
        except Exception as error:  # noqa: BLE001 - a supervisor: each caller that waits must learn of it
            _logger.warning("audit.not_written", entries=len(group), error=type(error).__name__)
            for one in (*group, *settling):
                one.written.set_exception(error)
            return False
        self._unpublished = signed or self._unpublished
        for one, number in zip(group, numbers, strict=True):
            if isinstance(number, Exception):
                one.written.set_exception(number)
            else:
                one.written.set_result(number)
        return True

    def _publish(self, *, at_once: bool) -> None:
        signed = self._unpublished
        if signed is None or not at_once:
            return
        self._unpublished, self._published = None, time.monotonic()
        try:
            self._show(signed)
        except Exception as error:  # noqa: BLE001 - the next checkpoint is published in its place
            _logger.warning("audit.not_published", error=type(error).__name__)
