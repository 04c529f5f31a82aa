"""Which of the data that an app or a metric stands on ails: not certified, or breaking its promises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from handrail.data import quality_store
from handrail.data.catalog import CATALOG, found
from handrail.kernel import Context, Refusal, access


@dataclass(frozen=True)
class Ailing:
    """A dataset that ails, and how, in words."""

    dataset: str
    kind: Literal["quality", "state"]
    text: str


def ailing(ctx: Context, datasets: Iterable[str]) -> tuple[Ailing, ...]:
    """What ails of these datasets, by name, from the newest check of each and its certification."""
    access.require(ctx, "see-datasets", CATALOG)
    return tuple(one for name in sorted(set(datasets)) for one in _of(ctx, name))


def _of(ctx: Context, name: str) -> list[Ailing]:
    try:
        now = found(ctx, name)
    except Refusal:
        return [Ailing(name, "state", f"The contract of {name} cannot be read, so nothing answers from it.")]
    said = []
    if not now.certified:
        said.append(Ailing(name, "state", f"{name} is {now.state}, so production does not answer from it."))
    newest = next(iter(quality_store.checks_of(ctx, name, 1)), None)
    if newest and newest.broken:
        broken, promises = len(newest.broken), len(newest.results)
        text = f"{name} breaks {broken} of the {promises} promises of its contract"
        said.append(Ailing(name, "quality", f"{text}, as checked at {newest.at:%Y-%m-%d %H:%M} UTC."))
    return said
