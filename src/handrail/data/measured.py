"""The nouns of a metric's certification: what its reconciliations found, and where it stands by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

MetricState = Literal["draft", "proposed", "certified", "due", "edited", "missed"]


@dataclass(frozen=True)
class Difference:
    """One control total and the metric's value of the same period; figures are exact, as texts.

    Without a `total` the period has a value and no total: between periods that have one that is a miss, and
    after them it is `late`, which is none.
    """

    period: str  # its first day
    by: Mapping[str, str]  # further dimensions
    total: str | None
    ours: str | None  # None: the metric has no value there
    difference: float  # relative to the total; 1.0 where there is nothing to compare
    tolerance: float  # relative, or when `absolute` in the total's unit
    source: str
    absolute: bool = False
    late: bool = False

    @property
    def apart(self) -> Decimal | None:
        """How far they are apart, in the total's unit; None without a total."""
        return None if self.total is None else abs(Decimal(self.ours or 0) - Decimal(self.total))

    @property
    def within(self) -> bool:
        """Whether it is close enough."""
        if self.absolute and self.apart is not None:
            return self.ours is not None and self.apart <= Decimal(str(self.tolerance))
        return self.late or self.difference <= self.tolerance


@dataclass(frozen=True)
class Reconciliation:
    """One recomputation of one version of a metric against its control totals, over everybody's rows.

    `data` says, by dataset, as of when the data was that it used.
    """

    id: str
    metric: str
    digest: str
    dataset: str
    by: str
    at: datetime
    worst: float
    within: bool
    rows: tuple[Difference, ...]
    data: Mapping[str, str]

    @property
    def late(self) -> tuple[Difference, ...]:
        """The periods whose totals should have been there."""
        return tuple(row for row in self.rows if row.late)


@dataclass(frozen=True)
class MetricCertification:
    """A second steward's yes to exactly one version of a metric, on the strength of one reconciliation."""

    id: str
    metric: str
    digest: str
    reconciliation: str
    proposed_by: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """Where the version of a metric stands that is there now, and what that rests on."""

    state: MetricState
    reconciliation: Reconciliation | None = None
    certification: MetricCertification | None = None
    proposed_by: str | None = None

    @property
    def certified(self) -> bool:
        """Whether its numbers carry the badge now."""
        return self.state == "certified"


def standing(
    newest: Reconciliation | None,
    given: MetricCertification | None,
    proposed_by: str | None,
    ever: bool,
    data: Mapping[str, str],
) -> Standing:
    """Where a version stands, by its newest reconciliation, its certification and the data as of now.

    `proposed_by` is who first reconciled it so that it tied, and `ever` whether any version was certified. A
    miss weighs more than a certification; a certification counts only while the newest reconciliation was
    made on the data that is there, and no total was late.
    """
    if newest and not newest.within:
        return Standing("missed", newest, given)
    fresh = newest is not None and dict(newest.data) == dict(data)
    if newest and given:
        return Standing("certified" if fresh and not newest.late else "due", newest, given)
    if newest and fresh and proposed_by:
        return Standing("proposed", newest, proposed_by=proposed_by)
    return Standing("edited" if ever else "draft", newest)
