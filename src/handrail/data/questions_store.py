"""Questions that people asked on the page, as rows: each for the eyes of whoever asked it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa

from handrail.kernel import Context, Environment, storage

questions = sa.Table(
    "questions",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("at", storage.Instant, nullable=False),
    sa.Column("sql", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),  # its name on the trail
)


@dataclass(frozen=True)
class Question:
    """A question that was answered; `query` is its name on the trail."""

    id: str
    at: datetime
    sql: str
    purpose: str
    environment: Environment
    query: str


def add(ctx: Context, sql: str, purpose: str, environment: Environment, query: str) -> str:
    """Keep a question of the caller; one that is there already, word for word, moves to the front."""
    mine = questions.c.person == ctx.caller.person.id
    same = mine & (questions.c.sql == sql) & (questions.c.purpose == purpose)
    ctx.db.execute(questions.delete().where(same & (questions.c.environment == environment)))
    made = storage.new_id("question")
    ctx.db.execute(
        questions.insert().values(
            id=made,
            person=ctx.caller.person.id,
            at=ctx.clock.now(),
            sql=sql,
            purpose=purpose,
            environment=environment,
            query=query,
        )
    )
    return made


def of_caller(ctx: Context, limit: int) -> tuple[Question, ...]:
    """The caller's questions, newest first."""
    rows = ctx.db.execute(
        sa.select(questions)
        .where(questions.c.person == ctx.caller.person.id)
        .order_by(questions.c.at.desc(), questions.c.id.desc())
        .limit(limit)
    )
    return tuple(_question(row) for row in rows)


def one_of_caller(ctx: Context, name: str) -> Question | None:
    """One of the caller's questions."""
    row = ctx.db.execute(
        sa.select(questions).where(questions.c.id == name, questions.c.person == ctx.caller.person.id)
    ).one_or_none()
    return None if row is None else _question(row)


def drop_of_caller(ctx: Context, keep: int) -> int:
    """Forget all but the newest `keep` questions of the caller; gives how many."""
    mine = questions.c.person == ctx.caller.person.id
    newest = sa.select(questions.c.id).where(mine).order_by(questions.c.at.desc(), questions.c.id.desc())
    kept = ctx.db.execute(newest.limit(keep)).scalars().all() if keep else []
    return ctx.db.execute(questions.delete().where(mine & questions.c.id.not_in(kept))).rowcount


def _question(row: Any) -> Question:
    environment = next(one for one in get_args(Environment) if one == row.environment)
    return Question(row.id, row.at, row.sql, row.purpose, environment, row.query)
