"""Which run answers in which seat, of all hosts: the only SQL on it."""

from typing import NamedTuple

import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.kernel.storage import database_now
from handrail.runtime.lease_store import Held
from handrail.runtime.store import runs

Key = tuple[str, str, str]  # app, environment, and the class of viewers

seats = sa.Table(
    "seats",
    storage.metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("whose", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False, index=True),
)


class Sat(NamedTuple):
    """The run that answers in a seat; None for one that is over."""

    run: str
    held: Held | None


def find(ctx: Context, key: Key) -> Sat | None:
    """Who answers there, or did last."""
    over = sa.func.coalesce(sa.type_coerce(runs.c.until, sa.BigInteger), 0) < sa.type_coerce(
        database_now(), sa.BigInteger
    )
    columns = (runs.c.holder, runs.c.token, runs.c.again, runs.c.attempt, over.label("overdue"), runs.c.state)
    query = sa.select(seats.c.run, *columns).outerjoin(runs, runs.c.id == seats.c.run).where(*_is(key))
    row = ctx.db.execute(query).first()
    if row is None:
        return None
    held = Held(row.run, row.holder, row.token, row.again, row.attempt, row.overdue)
    return Sat(row.run, held if row.state == "running" else None)


def sit(ctx: Context, key: Key, run: str, before: str | None) -> bool:
    """Let this run answer there, in the place of the one `before`; False when another was first."""
    app, environment, whose = key
    if before is None:
        row = {"app": app, "environment": environment, "whose": whose, "run": run}
        kept = storage.insert_of(ctx.db.dialect.name)(seats).values(row)
        return ctx.db.scalar(kept.on_conflict_do_nothing().returning(seats.c.run)) is not None
    changed = sa.update(seats).where(*_is(key), seats.c.run == before).values(run=run)
    return ctx.db.execute(changed).rowcount == 1


def rise(ctx: Context, run: str) -> None:
    """Leave the seat in which this run answered, unless another is there already."""
    ctx.db.execute(sa.delete(seats).where(seats.c.run == run))


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    app, environment, whose = key
    return seats.c.app == app, seats.c.environment == environment, seats.c.whose == whose
