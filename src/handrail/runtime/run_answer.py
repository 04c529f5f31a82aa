"""What of a run is shown to programs, by REST and on the command line alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handrail.kernel import Environment
from handrail.runtime.models import Run, RunState


@dataclass(frozen=True)
class RunAnswer:
    """A run without its manifest and what only its person may know."""

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
    variant: str  # of the twins that it reads in the sandbox
    twins: Mapping[str, str]  # the build of each, by dataset


def run_answer(run: Run) -> RunAnswer:
    """What of a run is shown."""
    return RunAnswer(**{name: getattr(run, name) for name in RunAnswer.__dataclass_fields__})
