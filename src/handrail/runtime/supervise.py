"""The supervisor of a server or a worker: takes queued runs, a few at a time, as long as its sandboxes hold.

Before its first run, and before the next one when something was upgraded, it has the sandboxes examined; what
is queued meanwhile waits, or is taken by another host. A host whose sandboxes do not hold takes no run while
one is there whose do; where there is none, it takes them to say why they cannot run.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from handrail.kernel import SYSTEM, Instance, Refusal
from handrail.kernel.worker import Worker
from handrail.runtime import diagnosis, lease_store
from handrail.runtime.attend import Attendance, Kind, condition
from handrail.runtime.execute import carry_out, claim
from handrail.runtime.hosts import Hosts
from handrail.runtime.sound import examined

_PAUSE = 0.25  # seconds between two looks into an empty queue
_UNPREPARED = 2.0  # seconds before a host that has not what runs need looks again
_AGAIN = 60  # seconds before sandboxes that could not be examined are tried again without a run that waits
_logger = structlog.get_logger(__name__)


class Supervisor(Worker):
    """As many threads as runs may go on at the same time on this host."""

    def __init__(
        self,
        instance: Instance,
        kind: Kind = "server",
        capacity: int | None = None,
        prepare: Callable[[], object] = lambda: None,
        hosts: Hosts | None = None,
    ) -> None:
        self._instance, self._prepare = instance, prepare  # before each run; refuses where it cannot be
        self._draining = threading.Event()
        self._next_look: float | None = 0.0  # at the sandboxes; None once they have been examined
        threads = capacity if capacity is not None else instance.settings.runtime.concurrent
        self._attendance = Attendance(instance, kind, threads, hosts)
        super().__init__("runs", self._round, _PAUSE, threads)

    def start(self) -> None:
        """Take back what dead hosts left running, then take up the queue."""
        self._attendance.start()
        super().start()

    def drain(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Take no more runs, and wait so long for those that go on, or until it is `enough`; what is left
        then goes on until `stop`.
        """
        self._draining.set()
        self._attendance.state = "draining"
        self._attendance.tell()
        until = time.monotonic() + seconds
        while self.going and time.monotonic() < until and not enough():
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """Give back what goes on, or end it where that cannot be, and leave."""
        super().stop()
        self._attendance.stop()

    def _round(self, shutdown: threading.Event) -> bool:
        if self._draining.is_set():
            return False
        if self._next_look is not None and time.monotonic() >= self._next_look:
            self._look(shutdown)
        return take_one(self._instance, shutdown, self._prepare)

    def _look(self, shutdown: threading.Event) -> None:
        """Have the sandboxes examined before anybody needs one; a red one of before is looked at anew."""
        first, self._next_look = self._next_look == 0.0, time.monotonic() + _AGAIN
        try:
            if first:
                diagnosis.forget_red(self._instance.settings, self._instance.ports.isolation)
            found = examined(self._instance, shutdown)
        except Refusal as refusal:
            _logger.warning("sandbox.unexamined", reason=refusal.message, next_step=refusal.next_step)
            return
        self._next_look = None
        self._attendance.tell()
        if not found.green:
            _logger.error("sandbox.red", failed=[probe.name for probe in found.failed])


def take_one(
    instance: Instance, shutdown: threading.Event, prepare: Callable[[], object] = lambda: None
) -> bool:
    """Execute the run whose turn it is; False when none waits, or only such as another host is to take."""
    with instance.context(SYSTEM) as ctx:
        waiting = lease_store.count_queued(ctx)
    if not waiting:
        return False
    with suppress(Refusal):  # it waits meanwhile; what hinders it is told at its end
        examined(instance, shutdown)
    if shutdown.is_set() or not _may_take(instance):
        return False
    try:
        prepare()
    except Refusal as refusal:
        _logger.warning("host.unprepared", reason=refusal.message, next_step=refusal.next_step)
        shutdown.wait(_UNPREPARED)
        return False
    if run := claim(instance):
        carry_out(instance, run, shutdown)
    return run is not None


def _may_take(instance: Instance) -> bool:
    sound, _ = condition(instance)
    if sound:
        return True
    with instance.context(SYSTEM) as ctx:
        return not lease_store.somebody_takes_runs(ctx)
