"""Asking the trail: who did what, is it whole, and is this entry really in it."""

import base64
from collections.abc import Iterator

import sqlalchemy as sa

from handrail.kernel import access, audit, storage
from handrail.kernel.access import Resource
from handrail.kernel.audit import log
from handrail.kernel.context import Context

_TRAIL = Resource("Instance", "trail")


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

    A token of limited scope needs that scope even for its person's own: they tell what that person asked.
    """
    if person != ctx.caller.person.id or ctx.caller.scopes is not None:
        access.require(ctx, "see-trail", _TRAIL)
    return audit.recent(ctx.db, person=person, verb=verb, subject=subject, before=before, limit=limit)


def verify(ctx: Context) -> audit.Verification:
    """Prove the whole trail anew; reads every entry."""
    access.require(ctx, "verify-trail", _TRAIL)
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.verify(db, ctx.instance.log.verifier_key, ctx.instance.witness)


def prove(ctx: Context, seq: int) -> audit.Proof:
    """Prove that entry `seq` is in the signed log."""
    access.require(ctx, "see-trail", _TRAIL)
    with storage.snapshot(ctx.instance.engine) as db:
        return audit.prove(db, seq)


def export(ctx: Context) -> Iterator[dict[str, object]]:
    """Every entry, oldest first, with the bytes its leaf hashes (base64), then the newest checkpoint.

    With these and the public key anybody can recompute the root without Handrail.
    """
    access.require(ctx, "see-trail", _TRAIL)
    return _lines(ctx)


def _lines(ctx: Context) -> Iterator[dict[str, object]]:
    with storage.snapshot(ctx.instance.engine) as db:
        rows = db.execute(
            sa.select(log.entries.c.seq, log.entries.c.body)
            .order_by(log.entries.c.seq)
            .execution_options(yield_per=1000)
        )
        for row in rows:
            yield {"seq": row.seq, "body": base64.b64encode(row.body).decode()}
        newest = db.execute(
            sa.select(log.checkpoints.c.note).order_by(log.checkpoints.c.size.desc()).limit(1)
        ).scalar_one_or_none()
    yield {"checkpoint": newest, "key": ctx.instance.log.verifier_key}
