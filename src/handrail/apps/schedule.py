"""See how an app's schedule stands, pause it, resume it as oneself, and run it now."""

from __future__ import annotations

from dataclasses import replace

from handrail.apps import due, find, subscriptions_store
from handrail.apps import schedules_store as store
from handrail.apps.models import App
from handrail.apps.scheduling import Moment, Plan, Scheduled
from handrail.apps.subscribe import wanted
from handrail.kernel import Conflict, Context, NotReady, access

_COMING, _PAST = 3, 20
_SAID_NOTHING = "It was paused by hand."


def schedule(ctx: Context, name: str) -> Plan:
    """The schedule of an app: next and last moments, as whom it runs, and who gets what it finds.

    For those whom the app concerns; why runs failed and who subscribed is for its owners. Refuses NotReady
    where production runs no version with a schedule.
    """
    app = find.app(ctx, name)
    return _plan(ctx, app, _scheduled(ctx, app))


def plan_of(ctx: Context, name: str) -> Plan | None:
    """The same for pages, or None where nothing is scheduled."""
    app = find.app(ctx, name)
    found = store.scheduled(ctx, name)
    return _plan(ctx, app, found[0]) if found else None


def pause(ctx: Context, name: str, reason: str = "") -> Plan:
    """Let no further moment run until somebody resumes it; what runs already goes on. For owners."""
    app = find.reach(ctx, name, "schedule")
    one = _scheduled(ctx, app)
    store.lock(ctx, name)
    me, because = ctx.caller.person.id, reason.strip()[:500] or _SAID_NOTHING
    if not store.pause(ctx, name, me, because, "One of its owners resumes it."):
        raise Conflict(f"The schedule of {name} is paused already.", next_step="Resume it, or leave it so.")
    ctx.audit.note("schedule.paused", f"app:{name}", because=because)
    return _plan(ctx, app, one)


def resume(ctx: Context, name: str) -> Plan:
    """Let an app run by its schedule from now on, as the caller; moments that passed meanwhile stay passed.

    For owners, also to take a schedule over that runs as another. Refuses Conflict when it runs as them.
    """
    app = find.reach(ctx, name, "schedule")
    one = _scheduled(ctx, app)
    store.lock(ctx, name)
    standing, me = store.standing(ctx, name), ctx.caller.person.id
    before = standing.owner_of(one)
    if not standing.paused_at and before == me:
        raise Conflict(f"The schedule of {name} runs as you already.", next_step="Nothing is to be done.")
    store.resume(ctx, name, me, one.seq)
    ctx.audit.note("schedule.resumed", f"app:{name}", ran_as=before, runs_as=me)
    return _plan(ctx, app, one)


def run_now(ctx: Context, name: str) -> Moment:
    """Run a scheduled app as its schedule would, for its subscribers too; a server begins within seconds.

    For owners. Refuses Conflict while a moment is going on, and NotReady when the schedule can run as nobody.
    """
    app = find.reach(ctx, name, "schedule")
    one = _scheduled(ctx, app)
    store.lock(ctx, name)
    standing, now = store.standing(ctx, name), ctx.clock.now()
    if because := due.unfit_now(ctx, one, standing):
        raise NotReady(because, next_step="Resume the schedule: it then runs as you.", subject=f"app:{name}")
    if store.in_state(ctx, name, "open", "waiting"):
        raise Conflict(f"A moment of {name} is still going on.", next_step="Wait for its end.")
    at = now if now.microsecond else now.replace(microsecond=1)  # no moment of a schedule is that odd
    person = standing.owner_of(one)
    moment = Moment(name, at, ctx.caller.person.id, one.n, person, "open", "", 0, now, None)
    if not store.claim(ctx, moment):
        raise Conflict("Somebody else did that at the same moment.", next_step="Look at its moments.")
    due.begin(ctx, moment)
    ctx.audit.note("schedule.asked", f"app:{name}", moment=at.isoformat(), n=one.n, for_person=person)
    return moment


def _scheduled(ctx: Context, app: App) -> Scheduled:
    found = store.scheduled(ctx, app.name)
    if not found:
        raise NotReady(
            f"Production runs no version of {app.name} that has a schedule.",
            next_step="Add [schedule] with cron and timezone to its handrail.toml, push, and promote it.",
            subject=f"app:{app.name}",
        )
    return found[0]


def _plan(ctx: Context, app: App, one: Scheduled) -> Plan:
    standing = store.standing(ctx, one.app)
    owns = access.decide(ctx, "schedule", app.resource).allowed
    because = standing.because if standing.paused_at else due.unfit_now(ctx, one, standing)
    moments = store.past(ctx, one.app, _PAST)
    return Plan(
        app=one.app,
        n=one.n,
        cron=one.schedule.cron,
        timezone=one.schedule.timezone,
        unattended=one.manifest.unattended,
        owner=standing.owner_of(one),
        state="paused" if because else "runs",
        because=because,
        next_step=standing.next_step if standing.paused_at else due.RESUME if because else "",
        coming=() if because else one.schedule.after(ctx.clock.now(), _COMING),
        moments=moments if owns else tuple(replace(each, because="", run="") for each in moments),
        subscribed=ctx.caller.person.id in wanted(ctx, one.app),
        subscribers=subscriptions_store.subscribed(ctx, one.app) if owns else (),
    )
