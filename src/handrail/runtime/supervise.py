"""The supervisor of a server: takes queued runs, a few at a time, and cleans up after servers that died.

Before its first run, and before the next one when something was upgraded, it has the sandboxes examined; what
is queued meanwhile waits.
"""

import threading
import time
from contextlib import suppress

import structlog

from handrail.kernel import SYSTEM, Instance, Refusal
from handrail.kernel.worker import Worker
from handrail.runtime import diagnosis, lease, store
from handrail.runtime.execute import carry_out, claim, close
from handrail.runtime.reasons import interrupted
from handrail.runtime.sound import examined

_PAUSE = 0.25  # seconds between two looks into an empty queue
_ROUND = 30  # seconds between two looks for runs whose process, such as a command in a terminal, is gone
_AGAIN = 60  # seconds before sandboxes that could not be examined are tried again without a run that waits
_logger = structlog.get_logger(__name__)


class Supervisor(Worker):
    """As many threads as runs may go on at the same time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._next_round = time.monotonic() + _ROUND
        self._next_look: float | None = 0.0  # at the sandboxes; None once they have been examined
        super().__init__("runs", self._round, _PAUSE, instance.settings.runtime.concurrent)

    def start(self) -> None:
        """Close what dead servers left running, then take up the queue."""
        recover(self._instance)
        super().start()

    def _round(self, shutdown: threading.Event) -> bool:
        if self._next_look is not None and time.monotonic() >= self._next_look:
            self._look(shutdown)
        worked = take_one(self._instance, shutdown)
        if not worked and time.monotonic() > self._next_round:
            self._next_round = time.monotonic() + _ROUND
            recover(self._instance)
        return worked

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
        if not found.green:
            _logger.error("sandbox.red", failed=[probe.name for probe in found.failed])


def take_one(instance: Instance, shutdown: threading.Event) -> bool:
    """Execute the run that has waited longest; False when none waits."""
    with instance.context(SYSTEM) as ctx:
        waiting = store.next_queued(ctx)
    if waiting is None:
        return False
    with suppress(Refusal):  # it waits meanwhile; what hinders it is told at its end
        examined(instance, shutdown)
    if shutdown.is_set():
        return False
    mine, run = claim(instance, waiting)
    if mine and run is not None:
        carry_out(instance, run, shutdown)
    return True


def recover(instance: Instance) -> int:
    """Close the runs whose process on this machine is gone, as interrupted; gives how many there were.

    A run that another living process executes, such as `handrail run` in a terminal, is not disturbed.
    """
    with instance.context(SYSTEM) as ctx:
        left = [run_id for run_id, holder in store.find_running(ctx) if lease.is_gone(holder)]
        runs = [run for run_id in left if (run := store.find_run(ctx, run_id)) is not None]
    for run in runs:
        close(instance, run, interrupted())
    return len(runs)
