"""Give each turn of a moment its run, try it again where that helps, and say how the moment ended.

A turn and the run that it waits for are changed in one transaction, so no run is lost or started twice.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from handrail import runtime
from handrail.apps import due, mail_store, told_owners
from handrail.apps import schedules_store as store
from handrail.apps.run import open as open_app
from handrail.apps.scheduling import Turn, TurnState, backoff, key_of
from handrail.apps.subscribe import wanted
from handrail.kernel import (
    SYSTEM,
    Caller,
    Context,
    Instance,
    Invalid,
    NotAllowed,
    NotFound,
    Person,
    Refusal,
    identity,
)
from handrail.runtime import Run

MOST_UNLUCKY = 5  # refused starts and interrupted runs of one turn that are made up for
_AT_ONCE = 50
# How a run ends that the platform, or a system behind it, ended; see runtime/reasons.py.
_PLATFORM = frozenset({"unstarted", "lost", "broken", "upstream"})
_GONE = "Its run is gone."
_PAUSED = "The schedule was paused before it ran."
_CHANGED = "The schedule runs as somebody else since."
_LEFT = "The subscription ended before it ran."


def go_on(instance: Instance, shutdown: threading.Event | None = None) -> bool:
    """Look after every turn: what its run came to, and whether it is time for the next; whether any was."""
    with instance.context(SYSTEM) as ctx:
        going = store.find_turns(ctx, "running", 1000)
        over = [(turn, run) for turn in going if (run := _run_of(ctx, turn)) is None or run.over]
    for turn, run in over:
        with instance.context(SYSTEM) as ctx:
            _settle(ctx, turn, run)
    with instance.context(SYSTEM) as ctx:
        # Subscribers' runs wait for each other, so that those who open apps do not wait for all of them.
        room = max(0, instance.settings.runtime.concurrent - store.running(ctx, "subscriber"))
        ready = store.find_turns(ctx, "waiting", _AT_ONCE, "owner")
        ready += store.find_turns(ctx, "waiting", room, "subscriber")
    for turn in ready:
        if shutdown and shutdown.is_set():
            break
        _start(instance, turn)
    return bool(over or ready)


def _run_of(ctx: Context, turn: Turn) -> Run | None:
    return runtime.recalled(ctx, turn.run)


def _start(instance: Instance, turn: Turn) -> None:
    with instance.context(SYSTEM) as ctx:
        if because := _no_longer(ctx, turn):
            _drop(ctx, turn, because)
            return
        person = identity.found(ctx, turn.person)
    try:
        _as(instance, person, turn)
    except (NotAllowed, NotFound, Invalid) as refusal:
        with instance.context(SYSTEM) as ctx:
            _end(ctx, turn, "failed" if turn.role == "owner" else "dropped", refusal.message, turn.tries)
    except Refusal as refusal:
        with instance.context(SYSTEM) as ctx:
            _once_more(ctx, turn, refusal.message)


def _as(instance: Instance, person: Person, turn: Turn) -> None:
    """Start the run as its person would, with the rights that this person has now."""
    with instance.context(Caller(person, "system")) as ctx:
        taken = replace(turn, state="running")
        if store.change_turn(ctx, turn, state="running"):
            store.change_turn(ctx, taken, run=open_app(ctx, turn.app).id)


def _no_longer(ctx: Context, turn: Turn) -> str:
    """Why a turn is not to be taken any more; "" when it is."""
    one = next(iter(store.scheduled(ctx, turn.app)), None)
    standing, moment = store.standing(ctx, turn.app), store.find_moment(ctx, turn.app, turn.moment)
    if one is None or moment is None:
        return "Its version in production has no schedule any more."
    if not moment.by and standing.paused_at:
        return _PAUSED
    if turn.role == "subscriber":
        return "" if turn.person in wanted(ctx, turn.app) else _LEFT
    if because := due.unfit_now(ctx, one, standing):
        due.pause_by_itself(ctx, turn.app, because)
        return _PAUSED
    return "" if standing.owner_of(one) == turn.person else _CHANGED


def _settle(ctx: Context, turn: Turn, run: Run | None) -> None:
    """Draw the consequence of a run that is over."""
    if run is None or run.ended == "interrupted":
        _once_more(ctx, turn, run.outline if run else _GONE)
    elif run.state == "succeeded":
        _end(ctx, turn, "succeeded", "", turn.tries + 1)
    elif run.state == "stopped" or not _again(turn, run):
        _end(ctx, turn, "failed", run.outline or "It failed.", turn.tries + 1)
    else:
        tries = turn.tries + 1
        store.change_turn(
            ctx,
            turn,
            state="waiting",
            tries=tries,
            because=run.outline,
            due_at=ctx.clock.now() + backoff(tries),
        )


def _again(turn: Turn, run: Run) -> bool:
    policy = run.manifest.unattended
    return turn.tries < policy.retries and (policy.retry_on == "any" or run.ended in _PLATFORM)


def _once_more(ctx: Context, turn: Turn, because: str) -> None:
    """After what the app has no part in: its run is made up for, whatever the manifest says of retries."""
    unlucky = turn.unlucky + 1
    if unlucky > MOST_UNLUCKY:
        _end(ctx, turn, "failed", because, turn.tries)
        return
    later = ctx.clock.now() + backoff(unlucky)
    store.change_turn(ctx, turn, state="waiting", unlucky=unlucky, because=because, due_at=later)


def _drop(ctx: Context, turn: Turn, because: str) -> None:
    if store.change_turn(ctx, turn, state="dropped", because=because) and turn.role == "owner":
        store.set_moment(ctx, turn.app, turn.moment, "open", "skipped", because)
        ctx.audit.note(
            "schedule.ended",
            f"app:{turn.app}",
            moment=turn.moment.isoformat(),
            state="skipped",
            because=because,
        )


def _end(ctx: Context, turn: Turn, state: TurnState, because: str, tries: int) -> None:
    """End a turn, once, with all that follows from it."""
    if not store.change_turn(ctx, turn, state=state, because=because, tries=tries):
        return
    if turn.role == "subscriber":
        if state == "succeeded":
            mail_store.put(ctx, "delivered", turn.app, turn.moment, turn.person)
        return
    moment = store.find_moment(ctx, turn.app, turn.moment)
    if moment is None or not store.set_moment(ctx, turn.app, turn.moment, "open", state, because):
        return
    ctx.audit.note(
        "schedule.ended", f"app:{turn.app}", moment=turn.moment.isoformat(), state=state, because=because,
        run=turn.run, for_person=turn.person,
    )  # fmt: skip
    if state == "failed":
        told_owners.of_failure(ctx, moment, because)
        return
    for person in wanted(ctx, turn.app):
        if person != turn.person:
            key, now = key_of(turn.app, turn.moment, person), ctx.clock.now()
            store.add_turn(
                ctx, Turn(turn.app, turn.moment, person, "subscriber", "waiting", key, 0, 0, "", now, "")
            )
