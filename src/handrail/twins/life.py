"""The nouns of a twin's life: the build that makes it, the manifest it carries, and what holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handrail.kernel import Via
from handrail.twins.models import Variant

# When a twin is refreshed: once data or contract has changed, when somebody asks, or by a cron line in UTC.
CHANGED, NEVER = "changed", "never"
# Why a build was made.
ASKED = "somebody asked for it"
DATA = "the data was imported again"
CONTRACT = "the contract was certified again"
SCHEDULE = "its schedule said so"


@dataclass(frozen=True)
class Source:
    """One dataset as it was when a twin was made of it: its contract and the version of its extract."""

    dataset: str
    contract: str  # digest of the contract's file
    extract: datetime  # when it was taken
    rows: int


@dataclass(frozen=True)
class Gate:
    """One thing that was looked at before publication, what came of it, and what would have stopped it."""

    name: str
    held: bool
    measured: str
    limit: str


@dataclass(frozen=True)
class Manifest:
    """What a published twin was made from, how, and what was measured of it; a file beside it.

    The same sketch, seed, variant and `outside` (builds of other twins that references lead to: dataset,
    column, build) give the same bytes; `files` are their SHA-256 by dataset.
    """

    build: str
    sources: tuple[Source, ...]
    seed: int
    k: int
    variant: Variant
    sketch: str  # digest of the sketch
    outside: tuple[tuple[str, str, str], ...]
    scores: tuple[tuple[str, float | None], ...]  # by dataset
    gates: tuple[tuple[str, tuple[Gate, ...]], ...]  # by dataset
    files: tuple[tuple[str, str], ...]
    built_at: datetime
    built_by: str
    real: tuple[tuple[str, str], ...] = ()  # datasets with rows that are real ones, and why, in words


@dataclass(frozen=True)
class Refreshed:
    """When a twin is refreshed: `changed`, `never` or a cron line in UTC; `own`: not as the settings say."""

    dataset: str
    rule: str
    own: bool


@dataclass(frozen=True)
class Pin:
    """A build that somebody froze: it is kept, and can be read again, until it is thawed."""

    dataset: str
    build: str
    reason: str
    frozen_by: str
    frozen_at: datetime


@dataclass(frozen=True)
class Build:
    """A build that was asked for: why, by whom, what is being done and how far it is."""

    id: str
    datasets: tuple[str, ...]
    seed: int
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    step: str
    done: int
    total: int
    reason: str | None
    next_step: str | None
    asked_by: str
    via: Via
    asked_at: datetime
    why: str = ASKED

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Chapter:
    """One build in the history of a dataset's twin, as it stands today."""

    build: Build
    score: float | None = None  # how alike, where it was published
    current: bool = False
    kept: bool = False  # its files are still there, so it can be gone back to
    pin: Pin | None = None
