"""Whose turn a sweep is: a row for each moment, carried out by one server or worker at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.kernel.storage import Instant, database_now, metadata
from handrail.runtime.keeping import Part

# No two servers' clocks are that far apart: a moment so far ahead was noted while a clock was wrong.
AHEAD = timedelta(hours=1)
_REMEMBERED = timedelta(days=60)
_LEASE = 60.0  # seconds, by the database's clock, after which whoever says nothing is taken for gone

sweeps = sa.Table(
    "run_sweeps",
    metadata,
    sa.Column("moment", Instant, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),  # who asked; "": its schedule
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("ended", Instant),
    # Of how many runs it deleted each part, and how many bytes in all.
    sa.Column("outputs", sa.BigInteger, nullable=False),
    sa.Column("inputs", sa.BigInteger, nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("freed", sa.BigInteger, nullable=False),
)
_COUNTED: dict[Part, sa.Column[int]] = {
    "outputs": sweeps.c.outputs, "inputs": sweeps.c.inputs, "record": sweeps.c.records,
}  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """A sweep: for which moment, who asked ("": its schedule), since when it is over, and of how many runs it
    deleted what; `freed` in bytes.
    """

    moment: datetime
    by: str
    ended: datetime | None
    outputs: int
    inputs: int
    records: int
    freed: int


_SHOWN = [sweeps.c[name] for name in Sweep.__dataclass_fields__]


def note(ctx: Context, moment: datetime, by: str = "", *, over: bool = False) -> bool:
    """Note that there is to be a sweep for this moment, or is to be none (`over`); False when that was noted
    before.
    """
    nothing = {"outputs": 0, "inputs": 0, "records": 0, "freed": 0}
    values = {"moment": moment, "by": by, "holder": "", "until": datetime.fromtimestamp(0, moment.tzinfo)}
    values["ended"] = ctx.clock.now() if over else None
    made = storage.insert_of(ctx.db.dialect.name)(sweeps).values(**values, **nothing)
    noted = ctx.db.execute(made.on_conflict_do_nothing().returning(sweeps.c.by)).scalar() is not None
    if noted:
        ctx.db.execute(sa.delete(sweeps).where(sweeps.c.moment < ctx.clock.now() - _REMEMBERED))
    return noted


def last_scheduled(ctx: Context) -> datetime | None:
    """The last moment of the schedule that was noted, but for what a wrong clock noted."""
    mine = (sweeps.c.by == "", sweeps.c.moment < ctx.clock.now() + AHEAD)
    query = sa.select(sweeps.c.moment).where(*mine).order_by(sweeps.c.moment.desc()).limit(1)
    found: datetime | None = ctx.db.scalar(query)
    return found


def find(ctx: Context, moment: datetime) -> Sweep | None:
    """The sweep for this moment, or None."""
    row = ctx.db.execute(sa.select(*_SHOWN).where(sweeps.c.moment == moment)).first()
    return Sweep(*row) if row else None


def newest(ctx: Context, limit: int) -> tuple[Sweep, ...]:
    """The last sweeps, the newest first."""
    query = sa.select(*_SHOWN).order_by(sweeps.c.moment.desc()).limit(limit)
    return tuple(Sweep(*row) for row in ctx.db.execute(query))


def take(ctx: Context) -> tuple[datetime, str] | None:
    """Take the newest sweep that is to be done and that nobody does; gives its moment and our name in it."""
    free = sa.and_(sweeps.c.ended.is_(None), sweeps.c.until < database_now())
    row = ctx.db.execute(
        sa.select(sweeps.c.moment, sweeps.c.holder).where(free).order_by(sweeps.c.moment.desc()).limit(1)
    ).first()
    if row is None:
        return None
    holder = storage.new_id("sweep")
    same = sa.and_(sweeps.c.moment == row.moment, sweeps.c.holder == row.holder, free)
    taken = sa.update(sweeps).where(same).values(holder=holder, until=database_now(_LEASE))
    return (row.moment, holder) if ctx.db.execute(taken).rowcount == 1 else None


def count(ctx: Context, moment: datetime, holder: str, part: Part, runs: int, freed: int) -> bool:
    """Note what went, and hold the sweep for a while longer; False when it is another's by now."""
    mine = sa.and_(sweeps.c.moment == moment, sweeps.c.holder == holder, sweeps.c.ended.is_(None))
    column = _COUNTED[part]
    values = {column.name: column + runs, "freed": sweeps.c.freed + freed, "until": database_now(_LEASE)}
    return ctx.db.execute(sa.update(sweeps).where(mine).values(**values)).rowcount == 1


def leave(ctx: Context, moment: datetime, holder: str, *, ended: bool) -> None:
    """End a sweep, or leave it to whoever comes next."""
    mine = sa.and_(sweeps.c.moment == moment, sweeps.c.holder == holder, sweeps.c.ended.is_(None))
    values = {"ended": ctx.clock.now()} if ended else {"until": database_now(-1)}
    ctx.db.execute(sa.update(sweeps).where(mine).values(**values))
