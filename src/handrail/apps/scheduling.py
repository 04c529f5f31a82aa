"""The nouns of schedules: moments, whose turn each is, subscriptions, and how an app's schedule stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from handrail.kernel import Manifest, Schedule
from handrail.kernel.schedule import Unattended

MomentState = Literal["waiting", "open", "succeeded", "failed", "skipped"]
TurnState = Literal["waiting", "running", "succeeded", "failed", "dropped"]
Role = Literal["owner", "subscriber"]

# Later than so after its moment, a run is one that is made up for.
GRACE = timedelta(minutes=5)
# No two servers' clocks are that far apart: a moment so far ahead was taken while a clock was wrong.
AHEAD = timedelta(hours=1)
MOST_MISSED = 100  # that are counted
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Scheduled:
    """An app whose version in production has a schedule; `seq`, `by` and `at` are of its promotion."""

    app: str
    n: int
    seq: int
    by: str
    at: datetime
    manifest: Manifest

    @property
    def schedule(self) -> Schedule:
        """When it runs."""
        assert self.manifest.schedule is not None
        return self.manifest.schedule


@dataclass(frozen=True)
class Standing:
    """What people said about a schedule beside its manifest: who took it over, and whether it is paused."""

    owner: str = ""  # who took it over
    seq: int = 0  # of the promotion that was in force then
    resumed_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""
    because: str = ""
    next_step: str = ""

    def owner_of(self, scheduled: Scheduled) -> str:
        """As whom it runs: who put this version into production, or took the schedule over since."""
        return self.owner if self.owner and self.seq == scheduled.seq else scheduled.by


@dataclass(frozen=True)
class Due:
    """A moment that is to be claimed: how many before it were missed, and whether it is late itself."""

    moment: datetime
    missed: int
    late: bool


@dataclass(frozen=True)
class Moment:
    """One moment of a schedule, claimed once; `by` is whoever asked for it, or "" for the schedule itself."""

    app: str
    at: datetime
    by: str
    n: int
    person: str  # as whom it runs
    state: MomentState
    because: str
    missed: int
    claimed_at: datetime
    over_at: datetime | None
    run: str = ""
    tries: int = 0
    # How many subscribers' runs there are, by their state.
    delivered: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Turn:
    """What a moment means for one person: a run of their own, tried until it is over."""

    app: str
    moment: datetime
    person: str
    role: Role
    state: TurnState
    key: str  # the same for every try
    tries: int  # runs that came to an end of their own
    unlucky: int  # starts that were refused, and runs that were interrupted
    run: str
    due_at: datetime
    because: str


@dataclass(frozen=True)
class Subscription:
    """A group or person that gets an app's scheduled results; `wants` is False for who left a group's out."""

    kind: Literal["group", "person"]
    name: str
    wants: bool
    by: str
    at: datetime


@dataclass(frozen=True)
class Plan:
    """How the schedule of an app in production stands, as far as it concerns the caller."""

    app: str
    n: int
    cron: str
    timezone: str
    unattended: Unattended
    owner: str
    state: Literal["runs", "paused"]
    because: str
    next_step: str
    coming: tuple[datetime, ...]
    moments: tuple[Moment, ...]
    subscribed: bool
    subscribers: tuple[Subscription, ...]  # for owners


def due(
    schedule: Schedule, since: datetime, last: datetime | None, now: datetime, most: int = MOST_MISSED
) -> Due | None:
    """The moment of a schedule that is due, or None: the latest, when it came after `since` and after `last`.

    `since` is when the schedule came into force, and `last` the last moment that was claimed.
    """
    begin = since if last is None else max(since, last)
    moment = schedule.latest(now)
    if moment is None or moment <= begin:
        return None
    late, missed, before = now - moment > GRACE, 0, schedule.latest(moment - timedelta(seconds=1))
    while before is not None and before > begin and missed < most:
        missed, before = missed + 1, schedule.latest(before - timedelta(seconds=1))
    return Due(moment, missed, late)


def key_of(app: str, moment: datetime, person: str) -> str:
    """What all tries of a moment for one person have in common, and nothing else has."""
    return f"{app}@{moment:%Y-%m-%dT%H:%M:%S.%fZ}/{person}"


def backoff(failures: int) -> timedelta:
    """The time until the next try: a minute at first, twice as long after each failure, an hour at most."""
    return min(_LONGEST, _FIRST * (1 << min(failures - 1, 10)))
