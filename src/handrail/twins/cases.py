"""How awkward values are made: constants, changes of the value that stands there, and days of its year."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from handrail.twins.models import ColumnSketch, Kind
from handrail.twins.values import DAY_US, YEAR_9999, limits

NUMBERS: tuple[Kind, ...] = ("integer", "decimal", "float")
FLOATS: tuple[Kind, ...] = ("float",)
TEXTS: tuple[Kind, ...] = ("text",)
DAYS: tuple[Kind, ...] = ("date", "timestamp")
MOMENTS: tuple[Kind, ...] = ("timestamp",)
TIMES: tuple[Kind, ...] = ("time",)
EPOCH = date(1970, 1, 1)
HALF_PAST_TWO = 9_000_000_000  # microseconds since midnight


@dataclass(frozen=True)
class Case:
    """One kind of awkward value: `make` gives it for a column and the value that stands there (None: null).

    It gives the value that stands there when there is nothing to make of it. Row cases make nothing here:
    they change several rows, see `hostile_rows`.
    """

    id: str
    says: str
    breaks: str
    kinds: tuple[Kind, ...] | None  # None: every kind; (): rows
    make: Callable[[ColumnSketch, Any], Any]


def text(id: str, says: str, breaks: str, value: str) -> Case:
    """A text, always the same."""
    return Case(id, says, breaks, TEXTS, lambda _column, _now: value)


def of_text(id: str, says: str, breaks: str, change: Callable[[str], str]) -> Case:
    """The text that stands there, changed."""
    return Case(id, says, breaks, TEXTS, lambda _column, now: now if now is None else change(now))


def day(id: str, says: str, breaks: str, days: int) -> Case:
    """A day, by its number since 1970."""
    return Case(id, says, breaks, DAYS, lambda column, _: days if column.kind == "date" else days * DAY_US)


def dated(
    id: str,
    says: str,
    breaks: str,
    choose: Callable[[int], date],
    micros: int = 0,
    kinds: tuple[Kind, ...] = DAYS,
) -> Case:
    """A day of the year of the value that stands there, so that what looks at one year meets it."""

    def make(column: ColumnSketch, now: Any) -> Any:
        unit = 1 if column.kind == "date" else DAY_US
        known = now if now is not None else max(_numbers(column), default=19_800 * unit)
        year = (EPOCH + timedelta(days=min(max(int(known) // unit, -25_000), 50_000))).year
        days = (choose(year) - EPOCH).days
        return days if column.kind == "date" else days * DAY_US + micros

    return Case(id, says, breaks, kinds, make)


def sunday(year: int, month: int, which: int) -> date:
    """The first, second … Sunday of a month; -1 the last."""
    first = date(year, month, 1)
    sundays = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).weekday() == 6]
    return [one for one in sundays if one.month == month][which]


def leap(year: int) -> date:
    """29 February of that year or one before it."""
    return date(year - year % 4 if (year - year % 4) % 100 else 2000, 2, 29)


def other_week(year: int) -> date:
    """A day at a turn of the year whose week belongs to the other year."""
    days = (date(year, 12, 31), date(year, 1, 1), date(year, 1, 2), date(year, 1, 3))
    return next((one for one in days if one.isocalendar().year != one.year), date(year, 12, 31))


def row(id: str, says: str, breaks: str) -> Case:
    """Something about whole rows."""
    return Case(id, says, breaks, (), lambda _column, now: now)


def _numbers(column: ColumnSketch) -> list[float]:
    ranges = [end for one in column.bins if one.kind == "range" for end in (one.low, one.high)]
    return ranges + [float(one.value or 0) for one in column.bins if one.kind == "value"]


def large(column: ColumnSketch) -> float:
    """Ten times the highest common value: an outlier, yet not so large that every total drowns in it."""
    top = max((abs(one) for one in _numbers(column)), default=100.0) or 100.0
    return min(10 * top, float(limits(column.kind, column.type)[1]))


def negative(column: ColumnSketch, now: Any) -> Any:
    """The first number below zero, half of one where there are halves."""
    low = limits(column.kind, column.type)[0]
    return now if low >= 0 else -0.5 if column.kind == "float" else -1


def future(column: ColumnSketch, now: Any) -> Any:
    """Some three years after the last usual date."""
    top = max(_numbers(column), default=None)
    if top is None:
        return now
    unit = 1 if column.kind == "date" else DAY_US
    return min(int(top) + 1100 * unit, YEAR_9999 * unit)
