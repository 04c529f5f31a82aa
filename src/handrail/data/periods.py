"""Steps of time: cutting a moment to its period, also of a fiscal year, and spans such as "28 day"."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta

from sqlglot import exp

GRAINS = ("day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
SPAN = r"^[1-9][0-9]{0,3} (day|week|month|quarter|year)$"
_UNITS = {"quarter": ("month", 3)}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def moment(value: exp.Expr) -> exp.Expr:
    """A value as a moment."""
    return exp.cast(value, "TIMESTAMP", dialect="duckdb")


def interval(span: str) -> exp.Interval:
    """A span as SQL; it matches SPAN."""
    found = re.fullmatch(SPAN, span)
    if found is None:
        raise ValueError(span)
    number, unit = span.split()
    known, times = _UNITS.get(unit, (unit, 1))
    amount = exp.Literal.string(str(int(number) * times))
    return exp.Interval(this=amount, unit=exp.var(known.upper()))


def later(value: exp.Expr, span: str) -> exp.Expr:
    """A moment, this much later."""
    return exp.Paren(this=exp.Add(this=moment(value), expression=interval(span)))


def earlier(value: exp.Expr, span: str) -> exp.Expr:
    """A moment, this much earlier."""
    return exp.Paren(this=exp.Sub(this=moment(value), expression=interval(span)))


def day_later(day: date, span: str) -> date:
    """A day, this much later; the last of the month where that has no such day."""
    number, unit = span.split()
    if unit not in _MONTHS:
        return day + timedelta(days=int(number) * (7 if unit == "week" else 1))
    year, month = divmod(day.year * 12 + day.month - 1 + int(number) * _MONTHS[unit], 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def cut(value: exp.Expr, grain: str, fiscal_start: int) -> exp.Expr:
    """The first day of the period that a moment is in; a fiscal year begins in the month `fiscal_start`."""
    unit = grain.removeprefix("fiscal_")
    months = f"{fiscal_start - 1} month"
    shifted = unit != grain and fiscal_start > 1
    inner = earlier(value, months) if shifted else moment(value)
    start: exp.Expr = exp.TimestampTrunc(this=inner, unit=exp.var(unit.upper()))
    return exp.cast(later(start, months) if shifted else start, "DATE", dialect="duckdb")


def step(grain: str) -> str:
    """The length of a period, as a span."""
    return f"1 {grain.removeprefix('fiscal_')}"


def after(first_day: exp.Expr, grain: str) -> exp.Expr:
    """The beginning of the next period."""
    return later(first_day, step(grain))
