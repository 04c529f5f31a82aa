"""Let web apps go that belong to another host: one that was added, or is there again, or has to have them
because this one is about to stop.

Nobody is dropped: who is at an app has a while to end, and who comes from then on is led to the other host,
where it wakes.
"""

import threading
import time

import structlog

from handrail.kernel import SYSTEM, Instance
from handrail.kernel.worker import Worker
from handrail.runtime import lease, lease_store
from handrail.runtime.hosts import Hosts
from handrail.runtime.place import first
from handrail.runtime.seats import Hosted

_PAUSE = 3.0  # seconds between two looks
_SETTLED = 10.0  # seconds for which another host must have been the one that an app belongs to
_UNUSED = 1.0  # seconds without a request after which nobody is at an app
_logger = structlog.get_logger(__name__)


class Moving(Worker):
    """Of one host; does nothing where each server has the apps that are opened through it."""

    def __init__(self, instance: Instance, hosts: Hosts) -> None:
        self._instance, self._hosts = instance, hosts
        self._elsewhere: dict[Hosted, tuple[str, float]] = {}  # to which host an app belongs, and since when
        super().__init__("moving", self._round, _PAUSE)

    def _round(self, _shutdown: threading.Event) -> bool:
        awake = [one for one in self._hosts.awake() if not one.going] if self._hosts.placed else []
        self._elsewhere = {one: what for one, what in self._elsewhere.items() if one in awake}
        if not awake:
            return False
        with self._instance.context(SYSTEM) as ctx:
            living = lease_store.neighbours(ctx)
        stays = any(one.holder == lease.mine() for one in living)
        for one in awake:
            chosen = first(one.seat, living, at=lease.mine())
            if chosen is None or chosen.holder == lease.mine():
                self._elsewhere.pop(one, None)
            elif self._is_due(one, chosen.holder, stays):
                _logger.info("app.moved", app=one.seat.app, run=one.run.id, to=chosen.name)
                self._hosts.let_go(one)
        return False

    def _is_due(self, hosted: Hosted, chosen: str, stays: bool) -> bool:
        """Whether an app goes now. While this host `stays`, the other one must have been there for a while,
        and whoever is at the app is left alone as long as `hosts.move_seconds` says.
        """
        now = time.monotonic()
        before = self._elsewhere.get(hosted)
        since = before[1] if before and before[0] == chosen else now
        self._elsewhere[hosted] = chosen, since
        unused = not hosted.requests and now - hosted.used > _UNUSED
        longest = self._instance.settings.hosts.move_seconds
        return not stays or now - since > (_SETTLED if unused else max(_SETTLED, longest))
