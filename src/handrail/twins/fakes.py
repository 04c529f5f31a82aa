"""Personal columns that are about nobody: what a column means, of invented people, as it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import codes, decode, unknown
from handrail.twins.models import ColumnSketch
from handrail.twins.people import People, distinct_texts
from handrail.twins.semantics import meaning_of
from handrail.twins.shapes import class_of, classes, is_code, room_of, spread
from handrail.twins.text import in_shapes, phrases
from handrail.twins.values import DAY_US, limits

__all__ = ["People", "column_of", "distinct_texts"]
_DIGITS = ("phone", "card", "national_id", "postal_code")
_NUMBERED = ("card", "iban", "national_id", "postal_code")


def column_of(people: People, column: ColumnSketch, again: int, rng: np.random.Generator) -> NDArray[Any]:
    """A value of the column for each of these people, by its meaning; by its type where that is unknown.

    `again` counts the columns of the same people that mean the same.
    """
    meaning = meaning_of(column.semantic, column.name) or ""
    if column.kind == "text":
        return _text(people, column, meaning, again, rng)
    ranged = any(one.kind == "range" for one in column.bins)
    if column.kind in ("date", "timestamp", "integer") and ranged and any(column.shares[1:]):
        drawn = codes(replace(column, required=True), np.full(people.count, -1), rng)
        return decode(column, drawn, rng).array  # who has none is decided later
    if column.kind in ("date", "timestamp") and meaning == "birth_date":
        days = rng.integers(-10_957, 13_149, people.count)  # 1940 to 2005
        return days if column.kind == "date" else days * DAY_US
    if column.kind == "float" and meaning in ("latitude", "longitude"):
        return np.round((rng.random(people.count) - 0.5) * (180 if meaning == "latitude" else 360), 4)
    if column.kind == "integer" and meaning == "age":
        return rng.integers(18, 80, people.count)
    if column.kind == "integer":
        return _integers(people, column, meaning, again, rng)
    return unknown(column, people.count, rng)


def _integers(
    people: People, column: ColumnSketch, meaning: str, again: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Numbers of the same magnitude; the digits of a phone or a card where it means one."""
    low, high = limits(column.kind, column.type)
    made = people.of(meaning, again) if meaning in _DIGITS else None
    if made is None:
        start = min(column.start, 10**18)  # unsigned numbers may begin beyond what numpy draws
        most = 100 if start < 10 else min(10 * start, 2**63 - 1)
        return np.clip(rng.integers(start, most, people.count), low, high)
    digits = ["".join(letter for letter in str(text) if letter.isdigit())[:18] or "0" for text in made]
    return np.clip(np.array(digits, dtype=np.int64), low, high)


def _text(
    people: People, column: ColumnSketch, meaning: str, again: int, rng: np.random.Generator
) -> NDArray[Any]:
    dialled = meaning == "phone"
    coded = [(shape, share) for shape, share in column.shapes if is_code(shape) or dialled]
    usual = sum(share for _, share in coded) >= 0.5 and not _too_plain(column, people)
    if usual and (meaning in ("", "username") or (meaning == "phone" and "+" not in coded[0][0])):
        return in_shapes(coded, people.count, rng, column.check)
    made = people.of(_written(column, meaning), again)
    if made is None:
        lengths = (20, 60, 120) if meaning == "prose" and column.lengths == (4, 12, 24) else column.lengths
        return phrases(lengths, people.count, rng, column.words, column.sentences)
    if usual and meaning in _NUMBERED:
        return _in_shape(made, coded, column, rng)
    return _in_style(column, meaning, made)


def _in_shape(
    made: NDArray[Any], shapes: list[tuple[str, float]], column: ColumnSketch, rng: np.random.Generator
) -> NDArray[Any]:
    """Papers and postal codes as they are written here; where that is no way to write them, random ones."""
    known = {classes(shape) for shape, _ in shapes}
    if any("".join(map(class_of, str(text))) in known for text in made[:20]):
        return made
    grouped = spread(made, shapes[0][0])
    return in_shapes(shapes, len(made), rng, column.check) if grouped is None else grouped


def _too_plain(column: ColumnSketch, people: People) -> bool:
    """Whether the shapes have no room for so many people: then another way of writing is better."""
    return column.unique and max(room_of(shape) for shape, _ in column.shapes) < 2 * people.count


def _written(column: ColumnSketch, meaning: str) -> str:
    """Countries and states in full or by their codes, as long as they usually are."""
    short, _, long = column.lengths
    if meaning == "country" and short == long and long in (2, 3):
        return f"country_{long}"
    return "state_short" if meaning == "state" and long <= 3 else meaning


def _in_style(column: ColumnSketch, meaning: str, made: NDArray[Any]) -> NDArray[Any]:
    """Capitals, the family name first, one letter for a sex: as the texts that are not kept are written."""
    shapes = "".join(shape for shape, _ in column.shapes)
    if meaning == "gender" and column.lengths[2] == 1:
        made = np.array(["F", "M"], dtype=object)[(made == "Male").astype(int)]
    if meaning == "full_name" and shapes and all(", " in shape for shape, _ in column.shapes):
        parts = [str(name).rpartition(" ") for name in made]
        made = np.array([f"{last}, {first}" for first, _, last in parts], dtype=object)
    letters = shapes.replace("\\", "")
    if any(letter.isalpha() for letter in letters) and letters == letters.upper() and meaning != "email":
        return np.array([str(text).upper() for text in made], dtype=object)
    return made
