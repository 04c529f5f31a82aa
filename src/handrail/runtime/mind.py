"""Looking after a run that goes on: its lease, its log, and whoever wants it to end."""

import threading
from collections.abc import Collection
from types import TracebackType
from typing import Protocol

import structlog

from handrail.kernel import SYSTEM, Instance, Refusal
from handrail.kernel.held import Lost
from handrail.runtime import lease, lease_store, store
from handrail.runtime.lease import Lease
from handrail.runtime.models import Run

_BEAT = 0.4  # seconds between two looks at the wish to stop, and between two writes of the log
_RENEWED = 0.25  # the part of its time after which a lease is renewed
_TICK = 0.2  # seconds between two looks at what is known without the database
_MARGIN = 2.0  # seconds before the end of its lease in which a sandbox is ended; at most a quarter of it
_logger = structlog.get_logger(__name__)


class _Log(Protocol):
    def flush(self) -> None:
        """Keep what has come since the last time."""


class Holding:
    """A run's lease, renewed when a part of its time is over."""

    def __init__(self, instance: Instance, run: Run) -> None:
        self._instance, self._run = instance, run
        assert isinstance(run.lease, Lease)
        self.seconds = run.lease.seconds
        self._token, self.good_until = run.lease.token, run.lease.good_until

    def wanted(self) -> bool | None:
        """Whether somebody wants the run to end; None when it is not ours any more. Refuses Upstream."""
        before = lease.now()
        due = before > self.good_until - self.seconds * (1 - _RENEWED)
        with self._instance.context(SYSTEM) as ctx:
            if not due:
                return store.stop_wanted(ctx, self._run.id)
            wanted = lease_store.renew(ctx, self._run.id, self._token, self.seconds)
        if wanted is not None:
            self.good_until = before + self.seconds
        return wanted


class Minder:
    """A run's, inside its `with` block: `stop` is set when it is to end, `lost` when it is not ours any more.

    One thread asks the database. The other waits for nothing, so that a sandbox is ended before its lease has
    run out even while the database does not answer.
    """

    def __init__(self, instance: Instance, run: Run, ends: Collection[threading.Event]) -> None:
        self._instance, self._run, self._ends = instance, run, ends
        self._holding = Holding(instance, run)
        self.stop, self.lost = threading.Event(), threading.Event()
        self.wanted = False  # somebody asked for its end
        self.log: _Log | None = None
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"{name} {run.id}")
            for name, work in (("minder", self._look), ("watch", self._watch))
        ]

    @property
    def good_until(self) -> float:
        """Until when the run is held, by `lease.now`, as known now."""
        return self._holding.good_until

    def __enter__(self) -> "Minder":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        margin = min(_MARGIN, self._holding.seconds / 4)
        while not self._over.wait(_TICK):
            if lease.now() > self._holding.good_until - margin:
                self._lose("unrenewed")
            if any(end.is_set() for end in self._ends):
                self.stop.set()

    def _look(self) -> None:
        while not self._over.wait(_BEAT):
            try:
                if self.log is not None:
                    self.log.flush()
                self._ask()
            except Lost:
                self._lose("taken")
            except Refusal as refusal:  # the database is away: until the lease ends, it may come back
                _logger.warning("run.unminded", run=self._run.id, reason=refusal.message)
            if self.lost.is_set():
                return

    def _ask(self) -> None:
        wanted = self._holding.wanted()
        if wanted is None:
            raise Lost(self._run.id)
        if wanted:
            self.wanted = True
            self.stop.set()

    def _lose(self, why: str) -> None:
        if not self.lost.is_set():
            _logger.error("run.lost", run=self._run.id, why=why)
            self.lost.set()
            self.stop.set()
