"""The nouns of disclosure: use of budgets, to whom an entity was shown, and what apps really read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class BudgetUse:
    """How many entities of a kind somebody has seen today, of how many; by app, "" outside apps.

    `budget` is None where only apps are limited. Not `exact`: at most so many (`sketches`).
    """

    subject: str
    seen: int
    budget: int | None
    apps: Mapping[str, int]
    exact: bool = True
    owner: str = ""  # who sets the limit


@dataclass(frozen=True)
class Used:
    """What one viewer, or one app for all its viewers, has used of a budget (None: no limit) on a day."""

    who: Literal["person", "app"]
    name: str
    subject: str
    seen: int
    budget: int | None
    exact: bool = True
    apps: Mapping[str, int] | None = None  # of a person: by app, "" outside apps

    @property
    def share(self) -> float:
        """How much of the budget is used, from 0 to 1; 0 without a limit."""
        return min(1.0, self.seen / self.budget) if self.budget else 0.0


@dataclass(frozen=True)
class Sighting:
    """An answer that showed an entity to somebody.

    Not `certain` means that a large answer has the entity's fingerprint, which an entity that it did not show
    has as well with the probability `false_positive_rate`.
    """

    person: str
    at: datetime
    app: str
    query: str
    certain: bool
    false_positive_rate: float = 0.0

    @property
    def in_words(self) -> str:
        """How certain it is."""
        return "yes" if self.certain else f"yes, but for 1 case in {1 / self.false_positive_rate:,.0f}"


@dataclass(frozen=True)
class ColumnRead:
    """A column that runs of one version of an app have read in an environment; "" where rows were counted."""

    version: str
    environment: str
    dataset: str
    column: str
    times: int
    last: datetime
