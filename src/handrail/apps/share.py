"""Let more people open an app, or fewer; what that costs is said before it is done."""

from collections.abc import Iterable

from handrail.apps import facts, find, store
from handrail.apps.events import AppShared
from handrail.apps.models import App, SharePreview
from handrail.apps.own import active
from handrail.apps.tier import COSTS
from handrail.kernel import Conflict, Context, Invalid, identity


def share_preview(
    ctx: Context, name: str, groups: Iterable[str] = (), people: Iterable[str] = ()
) -> SharePreview:
    """What `share` would change: whom it adds, the tier before and after, and what a handoff asks for."""
    app, added = _added(ctx, name, groups, people)
    before, after = (facts.tier_of(ctx, what) for what in (app, _with(app, added)))
    names = (*added["group"], *added["person"])
    costs = COSTS if after.handoff and not before.handoff else ()
    return SharePreview(name, names, before, after, costs)


def share(ctx: Context, name: str, groups: Iterable[str] = (), people: Iterable[str] = ()) -> App:
    """Let these groups and people open the app in production, each with their own view of the data.

    Refuses all but owners, people that do not exist, and a call that adds nobody. When this makes the app a
    handoff, those it was shared with can open it once a reviewer approved the version in production.
    """
    app, added = _added(ctx, name, groups, people)
    me = ctx.caller.person.id
    before, after = (facts.tier_of(ctx, what) for what in (app, _with(app, added)))
    store.add_shares(ctx, name, added, me, ctx.clock.now())
    ctx.audit.note(
        "app.shared",
        f"app:{name}",
        groups=list(added["group"]),
        people=list(added["person"]),
        tier_before=before.name,
        tier=after.name,
    )
    ctx.events.publish(AppShared(name, added["group"], added["person"], me))
    return find.app(ctx, name)


def unshare(ctx: Context, name: str, groups: Iterable[str] = (), people: Iterable[str] = ()) -> App:
    """Take the app back from these groups and people; refuses all but owners, and strange names."""
    app = find.reach(ctx, name, "share")
    removed = {"group": sorted(set(groups)), "person": sorted(set(people))}
    if strange := sorted({*removed["group"]} - {*app.groups} | {*removed["person"]} - {*app.people}):
        raise Conflict(
            f"{name} is not shared with {strange[0]}.", next_step="Look at whom it is shared with."
        )
    store.remove_shares(ctx, name, removed)
    ctx.audit.note("app.unshared", f"app:{name}", groups=removed["group"], people=removed["person"])
    return find.app(ctx, name)


def _added(
    ctx: Context, name: str, groups: Iterable[str], people: Iterable[str]
) -> tuple[App, dict[str, tuple[str, ...]]]:
    app = find.reach(ctx, name, "share")
    added = {
        "group": tuple(sorted({group.strip() for group in groups} - {"", *app.groups})),
        "person": tuple(sorted({person.strip() for person in people} - {"", *app.people})),
    }
    if not any(added.values()):
        raise Conflict(
            f"Nobody is added to those who may open {name}.", next_step="Name a group or a person."
        )
    active(ctx, added["person"])
    known = {group for person in identity.people(ctx) for group in person.groups}
    for group in added["group"]:
        if group not in known:
            raise Invalid(
                f"Nobody is in a group {group!r}.", next_step=f"Groups: {', '.join(sorted(known))}."
            )
    return app, added


def _with(app: App, added: dict[str, tuple[str, ...]]) -> App:
    return App(
        name=app.name,
        owner=app.owner,
        coowners=app.coowners,
        groups=(*app.groups, *added["group"]),
        people=(*app.people, *added["person"]),
        created=app.created,
    )
