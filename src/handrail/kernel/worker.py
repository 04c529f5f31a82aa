"""Threads of a server that do their work in rounds until they are told to stop."""

import threading
from collections.abc import Callable

import structlog

from handrail.kernel.errors import Refusal

_REFUSED = 2.0  # seconds before what was refused is tried again
Round = Callable[[threading.Event], bool]  # one round, ended early by the event; whether anything was done
_logger = structlog.get_logger(__name__)


class Worker:
    """Does a round after the other, and rests for `pause` seconds after one in which nothing was to be done.

    A round that breaks, or is refused, is logged and ends nothing.
    """

    def __init__(self, name: str, work: Round, pause: float, threads: int = 1) -> None:
        self._name, self._work, self._pause = name, work, pause
        self._shutdown = threading.Event()
        self._counting = threading.Lock()
        self.going = 0  # rounds at this moment
        self._threads = [threading.Thread(target=self._go_on, name=f"{name} {n}") for n in range(threads)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell the round that is going on to end, and wait for it."""
        self._shutdown.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _go_on(self) -> None:
        while not self._shutdown.is_set():
            self._count(1)
            try:
                worked = self._work(self._shutdown)
            except Refusal as refusal:  # the database is away, perhaps for an hour: said, not shouted
                _logger.warning("supervisor.refused", of=self._name, reason=refusal.message)
                self._shutdown.wait(_REFUSED)
                worked = False
            except Exception:
                _logger.exception("supervisor.broken", of=self._name)
                worked = False
            finally:
                self._count(-1)
            if not worked:
                self._shutdown.wait(self._pause)

    def _count(self, more: int) -> None:
        with self._counting:
            self.going += more
