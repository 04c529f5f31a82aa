"""A host says that it is there: what it can do, whether its sandboxes hold, how its clock goes.

It also takes back what hosts that are gone have left, so that any of them that lives is enough.
"""

import socket
import threading
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from typing import Literal

from handrail.kernel import SYSTEM, Context, Instance, Refusal
from handrail.kernel.worker import Worker
from handrail.runtime import diagnosis, lease, lease_store
from handrail.runtime.hosts import Hosts
from handrail.runtime.take_back import recover

Kind = Literal["server", "worker"]
_BEAT = 3.0  # seconds; a host that missed some of these is taken for gone (lease_store.ALIVE)


class Attendance(Worker):
    """One process in the list of hosts, from `start` to `stop`."""

    def __init__(self, instance: Instance, kind: Kind, capacity: int, hosts: Hosts | None = None) -> None:
        self._instance, self._kind, self._capacity, self._hosts = instance, kind, capacity, hosts
        self.state = "taking"
        super().__init__("attendance", self._round, _BEAT)

    def start(self) -> None:
        """Appear, and take back what is left from before."""
        self.tell()
        recover(self._instance)
        super().start()

    def stop(self) -> None:
        """Say that this host has ended; where nobody can be told, it is taken for gone after a while."""
        super().stop()
        with suppress(Refusal), self._instance.context(SYSTEM) as ctx:
            lease_store.disappear(ctx, lease.mine())

    def tell(self) -> None:
        """Say now how things are."""
        with self._instance.context(SYSTEM) as ctx:
            lease_store.appear(ctx, self._about(ctx))

    def _round(self, _shutdown: threading.Event) -> bool:
        self.tell()
        recover(self._instance)
        return False

    def _about(self, ctx: Context) -> dict[str, object]:
        sound, finding = condition(self._instance)
        before = ctx.clock.now()
        at = lease_store.moment(ctx)
        middle = before + (ctx.clock.now() - before) / 2
        return {
            "holder": lease.mine(),
            "name": socket.gethostname(),
            "kind": self._kind,
            "version": version("handrail"),
            "capacity": self._capacity,
            "ahead_ms": round((middle - at) / timedelta(milliseconds=1)),
            "sound": sound,
            "finding": finding,
            "state": self.state,
            "address": self._hosts.address if self._hosts else "",
            "known_as": self._hosts.known_as if self._hosts else "",
            "places": self._places(),
            "room": self._hosts is not None and self._hosts.room,
        }

    def _places(self) -> int:
        """How many web apps may be awake here: none on a worker that others do not ask for them."""
        has = self._hosts is not None and (self._kind == "server" or self._hosts.placed)
        return self._instance.settings.runtime.hosted if has else 0


def condition(instance: Instance) -> tuple[bool, str]:
    """Whether runs may begin on this machine, and what is known of its sandboxes, in words."""
    try:
        instance.ports.isolation.check()
    except Refusal as refusal:
        return False, refusal.message
    found = diagnosis.known(instance.settings, instance.ports.isolation)
    if found is None:
        return False, "not examined yet"
    if not found.green:
        return False, diagnosis.red(found).message
    return True, f"{found.held} of {found.probes} attacks found nothing"
