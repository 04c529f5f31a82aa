"""REST for disclosure: what budgets are used up, who saw an entity, and what an app really read."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from handrail import kit
from handrail.data.columns_read import columns_read
from handrail.data.seen import BudgetUse, ColumnRead, Sighting, Used
from handrail.data.use_of_budgets import everybodys_budgets, my_budgets
from handrail.data.who_saw import who_saw

router = kit.rest("/api/v1", "data")


class SeenBy(BaseModel):
    """Whom to look for: an entity of a kind, such as customer, or of a dataset's. It stands in no address."""

    model_config = ConfigDict(extra="forbid")
    about: str = Field(max_length=200)
    entity: str = Field(max_length=1000)


@router.get("/budgets", responses=kit.answers(list[BudgetUse]))
def budgets(ctx: kit.Ctx) -> list[Any]:
    """How many entities you have seen today, of how many you may."""
    return [kit.jsonable(one) for one in my_budgets(ctx)]


@router.get("/budgets/everybody", responses=kit.answers(list[Used]))
def all_budgets(ctx: kit.Ctx, day: date | None = None) -> list[Any]:
    """What every viewer and every app has used on a day (today), the most used first.

    For stewards, compliance and admins. Not `exact`: at most so many.
    """
    return [kit.jsonable(one) for one in everybodys_budgets(ctx, day)]


@router.post("/who-saw", responses=kit.answers(list[Sighting]))
def saw(ctx: kit.Ctx, asked: SeenBy) -> list[Any]:
    """Who saw this entity, when, through which app and query; newest first. For compliance and stewards.

    A sighting that is not `certain` says how often that is a mistake (`false_positive_rate`).
    """
    return [kit.jsonable(one) for one in who_saw(ctx, asked.about, asked.entity)]


@router.get("/reads/{app}", responses=kit.answers(list[ColumnRead]))
def reads(ctx: kit.Ctx, app: str) -> list[Any]:
    """Which columns an app really read, by version and environment. For reviewers, stewards, compliance."""
    return [kit.jsonable(one) for one in columns_read(ctx, app)]
