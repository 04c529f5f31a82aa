"""Deadlines: one thread ends whatever runs too long, because a thread for each costs short questions."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class Alarm:
    """One deadline. `number` settles which of two for the same moment comes first."""

    at: float
    number: int
    call: Callable[[], None] | None = field(compare=False)


class Watch:
    """Calls back when time is up; the thread begins with the first deadline and is a daemon."""

    def __init__(self) -> None:
        self._alarms: list[Alarm] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._wakes = float("inf")  # when the thread looks next; it is woken only for what comes before

    def after(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Have `call` called once, so many seconds from now, unless it is forgotten before."""
        alarm = Alarm(time.monotonic() + seconds, next(self._numbers), call)
        with self._changed:
            heapq.heappush(self._alarms, alarm)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="deadlines", daemon=True)
                self._thread.start()
            elif alarm.at < self._wakes:
                self._changed.notify()
        return alarm

    def forget(self, alarm: Alarm) -> None:
        """Let a deadline pass in silence."""
        alarm.call = None

    def _keep(self) -> None:
        while True:
            with self._changed:
                while not self._alarms or self._alarms[0].at > time.monotonic():
                    self._wakes = self._alarms[0].at if self._alarms else float("inf")
                    wait = self._wakes - time.monotonic() if self._alarms else None
                    self._changed.wait(wait)
                call = heapq.heappop(self._alarms).call
            if call is not None:
                call()
