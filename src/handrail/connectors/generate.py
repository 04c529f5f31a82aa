"""Make up a value that fits a JSON Schema, the same one for the same seed; for answers of the sandbox.

What a schema gives as an example is taken as it is. Of the keywords of JSON Schema 2020-12, and of OpenAPI
3.0 where the two differ, those are followed that APIs describe answers with; `pattern` and `not` are passed
over.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_DEEPEST = 12
_MOST = 3  # items of a list, unless its schema asks for more
_LONGEST_LIST = 50
_MOST_VALUES = 5000
_WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "indigo",
    "juniper",
    "kelp",
    "larch",
)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_SPAN = 10_000


class Generator:
    """Values for the schemas of one document; `known` are values by field name, such as an id asked for."""

    def __init__(
        self, document: Mapping[str, Any], seed: str, known: Mapping[str, str] | None = None
    ) -> None:
        self._document = document
        self._random = random.Random(seed)  # noqa: S311 - made up, not secret
        self._known = dict(known or {})
        self._left = _MOST_VALUES

    def value(self, schema: Any, depth: int = 0, name: str = "") -> Any:
        """A value that fits the schema."""
        schema, self._left = self._followed(schema), self._left - 1
        if depth > 2 * _DEEPEST or self._left < 0:
            return None
        for given in ("const", "example", "default"):
            if given in schema and name not in self._known:
                return schema[given]
        if schema.get("examples") and isinstance(schema["examples"], list) and name not in self._known:
            return self._random.choice(schema["examples"])
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        for several in ("oneOf", "anyOf"):
            if schema.get(several):
                rest = {key: value for key, value in schema.items() if key != several}
                chosen = self._followed(self._random.choice(schema[several]))
                return self.value(_merged(rest, chosen), depth + 1, name)
        kind = _kind(schema)
        makers: dict[str, Callable[[Mapping[str, Any], int, str], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
        }
        if kind == "boolean":
            return self._random.random() < 0.5
        return makers[kind](schema, depth, name) if kind in makers else None

    def _followed(self, schema: Any, steps: int = 0) -> dict[str, Any]:
        """The schema itself: where its references lead, and what it is all of, in one."""
        found: dict[str, Any] = dict(schema) if isinstance(schema, Mapping) else {}
        if steps > _DEEPEST:  # it leads back to itself
            return {}
        if "$ref" in found:
            reference = found.pop("$ref")
            found = _merged(self._followed(self._at(reference), steps + 1), found)
        for part in found.pop("allOf", ()):
            found = _merged(found, self._followed(part, steps + 1))
        return found

    def _at(self, reference: Any) -> dict[str, Any]:
        """What a reference within this document leads to; nothing is fetched for one that leads elsewhere."""
        here: Any = self._document
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return {}
        for step in reference[2:].split("/"):
            here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, Mapping) else None
        return dict(here) if isinstance(here, Mapping) else {}

    def _object(self, schema: Mapping[str, Any], depth: int, _name: str) -> dict[str, Any]:
        required = schema.get("required", ())
        fields = schema.get("properties", {})
        return {
            field: self.value(inner, depth + 1, field)
            for field, inner in fields.items()
            if field in required or depth < _DEEPEST // 2
        }

    def _array(self, schema: Mapping[str, Any], depth: int, name: str) -> list[Any]:
        least = min(int(schema.get("minItems", 0)), _LONGEST_LIST)
        most = min(int(schema.get("maxItems", max(least, _MOST))), max(least, _MOST))
        count = least if depth > _DEEPEST // 2 else self._random.randint(max(least, min(1, most)), most)
        items: list[Any] = []
        unique = bool(schema.get("uniqueItems"))
        tries = 0
        while len(items) < count and tries < 10 * count:
            tries += 1
            item = self.value(schema.get("items", {}), depth + 1, "")
            if not unique or item not in items:
                items.append(item)
        return items

    def _string(self, schema: Mapping[str, Any], _depth: int, name: str) -> str:
        if name in self._known:
            return self._known[name]
        made = self._formatted(str(schema.get("format", "")), name)
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        while len(made) < least:
            made = f"{made} {self._random.choice(_WORDS)}"
        return made if most is None else made[: int(most)]

    def _formatted(self, form: str, name: str) -> str:
        word, number = self._random.choice(_WORDS), self._random.randint(1, _SPAN)
        moment = _BEGIN + timedelta(minutes=self._random.randint(0, 60 * 24 * 180))
        made = {
            "date-time": moment.isoformat(),
            "date": moment.date().isoformat(),
            "time": moment.timetz().isoformat(),
            "duration": f"PT{number % 60 + 1}M",
            "email": f"{word}{number}@example.org",
            "hostname": f"{word}.example.org",
            "ipv4": f"192.0.2.{number % 254 + 1}",
            "ipv6": f"2001:db8::{number:x}",
            "uri": f"https://example.org/{word}/{number}",
            "uuid": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "byte": "aGFuZHJhaWw=",
        }
        return made.get(form) or f"{name or word} {number}".strip()

    def _integer(self, schema: Mapping[str, Any], _depth: int, name: str) -> int:
        if self._known.get(name, "").isdigit():
            return int(self._known[name])
        least, most = _bounds(schema, 1)
        step = int(schema.get("multipleOf", 1)) or 1
        first = -(-int(least) // step)
        return step * self._random.randint(first, max(first, int(most) // step))

    def _number(self, schema: Mapping[str, Any], depth: int, name: str) -> float:
        if "multipleOf" in schema:
            step = float(schema["multipleOf"])
            least, most = _bounds(schema, 0.0)
            return round(
                step
                * self._random.randint(
                    int(-(-least // step)), max(int(-(-least // step)), int(most // step))
                ),
                6,
            )
        least, most = _bounds(schema, 0.0)
        return min(most, max(least, round(self._random.uniform(least, most), 2)))


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both schemas at once: the fields of both, what either requires, and of the rest the second's word."""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _kind(schema: Mapping[str, Any]) -> str:
    stated = schema.get("type")
    if isinstance(stated, list):  # such as ["string", "null"]
        stated = next((one for one in stated if one != "null"), "null")
    if stated:
        return str(stated)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string" if "format" in schema else "object"


def _bounds(schema: Mapping[str, Any], nudge: float) -> tuple[float, float]:
    """The least and the most that a number may be; OpenAPI 3.0 says `exclusiveMinimum: true` beside it."""
    least, most = schema.get("minimum"), schema.get("maximum")
    step = nudge or 1e-6
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is True and least is not None:
        least = least + step
    elif isinstance(above, int | float) and not isinstance(above, bool):
        least = max(above + step, least if least is not None else above + step)
    if below is True and most is not None:
        most = most - step
    elif isinstance(below, int | float) and not isinstance(below, bool):
        most = min(below - step, most if most is not None else below - step)
    if least is None:
        least = min(1, most) if most is not None else 1
    return least, max(least, most if most is not None else least + _SPAN)
