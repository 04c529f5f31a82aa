"""The pages of metrics: all of them, and one with its meaning, its figures and what they tie to."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from handrail import kit
from handrail.data.catalog import contract_of
from handrail.data.certify_metric import certify_metric
from handrail.data.compile_metric import GRAINS
from handrail.data.measured import Reconciliation
from handrail.data.metric_question import Drawn, Formed, drawn, formed
from handrail.data.metrics import broken_models, metric, metrics, reconciliations
from handrail.data.models import Metric
from handrail.data.models import Request as Asked
from handrail.data.query import query
from handrail.data.reconcile import reconcile
from handrail.kernel import Context, Refusal, Resource, access

router = kit.pages()
kit.templates_from("handrail.data")
kit.nav("Metrics", "/metrics", "ruler", order=25)


@router.get("/metrics", response_class=HTMLResponse)
def metrics_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Every metric with what it means and whether it is certified."""
    every = metrics(ctx)
    shorts = {one.name: _shorts(one) for one in every}
    return kit.render(request, "data/metrics.html", metrics=every, shorts=shorts, broken=broken_models(ctx))


@router.get("/metrics/{name}", response_class=HTMLResponse)
def metric_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One metric: definition, figures as they are asked for, what it ties to, and where it is used."""
    one = metric(ctx, name)
    subject = Resource("Metric", name, {"proposed_by": one.proposed_by or ""})
    may = {
        action: access.decide(ctx, action, subject).allowed
        for action in ("reconcile", "certify-metric", "see-reconciliations")
    }
    found, certified = reconciliations(ctx, name) if may["see-reconciliations"] else ((), ())
    purposes = _purposes(ctx, one)
    asked = formed(request.query_params, one, purposes[0] if purposes else "")
    return kit.render(
        request,
        "data/metric.html",
        metric=one,
        shorts=_shorts(one),
        may=may,
        found=found,
        certified=certified,
        tied=_tied(one, found[0]) if found else None,
        asked=asked,
        purposes=purposes,
        grains=GRAINS,
        panels=kit.panels(ctx, request, "metric", one),
        **_answered(ctx, one, asked, "ask" not in request.query_params),
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


def _purposes(ctx: Context, one: Metric) -> list[str]:
    """What the data that it counts may be used for."""
    try:
        return sorted(contract_of(ctx, one.counts).purposes)
    except Refusal:
        return []


def _answered(ctx: Context, one: Metric, asked: Formed, by_itself: bool) -> dict[str, Any]:
    """The figures over the viewer's own rows; or why there are none."""
    try:
        question = Asked(metric=asked.request(one.name), purpose=asked.purpose or None)
        answer = query(ctx, question)
        found = drawn(answer, asked, by_itself)
    except Refusal as refusal:
        return {"answer": Drawn(), "why_not": refusal.message, "next_step": refusal.next_step}
    none = " ".join(answer.no_row) or "You see none of its rows."
    return {"answer": found, "why_not": "" if found.rows else none, "next_step": ""}


def _tied(one: Metric, newest: Reconciliation) -> dict[str, Any]:
    """The newest reconciliation as two lines, its total and the metric's value in each period."""
    rows = [row for row in newest.rows if not row.by] or list(newest.rows)
    figures = [
        {"label": label, "values": [None if text is None else float(text) for text in texts]}
        for label, texts in (
            (f"{newest.dataset}", [row.total for row in rows]),
            (one.name, [row.ours for row in rows]),
        )
    ]
    return {"x": [" ".join([row.period, *row.by.values()]) for row in rows], "series": figures}
