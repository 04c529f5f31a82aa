"""What runs of apps were seen to read: by dataset, through which metrics, and with which questions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from handrail.data.lineage_models import AppRead
from handrail.data.seen import ColumnRead
from handrail.data.store import observed
from handrail.kernel import Context, storage

# What was read on behalf of a metric, which is counted among the observed reads too. A column named "" stands
# for the dataset itself.
observed_metrics = sa.Table(
    "observed_metric_reads",
    storage.metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("column", sa.Text, primary_key=True),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("last", storage.Instant, nullable=False),
)
# The questions that versions asked in the sandbox, which has no real row. In production an app could write
# what its viewer sees into the text of a question, so nothing of it is kept there.
questions = sa.Table(
    "observed_questions",
    storage.metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("sql", sa.Text, nullable=False),
    sa.Column("at", storage.Instant, nullable=False),
)
_MOST = 100  # questions of one version that are kept
_LONGEST = 20_000  # characters


def readers_of(ctx: Context, dataset: str) -> Mapping[tuple[str, str], frozenset[str]]:
    """By app and environment the columns that it has read of the dataset; none where rows were counted."""
    query = sa.select(observed.c.app, observed.c.environment, observed.c.column).distinct()
    found: dict[tuple[str, str], set[str]] = {}
    for app, environment, column in ctx.db.execute(query.where(observed.c.dataset == dataset)):
        found.setdefault((app, environment), set()).update({column} - {""})
    return {reader: frozenset(columns) for reader, columns in sorted(found.items())}


def each(ctx: Context, app: str) -> tuple[ColumnRead, ...]:
    """Every column that runs of an app have read, with its version, the one that read last first."""
    newest = sa.func.max(observed.c.last).over(partition_by=observed.c.version)
    query = sa.select(observed).where(observed.c.app == app)
    order = (newest.desc(), observed.c.version, observed.c.environment, observed.c.dataset, observed.c.column)
    return tuple(
        ColumnRead(row.version, row.environment, row.dataset, row.column, row.times, row.last)
        for row in ctx.db.execute(query.order_by(*order))
    )


def observe_metric(
    ctx: Context, app: str, commit: str, environment: str, metric: str, reads: Mapping[str, Sequence[str]]
) -> None:
    """Count that these columns were read once more for a metric, by this version of an app."""
    now = ctx.clock.now()
    key = {"app": app, "version": commit, "environment": environment, "metric": metric}
    rows = [
        {**key, "dataset": dataset, "column": column, "times": 1, "last": now}
        for dataset, columns in reads.items()
        for column in ("", *columns)
    ]
    insert = storage.insert_of(ctx.db.dialect.name)
    again = {"times": observed_metrics.c.times + 1, "last": now}
    keys = list(observed_metrics.primary_key.columns)
    ctx.db.execute(
        insert(observed_metrics).values(rows).on_conflict_do_update(index_elements=keys, set_=again)
    )


def keep_question(ctx: Context, app: str, commit: str, sql: str) -> None:
    """Keep a question that a version asked in the sandbox, once; neither too many nor too long ones."""
    if len(sql) > _LONGEST:
        return
    mine = (questions.c.app == app, questions.c.version == commit)
    digest = hashlib.sha256(sql.encode()).hexdigest()
    known = set(ctx.db.scalars(sa.select(questions.c.digest).where(*mine)))
    if digest in known or len(known) >= _MOST:
        return
    insert = storage.insert_of(ctx.db.dialect.name)
    row = {"app": app, "version": commit, "digest": digest, "sql": sql, "at": ctx.clock.now()}
    ctx.db.execute(insert(questions).values(row).on_conflict_do_nothing())


def questions_of(ctx: Context, app: str, commit: str) -> tuple[str, ...]:
    """The questions of one version in the sandbox, in the order in which they first came."""
    query = sa.select(questions.c.sql).where(questions.c.app == app, questions.c.version == commit)
    return tuple(ctx.db.scalars(query.order_by(questions.c.at, questions.c.digest)))


def reads_by_apps(ctx: Context, dataset: str | None = None, app: str | None = None) -> tuple[AppRead, ...]:
    """What apps have read of a dataset, or one app of all, by environment: directly, or for a metric.

    A column counts as read directly when it was read more often than on behalf of metrics.
    """
    through = _times(ctx, observed_metrics, observed_metrics.c.metric, dataset, app)
    direct = _times(ctx, observed, sa.literal(""), dataset, app)
    for (reader, environment, _, of, column), times in through.items():
        key = reader, environment, "", of, column
        direct[key] = direct.get(key, 0) - times
    left = {key for key, times in direct.items() if times > 0}
    return tuple(AppRead(*key) for key in sorted({*left, *through}))


def users_of(ctx: Context, metrics: Collection[str]) -> tuple[tuple[str, str, str], ...]:
    """The apps that have asked for one of these metrics: metric, app and environment."""
    table = observed_metrics.c
    query = sa.select(table.metric, table.app, table.environment).distinct()
    found = ctx.db.execute(query.where(table.metric.in_(list(metrics))))
    return tuple(sorted((row.metric, row.app, row.environment) for row in found))


_Key = tuple[str, str, str, str, str]  # app, environment, metric, dataset, column


def _times(
    ctx: Context, table: sa.Table, metric: sa.ColumnElement[str], dataset: str | None, app: str | None
) -> dict[_Key, int]:
    key = (table.c.app, table.c.environment, metric, table.c.dataset, table.c.column)
    query = sa.select(*key, sa.func.sum(table.c.times)).group_by(*key)
    if dataset is not None:
        query = query.where(table.c.dataset == dataset)
    if app is not None:
        query = query.where(table.c.app == app)
    return {(a, e, m, d, c): int(times) for a, e, m, d, c, times in ctx.db.execute(query)}
