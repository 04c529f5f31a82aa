"""Twins over REST."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from handrail import kit
from handrail.kernel import NotFound
from handrail.twins.models import TwinReport
from handrail.twins.report import report
from handrail.twins.start import build_asked, start

router = APIRouter(prefix="/api/v1", tags=["twins"])


class BuildRequest(BaseModel):
    """Which twins to build, together, and by which seed."""

    model_config = ConfigDict(extra="forbid")

    datasets: Annotated[list[str], Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


@router.post("/twins", status_code=202)
def build_twins(asked: BuildRequest, ctx: kit.Ctx) -> Any:
    """Ask for a build; it goes on in the background. See `/api/v1/twins/builds/{id}`."""
    return kit.jsonable(start(ctx, asked.datasets, asked.seed))


@router.get("/twins/builds/{build}")
def build_state(build: str, ctx: kit.Ctx) -> Any:
    """How far a build is, or why it failed."""
    return kit.jsonable(build_asked(ctx, build))


@router.get("/twins/{dataset}", responses=kit.answers(TwinReport))
def twin_report(dataset: str, ctx: kit.Ctx) -> Any:
    """The report of the twin that answers for a dataset in the sandbox."""
    found = report(ctx, dataset)
    if found is None:
        raise NotFound(
            f"{dataset} has no twin yet.",
            next_step=f"Ask its steward to build one: handrail twin build {dataset}.",
            subject=f"dataset:{dataset}",
        )
    return kit.jsonable(found)
