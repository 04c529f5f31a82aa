"""Tables of who has seen whom: for each viewer, app, kind of entity and day how many, and who they are.

How many is a tally: exact up to a setting, a sketch beyond. Who they are is kept entity by entity, as keyed
hashes, while a viewer's day counts exactly; answers beyond, and large ones, leave fingerprints of 32 bits, a
row a batch. So a day's rows do not grow with what a viewer is allowed.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from handrail.data.sketches import Tally
from handrail.kernel import Context, storage

ALL = "*"  # in the place of a person: everybody; of an app: in all apps and outside them together
_SPACE = 1 << 32  # that fingerprints are drawn from

# One row per account, kind and day: its lock makes counting and adding one step, whoever else does the same.
days = sa.Table(
    "seen_days",
    storage.metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, primary_key=True),  # "" outside apps
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("entities", sa.BigInteger, nullable=False),  # at most so many; exactly, while a tally is exact
    sa.Column("tally", sa.LargeBinary, nullable=False),
    sa.Index("ix_seen_days_day", "day"),
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
fingerprints = sa.Table(
    "seen_fingerprints",
    storage.metadata,
    sa.Column("query", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("at", storage.Instant, nullable=False),
    sa.Column("entities", sa.Integer, nullable=False),
    sa.Column("marks", sa.LargeBinary, nullable=False),  # sorted, 32 bits each, little end first
    sa.Index("ix_seen_fingerprints_at", "subject", "at"),
)

# Statements are made once: to make them takes longer than to run them.
_GROWN = days.update().where(
    days.c.person == sa.bindparam("_a"),
    days.c.app == sa.bindparam("_b"),
    days.c.subject == sa.bindparam("_c"),
    days.c.day == sa.bindparam("_d"),
)


class Account(NamedTuple):
    """Whose use is counted: a person's in all apps together or in one, or everybody's in one app."""

    person: str
    app: str


@dataclass(frozen=True)
class Reserved:
    """What asking for entities came to: how many were seen before, how many are new, each at most.

    `exceeded` is the account for which these are too many; None where they fit, and then they count.
    """

    before: int
    fresh: int
    exceeded: Account | None = None


@dataclass(frozen=True)
class Use:
    """How many entities of a kind an account has seen on a day, at most."""

    account: Account
    subject: str
    entities: int


@dataclass(frozen=True)
class First:
    """The first time on a day that somebody saw an entity through an app."""

    person: str
    day: date
    app: str
    query: str
    at: datetime


@dataclass(frozen=True)
class Match:
    """An answer with the fingerprint of an entity, among so many of its own."""

    person: str
    app: str
    query: str
    at: datetime
    entities: int

    @property
    def false_positive_rate(self) -> float:
        """How often an answer of this size has the fingerprint of an entity that is not in it."""
        return -math.expm1(self.entities * math.log1p(-1 / _SPACE))


@dataclass(frozen=True)
class Showing:
    """A batch of an answer that shows entities of a kind; `kept` of these leave fingerprints in any case."""

    subject: str
    app: str
    query: str
    part: int
    wanted: Collection[str]
    kept: Collection[str] = ()


def accounts(person: str, app: str) -> tuple[Account, ...]:
    """Whose use it is when a person sees something through an app, or ("") outside; in the order of locks."""
    mine = (Account(person, ALL), Account(person, app))
    return tuple(sorted((*mine, Account(ALL, app)) if app else mine))


def reserve(ctx: Context, shown: Showing, most: Mapping[Account, int], exact: int, now: datetime) -> Reserved:
    """Count these entities as seen by the caller on the UTC day of `now`.

    For nobody when that is too many for one account: `most` says how many an account may see, and `exact` up
    to how many are kept one by one.
    """
    me = Account(ctx.caller.person.id, ALL)
    counted: dict[Account, Tally] = {}
    changed: dict[Account, dict[str, Any]] = {}
    for account in accounts(me.person, shown.app):
        before, packed = _begun(ctx, account, shown.subject, now.date())
        tally = Tally(packed, exact, "\0".join((*account, shown.subject, now.date().isoformat(), "")))
        fresh = tally.fresh(shown.wanted)
        if account in most and before + fresh > most[account]:
            return Reserved(before, fresh, account)
        tally.add(shown.wanted)
        after = max(before, tally.most)
        counted[account] = tally
        if (now_packed := tally.packed()) != packed:
            changed[account] = {"entities": after, "tally": now_packed}
        if account == me:
            result = Reserved(before, fresh)
    for account, values in changed.items():
        key = {"_a": account.person, "_b": account.app, "_c": shown.subject, "_d": now.date()}
        ctx.db.execute(_GROWN, {**key, **values})
    if counted[me].is_exact:
        _keep_each(ctx, shown, now)
    kept = shown.kept or (() if counted[me].is_exact else shown.wanted)
    if kept:
        _keep_fingerprints(ctx, shown, kept, now)
    return result


def uses(ctx: Context, day: date, person: str | None = None) -> tuple[Use, ...]:
    """What was seen on a day, by one person (and, where nobody is named, by everybody), most first."""
    query = sa.select(days.c.person, days.c.app, days.c.subject, days.c.entities).where(days.c.day == day)
    if person is not None:
        query = query.where(days.c.person == person)
    query = query.order_by(days.c.entities.desc(), days.c.person, days.c.app, days.c.subject)
    return tuple(
        Use(Account(row.person, row.app), row.subject, row.entities) for row in ctx.db.execute(query)
    )


def firsts(ctx: Context, subject: str, entity: str, limit: int) -> tuple[First, ...]:
    """Who saw an entity on which day through which app, newest first."""
    query = (
        sa.select(entities)
        .where(entities.c.subject == subject, entities.c.entity == entity)
        .order_by(entities.c.at.desc(), entities.c.query.desc())
        .limit(limit)
    )
    return tuple(First(row.person, row.day, row.app, row.query, row.at) for row in ctx.db.execute(query))


def matches(ctx: Context, subject: str, entity: str, limit: int) -> tuple[Match, ...]:
    """Answers whose fingerprints have that of an entity, newest first. Reads those of every large answer."""
    mark, found, of = _fingerprint(entity), dict[str, Any](), fingerprints.c
    query = sa.select(of.query, of.person, of.app, of.at, of.marks).where(of.subject == subject)
    rows = ctx.db.execute(query.order_by(of.at.desc()).execution_options(yield_per=50))
    for row in rows:
        if len(found) < limit and row.query not in found and _holds(row.marks, mark):
            found[row.query] = row
    sizes = sa.select(of.query, sa.func.sum(of.entities)).where(of.subject == subject, of.query.in_(found))
    size = {row[0]: int(row[1]) for row in ctx.db.execute(sizes.group_by(of.query))} if found else {}
    return tuple(Match(row.person, row.app, name, row.at, size[name]) for name, row in found.items())


def _begun(ctx: Context, account: Account, subject: str, day: date) -> tuple[int, bytes]:
    """The count of an account's day, which is locked from here on."""
    values = {**account._asdict(), "subject": subject, "day": day, "entities": 0, "tally": b""}
    row = ctx.db.execute(_begin(ctx.db.dialect.name), values).one()
    return row.entities, row.tally


