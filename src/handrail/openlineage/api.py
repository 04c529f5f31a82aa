"""Lineage events over REST: how their delivery stands, for admins."""

from __future__ import annotations

from typing import Any

from handrail import kit
from handrail.openlineage.deliveries import deliveries, retry
from handrail.openlineage.models import Deliveries

router = kit.rest("/api/v1/openlineage", "openlineage")


@router.get("", responses=kit.answers(Deliveries))
def status(ctx: kit.Ctx) -> Any:
    """Where lineage events go, and how many wait or were refused."""
    return kit.jsonable(deliveries(ctx))


@router.post("/retry")
def retry_refused(ctx: kit.Ctx) -> int:
    """Let events that the receiver refused for good be tried once more; answers how many."""
    return retry(ctx)
