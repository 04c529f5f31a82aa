"""Facts that the apps room publishes."""

from dataclasses import dataclass
from datetime import datetime

from handrail.apps.models import TierName


@dataclass(frozen=True)
class AppPushed:
    """A version was kept; the first one registered the app."""

    app: str
    n: int
    commit: str
    by: str


@dataclass(frozen=True)
class AppPromoted:
    """A version went to production."""

    app: str
    n: int
    commit: str
    tier: TierName
    by: str


@dataclass(frozen=True)
class AppShared:
    """More groups or people may open an app."""

    app: str
    groups: tuple[str, ...]
    people: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class MomentFailed:
    """A moment of a schedule was given up after its last try; `because` holds nothing that the app wrote."""

    app: str
    moment: datetime
    person: str
    because: str


@dataclass(frozen=True)
class SchedulePaused:
    """A schedule paused by itself: it can no longer run as the person it ran as."""

    app: str
    because: str
