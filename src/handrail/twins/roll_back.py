"""Go back to an earlier twin, with everything that was built together with it."""

from __future__ import annotations

import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import Conflict, Context, NotReady
from handrail.twins import files, store
from handrail.twins.build import may_build
from handrail.twins.freeze import there


def roll_back(ctx: Context, dataset: str, build: str) -> tuple[str, ...]:
    """Let the twins of an earlier build answer again, until the next one; gives the datasets they are of.

    All datasets that were built together go back together, so that their keys fit each other. Refuses
    NotFound a build that is not kept, Conflict the one that answers already, and NotReady one that lacks
    columns which the contract has by now.
    """
    together = store.datasets_of(ctx, build) or (dataset,)
    may_build(ctx, together)
    there(ctx, dataset, build)
    now = data.rendition(ctx, dataset)
    if now is not None and now.facts["build"] == build:
        raise Conflict(
            "This twin answers already.", next_step="Choose an earlier one.", subject=f"dataset:{dataset}"
        )
    for name in together:
        earlier = data.rendition(ctx, name, build)
        if earlier is None:
            continue
        path = files.parquet(ctx.settings.home, build, name)
        has = pq.read_schema(path).names
        missing = [one.name for one in data.contract(ctx, name).columns if one.name not in has]
        if missing:
            raise NotReady(
                f"The earlier twin of {name} has no {', '.join(missing)}, which its contract has now.",
                next_step="Build the twin again instead.",
                subject=f"dataset:{name}",
            )
        data.set_rendition(ctx, name, path, earlier.facts, earlier.contract_digest)
        ctx.audit.note("twin.rolled_back", f"dataset:{name}", build=build)
    return together
