"""Claim the moments of schedules that are due: each once, however many servers there are and clocks go.

A claim and everything that follows from it at once are one transaction; a server that dies in it has claimed
nothing, and one that dies after it has left a turn that any other takes up.
"""

from __future__ import annotations

import threading
from datetime import datetime

from handrail.apps import mail_store, told_owners
from handrail.apps import schedules_store as store
from handrail.apps import store as apps
from handrail.apps.models import App
from handrail.apps.scheduling import Due, Moment, MomentState, Scheduled, Standing, Turn, due, key_of
from handrail.kernel import SYSTEM, Context, Instance, Person, identity

MOST_KEPT = 1000  # moments of an app; all of them are on the trail
MOST_WAITING = 10  # moments of an app that wait for an earlier one
_SKIPPED = "No server ran at this moment, and the schedule says to skip it then."
_GOES_ON = "An earlier moment was still going on, and the schedule says to skip this one then."
_TOO_MANY = f"{MOST_WAITING} moments wait for an earlier one already."
RESUME = "An owner or co-owner who is to answer for it resumes it: it then runs as that person."


def claim_what_is_due(instance: Instance, shutdown: threading.Event | None = None) -> tuple[Moment, ...]:
    """Claim every moment that is due and that nobody claimed; gives those that this process claimed."""
    with instance.context(SYSTEM) as ctx:
        for app, at in store.find_premature(ctx):
            store.mark_premature(ctx, app, at)
        needing, waiting = _needing_a_look(ctx), store.apps_waiting(ctx)
    claimed = []
    for app in needing:
        if shutdown and shutdown.is_set():
            break
        with instance.context(SYSTEM) as ctx:
            if moment := _claim(ctx, app):
                claimed.append(moment)
    for app in waiting:
        with instance.context(SYSTEM) as ctx:
            _let_the_next_begin(ctx, app)
    return tuple(claimed)


def unfit(app: App, owner: Person) -> str:
    """Why the schedule of an app cannot run as this person, in a sentence; "" when it can."""
    if not owner.active:
        return f"It ran as {owner.id}, whose account is no longer active."
    if owner.id not in (app.owner, *app.coowners):
        return f"It ran as {owner.id}, who is no longer one of its owners."
    return ""


def unfit_now(ctx: Context, one: Scheduled, standing: Standing) -> str:
    """The same of the person it runs as now."""
    app = apps.find_app(ctx, one.app)
    assert app is not None  # or it could not be in production
    return unfit(app, identity.found(ctx, standing.owner_of(one)))


def begin(ctx: Context, moment: Moment) -> None:
    """Give the first turn of a moment to whom it runs as."""
    key = key_of(moment.app, moment.at, moment.person)
    now = ctx.clock.now()
    store.add_turn(
        ctx, Turn(moment.app, moment.at, moment.person, "owner", "waiting", key, 0, 0, "", now, "")
    )


def _needing_a_look(ctx: Context) -> list[str]:
    """The apps of which a moment is due, or whose schedule can no longer run as whom it ran."""
    found = store.scheduled(ctx)
    named = {app.name: app for app in apps.find_apps(ctx, [one.app for one in found])}
    said, last = store.standings(ctx), store.last_claimed(ctx)
    people: dict[str, Person] = {}
    needing = []
    for one in found:
        standing = said.get(one.app, Standing())
        owner = standing.owner_of(one)
        if owner not in people:
            people[owner] = identity.found(ctx, owner)
        if not standing.paused_at and (
            unfit(named[one.app], people[owner]) or _due(ctx, one, standing, last.get(one.app))
        ):
            needing.append(one.app)
    return needing


def _due(ctx: Context, one: Scheduled, standing: Standing, last: datetime | None) -> Due | None:
    now = ctx.clock.now()
    latest = one.schedule.latest(now)
    if latest is None or (last and latest <= last):
        return None
    since = store.in_force_since(ctx, one)
    return due(one.schedule, max(since, standing.resumed_at or since), last, now)


def _claim(ctx: Context, app: str) -> Moment | None:
    """Decide about the moment of an app that is due, alone; None when another server was first."""
    store.lock(ctx, app)
    one = next(iter(store.scheduled(ctx, app)), None)
    standing = store.standing(ctx, app)
    if one is None or standing.paused_at:
        return None
    if because := unfit_now(ctx, one, standing):
        pause_by_itself(ctx, app, because)
        return None
    found = _due(ctx, one, standing, store.last_claimed(ctx, app).get(app))
    if found is None:
        return None
    now, person = ctx.clock.now(), standing.owner_of(one)
    state, said = _decided(ctx, one, found)
    over = now if state == "skipped" else None
    moment = Moment(app, found.moment, "", one.n, person, state, said, found.missed, now, over)
    if not store.claim(ctx, moment):
        return None
    ctx.audit.note(
        "schedule.due", f"app:{app}", moment=found.moment.isoformat(), n=one.n, state=state,
        missed=found.missed, late=found.late, for_person=person,
    )  # fmt: skip
    if state == "open":
        begin(ctx, moment)
    if last := store.forget(ctx, app, MOST_KEPT):
        mail_store.forget(ctx, app, last)
    return moment


def _decided(ctx: Context, one: Scheduled, found: Due) -> tuple[MomentState, str]:
    policy = one.manifest.unattended
    if found.late and policy.catch_up == "skip":
        return "skipped", _SKIPPED
    going_on = store.in_state(ctx, one.app, "open", "waiting")
    if not going_on:
        return "open", ""
    if policy.overlap == "skip":
        return "skipped", _GOES_ON
    waiting = sum(moment.state == "waiting" for moment in going_on)
    return ("waiting", "") if waiting < MOST_WAITING else ("skipped", _TOO_MANY)


def _let_the_next_begin(ctx: Context, app: str) -> None:
    store.lock(ctx, app)
    waiting = store.in_state(ctx, app, "waiting")
    if not waiting or store.in_state(ctx, app, "open"):
        return
    first = waiting[0]
    if store.set_moment(ctx, app, first.at, "waiting", "open"):
        begin(ctx, first)


def pause_by_itself(ctx: Context, app: str, because: str) -> None:
    """Pause a schedule that can no longer run as whom it ran, and tell those who can take it over."""
    if store.pause(ctx, app, "", because, RESUME):
        ctx.audit.note("schedule.paused", f"app:{app}", because=because)
        told_owners.of_pause(ctx, app, because)
