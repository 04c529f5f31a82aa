"""The data room's tables: sources, extracts, proposals, certifications and observed reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from handrail.data import catalog_store
from handrail.data.dated import dated
from handrail.data.models import Certification, Extract, Proposal, SourceRecord
from handrail.kernel import Context, storage

sources = sa.Table(
    "sources",
    storage.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("imported_by", sa.Text, nullable=False),
    sa.Column("imported_at", storage.Instant, nullable=False),
)
extracts = sa.Table(
    "extracts",
    storage.metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False, index=True),
    sa.Column("physical_name", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),  # below the instance's directory
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("as_of", storage.Instant, nullable=False),
)
proposals = sa.Table(
    "proposals",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("proposed_by", sa.Text, nullable=False),
    sa.Column("proposed_at", storage.Instant, nullable=False),
    sa.Column("until", sa.Date),  # of a renewal
)
certifications = sa.Table(
    "certifications",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),
    # One proposal is certified once, however many approve in the same moment.
    sa.Column("proposal", sa.Text, nullable=False, unique=True),
    sa.Column("proposed_by", sa.Text, nullable=False),
    sa.Column("certified_by", sa.Text, nullable=False),
    sa.Column("certified_at", storage.Instant, nullable=False),
    sa.Column("until", sa.Date, nullable=False),
    sa.Column("revoked_at", storage.Instant),
    sa.Column("revoked_by", sa.Text),
    sa.Column("reason", sa.Text),
)
# What versions of apps really read. A column named "" stands for the dataset itself.
_WHOLE = ""
observed = sa.Table(
    "observed_reads",
    storage.metadata,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("column", sa.Text, primary_key=True),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("last", storage.Instant, nullable=False),
)


def put_source(ctx: Context, name: str, kind: str, location: str) -> None:
    """Register a source, or note that it was imported again."""
    values = {
        "kind": kind,
        "location": location,
        "imported_by": ctx.caller.person.id,
        "imported_at": ctx.clock.now(),
    }
    changed = ctx.db.execute(sources.update().where(sources.c.name == name).values(values))
    if not changed.rowcount:
        ctx.db.execute(sources.insert().values(name=name, **values))


def get_source(ctx: Context, name: str) -> SourceRecord | None:
    """The source of that name, or None."""
    row = ctx.db.execute(sa.select(sources).where(sources.c.name == name)).first()
    return _source(row) if row else None


def all_sources(ctx: Context) -> tuple[SourceRecord, ...]:
    """Every source, by name."""
    return tuple(_source(row) for row in ctx.db.execute(sa.select(sources).order_by(sources.c.name)))


def put_extract(ctx: Context, extract: Extract) -> None:
    """Make this the extract that answers for its dataset."""
    values = {
        "source": extract.source,
        "physical_name": extract.physical_name,
        "path": extract.path.relative_to(ctx.settings.home).as_posix(),
        "rows": extract.rows,
        "as_of": extract.as_of,
    }
    changed = ctx.db.execute(extracts.update().where(extracts.c.dataset == extract.dataset).values(values))
    if not changed.rowcount:
        ctx.db.execute(extracts.insert().values(dataset=extract.dataset, **values))


def all_extracts(ctx: Context) -> dict[str, Extract]:
    """Every extract, by dataset."""
    rows = ctx.db.execute(sa.select(extracts).order_by(extracts.c.dataset))
    return {row.dataset: _extract(ctx, row) for row in rows}


def get_extract(ctx: Context, dataset: str) -> Extract | None:
    """The extract of a dataset, or None."""
    row = ctx.db.execute(sa.select(extracts).where(extracts.c.dataset == dataset)).first()
    return _extract(ctx, row) if row else None


def extracts_of(ctx: Context, datasets: Sequence[str]) -> dict[str, Extract]:
    """The extracts of these datasets."""
    rows = ctx.db.execute(sa.select(extracts).where(extracts.c.dataset.in_(datasets)))
    return {row.dataset: _extract(ctx, row) for row in rows}


def add_proposal(ctx: Context, dataset: str, digest: str, until: date | None = None) -> Proposal:
    """Record that the caller proposes this content; with `until`, that it be renewed."""
    made = Proposal(
        storage.new_id("prop"), dataset, digest, ctx.caller.person.id, _dated(ctx, dataset), until
    )
    ctx.db.execute(
        proposals.insert().values(
            id=made.id, dataset=dataset, digest=digest, proposed_by=made.by, proposed_at=made.at, until=until
        )
    )
    catalog_store.note(ctx, dataset, proposed=digest, proposed_at=made.at, renews=until is not None)
    return made


def proposals_of(ctx: Context, datasets: Sequence[str] | None = None) -> dict[str, tuple[Proposal, ...]]:
    """Proposals by dataset, newest first; of all datasets when none are named."""
    found: dict[str, list[Proposal]] = {}
    for row in _newest(ctx, proposals, proposals.c.proposed_at, datasets):
        made = Proposal(row.id, row.dataset, row.digest, row.proposed_by, row.proposed_at, row.until)
        found.setdefault(row.dataset, []).append(made)
    return {dataset: tuple(items) for dataset, items in found.items()}


def add_certification(ctx: Context, proposal: Proposal, until: date) -> Certification:
    """Record the caller's yes to a proposal. The second yes to the same one fails on its unique key."""
    made = Certification(
        id=storage.new_id("cert"),
        dataset=proposal.dataset,
        digest=proposal.digest,
        proposed_by=proposal.by,
        by=ctx.caller.person.id,
        at=_dated(ctx, proposal.dataset),
        until=until,
    )
    ctx.db.execute(
        certifications.insert().values(
            id=made.id,
            dataset=made.dataset,
            digest=made.digest,
            proposal=proposal.id,
            proposed_by=made.proposed_by,
            certified_by=made.by,
            certified_at=made.at,
            until=until,
        )
    )
    about = {"certified": made.digest, "certified_at": made.at, "until": until, "revoked": False}
    catalog_store.note(ctx, made.dataset, **about)
    return made


