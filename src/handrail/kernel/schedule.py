"""When an app runs by itself: a five-field cron line in an IANA timezone, checked before it is believed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
        if timezone not in available_timezones():
            raise Invalid(
                f"'{timezone}' is not an IANA timezone.",
                next_step='Write a name like "Europe/Berlin" or "UTC".',
            )
        return cls(" ".join(cron.split()), timezone)

    @property
    def zone(self) -> ZoneInfo:
        """The timezone as the standard library knows it."""
        return ZoneInfo(self.timezone)


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
