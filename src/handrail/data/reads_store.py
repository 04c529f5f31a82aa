"""Which apps have read a dataset, from what was observed of their runs."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from handrail.data.store import observed
from handrail.kernel import Context


def readers_of(ctx: Context, dataset: str) -> Mapping[tuple[str, str], frozenset[str]]:
    """By app and environment the columns that it has read of the dataset; none where rows were counted."""
    query = sa.select(observed.c.app, observed.c.environment, observed.c.column).distinct()
    found: dict[tuple[str, str], set[str]] = {}
    for app, environment, column in ctx.db.execute(query.where(observed.c.dataset == dataset)):
        found.setdefault((app, environment), set()).update({column} - {""})
    return {reader: frozenset(columns) for reader, columns in sorted(found.items())}
