"""REST for running something again."""

from typing import Any

from handrail import kit
from handrail.apps.again import again
from handrail.runtime import RunAnswer, answer_of

router = kit.rest("/api/v1", "runs")


@router.post("/runs/{run_id}/again", status_code=202, responses=kit.answers(RunAnswer, 202))
def run_again(run_id: str, ctx: kit.Ctx) -> Any:
    """Start what a run was once more: the same version and files, and in the sandbox the same twins."""
    return kit.jsonable(answer_of(again(ctx, run_id)))
