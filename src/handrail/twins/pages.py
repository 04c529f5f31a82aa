"""The pages of a twin: how alike it is, that it shows nobody, what is awkward in it, and its history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import data, kit
from handrail.kernel import Context, Resource, access
from handrail.twins import files, pictures
from handrail.twins.catalogue import BY_ID
from handrail.twins.freeze import freeze, thaw
from handrail.twins.gates import gates
from handrail.twins.history import build_asked, history
from handrail.twins.refresh import refreshed, set_rule
from handrail.twins.report import going_on, related, report
from handrail.twins.roll_back import roll_back
from handrail.twins.start import cancel, start
from handrail.twins.variants import breaks

router = kit.pages()
kit.templates_from("handrail.twins")

_SHOWN_CELLS = 12  # of each case, in words; the file has them all
Build = Annotated[str, Form(max_length=60)]


@router.get("/twins/{dataset}", response_class=HTMLResponse)
def twin_page(dataset: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The twin of a dataset, real against twin from the sketch."""
    values = _page(ctx, dataset)
    table = values["table"]
    return kit.render(
        request,
        "twins/twin.html",
        tied=related(ctx, dataset),
        worst=sorted(table.columns, key=_worst) if table else (),
        plain=pictures.without_bars(table) if table else frozenset(),
        dependence=pictures.dependence(table) if table else None,
        **values,
    )


@router.get("/twins/{dataset}/privacy", response_class=HTMLResponse)
def privacy_page(dataset: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """What was tried to find real rows in the twin, and what came of it."""
    values = _page(ctx, dataset)
    passed = gates(values["table"], values["made"].k) if values["made"] else ()
    return kit.render(request, "twins/privacy.html", gates=passed, **values)


@router.get("/twins/{dataset}/hostile", response_class=HTMLResponse)
def hostile_page(dataset: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """What is awkward in the twin on purpose, what it is for, and in which rows it is."""
    values = _page(ctx, dataset)
    made = values["made"]
    cells = files.hostile_cells(ctx.settings.home, made.id, dataset) if made else ()
    found = [
        (BY_ID[case], count, [cell for cell in cells if cell.case == case][:_SHOWN_CELLS])
        for case, count in (values["table"].hostile if made else ())
        if case in BY_ID
    ]
    others = [case for case in BY_ID.values() if case.id not in {one.id for one, _, _ in found}]
    drilled = breaks(ctx, dataset, made.id) if made else ()
    return kit.render(request, "twins/hostile.html", found=found, others=others, drilled=drilled, **values)


@router.get("/twins/{dataset}/history", response_class=HTMLResponse)
def history_page(dataset: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The builds of a twin: who, why, how alike; which answers, and which can be gone back to."""
    chapters = history(ctx, dataset)
    scores = [one.score for one in reversed(chapters) if one.score is not None]
    return kit.render(
        request,
        "twins/history.html",
        chapters=chapters,
        scores=scores,
        refresh=refreshed(ctx, dataset),
        keep=ctx.settings.twins.keep,
        **_page(ctx, dataset),
    )


@router.get("/twins/{dataset}/live", response_class=HTMLResponse)
def live_part(dataset: str, ctx: kit.Ctx, request: Request) -> Response:
    """The part of the page that changes while a build goes on; afterwards the page loads anew."""
    state = {"asked": going_on(ctx, dataset), "may_build": _may(ctx, dataset)}
    answer = HTMLResponse(str(kit.fragment(request, "twins/live.html", dataset_name=dataset, **state)))
    if state["asked"] is not None and state["asked"].over:
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


@router.post("/twins/{dataset}/cancel")
def cancel_form(dataset: str, ctx: kit.Ctx, request: Request, build: Build) -> Response:
    """End a build."""
    cancel(ctx, build_asked(ctx, build).id)
    return kit.back(request, f"/twins/{dataset}", toast="The build was cancelled; the twin before it stays.")


@router.post("/twins/{dataset}/rollback")
def rollback_form(dataset: str, ctx: kit.Ctx, request: Request, build: Build) -> Response:
    """Let an earlier twin answer again."""
    together = roll_back(ctx, dataset, build)
    said = "The earlier twin answers again" + (
        ", with those built together with it." if together[1:] else "."
    )
    return kit.back(request, f"/twins/{dataset}/history", toast=said)


@router.post("/twins/{dataset}/freeze")
def freeze_form(
    dataset: str, ctx: kit.Ctx, request: Request, build: Build, reason: Annotated[str, Form()] = ""
) -> Response:
    """Keep a build."""
    freeze(ctx, dataset, build, reason)
    return kit.back(request, f"/twins/{dataset}/history", toast="It is kept until somebody thaws it.")


@router.post("/twins/{dataset}/thaw")
def thaw_form(dataset: str, ctx: kit.Ctx, request: Request, build: Build) -> Response:
    """Let a frozen build go."""
    thaw(ctx, dataset, build)
    return kit.back(request, f"/twins/{dataset}/history", toast="It may go once newer ones are there.")


@router.post("/twins/{dataset}/refresh")
def refresh_form(
    dataset: str,
    ctx: kit.Ctx,
    request: Request,
    rule: Annotated[str, Form()] = "",
    cron: Annotated[str, Form()] = "",
) -> Response:
    """Say when the twin is refreshed: by a word, or by the cron line beside it."""
    set_rule(ctx, dataset, cron if rule == "cron" else rule)
    return kit.back(request, f"/twins/{dataset}/history", toast="That is when it is refreshed from now on.")


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
        "may_build": _may(ctx, subject.name).allowed,
        "asked": going_on(ctx, subject.name),
    }


def _page(ctx: Context, dataset: str) -> dict[str, Any]:
    """What every page of a twin knows."""
    made = report(ctx, dataset)
    return {
        "dataset": data.dataset(ctx, dataset),
        "made": made,
        "table": made.table(dataset) if made else None,
        "may_build": _may(ctx, dataset),
        "asked": going_on(ctx, dataset),
    }


def _may(ctx: Context, dataset: str) -> Any:
    return access.decide(ctx, "build-twin", Resource("Dataset", dataset))


def _worst(column: Any) -> tuple[bool, float]:
    return column.score is None, column.score or 0.0
