"""The pages of metrics: all of them, and one with its meaning, its figures and what they tie to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from handrail import kit
from handrail.data.catalog import contract_of
from handrail.data.certify_metric import certify_metric
from handrail.data.metrics import broken_models, metric, metrics, reconciliations
from handrail.data.models import Metric, MetricRequest
from handrail.data.models import Request as Asked
from handrail.data.query import query
from handrail.data.reconcile import reconcile
from handrail.kernel import Context, Refusal, Resource, access, definitions

router = APIRouter(include_in_schema=False)
kit.templates_from("handrail.data")
kit.nav("Metrics", "/metrics", "ruler", order=25)
_MONTHS = 36  # drawn at most


@router.get("/metrics", response_class=HTMLResponse)
def metrics_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Every metric with what it means and whether it is certified."""
    every = metrics(ctx)
    shorts = {one.name: _shorts(one) for one in every}
    return kit.render(request, "data/metrics.html", metrics=every, shorts=shorts, broken=broken_models(ctx))


@router.get("/metrics/{name}", response_class=HTMLResponse)
def metric_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One metric: definition, figures by month, what it ties to, and where it is used."""
    one = metric(ctx, name)
    subject = Resource("Metric", name, {"proposed_by": one.proposed_by or ""})
    may = {
        action: access.decide(ctx, action, subject).allowed
        for action in ("reconcile", "certify-metric", "see-reconciliations")
    }
    found, certified = reconciliations(ctx, name) if may["see-reconciliations"] else ((), ())
    edits = definitions.history(ctx, one.file, limit=1)
    return kit.render(
        request,
        "data/metric.html",
        metric=one,
        shorts=_shorts(one),
        may=may,
        found=found,
        certified=certified,
        since=edits[0] if edits else None,
        panels=kit.panels(ctx, request, "metric", one),
        **_drawn(ctx, one),
    )


@router.post("/metrics/{name}/reconcile")
def reconcile_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Hold the metric against its control totals now."""
    made = reconcile(ctx, name)
    said = f"{name} {'ties to' if made.within else 'misses'} {made.dataset}: {made.worst:.2%} at worst."
    return kit.back(request, f"/metrics/{name}", toast=said)


@router.post("/metrics/{name}/certify")
def certify_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Certify what another steward reconciled."""
    certify_metric(ctx, name)
    return kit.back(request, f"/metrics/{name}", toast=f"{name} is certified.")


def _shorts(one: Metric) -> list[str]:
    """Its dimensions, without the dataset where no other has one of that name."""
    names = [full.rpartition(".")[2] for full in one.dimensions]
    return [
        short if names.count(short) == 1 else full for short, full in zip(names, one.dimensions, strict=True)
    ]


def _drawn(ctx: Context, one: Metric) -> dict[str, Any]:
    """The metric by month over the viewer's own rows, for a purpose of its data; or why not."""
    if one.time is None:
        return {"months": [], "figures": [], "why_not": "It has no dimension of time."}
    try:
        purpose = min(contract_of(ctx, one.counts).purposes, default=None)
        wanted = MetricRequest(one.name, grain="month")
        rows = query(ctx, Asked(metric=wanted, purpose=purpose)).table().to_pylist()[-_MONTHS:]
    except Refusal as refusal:
        return {"months": [], "figures": [], "why_not": refusal.message}
    pairs = [tuple(row.values()) for row in rows]
    return {
        "months": [str(at) for at, _ in pairs],
        "figures": [float(value) if value is not None else None for _, value in pairs],
        "why_not": "" if pairs else "You see none of its rows.",
    }
