"""How an office works: what is made up in `messes`, with the mess that years of use leave."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

Rows = list[dict[str, Any]]
T = TypeVar("T")


class Office(random.Random):
    """Chance, and how an office works: `tidy` ones never let a mess happen."""

    def __init__(self, seed: int, tidy: bool) -> None:
        super().__init__(seed)
        self.tidy = tidy

    def slip(self, share: float) -> bool:
        """Whether a mess happens that happens in this share of cases."""
        return self.random() < share and not self.tidy

    def typed(self, proper: Sequence[T], sloppy: Sequence[T], share: float) -> T:
        """One of the proper values, or in this share of cases a sloppy one."""
        return self.choice(sloppy) if self.slip(share) else self.choice(proper)


FIRST = [
    "Anna",
    "Ben",
    "Carla",
    "David",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Mateo",
    "Nora",
    "Omar",
    "Pia",
    "Quentin",
    "Rosa",
]
LAST = [
    "Abel",
    "Brandt",
    "Costa",
    "Diaz",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Horvat",
    "Ito",
    "Jansen",
    "Keller",
    "Lopez",
    "Meyer",
    "Novak",
    "Olsen",
]


def day(rng: Office, year: int, span: int) -> date:
    """Some day of the span that begins with a year; a tidy office has no 29 February."""
    found = date(year, 1, 1) + timedelta(days=rng.randrange(span))
    return found.replace(day=28) if rng.tidy and (found.month, found.day) == (2, 29) else found
