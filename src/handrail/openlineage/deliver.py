"""Deliver lineage events: in their order, at least once, and never in anybody's way."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

import structlog

from handrail.kernel import SYSTEM, Instance, storage
from handrail.openlineage import store
from handrail.openlineage.receivers import SECONDS, Receiver, Unacceptable, Unreachable, receiver

_PAUSE = 0.5  # seconds between two looks into an empty outbox
_LONGEST = 240.0  # seconds between two attempts, give or take a quarter
_TURN = 2 * SECONDS  # for which nobody else delivers: one event, with room to spare
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Round:
    """What one attempt came to: how many events arrived, and why no more did ("" where all did)."""

    delivered: int
    problem: str = ""


class Supervisor:
    """One thread that delivers. Of several servers one does at a time: the order is kept."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._receiver = receiver(instance.settings)
        self._holder = storage.new_id("teller")
        self._shutdown = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lineage")

    def start(self) -> None:
        """Begin to deliver, where the settings name a receiver."""
        if self._receiver:
            self._thread.start()

    def stop(self) -> None:
        """End after the event that is on its way; the others stay in the outbox."""
        self._shutdown.set()
        if self._thread.is_alive():
            self._thread.join()
            with self._instance.context(SYSTEM) as ctx:
                store.end_turn(ctx, self._holder)

    def _work(self) -> None:
        failures = 0
        while not self._shutdown.is_set():
            made = self._attempt()
            if made.problem and not failures:
                _logger.warning("lineage.waits", because=made.problem)
            elif failures and made.delivered:
                _logger.info("lineage.delivers", after_failures=failures)
            failures = failures + 1 if made.problem else 0
            if failures or not made.delivered:
                self._shutdown.wait(backoff(failures))

    def _attempt(self) -> Round:
        assert self._receiver is not None
        try:
            return deliver(self._instance, self._receiver, self._holder, self._shutdown)
        except Exception:
            _logger.exception("supervisor.broken", of="lineage")
            return Round(0, "the supervisor broke")


def backoff(failures: int) -> float:
    """Seconds until the next attempt: twice as long after each failure, up to five minutes; never in step."""
    if not failures:
        return _PAUSE
    return min(_LONGEST, 2.0 ** min(failures, 10)) * (0.75 + secrets.randbelow(500) / 1000)


def deliver(instance: Instance, to: Receiver, holder: str, shutdown: threading.Event | None = None) -> Round:
    """Hand over the events that wait, oldest first, until none is left or one cannot be handed over.

    Each is forgotten once it has arrived; when this process dies in between, it arrives again. An event that
    the receiver will never take is set aside, so that it does not hold up the others.
    """
    delivered, problem = 0, ""
    with instance.context(SYSTEM) as ctx:
        waiting = bool(store.next_waiting(ctx))
    while waiting and not problem and not (shutdown is not None and shutdown.is_set()):
        with instance.context(SYSTEM) as ctx:
            one = store.next_waiting(ctx) if store.take_turn(ctx, holder, _TURN) else None
        if one is None:
            break
        try:
            to.take(one.event)
        except Unreachable as now:
            problem = str(now)
            continue
        except Unacceptable as never:
            _logger.warning("lineage.refused", seq=one.seq, because=str(never))
            with instance.context(SYSTEM) as ctx:
                store.set_aside(ctx, one, str(never))
            continue
        with instance.context(SYSTEM) as ctx:
            store.remove(ctx, one)
        delivered += 1
    return Round(delivered, problem)
