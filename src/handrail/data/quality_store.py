"""The checks of quality as rows: what was held against what, when, and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handrail.data import catalog_store
from handrail.data.dated import dated
from handrail.data.promises import QualityCheck, Result
from handrail.kernel import Context, storage

checks = sa.Table(
    "quality_checks",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the contract that was held against the data
    sa.Column("as_of", storage.Instant, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("checked_at", storage.Instant, nullable=False),
    sa.Column("checked_by", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("results", sa.JSON, nullable=False),
    sa.Column("drift", sa.JSON(none_as_null=True)),  # how the schema differed, when an import found that
)


def moment_of(ctx: Context, dataset: str) -> datetime:
    """The moment of a check that is made now, which is the newest of its dataset."""
    return dated(ctx, (checks.c.checked_at, checks.c.dataset == dataset))


def add_check(ctx: Context, made: QualityCheck) -> None:
    """Keep a check in the history."""
    ctx.db.execute(
        checks.insert().values(
            id=made.id,
            dataset=made.dataset,
            digest=made.digest,
            as_of=made.as_of,
            rows=made.rows,
            checked_at=made.at,
            checked_by=made.by,
            cause=made.cause,
            results=[asdict(one) for one in made.results],
            drift=dict(made.drift) if made.drift else None,
        )
    )
    catalog_store.note(ctx, made.dataset, quality=made.outcome, checked_at=made.at)


def checks_of(ctx: Context, dataset: str, limit: int) -> tuple[QualityCheck, ...]:
    """The newest checks of a dataset, newest first."""
    query = sa.select(checks).where(checks.c.dataset == dataset)
    query = query.order_by(checks.c.checked_at.desc(), checks.c.id.desc()).limit(limit)
    return tuple(_check(row) for row in ctx.db.execute(query))


def newest(ctx: Context) -> dict[str, tuple[str, datetime]]:
    """The outcome and the moment of every dataset's newest check."""
    last = sa.select(checks.c.dataset, sa.func.max(checks.c.checked_at).label("at"))
    last_of = last.group_by(checks.c.dataset).subquery()
    both = sa.and_(last_of.c.dataset == checks.c.dataset, last_of.c.at == checks.c.checked_at)
    rows = ctx.db.execute(sa.select(checks).join(last_of, both))
    return {row.dataset: (_check(row).outcome, row.checked_at) for row in rows}


def _check(row: sa.Row[Any]) -> QualityCheck:
    return QualityCheck(
        id=row.id,
        dataset=row.dataset,
        digest=row.digest,
        as_of=row.as_of,
        rows=row.rows,
        at=row.checked_at,
        by=row.checked_by,
        cause=row.cause,
        results=tuple(Result(**one) for one in row.results),
        drift=row.drift,
    )
