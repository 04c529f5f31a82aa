"""Identifiers in a shape such as `\\O\\R\\D-9999`: A, a and 9 are open, what follows a backslash is kept.

Texts are made for whole columns at once. Different numbers give different texts: a number is written in the
mixed radix of the open places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.check_digits import CHECKS

Texts = NDArray[Any]
OPEN = {"A": (65, 26), "a": (97, 26), "9": (48, 10)}
BLOCKS = 32  # parts of the room that keys may keep to
MOST_ROOM = 2**62


def places(shape: str) -> tuple[tuple[str, bool], ...]:
    """Each character of a shape, and whether it is open."""
    found: list[tuple[str, bool]] = []
    kept = False
    for letter in shape:
        if letter == "\\" and not kept:
            kept = True
            continue
        found.append((letter, not kept and letter in OPEN))
        kept = False
    return tuple(found)


def is_code(shape: str) -> bool:
    """Whether a shape looks like an identifier rather than words."""
    letters = places(shape)
    drawn = "".join(letter for letter, _ in letters)
    digits = any(letter == "9" or letter.isdigit() for letter in drawn)
    few = drawn.count(" ") < 2 or not any(letter.islower() for letter in drawn)
    return len(drawn) <= 24 and (digits or drawn.isupper()) and few


def room_of(shape: str, check: str = "") -> int:
    """How many different texts there are in a shape; a check digit says nothing new."""
    sizes = [OPEN[letter][1] for letter, is_open in places(shape) if is_open]
    return min(MOST_ROOM, math.prod(sizes[:-1] if check and sizes else sizes))


def shaped(shape: str, rows: int, rng: np.random.Generator, check: str = "") -> Texts:
    """Random letters and digits in the open places."""
    letters = places(shape)
    if not letters:
        return np.full(rows, "", dtype=object)
    made = np.tile(np.array([ord(letter) for letter, _ in letters], dtype=np.uint32), (rows, 1))
    for mark, (first, count) in OPEN.items():
        columns = [i for i, (letter, is_open) in enumerate(letters) if is_open and letter == mark]
        if columns:
            made[:, columns] = first + rng.integers(0, count, (rows, len(columns)), dtype=np.uint32)
    return _texts(_proved(made, check))


def counted(shape: str, numbers: NDArray[np.int64], check: str = "") -> Texts:
    """The text of each number below `room_of(shape, check)`: different numbers, different texts."""
    letters = places(shape)
    made = np.tile(np.array([ord(letter) for letter, _ in letters], dtype=np.uint32), (len(numbers), 1))
    slots = [i for i, (_, is_open) in enumerate(letters) if is_open]
    left = numbers.copy()
    for slot in reversed(slots[:-1] if check else slots):
        first, count = OPEN[letters[slot][0]]
        made[:, slot] = first + left % count
        left //= count
    return _texts(_proved(made, check))


def distinct_texts_of(
    shapes: Sequence[tuple[str, float]], rows: int, rng: np.random.Generator, block: int = 0, check: str = ""
) -> Texts | None:
    """Different identifiers in the shapes that have room, each as often as it occurs; None for words.

    With `block` 0 they are spread over all the room there is, else they keep to that one of `BLOCKS` parts.
    Where no shape has room the commonest gets more digits.
    """
    parts = BLOCKS if block else 1
    coded = [(shape, share) for shape, share in shapes if is_code(shape)]
    if sum(share for _, share in coded) < 0.5:
        return None
    usable = [(shape, share) for shape, share in coded if has_room(shape, rows, block, check)]
    if not usable:
        longer = coded[0][0]
        while not has_room(longer, rows, block, check):
            longer += "9"
        usable = [(longer, 1.0)]
    weights = np.array([share for _, share in usable])
    picked = rng.choice(len(usable), size=rows, p=weights / weights.sum())
    made = np.empty(rows, dtype=object)
    for place, (shape, _) in enumerate(usable):
        at = np.flatnonzero(picked == place)
        room = room_of(shape, check) // parts
        step, first = _prime_to(room), int(rng.integers(0, room))
        exact = object if room > 2**31 else np.int64  # products beyond 64 bits
        numbers = (np.arange(len(at), dtype=exact) * step + first) % room
        made[at] = counted(shape, numbers.astype(np.int64) + max(block - 1, 0) * room, check)
    return made


def has_room(shape: str, rows: int, block: int = 0, check: str = "") -> bool:
    """Whether so many different texts fit a shape, or one part of its room."""
    room = room_of(shape, check)
    return room >= rows * BLOCKS if block else room >= 2 * rows


def _proved(letters: NDArray[np.uint32], check: str) -> NDArray[np.uint32]:
    """The last digit made to prove the others."""
    if not check or not len(letters):
        return letters
    digits = np.flatnonzero(((letters >= 48) & (letters <= 57)).all(axis=0))
    if len(digits) > 1:
        letters[:, digits[-1]] = 48 + CHECKS[check](letters[:, digits[:-1]].astype(np.int64) - 48)
    return letters


def _texts(letters: NDArray[np.uint32]) -> Texts:
    found: Texts = np.ascontiguousarray(letters).view(f"<U{letters.shape[1]}").ravel().astype(object)
    return found


def _prime_to(room: int) -> int:
    step = int(room * 0.618) | 1
    while math.gcd(step, room) != 1:
        step += 2
    return step


def classes(shape: str) -> str:
    """A shape with all letters and digits open, as it is counted."""
    return "".join(
        letter if is_open or not letter.isalnum() else class_of(letter) for letter, is_open in places(shape)
    )


def class_of(letter: str) -> str:
    """A, a or 9 for a letter or digit, itself for anything else."""
    if letter.isdigit():
        return "9"
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    return letter


def spread(made: Texts, shape: str) -> Texts | None:
    """Numbers written in groups, as the shape has them; None where it has not as many letters and digits."""
    letters = places(shape)
    slots = [i for i, (letter, _) in enumerate(letters) if letter.isalnum()]
    packed = ["".join(letter for letter in str(text) if letter.isalnum()) for text in made]
    if not packed or any(len(text) != len(slots) for text in packed):
        return None
    found = np.tile(np.array([ord(letter) for letter, _ in letters], dtype=np.uint32), (len(packed), 1))
    found[:, slots] = np.array(packed).view(np.uint32).reshape(len(packed), len(slots))
    return _texts(found)
