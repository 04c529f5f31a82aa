"""Managing people: admins add and change them, everybody may look colleagues up."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

import sqlalchemy as sa
from argon2 import PasswordHasher

from handrail.kernel import access
from handrail.kernel.access import Resource
from handrail.kernel.context import Context
from handrail.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from handrail.kernel.identity import store
from handrail.kernel.people import ROLES, Person

HASHER = PasswordHasher()
_ID = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_MANAGED = Resource("Instance", "people")
_SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class SessionsEnded:
    """Somebody's sessions were ended in every browser; what was begun with one of them is to end as well."""

    person: str


def add_person(ctx: Context, person: Person, password: str | None = None) -> Person:
    """Add somebody; refuses a taken id or address, an unknown role, a short password."""
    access.require(ctx, "manage-people", _MANAGED)
    if password is not None:
        refuse_bound(ctx)
    return _insert(ctx, person, password)


def first_admin(ctx: Context, person: Person, password: str | None = None) -> Person:
    """Add the first person of a new instance, an admin; refuses as soon as there is anybody."""
    if ctx.db.execute(sa.select(sa.func.count()).select_from(store.people)).scalar_one():
        raise Conflict("This instance has people already.", next_step="Ask one of its admins.")
    return _insert(ctx, person, password)


def change_person(ctx: Context, person: Person) -> Person:
    """Set somebody's name, address, roles, groups, attributes and whether the account is active."""
    access.require(ctx, "manage-people", _MANAGED)
    _check(person)
    changed = ctx.db.execute(
        store.people.update().where(store.people.c.id == person.id).values(**_values(person))
    ).rowcount
    if not changed:
        raise NotFound(f"There is nobody called {person.id}.", next_step="See the list of people.")
    if not person.active:
        ctx.db.execute(store.sessions.delete().where(store.sessions.c.person == person.id))
    ctx.audit.note(
        "person.changed",
        f"person:{person.id}",
        roles=person.roles,
        groups=person.groups,
        active=person.active,
    )
    return person


def set_password(ctx: Context, person_id: str, password: str) -> None:
    """Set a password: one's own, or as an admin anybody's. Ends that person's sessions. Refuses a token that
    is bound to a purpose.
    """
    if ctx.caller.person.id != person_id or ctx.caller.narrowed:
        access.require(ctx, "manage-people", _MANAGED)
    refuse_bound(ctx)
    found(ctx, person_id)
    ctx.db.execute(
        store.people.update().where(store.people.c.id == person_id).values(password=_hashed(password))
    )
    ctx.db.execute(store.sessions.delete().where(store.sessions.c.person == person_id))
    ctx.events.publish(SessionsEnded(person_id))
    ctx.audit.note("password.set", f"person:{person_id}")


def refuse_bound(ctx: Context) -> None:
    """Refuse a token that is bound to a purpose: with a new way to sign in, its holder would be bound to
    none.
    """
    if ctx.caller.purposes is not None:
        raise NotAllowed(
            "A token that is bound to a purpose makes no new way to sign in.",
            next_step="Sign in to do it.",
            subject=f"person:{ctx.caller.person.id}",
            rule="token-purpose",
        )


def people(ctx: Context) -> tuple[Person, ...]:
    """Everybody, by name. Addresses and attributes are for admins: others learn who is here, not more."""
    access.require(ctx, "see-people", _MANAGED)
    rows = ctx.db.execute(sa.select(store.people).order_by(store.people.c.name))
    everybody = tuple(store.person(row) for row in rows)
    if access.decide(ctx, "manage-people", _MANAGED).allowed:
        return everybody
    return tuple(replace(person, email="", attributes={}) for person in everybody)


def members(ctx: Context, groups: Collection[str]) -> tuple[Person, ...]:
    """Everybody active who is in one of these groups, with attributes, by id.

    Asks no rule: it is for rooms that say what groups and attributes lead to, and name nobody.
    """
    rows = ctx.db.execute(sa.select(store.people).where(store.people.c.active).order_by(store.people.c.id))
    return tuple(store.person(row) for row in rows if not set(groups).isdisjoint(row.groups))


def found(ctx: Context, person_id: str) -> Person:
    """The person with this id; refuses when there is none."""
    person = store.find(ctx, person_id)
    if person is None:
        raise NotFound(f"There is nobody called {person_id}.", next_step="See the list of people.")
    return person


def _insert(ctx: Context, person: Person, password: str | None) -> Person:
    _check(person)
    try:
        ctx.db.execute(
            store.people.insert().values(
                id=person.id, password=_hashed(password) if password else None, **_values(person)
            )
        )
    except sa.exc.IntegrityError:
        raise Conflict(
            f"There is somebody with the id {person.id} or the address {person.email} already.",
            next_step="Choose another id or address.",
        ) from None
    ctx.audit.note("person.added", f"person:{person.id}", roles=person.roles, groups=person.groups)
    return person


def _values(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "email": person.email.strip().lower(),
        "roles": sorted(person.roles),
        "groups": sorted(person.groups),
        "attributes": dict(person.attributes),
        "active": person.active,
    }


def _check(person: Person) -> None:
    if not _ID.fullmatch(person.id) or person.id == "handrail":
        raise Invalid(
            f"{person.id!r} cannot be an id.",
            next_step="Use small letters, digits, dots and dashes: anna.weber.",
        )
    if "@" not in person.email:
        raise Invalid(f"{person.email!r} is not an e-mail address.", next_step="Give a whole address.")
    if unknown := sorted(person.roles - set(ROLES)):
        raise Invalid(f"There is no role {', '.join(unknown)}.", next_step=f"Roles are: {', '.join(ROLES)}.")


def _hashed(password: str) -> str:
    if len(password) < _SHORTEST_PASSWORD:
        raise Invalid("The password is too short.", next_step=f"Use {_SHORTEST_PASSWORD} characters or more.")
    return HASHER.hash(password)
