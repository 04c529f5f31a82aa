"""The table of visits to hosted apps, and the only SQL on it. Of tickets and cookies a hash is kept."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handrail.apps.models import Visit
from handrail.kernel import Context
from handrail.kernel.storage import Instant, metadata

visits = sa.Table(
    "app_visits",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("n", sa.Integer),  # the version that is tried in the sandbox; production shows what is promoted
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("ticket", sa.Text, unique=True),  # until it is used
    sa.Column("cookie", sa.Text, unique=True),  # from then on
    sa.Column("expires", Instant, nullable=False),
    sa.Column("proof", sa.Text, nullable=False, server_default=""),  # the session or token it ends with
)


def add(ctx: Context, visit: Visit, ticket: str, expires: datetime) -> None:
    """Keep a visit that begins when its ticket is shown; forget those that are over."""
    ctx.db.execute(sa.delete(visits).where(visits.c.expires <= ctx.clock.now()))
    ctx.db.execute(sa.insert(visits).values(**vars(visit), ticket=ticket, expires=expires))


def use(
    ctx: Context, app: str, environment: str, ticket: str, cookie: str, expires: datetime
) -> Visit | None:
    """Put the cookie in the place of an unused ticket; None when there is no such ticket."""
    now = ctx.clock.now()
    row = ctx.db.execute(
        sa.update(visits)
        .where(
            visits.c.ticket == ticket,
            visits.c.app == app,
            visits.c.environment == environment,
            visits.c.expires > now,
        )
        .values(ticket=None, cookie=cookie, expires=expires)
        .returning(visits)
    ).one_or_none()
    return _visit(row) if row else None


def find(ctx: Context, app: str, environment: str, cookie: str) -> Visit | None:
    """The visit to this app with this cookie, if it is not over."""
    row = ctx.db.execute(
        sa.select(visits).where(
            visits.c.cookie == cookie,
            visits.c.app == app,
            visits.c.environment == environment,
            visits.c.expires > ctx.clock.now(),
        )
    ).one_or_none()
    return _visit(row) if row else None


def end(ctx: Context, person: str) -> None:
    """Forget every visit of a person."""
    ctx.db.execute(sa.delete(visits).where(visits.c.person == person))


def _visit(row: Any) -> Visit:
    return Visit(row.id, row.app, row.environment, row.person, row.n, row.proof)
