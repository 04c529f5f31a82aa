"""Tables of who has seen whom: for each viewer, kind of entity and day the entities, as keyed hashes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from handrail.kernel import Context, storage

_CHUNK = 2000  # below the number of parameters that either database takes in one statement

# One row per viewer, kind and day: its lock makes counting and adding one step, whoever else does the same.
days = sa.Table(
    "seen_days",
    storage.metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("entities", sa.BigInteger, nullable=False),
)
entities = sa.Table(
    "seen_entities",
    storage.metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, primary_key=True),  # "" outside apps
    sa.Column("query", sa.Text, nullable=False),  # the first that day
    sa.Column("at", storage.Instant, nullable=False),
    sa.Index("ix_seen_entities_entity", "subject", "entity"),
)


@dataclass(frozen=True)
class Reserved:
    """What asking for entities came to: how many were seen before, how many are new, and whether they fit."""

    before: int
    fresh: int
    granted: bool


@dataclass(frozen=True)
class First:
    """The first time on a day that somebody saw an entity through an app."""

    person: str
    day: date
    app: str
    query: str
    at: datetime


def reserve(
    ctx: Context, subject: str, wanted: Collection[str], *, app: str, query: str, most: int
) -> Reserved:
    """Count these entities as seen by the caller today; none of them when that would be more than `most`."""
    person, now = ctx.caller.person.id, ctx.clock.now()
    key = {"person": person, "subject": subject, "day": now.date()}
    insert = postgresql.insert if ctx.db.dialect.name == "postgresql" else sqlite.insert
    begun = insert(days).values(**key, entities=0)
    ctx.db.execute(
        begun.on_conflict_do_update(
            index_elements=list(days.primary_key.columns), set_={"entities": days.c.entities}
        )
    )
    mine = sa.and_(days.c.person == person, days.c.subject == subject, days.c.day == now.date())
    before = ctx.db.execute(sa.select(days.c.entities).where(mine)).scalar_one()
    fresh = set(wanted) - _known(ctx, key, wanted)
    if before + len(fresh) > most:
        return Reserved(before, len(fresh), granted=False)
    rows = [{**key, "entity": one, "app": app, "query": query, "at": now} for one in sorted(wanted)]
    ctx.db.execute(insert(entities).on_conflict_do_nothing(), rows)
    ctx.db.execute(days.update().where(mine).values(entities=before + len(fresh)))
    return Reserved(before, len(fresh), granted=True)


def used(ctx: Context, person: str, day: date) -> dict[str, int]:
    """How many entities of each kind somebody has seen on a day."""
    query = sa.select(days.c.subject, days.c.entities).where(days.c.person == person, days.c.day == day)
    return {row.subject: row.entities for row in ctx.db.execute(query)}


def used_by_app(ctx: Context, person: str, day: date) -> dict[str, dict[str, int]]:
    """The same by app ("" outside apps); one entity counts in each app that showed it."""
    query = (
        sa.select(entities.c.subject, entities.c.app, sa.func.count())
        .where(entities.c.person == person, entities.c.day == day)
        .group_by(entities.c.subject, entities.c.app)
    )
    found: dict[str, dict[str, int]] = {}
    for subject, app, count in ctx.db.execute(query):
        found.setdefault(subject, {})[app] = count
    return found


def firsts(ctx: Context, subject: str, entity: str, limit: int) -> tuple[First, ...]:
    """Who saw an entity on which day through which app, newest first."""
    query = (
        sa.select(entities)
        .where(entities.c.subject == subject, entities.c.entity == entity)
        .order_by(entities.c.at.desc(), entities.c.query.desc())
        .limit(limit)
    )
    return tuple(First(row.person, row.day, row.app, row.query, row.at) for row in ctx.db.execute(query))


def _known(ctx: Context, key: dict[str, object], wanted: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(sorted(wanted)):
        query = sa.select(entities.c.entity).where(
            entities.c.person == key["person"],
            entities.c.subject == key["subject"],
            entities.c.day == key["day"],
            entities.c.entity.in_(chunk),
        )
        found.update(ctx.db.execute(query).scalars())
    return found


def _chunks(items: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
