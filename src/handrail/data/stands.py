"""Where a metric stands: found in what was recorded, at the moment of asking."""

from __future__ import annotations

from collections.abc import Iterable

from handrail.data import measured_store, store
from handrail.data.measured import Standing, standing
from handrail.data.ossie import Definition
from handrail.kernel import Context


def stands(ctx: Context, one: Definition) -> Standing:
    """Where a metric stands as its file defines it now, for verbs that ask their own rule."""
    name = one.metric.name
    reconciliations = measured_store.reconciliations_of(ctx, name)
    newest = next((r for r in reconciliations if r.digest == one.digest), None)
    certifications = measured_store.certifications_of(ctx, name)
    return standing(one.digest, reconciliations, certifications, as_of(ctx, newest.data) if newest else {})


def as_of(ctx: Context, datasets: Iterable[str]) -> dict[str, str]:
    """As of when the data of each of these datasets is; what has none is left out."""
    extracts = {name: store.get_extract(ctx, name) for name in sorted(datasets)}
    return {name: extract.as_of.isoformat() for name, extract in extracts.items() if extract}
