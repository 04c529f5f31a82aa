"""What apps called, how often this minute, and which first writes wait; the only SQL on these tables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handrail.connectors.models import Allowed, Approval, Called, Connector, Use
from handrail.kernel import Context, RunRef, storage

uses = sa.Table(
    "connector_uses",
    storage.metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("commit", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("call", sa.Text, primary_key=True),
    sa.Column("writes", sa.Boolean, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("last_at", storage.Instant, nullable=False),
    sa.Column("last_status", sa.Integer),
    sa.Index("ix_connector_uses_connector", "connector"),
)
# What each run called, by which its outputs inherit the classes of what it was answered.
calls = sa.Table(
    "run_calls",
    storage.metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("call", sa.Text, primary_key=True),
    sa.Column("classification", sa.Text, nullable=False),
)
turns = sa.Table(
    "connector_turns",
    storage.metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("minute", sa.BigInteger, nullable=False),
    sa.Column("taken", sa.Integer, nullable=False),
)
approvals = sa.Table(
    "connector_approvals",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False, index=True),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("call", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("preview", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", storage.Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", storage.Instant),
    sa.Column("reason", sa.Text, nullable=False),
    # One question a version, call and target: whoever asks again finds the first.
    sa.UniqueConstraint("connector", "app", "commit", "call", "target", name="uq_connector_approvals_asked"),
)


def take_turn(ctx: Context, connector: Connector, app: str, environment: str) -> bool:
    """Count a call of this minute, in one statement; False when the app has made as many as it may."""
    minute = int(ctx.clock.now().timestamp()) // 60
    key = {"connector": connector.name, "app": app, "environment": environment}
    insert = storage.insert_of(ctx.db.dialect.name)(turns).values(**key, minute=minute, taken=1)
    same = turns.c.minute == minute
    taken = insert.on_conflict_do_update(
        index_elements=[turns.c.connector, turns.c.app, turns.c.environment],
        set_={"minute": minute, "taken": sa.case((same, turns.c.taken + 1), else_=1)},
        where=sa.or_(~same, turns.c.taken < connector.limits.calls_per_minute),
    )
    return ctx.db.execute(taken.returning(turns.c.taken)).first() is not None


def observe(ctx: Context, run: RunRef, connector: str, allowed: Allowed) -> None:
    """Count that a version makes a call."""
    key = {
        "app": run.app,
        "commit": run.commit,
        "environment": run.environment,
        "connector": connector,
        "call": allowed.pattern.key,
    }
    now = ctx.clock.now()
    made = storage.insert_of(ctx.db.dialect.name)(uses).values(
        **key, writes=allowed.writes, times=1, last_at=now
    )
    ctx.db.execute(
        made.on_conflict_do_update(
            index_elements=[*uses.primary_key.columns],
            set_={
                "times": uses.c.times + 1,
                "last_at": now,
                "writes": allowed.writes,
                "last_status": None,
            },
        )
    )


def keep_call(ctx: Context, run: str, connector: str, allowed: Allowed) -> None:
    """Keep that a run made a call; of one that it made before, the class is that of the last time."""
    made = storage.insert_of(ctx.db.dialect.name)(calls).values(
        run=run, connector=connector, call=allowed.pattern.key, classification=allowed.classification
    )
    again = {"classification": made.excluded.classification}
    ctx.db.execute(made.on_conflict_do_update(index_elements=[*calls.primary_key.columns], set_=again))


def find_calls(ctx: Context, run: str) -> tuple[Called, ...]:
    """What a run called, with the class that was said of it then."""
    columns = (calls.c.connector, calls.c.call, calls.c.classification)
    query = sa.select(*columns).where(calls.c.run == run).order_by(calls.c.connector, calls.c.call)
    return tuple(Called(**row._mapping) for row in ctx.db.execute(query))


def forget_calls(ctx: Context, runs: Collection[str]) -> None:
    """Forget what these runs called."""
    ctx.db.execute(calls.delete().where(calls.c.run.in_(runs)))


def close(ctx: Context, run: RunRef, connector: str, call: str, status: int | None) -> None:
    """Note how the last call of that kind ended."""
    ctx.db.execute(
        uses.update()
        .where(
            uses.c.app == run.app,
            uses.c.commit == run.commit,
            uses.c.environment == run.environment,
            uses.c.connector == connector,
            uses.c.call == call,
        )
        .values(last_status=status)
    )


def find_uses(
    ctx: Context,
    connector: str | None = None,
    app: str | None = None,
    commit: str | None = None,
    environment: str | None = None,
) -> tuple[Use, ...]:
    """What was called, the newest first; of one connector, app, version or environment where named."""
    query = sa.select(uses).order_by(uses.c.last_at.desc(), uses.c.call)
    wanted = {"connector": connector, "app": app, "commit": commit, "environment": environment}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(uses.c[column] == value)
    return tuple(Use(**row._mapping) for row in ctx.db.execute(query))


def ask(ctx: Context, approval: Approval) -> bool:
    """Keep a question; False when there is one for this version, call and target already."""
    values = {column.name: getattr(approval, column.name) for column in approvals.c}
    insert = storage.insert_of(ctx.db.dialect.name)(approvals).values(**values)
    return bool(ctx.db.execute(insert.on_conflict_do_nothing()).rowcount)


def find_answer(ctx: Context, connector: Connector, app: str, commit: str, call: str) -> Approval | None:
    """The question about this call of a version, as the connector stands now; None when nobody asked."""
    key = {
        "connector": connector.name,
        "app": app,
        "commit": commit,
        "call": call,
        "target": connector.target,
    }
    query = sa.select(approvals)
    for column, value in key.items():
        query = query.where(approvals.c[column] == value)
    row = ctx.db.execute(query).first()
    return _approval(row) if row else None


def get_approval(ctx: Context, connector: str, name: str) -> Approval | None:
    """One question, or None."""
    query = sa.select(approvals).where(approvals.c.id == name, approvals.c.connector == connector)
    row = ctx.db.execute(query).first()
    return _approval(row) if row else None


def find_approvals(
    ctx: Context, connector: str | None = None, state: str | None = None, limit: int = 200
) -> tuple[Approval, ...]:
    """Questions, those that wait first, then the newest."""
    query = sa.select(approvals).order_by(approvals.c.state != "waiting", approvals.c.id.desc()).limit(limit)
    if connector is not None:
        query = query.where(approvals.c.connector == connector)
    if state is not None:
        query = query.where(approvals.c.state == state)
    return tuple(_approval(row) for row in ctx.db.execute(query))


def decide(ctx: Context, name: str, state: str, by: str, at: datetime, reason: str) -> bool:
    """Write an answer down; False when somebody was first."""
    decided = ctx.db.execute(
        approvals.update()
        .where(approvals.c.id == name, approvals.c.state == "waiting")
        .values(state=state, decided_by=by, decided_at=at, reason=reason)
    )
    return decided.rowcount == 1


def _approval(row: Any) -> Approval:
    return Approval(**row._mapping)
