"""Whether apps that are awake still answer: each is asked now and then, and who is silent for long is ended.

It is woken again when somebody comes, after the pause of apps that end by themselves.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable

import structlog

from handrail.kernel.worker import Worker
from handrail.runtime.seats import Hosted

_EVERY = 15.0  # seconds between two questions
_PATIENCE = 5.0  # seconds in which a question must be answered
# An address of ours, so that no page of the app is made for it; whatever the app says to it will do.
_QUESTION = b"HEAD /.handrail/pulse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_logger = structlog.get_logger(__name__)


class Pulse(Worker):
    """One thread that asks all of them, `seconds` being how long one may be silent."""

    def __init__(self, awake: Callable[[], Iterable[Hosted]], seconds: float) -> None:
        self._awake, self._seconds = awake, seconds
        super().__init__("pulse", self._round, _EVERY)

    def _round(self, shutdown: threading.Event) -> bool:
        for one in self._awake():
            if shutdown.is_set():
                break
            if one.ready.is_set() and not one.going:
                self._feel(one)
        return False

    def _feel(self, one: Hosted) -> None:
        begun = time.monotonic()
        if answers(one.path, _PATIENCE):
            one.silent = None
            return
        one.silent = begun if one.silent is None else one.silent
        if time.monotonic() - one.silent >= self._seconds:
            _logger.warning("host.silent", run=one.run.id, app=one.seat.app)
            one.hosting.silent.set()  # before it is told to end, so that whoever sees that it ends knows why
            one.hosting.asleep.set()


def answers(path: str, seconds: float) -> bool:
    """Whether whoever listens at this Unix socket says anything in HTTP within `seconds`."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(seconds)
        try:
            asking.connect(path)
            asking.sendall(_QUESTION)
            return asking.recv(5) == b"HTTP/"
        except OSError:
            return False
