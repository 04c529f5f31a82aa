"""What is known about the twin that answers for a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from handrail import data
from handrail.kernel import Context, Refusal, Resource, access
from handrail.twins import store
from handrail.twins.life import Build
from handrail.twins.models import TableReport, TwinReport
from handrail.twins.tiles import Agreement


def report(ctx: Context, dataset: str) -> TwinReport | None:
    """The report of the twin that answers now, with this dataset's table only; None when none was built.

    What the caller sees masked is not drawn, see `as_told`. Refuses callers who neither build, check nor
    answer for apps, and unknown datasets.
    """
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    data.contract(ctx, dataset)
    twin = data.rendition(ctx, dataset)
    found = store.find_report(ctx, dataset, str(twin.facts.get("build", ""))) if twin else None
    return as_told(ctx, found) if found else None


def as_told(ctx: Context, made: TwinReport) -> TwinReport:
    """The report without the values of columns that the caller sees only masked: neither bars nor tiles.

    Bars tell which values real rows have, and in what shares, which a mask keeps from its readers. Where
    anything of the build is masked, a metric is told by those dimensions only that are certainly not.
    """
    names = {*store.datasets_of(ctx, made.id), *(one.dataset for one in made.tables)}
    masked = {name: _masked(ctx, name) for name in names}
    hidden = {column for of in masked.values() for column, is_masked in of.items() if is_masked}
    every = all(masked.values()) and not hidden
    plain = {column for of in masked.values() for column in of} - hidden
    return replace(
        made,
        tables=tuple(_unmasked(one, masked[one.dataset]) for one in made.tables),
        agreements=tuple(
            one if every or not one.by or one.by.rpartition(".")[2] in plain else _untold(one)
            for one in made.agreements
        ),
    )


def _masked(ctx: Context, dataset: str) -> Mapping[str, bool]:
    """Each column and whether it is masked; none where the contract cannot be read, so that none is told."""
    try:
        return data.masked_columns(ctx, dataset)
    except Refusal:
        return {}


def _unmasked(table: TableReport, masked: Mapping[str, bool]) -> TableReport:
    told = (one if not masked.get(one.name, True) else replace(one, bars=()) for one in table.columns)
    return replace(table, columns=tuple(told))


def _untold(one: Agreement) -> Agreement:
    return replace(one, tiles=(), said="It is cut by what is masked for you.")


def going_on(ctx: Context, dataset: str) -> Build | None:
    """The newest build asked for that includes this dataset, whatever became of it."""
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    return next(iter(store.newest_builds(ctx, dataset, 1)), None)


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
