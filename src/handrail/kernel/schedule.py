"""When something happens by itself: a cron line in an IANA timezone, checked before it is believed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from handrail.kernel.errors import Invalid

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(_MONTHS, 1)}
WEEKDAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
NAMELESS: Mapping[str, int] = {}
# name, lowest, highest, names allowed (POSIX crontab(5); 7 is Sunday too, as everybody's cron reads it)
FIELDS = (
    ("minute", 0, 59, NAMELESS),
    ("hour", 0, 23, NAMELESS),
    ("day of month", 1, 31, NAMELESS),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 7, WEEKDAYS),
)
PART = re.compile(r"(?P<first>\*|[A-Za-z0-9]+)(?:-(?P<last>[A-Za-z0-9]+))?(?:/(?P<step>[0-9]+))?")
LONGEST_CRON = 200
_YEARS = 9 * 366  # days; 29 February is at most eight years ago
# No change of the clocks skips more, but that of a date line. A skipped time counts as much later, so that a
# moment written before another may come after it.
_LONGEST_GAP = 3  # hours
CatchUp = Literal["latest", "skip"]
Overlap = Literal["skip", "queue"]
RetryOn = Literal["platform", "any"]
CATCH_UPS: tuple[CatchUp, ...] = get_args(CatchUp)
OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)
RETRY_ONS: tuple[RetryOn, ...] = get_args(RetryOn)
MOST_RETRIES = 10


@dataclass(frozen=True)
class Unattended:
    """What is done about moments of a schedule that nobody attends to.

    `catch_up`: the latest of those that passed while no server ran is made up for, or none is. `overlap`: a
    moment that comes while an earlier one goes on is skipped, or waits for it. `retries` are further tries of
    a moment whose run failed: for reasons of the platform or of a system behind it, or for any.
    """

    catch_up: CatchUp = "latest"
    overlap: Overlap = "skip"
    retries: int = 0
    retry_on: RetryOn = "platform"


def is_timezone(name: str) -> bool:
    """Whether it is the IANA name of a timezone."""
    return name in _timezones()


@lru_cache(maxsize=1)
def _timezones() -> set[str]:
    return available_timezones()  # which reads some hundred directories and files each time


@dataclass(frozen=True)
class Schedule:
    """A cron line and the timezone in which its hours are meant."""

    cron: str
    timezone: str

    @classmethod
    def parse(cls, cron: str, timezone: str) -> "Schedule":
        """The schedule; refuses Invalid for a cron line that names no moment and for an unknown timezone."""
        if because := wrong_with_cron(cron):
            raise Invalid(
                f"'{cron[:LONGEST_CRON]}' is not a cron line: {because}.",
                next_step='Write minute, hour, day of month, month, day of week, as in "0 6 * * MON".',
            )
        if not is_timezone(timezone):
            raise Invalid(
                f"'{timezone}' is not an IANA timezone.",
                next_step='Write a name like "Europe/Berlin" or "UTC".',
            )
        return cls(" ".join(cron.split()), timezone)

    @property
    def zone(self) -> ZoneInfo:
        """The timezone as the standard library knows it."""
        return ZoneInfo(self.timezone)

    def latest(self, now: datetime) -> datetime | None:
        """The last moment of this schedule that is not after `now`, in UTC; None when there never was one.

        Where day of month and day of week are both limited, either suffices (POSIX crontab(5)). A local time
        that a change of the clocks skips counts an hour later, and one that comes twice counts once.
        """
        return _latest(self, now.replace(second=0, microsecond=0))  # moments are whole minutes

    def _latest(self, now: datetime) -> datetime | None:
        local = now.astimezone(self.zone)
        for day in (local.date() - timedelta(days=back) for back in range(_YEARS)):
            first = local.hour + _LONGEST_GAP if day == local.date() else 23
            if moments := [moment for moment in self._on(day, range(first + 1)) if moment <= now]:
                return max(moments)
        return None

    def after(self, now: datetime, count: int) -> tuple[datetime, ...]:
        """The next `count` moments after `now`, in UTC and in order; fewer where there are no more."""
        return tuple(islice(self._after(now), count))

    def _after(self, now: datetime) -> Iterator[datetime]:
        first = now.astimezone(self.zone).date() - timedelta(days=1)
        last = now
        for day in (first + timedelta(days=ahead) for ahead in range(_YEARS)):
            for moment in sorted(set(self._on(day, range(24)))):
                if moment > last:
                    last = moment
                    yield moment

    def _on(self, day: date, within: range) -> Iterator[datetime]:
        """The moments of a day in these of its hours, in UTC, in no order; one may come twice."""
        minutes, hours, *days = _read(self.cron)
        if not _on_day(day, self.cron, *days):
            return
        for hour in hours.intersection(within):
            for minute in minutes:
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                yield local.astimezone(UTC)


_latest = lru_cache(maxsize=4096)(Schedule._latest)  # servers ask every few seconds


def wrong_with_cron(line: str) -> str | None:
    """Why this is not a five-field cron line, in a clause; None when it is one."""
    if len(line) > LONGEST_CRON:
        return f"it has more than {LONGEST_CRON} characters"
    fields = line.split()
    if len(fields) != len(FIELDS):
        return f"it has {len(fields)} fields instead of five"
    for text, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        for part in text.split(","):
            if because := _wrong_with_part(part, low, high, names):
                return f"{name} '{part}' {because}"
    return None


def _wrong_with_part(part: str, low: int, high: int, names: Mapping[str, int]) -> str | None:
    found = PART.fullmatch(part)
    if found is None:
        return "is not a number, a range, a list or *"
    if found["step"] is not None and not 1 <= int(found["step"]) <= high:
        return f"has a step outside 1 to {high}"
    if found["first"] == "*":
        return "has a range that starts with *" if found["last"] else None
    first = _number(found["first"], names)
    last = first if found["last"] is None else _number(found["last"], names)
    if first is None or last is None:
        return "names nothing that this field knows"
    if not (low <= first <= high and low <= last <= high):
        return f"is outside {low} to {high}"
    return f"runs backwards from {first} to {last}" if last < first else None


def _number(text: str, names: Mapping[str, int]) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return int(text)
    return names.get(text.upper())


def _on_day(
    day: date, cron: str, days: frozenset[int], months: frozenset[int], weekdays: frozenset[int]
) -> bool:
    _, _, of_month, _, of_week = cron.split()
    by_month, by_week = day.day in days, day.isoweekday() % 7 in weekdays
    either = not of_month.startswith("*") and not of_week.startswith("*")
    return day.month in months and ((by_month or by_week) if either else (by_month and by_week))


@lru_cache(maxsize=1024)
def _read(cron: str) -> tuple[frozenset[int], ...]:
    """The numbers that each field of a valid cron line names."""
    return tuple(map(_chosen, cron.split(), FIELDS))


def _chosen(text: str, field: tuple[str, int, int, Mapping[str, int]]) -> frozenset[int]:
    """The numbers that one field of a valid cron line names; Sunday is 0."""
    _, low, high, names = field
    found: set[int] = set()
    for part in text.split(","):
        if (match := PART.fullmatch(part)) is None:
            continue
        first = low if match["first"] == "*" else _number(match["first"], names) or 0
        open_end = match["first"] == "*" or match["step"] is not None
        last = _number(match["last"], names) if match["last"] else high if open_end else first
        found |= set(range(first, (last or 0) + 1, int(match["step"] or 1)))
    return frozenset(number % 7 for number in found) if high == 7 else frozenset(found)
