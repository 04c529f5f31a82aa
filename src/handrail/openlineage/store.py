"""The outbox of lineage events, and whose turn it is to deliver them; the only SQL on these tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from handrail.kernel import Context, storage

outbox = sa.Table(
    "lineage_outbox",
    storage.metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("at", storage.Instant, nullable=False),
    sa.Column("refused", sa.Text),  # why the receiver will never take it; it is then left aside
)
turns = sa.Table(
    "lineage_turns",
    storage.metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", storage.Instant, nullable=False),
)
_ONE = 1  # there is one turn


@dataclass(frozen=True)
class Waiting:
    """One event that has not been delivered."""

    seq: int
    event: str
    at: datetime


def put(ctx: Context, event: str) -> None:
    """Leave an event for delivery: it counts once this transaction does."""
    ctx.db.execute(outbox.insert().values(event=event, at=ctx.clock.now()))


def next_waiting(ctx: Context) -> Waiting | None:
    """The event that has waited longest, or None."""
    query = sa.select(outbox).where(outbox.c.refused.is_(None)).order_by(outbox.c.seq).limit(1)
    row = ctx.db.execute(query).first()
    return Waiting(row.seq, row.event, row.at) if row else None


def remove(ctx: Context, one: Waiting) -> None:
    """Forget an event that has been delivered.

    By number and moment: a database may give a number again once it is free, and whoever was too slow to be
    still in turn must not remove another event.
    """
    ctx.db.execute(outbox.delete().where(outbox.c.seq == one.seq, outbox.c.at == one.at))


def set_aside(ctx: Context, one: Waiting, reason: str) -> None:
    """Keep an event that the receiver will never take out of the way of the others."""
    mine = outbox.c.seq == one.seq, outbox.c.at == one.at
    ctx.db.execute(outbox.update().where(*mine).values(refused=reason))


def put_back(ctx: Context) -> int:
    """Let those that were set aside wait again; gives how many."""
    kept = outbox.c.refused.is_not(None)
    return ctx.db.execute(outbox.update().where(kept).values(refused=None)).rowcount


def counts(ctx: Context) -> tuple[int, datetime | None, int, str | None]:
    """How many wait, since when the first does, how many are set aside, and why the newest of those is."""
    waits = outbox.c.refused.is_(None)
    waiting, oldest = ctx.db.execute(sa.select(sa.func.count(), sa.func.min(outbox.c.at)).where(waits)).one()
    aside = sa.select(outbox.c.refused).where(~waits).order_by(outbox.c.seq.desc())
    reasons = list(ctx.db.scalars(aside))
    return waiting, oldest, len(reasons), next(iter(reasons), None)


def take_turn(ctx: Context, holder: str, seconds: float) -> bool:
    """Whether this process may deliver for the next `seconds`: nobody else does, or has not for long.

    A turn that ends further ahead than any can was taken by a clock that was wrong, and counts as over.
    """
    now = ctx.clock.now()
    until = now + timedelta(seconds=seconds)
    insert = storage.insert_of(ctx.db.dialect.name)
    free = sa.or_(
        turns.c.holder == holder, turns.c.until <= now, turns.c.until > now + timedelta(seconds=2 * seconds)
    )
    mine = {"holder": holder, "until": until}
    made = insert(turns).values(id=_ONE, **mine)
    made = made.on_conflict_do_update(index_elements=[turns.c.id], set_=mine, where=free)
    return ctx.db.execute(made.returning(turns.c.id)).first() is not None


def end_turn(ctx: Context, holder: str) -> None:
    """Let another process deliver at once."""
    ctx.db.execute(turns.delete().where(turns.c.holder == holder))
