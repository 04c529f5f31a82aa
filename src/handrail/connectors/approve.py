"""The first write of a version to another system waits for a yes of whoever answers for that system."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from handrail.connectors import store
from handrail.connectors.find import approval_resource, connector_of
from handrail.connectors.models import Allowed, Approval, Connector, Wanted
from handrail.connectors.redact import preview
from handrail.kernel import (
    Conflict,
    Context,
    Invalid,
    NotAllowed,
    NotFound,
    NotReady,
    RunRef,
    access,
    storage,
)

_LONGEST = 20_000  # characters of a preview
_LONGEST_REASON = 2000


def require_yes(
    ctx: Context, run: RunRef, connector: Connector, allowed: Allowed, shown: str, wanted: Wanted
) -> None:
    """Refuse a write of this version by this call unless somebody said yes to its first.

    A yes counts for this version, this call and where the connector leads now. The first time, the question
    is kept with what would be sent, whatever becomes of the run. Refuses NotReady while nobody has answered,
    and NotAllowed after a no, with its reason.
    """
    key = allowed.pattern.key
    found = store.find_answer(ctx, connector, run.app, run.commit, key)
    if found is None:
        line = f"{allowed.pattern.method} {connector.address}{shown}"
        said = preview(connector, line, wanted.params, wanted.headers, wanted.json)
        asked = Approval(
            storage.new_id("write"),
            connector.name,
            run.app,
            run.commit,
            key,
            connector.target,
            connector.address,
            said if len(said) <= _LONGEST else f"{said[:_LONGEST]}\n… (the rest is not shown)",
            ctx.caller.person.id,
            ctx.clock.now(),
        )
        with ctx.instance.context(ctx.caller) as own:  # stays, though the call is refused
            if store.ask(own, asked):
                own.audit.note(
                    "connector.write_asked", f"connector:{connector.name}", approval=asked.id, of=key
                )
        found = store.find_answer(ctx, connector, run.app, run.commit, key) or asked
    if found.state != "approved":
        _not_yet(connector, found)


def approval(ctx: Context, connector: str, name: str) -> Approval:
    """One first write with what it would send; for who decides, who judges apps, and the app's owners."""
    found = _found(ctx, connector, name)
    access.require(ctx, "see-first-write", approval_resource(ctx, found))
    return found


def approve_write(ctx: Context, connector: str, name: str, reason: str = "") -> Approval:
    """Let a version write by this call from now on.

    Refuses all but the connector's owner and deputy, and them as well where they own the app; Conflict when
    somebody answered, or the connector leads elsewhere by now.
    """
    return _decide(ctx, connector, name, "approved", reason)


def refuse_write(ctx: Context, connector: str, name: str, reason: str) -> Approval:
    """Say no, with a reason that the app's maker can act on.

    Refuses as `approve_write`, and Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid("Nobody will know why not.", next_step="Say what the app should do instead.")
    return _decide(ctx, connector, name, "refused", reason)


def _decide(ctx: Context, connector: str, name: str, state: str, reason: str) -> Approval:
    one = _found(ctx, connector, name)
    access.require(ctx, "decide-call", approval_resource(ctx, one))
    because = " ".join(reason.split())
    if len(because) > _LONGEST_REASON:
        raise Invalid(
            f"That is {len(because):,} characters long.", next_step=f"Keep it below {_LONGEST_REASON:,}."
        )
    if connector_of(ctx, connector).target != one.target:
        raise Conflict(
            f"{connector} leads elsewhere than when this was asked.",
            next_step="Let the app run again: it asks anew.",
            subject=f"connector:{connector}",
        )
    now, person = ctx.clock.now(), ctx.caller.person.id
    if not store.decide(ctx, one.id, state, person, now, because):
        raise Conflict(
            "Somebody answered this already.", next_step="Look at it again.", subject=f"connector:{connector}"
        )
    facts = {"approval": one.id, "of": one.call, "asked_by": one.by, "version": one.commit, "of_app": one.app}
    if state == "approved":
        ctx.audit.note("connector.write_approved", f"connector:{connector}", **facts, reason=because)
        return replace(one, state="approved", decided_by=person, decided_at=now, reason=because)
    ctx.audit.note("connector.write_refused", f"connector:{connector}", **facts, reason=because)
    return replace(one, state="refused", decided_by=person, decided_at=now, reason=because)


def _found(ctx: Context, connector: str, name: str) -> Approval:
    found = store.get_approval(ctx, connector, name)
    if found is None:
        raise NotFound(
            "There is no such write that waited for a yes.",
            next_step="The connector's page lists them.",
            subject=f"connector:{connector[:80]}",
        )
    return found


def _not_yet(connector: Connector, one: Approval) -> NoReturn:
    subject = f"connector:{connector.name}"
    if one.state == "refused":
        raise NotAllowed(
            f"{one.decided_by} said no to {one.call} of {connector.name} by this version: {one.reason}",
            next_step="Change the app accordingly and push it; its new version asks anew.",
            subject=subject,
            rule="first-write-refused",
        )
    raise NotReady(
        f"{one.call} changes something at {connector.name}, and nobody said yes to that yet.",
        next_step=f"Ask {connector.owner} or {connector.deputy} to look at {one.page}, and run it then.",
        subject=subject,
        approval=one.id,
    )
