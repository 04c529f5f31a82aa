"""What `handrail people` and REST do alike with accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from handrail.faces.answering import Answering, answers_for
from handrail.kernel import Context, Invalid, Person, identity

Attributes = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Closed:
    """An account that was closed, and what nobody answers for any more in its place."""

    person: Person
    answers_for: tuple[Answering, ...]


@dataclass(frozen=True)
class Changes:
    """What changes about somebody; None and no attributes leave things as they are. An attribute that is
    empty is taken away; `active` opens a closed account.
    """

    name: str | None = None
    email: str | None = None
    roles: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    attributes: Attributes | None = None
    active: bool = False


def change(ctx: Context, person_id: str, said: Changes) -> Person:
    """Change an account; refuses as `identity.change_person` does, and Invalid where nothing would change."""
    now = identity.found(ctx, person_id)
    attributes = {**now.attributes, **(said.attributes or {})}
    changed = replace(
        now,
        name=said.name or now.name,
        email=said.email or now.email,
        roles=now.roles if said.roles is None else frozenset(said.roles),
        groups=now.groups if said.groups is None else frozenset(said.groups),
        attributes={key: value for key, value in attributes.items() if value},
        active=now.active or said.active,
    )
    if changed == now:
        raise Invalid("Nothing would change.", next_step="Say what: handrail people change --help.")
    return identity.change_person(ctx, changed)


def close(ctx: Context, person_id: str) -> Closed:
    """Close an account: nothing runs or answers as that person any more. Says what needs somebody else."""
    person = identity.change_person(ctx, replace(identity.found(ctx, person_id), active=False))
    return Closed(person, answers_for(ctx, person_id))
