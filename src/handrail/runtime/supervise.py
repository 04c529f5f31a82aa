"""The supervisor of a server: takes queued runs, a few at a time, and cleans up after servers that died."""

import threading
import time

import structlog

from handrail.kernel import SYSTEM, Instance
from handrail.runtime import lease, store
from handrail.runtime.execute import carry_out, claim, close
from handrail.runtime.reasons import interrupted

_PAUSE = 0.25  # seconds between two looks into an empty queue
_ROUND = 30  # seconds between two looks for runs whose process, such as a command in a terminal, is gone
_logger = structlog.get_logger(__name__)


class Supervisor:
    """As many threads as runs may go on at the same time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._shutdown = threading.Event()
        self._next_round = time.monotonic() + _ROUND
        self._threads = [
            threading.Thread(target=self._work, name=f"runs {n}")
            for n in range(instance.settings.runtime.concurrent)
        ]

    def start(self) -> None:
        """Close what dead servers left running, then take up the queue."""
        recover(self._instance)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Interrupt what is running, with its reason, and wait for the threads."""
        self._shutdown.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._shutdown.is_set():
            try:
                worked = take_one(self._instance, self._shutdown)
                if not worked and time.monotonic() > self._next_round:
                    self._next_round = time.monotonic() + _ROUND
                    recover(self._instance)
            except Exception:
                _logger.exception("supervisor.broken")
                worked = False
            if not worked:
                self._shutdown.wait(_PAUSE)


def take_one(instance: Instance, shutdown: threading.Event) -> bool:
    """Execute the run that has waited longest; False when none waits."""
    with instance.context(SYSTEM) as ctx:
        waiting = store.next_queued(ctx)
    if waiting is None:
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
