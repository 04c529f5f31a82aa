"""Who does which run, and which processes there are to do them: the only SQL on leases and on hosts.

Every moment here is the database's: no host's clock decides who may do what.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from handrail.kernel import Context, Manifest, storage
from handrail.kernel.ready import Ready
from handrail.kernel.storage import Instant, database_now
from handrail.runtime.store import logs, outputs, runs

ALIVE = 15.0  # seconds after which a host that says nothing is taken for gone
_RECENT = 3600.0  # seconds for which one that is not there may be expected back
_FORGOTTEN = 24 * 3600.0  # seconds after which one that was not stopped properly is shown no longer

hosts = sa.Table(
    "hosts",
    storage.metadata,
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("seen", Instant, nullable=False),
    # How far its clock is ahead of the database's, in milliseconds.
    sa.Column("ahead_ms", sa.BigInteger, nullable=False),
    sa.Column("sound", sa.Boolean, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # taking, draining or stopped
    # Where other hosts reach its web apps, and by which name in its certificate; empty: it has none.
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    sa.Column("known_as", sa.Text, nullable=False, server_default=""),
    # How many web apps may be awake there, and whether one more may: fewer are, or one that nobody uses is.
    sa.Column("places", sa.Integer, nullable=False, server_default="0"),
    sa.Column("room", sa.Boolean, nullable=False, server_default=sa.true()),
)


class Claimed(NamedTuple):
    """A run that was taken: from now on it is the holder's by this number."""

    run: str
    token: int


class Held(NamedTuple):
    """A run that somebody does; `overdue` when its lease has run out."""

    run: str
    holder: str
    token: int
    again: bool
    attempt: int
    overdue: bool


def claim(ctx: Context, run_id: str, holder: str, seconds: float, again: bool) -> Claimed | None:
    """Take this run if it is queued; None when another process was first. `again`: it may be done anew from
    its beginning when its holder is gone.
    """
    return _claim(ctx, _claiming(seconds, again, any_one=False), holder, {"b_run": run_id})


def claim_next(ctx: Context, holder: str, seconds: float) -> Claimed | None:
    """Take the run whose turn it is, in one statement; None when none waits.

    People take turns: first whoever has the fewest runs going on, then whoever was served longest ago, and
    one person's runs in their order. What another takes at this moment is passed over.
    """
    return _claim(ctx, _claiming(seconds, True, any_one=True), holder, {})


def _claim(ctx: Context, claiming: sa.Executable, holder: str, more: dict[str, Any]) -> Claimed | None:
    values = {"b_holder": holder, "b_started": ctx.clock.now(), **more}
    taken = ctx.db.execute(claiming, values).first()
    return Claimed(*taken) if taken else None


@lru_cache(maxsize=16)
def _claiming(seconds: float, again: bool, *, any_one: bool) -> sa.Executable:
    """The statement that takes the run `b_run`, or any one: made once, since each job needs it."""
    which = runs.c.id == (_turn() if any_one else sa.bindparam("b_run"))
    return (
        sa.update(runs)
        .where(which, runs.c.state == "queued")
        .values(
            state="running", holder=sa.bindparam("b_holder"), again=again, claimed=database_now(),
            started=sa.bindparam("b_started", type_=Instant), until=database_now(seconds),
            token=runs.c.token + 1, attempt=runs.c.attempt + 1,
        )
        .returning(runs.c.id, runs.c.token)
    )  # fmt: skip


def _turn() -> sa.ScalarSelect[str]:
    other, waits = runs.alias("other"), runs.alias("waits")
    going = sa.select(sa.func.count()).where(other.c.person == waits.c.person, other.c.state == "running")
    served = sa.select(sa.func.max(other.c.claimed)).where(other.c.person == waits.c.person)
    return (
        sa.select(waits.c.id)
        .where(waits.c.state == "queued")
        .order_by(
            going.scalar_subquery(),
            sa.func.coalesce(sa.type_coerce(served.scalar_subquery(), sa.BigInteger), 0),
            waits.c.id,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=waits)
        .scalar_subquery()
    )


def renew(ctx: Context, run_id: str, token: int, seconds: float) -> bool | None:
    """Hold a run for so many seconds from now; whether somebody wants it to end, None when it is lost."""
    mine = sa.and_(runs.c.id == run_id, runs.c.token == token, runs.c.state == "running")
    wanted: bool | None = ctx.db.scalar(
        sa.update(runs).where(mine).values(until=database_now(seconds)).returning(runs.c.stop_wanted)
    )
    return wanted


_HELD = Ready(  # which takes the lock for writing, where there is but one
    sa.select(runs.c.token)
    .where(runs.c.id == sa.bindparam("run"), runs.c.token == sa.bindparam("held"))
    .with_for_update(read=True),
    writes=True,
)


def is_held(db: sa.Connection, run_id: str, token: int) -> bool:
    """Whether nobody has taken this run since, and nobody can until this transaction ends."""
    return bool(_HELD.rows(db, {"run": run_id, "held": token}))


def held(ctx: Context) -> tuple[Held, ...]:
    """The runs that somebody does."""
    over = sa.func.coalesce(sa.type_coerce(runs.c.until, sa.BigInteger), 0) < sa.type_coerce(
        database_now(), sa.BigInteger
    )
    columns = (runs.c.id, runs.c.holder, runs.c.token, runs.c.again, runs.c.attempt, over.label("overdue"))
    query = sa.select(*columns).where(runs.c.state == "running").order_by(runs.c.id)
    return tuple(Held(*row) for row in ctx.db.execute(query))


