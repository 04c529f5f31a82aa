"""Whose row it is: the same people stand behind a table, the tables that point at it, and their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made
from handrail.twins.fakes import column_of
from handrail.twins.models import ColumnSketch
from handrail.twins.people import People, distinct_texts
from handrail.twins.seeds import seeded
from handrail.twins.semantics import meaning_of
from handrail.twins.values import Ints

_GIVEN = ("country", "title", "gender")  # what a sketch may say of each row, and an invented person goes by


@dataclass
class Crowd:
    """People, which of them each row is about, and what has been said of them: the same for all who ask."""

    name: str
    people: People
    who: Ints
    said: dict[tuple[str, int, str], NDArray[Any]] = field(default_factory=dict)

    def of(self, column: ColumnSketch, again: int, seed: int) -> NDArray[Any]:
        """The column for each person."""
        meaning = meaning_of(column.semantic, column.name) or column.name
        key = (meaning, again, column.kind)
        if key not in self.said:
            rng = seeded(seed, f"{self.name}:{meaning}:{again}")
            made = column_of(self.people, column, again, rng)
            self.said[key] = distinct_texts(made) if column.unique and column.kind == "text" else made
        return self.said[key]


def invent(made: Mapping[str, Made], one: Made, column: ColumnSketch, seed: int) -> NDArray[Any]:
    """A value for each row of a personal column, or of one too rare to be kept."""
    crowd, who = _crowd_of(made, one, column, seed)
    return crowd.of(column, _again(one, column), seed)[who]


def _crowd_of(made: Mapping[str, Made], one: Made, column: ColumnSketch, seed: int) -> tuple[Crowd, Ints]:
    link = next((link for link in one.sketch.links if link.name == column.follows), None)
    if link is None or link.name not in one.points:
        crowd = own(made, one, seed)
        return crowd, crowd.who
    points = one.points[link.name]
    if link.to in made and link.kind == "inside":
        crowd = own(made, made[link.to], seed)
        return crowd, _somebody(points, crowd.who, seed)
    name = f"{link.to}:{link.name}"
    if name not in one.crowds:
        count = int(points.max(initial=0)) + 1
        one.crowds[name] = Crowd(
            name, People(count, _number(seed, link.to), one.sketch.lands), np.arange(count)
        )
    crowd = one.crowds[name]
    return crowd, _somebody(points, crowd.who, seed)


def _somebody(points: Ints, who: Ints, seed: int) -> Ints:
    """The person behind each row's parent; anybody for rows without one."""
    if not len(who):
        return np.zeros(len(points), dtype=np.int64)
    found = who[np.maximum(points, 0)]
    alone = np.flatnonzero(points < 0)
    found[alone] = who[seeded(seed, "alone").integers(0, len(who), len(alone))]
    return found


def own(made: Mapping[str, Made], one: Made, seed: int) -> Crowd:
    """The people of a table's own rows: one for each, or as many as the sketch has counted."""
    if "" not in one.crowds:
        name, count = one.sketch.name, one.sketch.people
        who = np.arange(one.rows, dtype=np.int64)
        if 0 < count < one.rows:
            who = seeded(seed, f"{name}:who").integers(0, count, one.rows)
        else:
            count = one.rows
        given = {} if count < one.rows else _given(made, one, seed)
        people = People(max(count, 1), _number(seed, name), one.sketch.lands, given)
        one.crowds[""] = Crowd(name, people, who)
    crowd: Crowd = one.crowds[""]
    return crowd


def _given(made: Mapping[str, Made], one: Made, seed: int) -> dict[str, NDArray[Any]]:
    """What is known of each row's person: drawn from the sketch, or where the parent lives."""
    found: dict[str, NDArray[Any]] = {}
    for column in one.sketch.columns:
        meaning = meaning_of(column.semantic, column.name)
        if (
            meaning in _GIVEN
            and column.role == "model"
            and column.kind == "text"
            and column.name in one.values
        ):
            values = one.values[column.name]
            said = values.array.copy()
            said[~values.valid] = None
            found.setdefault(meaning, said)
    if "country" in found or one.sketch.lands or not one.rows:
        return found
    for link in one.sketch.links:
        there = made.get(link.to)
        if link.kind == "inside" and there is not None and there.rows and _lives(there):
            crowd = own(made, there, seed)
            found["country"] = crowd.people.abroad()[_somebody(one.points[link.name], crowd.who, seed)]
            break
    return found


def _lives(there: Made) -> bool:
    columns = there.sketch.columns
    return bool(there.sketch.lands) or any(meaning_of(one.semantic, one.name) == "country" for one in columns)


def _again(one: Made, column: ColumnSketch) -> int:
    """How many columns before this one mean the same of the same people."""
    meaning = meaning_of(column.semantic, column.name)
    before = 0
    for other in one.sketch.columns:
        if other.name == column.name:
            break
        same = meaning is not None and meaning_of(other.semantic, other.name) == meaning
        before += same and other.follows == column.follows and other.role in ("fake", "model")
    return before


def _number(seed: int, purpose: str) -> int:
    return int(seeded(seed, f"people:{purpose}").integers(2**31))
