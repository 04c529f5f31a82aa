"""Where a metric stands: found in what was recorded, at the moment of asking."""

from __future__ import annotations

from collections.abc import Iterable

from handrail.data import measured_store, store
from handrail.data.measured import Standing, standing
from handrail.data.ossie import Definition
from handrail.kernel import Context


def stands(ctx: Context, one: Definition) -> Standing:
    """Where a metric stands as its file defines it now, for verbs that ask their own rule.

    Every question about a metric asks this, so it looks at the newest facts only, however long the history.
    """
    name = one.metric.name
    newest = measured_store.newest_of(ctx, name, one.digest)
    given = measured_store.certification_of(ctx, name, one.digest)
    if newest is None or given:
        ever = bool(given) or measured_store.ever_certified(ctx, name)
        return standing(newest, given, None, ever, as_of(ctx, newest.data) if newest else {})
    proposer = measured_store.proposer_of(ctx, name, one.digest)
    return standing(newest, None, proposer, measured_store.ever_certified(ctx, name), as_of(ctx, newest.data))


def as_of(ctx: Context, datasets: Iterable[str]) -> dict[str, str]:
    """As of when the data of each of these datasets is; what has none is left out."""
    extracts = {name: store.get_extract(ctx, name) for name in sorted(datasets)}
    return {name: extract.as_of.isoformat() for name, extract in extracts.items() if extract}
