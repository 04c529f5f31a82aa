"""Ask for twins to be built in the background, where nobody waits for a page."""

from __future__ import annotations

from collections.abc import Sequence

from handrail.kernel import Context, NotFound, Resource, access, storage
from handrail.twins import store
from handrail.twins.build import plan
from handrail.twins.models import Build


def start(ctx: Context, datasets: Sequence[str], seed: int = 0) -> Build:
    """Queue a build; refuses at once what `build` would refuse before it begins."""
    planned = plan(ctx, datasets, seed, look=True)
    one = Build(
        id=storage.new_id("build"),
        datasets=tuple(table.name for table in planned.tables),
        seed=seed,
        state="queued",
        step="waiting",
        done=0,
        total=0,
        reason=None,
        next_step=None,
        asked_by=ctx.caller.person.id,
        via=ctx.caller.via,
        asked_at=ctx.clock.now(),
    )
    store.add_build(ctx, one)
    ctx.audit.note("twin.queued", f"build:{one.id}", datasets=list(one.datasets), seed=seed)
    return one


def build_asked(ctx: Context, build: str) -> Build:
    """A build that was asked for; refuses NotFound."""
    found = store.find_build(ctx, build)
    if found is None:
        raise NotFound("There is no such build.", next_step="See the page of the dataset's twin.")
    for name in found.datasets:
        access.require(ctx, "see-twin", Resource("Dataset", name))
    return found
