"""REST for data: datasets and metrics, and what stewards do with them. Questions: `asking_api`."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from handrail import kit
from handrail.data.catalog import dataset, datasets
from handrail.data.certify import certify, revoke
from handrail.data.certify_metric import certify_metric
from handrail.data.check_quality import check_quality, quality_history
from handrail.data.exchange_models import Handed, export_model, import_model
from handrail.data.import_source import import_source
from handrail.data.measured import Reconciliation
from handrail.data.metrics import metric, metrics, reconciliations
from handrail.data.models import Dataset, ImportReport, Metric
from handrail.data.promises import QualityCheck
from handrail.data.propose import propose
from handrail.data.reconcile import reconcile
from handrail.data.renew import renew
from handrail.data.see_as import Preview, preview
from handrail.data.touched import Comparison, contract_changes

router = kit.rest("/api/v1", "data")


@router.get("/metrics", responses=kit.answers(list[Metric]))
def all_metrics(ctx: kit.Ctx) -> list[Any]:
    """Every metric: what it means, whose it is, its SQL and its dimensions."""
    return [kit.jsonable(one) for one in metrics(ctx)]


@router.get("/metrics/{name}", responses=kit.answers(Metric))
def one_metric(ctx: kit.Ctx, name: str) -> Any:
    """One metric."""
    return kit.jsonable(metric(ctx, name))


@router.get("/models/{name}.yaml", response_class=Response)
def model_file(ctx: kit.Ctx, name: str, plain: bool = False) -> Response:
    """A semantic model as an Apache Ossie file; `plain` leaves out what only Handrail reads."""
    made = export_model(ctx, name, plain)
    headers = {"X-Handrail-Left-Out": ", ".join(made.left_out)} if made.left_out else {}
    return Response(made.content, media_type="application/yaml", headers=headers)


@router.get("/models/{name}", responses=kit.answers(Handed))
def model_and_what_is_left_out(ctx: kit.Ctx, name: str, plain: bool = False) -> Any:
    """The same as JSON, with each metric that is left out and why."""
    return kit.jsonable(export_model(ctx, name, plain))


class ModelFile(BaseModel):
    """An Apache Ossie file as text."""

    model_config = ConfigDict(extra="forbid")
    content: str = Field(max_length=8 << 20)


@router.post("/models/{name}")
def import_one_model(ctx: kit.Ctx, name: str, file: ModelFile) -> list[str]:
    """Take an Apache Ossie file in; answers with its metrics, all drafts. For stewards."""
    return list(import_model(ctx, file.content.encode(), name))


@router.post("/metrics/{name}/reconcile", responses=kit.answers(Reconciliation))
def reconcile_metric(ctx: kit.Ctx, name: str) -> Any:
    """Recompute a metric over everybody's rows and compare it with its control totals; the result is kept."""
    return kit.jsonable(reconcile(ctx, name))


@router.get("/metrics/{name}/reconciliations", responses=kit.answers(list[Reconciliation]))
def all_reconciliations(ctx: kit.Ctx, name: str) -> list[Any]:
    """Every reconciliation of a metric, newest first."""
    return [kit.jsonable(one) for one in reconciliations(ctx, name)[0]]


@router.post("/metrics/{name}/certify", responses=kit.answers(Metric))
def certify_one_metric(ctx: kit.Ctx, name: str) -> Any:
    """Certify a metric that another steward reconciled, and that ties."""
    return kit.jsonable(certify_metric(ctx, name))


class Imported(BaseModel):
    """What to import: an address of a database, or a path that this server allows."""

    model_config = ConfigDict(extra="forbid")
    location: str = Field(max_length=4096)
    name: str | None = Field(default=None, max_length=100)
    encoding: str | None = Field(default=None, max_length=40)


class Revoked(BaseModel):
    """Why a certification ends."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=2000)


@router.get("/datasets", responses=kit.answers(list[Dataset]))
def all_datasets(ctx: kit.Ctx) -> list[Any]:
    """Every dataset with its contract and state."""
    return [kit.jsonable(one) for one in datasets(ctx)]


@router.get("/datasets/{name}", responses=kit.answers(Dataset))
def one_dataset(ctx: kit.Ctx, name: str) -> Any:
    """One dataset with its contract, its state and what it lacks."""
    return kit.jsonable(dataset(ctx, name))


@router.post("/datasets/{name}/propose", responses=kit.answers(Dataset))
def propose_dataset(ctx: kit.Ctx, name: str, changes: dict[str, Any]) -> Any:
    """Change the contract and propose it. Keys: owner, deputy, description, purposes, readers, row_filters,
    masks, classifications, entity_key, subject, budget, expires; all optional.
    """
    return kit.jsonable(propose(ctx, name, changes))


@router.post("/datasets/{name}/certify", responses=kit.answers(Dataset))
def certify_dataset(ctx: kit.Ctx, name: str) -> Any:
    """Certify what another steward proposed."""
    return kit.jsonable(certify(ctx, name))


@router.get("/datasets/{name}/see-as/{person}", responses=kit.answers(Preview))
def see_as(ctx: kit.Ctx, name: str, person: str, purpose: str | None = None) -> Any:
    """What a person would see of a dataset: the rule, the row filter, the masks, and how many rows remain."""
    return kit.jsonable(preview(ctx, name, person, purpose))


@router.post("/datasets/{name}/renew", responses=kit.answers(Dataset))
def renew_dataset(ctx: kit.Ctx, name: str) -> Any:
    """Ask that the contract be certified for another year as it is."""
    return kit.jsonable(renew(ctx, name))


@router.post("/datasets/{name}/revoke", responses=kit.answers(Dataset))
def revoke_dataset(ctx: kit.Ctx, name: str, wanted: Revoked) -> Any:
    """End a certification."""
    return kit.jsonable(revoke(ctx, name, wanted.reason))


@router.post("/datasets/{name}/quality", responses=kit.answers(QualityCheck))
def check_dataset(ctx: kit.Ctx, name: str) -> Any:
    """Hold the data against its contract now; answers with every promise and what came of it."""
    return kit.jsonable(check_quality(ctx, name))


@router.get("/datasets/{name}/quality", responses=kit.answers(list[QualityCheck]))
def dataset_quality(ctx: kit.Ctx, name: str) -> list[Any]:
    """The newest checks of a dataset, newest first."""
    return [kit.jsonable(one) for one in quality_history(ctx, name)]


@router.get("/datasets/{name}/changes", responses=kit.answers(Comparison))
def dataset_changes(ctx: kit.Ctx, name: str) -> Any:
    """What changed since the certification: compatible or breaking, and the metrics and apps it touches."""
    return kit.jsonable(contract_changes(ctx, name))


@router.post("/import", responses=kit.answers(ImportReport))
def import_into(ctx: kit.Ctx, wanted: Imported) -> Any:
    """Import a source and draft a contract for each of its tables; answers when it is done."""
    return kit.jsonable(import_source(ctx, wanted.location, wanted.name, encoding=wanted.encoding))
