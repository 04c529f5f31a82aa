"""Facts that the apps room publishes."""

from dataclasses import dataclass

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
