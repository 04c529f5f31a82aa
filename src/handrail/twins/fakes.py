"""Personal data that belongs to nobody: made with mimesis from the meaning of a column, never from data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import unknown
from handrail.twins.models import ColumnSketch
from handrail.twins.semantics import meaning_of
from handrail.twins.text import phrases, shaped
from handrail.twins.values import DAY_US

POOL = 600  # names invented once per table and combined


class Persona:
    """Invented people, one for each row of a table, so that a row's name and e-mail address agree."""

    def __init__(self, rows: int, seed: int) -> None:
        from mimesis import Generic, Locale  # noqa: PLC0415 - 5 MB that only building a twin needs

        self._rng = np.random.default_rng(seed)
        self._rows = rows
        self._made = Generic(Locale.EN, seed=seed)
        self._first = self._pool(self._made.person.first_name)
        self._last = self._pool(self._made.person.last_name)
        self._who = self._rng.integers(0, POOL, (2, rows))

    def column(self, column: ColumnSketch) -> NDArray[Any]:
        """A value for each row by the column's meaning; by its type alone where the meaning is not known."""
        meaning = meaning_of(column.semantic, column.name) or "unknown"
        if column.kind in ("date", "timestamp") and meaning == "birth_date":
            days = self._rng.integers(-10_957, 13_149, self._rows)  # 1940 to 2005
            return days if column.kind == "date" else days * DAY_US
        if column.kind == "float" and meaning in ("latitude", "longitude"):
            return np.round((self._rng.random(self._rows) - 0.5) * (180 if meaning == "latitude" else 360), 4)
        if column.kind == "integer" and meaning == "age":
            return self._rng.integers(18, 80, self._rows)
        if column.kind != "text":
            return unknown(column, self._rows, self._rng)
        return self._text(meaning, column)

    def _text(self, meaning: str, column: ColumnSketch) -> NDArray[Any]:
        made, person = self._made, self._made.person
        pooled: dict[str, Callable[[], str]] = {
            "title": person.title, "city": made.address.city, "country": made.address.country,
            "state": made.address.state, "company": made.finance.company, "job": person.occupation,
            "gender": person.gender,
        }  # fmt: skip
        codes = {
            "postal_code": "99999", "phone": "+1 555 019 9999", "iban": "XX99 9999 9999 9999 9999",
            "card": "0000 9999 9999 9999", "national_id": "000-99-9999", "ip": "10.0.9.9",
        }  # fmt: skip
        first, last = self._first[self._who[0]], self._last[self._who[1]]
        if meaning in pooled:
            return self._pool(pooled[meaning])[self._rng.integers(0, POOL, self._rows)]
        if meaning in codes:
            return shaped(codes[meaning], self._rows, self._rng)
        if meaning == "full_name":
            return np.asarray(first + " " + last)
        if meaning in ("first_name", "last_name"):
            return np.asarray(first if meaning == "first_name" else last)
        if meaning in ("email", "username", "url"):
            return self._address(meaning, first, last)
        if meaning == "street":
            numbers = self._rng.integers(1, 400, self._rows)
            streets = self._pool(made.address.street_name)[self._rng.integers(0, POOL, self._rows)]
            return _objects(
                [f"{number} {street} St" for number, street in zip(numbers, streets, strict=True)]
            )
        lengths = (20, 60, 120) if meaning == "prose" else column.lengths
        return phrases(lengths, self._rows, self._rng)

    def _address(self, meaning: str, first: NDArray[Any], last: NDArray[Any]) -> NDArray[Any]:
        numbers = self._rng.integers(1, 9999, self._rows)
        before, after = {
            "email": ("", "@example.com"),
            "username": ("", ""),
            "url": ("https://example.com/", ""),
        }[meaning]
        made = [
            f"{before}{a.lower()}.{b.lower()}{number}{after}".replace(" ", "").replace("'", "")
            for a, b, number in zip(first, last, numbers, strict=True)
        ]
        return _objects(made)

    def _pool(self, one: Callable[[], str]) -> NDArray[Any]:
        return _objects([one() for _ in range(POOL)])


def distinct_texts(made: NDArray[Any]) -> NDArray[Any]:
    """The same texts made unique: a repeated one gets its row number, before the @ of an address."""
    seen: set[str] = set()
    found: list[str] = []
    for row, text in enumerate(made):
        candidate = text
        if candidate in seen:
            name, at, domain = text.partition("@")
            candidate = f"{name}.{row}{at}{domain}" if at else f"{text} {row}"
        while candidate in seen:
            candidate += "x"
        seen.add(candidate)
        found.append(candidate)
    return _objects(found)


def _objects(texts: list[str]) -> NDArray[Any]:
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made