def take_away(ctx: Context, one: Held) -> bool:
    """Make a run nobody's who had it; False when it has gone on, or somebody else was first."""
    mine = sa.and_(runs.c.id == one.run, runs.c.token == one.token, runs.c.state == "running")
    if one.overdue:  # unless it was renewed since
        mine = sa.and_(mine, sa.or_(runs.c.until.is_(None), runs.c.until < database_now()))
    return ctx.db.execute(sa.update(runs).where(mine).values(token=runs.c.token + 1)).rowcount == 1


def queue_again(ctx: Context, run_id: str, *, counts: bool) -> None:
    """Put a run back as if nobody had begun it: without outputs and log. `counts`: as one more attempt."""
    for table in (outputs, logs):
        ctx.db.execute(sa.delete(table).where(table.c.run == run_id))
    ctx.db.execute(
        sa.update(runs)
        .where(runs.c.id == run_id)
        .values(
            state="queued", holder="", started=None, until=None, twins={}, token=runs.c.token + 1,
            attempt=runs.c.attempt - (0 if counts else 1),
        )
    )  # fmt: skip


def appear(ctx: Context, about: dict[str, Any]) -> None:
    """Note that a host is there; what is known of it is what it says now. Whoever was there before on that
    machine is forgotten, and so is who was not heard of for a day.
    """
    seen = {**about, "seen": database_now()}
    if ctx.db.execute(sa.update(hosts).where(hosts.c.holder == about["holder"]).values(seen)).rowcount:
        return
    before = sa.and_(hosts.c.name == about["name"], hosts.c.kind == about["kind"], sa.not_(_alive()))
    ctx.db.execute(sa.delete(hosts).where(sa.or_(before, hosts.c.seen < database_now(-_FORGOTTEN))))
    ctx.db.execute(sa.insert(hosts).values(**seen, since=database_now()))


def disappear(ctx: Context, holder: str) -> None:
    """A host has ended as it should."""
    ctx.db.execute(sa.update(hosts).where(hosts.c.holder == holder).values(state="stopped"))


def _alive() -> sa.ColumnElement[bool]:
    return sa.and_(hosts.c.state != "stopped", hosts.c.seen > database_now(-ALIVE))


def moment(ctx: Context) -> datetime:
    """What the database's clock says."""
    found: datetime = ctx.db.execute(sa.select(database_now())).scalar_one()
    return found


def all_hosts(ctx: Context) -> Sequence[Any]:
    """Every host by name, each with whether it is `alive`."""
    return ctx.db.execute(
        sa.select(hosts, _alive().label("alive")).order_by(hosts.c.name, hosts.c.holder)
    ).all()


class Reached(NamedTuple):
    """A host that has web apps: where it is reached, by which name in its certificate, and whether it has
    room for one more.
    """

    holder: str
    name: str
    address: str
    known_as: str
    room: bool


_REACHED = (hosts.c.holder, hosts.c.name, hosts.c.address, hosts.c.known_as, hosts.c.room)


def neighbours(ctx: Context) -> tuple[Reached, ...]:
    """The hosts on which web apps may wake now, the one that was heard of last as the last: of two at one
    address that is the one which listens there.
    """
    fit = (_alive(), hosts.c.sound, hosts.c.state == "taking", hosts.c.address != "")
    return tuple(
        Reached(*row) for row in ctx.db.execute(sa.select(*_REACHED).where(*fit).order_by(hosts.c.seen))
    )


def neighbour(ctx: Context, holder: str) -> Reached | None:
    """The host of this process, whether it lives or not."""
    row = ctx.db.execute(sa.select(*_REACHED).where(hosts.c.holder == holder)).first()
    return Reached(*row) if row else None


def is_full(ctx: Context, holder: str) -> None:
    """Note that a host has no room for one more web app; it says itself when that is over."""
    ctx.db.execute(sa.update(hosts).where(hosts.c.holder == holder).values(room=False))


def is_heard_of(ctx: Context, holder: str) -> bool:
    """Whether this host has just said that it is there, or has a run whose lease has not run out."""
    lately = sa.and_(hosts.c.holder == holder, hosts.c.seen > database_now(-ALIVE))
    holds = sa.and_(runs.c.holder == holder, runs.c.state == "running", runs.c.until > database_now())
    found = sa.select(sa.or_(sa.exists().where(lately), sa.exists().where(holds)))
    return bool(ctx.db.scalar(found))


class Going(NamedTuple):
    """A run that goes on, of this app and kind."""

    run: str
    app: str
    kind: str


def going_on(ctx: Context) -> dict[str, list[Going]]:
    """The runs that go on, by who does them."""
    found: dict[str, list[Going]] = {}
    columns = (runs.c.holder, runs.c.id, runs.c.app, runs.c.manifest)
    for row in ctx.db.execute(sa.select(*columns).where(runs.c.state == "running").order_by(runs.c.id)):
        going = Going(row.id, row.app, Manifest.parse(row.manifest).kind)
        found.setdefault(row.holder, []).append(going)
    return found


_QUEUED = sa.select(sa.func.count()).where(runs.c.state == "queued")


def count_queued(ctx: Context) -> int:
    """How many runs wait."""
    return ctx.db.scalar(_QUEUED) or 0


def somebody_takes_runs(ctx: Context) -> bool:
    """Whether any host is there that would begin a run, or was within the hour: it may be back soon."""
    fit = sa.and_(hosts.c.sound, hosts.c.capacity > 0, hosts.c.seen > database_now(-_RECENT))
    return ctx.db.scalar(sa.select(sa.func.count()).select_from(hosts).where(fit)) != 0
