"""The twins room in our own database: reports of published twins, and the builds that were asked for."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.twins.models import Build, TwinReport
from handrail.twins.reading import report_from

REPORTS = sa.Table(
    "twin_reports",
    storage.metadata,
    sa.Column("build", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("built_at", storage.Instant, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Index("ix_twin_reports_dataset_built_at", "dataset", "built_at"),
)

BUILDS = sa.Table(
    "twin_builds",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("datasets", sa.JSON, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("step", sa.Text, nullable=False, default=""),
    sa.Column("done", sa.Integer, nullable=False, default=0),
    sa.Column("total", sa.Integer, nullable=False, default=0),
    sa.Column("reason", sa.Text),
    sa.Column("next_step", sa.Text),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("asked_at", storage.Instant, nullable=False),
)


def add_report(ctx: Context, report: TwinReport, dataset: str) -> None:
    """Keep the report of one published twin."""
    plain = orjson.loads(orjson.dumps(report))
    plain["tables"] = [table for table in plain["tables"] if table["dataset"] == dataset]
    ctx.db.execute(
        REPORTS.insert().values(build=report.id, dataset=dataset, built_at=report.built_at, report=plain)
    )


def newest_report(ctx: Context, dataset: str) -> TwinReport | None:
    """The report of the newest twin of a dataset."""
    row = ctx.db.execute(
        sa.select(REPORTS.c.report)
        .where(REPORTS.c.dataset == dataset)
        .order_by(REPORTS.c.built_at.desc(), REPORTS.c.build.desc())
        .limit(1)
    ).first()
    return report_from(row.report) if row else None


def add_build(ctx: Context, build: Build) -> None:
    """Put a build into the queue."""
    values = {column.name: getattr(build, column.name) for column in BUILDS.columns}
    ctx.db.execute(BUILDS.insert().values(**values | {"datasets": list(build.datasets)}))


def find_build(ctx: Context, build: str) -> Build | None:
    """One build."""
    row = ctx.db.execute(sa.select(BUILDS).where(BUILDS.c.id == build)).first()
    return _build(row) if row else None


def newest_builds(ctx: Context, limit: int = 50) -> tuple[Build, ...]:
    """The builds asked for last, newest first."""
    rows = ctx.db.execute(sa.select(BUILDS).order_by(BUILDS.c.asked_at.desc()).limit(limit))
    return tuple(_build(row) for row in rows)


def next_queued(ctx: Context) -> Build | None:
    """The build that has waited longest."""
    row = ctx.db.execute(
        sa.select(BUILDS).where(BUILDS.c.state == "queued").order_by(BUILDS.c.asked_at).limit(1)
    ).first()
    return _build(row) if row else None


def running(ctx: Context) -> tuple[Build, ...]:
    """Builds that say they are going on."""
    return tuple(_build(row) for row in ctx.db.execute(sa.select(BUILDS).where(BUILDS.c.state == "running")))


def change_build(ctx: Context, build: str, was: str, **values: Any) -> bool:
    """Change a build that is in state `was`; False when it no longer is."""
    changed = ctx.db.execute(
        BUILDS.update().where(BUILDS.c.id == build, BUILDS.c.state == was).values(**values)
    )
    return changed.rowcount == 1


def _build(row: sa.Row[Any]) -> Build:
    return Build(**row._asdict() | {"datasets": tuple(row.datasets)})
