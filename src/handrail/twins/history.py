"""What became of a dataset's twin over time: who built it, why, how alike it was, and what is kept of it."""

from __future__ import annotations

from handrail import data
from handrail.kernel import Context, NotFound, NotReady, Resource, access
from handrail.twins import files, store
from handrail.twins.life import Build, Chapter
from handrail.twins.models import TwinReport
from handrail.twins.report import as_told

SHOWN = 30


def history(ctx: Context, dataset: str) -> tuple[Chapter, ...]:
    """The builds of a dataset's twin, newest first, whatever came of them. Refuses as `report` does."""
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    data.contract(ctx, dataset)
    now, scores = data.rendition(ctx, dataset), store.scores(ctx, dataset)
    current = str(now.facts.get("build", "")) if now else ""
    pins = {one.build: one for one in store.pins(ctx, dataset)}
    home = ctx.settings.home
    return tuple(
        Chapter(
            build=one,
            score=scores.get(one.id),
            current=one.id == current,
            kept=files.parquet(home, one.id, dataset).is_file(),
            pin=pins.get(one.id),
        )
        for one in store.newest_builds(ctx, dataset, SHOWN)
    )


def build_asked(ctx: Context, build: str) -> Build:
    """A build that was asked for; refuses NotFound."""
    found = store.find_build(ctx, build)
    if found is None:
        raise NotFound("There is no such build.", next_step="See the page of the dataset's twin.")
    for name in found.datasets:
        access.require(ctx, "see-twin", Resource("Dataset", name))
    return found


def build_report(ctx: Context, build: str) -> TwinReport:
    """What came of a build, about all its datasets; refuses as `build_asked`, and NotReady before."""
    if build_asked(ctx, build).state != "done":
        raise NotReady("Nothing was published by this build.", next_step="See how far it is, or build again.")
    return as_told(ctx, store.whole_report(ctx, build))
