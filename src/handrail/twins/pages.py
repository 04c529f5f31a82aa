"""The page of a twin: how alike it is, that it shows nobody, what is awkward in it, and how to build it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import data, kit
from handrail.kernel import Context, Resource, access
from handrail.twins.catalogue import BY_ID
from handrail.twins.models import TwinReport
from handrail.twins.report import going_on, related, report
from handrail.twins.start import start

router = APIRouter()
kit.templates_from("handrail.twins")


@router.get("/twins/{dataset}", response_class=HTMLResponse)
def twin_page(dataset: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The twin of a dataset, real against twin from the sketch."""
    made = report(ctx, dataset)
    return kit.render(
        request,
        "twins/twin.html",
        dataset=data.dataset(ctx, dataset),
        made=made,
        table=made.table(dataset) if made else None,
        plain=_plain(made),
        cases=BY_ID,
        tied=related(ctx, dataset),
        may_build=access.decide(ctx, "build-twin", Resource("Dataset", dataset)),
        **_state(ctx, dataset),
    )


@router.get("/twins/{dataset}/live", response_class=HTMLResponse)
def live_part(dataset: str, ctx: kit.Ctx, request: Request) -> Response:
    """The part of the page that changes while a build goes on; afterwards the page loads anew."""
    state = _state(ctx, dataset)
    answer = HTMLResponse(str(kit.fragment(request, "twins/live.html", dataset_name=dataset, **state)))
    if state["asked"] is not None and state["asked"].state == "done":
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/twins/{dataset}/build")
def build_form(
    dataset: str,
    ctx: kit.Ctx,
    request: Request,
    also: Annotated[list[str] | None, Form()] = None,
    seed: Annotated[int, Form(ge=0, lt=2**63)] = 0,
) -> Response:
    """Ask for a build, together with the datasets that were ticked."""
    start(ctx, [dataset, *(also or [])], seed)
    return kit.back(request, f"/twins/{dataset}", toast="The twin is being built.")


@kit.panel("dataset", "Twin", order=30)
def twin_panel(ctx: Context, subject: data.Dataset) -> tuple[str, dict[str, Any]] | None:
    """What the dataset's page shows of its twin; nothing to those who may not see reports."""
    if not access.decide(ctx, "see-twin", Resource("Dataset", subject.name)).allowed:
        return None
    made = report(ctx, subject.name)
    return "twins/panel.html", {
        "dataset": subject,
        "made": made,
        "table": made.table(subject.name) if made else None,
        "may_build": access.decide(ctx, "build-twin", Resource("Dataset", subject.name)).allowed,
        **_state(ctx, subject.name),
    }


def _plain(made: TwinReport | None) -> frozenset[str]:
    """Columns of which there is nothing to draw: only whether they have a value."""
    tables = made.tables if made else ()
    bare = {"(none)", "other"}
    return frozenset(
        one.name for table in tables for one in table.columns if {bar.label for bar in one.bars} <= bare
    )


def _state(ctx: Context, dataset: str) -> dict[str, Any]:
    return {"asked": going_on(ctx, dataset)}
