"""Calls to other systems as people declare them: a method and a path, such as `GET /customers/{id}`.

Two declare the same call when they differ in the names of their places only.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING = ("GET", "HEAD")
_PLACE = re.compile(r"\{([a-z][a-zA-Z0-9_]{0,60})\}")
_EXACT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]{1,200}")  # RFC 3986, 3.3, without what is percent-encoded
_UNTOUCHED = "!$&'()*+,=:@"  # beside what is never encoded
_LONGEST = 2000  # characters of a path
_MOST = 40  # segments


@dataclass(frozen=True)
class CallPattern:
    """A method and the segments of a path; a segment in braces is a place for one value."""

    method: str
    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "CallPattern":
        """Read `GET /customers/{id}`; raises ValueError with what is wrong, as a part of a sentence."""
        method, _, path = text.strip().partition(" ")
        if method not in METHODS:
            raise ValueError(f"'{method[:20]}' is no method: {', '.join(METHODS)}")
        path = path.strip()
        if not path.startswith("/") or len(path) > _LONGEST:
            raise ValueError(f"'{path[:80]}' is no path: it begins with a slash")
        segments = tuple(path[1:].split("/"))
        for at, segment in enumerate(segments):
            if segment == "" and at == len(segments) - 1:  # the root, or a slash at the end
                continue
            if not _PLACE.fullmatch(segment) and (not _EXACT.fullmatch(segment) or segment in (".", "..")):
                raise ValueError(
                    f"'{segment[:80]}' is neither a plain part of a path nor a place as in {{id}}"
                )
        if len(segments) > _MOST:
            raise ValueError(f"it has more than {_MOST} parts")
        places = [one for one in segments if one.startswith("{")]
        if len(set(places)) != len(places):
            raise ValueError("a place is named twice")
        return cls(method, segments)

    def __str__(self) -> str:
        return f"{self.method} /{'/'.join(self.segments)}"

    @cached_property
    def key(self) -> str:
        """What is the same for all ways to declare this call: its places have no names."""
        return f"{self.method} /{'/'.join('{}' if one.startswith('{') else one for one in self.segments)}"

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its places, in order."""
        return tuple(one[1:-1] for one in self.segments if one.startswith("{"))

    def values(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """What stands in the places of a path that fits, by name; None for one that does not."""
        if len(segments) != len(self.segments):
            return None
        found = {}
        for mine, given in zip(self.segments, segments, strict=True):
            if mine.startswith("{") and given:
                found[mine[1:-1]] = given
            elif mine != given:
                return None
        return found

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with these values in its places, each encoded so that it stays one part of the path."""
        return "/" + "/".join(
            quote(values[one[1:-1]], safe=_UNTOUCHED) if one.startswith("{") else one for one in self.segments
        )


def segments_of(path: str) -> tuple[str, ...]:
    """The parts of a path that an app wrote; raises ValueError with what is wrong.

    A value stands there as it is, and is encoded once, by Handrail. What some server might take for a way up,
    for another separator or for encoded once more is refused: dots alone, slashes of any script, `%` and `;`.
    """
    if not path.startswith("/") or len(path) > _LONGEST:
        raise ValueError(f"a path begins with a slash, and has {_LONGEST:,} characters at most")
    segments = tuple(path[1:].split("/"))
    for at, segment in enumerate(segments):
        plain = unicodedata.normalize("NFKC", segment)
        if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in segment):
            raise ValueError("there is a character in it that nobody sees")
        if found := next((sign for sign in "%;?#\\" if sign in plain), ""):
            raise ValueError(f"it has the sign {found}, which is not sent in a path; params are given apart")
        if plain.strip() in (".", "..") or "/" in plain:
            raise ValueError("a part of it leads elsewhere")
        if segment == "" and at < len(segments) - 1:
            raise ValueError("a part of it is empty")
    return segments


def best(patterns: Iterable[CallPattern], method: str, segments: tuple[str, ...]) -> CallPattern | None:
    """The pattern that a path fits; of several, the one that is exact where they part."""
    fits = [one for one in patterns if one.method == method and one.values(segments) is not None]
    return min(fits, key=lambda one: [part.startswith("{") for part in one.segments], default=None)
