"""Asking the trail: who did what, is it whole, and is this entry really in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handrail.kernel import access, audit, storage
from handrail.kernel.access import Resource
from handrail.kernel.audit import verifier as _verifier
from handrail.kernel.context import Context, Instance

_TRAIL = Resource("Instance", "trail")
_ALL = audit.Chosen()


def entries(
    ctx: Context,
    *,
    person: str = "",
    verb: str = "",
    subject: str = "",
    before: int | None = None,
    limit: int = 50,
) -> tuple[audit.Entry, ...]:
    """The newest entries first: everybody's for those who may see the trail, otherwise one's own only.

    A token of limited scope or purpose needs that right even for its person's own: they tell what that
    person asked.
    """
    if person != ctx.caller.person.id or ctx.caller.narrowed:
        access.require(ctx, "see-trail", _TRAIL)
    ctx.audit.settle()
    return audit.recent(ctx.db, person=person, verb=verb, subject=subject, before=before, limit=limit)


def verify(ctx: Context) -> audit.Verification:
    """Prove the whole trail anew; reads every entry."""
    access.require(ctx, "verify-trail", _TRAIL)
    ctx.audit.settle()
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.verify(db, ctx.instance.log.verifier_key, ctx.instance.witness)


def prove(ctx: Context, seq: int) -> audit.Proof:
    """Prove that entry `seq` is in the signed log."""
    access.require(ctx, "see-trail", _TRAIL)
    ctx.audit.settle()
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.prove(db, seq)


def export(ctx: Context, chosen: audit.Chosen = _ALL) -> Iterator[bytes]:
    """The chosen entries as JSON Lines, each with the proof that it is in the signed log; sealed at the end.

    With the public key anybody can verify them without Handrail (`verifier`). The export itself goes on the
    trail first. Refuses those who may not see the whole trail.
    """
    access.require(ctx, "see-trail", _TRAIL)
    ctx.audit.now("trail.exported", "instance:trail", chosen=chosen.said())
    return _lines(ctx.instance, chosen)


def consistency(ctx: Context, old: str) -> dict[str, Any]:
    """Prove that the log of an older checkpoint (or size) is the beginning of the newest.

    Refuses Invalid what is no checkpoint of this instance, and NotFound one that is larger than the log.
    """
    access.require(ctx, "verify-trail", _TRAIL)
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.consistency(db, ctx.instance.log, old)


def checkpoint(ctx: Context) -> str:
    """The newest signed checkpoint, for somebody to keep where the server cannot write."""
    access.require(ctx, "verify-trail", _TRAIL)
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.newest(db)[0]


def verifier() -> str:
    """The program of one file that verifies an export without Handrail. No secret: asks no rule."""
    return Path(_verifier.__file__).read_text(encoding="utf-8")


def _lines(instance: Instance, chosen: audit.Chosen) -> Iterator[bytes]:
    with storage.snapshot(instance.engine) as db:
        yield from audit.lines(db, instance.log, chosen)