def _keep_each(ctx: Context, shown: Showing, now: datetime) -> None:
    common = {"person": ctx.caller.person.id, "subject": shown.subject, "day": now.date(), "app": shown.app}
    rows = [{**common, "entity": one, "query": shown.query, "at": now} for one in sorted(shown.wanted)]
    ctx.db.execute(_each(ctx.db.dialect.name), rows)


def _keep_fingerprints(ctx: Context, shown: Showing, kept: Collection[str], now: datetime) -> None:
    marks = sorted({_fingerprint(one) for one in kept})
    ctx.db.execute(
        fingerprints.insert().values(
            query=shown.query,
            subject=shown.subject,
            part=shown.part,
            person=ctx.caller.person.id,
            app=shown.app,
            at=now,
            entities=len(marks),
            marks=struct.pack(f"<{len(marks)}I", *marks),
        )
    )


def _fingerprint(entity: str) -> int:
    return int(entity[:8], 16)


def _holds(packed: bytes, mark: int) -> bool:
    marks = struct.unpack(f"<{len(packed) // 4}I", packed)
    place = bisect_left(marks, mark)
    return place < len(marks) and marks[place] == mark


@lru_cache
def _begin(dialect: str) -> Any:
    same = {"entities": days.c.entities}  # a change that is none, and locks the row
    keys = list(days.primary_key.columns)
    made = _insert(dialect, days).on_conflict_do_update(index_elements=keys, set_=same)
    return made.returning(days.c.entities, days.c.tally)


@lru_cache
def _each(dialect: str) -> Any:
    return _insert(dialect, entities).on_conflict_do_nothing()


def _insert(dialect: str, table: sa.Table) -> Any:
    return storage.insert_of(dialect)(table)
