"""What contracts and models state, for rooms that tell other systems: names and promises, never a row."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.data import quality_store, store
from handrail.data.catalog import contract_of
from handrail.data.explain import sentence
from handrail.data.lineage_models import EdgeKind
from handrail.data.metric_lineage import made_of
from handrail.data.metrics import definitions_of
from handrail.data.models import Contract, SourceRecord
from handrail.data.promises import QualityCheck
from handrail.kernel import Context, Refusal


@dataclass(frozen=True)
class Stated:
    """A dataset: its contract, where it was imported from, its rows, and the newest check of its promises."""

    contract: Contract
    source: SourceRecord | None
    rows: int | None
    check: QualityCheck | None


@dataclass(frozen=True)
class StatedMetric:
    """A metric in a sentence, the columns behind it by dataset and use, and where its control totals are."""

    name: str
    owner: str | None
    sentence: str
    version: str
    columns: tuple[tuple[str, EdgeKind, tuple[str, ...]], ...]
    ties_to: str | None


def stated(ctx: Context, dataset: str) -> Stated | None:
    """What is stated about a dataset; None where its contract cannot be read. Asks no rule."""
    try:
        contract = contract_of(ctx, dataset)
    except Refusal:
        return None
    extract = store.get_extract(ctx, dataset)
    check = next(iter(quality_store.checks_of(ctx, dataset, 1)), None)
    return Stated(contract, store.get_source(ctx, contract.source), extract.rows if extract else None, check)


def stated_metric(ctx: Context, name: str) -> StatedMetric | None:
    """What is stated about a metric; None where its model cannot be read. Asks no rule."""
    every = definitions_of(ctx)
    try:
        one = every[name]
        made, columns = made_of(one), []
        ahead = [made]
        while ahead:
            here = ahead.pop()
            columns += [used for used in here.columns if used not in columns]
            ahead += [made_of(one.siblings[other]) for other in here.metrics]
        said = sentence(one)
    except (KeyError, Refusal):
        return None
    to = made.ties_to[0] if made.ties_to else None
    return StatedMetric(name, one.settings.owner, said, one.digest, tuple(sorted(columns)), to)
