"""What is deleted of runs, and when: holds, sweeps, and the only SQL that deletes a run or a part of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from handrail.kernel import Context, Environment, storage
from handrail.kernel.storage import Instant, metadata
from handrail.runtime.inputs_store import inputs
from handrail.runtime.keeping import Part
from handrail.runtime.models import ENDED
from handrail.runtime.store import code, logs, outputs, runs

holds = sa.Table(
    "run_holds",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
# Runs whose records are deleted, counted: what all runs come to together never becomes less.
tallies = sa.Table(
    "run_tallies",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("ended", sa.Text, primary_key=True),
    sa.Column("runs", sa.BigInteger, nullable=False),
    sa.Column("micros", sa.BigInteger, nullable=False),
)
_DAY = 24 * 3600 * 1_000_000  # microseconds
_BEGAN = sa.func.coalesce(runs.c.started, runs.c.queued, type_=Instant)
_ENDED = sa.func.coalesce(runs.c.finished, runs.c.queued, type_=Instant)


@dataclass(frozen=True)
class Hold:
    """A run that somebody keeps, and why."""

    run: str
    reason: str
    by: str
    at: datetime


class Left(NamedTuple):
    """A run that is over, and what says how long it is kept."""

    run: str
    app: str
    commit: str
    environment: Environment
    person: str
    began: datetime
    ended: datetime
    keep_days: int


class Went(NamedTuple):
    """What was deleted: of which runs, and how many bytes."""

    runs: tuple[str, ...]
    freed: int


def left(
    ctx: Context,
    part: Part,
    shortest: timedelta | None,
    after: str,
    limit: int,
    within: Collection[str] | None = None,
) -> tuple[Left, ...]:
    """Runs that are over and still have this part, of which it may be due: all that began so long ago (None:
    none for that), or whose manifest says less; by id, those `after` one, or `within` these.
    """
    there = {
        "outputs": runs.c.outputs_swept.is_(None),
        "inputs": sa.and_(
            runs.c.inputs_swept.is_(None), sa.exists().where(inputs.c.run == runs.c.id).correlate(runs)
        ),
        "record": sa.true(),
    }[part]
    now = ctx.clock.now()
    days = sa.type_coerce(runs.c.keep_days, sa.BigInteger)
    own = sa.type_coerce(_ENDED, sa.BigInteger) + days * _DAY <= sa.literal(now, Instant)
    old = sa.false() if part == "record" else sa.and_(days > 0, own)
    if shortest is not None:
        old = sa.or_(old, now - shortest >= _BEGAN)  # some count from then, none from earlier
    who = (runs.c.id, runs.c.app, runs.c.commit, runs.c.environment, runs.c.person)
    query = sa.select(*who, _BEGAN, _ENDED, runs.c.keep_days)
    query = query.where(runs.c.state.in_(sorted(ENDED)), there, old)
    query = query.where(runs.c.id > after) if within is None else query.where(runs.c.id.in_(within))
    return tuple(Left(*row) for row in ctx.db.execute(query.order_by(runs.c.id).limit(limit)))


def few(ctx: Context, part: Part, wanted: Sequence[str], most: int) -> list[str]:
    """The first of these runs, as many as have so many bytes together in this part, and always one."""
    tables = {"outputs": (outputs, logs), "inputs": (inputs,), "record": (outputs, logs, inputs)}[part]
    sizes: dict[str, int] = {}
    for table in tables:
        query = sa.select(table.c.run, sa.func.sum(sa.func.length(table.c.content)))
        for run, size in ctx.db.execute(query.where(table.c.run.in_(wanted)).group_by(table.c.run)):
            sizes[run] = sizes.get(run, 0) + int(size)
    found: list[str] = []
    total = 0
    for run in wanted:
        total += sizes.get(run, 0)
        if found and total > most:
            break
        found.append(run)
    return found


def lock(ctx: Context, wanted: Collection[str]) -> None:
    """Let nobody change these runs until this transaction ends."""
    storage.lock_for_writing(ctx.db)
    query = sa.select(runs.c.id).where(runs.c.id.in_(wanted)).order_by(runs.c.id)
    ctx.db.execute(query.with_for_update()).all()


def newest(ctx: Context, app: str, environment: str, person: str, count: int) -> tuple[str, ...]:
    """The newest runs of an app for a person that are over."""
    mine = (runs.c.app == app, runs.c.environment == environment, runs.c.person == person)
    query = sa.select(runs.c.id).where(*mine, runs.c.state.in_(sorted(ENDED)))
    return tuple(ctx.db.scalars(query.order_by(runs.c.id.desc()).limit(count)))


def newest_good(ctx: Context, app: str, environment: str, person: str) -> str | None:
    """The newest of them that went well."""
    mine = (runs.c.app == app, runs.c.environment == environment, runs.c.person == person)
    query = sa.select(runs.c.id).where(*mine, runs.c.state == "succeeded")
    return ctx.db.scalar(query.order_by(runs.c.id.desc()).limit(1))


def newest_trial(ctx: Context, app: str, commit: str) -> str | None:
    """The newest sandbox run of a version on the usual twins that went well: its gate rests on that."""
    tried = (runs.c.app == app, runs.c.commit == commit, runs.c.environment == "sandbox")
    good = (runs.c.variant == "hostile", runs.c.state == "succeeded")
    return ctx.db.scalar(sa.select(runs.c.id).where(*tried, *good).order_by(runs.c.id.desc()).limit(1))


def held(ctx: Context, among: Collection[str] | None = None) -> tuple[Hold, ...]:
    """The runs (among these, or all) that somebody keeps, the last one first."""
    query = sa.select(holds).order_by(holds.c.at.desc(), holds.c.run)
    if among is not None:
        query = query.where(holds.c.run.in_(among))
    return tuple(Hold(**row._mapping) for row in ctx.db.execute(query))


def add_hold(ctx: Context, one: Hold) -> bool:
    """Keep a run; False when somebody keeps it already."""
    values = {name: getattr(one, name) for name in Hold.__dataclass_fields__}
    made = storage.insert_of(ctx.db.dialect.name)(holds).values(**values)
    return ctx.db.execute(made.on_conflict_do_nothing().returning(holds.c.run)).scalar() is not None


def drop_hold(ctx: Context, run_id: str) -> bool:
    """Keep a run no longer; False when nobody did."""
    return ctx.db.execute(sa.delete(holds).where(holds.c.run == run_id)).rowcount == 1


def delete_outputs(ctx: Context, wanted: Collection[str]) -> Went:
    """Delete what these runs handed over and printed."""
    freed = sum(_bytes(ctx, table, wanted) for table in (outputs, logs))
    for table in (outputs, logs):
        ctx.db.execute(sa.delete(table).where(table.c.run.in_(wanted)))
    ctx.db.execute(sa.update(runs).where(runs.c.id.in_(wanted)).values(outputs_swept=ctx.clock.now()))
    return Went(tuple(wanted), freed)


def delete_inputs(ctx: Context, wanted: Collection[str]) -> Went:
    """Delete the content of the files that these runs were given; their names and hashes stay."""
    freed = _bytes(ctx, inputs, wanted)
    ctx.db.execute(sa.update(inputs).where(inputs.c.run.in_(wanted)).values(content=b""))
    ctx.db.execute(sa.update(runs).where(runs.c.id.in_(wanted)).values(inputs_swept=ctx.clock.now()))
    return Went(tuple(wanted), freed)


def delete_records(ctx: Context, wanted: Collection[str]) -> Went:
    """Delete these runs with all that is theirs, and code that no other run carries; they stay counted."""
    freed = sum(_bytes(ctx, table, wanted) for table in (outputs, logs, inputs))
    named = set(ctx.db.scalars(sa.select(runs.c.code).where(runs.c.id.in_(wanted))))
    _tally(ctx, wanted)
    for table in (outputs, logs, inputs, holds):
        ctx.db.execute(sa.delete(table).where(table.c.run.in_(wanted)))
    ctx.db.execute(sa.delete(runs).where(runs.c.id.in_(wanted)))
    return Went(tuple(wanted), freed + _free_code(ctx, named))


def _free_code(ctx: Context, named: Iterable[str]) -> int:
    """Free those of these that no run carries; gives their bytes.

    Whoever queues a run holds its code first (`store._keep_code`). So each is locked here by a statement of
    its own, and only the next one looks for runs: it sees those that committed while this one waited.
    """
    theirs = code.c.digest.in_(sorted(named))
    ctx.db.execute(sa.select(code.c.digest).where(theirs).order_by(code.c.digest).with_for_update()).all()
    unused = sa.and_(theirs, ~sa.exists().where(runs.c.code == code.c.digest))
    freed = ctx.db.scalar(sa.select(sa.func.sum(sa.func.length(code.c.content))).where(unused)) or 0
    ctx.db.execute(sa.delete(code).where(unused))
    return int(freed)


def _tally(ctx: Context, wanted: Collection[str]) -> None:
    alike = (runs.c.environment, runs.c.state, runs.c.ended)
    took = sa.type_coerce(runs.c.finished, sa.BigInteger) - sa.type_coerce(runs.c.started, sa.BigInteger)
    query = sa.select(*alike, sa.func.count(), sa.func.coalesce(sa.func.sum(took), 0))
    for environment, state, ended, count, micros in ctx.db.execute(
        query.where(runs.c.id.in_(wanted)).group_by(*alike).order_by(*alike)
    ).all():
        made = storage.insert_of(ctx.db.dialect.name)(tallies).values(
            environment=environment, state=state, ended=ended, runs=count, micros=int(micros)
        )
        more = {"runs": tallies.c.runs + count, "micros": tallies.c.micros + int(micros)}
        keys = list(tallies.primary_key.columns)
        ctx.db.execute(made.on_conflict_do_update(index_elements=keys, set_=more))


def tallied(ctx: Context) -> Mapping[tuple[str, str, str], tuple[int, int]]:
    """Runs whose records are deleted, and their microseconds: by environment, state, and what ended them."""
    return {
        (row.environment, row.state, row.ended): (row.runs, row.micros)
        for row in ctx.db.execute(sa.select(tallies))
    }


def _bytes(ctx: Context, table: sa.Table, wanted: Collection[str]) -> int:
    query = sa.select(sa.func.sum(sa.func.length(table.c.content))).where(table.c.run.in_(wanted))
    return int(ctx.db.scalar(query) or 0)
