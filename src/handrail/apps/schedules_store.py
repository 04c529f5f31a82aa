"""The tables of schedules: moments, turns and pauses; and the only SQL on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from handrail.apps.scheduling import AHEAD, Moment, Scheduled, Standing, Turn
from handrail.apps.store import promotions, versions
from handrail.kernel import Context, Manifest, storage
from handrail.kernel.storage import Instant, metadata

_manifest = lru_cache(maxsize=4096)(Manifest.parse)  # it is frozen, and every few seconds all are read

schedules = sa.Table(
    "app_schedules",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("resumed_at", Instant),
    sa.Column("paused_at", Instant),
    sa.Column("paused_by", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("next_step", sa.Text, nullable=False),
)
# A row that a transaction writes first, so that no other decides about the moments of that app meanwhile.
claims = sa.Table(
    "app_claims",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
)
moments = sa.Table(
    "app_moments",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("at", Instant, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("missed", sa.Integer, nullable=False),
    sa.Column("premature", sa.Boolean, nullable=False),  # claimed by a clock that ran far ahead
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Column("over_at", Instant),
)
turns = sa.Table(
    "app_turns",
    metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("moment", Instant, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("unlucky", sa.Integer, nullable=False),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
)


def lock(ctx: Context, app: str) -> None:
    """Let no other transaction decide about the moments of this app until this one is over."""
    insert = storage.insert_of(ctx.db.dialect.name)
    first = insert(claims).values(app=app, n=1)
    ctx.db.execute(first.on_conflict_do_update(index_elements=[claims.c.app], set_={"n": claims.c.n + 1}))


def scheduled(ctx: Context, app: str | None = None) -> tuple[Scheduled, ...]:
    """The apps (or this one) whose version in production has a schedule, by name."""
    last = (
        sa.select(promotions.c.app, sa.func.max(promotions.c.seq).label("seq")).group_by(promotions.c.app)
    ).subquery()
    query = (
        sa.select(*(promotions.c[name] for name in ("app", "n", "seq", "by", "at")), versions.c.manifest)
        .join(last, sa.and_(last.c.app == promotions.c.app, last.c.seq == promotions.c.seq))
        .join(versions, sa.and_(versions.c.app == promotions.c.app, versions.c.n == promotions.c.n))
        .where(versions.c.manifest.contains("schedule"))
        .order_by(promotions.c.app)
    )
    if app is not None:
        query = query.where(promotions.c.app == app)
    found = (
        Scheduled(row.app, row.n, row.seq, row.by, row.at, _manifest(row.manifest))
        for row in ctx.db.execute(query)
    )
    return tuple(one for one in found if one.manifest.schedule)


def in_force_since(ctx: Context, what: Scheduled) -> datetime:
    """When the schedule came into force: with the first promotion since which it has not changed."""
    query = (
        sa.select(promotions.c.at, versions.c.manifest)
        .join(versions, sa.and_(versions.c.app == promotions.c.app, versions.c.n == promotions.c.n))
        .where(promotions.c.app == what.app, promotions.c.seq <= what.seq)
        .order_by(promotions.c.seq.desc())
    )
    since = what.at
    for row in ctx.db.execute(query) if what.seq > 1 else ():
        if _manifest(row.manifest).schedule != what.schedule:
            break
        since = row.at
    return since


def standing(ctx: Context, app: str) -> Standing:
    """What people have said about the schedule of an app."""
    return standings(ctx, app).get(app, Standing())


def standings(ctx: Context, app: str | None = None) -> dict[str, Standing]:
    """The same of all apps (or this one) about which anybody said anything."""
    query = sa.select(schedules) if app is None else sa.select(schedules).where(schedules.c.app == app)
    found = {}
    for row in ctx.db.execute(query):
        said = {name: value for name, value in row._mapping.items() if name != "app"}
        found[row.app] = Standing(**said)
    return found


def pause(ctx: Context, app: str, by: str, because: str, next_step: str) -> bool:
    """Pause a schedule; False when it is paused already."""
    usual = {"owner": "", "seq": 0}
    values = {"paused_at": ctx.clock.now(), "paused_by": by, "because": because, "next_step": next_step}
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(schedules).values(app=app, **usual, **values)
    changing = made.on_conflict_do_update(
        index_elements=[schedules.c.app], set_=values, where=schedules.c.paused_at.is_(None)
    )
    return ctx.db.execute(changing.returning(schedules.c.app)).scalar() is not None


def resume(ctx: Context, app: str, owner: str, seq: int) -> None:
    """Let a schedule run from now on, as this person while that promotion is in force."""
    values: dict[str, Any] = {"owner": owner, "seq": seq, "resumed_at": ctx.clock.now(), "paused_at": None}
    values |= {"paused_by": "", "because": "", "next_step": ""}
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(schedules).values(app=app, **values)
    ctx.db.execute(made.on_conflict_do_update(index_elements=[schedules.c.app], set_=values))


def last_claimed(ctx: Context, app: str | None = None) -> dict[str, datetime]:
    """The last moment of each schedule (or this one) that was claimed, by app.

    Moments that a clock far ahead claimed do not count, nor those that a person asked for.
    """
    query = sa.select(moments.c.app, sa.func.max(moments.c.at).label("last")).where(
        moments.c.by == "", ~moments.c.premature
    )
    if app is not None:
        query = query.where(moments.c.app == app)
    return {row.app: row.last for row in ctx.db.execute(query.group_by(moments.c.app))}


def find_premature(ctx: Context) -> list[tuple[str, datetime]]:
    """Moments that lie so far ahead that the clock which claimed them was wrong."""
    far = sa.and_(moments.c.at > ctx.clock.now() + AHEAD, ~moments.c.premature)
    return [(row.app, row.at) for row in ctx.db.execute(sa.select(moments.c.app, moments.c.at).where(far))]


def mark_premature(ctx: Context, app: str, at: datetime) -> None:
    """Let such a moment be claimed again when it comes."""
    ctx.db.execute(moments.update().where(moments.c.app == app, moments.c.at == at).values(premature=True))


def claim(ctx: Context, moment: Moment) -> bool:
    """Keep a moment; False when it was claimed before. Only one that a wrong clock claimed comes again."""
    columns = ("by", "n", "person", "state", "because", "missed", "claimed_at", "over_at")
    values = {name: getattr(moment, name) for name in columns} | {"premature": False}
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(moments).values(app=moment.app, at=moment.at, **values)
    changing = made.on_conflict_do_update(
        index_elements=[moments.c.app, moments.c.at],
        set_=values,
        where=sa.and_(moments.c.premature, moments.c.over_at.is_not(None)),
    )
    return ctx.db.execute(changing.returning(moments.c.app)).scalar() is not None


def in_state(ctx: Context, app: str, *states: str) -> tuple[Moment, ...]:
    """The moments of an app in one of these states, oldest first."""
    query = sa.select(moments).where(moments.c.app == app, moments.c.state.in_(states)).order_by(moments.c.at)
    return tuple(_moment(row) for row in ctx.db.execute(query))


def apps_waiting(ctx: Context) -> list[str]:
    """The apps of which a moment waits for an earlier one."""
    query = sa.select(moments.c.app).where(moments.c.state == "waiting").distinct().order_by(moments.c.app)
    return list(ctx.db.scalars(query))


def set_moment(ctx: Context, app: str, at: datetime, before: str, state: str, because: str = "") -> bool:
    """Move a moment on; False when it is not in the state `before`."""
    over = ctx.clock.now() if state in ("succeeded", "failed", "skipped") else None
    mine = sa.and_(moments.c.app == app, moments.c.at == at, moments.c.state == before)
    values = {"state": state, "because": because, "over_at": over}
    return ctx.db.execute(moments.update().where(mine).values(**values)).rowcount == 1


def find_moment(ctx: Context, app: str, at: datetime) -> Moment | None:
    """One moment, or None."""
    row = ctx.db.execute(sa.select(moments).where(moments.c.app == app, moments.c.at == at)).first()
    return _moment(row) if row else None


def past(ctx: Context, app: str, limit: int) -> tuple[Moment, ...]:
    """The last moments of an app, newest first, with the run of each and how its deliveries stand."""
    query = (
        sa.select(moments, turns.c.run, turns.c.tries)
        .outerjoin(
            turns,
            sa.and_(turns.c.app == moments.c.app, turns.c.moment == moments.c.at, turns.c.role == "owner"),
        )
        .where(moments.c.app == app)
        .order_by(moments.c.at.desc())
        .limit(limit)
    )
    rows = ctx.db.execute(query).all()
    counts: dict[datetime, dict[str, int]] = {}
    counted = (
        sa.select(turns.c.moment, turns.c.state, sa.func.count().label("n"))
        .where(turns.c.app == app, turns.c.role == "subscriber", turns.c.moment.in_([r.at for r in rows]))
        .group_by(turns.c.moment, turns.c.state)
    )
    for row in ctx.db.execute(counted):
        counts.setdefault(row.moment, {})[row.state] = row.n
    return tuple(
        _moment(row, run=row.run or "", tries=row.tries or 0, delivered=counts.get(row.at, {}))
        for row in rows
    )


def add_turn(ctx: Context, turn: Turn) -> bool:
    """Give somebody a turn, again where a moment comes again; False when their turn is still going on."""
    values = {column.name: getattr(turn, column.name) for column in turns.c}
    insert = storage.insert_of(ctx.db.dialect.name)
    changing = insert(turns).values(**values)
    over = turns.c.state.not_in(("waiting", "running"))
    again = changing.on_conflict_do_update(
        index_elements=[turns.c.app, turns.c.moment, turns.c.person],
        set_=values,
        where=over,
    )
    return ctx.db.execute(again.returning(turns.c.app)).scalar() is not None


def find_turns(ctx: Context, state: str, limit: int, role: str | None = None) -> tuple[Turn, ...]:
    """Turns in a state, those first that are due first. Waiting ones only once they are due."""
    query = sa.select(turns).where(turns.c.state == state).order_by(turns.c.due_at).limit(limit)
    if role is not None:
        query = query.where(turns.c.role == role)
    if state == "waiting":
        now = ctx.clock.now()  # and none waits longer than the longest pause, whatever a clock said before
        query = query.where(sa.or_(turns.c.due_at <= now, turns.c.due_at > now + 2 * AHEAD))
    return tuple(_turn(row) for row in ctx.db.execute(query))


def turn_of_run(ctx: Context, run: str) -> Turn | None:
    """The turn whose try this run is, or None."""
    row = ctx.db.execute(sa.select(turns).where(turns.c.run == run)).first()
    return _turn(row) if row else None


def standing_runs(ctx: Context, among: Collection[str]) -> dict[str, Turn]:
    """Of these runs those of turns that go on, and those that somebody got last from a schedule, by run."""
    query = sa.select(turns).where(turns.c.run.in_(among), turns.c.run != "")
    found = (_turn(row) for row in ctx.db.execute(query))
    return {one.run: one for one in found if one.state in ("waiting", "running") or _is_last(ctx, one)}


def _is_last(ctx: Context, one: Turn) -> bool:
    """Whether its person got nothing later from this schedule."""
    mine = (turns.c.app == one.app, turns.c.person == one.person, turns.c.state == "succeeded")
    last = ctx.db.scalar(sa.select(sa.func.max(turns.c.moment, type_=Instant)).where(*mine))
    return one.state == "succeeded" and one.moment == last


def running(ctx: Context, role: str) -> int:
    """How many turns of a role have a run that is not over."""
    query = sa.select(sa.func.count()).where(turns.c.state == "running", turns.c.role == role)
    return ctx.db.scalar(query) or 0


def change_turn(ctx: Context, turn: Turn, **values: Any) -> bool:
    """Change a turn; False when it is no longer as it was found: another server was first."""
    same = sa.and_(
        turns.c.app == turn.app,
        turns.c.moment == turn.moment,
        turns.c.person == turn.person,
        turns.c.state == turn.state,
        turns.c.run == turn.run,
        turns.c.tries == turn.tries,
        turns.c.unlucky == turn.unlucky,
    )
    return ctx.db.execute(turns.update().where(same).values(**values)).rowcount == 1


def forget(ctx: Context, app: str, keep: int) -> datetime | None:
    """Forget all but the last moments of an app, with their turns, and give the last of these, if any.

    What goes on is kept.
    """
    query = sa.select(moments.c.at).where(moments.c.app == app).order_by(moments.c.at.desc())
    last: datetime | None = ctx.db.scalar(query.offset(keep).limit(1))
    if last is None:
        return None
    over = sa.select(moments.c.at).where(
        moments.c.app == app, moments.c.at <= last, moments.c.over_at.is_not(None)
    )
    ended = turns.c.state.not_in(("waiting", "running"))
    ctx.db.execute(turns.delete().where(turns.c.app == app, turns.c.moment.in_(over), ended))
    ctx.db.execute(
        moments.delete().where(moments.c.app == app, moments.c.at <= last, moments.c.over_at.is_not(None))
    )
    return last


def newest_over(ctx: Context, names: Iterable[str]) -> dict[str, Moment]:
    """Of each of these apps the moment that was over last, of those that ran."""
    query = (
        sa.select(moments)
        .where(moments.c.app.in_(list(names)), moments.c.state.in_(("succeeded", "failed")))
        .where(moments.c.over_at > ctx.clock.now() - timedelta(days=60))
        .order_by(moments.c.over_at)
    )
    return {row.app: _moment(row) for row in ctx.db.execute(query)}


def _moment(row: Any, **more: Any) -> Moment:
    names = ("app", "at", "by", "n", "person", "state", "because", "missed", "claimed_at", "over_at")
    return Moment(**{name: row._mapping[name] for name in names}, **more)


def _turn(row: Any) -> Turn:
    return Turn(**row._mapping)
