"""The supervisor of a server or worker for what is kept no longer."""

import threading
from datetime import date

from handrail.kernel import SYSTEM, Instance
from handrail.kernel.schedule import Schedule
from handrail.kernel.worker import Worker
from handrail.runtime.sweep import sweep_what_is_due
from handrail.runtime.sweep_layers import swept

_PAUSE = 5.0  # seconds between two looks whether a sweep is due


class Sweeper(Worker):
    """One thread: of all servers and workers one sweeps runs at a time, each the layers of its machine."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._swept: date | None = None  # on which day (UTC) the layers of this machine
        if cron := instance.settings.retention.sweep_at:
            Schedule.parse(cron, "UTC")  # a server with a broken setting does not start
        super().__init__("sweeper", self._round, _PAUSE)

    def _round(self, shutdown: threading.Event) -> bool:
        cron, today = self._instance.settings.retention.sweep_at, self._instance.clock.now().date()
        if cron and self._swept != today:
            self._swept = today
            with self._instance.context(SYSTEM) as ctx:
                swept(ctx)
        return sweep_what_is_due(self._instance, shutdown)
