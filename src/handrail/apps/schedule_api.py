"""REST for schedules: how one stands, pause, resume, run now, and who gets what it finds."""

from typing import Any

from pydantic import BaseModel, Field

from handrail import kit
from handrail.apps.schedule import pause, resume, run_now, schedule
from handrail.apps.scheduling import Moment, Plan, Subscription
from handrail.apps.subscribe import subscribe, unsubscribe

router = kit.rest("/api/v1/apps/{name}", "apps")


class Why(BaseModel):
    """Why a schedule is paused, for those who find it so."""

    model_config = {"extra": "forbid"}
    reason: str = Field(default="", max_length=500)


class Whom(BaseModel):
    """A group that the app is shared with, for its owners; without one, you."""

    model_config = {"extra": "forbid"}
    group: str = Field(default="", max_length=200)


@router.get("/schedule", responses=kit.answers(Plan))
def get_schedule(ctx: kit.Ctx, name: str) -> Any:
    """The schedule of an app: next and last moments, and as whom it runs."""
    return kit.jsonable(schedule(ctx, name))


@router.post("/schedule/pause", responses=kit.answers(Plan))
def pause_schedule(ctx: kit.Ctx, name: str, why: Why) -> Any:
    """Let no further moment run until an owner resumes it."""
    return kit.jsonable(pause(ctx, name, why.reason))


@router.post("/schedule/resume", responses=kit.answers(Plan))
def resume_schedule(ctx: kit.Ctx, name: str) -> Any:
    """Let it run from now on, as you."""
    return kit.jsonable(resume(ctx, name))


@router.post("/schedule/now", status_code=202, responses=kit.answers(Moment, 202))
def run_schedule_now(ctx: kit.Ctx, name: str) -> Any:
    """Run it now, as its schedule would."""
    return kit.jsonable(run_now(ctx, name))


@router.post("/subscribe", responses=kit.answers(Subscription))
def subscribe_to(ctx: kit.Ctx, name: str, whom: Whom) -> Any:
    """Get what it finds by its schedule, each time."""
    return kit.jsonable(subscribe(ctx, name, whom.group))


@router.post("/unsubscribe", responses=kit.answers(Subscription))
def unsubscribe_from(ctx: kit.Ctx, name: str, whom: Whom) -> Any:
    """Get it no longer."""
    return kit.jsonable(unsubscribe(ctx, name, whom.group))
