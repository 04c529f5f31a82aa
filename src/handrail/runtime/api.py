"""REST for runs."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Response

from handrail import kit
from handrail.kernel import Environment
from handrail.runtime import look
from handrail.runtime.answers import downloaded
from handrail.runtime.models import Output, Run, RunState
from handrail.runtime.stop import stop

router = APIRouter(prefix="/api/v1", tags=["runs"])


@dataclass(frozen=True)
class RunAnswer:
    """A run as REST shows it."""

    id: str
    app: str
    commit: str
    environment: Environment
    person: str
    state: RunState
    queued: datetime
    started: datetime | None
    finished: datetime | None
    reason: str
    next_step: str
    exit_code: int | None
    peak_memory: int


@router.get("/runs/{run_id}")
def get_run(run_id: str, ctx: kit.Ctx) -> RunAnswer:
    """One run: for its person, the app's owners and support."""
    return _answer(look.run(ctx, run_id))


@router.post("/runs/{run_id}/stop")
def stop_run(run_id: str, ctx: kit.Ctx) -> RunAnswer:
    """End a run."""
    return _answer(stop(ctx, run_id))


@router.get("/runs/{run_id}/log")
def get_log(run_id: str, ctx: kit.Ctx) -> dict[str, str]:
    """What it has printed so far."""
    return {"log": look.log(ctx, run_id)}


@router.get("/runs/{run_id}/outputs")
def get_outputs(run_id: str, ctx: kit.Ctx) -> tuple[Output, ...]:
    """What it handed over, without the content."""
    return look.outputs(ctx, run_id)


@router.get("/runs/{run_id}/outputs/{n}", response_class=Response)
def get_output(run_id: str, n: kit.number, ctx: kit.Ctx) -> Response:
    """The content of one output."""
    return downloaded(*look.output(ctx, run_id, n))


def _answer(run: Run) -> RunAnswer:
    return RunAnswer(**{name: getattr(run, name) for name in RunAnswer.__dataclass_fields__})
