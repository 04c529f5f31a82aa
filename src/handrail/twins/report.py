"""What is known about the twin that answers for a dataset."""

from __future__ import annotations

from handrail import data
from handrail.kernel import Context, Resource, access
from handrail.twins import store
from handrail.twins.life import Build
from handrail.twins.models import TwinReport


def report(ctx: Context, dataset: str) -> TwinReport | None:
    """The report of the twin that answers now, with this dataset's table only; None when none was built.

    Refuses callers who neither build, check nor answer for apps, and unknown datasets.
    """
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    data.contract(ctx, dataset)
    twin = data.rendition(ctx, dataset)
    return store.find_report(ctx, dataset, str(twin.facts.get("build", ""))) if twin else None


def going_on(ctx: Context, dataset: str) -> Build | None:
    """The newest build asked for that includes this dataset, whatever became of it."""
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    return next((one for one in store.newest_builds(ctx) if dataset in one.datasets), None)


def related(ctx: Context, dataset: str) -> tuple[str, ...]:
    """Certified datasets that this one is tied to by keys, near or far: worth building together."""
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    certified = {one.name: one.contract for one in data.datasets(ctx) if one.certified}
    near: dict[str, set[str]] = {name: set() for name in certified}
    for name, contract in certified.items():
        for other in {
            to for column in contract.columns for to in contract.pointed_at(column.name)
        } & near.keys():
            near[name].add(other)
            near[other].add(name)
    found, waiting = {dataset}, [dataset]
    while waiting:
        more = near.get(waiting.pop(), set()) - found
        found |= more
        waiting += sorted(more)
    return tuple(sorted(found - {dataset}))
