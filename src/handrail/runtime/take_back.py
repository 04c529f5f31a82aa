"""Take back the runs whose process is gone: they begin anew elsewhere, or end with the reason.

What a job does reaches nobody before it is over: what it hands over and prints is its run's alone, and what
an attempt left is deleted before the next begins. So it may begin anew, unless it changes something in
another system. A web app is begun by whoever comes to it next, and a run that somebody watches in a terminal
ends with that terminal.
"""

import structlog

from handrail.kernel import SYSTEM, Context, Instance, Refusal
from handrail.runtime import lease, lease_store, store
from handrail.runtime.close import End, end
from handrail.runtime.lease_store import Held
from handrail.runtime.models import Run
from handrail.runtime.reasons import given_up, interrupted

_logger = structlog.get_logger(__name__)
MOST_ATTEMPTS = 3  # of one run: whatever ends its process each time, ends no fourth one


def recover(instance: Instance) -> int:
    """Take back every run whose lease has run out, or whose process on this machine is gone; gives how many.

    A run that another living process executes, such as `handrail run` in a terminal, is not disturbed. One
    that is refused is left for the next time, and keeps no other one waiting.
    """
    with instance.context(SYSTEM) as ctx:
        left = [one for one in lease_store.held(ctx) if one.overdue or lease.is_gone(one.holder)]
    taken = 0
    for one in left:
        try:
            taken += _taken_back(instance, one)
        except Refusal as refusal:
            _logger.warning("run.not_taken_back", run=one.run, reason=refusal.message)
    return taken


def _taken_back(instance: Instance, one: Held) -> bool:
    with instance.context(SYSTEM) as ctx:
        if not lease_store.take_away(ctx, one):
            return False
        run = store.find_run(ctx, one.run)
        assert run is not None
        may = one.again and not _changes_elsewhere(run) and not store.stop_wanted(ctx, one.run)
        if may and one.attempt < MOST_ATTEMPTS:
            _queue_again(ctx, run, counts=True)
        else:
            end(ctx, run, End(given_up(one.attempt) if may else interrupted()))
    return True


def _changes_elsewhere(run: Run) -> bool:
    """Whether it may have changed something in another system, which an attempt of its own would do twice."""
    declared = run.manifest.connectors.values()
    return run.environment == "production" and any(calls.writes for calls in declared)


def may_begin_anew(instance: Instance, run: Run) -> bool:
    """Whether a run that this process holds and cannot end may be given back to the queue."""
    with instance.context(SYSTEM) as ctx:
        again = any(one.run == run.id and one.again for one in lease_store.held(ctx))
    return again and not _changes_elsewhere(run)


def give_back(instance: Instance, run: Run) -> None:
    """Put a run that this process holds back into the queue, for this process stops first. Raises Lost."""
    with instance.context(SYSTEM) as ctx:
        if run.lease is not None:
            run.lease.hold(ctx.db)
        _queue_again(ctx, run, counts=False)


def _queue_again(ctx: Context, run: Run, *, counts: bool) -> None:
    lease_store.queue_again(ctx, run.id, counts=counts)
    ctx.audit.note("run.taken_back", f"run:{run.id}", run=run.id, app=run.app, commit=run.commit)
