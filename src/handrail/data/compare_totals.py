"""Hold a metric's values against control totals: which are off, which are missing, and which are late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from handrail.data.extension import TiesTo
from handrail.data.measured import Difference, Reconciliation
from handrail.data.periods import day_later, step
from handrail.kernel import Invalid

Key = tuple[str, ...]  # the first day of a period, and the values of further dimensions


def compare(
    to: TiesTo, ours: Mapping[Key, Any], totals: list[dict[str, Any]], today: dt.date
) -> tuple[Difference, ...]:
    """Each total beside the metric's value of the same period; one without a value is missed entirely.

    A period that has a value and no total, between others that have one, is a miss as well; after the last of
    them it is late once `due` has passed. Refuses totals without period or value, and two for one period.
    """
    found: dict[Key, Difference] = {}
    for row in totals:
        key, one = _one(to, ours, row)
        if key in found:
            raise _cannot(to, f"has two totals for {' '.join(key)}")
        found[key] = one
    if not found:
        raise _cannot(to, "has no total yet")
    found.update(dict(_without(to, ours, found, today)))
    return tuple(found[key] for key in sorted(found))


def missed(one: Reconciliation) -> str:
    """What was missed, in numbers that tell no amount: how far off, when, what is allowed."""
    metric, dataset = one.metric, one.dataset
    out = [row for row in one.rows if not row.within]
    worst = max(out, key=lambda row: row.difference)
    place = " ".join([worst.period, *worst.by.values()])
    allowed = f"{worst.tolerance:,g}" if worst.absolute else f"{worst.tolerance:.2%}"
    if worst.total is None:
        said = (
            f"{metric} has no total in {dataset} for the period from {place}, which has them before and after"
        )
    elif worst.ours is None:
        said = f"{metric} has no value for the period from {place}, for which {dataset} has a total"
    else:
        said = (
            f"{metric} misses {dataset} by {worst.difference:.2%} at worst (the period from {place}), "
            f"where {allowed} is allowed"
        )
    return f"{said}; {len(out)} of {len(one.rows)} periods are off"


def _one(to: TiesTo, ours: Mapping[Key, Any], row: Mapping[str, Any]) -> tuple[Key, Difference]:
    period, total = row["period"], _number(row["total"])
    if period is None or total is None:
        raise _cannot(to, "has a row without period or total")
    dimensions = {name: str(row[f"by_{n}"]) for n, name in enumerate(to.by)}
    key = (_day(to, period), *dimensions.values())
    tolerance = _number(row["tolerance"]) if isinstance(to.tolerance, str) else to.tolerance
    if tolerance is None or tolerance < 0:
        raise _cannot(to, f"has no tolerance for {' '.join(key)}")
    value = _number(ours.get(key))
    return key, Difference(
        period=key[0],
        by=dimensions,
        total=str(total),
        ours=None if value is None else str(value),
        difference=_apart(value, total),
        tolerance=float(tolerance),
        source=str(row["source"] or ""),
        absolute=to.absolute,
    )


def _without(
    to: TiesTo, ours: Mapping[Key, Any], found: Mapping[Key, Difference], today: dt.date
) -> Iterator[tuple[Key, Difference]]:
    """The periods that have a value and should have a total, for each combination of dimensions by itself."""
    known: dict[Key, list[str]] = {}
    for first, *rest in found:
        known.setdefault(tuple(rest), []).append(first)
    for key, value in ours.items():
        days = known.get(key[1:])
        number = _number(value)
        if key in found or not days or number is None or key[0] < min(days):
            continue
        late = key[0] > max(days)
        if late and (to.due is None or today < _expected(key[0], to)):
            continue
        by = dict(zip(to.by, key[1:], strict=True))
        yield key, Difference(key[0], by, None, str(number), 1.0, 0.0, "", to.absolute, late)


def _expected(first: str, to: TiesTo) -> dt.date:
    """The day on which the total of a period has to be there."""
    end = day_later(dt.date.fromisoformat(first), step(to.grain))
    return day_later(end, to.due) if to.due else end


def _apart(value: Decimal | None, total: Decimal) -> float:
    if value is None:
        return 1.0
    if not total:
        return 0.0 if not value else 1.0
    return float(abs(value - total) / abs(total))


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _day(to: TiesTo, value: Any) -> str:
    try:
        day = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _cannot(to, f"has periods that are no days ({to.period})") from None
    return day.isoformat()[:10]


def _cannot(to: TiesTo, problem: str) -> Invalid:
    return Invalid(
        f"The control totals cannot be compared: {to.dataset} {problem}.",
        next_step=f"Correct {to.dataset} at its source and import it again, or name other columns of it.",
        subject=f"dataset:{to.dataset}",
    )
