"""Renditions as rows: every twin that answered for a dataset, with its build and variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from handrail.data.dated import dated
from handrail.data.models import Rendition
from handrail.kernel import Context, storage

USUAL = "hostile"  # the variant of a twin that answers unless a run wants another
renditions = sa.Table(
    "renditions",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False, index=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("contract_digest", sa.Text, nullable=False),
    sa.Column("built_at", storage.Instant, nullable=False),
    sa.Column("build", sa.Text, nullable=False, server_default=""),
    sa.Column("variant", sa.Text, nullable=False, server_default=USUAL),
)


def add_rendition(ctx: Context, dataset: str, path: Path, facts: Mapping[str, object], digest: str) -> None:
    """Make this twin the one that answers for its dataset in the sandbox, to those who want its variant."""
    ctx.db.execute(
        renditions.insert().values(
            id=storage.new_id("twin"),
            dataset=dataset,
            path=path.relative_to(ctx.settings.home).as_posix(),
            facts=dict(facts),
            contract_digest=digest,
            built_at=dated(ctx, (renditions.c.built_at, renditions.c.dataset == dataset)),
            build=str(facts.get("build", "")),
            variant=str(facts.get("variant", USUAL)),
        )
    )


def newest_renditions(
    ctx: Context, dataset: str, build: str | None = None, variant: str = USUAL
) -> tuple[Rendition, ...]:
    """The twins of one variant that answered for a dataset, of one build or of any, newest first."""
    c = renditions.c
    query = sa.select(renditions).where(c.dataset == dataset, c.variant == variant)
    if build is not None:
        query = query.where(c.build == build)
    rows = ctx.db.execute(query.order_by(c.built_at.desc(), c.id.desc()))
    home = ctx.settings.home
    return tuple(
        Rendition(dataset, home / row.path, row.facts, row.built_at, row.contract_digest) for row in rows
    )


def twinned(ctx: Context) -> tuple[str, ...]:
    """Every dataset that has or had a twin, by name."""
    query = sa.select(renditions.c.dataset).distinct().order_by(renditions.c.dataset)
    return tuple(row.dataset for row in ctx.db.execute(query))
