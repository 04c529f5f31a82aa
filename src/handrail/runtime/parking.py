"""Keeps sandboxes parked for runs that may come: of what apps asked for of late, while there is memory."""

import threading
from pathlib import Path

from handrail.kernel import Instance, Refusal
from handrail.kernel.worker import Worker
from handrail.runtime import diagnosis
from handrail.settings import RuntimeSettings

_PAUSE = 1.0  # seconds between two looks where nothing is to be done
_OF_LATE = 3600.0  # seconds for which what an app asked for is expected again


class Parking(Worker):
    """One thread, with which all that it has parked ends, used or not: stop it after what uses them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        super().__init__("parking", self._round, _PAUSE)

    def stop(self) -> None:
        """End all that wait."""
        super().stop()
        self._instance.ports.isolation.leave_none()

    def _round(self, shutdown: threading.Event) -> bool:
        settings, isolation = self._instance.settings.runtime, self._instance.ports.isolation
        most = settings.parked if self._sound() and spare() > wanted(settings) else 0
        return isolation.keep_parked(most, settings.parked_mb << 20, _OF_LATE, shutdown)

    def _sound(self) -> bool:
        """Whether sandboxes are known to hold here; who finds that out is whoever wants to run something."""
        try:
            found = diagnosis.known(self._instance.settings, self._instance.ports.isolation)
        except Refusal:  # a program is missing, and nothing runs
            return False
        return found is not None and found.green


def wanted(settings: RuntimeSettings) -> int:
    """Bytes that must be free beside what waits: as much as runs may take that can go on, and one more."""
    return (settings.concurrent + 1) * settings.memory_mb << 20


def spare() -> int:
    """Bytes of memory that programs can still have on this machine without swapping."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
