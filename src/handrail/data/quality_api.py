"""REST about how data is: trying promises before they are proposed, and what one was told."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from handrail import kit
from handrail.data.notices import dismiss, notices
from handrail.data.try_promises import try_promises

router = APIRouter(prefix="/api/v1", tags=["data"])


@router.get("/notices")
def my_notices(ctx: kit.Ctx) -> list[Any]:
    """What you have to know of data that you answer for, or that your apps use; newest first."""
    return [kit.jsonable(one) for one in notices(ctx)]


@router.post("/notices/{notice}/dismiss", status_code=204)
def dismiss_one(ctx: kit.Ctx, notice: str) -> None:
    """Put one of your notices away."""
    dismiss(ctx, notice)


@router.post("/datasets/{name}/try")
def try_changes(ctx: kit.Ctx, name: str, changes: dict[str, Any]) -> list[Any]:
    """What would come of the contract's promises on the data now, after changes as `propose` takes them."""
    return [kit.jsonable(one) for one in try_promises(ctx, name, changes)[1]]
