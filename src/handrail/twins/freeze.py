"""Freeze a build of a twin, so that what was compared on it can be compared on it again."""

from __future__ import annotations

from handrail.kernel import Conflict, Context, Invalid, NotFound, Resource, access
from handrail.twins import files, store
from handrail.twins.life import Pin

LONGEST_REASON = 500  # characters


def freeze(ctx: Context, dataset: str, build: str, reason: str) -> Pin:
    """Keep this build of the dataset's twin until it is thawed, however many newer ones there are.

    Refuses NotFound a build whose files are there no longer, Conflict one that is frozen already, Invalid
    without a reason.
    """
    access.require(ctx, "build-twin", Resource("Dataset", dataset))
    words = " ".join(reason.split())
    if not 0 < len(words) <= LONGEST_REASON:
        raise Invalid(
            "A frozen twin needs a reason.",
            next_step=f"Say in a sentence of at most {LONGEST_REASON} characters what it is kept for.",
            subject=f"dataset:{dataset}",
        )
    there(ctx, dataset, build)
    made = Pin(dataset, build, words, ctx.caller.person.id, ctx.clock.now())
    if not store.pin(ctx, made):
        raise Conflict(
            f"{build} is frozen already.", next_step="Thaw it first.", subject=f"dataset:{dataset}"
        )
    ctx.audit.note("twin.frozen", f"dataset:{dataset}", build=build, reason=words)
    return made


def thaw(ctx: Context, dataset: str, build: str) -> None:
    """Let this build go once enough newer ones are there; refuses NotFound one that is not frozen."""
    access.require(ctx, "build-twin", Resource("Dataset", dataset))
    if not store.unpin(ctx, dataset, build):
        raise NotFound(
            f"{build[:40]} is not frozen.",
            next_step=f"See the history of the twin of {dataset}.",
            subject=f"dataset:{dataset}",
        )
    ctx.audit.note("twin.thawed", f"dataset:{dataset}", build=build)


def there(ctx: Context, dataset: str, build: str) -> None:
    """Refuse a build that made no twin of this dataset, or whose files are gone."""
    if (
        dataset not in store.datasets_of(ctx, build)
        or not files.parquet(ctx.settings.home, build, dataset).is_file()
    ):
        raise NotFound(
            f"There is no twin {build[:40]} of {dataset}, or no longer.",
            next_step="Take one that its history says is kept.",
            subject=f"dataset:{dataset}",
        )
