"""The nouns of the room: what is told of a job, and how its delivery stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EventType = Literal["START", "COMPLETE", "FAIL", "ABORT"]
Facets = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Told:
    """One moment of one run of a job: what it is, and what it read and made, as OpenLineage says it.

    `run` is Handrail's own id of the run; `inputs` and `outputs` are datasets with their facets.
    """

    moment: datetime
    type: EventType
    run: str
    job: str
    job_facets: Facets = field(default_factory=dict)
    run_facets: Facets = field(default_factory=dict)
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Deliveries:
    """How delivery stands: where to, how many events wait since when, how many were set aside and why.

    `to` is a file or an address, or empty where nothing is to be told.
    """

    to: str
    waiting: int
    since: datetime | None
    aside: int
    because: str | None
