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


@dataclass(frozen=True)
class _Signed:
    checkpoint: str | None
    settling: "Sequence[Future[int]]"  # of who waits until it is published


class Writer(Generic[Note]):
    """Commits what is said, in its order. `commit` gives the number of each entry, and a checkpoint;
    in place of a number, what kept this entry alone from being written. Another thread publishes the
    checkpoints that came since it last did, since nobody need wait for that.

    The threads begin with the first entry. What goes wrong with a group reaches everybody who waits for it.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Note]], tuple[Sequence[int | Exception], str | None]],
        publish: Callable[[Sequence[str]], None],
    ) -> None:
        self._write = commit
        self._show = publish
        self._queue: queue.SimpleQueue[_Waiting[Note] | None] = queue.SimpleQueue()
        self._signed: queue.SimpleQueue[_Signed | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False

    def soon(self, note: Note | None, *, urgent: bool = True) -> "Future[int]":
        """The number of the entry, once it is durable; None stands for all entries before, published too.

        What is not `urgent` may wait a few milliseconds for others to be committed with.
        """
        waiting = _Waiting(note, urgent, Future())
        with self._lock:
            self._begin()
            self._queue.put(waiting)
        return waiting.written

    def committed(self, checkpoint: str) -> None:
        """Have a checkpoint published that was committed elsewhere, with a transaction of its own."""
        with self._lock:
            self._begin()
            self._signed.put(_Signed(checkpoint, ()))

    def close(self) -> None:
        """Write what is queued, publish, and end the threads."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._ended = False
            self._thread = threading.Thread(target=self._serve, name="audit", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        publisher = threading.Thread(target=self._publish, name="audit-publish", daemon=True)
        publisher.start()
        try:
            while not self._ended:
                group = self._group()
                settling = [one.written for one in group if one.note is None]
                if (
                    done := self._commit([one for one in group if one.note is not None], settling)
                ) is not None:
                    self._signed.put(done)
        finally:
            self._signed.put(None)
            publisher.join()

    def _group(self) -> list[_Waiting[Note]]:
        """The next entries to commit together."""
        group: list[_Waiting[Note]] = []
        until: float | None = None
        while len(group) < _GROUP:
            try:
                one = self._queue.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if one is None:
                self._ended = True
                break
            group.append(one)
            if one.urgent:
                until = 0.0  # whatever is here already, and no more
            elif until is None:
                until = time.monotonic() + _PATIENCE
        return group

    def _commit(self, group: list[_Waiting[Note]], settling: "Sequence[Future[int]]") -> _Signed | None:
        """Write a group, and tell who waits for it; None when it could not be written."""
        if not group:
            return _Signed(None, settling)
        try:
            numbers, signed = self._write([one.note for one in group if one.note is not None])
        except Exception as error:  # noqa: BLE001 - a supervisor: each caller that waits must learn of it
            _logger.warning("audit.not_written", entries=len(group), error=type(error).__name__)
            for future in (*(one.written for one in group), *settling):
                future.set_exception(error)
            return None
        for one, number in zip(group, numbers, strict=True):
            if isinstance(number, Exception):
                one.written.set_exception(number)
            else:
                one.written.set_result(number)
        return _Signed(signed, settling)

    def _publish(self) -> None:
        """Publish what was committed, `_LAG` after the last or as soon as somebody waits for it."""
        published, ended = 0.0, False
        while not ended:
            signed: list[str] = []
            settling: list[Future[int]] = []
            until: float | None = None
            while not ended:
                try:
                    wait = None if until is None else max(0.0, until - time.monotonic())
                    one = self._signed.get(timeout=wait)
                except queue.Empty:
                    break
                if one is None:
                    ended = True
                    break
                signed += [one.checkpoint] if one.checkpoint else []
                settling += one.settling
                until = 0.0 if settling else published + _LAG
            if signed:
                published = time.monotonic()
                self._show_safely(signed)
            for future in settling:
                future.set_result(-1)

    def _show_safely(self, signed: Sequence[str]) -> None:
        try:
            self._show(signed)
        except Exception as error:  # noqa: BLE001 - the next checkpoint is published in its place
            _logger.warning("audit.not_published", error=type(error).__name__)
