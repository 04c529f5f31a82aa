"""Look up connectors: what there is, what each lacks, and what apps made of it."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from handrail.connectors import stand_in, store
from handrail.connectors.load import FOLDER, NAME, SUFFIX, load, path_of
from handrail.connectors.models import Approval, Connector, Standing, Unreadable, Use
from handrail.kernel import Context, NotFound, Refusal, Resource, access, definitions, identity

ALL = Resource("Connector", "all", {"owner": "", "deputy": ""})
_loaded = lru_cache(maxsize=256)(load)  # by content: an edited file is another key


def connectors(ctx: Context) -> tuple[Standing, ...]:
    """Every connector by name, with what it lacks; `unreadable` has those that cannot be read."""
    access.require(ctx, "see-connectors", ALL)
    found = []
    for name in _names(ctx):
        try:
            found.append(_standing(ctx, connector_of(ctx, name)))
        except Refusal:
            continue
    return tuple(found)


def unreadable(ctx: Context) -> tuple[Unreadable, ...]:
    """The definitions that cannot be used, each with the line to mend."""
    access.require(ctx, "see-connectors", ALL)
    found = []
    for name in _names(ctx):
        try:
            connector_of(ctx, name)
        except Refusal as refusal:
            found.append(Unreadable(name, refusal.message))
    return tuple(found)


def connector(ctx: Context, name: str) -> Standing:
    """One connector, with what it lacks; refuses an unknown name and a definition that is broken."""
    access.require(ctx, "see-connectors", ALL)
    return _standing(ctx, connector_of(ctx, name))


def uses(ctx: Context, name: str) -> tuple[Use, ...]:
    """What apps called by a connector, the newest first; for who answers for it, and who looks after apps."""
    found = connector_of(ctx, name)
    access.require(ctx, "see-calls", found.resource)
    return store.find_uses(ctx, connector=name)


def approvals(ctx: Context, name: str) -> tuple[Approval, ...]:
    """The first writes by a connector that waited for a yes, and those that wait; refuses as `uses` does."""
    found = connector_of(ctx, name)
    access.require(ctx, "see-calls", found.resource)
    return store.find_approvals(ctx, connector=name)


def waiting(ctx: Context) -> tuple[Approval, ...]:
    """The first writes that wait for the caller's yes or no: those by connectors that they answer for."""
    access.require(ctx, "see-connectors", ALL)
    found = []
    for one in store.find_approvals(ctx, state="waiting"):
        try:
            if access.decide(ctx, "decide-call", approval_resource(ctx, one)).allowed:
                found.append(one)
        except Refusal:  # the connector is gone, and nobody decides about it any more
            continue
    return tuple(found)


def approval_resource(ctx: Context, one: Approval) -> Resource:
    """What rules look at when somebody decides about a first write; refuses as `connector_of` does."""
    of = connector_of(ctx, one.connector)
    makers = ctx.ports.apps.owners(ctx, one.app)
    return Resource("FirstWrite", one.id, {"owner": of.owner, "deputy": of.deputy, "makers": makers})


def observed(
    ctx: Context, app: str, commit: str | None = None, environment: str | None = None
) -> tuple[Use, ...]:
    """What runs of an app called. Asks no rule: for rooms that compare it with what was declared."""
    return store.find_uses(ctx, app=app, commit=commit, environment=environment)


def connector_of(ctx: Context, name: str) -> Connector:
    """The connector, for verbs that ask their own rule; refuses NotFound and Invalid."""
    content = definitions.read(ctx, path_of(name)) if NAME.fullmatch(name) else None
    if content is None:
        known = _names(ctx)
        close = get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known) or 'none yet'}."
        raise NotFound(
            f"There is no connector {name[:80]}.", next_step=hint, subject=f"connector:{name[:80]}"
        )
    return _loaded(content, name)


def stated(ctx: Context, name: str) -> Connector | None:
    """The connector, or None for one that is not there or cannot be read. Asks no rule."""
    try:
        return connector_of(ctx, name)
    except Refusal:
        return None


def answers_for(ctx: Context, connector: Connector) -> str:
    """Owner or deputy, whoever of them has an active account; "" when neither has."""
    return next((one for one in (connector.owner, connector.deputy) if _active(ctx, one)), "")


def _names(ctx: Context) -> list[str]:
    found = [
        one.removeprefix(FOLDER).removesuffix(SUFFIX)
        for one in definitions.names(ctx, FOLDER)
        if one.endswith(SUFFIX)
    ]
    return [one for one in found if NAME.fullmatch(one)]


def _standing(ctx: Context, connector: Connector) -> Standing:
    lacks = [] if answers_for(ctx, connector) else ["Neither its owner nor its deputy has an active account."]
    lacks += [] if connector.purposes else ["It names no purpose, so no app may call it."]
    lacks += (
        [] if connector.readers else ["It names no group of readers, so nobody is answered in production."]
    )
    keys = {one.pattern.key for one in connector.calls}
    try:
        kept = {one["call"] for one in stand_in.recorded(ctx, connector.name)} & keys
        document = stand_in.described(ctx, connector)
        made = (set(stand_in.operations(document)) if document else set()) & keys - kept
    except Refusal as refusal:
        return Standing(connector, (*lacks, refusal.message))
    if silent := [str(one.pattern) for one in connector.calls if one.pattern.key not in kept | made]:
        lacks.append(f"The sandbox has no answer for {', '.join(silent)}.")
    return Standing(connector, tuple(lacks), tuple(sorted(kept)), tuple(sorted(made)))


def _active(ctx: Context, person: str) -> bool:
    try:
        return identity.found(ctx, person).active
    except NotFound:
        return False
