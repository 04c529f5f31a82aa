"""The pages of disclosure: what budgets are used up, who saw an entity, and what an app really read."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.data.columns_read import columns_read
from handrail.data.use_of_budgets import everybodys_budgets, my_budgets
from handrail.data.who_saw import who_saw
from handrail.kernel import Context, NotFound, Resource, access

router = kit.pages()
kit.templates_from("handrail.data")
kit.nav("Budgets", "/budgets", "gauge", order=27)
kit.nav("Who saw", "/who-saw", "eye", order=78, roles=("compliance", "steward"))


@router.get("/budgets", response_class=HTMLResponse)
def budgets_page(ctx: kit.Ctx, request: Request, day: str = "") -> HTMLResponse:
    """One's own use today; for stewards, compliance and admins everybody's and every app's on a day."""
    today = ctx.clock.now().date()
    shown = _day(day, today)
    all_ = access.decide(ctx, "see-budgets", Resource("Catalog", "budgets")).allowed
    return kit.render(
        request,
        "data/budgets.html",
        mine=my_budgets(ctx),
        everybody=everybodys_budgets(ctx, shown) if all_ else None,
        day=shown,
        today=today,
    )


@router.get("/who-saw", response_class=HTMLResponse)
def who_saw_page(ctx: kit.Ctx, request: Request, about: str = "") -> HTMLResponse:
    """The form in which to ask; whom somebody looks for stands in no address."""
    access.require(ctx, "see-access", Resource("Subject", about or "anybody"))
    return kit.render(request, "data/who_saw.html", about=about, entity="", found=None)


@router.post("/who-saw", response_class=HTMLResponse)
def who_saw_form(
    ctx: kit.Ctx,
    request: Request,
    about: Annotated[str, Form(max_length=200)] = "",
    entity: Annotated[str, Form(max_length=1000)] = "",
) -> HTMLResponse:
    """Everybody to whom production showed this entity."""
    found = who_saw(ctx, about, entity)
    return kit.render(request, "data/who_saw.html", about=about, entity=entity, found=found)


@kit.panel("dataset", "What you have seen of it today", order=80)
def seen(ctx: Context, one: Any) -> tuple[str, dict[str, Any]] | None:
    """The caller's use of the dataset's budget, in all apps together."""
    used = my_budgets(ctx, one.name)
    return ("data/panel_budget.html", {"used": used}) if used else None


@kit.panel("app", "Columns that it really read", order=35)
def read(ctx: Context, app: Any) -> tuple[str, dict[str, Any]] | None:
    """By version and environment, for those whom the law or a review asks."""
    if not access.decide(ctx, "see-reads", Resource("Reading", app.name)).allowed:
        return None
    try:
        found = columns_read(ctx, app.name)
    except NotFound:
        return None
    return "data/panel_reads.html", {"found": found}


def _day(text: str, today: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return today
