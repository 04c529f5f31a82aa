"""Whose turn a scheduled check is: a row a dataset, taken by one server for one moment of its schedule."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from handrail.data.catalog_store import catalog
from handrail.kernel import Context, storage

# No two servers' clocks are that far apart: a moment so far ahead was taken while a clock was wrong.
AHEAD = timedelta(hours=1)

turns = sa.Table(
    "quality_turns",
    storage.metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("moment", storage.Instant, nullable=False),  # of the schedule, that was taken last
    sa.Column("holder", sa.Text, nullable=False),  # of the lease; "" once the check has ended
    sa.Column("lease_until", storage.Instant, nullable=False),
    sa.Column("problem", sa.Text),  # why the last scheduled check could not be made
)


def take(ctx: Context, dataset: str, moment: datetime, until: datetime) -> str | None:
    """Take the check of a dataset for a moment of its schedule; None when another server has it or had it.

    Until `until` nobody else can; after that whoever took it is taken for dead.
    """
    holder, now = storage.new_id("turn"), ctx.clock.now()
    values = {"moment": moment, "holder": holder, "lease_until": until}
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(turns).values(dataset=dataset, **values)
    dead = sa.and_(turns.c.holder != "", turns.c.lease_until < now)
    free = sa.or_(turns.c.moment < moment, turns.c.moment > now + AHEAD, dead)
    changing = made.on_conflict_do_update(index_elements=[turns.c.dataset], set_=values, where=free)
    return ctx.db.execute(changing.returning(turns.c.holder)).scalar()


def end(ctx: Context, dataset: str, holder: str, problem: str | None = None) -> bool:
    """Note that the check has been made, or why it could not be; False when the turn was lost meanwhile."""
    changed = ctx.db.execute(
        turns.update()
        .where(turns.c.dataset == dataset, turns.c.holder == holder)
        .values(holder="", problem=problem)
    )
    return changed.rowcount == 1


def due(ctx: Context, schedules: str, moment: datetime, limit: int) -> list[str]:
    """Datasets with exactly these schedules that nobody checked since a moment or is checking."""
    c, now = catalog.c, ctx.clock.now()
    alive = sa.or_(turns.c.holder == "", turns.c.lease_until >= now)
    had = sa.exists().where(turns.c.dataset == c.dataset, turns.c.moment.between(moment, now + AHEAD), alive)
    old = sa.or_(c.checked_at.is_(None), c.checked_at < moment, c.checked_at > now + AHEAD)
    query = sa.select(c.dataset).where(c.schedules == schedules, old, ~had)
    return [row.dataset for row in ctx.db.execute(query.order_by(c.dataset).limit(limit))]


def problem_of(ctx: Context, dataset: str) -> str | None:
    """Why the last scheduled check of a dataset could not be made; None when it could."""
    return ctx.db.execute(sa.select(turns.c.problem).where(turns.c.dataset == dataset)).scalar()
