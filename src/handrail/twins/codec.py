"""The sketch as a file: JSON, version 3, the same bytes for the same sketch.

Keys are those of the dataclasses in `models.py`: `Sketch` > `TableSketch` > `ColumnSketch` > `Bin`, and
`LinkSketch`. `given` lists, per cell of the parents' folded bins, pairs of bin number and share. A reader of
another version refuses.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from handrail.kernel import Invalid
from handrail.twins.models import Beside, Bin, ColumnSketch, First, LinkSketch, Series, Sketch, TableSketch
from handrail.twins.rules import Means, Rule

VERSION = 3


def to_json(sketch: Sketch) -> bytes:
    """Write a sketch."""
    return orjson.dumps(sketch, option=orjson.OPT_INDENT_2)


def digest(sketch: Sketch) -> str:
    """What names a sketch: the hash of its file."""
    return f"sha256:{hashlib.sha256(to_json(sketch)).hexdigest()}"


def from_json(content: bytes) -> Sketch:
    """Read a sketch; refuses Invalid when it is not one, or of another version."""
    try:
        found = orjson.loads(content)
        if found["version"] != VERSION:
            raise Invalid(
                f"This sketch has version {found['version']}; this Handrail reads version {VERSION}.",
                next_step="Build the twin again.",
            )
        return Sketch(int(found["k"]), tuple(_table(one) for one in found["tables"]), VERSION)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Invalid("This file is not a sketch.", next_step="Build the twin again.") from error


def _table(one: dict[str, Any]) -> TableSketch:
    return TableSketch(
        **one
        | {
            "columns": tuple(_column(column) for column in one["columns"]),
            "links": tuple(_link(link) for link in one["links"]),
            "means": tuple(Means(**{key: _tuples(value) for key, value in m.items()}) for m in one["means"]),
            "order": tuple(one["order"]),
            "series": _series(one["series"]) if one["series"] else None,
            "rules": tuple(_rule(rule) for rule in one["rules"]),
            "simplifications": tuple(one["simplifications"]),
            "lands": _tuples(one.get("lands", [])),
        }
    )


def _column(one: dict[str, Any]) -> ColumnSketch:
    return ColumnSketch(**{key: _tuples(value) for key, value in one.items()} | {"bins": _bins(one["bins"])})


def _bins(found: list[dict[str, Any]]) -> tuple[Bin, ...]:
    return tuple(Bin(**{key: _tuples(value) for key, value in one.items()}) for one in found)


def _first(one: dict[str, Any]) -> First:
    return First(one["column"], _bins(one["bins"]), _tuples(one["shares"]))


def _series(one: dict[str, Any]) -> Series:
    first = tuple(_first(f) for f in one["first"])
    return Series(**{key: _tuples(value) for key, value in one.items()} | {"first": first})


def _link(one: dict[str, Any]) -> LinkSketch:
    beside = tuple(Beside(**{key: _tuples(value) for key, value in b.items()}) for b in one["beside"])
    nested = {"beside": beside, "children": _first(one["children"]) if one["children"] else None}
    return LinkSketch(**{key: _tuples(value) for key, value in one.items()} | nested)


def _rule(one: dict[str, Any]) -> Rule:
    return Rule(**{key: _tuples(value) for key, value in one.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
