"""The table of subscriptions, and the only SQL on it."""

from __future__ import annotations

import sqlalchemy as sa

from handrail.apps.scheduling import Subscription
from handrail.kernel import Context, storage
from handrail.kernel.storage import Instant, metadata

subscriptions = sa.Table(
    "app_subscriptions",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # group or person
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("wants", sa.Boolean, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)


def subscribe(ctx: Context, app: str, kind: str, name: str, wants: bool) -> None:
    """Keep whether a group or person wants the scheduled results of an app."""
    values = {"wants": wants, "by": ctx.caller.person.id, "at": ctx.clock.now()}
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(subscriptions).values(app=app, kind=kind, name=name, **values)
    key = [subscriptions.c.app, subscriptions.c.kind, subscriptions.c.name]
    ctx.db.execute(made.on_conflict_do_update(index_elements=key, set_=values))


def subscribed(ctx: Context, app: str) -> tuple[Subscription, ...]:
    """Who said whether they want the scheduled results of an app, by name."""
    query = sa.select(subscriptions).where(subscriptions.c.app == app)
    rows = ctx.db.execute(query.order_by(subscriptions.c.kind, subscriptions.c.name))
    return tuple(Subscription(row.kind, row.name, row.wants, row.by, row.at) for row in rows)
