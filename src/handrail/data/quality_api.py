"""REST for looking after data: the catalog, trying promises, what one was told, and what is in force."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict

from handrail import kit
from handrail.data.browse import Found, Wanted, browse
from handrail.data.catalog import contract
from handrail.data.change_rules import add_rule, remove_rule, try_rule
from handrail.data.doubts import doubts
from handrail.data.in_force import InForce, Purpose, policies, purposes_in_use
from handrail.data.models import Dataset
from handrail.data.notices import dismiss, notices
from handrail.data.notices_store import Notice
from handrail.data.promises import Result
from handrail.data.try_promises import try_promises

router = kit.rest("/api/v1", "data")


@router.get("/datasets/{name}/doubts")
def doubts_about(ctx: kit.Ctx, name: str) -> list[str]:
    """What stewards should look at before they certify: groups nobody is in, readers who see no row, …"""
    return list(doubts(ctx, contract(ctx, name)))


@router.get("/catalog", responses=kit.answers(Found))
def catalog(ctx: kit.Ctx, wanted: Annotated[Wanted, Depends()], page: Annotated[int, Query(ge=1)] = 1) -> Any:
    """A page of the datasets that have all words of `q` and the facets given, with how many fit."""
    return kit.jsonable(browse(ctx, wanted, page))


@router.get("/purposes", responses=kit.answers(list[Purpose]))
def all_purposes(ctx: kit.Ctx) -> list[Any]:
    """Every purpose, with the datasets that allow it and the apps with it that you know of."""
    return [kit.jsonable(one) for one in purposes_in_use(ctx)]


@router.get("/policies", responses=kit.answers(InForce))
def all_policies(ctx: kit.Ctx) -> Any:
    """The access rules in force, and their version, which every decision names."""
    return kit.jsonable(policies(ctx))


@router.get("/notices", responses=kit.answers(list[Notice]))
def my_notices(ctx: kit.Ctx) -> list[Any]:
    """What you have to know of data that you answer for, or that your apps use; newest first."""
    return [kit.jsonable(one) for one in notices(ctx)]


@router.post("/notices/{notice}/dismiss", status_code=204)
def dismiss_one(ctx: kit.Ctx, notice: str) -> None:
    """Put one of your notices away."""
    dismiss(ctx, notice)


@router.post("/datasets/{name}/try", responses=kit.answers(list[Result]))
def try_changes(ctx: kit.Ctx, name: str, changes: dict[str, Any]) -> list[Any]:
    """What would come of the contract's promises on the data now, after changes as `propose` takes them."""
    return [kit.jsonable(one) for one in try_promises(ctx, name, changes)[1]]


class RuleSaid(BaseModel):
    """A quality rule in the words of `handrail rules add --help`."""

    model_config = ConfigDict(extra="forbid")
    rule: str
    column: str = ""
    value: str = ""
    allowed: str = ""
    hint: bool = False
    schedule: str = ""
    name: str = ""


@router.post("/datasets/{name}/rules", responses=kit.answers(Dataset))
def add_one_rule(ctx: kit.Ctx, name: str, said: RuleSaid) -> Any:
    """Propose the contract with one more rule; another steward certifies."""
    return kit.jsonable(add_rule(ctx, name, said.model_dump()))


@router.post("/datasets/{name}/rules/try", responses=kit.answers(list[Result]))
def try_one_rule(ctx: kit.Ctx, name: str, said: RuleSaid) -> list[Any]:
    """What would come of the dataset's promises and this rule on the data now."""
    return [kit.jsonable(one) for one in try_rule(ctx, name, said.model_dump())]


@router.delete("/datasets/{name}/rules/{number}", responses=kit.answers(Dataset))
def remove_one_rule(ctx: kit.Ctx, name: str, number: Annotated[int, Path(ge=1, le=1 << 53)]) -> Any:
    """Propose the contract without the rule of that number, as they are listed."""
    return kit.jsonable(remove_rule(ctx, name, number))
