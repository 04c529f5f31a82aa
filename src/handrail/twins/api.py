"""Twins over REST."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from handrail import kit
from handrail.kernel import NotFound
from handrail.twins.freeze import freeze, thaw
from handrail.twins.history import build_asked, build_report, history
from handrail.twins.life import Build, Chapter, Refreshed
from handrail.twins.models import TwinReport
from handrail.twins.refresh import refreshed, set_rule
from handrail.twins.report import related, report
from handrail.twins.roll_back import roll_back
from handrail.twins.start import cancel, start

router = kit.rest("/api/v1", "twins")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BuildRequest(_Body):
    """Which twins to build, together, and by which seed; `related` adds what is tied to them by keys."""

    datasets: Annotated[list[str], Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    related: bool = False


class Which(_Body):
    """A build of the dataset's twin."""

    build: Annotated[str, Field(max_length=60)]


class FreezeRequest(Which):
    """A build to keep, and what for."""

    reason: Annotated[str, Field(max_length=500)]


class RefreshRequest(_Body):
    """When a twin is refreshed: `changed`, `never`, a cron line in UTC, or "" as the settings say."""

    rule: Annotated[str, Field(max_length=200)] = ""


@router.post("/twins", status_code=202, responses=kit.answers(Build, 202))
def build_twins(asked: BuildRequest, ctx: kit.Ctx) -> Any:
    """Ask for a build; it goes on in the background. See `/api/v1/twins/builds/{id}`."""
    more = [one for name in asked.datasets for one in related(ctx, name)] if asked.related else []
    return kit.jsonable(start(ctx, [*asked.datasets, *more], asked.seed))


@router.get("/twins/builds/{build}", responses=kit.answers(Build))
def build_state(build: str, ctx: kit.Ctx) -> Any:
    """How far a build is, or why it failed."""
    return kit.jsonable(build_asked(ctx, build))


@router.get("/twins/builds/{build}/report", responses=kit.answers(TwinReport))
def report_of_build(build: str, ctx: kit.Ctx) -> Any:
    """What came of a build, about all its datasets."""
    return kit.jsonable(build_report(ctx, build))


@router.post("/twins/builds/{build}/cancel", responses=kit.answers(Build))
def cancel_build(build: str, ctx: kit.Ctx) -> Any:
    """End a build that waits or goes on; the twin before it stays."""
    return kit.jsonable(cancel(ctx, build))


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


@router.get("/twins/{dataset}/history", responses=kit.answers(tuple[Chapter, ...]))
def twin_history(dataset: str, ctx: kit.Ctx) -> Any:
    """The builds of a dataset's twin, newest first: who, why, how alike, and what is kept of them."""
    return kit.jsonable(history(ctx, dataset))


@router.post("/twins/{dataset}/rollback", responses=kit.answers(tuple[Chapter, ...]))
def roll_twin_back(dataset: str, which: Which, ctx: kit.Ctx) -> Any:
    """Let an earlier twin answer again, with those that were built together with it."""
    roll_back(ctx, dataset, which.build)
    return kit.jsonable(history(ctx, dataset))


@router.post("/twins/{dataset}/freeze", responses=kit.answers(tuple[Chapter, ...]))
def freeze_twin(dataset: str, wanted: FreezeRequest, ctx: kit.Ctx) -> Any:
    """Keep a build for later comparisons."""
    freeze(ctx, dataset, wanted.build, wanted.reason)
    return kit.jsonable(history(ctx, dataset))


@router.post("/twins/{dataset}/thaw", responses=kit.answers(tuple[Chapter, ...]))
def thaw_twin(dataset: str, which: Which, ctx: kit.Ctx) -> Any:
    """Let a frozen build go."""
    thaw(ctx, dataset, which.build)
    return kit.jsonable(history(ctx, dataset))


@router.get("/twins/{dataset}/refresh", responses=kit.answers(Refreshed))
def refresh_rule(dataset: str, ctx: kit.Ctx) -> Any:
    """When a twin is refreshed by itself."""
    return kit.jsonable(refreshed(ctx, dataset))


@router.post("/twins/{dataset}/refresh", responses=kit.answers(Refreshed))
def set_refresh_rule(dataset: str, wanted: RefreshRequest, ctx: kit.Ctx) -> Any:
    """Say when a twin is refreshed by itself, and those built together with it."""
    return kit.jsonable(set_rule(ctx, dataset, wanted.rule))
