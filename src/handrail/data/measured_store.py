"""The tables of reconciliations and of the certifications of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from handrail.data.dated import dated
from handrail.data.measured import Difference, MetricCertification, Reconciliation
from handrail.kernel import SYSTEM, Context, storage

reconciliations = sa.Table(
    "reconciliations",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("metric", sa.Text, nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("reconciled_by", sa.Text, nullable=False),
    sa.Column("reconciled_at", storage.Instant, nullable=False),
    sa.Column("worst", sa.Double, nullable=False),
    sa.Column("within", sa.Boolean, nullable=False),
    sa.Column("rows", sa.JSON, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)
metric_certifications = sa.Table(
    "metric_certifications",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("reconciliation", sa.Text, nullable=False),
    sa.Column("proposed_by", sa.Text, nullable=False),
    sa.Column("certified_by", sa.Text, nullable=False),
    sa.Column("certified_at", storage.Instant, nullable=False),
    # A version is certified once, however many approve in the same moment.
    sa.UniqueConstraint("metric", "digest"),
)


def add_reconciliation(
    ctx: Context,
    metric: str,
    digest: str,
    dataset: str,
    rows: Sequence[Difference],
    data: Mapping[str, str],
) -> Reconciliation:
    """Keep what the caller's reconciliation found."""
    made = Reconciliation(
        id=storage.new_id("rec"),
        metric=metric,
        digest=digest,
        dataset=dataset,
        by=ctx.caller.person.id,
        at=dated(ctx, (reconciliations.c.reconciled_at, reconciliations.c.metric == metric)),
        worst=max((row.difference for row in rows if not row.late), default=0.0),
        within=all(row.within for row in rows),
        rows=tuple(rows),
        data=dict(data),
    )
    ctx.db.execute(
        reconciliations.insert().values(
            id=made.id,
            metric=metric,
            digest=digest,
            dataset=dataset,
            reconciled_by=made.by,
            reconciled_at=made.at,
            worst=made.worst,
            within=made.within,
            rows=[asdict(row) for row in rows],
            data=dict(data),
        )
    )
    return made


def reconciliations_of(ctx: Context, metric: str, limit: int) -> tuple[Reconciliation, ...]:
    """The newest reconciliations of a metric, newest first."""
    table = reconciliations
    query = sa.select(table).where(table.c.metric == metric).limit(limit)
    found = ctx.db.execute(query.order_by(table.c.reconciled_at.desc(), table.c.id.desc()))
    return tuple(_reconciliation(row) for row in found)


def newest_of(ctx: Context, metric: str, digest: str) -> Reconciliation | None:
    """The newest reconciliation of one version of a metric."""
    table = reconciliations
    query = sa.select(table).where(table.c.metric == metric, table.c.digest == digest)
    row = ctx.db.execute(query.order_by(table.c.reconciled_at.desc(), table.c.id.desc()).limit(1)).first()
    return _reconciliation(row) if row else None


def proposer_of(ctx: Context, metric: str, digest: str) -> str | None:
    """Who first reconciled a version so that it tied; Handrail, which recomputes, proposes nothing."""
    table = reconciliations
    mine = (table.c.metric == metric, table.c.digest == digest, table.c.within)
    query = sa.select(table.c.reconciled_by).where(*mine, table.c.reconciled_by != SYSTEM.person.id)
    found: str | None = ctx.db.execute(query.order_by(table.c.reconciled_at, table.c.id).limit(1)).scalar()
    return found


def add_certification(ctx: Context, on: Reconciliation, proposed_by: str) -> MetricCertification:
    """Record the caller's yes to the version that was reconciled."""
    made = MetricCertification(
        id=storage.new_id("mcert"),
        metric=on.metric,
        digest=on.digest,
        reconciliation=on.id,
        proposed_by=proposed_by,
        by=ctx.caller.person.id,
        at=ctx.clock.now(),
    )
    ctx.db.execute(
        metric_certifications.insert().values(
            id=made.id,
            metric=made.metric,
            digest=made.digest,
            reconciliation=made.reconciliation,
            proposed_by=made.proposed_by,
            certified_by=made.by,
            certified_at=made.at,
        )
    )
    return made


def certifications_of(ctx: Context, metric: str) -> tuple[MetricCertification, ...]:
    """Every certification of a metric, newest first."""
    table = metric_certifications
    query = sa.select(table).where(table.c.metric == metric)
    found = ctx.db.execute(query.order_by(table.c.certified_at.desc(), table.c.id.desc()))
    return tuple(_certification(row) for row in found)


def certification_of(ctx: Context, metric: str, digest: str) -> MetricCertification | None:
    """The certification of one version of a metric."""
    table = metric_certifications
    query = sa.select(table).where(table.c.metric == metric, table.c.digest == digest)
    row = ctx.db.execute(query).first()
    return _certification(row) if row else None


def ever_certified(ctx: Context, metric: str) -> bool:
    """Whether any version of a metric was certified."""
    table = metric_certifications
    query = sa.select(sa.exists().where(table.c.metric == metric))
    return bool(ctx.db.execute(query).scalar())


def _certification(row: sa.Row[Any]) -> MetricCertification:
    return MetricCertification(
        row.id,
        row.metric,
        row.digest,
        row.reconciliation,
        row.proposed_by,
        row.certified_by,
        row.certified_at,
    )


def _reconciliation(row: sa.Row[Any]) -> Reconciliation:
    return Reconciliation(
        id=row.id,
        metric=row.metric,
        digest=row.digest,
        dataset=row.dataset,
        by=row.reconciled_by,
        at=row.reconciled_at,
        worst=row.worst,
        within=row.within,
        rows=tuple(Difference(**one) for one in row.rows),
        data=row.data,
    )
