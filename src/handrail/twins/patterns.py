"""Texts that match a regular expression of a contract, for columns in which nothing that is drawn matches."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

MOST_REPEATED = 6  # of what may be repeated without end
MOST_MADE = 1000  # texts, of which more rows take one each
_CLASSES = {
    _constants.CATEGORY_DIGIT: string.digits,
    _constants.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    _constants.CATEGORY_SPACE: " ",
}
_ANY = string.ascii_letters + string.digits


class _Unknown(Exception):
    """A part of a pattern that no text is made for."""


def matching(pattern: str, rows: int, rng: np.random.Generator) -> list[str] | None:
    """A text for each row that the pattern is found in; None where no text could be made.

    Reads what Python and RE2 have in common: letters, classes, groups, choices, repeats and anchors.
    """
    try:
        tree = _parser.parse(pattern)
        made = ["".join(_texts(tree, rng)) for _ in range(min(rows, MOST_MADE))]
        fits = [text for text in made if re.search(pattern, text)]
    except (re.error, _Unknown, RecursionError):
        return None
    return [fits[place % len(fits)] for place in range(rows)] if fits else None


def _texts(tree: Any, rng: np.random.Generator) -> Iterable[str]:
    for op, given in tree:
        if op is _constants.LITERAL:
            yield chr(given)
        elif op is _constants.ANY:
            yield str(rng.choice(list(_ANY)))
        elif op in (_constants.IN, _constants.NOT_LITERAL):
            letters = _letters(given) if op is _constants.IN else set(_ANY) - {chr(given)}
            yield str(rng.choice(sorted(letters)))
        elif op is _constants.BRANCH:
            yield from _texts(given[1][int(rng.integers(len(given[1])))], rng)
        elif op is _constants.SUBPATTERN:
            yield from _texts(given[-1], rng)
        elif op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            least, most, inner = given
            for _ in range(int(rng.integers(least, max(least, min(int(most), least + MOST_REPEATED)) + 1))):
                yield from _texts(inner, rng)
        elif op is not _constants.AT:
            raise _Unknown(str(op))


def _letters(parts: Any) -> set[str]:
    """The letters of a class."""
    found: set[str] = set()
    for op, given in parts:
        if op is _constants.LITERAL:
            found.add(chr(given))
        elif op is _constants.RANGE:
            found |= {chr(code) for code in range(given[0], min(given[1], given[0] + 200) + 1)}
        elif op is _constants.CATEGORY and given in _CLASSES:
            found |= set(_CLASSES[given])
        elif op is not _constants.NEGATE:
            raise _Unknown(str(op))
    negated = bool(parts) and parts[0][0] is _constants.NEGATE
    if negated:
        found = set(_ANY) - found
    if not found:
        raise _Unknown("no letter is left")
    return found