def certifications_of(
    ctx: Context, datasets: Sequence[str] | None = None
) -> dict[str, tuple[Certification, ...]]:
    """Certifications by dataset, newest first; of all datasets when none are named."""
    found: dict[str, list[Certification]] = {}
    for row in _newest(ctx, certifications, certifications.c.certified_at, datasets):
        found.setdefault(row.dataset, []).append(_certification(row))
    return {dataset: tuple(items) for dataset, items in found.items()}


def revoke_certification(ctx: Context, one: Certification, reason: str) -> bool:
    """End a certification; False when somebody else ended it first."""
    changed = ctx.db.execute(
        certifications.update()
        .where(certifications.c.id == one.id, certifications.c.revoked_at.is_(None))
        .values(revoked_at=ctx.clock.now(), revoked_by=ctx.caller.person.id, reason=reason)
    )
    if changed.rowcount:
        catalog_store.note(ctx, one.dataset, revoked=True)
    return changed.rowcount == 1


def _dated(ctx: Context, dataset: str) -> datetime:
    """The moment of a proposal or a certification, of which each is held against the other."""
    p, c = proposals.c, certifications.c
    return dated(ctx, (p.proposed_at, p.dataset == dataset), (c.certified_at, c.dataset == dataset))


def _newest(
    ctx: Context, table: sa.Table, moment: sa.Column[Any], datasets: Sequence[str] | None
) -> Sequence[sa.Row[Any]]:
    query = sa.select(table).order_by(moment.desc(), table.c.id.desc())
    if datasets is not None:
        query = query.where(table.c.dataset.in_(datasets))
    return ctx.db.execute(query).all()


def _extract(ctx: Context, row: sa.Row[Any]) -> Extract:
    path = ctx.settings.home / row.path
    return Extract(row.dataset, row.source, row.physical_name, path, row.rows, row.as_of)


def _source(row: sa.Row[Any]) -> SourceRecord:
    return SourceRecord(row.name, row.kind, row.location, row.imported_by, row.imported_at)


def _certification(row: sa.Row[Any]) -> Certification:
    return Certification(
        id=row.id,
        dataset=row.dataset,
        digest=row.digest,
        proposed_by=row.proposed_by,
        by=row.certified_by,
        at=row.certified_at,
        until=row.until,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        reason=row.reason,
    )


def observe(
    ctx: Context, app: str, commit: str, environment: str, reads: Mapping[str, Sequence[str]]
) -> None:
    """Count one more reading of these columns, by dataset, by this version of an app."""
    if not reads:
        return
    now = ctx.clock.now()
    rows = [
        {"app": app, "version": commit, "environment": environment, "dataset": dataset, "column": column}
        for dataset, columns in reads.items()
        for column in (_WHOLE, *columns)
    ]
    insert = storage.insert_of(ctx.db.dialect.name)
    made = insert(observed).values([{**row, "times": 1, "last": now} for row in rows])
    again = {"times": observed.c.times + 1, "last": now}
    ctx.db.execute(made.on_conflict_do_update(index_elements=list(observed.primary_key.columns), set_=again))


def observations(
    ctx: Context, app: str, commit: str | None, environment: str | None
) -> Mapping[str, frozenset[str]]:
    """The columns read so far, by dataset; a dataset whose rows were only counted has none."""
    query = sa.select(observed.c.dataset, observed.c.column).where(observed.c.app == app).distinct()
    if commit is not None:
        query = query.where(observed.c.version == commit)
    if environment is not None:
        query = query.where(observed.c.environment == environment)
    found: dict[str, set[str]] = {}
    for dataset, column in ctx.db.execute(query):
        found.setdefault(dataset, set()).update({column} - {_WHOLE})
    return {dataset: frozenset(columns) for dataset, columns in sorted(found.items())}
