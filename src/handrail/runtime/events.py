"""Facts that the runtime room publishes."""

from dataclasses import dataclass

from handrail.kernel import Environment
from handrail.runtime.models import RunState


@dataclass(frozen=True)
class RunFinished:
    """A run is over; `ended` says how, in one word."""

    run: str
    app: str
    commit: str
    environment: Environment
    person: str
    state: RunState
    ended: str
