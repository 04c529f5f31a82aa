"""REST for the hosts that do runs."""

from typing import Any

from handrail import kit
from handrail.runtime.workers import Workers, workers

router = kit.rest("/api/v1/workers", "runs")


@router.get("", responses=kit.answers(Workers))
def get_workers(ctx: kit.Ctx) -> Any:
    """Every host that takes runs or did until lately, and how many runs wait. For support, leads, compliance
    and admins.
    """
    return kit.jsonable(workers(ctx))
