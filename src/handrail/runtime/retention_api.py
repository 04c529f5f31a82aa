"""REST for how long runs are kept, and for what is deleted."""

from typing import Any

from pydantic import BaseModel, Field

from handrail import kit
from handrail.runtime.hold import LONGEST_REASON, held, hold, release
from handrail.runtime.kept import Kept, kept
from handrail.runtime.retention_store import Hold
from handrail.runtime.sweep import Plan, Retention, plan, retention, sweep
from handrail.runtime.sweeps_store import Sweep

router = kit.rest("/api/v1", "runs")


class Because(BaseModel):
    """What a run is needed for, in a sentence."""

    model_config = {"extra": "forbid"}
    reason: str = Field(max_length=LONGEST_REASON)


@router.get("/retention", responses=kit.answers(Retention))
def get_retention(ctx: kit.Ctx) -> Any:
    """How long runs are kept here, the last sweeps, and who keeps which run. For support, leads, compliance
    and admins.
    """
    return kit.jsonable(retention(ctx))


@router.get("/retention/plan", responses=kit.answers(Plan))
def get_plan(ctx: kit.Ctx) -> Any:
    """What a sweep would delete now, and why; deletes nothing. For the same."""
    return kit.jsonable(plan(ctx))


@router.post("/retention/sweeps", responses=kit.answers(Sweep))
def post_sweep(ctx: kit.Ctx) -> Any:
    """Ask for a sweep now; a server or worker carries it out within seconds. For admins."""
    return kit.jsonable(sweep(ctx))


@router.get("/retention/holds", responses=kit.answers(list[Hold]))
def get_holds(ctx: kit.Ctx) -> Any:
    """The runs that somebody keeps, the last one first."""
    return kit.jsonable(held(ctx))


@router.get("/runs/{run_id}/kept", responses=kit.answers(Kept))
def get_kept(run_id: str, ctx: kit.Ctx) -> Any:
    """Until when a run and what it left are kept, and why: for its person, the app's owners and support."""
    return kit.jsonable(kept(ctx, run_id))


@router.post("/runs/{run_id}/hold", responses=kit.answers(Hold))
def post_hold(run_id: str, ctx: kit.Ctx, because: Because) -> Any:
    """Keep a run and all that it left until it is let go. For support and compliance."""
    return kit.jsonable(hold(ctx, run_id, because.reason))


@router.post("/runs/{run_id}/release", responses=kit.answers(Hold))
def post_release(run_id: str, ctx: kit.Ctx) -> Any:
    """Keep a run no longer than any other. For support and compliance."""
    return kit.jsonable(release(ctx, run_id))
