"""The pages of disclosure: what budgets are used up, and who saw an entity."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from handrail import kit
from handrail.data.use_of_budgets import my_budgets
from handrail.kernel import Context

router = APIRouter(include_in_schema=False)
kit.templates_from("handrail.data")


@kit.panel("dataset", "What you have seen of it today", order=80)
def seen(ctx: Context, one: Any) -> tuple[str, dict[str, Any]] | None:
    """The caller's use of the dataset's budget, in all apps together."""
    used = my_budgets(ctx, one.name)
    return ("data/panel_budget.html", {"used": used}) if used else None
