"""The twins room in our own database: reports, builds that were asked for, frozen builds and refreshes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.twins.life import Build, Pin
from handrail.twins.models import TwinReport
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
    sa.Column("why", sa.Text, nullable=False, server_default=""),
)

PINS = sa.Table(
    "twin_pins",
    storage.metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("build", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("frozen_by", sa.Text, nullable=False),
    sa.Column("frozen_at", storage.Instant, nullable=False),
)

REFRESHES = sa.Table(
    "twin_refreshes",
    storage.metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text),  # when it is refreshed; none: as the settings say
    sa.Column("moment", storage.Instant),  # of the schedule, that was taken last
)


def add_report(ctx: Context, report: TwinReport, dataset: str) -> None:
    """Keep the report of one published twin."""
    plain = orjson.loads(orjson.dumps(report))
    plain["tables"] = [table for table in plain["tables"] if table["dataset"] == dataset]
    ctx.db.execute(
        REPORTS.insert().values(build=report.id, dataset=dataset, built_at=report.built_at, report=plain)
    )


def find_report(ctx: Context, dataset: str, build: str) -> TwinReport | None:
    """The report of one build of a dataset's twin."""
    mine = REPORTS.c.dataset == dataset, REPORTS.c.build == build
    row = ctx.db.execute(sa.select(REPORTS.c.report).where(*mine)).first()
    return report_from(row.report) if row else None


def whole_report(ctx: Context, build: str) -> TwinReport:
    """The report of one published build about all its datasets."""
    query = sa.select(REPORTS.c.report).where(REPORTS.c.build == build).order_by(REPORTS.c.dataset)
    found = [report_from(row.report) for row in ctx.db.execute(query)]
    return replace(found[0], tables=tuple(table for one in found for table in one.tables))


def published(ctx: Context, dataset: str | None = None) -> dict[str, tuple[str, ...]]:
    """The builds of which reports are kept, newest first, by dataset."""
    query = sa.select(REPORTS.c.dataset, REPORTS.c.build).order_by(
        REPORTS.c.built_at.desc(), REPORTS.c.build.desc()
    )
    found: dict[str, list[str]] = {}
    for row in ctx.db.execute(query if dataset is None else query.where(REPORTS.c.dataset == dataset)):
        found.setdefault(row.dataset, []).append(row.build)
    return {name: tuple(builds) for name, builds in found.items()}


def scores(ctx: Context, dataset: str) -> dict[str, float | None]:
    """How alike each published build of a dataset's twin is, by build."""
    query = sa.select(REPORTS.c.build, REPORTS.c.report).where(REPORTS.c.dataset == dataset)
    return {row.build: row.report["tables"][0]["overall"] for row in ctx.db.execute(query)}


def datasets_of(ctx: Context, build: str) -> tuple[str, ...]:
    """The datasets whose twins were published by one build."""
    query = sa.select(REPORTS.c.dataset).where(REPORTS.c.build == build).order_by(REPORTS.c.dataset)
    return tuple(row.dataset for row in ctx.db.execute(query))


def add_build(ctx: Context, build: Build) -> None:
    """Put a build into the queue, or among those that are done."""
    values = {column.name: getattr(build, column.name) for column in BUILDS.columns}
    ctx.db.execute(BUILDS.insert().values(**values | {"datasets": list(build.datasets)}))


def find_build(ctx: Context, build: str) -> Build | None:
    """One build."""
    row = ctx.db.execute(sa.select(BUILDS).where(BUILDS.c.id == build)).first()
    return _build(row) if row else None


def newest_builds(ctx: Context, dataset: str, limit: int) -> tuple[Build, ...]:
    """The builds with this dataset that were asked for last, newest first."""
    named = sa.cast(BUILDS.c.datasets, sa.Text).contains(f'"{dataset}"', autoescape=True)
    query = sa.select(BUILDS).where(named).order_by(BUILDS.c.asked_at.desc(), BUILDS.c.id.desc())
    return tuple(_build(row) for row in ctx.db.execute(query.limit(limit)))


def next_queued(ctx: Context) -> Build | None:
    """The build that has waited longest."""
    waiting = sa.select(BUILDS).where(BUILDS.c.state == "queued")
    row = ctx.db.execute(waiting.order_by(BUILDS.c.asked_at, BUILDS.c.id).limit(1)).first()
    return _build(row) if row else None


def in_state(ctx: Context, *states: str) -> tuple[Build, ...]:
    """Builds that say they wait, or go on."""
    rows = ctx.db.execute(sa.select(BUILDS).where(BUILDS.c.state.in_(states)).order_by(BUILDS.c.id))
    return tuple(_build(row) for row in rows)


def change_build(ctx: Context, build: str, was: str, **values: Any) -> bool:
    """Change a build that is in state `was`; False when it no longer is."""
    changed = ctx.db.execute(
        BUILDS.update().where(BUILDS.c.id == build, BUILDS.c.state == was).values(**values)
    )
    return changed.rowcount == 1


def pin(ctx: Context, one: Pin) -> bool:
    """Freeze a build; False when it is frozen already."""
    insert = storage.insert_of(ctx.db.dialect.name)
    values = {column.name: getattr(one, column.name) for column in PINS.columns}
    made = insert(PINS).values(**values).on_conflict_do_nothing().returning(PINS.c.build)
    return ctx.db.execute(made).scalar() is not None


def unpin(ctx: Context, dataset: str, build: str) -> bool:
    """Thaw a build; False when it was not frozen."""
    mine = PINS.c.dataset == dataset, PINS.c.build == build
    return ctx.db.execute(PINS.delete().where(*mine)).rowcount == 1


def pins(ctx: Context, dataset: str | None = None) -> tuple[Pin, ...]:
    """The frozen builds of a dataset, or of all."""
    query = sa.select(PINS).order_by(PINS.c.frozen_at)
    rows = ctx.db.execute(query if dataset is None else query.where(PINS.c.dataset == dataset))
    return tuple(Pin(**row._asdict()) for row in rows)


def refresh_rule(ctx: Context, dataset: str) -> str | None:
    """When a dataset's twin is refreshed, where that was said of this one."""
    return ctx.db.execute(sa.select(REFRESHES.c.rule).where(REFRESHES.c.dataset == dataset)).scalar()


def put_refresh_rule(ctx: Context, datasets: Collection[str], rule: str | None) -> None:
    """Say when the twins of these datasets are refreshed."""
    insert = storage.insert_of(ctx.db.dialect.name)
    for dataset in datasets:
        made = insert(REFRESHES).values(dataset=dataset, rule=rule)
        ctx.db.execute(made.on_conflict_do_update(index_elements=["dataset"], set_={"rule": rule}))


def take_moment(ctx: Context, dataset: str, moment: datetime) -> bool:
    """Take a moment of a dataset's schedule; False when another server took it, or a later one."""
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(REFRESHES).values(dataset=dataset, moment=moment)
    free = sa.or_(REFRESHES.c.moment.is_(None), REFRESHES.c.moment < moment)
    taking = made.on_conflict_do_update(index_elements=["dataset"], set_={"moment": moment}, where=free)
    return ctx.db.execute(taking.returning(REFRESHES.c.dataset)).scalar() is not None


def _build(row: sa.Row[Any]) -> Build:
    return Build(**row._asdict() | {"datasets": tuple(row.datasets)})
