"""REST for runs."""

from typing import Annotated, Any

from fastapi import Query, Response

from handrail import kit
from handrail.kernel import Environment
from handrail.kernel.manifest import REPORT
from handrail.runtime import look
from handrail.runtime.answers import downloaded
from handrail.runtime.compare import Comparison, compare
from handrail.runtime.download import download
from handrail.runtime.give import inputs
from handrail.runtime.health import MOST_DAYS, Health, health
from handrail.runtime.layer import packages
from handrail.runtime.models import Input, Output
from handrail.runtime.run_answer import RunAnswer, run_answer
from handrail.runtime.stop import stop

router = kit.rest("/api/v1", "runs")


@router.get("/layers")
def get_layers(_ctx: kit.Ctx, layer: str = REPORT) -> dict[str, str]:
    """The packages that apps on a layer (`report` unless another is named) may import, with versions."""
    return packages(layer)


@router.get("/apps/{app}/health", responses=kit.answers(Health))
def app_health(
    ctx: kit.Ctx,
    app: str,
    environment: Environment = "production",
    days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 28,
) -> Any:
    """How the runs of an app went: each day and all together. For its owners, support, leads and admins."""
    return kit.jsonable(health(ctx, app, environment, days))


@router.get("/runs", responses=kit.answers(list[RunAnswer]))
def get_runs(
    ctx: kit.Ctx, app: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> list[Any]:
    """The newest runs that you may know of."""
    return [kit.jsonable(run_answer(run)) for run in look.runs(ctx, app, limit=limit)]


@router.get("/runs/{run_id}", responses=kit.answers(RunAnswer))
def get_run(run_id: str, ctx: kit.Ctx) -> Any:
    """One run: for its person, the app's owners and support."""
    return kit.jsonable(run_answer(look.run(ctx, run_id)))


@router.post("/runs/{run_id}/stop", responses=kit.answers(RunAnswer))
def stop_run(run_id: str, ctx: kit.Ctx) -> Any:
    """End a run."""
    return kit.jsonable(run_answer(stop(ctx, run_id)))


@router.get("/runs/{run_id}/compare", responses=kit.answers(Comparison))
def compare_runs(run_id: str, ctx: kit.Ctx, other: str = "") -> Any:
    """What changed since the run before of the same person, or since another run of the app."""
    return kit.jsonable(compare(ctx, run_id, other))


@router.get("/runs/{run_id}/log")
def get_log(run_id: str, ctx: kit.Ctx) -> dict[str, str]:
    """What it has printed so far."""
    return {"log": look.log(ctx, run_id)}


@router.get("/runs/{run_id}/inputs")
def get_inputs(run_id: str, ctx: kit.Ctx) -> tuple[Input, ...]:
    """The files that it was given, without the content."""
    return inputs(ctx, run_id)


@router.get("/runs/{run_id}/outputs")
def get_outputs(run_id: str, ctx: kit.Ctx) -> tuple[Output, ...]:
    """What it handed over, without the content."""
    return look.outputs(ctx, run_id)


@router.get("/runs/{run_id}/outputs/{n}", response_class=Response)
def get_output(run_id: str, n: kit.number, ctx: kit.Ctx, form: str = "") -> Response:
    """One output to keep; counts, and is on the trail. Tables as csv, xlsx, parquet or arrow, by `form`."""
    return downloaded(download(ctx, run_id, n, form))
