"""Mail that waits to be sent: to whom and about what, and nothing of what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from handrail.apps.scheduling import AHEAD
from handrail.kernel import Context, storage
from handrail.kernel.storage import Instant, metadata

Kind = Literal["delivered", "failed", "paused"]

mails = sa.Table(
    "app_mails",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), nullable=False),
    sa.Column("moment", Instant, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),  # waiting, sent, failed or dropped
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.UniqueConstraint("app", "moment", "person", "kind"),
)


@dataclass(frozen=True)
class Mail:
    """One mail to one person."""

    id: str
    kind: Kind
    app: str
    moment: datetime
    person: str
    state: str
    tries: int
    due_at: datetime


def put(ctx: Context, kind: Kind, app: str, moment: datetime, person: str) -> None:
    """Leave a mail to be sent, once about one thing to one person; none where no mail is set up."""
    if not ctx.settings.mail.host:
        return
    insert = storage.insert_of(ctx.db.dialect.name)
    values = {"id": storage.new_id("mail"), "kind": kind, "app": app, "moment": moment, "person": person}
    values |= {"state": "waiting", "tries": 0, "due_at": ctx.clock.now()}
    ctx.db.execute(insert(mails).values(**values).on_conflict_do_nothing())


def take_next(ctx: Context, lease: timedelta) -> Mail | None:
    """The mail that is due first, which nobody else takes for as long as the lease; None when none is."""
    now = ctx.clock.now()
    due = sa.or_(mails.c.due_at <= now, mails.c.due_at > now + 2 * AHEAD)  # or a clock was wrong
    query = sa.select(mails).where(mails.c.state == "waiting", due).order_by(mails.c.due_at, mails.c.id)
    row = ctx.db.execute(query.limit(1)).first()
    if row is None:
        return None
    found = Mail(**row._mapping)
    taken = change(ctx, found, tries=found.tries + 1, due_at=now + lease)
    return Mail(**{**row._mapping, "tries": found.tries + 1}) if taken else None


def change(ctx: Context, mail: Mail, **values: Any) -> bool:
    """Change a mail that waits; False when another process has taken it since."""
    same = sa.and_(mails.c.id == mail.id, mails.c.state == "waiting", mails.c.tries == mail.tries)
    return ctx.db.execute(mails.update().where(same).values(**values)).rowcount == 1


def forget(ctx: Context, app: str, until: datetime) -> None:
    """Forget the mail about an app's moments up to that one, but what waits."""
    old = sa.and_(mails.c.app == app, mails.c.moment <= until, mails.c.state != "waiting")
    ctx.db.execute(mails.delete().where(old))
