"""The supervisor of a server for schedules: claims moments that are due, runs them, sends mail about them."""

from __future__ import annotations

import threading

from handrail.apps import due, mail, turn
from handrail.kernel import Instance
from handrail.kernel.worker import Worker

_PAUSE = 2.0  # seconds between two looks at the schedules; their moments are whole minutes
_MAIL_PAUSE = 5.0


class Scheduler:
    """One thread for moments, and where mail is set up one for mail, which may wait for another server."""

    def __init__(self, instance: Instance) -> None:
        mail.check(instance.settings)  # a server with a broken setting does not start
        self._workers = [Worker("schedules", lambda shutdown: _round(instance, shutdown), _PAUSE)]
        if instance.settings.mail.host:
            self._workers.append(Worker("mail", lambda shutdown: _mail(instance, shutdown), _MAIL_PAUSE))

    def start(self) -> None:
        """Begin."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Tell both to end, and wait for them."""
        for worker in self._workers:
            worker.stop()


def _round(instance: Instance, shutdown: threading.Event) -> bool:
    due.claim_what_is_due(instance, shutdown)
    return turn.go_on(instance, shutdown)


def _mail(instance: Instance, shutdown: threading.Event) -> bool:
    return mail.send_what_waits(instance, shutdown) > 0
