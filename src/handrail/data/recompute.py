"""Recompute metrics whose data or day has changed, and keep what is found: the server does it by itself.

Only a version that a steward has reconciled is recomputed. Handrail proposes nothing, but a miss
that it finds takes the badge away, and tying again brings it back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from handrail.data import measured_store, turns_store
from handrail.data.events import WorkFailed
from handrail.data.metrics import definitions_of
from handrail.data.reconcile import recomputed
from handrail.data.stands import as_of
from handrail.kernel import SYSTEM, Context, Instance, Refusal
from handrail.kernel.schedule import Schedule

_logger = structlog.get_logger(__name__)


def recompute_what_is_due(instance: Instance, shutdown: threading.Event | None = None) -> tuple[str, ...]:
    """Reconcile every metric whose data is newer than its newest reconciliation, and daily by `check_at`.

    Each moment is taken by one of several servers. What cannot be recomputed (a dataset that is not certified
    any more, totals that cannot be compared) stays due as it was found, and the trail says why.
    """
    with instance.context(SYSTEM) as ctx:
        due = tuple(_due(ctx))
    made = []
    for name, moment in due:
        if shutdown and shutdown.is_set():
            break
        if _taken(instance, name, moment):
            made.append(name)
    return tuple(made)


def _due(ctx: Context) -> Iterator[tuple[str, datetime]]:
    """Which metrics are due, and for which moment."""
    line, now = ctx.settings.data.check_at, ctx.clock.now()
    scheduled = Schedule.parse(line, "UTC").latest(now) if line else None
    for name, one in definitions_of(ctx).items():
        newest = measured_store.newest_of(ctx, name, one.digest) if one.settings.ties_to else None
        if newest is None:
            continue
        fresh = as_of(ctx, newest.data)
        moments = [datetime.fromisoformat(at) for data, at in fresh.items() if newest.data[data] != at]
        ahead = newest.at > now + turns_store.AHEAD
        moments += [scheduled] if scheduled and (scheduled > newest.at or ahead) else []
        if moments:
            yield name, max(moments)


def _taken(instance: Instance, name: str, moment: datetime) -> bool:
    """Take the turn of a metric and recompute it; False when another server was first."""
    turn = f"metric:{name}"  # no dataset has such a name
    with instance.context(SYSTEM) as ctx:
        longest = 2 * timedelta(seconds=ctx.settings.data.seconds) + timedelta(minutes=1)
        holder = turns_store.take(ctx, turn, moment, ctx.clock.now() + longest)
    if holder is None:
        return False
    problem = event = None
    try:
        with instance.context(SYSTEM) as ctx:
            one = definitions_of(ctx).get(name)
            if one:
                recomputed(ctx, one)
    except Refusal as refusal:
        problem = refusal.message
    except Exception:
        _logger.exception("recompute.broken", metric=name)
        problem = "It broke down; the server's log has the details."
        event = WorkFailed("reconcile", name, "broken")
    with instance.context(SYSTEM) as ctx:
        if event:
            ctx.events.publish(event)
        turns_store.end(ctx, turn, holder, problem)
    return problem is None
