"""Notices as rows: what somebody has to know, until they put it away or it is so no longer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from handrail.kernel import Context, storage

Kind = Literal["schema", "quality", "expiring", "expired", "revoked", "metric", "twin"]
notices = sa.Table(
    "notices",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),  # "dataset:orders"
    sa.Column("about", sa.Text, nullable=False),  # the fact it is about: nobody is told twice of one
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("next_step", sa.Text, nullable=False),
    sa.Column("told_at", storage.Instant, nullable=False),
    sa.Column("ended_at", storage.Instant),
    sa.Column("ended", sa.Text),  # "dismissed", or "mended" by the facts
    sa.UniqueConstraint("person", "kind", "subject", "about"),
)


@dataclass(frozen=True)
class Notice:
    """What somebody has to know of a dataset, and what to do about it."""

    id: str
    kind: Kind
    subject: str
    text: str
    next_step: str
    at: datetime

    @property
    def dataset(self) -> str:
        """The dataset it is about."""
        return self.subject.removeprefix("dataset:")


def add(
    ctx: Context, people: Collection[str], kind: Kind, dataset: str, about: str, text: str, next_step: str
) -> int:
    """Tell these people, each of whom is told once `about` a fact; how many had not been told."""
    insert = storage.insert_of(ctx.db.dialect.name)
    same: dict[str, Any] = {"kind": kind, "subject": f"dataset:{dataset}", "about": about, "text": text}
    same |= {"next_step": next_step, "told_at": ctx.clock.now()}
    told = 0
    for person in sorted(people):
        made = insert(notices).values(id=storage.new_id("notice"), person=person, **same)
        new = made.on_conflict_do_nothing().returning(notices.c.id)
        told += ctx.db.execute(new).scalar() is not None
    return told


def open_for(ctx: Context, person: str, limit: int) -> tuple[Notice, ...]:
    """What somebody was told and has not put away, newest first."""
    query = sa.select(notices).where(notices.c.person == person, notices.c.ended_at.is_(None))
    rows = ctx.db.execute(query.order_by(notices.c.told_at.desc(), notices.c.id.desc()).limit(limit))
    return tuple(Notice(r.id, r.kind, r.subject, r.text, r.next_step, r.told_at) for r in rows)


def dismiss(ctx: Context, person: str, notice: str) -> bool:
    """Put away one of a person's own notices; False when there is none such that is open."""
    mine = sa.and_(notices.c.id == notice, notices.c.person == person, notices.c.ended_at.is_(None))
    values = {"ended_at": ctx.clock.now(), "ended": "dismissed"}
    return ctx.db.execute(notices.update().where(mine).values(values)).rowcount == 1


def mend(ctx: Context, dataset: str, *kinds: Kind, about: str = "") -> None:
    """End what everybody was told of a dataset and is so no longer; of facts that begin with `about` only."""
    those = sa.and_(
        notices.c.subject == f"dataset:{dataset}",
        notices.c.kind.in_(kinds),
        notices.c.about.startswith(about, autoescape=True),
        notices.c.ended_at.is_(None),
    )
    ctx.db.execute(notices.update().where(those).values(ended_at=ctx.clock.now(), ended="mended"))
