"""Our values as JSON."""

import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from handrail import kit


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    price: Decimal
    tags: frozenset[str]
    at: dt.datetime
    secret: str = field(default="hunter2", repr=False)


def test_a_value_of_ours_becomes_plain_json_without_what_its_repr_hides() -> None:
    thing = Thing("a", Decimal("1.10"), frozenset({"y", "x"}), dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    assert kit.jsonable([thing]) == [
        {"name": "a", "price": "1.10", "tags": ["x", "y"], "at": "2026-01-02T00:00:00+00:00"}
    ]


def test_everything_it_gives_can_be_written() -> None:
    odd = {
        1: MappingProxyType({"b": b"\x00\xff"}),
        "p": Path("a/b"),
        "c": Colour.RED,
        "t": dt.timedelta(seconds=2),
    }
    assert json.loads(json.dumps(kit.jsonable(odd))) == {"1": {"b": "00ff"}, "p": "a/b", "c": "red", "t": 2.0}


def test_what_has_no_plain_shape_is_refused_and_not_printed_as_it_is() -> None:
    with pytest.raises(TypeError):
        kit.jsonable(object())
