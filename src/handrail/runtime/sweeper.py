"""The supervisor of a server or worker for what is kept no longer."""

import threading
from datetime import date

from handrail.kernel import SYSTEM, Instance
from handrail.kernel.worker import Worker
from handrail.runtime.sweep_layers import swept

_PAUSE = 5.0  # seconds between two looks whether it is another day


class Sweeper(Worker):
    """One thread, which sweeps the layers of its machine once a day (UTC)."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._swept: date | None = None
        super().__init__("sweeper", self._round, _PAUSE)

    def _round(self, _shutdown: threading.Event) -> bool:
        today = self._instance.clock.now().date()
        if self._swept != today:
            self._swept = today
            with self._instance.context(SYSTEM) as ctx:
                swept(ctx)
        return False
