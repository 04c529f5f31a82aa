"""The review room's tables, and the only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from handrail.kernel import Conflict, Context, storage
from handrail.kernel.storage import Instant, metadata
from handrail.review.models import AccessRow, Change, Decided, Finding, Report

submissions = sa.Table(
    "review_submissions",
    metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("commit", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("tree", sa.Text, nullable=False),
    sa.Column("manifest_digest", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("says", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("maker", sa.Text, nullable=False),
    sa.Column("coowners", sa.JSON, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("sensitive", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("prompts", sa.Text, nullable=False),
    sa.Column("access", sa.JSON, nullable=False),
    sa.Column("newly", sa.JSON, nullable=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Column("unchecked", sa.JSON, nullable=False),
    sa.Column("examined_at", Instant, nullable=False),
    sa.Column("requested_at", Instant, index=True),
    sa.Column("requested_by", sa.Text, nullable=False),
)
findings = sa.Table(
    "review_findings",
    metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("commit", sa.Text, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("end_line", sa.Integer, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("fix", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
)
verdicts = sa.Table(
    "review_verdicts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("manifest_digest", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    # '' while it stands, else "when by whom": part of the key, so that one person has one standing verdict.
    sa.Column("withdrawn", sa.Text, nullable=False, default=""),
    sa.UniqueConstraint("app", "commit", "manifest_digest", "layer", "by", "withdrawn"),
)

T = TypeVar("T")
FINDING = tuple(Finding.__dataclass_fields__)


@dataclass(frozen=True)
class Given:
    """One person's standing verdict."""

    id: str
    decision: Decided
    by: str
    reason: str
    at: datetime
    needed: int


def keep(ctx: Context, report: Report) -> None:
    """Keep a report in place of an earlier one of the same version."""
    _forget(ctx, report.app, report.commit)
    row = {name: getattr(report, name) for name in Report.__dataclass_fields__ if name != "findings"}
    row |= {
        "coowners": list(report.coowners),
        "newly": list(report.newly),
        "unchecked": list(report.unchecked),
        "access": [asdict(one) for one in report.access],
        "changes": [asdict(one) for one in report.changes],
    }
    ctx.db.execute(sa.insert(submissions).values(row))
    rows = [
        {"app": report.app, "commit": report.commit, "place": place, **asdict(finding)}
        for place, finding in enumerate(report.findings)
    ]
    if rows:
        ctx.db.execute(sa.insert(findings), rows)


def _forget(ctx: Context, app: str, commit: str) -> None:
    for table in (findings, submissions):
        ctx.db.execute(sa.delete(table).where(table.c.app == app, table.c.commit == commit))


def find(ctx: Context, app: str, commit: str) -> Report | None:
    """The report on one version."""
    where = submissions.c.app == app, submissions.c.commit == commit
    row = ctx.db.execute(sa.select(submissions).where(*where)).mappings().one_or_none()
    return _report(ctx, row) if row else None


def find_number(ctx: Context, app: str, n: int | None) -> Report | None:
    """The report on version `n`, or on the newest version that has one."""
    query = sa.select(submissions).where(submissions.c.app == app).order_by(submissions.c.n.desc()).limit(1)
    if n is not None:
        query = query.where(submissions.c.n == n)
    row = ctx.db.execute(query).mappings().one_or_none()
    return _report(ctx, row) if row else None


def find_requested(ctx: Context) -> tuple[Report, ...]:
    """The newest version of each app for which somebody asked, the longest waiting first."""
    newest = (
        sa.select(submissions.c.app, sa.func.max(submissions.c.n).label("n"))
        .where(submissions.c.requested_at.is_not(None))
        .group_by(submissions.c.app)
        .subquery()
    )
    query = (
        sa.select(submissions)
        .join(newest, (newest.c.app == submissions.c.app) & (newest.c.n == submissions.c.n))
        .where(submissions.c.requested_at.is_not(None))
        .order_by(submissions.c.requested_at)
    )
    return tuple(_report(ctx, row) for row in ctx.db.execute(query).mappings().all())


def mark_requested(ctx: Context, app: str, commit: str, at: datetime, by: str) -> None:
    """Note that a person's decision is asked for; a second asking keeps the first moment."""
    where = submissions.c.app == app, submissions.c.commit == commit, submissions.c.requested_at.is_(None)
    ctx.db.execute(sa.update(submissions).where(*where).values(requested_at=at, requested_by=by))


def add_verdict(ctx: Context, report: Report, decision: Decided, reason: str) -> None:
    """Keep the caller's verdict on exactly this commit, manifest and layer; Conflict when one stands."""
    by, at = ctx.caller.person.id, ctx.clock.now()
    row = {
        "id": storage.new_id("verdict"),
        "app": report.app,
        "commit": report.commit,
        "manifest_digest": report.manifest_digest,
        "layer": report.layer,
        "needed": report.needed,
        "decision": decision,
        "by": by,
        "reason": reason,
        "at": at,
        "withdrawn": "",
    }
    try:
        ctx.db.execute(sa.insert(verdicts).values(row))
    except IntegrityError as error:
        raise Conflict(
            f"{by} has already decided about version {report.n} of {report.app}.",
            next_step="Withdraw that verdict first to change it.",
            subject=f"app:{report.app}",
        ) from error


def standing(ctx: Context, app: str, commit: str, manifest_digest: str, layer: str) -> tuple[Given, ...]:
    """The verdicts that stand for exactly this commit, manifest and layer, oldest first."""
    query = (
        sa.select(*(verdicts.c[name] for name in Given.__dataclass_fields__))
        .where(
            verdicts.c.app == app,
            verdicts.c.commit == commit,
            verdicts.c.manifest_digest == manifest_digest,
            verdicts.c.layer == layer,
            verdicts.c.withdrawn == "",
        )
        .order_by(verdicts.c.at, verdicts.c.id)
    )
    return tuple(Given(**row) for row in ctx.db.execute(query).mappings())


def withdraw(ctx: Context, given: Given, by: str, at: datetime) -> bool:
    """End a verdict; False when somebody else ended it meanwhile."""
    query = (
        sa.update(verdicts)
        .where(verdicts.c.id == given.id, verdicts.c.withdrawn == "")
        .values(withdrawn=f"{at.isoformat()} {by}")
    )
    return bool(ctx.db.execute(query).rowcount)


def _report(ctx: Context, row: Mapping[Any, Any]) -> Report:
    values = {str(key): value for key, value in row.items()}
    values |= {name: tuple(values[name]) for name in ("coowners", "newly", "unchecked")}
    values["access"] = _made(AccessRow, values["access"])
    values["changes"] = _made(Change, values["changes"])
    values["findings"] = _findings(ctx, values["app"], values["commit"])
    return Report(**values)


def _findings(ctx: Context, app: str, commit: str) -> tuple[Finding, ...]:
    query = (
        sa.select(*(findings.c[name] for name in FINDING))
        .where(findings.c.app == app, findings.c.commit == commit)
        .order_by(findings.c.place)
    )
    return _made(Finding, ctx.db.execute(query).mappings())


def _made(kind: type[T], rows: Iterable[Mapping[Any, Any]]) -> tuple[T, ...]:
    return tuple(kind(**row) for row in rows)
