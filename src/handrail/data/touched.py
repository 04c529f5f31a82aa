"""Who is touched by a change: the metrics that are defined on a dataset, and the apps that really read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from handrail.data import odcs, reads_store
from handrail.data.catalog import contract_of
from handrail.data.certify import before
from handrail.data.compare_contracts import Change, compare_contracts
from handrail.data.load import load
from handrail.data.metrics import metrics
from handrail.data.models import Contract, Metric
from handrail.kernel import Context, Refusal, Resource, access


@dataclass(frozen=True)
class Touched:
    """Metrics and apps that read certain columns of a dataset; production readers are named apart."""

    metrics: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    in_production: tuple[str, ...] = ()  # those of the apps that read it there


@dataclass(frozen=True)
class Comparison:
    """A contract against the one before it: what changed, and who reads what can break."""

    dataset: str
    since: str  # which contract it is compared with, in words
    changes: tuple[Change, ...]
    touched: Touched

    @property
    def breaking(self) -> bool:
        """Whether any change can break what works today."""
        return any(change.breaking for change in self.changes)


def contract_changes(ctx: Context, name: str) -> Comparison:
    """What changed since the contract was last certified (or drafted), and who reads what can break.

    Refuses those who may not know which apps read a dataset: stewards and compliance may.
    """
    access.require(ctx, "see-use", Resource("Dataset", name))
    new = contract_of(ctx, name)
    since, content = before(ctx, name)
    try:
        old = load(content, odcs.path_of(name))
    except Refusal:  # written by an older Handrail, or by hand before it was corrected
        old = new
    return compared(ctx, old, new, since)


def compared(ctx: Context, old: Contract, new: Contract, since: str = "the contract as it is") -> Comparison:
    """What changes from one contract to the other, and who reads what can break. Asks no rule of its own."""
    changes = compare_contracts(old, new)
    breaking = [change.column for change in changes if change.breaking]
    columns = None if None in breaking else [column for column in breaking if column]
    reads = touched(ctx, new.name, columns) if breaking else Touched()
    return Comparison(new.name, since, changes, reads)


def touched(ctx: Context, name: str, columns: Collection[str] | None) -> Touched:
    """Who reads one of these columns, or with None the dataset at all. Asks no rule of its own."""
    wanted = None if columns is None else {column.lower() for column in columns}

    def reads(these: Collection[str]) -> bool:
        return wanted is None or bool(wanted & {column.lower() for column in these})

    apps = {reader for reader, read in reads_store.readers_of(ctx, name).items() if reads(read)}
    return Touched(
        metrics=tuple(one.name for one in _metrics(ctx) if name in one.reads and reads(one.reads[name])),
        apps=tuple(sorted({app for app, _ in apps})),
        in_production=tuple(sorted(app for app, where in apps if where == "production")),
    )


def _metrics(ctx: Context) -> tuple[Metric, ...]:
    """Every metric; none where the models contradict each other, which their own page says."""
    try:
        return metrics(ctx)
    except Refusal:
        return ()
