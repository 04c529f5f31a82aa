"""Facts that the runtime room publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.kernel import Environment
from handrail.runtime.keeping import Part
from handrail.runtime.models import RunState


@dataclass(frozen=True)
class RunStarted:
    """A run has left the queue, and is being executed."""

    run: str
    app: str
    commit: str
    environment: Environment


@dataclass(frozen=True)
class RunsSwept:
    """This part of these runs was deleted, as it is kept no longer: `outputs`, `inputs`, or the `record`."""

    part: Part
    runs: tuple[str, ...]


@dataclass(frozen=True)
class RunFinished:
    """A run is over; `ended` says how, in one word.

    `reads` are the columns by dataset that its answers were made from, and `metrics` those that it asked for;
    nothing where the process that executed it is gone.
    """

    run: str
    app: str
    commit: str
    environment: Environment
    person: str
    state: RunState
    ended: str
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    metrics: frozenset[str] = frozenset()
