"""Get what a scheduled app finds, each time it has run: every subscriber by a run of their own."""

from __future__ import annotations

from handrail.apps import find, subscriptions_store
from handrail.apps import schedules_store as store
from handrail.apps import store as apps
from handrail.apps.models import App
from handrail.apps.scheduling import Subscription
from handrail.kernel import Caller, Conflict, Context, NotFound, NotReady, Person, access, identity


def subscribe(ctx: Context, name: str, group: str = "") -> Subscription:
    """Let the caller, or for its owners a group that the app is shared with, get its scheduled results.

    After each moment that succeeded, each subscriber who may open the app then gets a run of their own, with
    the rows that this person may see. Refuses those it is not shared with, who is subscribed already, and
    NotReady where nothing is scheduled.
    """
    app = find.reach(ctx, name, "schedule" if group else "subscribe")
    if not store.scheduled(ctx, name):
        raise NotReady(
            f"{name} does not run by itself, so there is nothing to subscribe to.",
            next_step=f"Open it when you need it: /open/{name}; or ask {app.owner} to schedule it.",
            subject=f"app:{name}",
        )
    if group and group not in app.groups:
        raise NotFound(f"{name} is not shared with a group {group!r}.", next_step="Share it with them first.")
    if not group and ctx.caller.person.id in wanted(ctx, name):
        raise Conflict(f"You get the results of {name} already.", next_step="Nothing is to be done.")
    kind, who = ("group", group) if group else ("person", ctx.caller.person.id)
    subscriptions_store.subscribe(ctx, name, kind, who, wants=True)
    ctx.audit.note("app.subscribed", f"app:{name}", **{kind: who})
    return _said(ctx, name, kind, who)


def unsubscribe(ctx: Context, name: str, group: str = "") -> Subscription:
    """End a subscription: one's own, or for owners a group's. A person leaves a group's for themselves.

    Works for an app that was taken back, too. Refuses NotFound who has none.
    """
    if group:
        find.reach(ctx, name, "schedule")
    app, me = apps.find_app(ctx, name), ctx.caller.person
    said: dict[tuple[str, str], bool] = {
        (one.kind, one.name): one.wants for one in subscriptions_store.subscribed(ctx, name)
    }
    kind, who = ("group", group) if group else ("person", me.id)
    by_group = not group and any(said.get(("group", mine)) for mine in me.groups)
    if app is None or not said.get((kind, who), by_group):
        raise NotFound(
            f"There is no such subscription to {name[:63]!r}.",
            next_step="Look at your apps.",
            subject=f"app:{name[:63]}",
        )
    access.require(ctx, "unsubscribe", app.resource)
    subscriptions_store.subscribe(ctx, name, kind, who, wants=False)
    ctx.audit.note("app.unsubscribed", f"app:{name}", **{kind: who})
    return _said(ctx, name, kind, who)


def wanted(ctx: Context, name: str) -> frozenset[str]:
    """Who is to get the results of an app now: subscribed, active, and allowed to open it. Asks no rule."""
    app = apps.find_app(ctx, name)
    assert app is not None  # its callers have reached it
    said = subscriptions_store.subscribed(ctx, name)
    groups = [one.name for one in said if one.kind == "group" and one.wants]
    ids = {one.name for one in said if one.kind == "person" and one.wants}
    left = {one.name for one in said if one.kind == "person" and not one.wants}
    people = {person.id: person for person in identity.members(ctx, groups)} if groups else {}
    people |= {one: identity.found(ctx, one) for one in ids}
    return frozenset(one for one, person in people.items() if one not in left and may_open(ctx, app, person))


def may_open(ctx: Context, app: App, person: Person) -> bool:
    """Whether a person may open an app now."""
    decision = ctx.instance.policies.decide(Caller(person, "system"), "open", app.resource, {})
    return decision.allowed


def _said(ctx: Context, name: str, kind: str, who: str) -> Subscription:
    every = subscriptions_store.subscribed(ctx, name)
    return next(one for one in every if (one.kind, one.name) == (kind, who))
