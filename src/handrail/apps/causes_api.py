"""REST for what runs failed on."""

from typing import Any

from handrail import kit
from handrail.apps.causes import Explained
from handrail.apps.explain_run import explain_run, explained
from handrail.kernel import NotFound

router = kit.rest("/api/v1", "runs")


@router.post("/runs/{run_id}/cause", status_code=202, responses=kit.answers(Explained, 202))
def ask_for_cause(run_id: str, ctx: kit.Ctx) -> Any:
    """Ask which awkward rows of its twins a run failed on; it is found in the background."""
    return kit.jsonable(explain_run(ctx, run_id))


@router.get("/runs/{run_id}/cause", responses=kit.answers(Explained))
def cause(run_id: str, ctx: kit.Ctx) -> Any:
    """Which awkward rows of its twins a run failed on, as far as that is known."""
    found = explained(ctx, run_id)
    if found is None:
        raise NotFound(
            "Nobody asked what this run failed on.",
            next_step="Ask by a POST to the same address.",
            subject=f"run:{run_id}",
        )
    return kit.jsonable(found)
