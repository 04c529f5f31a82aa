"""Check datasets when their contracts' schedules say so, each moment once, however many servers there are.

A moment that was missed, while no server ran, is made up for once. Of two servers the one whose row says so
checks; should it die, its lease ends and another takes over. A check that cannot be made stops no other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from handrail.data import catalog_store, turns_store
from handrail.data.catalog import contract_of
from handrail.data.check_quality import checked
from handrail.data.events import WorkFailed
from handrail.data.index import index
from handrail.data.notices import tell_of_last_days
from handrail.data.recompute import recompute_what_is_due
from handrail.kernel import SYSTEM, Conflict, Context, Instance, Refusal
from handrail.kernel.schedule import Schedule
from handrail.kernel.worker import Worker

_PAUSE = 20.0  # seconds between two looks at the schedules
_AT_ONCE = 100  # due datasets that are looked up together
_SPARE = timedelta(minutes=1)
_BROKEN = "The check broke down; the server's log has the details."
_logger = structlog.get_logger(__name__)


class Supervisor(Worker):
    """One thread that checks datasets and recomputes metrics that are due."""

    def __init__(self, instance: Instance) -> None:
        if line := instance.settings.data.check_at:
            Schedule.parse(line, "UTC")  # a server with a broken setting does not start
        super().__init__("quality", lambda shutdown: _round(instance, shutdown), _PAUSE)


def _round(instance: Instance, shutdown: threading.Event) -> bool:
    check_what_is_due(instance, shutdown)
    recompute_what_is_due(instance, shutdown)
    with instance.context(SYSTEM) as ctx:
        tell_of_last_days(ctx)
    return False


def check_what_is_due(instance: Instance, shutdown: threading.Event | None = None) -> tuple[str, ...]:
    """Make every scheduled check that is due and that no other server makes; answers with their datasets."""
    with instance.context(SYSTEM) as ctx:
        index(ctx, look=True)
    made = []
    with instance.context(SYSTEM) as ctx:
        due = tuple(_due(ctx))
    for name, moment in due:
        if shutdown and shutdown.is_set():
            break
        if _taken(instance, name, moment):
            made.append(name)
    return tuple(made)


def schedules_of(ctx: Context, schedules: str) -> tuple[Schedule, ...]:
    """The schedules of a dataset: those of its rules, or else the instance's own, if it has one."""
    lines = schedules.split("\n") if schedules else [ctx.settings.data.check_at]
    return tuple(Schedule.parse(line, "UTC") for line in lines if line)


def _due(ctx: Context) -> Iterator[tuple[str, datetime]]:
    """Which datasets are due, and for which moment."""
    now = ctx.clock.now()
    for schedules in catalog_store.schedules(ctx):
        moments = [one.latest(now) for one in schedules_of(ctx, schedules)]
        if last := max((moment for moment in moments if moment), default=None):
            for name in turns_store.due(ctx, schedules, last, _AT_ONCE):
                yield name, last


def _taken(instance: Instance, name: str, moment: datetime) -> bool:
    """Take the turn of a dataset and check it; False when another server was first."""
    with instance.context(SYSTEM) as ctx:
        holder = turns_store.take(ctx, name, moment, ctx.clock.now() + _longest(ctx, name))
    if holder is None:
        return False
    try:
        with instance.context(SYSTEM) as ctx:
            checked(ctx, name, "schedule")
            _end(ctx, name, holder)
    except Refusal as refusal:
        _close(instance, name, holder, refusal.message)
    except Exception:
        _logger.exception("quality.broken", dataset=name)
        _close(instance, name, holder, _BROKEN, WorkFailed("check", name, "broken"))
    return True


def _end(ctx: Context, name: str, holder: str) -> None:
    """End the turn; a check whose turn was lost meanwhile is refused, so that none is kept twice."""
    if not turns_store.end(ctx, name, holder):
        raise Conflict(f"Another server checked {name} meanwhile.", next_step="Look at its history.")


def _longest(ctx: Context, name: str) -> timedelta:
    """How long a check can take: each promise may be a question of its own, and each question is limited."""
    try:
        contract = contract_of(ctx, name)
    except Refusal:
        return _SPARE
    promises = len(contract.quality) + 3 * len(contract.columns) + 2
    return promises * timedelta(seconds=ctx.settings.data.seconds) + _SPARE


def _close(instance: Instance, name: str, holder: str, problem: str, event: WorkFailed | None = None) -> None:
    """End the turn with why there is no check; a refusal has published its `event` itself."""
    with instance.context(SYSTEM) as ctx:
        if event:
            ctx.events.publish(event)
        if turns_store.end(ctx, name, holder, problem):
            ctx.audit.note("quality.failed", f"dataset:{name}", reason=problem)
