"""Who answers for an app: its owner, and co-owners beside them."""

from collections.abc import Iterable

from handrail.apps import find, store
from handrail.apps.models import App
from handrail.kernel import Conflict, Context, Invalid, identity


def add_coowner(ctx: Context, name: str, person: str) -> App:
    """Make somebody answer for the app beside its owner; refuses all but owners, and inactive people."""
    app = find.reach(ctx, name, "share")
    if person in (app.owner, *app.coowners):
        raise Conflict(f"{person} owns {name} already.", next_step="Nothing is to be done.")
    active(ctx, [person])
    store.add_coowner(ctx, name, person)
    ctx.audit.note("app.coowned", f"app:{name}", person=person)
    return find.app(ctx, name)


def hand_over(ctx: Context, name: str, person: str) -> App:
    """Make somebody else the owner; the one before stays co-owner.

    For owners, and for admins when the owner has left. Refuses all others, and inactive people.
    """
    app = find.reach(ctx, name, "hand-over")
    if person == app.owner:
        raise Conflict(f"{person} owns {name} already.", next_step="Nothing is to be done.")
    active(ctx, [person])
    store.set_owner(ctx, name, app.owner, person)
    ctx.audit.note("app.handed_over", f"app:{name}", owner_before=app.owner, owner=person)
    return find.app(ctx, name)


def active(ctx: Context, people: Iterable[str]) -> None:
    """Refuse NotFound and Invalid unless all of these have an active account."""
    for person in people:
        if not identity.found(ctx, person).active:
            raise Invalid(f"{person} is no longer active.", next_step="Name somebody who is.")
