"""Texts that match a regular expression of a contract, for columns in which nothing that is drawn matches.

Read are letters, classes, groups, choices, repeats and anchors (https://github.com/google/re2/wiki/Syntax).
RE2, by which rules are checked, is asked in the end whether a text matches, in linear time: what is read
wrongly makes no text, never a wrong one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_REPEATED = 6  # of what may be repeated without end
MOST_MADE = 1000  # texts, of which more rows take one each
LONGEST = 10_000  # characters that a repeat draws
_OF_A_RANGE = 200  # letters that are drawn from, at most
_WITHOUT_END = 1 << 31
_ANY = string.ascii_letters + string.digits
_OTHERS = " " + string.punctuation  # where a class leaves none of these
_CLASSES = {
    "d": string.digits,
    "w": _ANY + "_",
    "s": " ",
    "D": string.ascii_letters,
    "W": " -.",
    "S": _ANY,
}
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_EDGES = "AzbB"  # after a backslash: ends of texts and words, which have no letter
_REPEATS = {"*": (0, _WITHOUT_END), "+": (1, _WITHOUT_END), "?": (0, 1)}
_BOUNDS = re.compile(r"\{(\d+)(,?)(\d*)\}")
_OPENED = re.compile(r"\(\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?:)")  # read as a group without a name
_FLAGS = re.compile(r"\(\?[imsU]+(?:-[imsU]+)?\)")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-3][0-7]{2}")
_HEX = re.compile(r"x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))")

_Draw = Callable[[np.random.Generator], str]


class _Unknown(Exception):
    """A part of a pattern that no text is made for."""


def matching(pattern: str, rows: int, rng: np.random.Generator) -> list[str] | None:
    """A text for each row that the pattern is found in; None where no text could be made."""
    try:
        _fitting([""], pattern)  # the reader relies on it that this is a pattern
        draw = _Reader(pattern).choice()
        fits = _fitting([draw(rng) for _ in range(min(rows, MOST_MADE))], pattern)
    except (pa.ArrowInvalid, _Unknown, RecursionError):
        return None
    return [fits[place % len(fits)] for place in range(rows)] if fits else None


def _fitting(texts: list[str], pattern: str) -> list[str]:
    """Those texts that the pattern is found in."""
    asked = pa.array(texts, pa.string())
    found: list[str] = asked.filter(pc.match_substring_regex(asked, pattern)).to_pylist()
    return found


class _Reader:
    """Reads a pattern from the left to the right into what draws texts for it."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def choice(self) -> _Draw:
        """Everything up to the end of the group, or of the pattern: one of what stands between bars."""
        ways = [self._sequence()]
        while self._take("|"):
            ways.append(self._sequence())
        return lambda rng: ways[int(rng.integers(len(ways)))](rng)

    def _sequence(self) -> _Draw:
        parts: list[_Draw] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            if flags := _FLAGS.match(self._pattern, self._at):
                self._at = flags.end()
            else:
                parts.append(self._repeated(self._one()))
        return lambda rng: "".join(part(rng) for part in parts)

    def _one(self) -> _Draw:
        if self._take("("):
            return self._group()
        if self._take("["):
            return _one_of(self._class())
        if self._take("."):
            return _one_of(_ANY)
        if self._take("^") or self._take("$"):
            return _nothing
        if not self._take("\\"):
            return _one_of(self._next())
        if self._pattern[self._at :][:1] in _EDGES:
            self._next()
            return _nothing
        return _one_of(self._escaped())

    def _group(self) -> _Draw:
        if opened := _OPENED.match(self._pattern, self._at - 1):
            self._at = opened.end()
        elif self._pattern.startswith("?", self._at):
            raise _Unknown("a group of another kind")
        inner = self.choice()
        self._take(")")
        return inner

    def _repeated(self, one: _Draw) -> _Draw:
        bounds = self._bounds()
        if bounds is None:
            return one
        self._take("?")  # as few as possible: the same texts
        least, most = bounds[0], min(bounds[1], bounds[0] + MOST_REPEATED)

        def draw(rng: np.random.Generator) -> str:
            made, length = [], 0
            for _ in range(int(rng.integers(least, most + 1))):
                made.append(one(rng))
                length += len(made[-1])
                if length > LONGEST:
                    raise _Unknown("too long")
            return "".join(made)

        return draw

    def _bounds(self) -> tuple[int, int] | None:
        """How often what was read last may stand there; None where nothing says so."""
        for sign, bounds in _REPEATS.items():
            if self._take(sign):
                return bounds
        found = _BOUNDS.match(self._pattern, self._at)
        if found is None:
            return None  # a brace like any other sign
        self._at = found.end()
        least = int(found[1])
        return least, int(found[3]) if found[3] else (_WITHOUT_END if found[2] else least)

    def _class(self) -> str:
        """The letters of a class, whose bracket was read."""
        negated = self._take("^")
        found = set(self._range())  # a bracket that comes first ends nothing
        while not self._take("]"):
            found |= set(self._range())
        letters = (set(_ANY) - found or set(_OTHERS) - found) if negated else found
        if not letters:
            raise _Unknown("no letter is left")
        return "".join(sorted(letters))

    def _range(self) -> str:
        """One item of a class: a letter, all from one to another, or what an escape stands for."""
        low = self._letters()
        if not self._pattern.startswith("-", self._at) or self._pattern.startswith("-]", self._at):
            return low
        self._next()
        high = self._letters()
        if len(low) + len(high) != 2:
            raise _Unknown("a range between classes")
        return "".join(map(chr, range(ord(low), min(ord(high), ord(low) + _OF_A_RANGE) + 1)))

    def _letters(self) -> str:
        return self._escaped() if self._take("\\") else self._next()

    def _escaped(self) -> str:
        """The letters that an escape stands for, whose backslash was read."""
        if octal := _OCTAL.match(self._pattern, self._at):
            self._at = octal.end()
            return chr(int(octal[0], 8))
        if code := _HEX.match(self._pattern, self._at):
            self._at = code.end()
            return chr(int(code[1] or code[2], 16))
        sign = self._next()
        found = _CLASSES.get(sign) or _SIGNS.get(sign)
        if found is None and sign.isalnum():
            raise _Unknown("an escape of another kind")
        return found or sign

    def _take(self, sign: str) -> bool:
        """Go past this sign if it comes next."""
        there = self._pattern.startswith(sign, self._at)
        self._at += there
        return there

    def _next(self) -> str:
        if self._at == len(self._pattern):
            raise _Unknown("it ends too early")
        self._at += 1
        return self._pattern[self._at - 1]


def _one_of(letters: str) -> _Draw:
    return lambda rng: letters[int(rng.integers(len(letters)))]


def _nothing(_rng: np.random.Generator) -> str:
    return ""
