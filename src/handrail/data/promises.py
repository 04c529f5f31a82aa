"""What a contract promises about its data beyond types and keys, and what came of holding it to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Scalar = str | int | float | bool
Counted = Literal[
    "nulls", "missing", "invalid", "duplicates", "dangling", "rows", "sql", "age", "schema", "outlived"
]
Unit = Literal["rows", "percent"]
Outcome = Literal["kept", "broken", "unchecked"]

# The standard's operators: what each asks of the number that was counted, and how it is said.
OPERATORS: Mapping[str, tuple[Callable[[float, tuple[float, ...]], bool], str]] = {
    "mustBe": (lambda n, v: n == v[0], "exactly {0}"),
    "mustNotBe": (lambda n, v: n != v[0], "anything but {0}"),
    "mustBeGreaterThan": (lambda n, v: n > v[0], "more than {0}"),
    "mustBeGreaterOrEqualTo": (lambda n, v: n >= v[0], "at least {0}"),
    "mustBeLessThan": (lambda n, v: n < v[0], "fewer than {0}"),
    "mustBeLessOrEqualTo": (lambda n, v: n <= v[0], "at most {0}"),
    "mustBeBetween": (lambda n, v: v[0] <= n <= v[1], "between {0} and {1}"),
    "mustNotBeBetween": (lambda n, v: not v[0] <= n <= v[1], "not between {0} and {1}"),
}


@dataclass(frozen=True)
class Bound:
    """What the counted number must be, in rows or in per cent of them."""

    operator: str = "mustBe"
    values: tuple[float, ...] = (0,)
    unit: Unit = "rows"

    def holds(self, count: float, rows: int) -> bool:
        """Whether the count is as it must be; of no rows at all, none is any per cent."""
        number = (100 * count / rows if rows else 0) if self.unit == "percent" else count
        return OPERATORS[self.operator][0](number, self.values)

    def __str__(self) -> str:
        said = OPERATORS[self.operator][1].format(*(f"{value:,g}" for value in self.values))
        return f"{said} %" if self.unit == "percent" else said


NONE = Bound()


@dataclass(frozen=True)
class Rule:
    """One promise: what is counted, and what the count must be.

    `invalid` counts values that are there and are none of `values`, do not match `pattern`, or lie outside of
    the range (`least` and `most` belong to it, `above` and `below` do not). Only a `blocking` rule stands in
    the way of a certification. `schedule` is a cron line in UTC at which the dataset is checked.
    """

    counted: Counted
    bound: Bound = NONE
    columns: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    pattern: str | None = None
    least: Scalar | None = None
    most: Scalar | None = None
    above: Scalar | None = None
    below: Scalar | None = None
    references: tuple[str, tuple[str, ...]] | None = None  # a dataset, and a column of it for each of ours
    query: str = ""
    name: str = ""
    blocking: bool = True
    schedule: str = ""
    age: timedelta | None = None  # that no row outlives, by the date in its column


@dataclass(frozen=True)
class Freshness:
    """How old the data may be: the newest value of `column`, or without one the extract itself."""

    age: timedelta
    column: str | None = None


@dataclass(frozen=True)
class Result:
    """What came of one promise: the promise in words, and how many rows it counted. Never a value."""

    promise: str
    outcome: Outcome
    count: float | None = None
    said: str = ""
    blocking: bool = True
    about: str = ""  # the kind of promise, for whom what it says is not told


@dataclass(frozen=True)
class QualityCheck:
    """One check of a dataset: exactly which contract was held against which extract, and what came of it."""

    id: str
    dataset: str
    digest: str
    as_of: datetime
    rows: int
    at: datetime
    by: str
    cause: str  # "import", "asked" or "schedule"
    results: tuple[Result, ...]
    drift: Mapping[str, Any] | None = None

    @property
    def broken(self) -> tuple[Result, ...]:
        """The promises that the data does not keep."""
        return tuple(one for one in self.results if one.outcome == "broken")

    @property
    def outcome(self) -> Outcome:
        """The worst that came of any promise."""
        if self.broken:
            return "broken"
        return "unchecked" if any(one.outcome == "unchecked" for one in self.results) else "kept"
