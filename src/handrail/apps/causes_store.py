"""What runs failed on, in our own database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.apps.causes import Cause, Explained
from handrail.kernel import Context
from handrail.kernel.storage import Instant, metadata

CAUSES = sa.Table(
    "run_causes",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("says", sa.Text, nullable=False),
    sa.Column("causes", sa.JSON, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
)


def add(ctx: Context, run: str, says: str) -> None:
    """Put a run into the queue."""
    values = {"run": run, "state": "waiting", "says": says, "causes": [], "tries": 0}
    ctx.db.execute(CAUSES.insert().values(**values, asked_at=ctx.clock.now()))


def find(ctx: Context, run: str) -> Explained | None:
    """What is known of a run, or None when nobody asked."""
    row = ctx.db.execute(sa.select(CAUSES).where(CAUSES.c.run == run)).first()
    return _explained(row) if row else None


def next_waiting(ctx: Context) -> str | None:
    """The run that has waited longest, or None."""
    query = sa.select(CAUSES.c.run).where(CAUSES.c.state == "waiting").order_by(CAUSES.c.asked_at).limit(1)
    return ctx.db.scalar(query)


def change(ctx: Context, run: str, **values: Any) -> bool:
    """Change what is known of a run that waits; False when it no longer does."""
    if "causes" in values:
        values["causes"] = orjson.loads(orjson.dumps(values["causes"]))
    waiting = sa.and_(CAUSES.c.run == run, CAUSES.c.state == "waiting")
    return ctx.db.execute(CAUSES.update().where(waiting).values(**values)).rowcount == 1


def again(ctx: Context, run: str, says: str) -> None:
    """Let a run wait once more."""
    values = {"state": "waiting", "says": says, "causes": [], "tries": 0, "asked_at": ctx.clock.now()}
    ctx.db.execute(CAUSES.update().where(CAUSES.c.run == run).values(**values))


def forget(ctx: Context, runs: Collection[str]) -> None:
    """Forget what is known of these runs."""
    ctx.db.execute(CAUSES.delete().where(CAUSES.c.run.in_(runs)))


def waiting(ctx: Context, among: Collection[str]) -> tuple[str, ...]:
    """Those of these runs that wait to be explained."""
    query = sa.select(CAUSES.c.run).where(CAUSES.c.run.in_(among), CAUSES.c.state == "waiting")
    return tuple(ctx.db.scalars(query))


def _explained(row: sa.Row[Any]) -> Explained:
    causes = tuple(Cause(**{**one, "rows": tuple(one["rows"])}) for one in row.causes)
    return Explained(row.run, row.state, row.says, causes, row.tries)
