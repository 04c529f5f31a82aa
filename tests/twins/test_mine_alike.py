"""That each parent has one value in a column is told of many parents; no value is told by it, and nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.twins import codec
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.privacy import rare_in_sketch
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)
NAME = Field("name", "", personal=True, semantic="person_name")
TOWNS = ("Lima", "Accra", "Oslo", "Quito", "Dakar")


def shops(
    make_table: Any, *, number: int = 60, least: int = 5, buyers: int = 0, once: int = 0, named: bool = False
) -> list[Table]:
    """Orders of shops, of `least` and up to 25 more each, and of some that ordered once and had a buyer of
    their own; those of one shop go to one dock and town, at any hour."""
    rng, sizes = np.random.default_rng(3), least + np.arange(number) % 26
    number, sizes = number + once, np.concatenate([sizes, np.ones(once, dtype=int)])
    shop = np.repeat(np.arange(number), sizes)
    rows = len(shop)
    columns: dict[str, Any] = {
        "id": pa.array(range(rows)),
        "shop": pa.array(shop),
        "dock": [f"dock of shop {n}" for n in shop],
        "town": [TOWNS[n % 5] for n in shop],
        "hour": [("early", "noon", "late")[n] for n in rng.integers(0, 3, rows)],
        "usual": ["no" if n < 0.9992 else "yes" for n in rng.random(rows)],
    }
    if buyers:
        whose = np.where(shop < number - once, np.arange(rows) % buyers, buyers + np.arange(rows))
        columns["buyer"] = pa.array(whose)
    of_shop = {"id": pa.array(range(number)), "size": pa.array(rng.integers(1, 5, number))}
    of_shop |= {"name": [f"Ann {n}" for n in range(number)]} if named else {}
    points = Field("shop", "", required=True, references=("shops", "id"))
    return [
        make_table("shops", of_shop, KEY, *([NAME] if named else [])),
        make_table("orders", columns, KEY, points, entity="buyer" if buyers else None),
    ]


def sketched(tables: list[Table]) -> Sketch:
    return take(open_plane(tables, 10)).sketch


def told(sketch: Sketch) -> dict[str, str]:
    return {column.name: column.alike for column in sketch.table("orders").columns if column.alike}


def test_that_the_rows_of_each_parent_are_alike_is_told(make_table: Any) -> None:
    sketch = sketched(shops(make_table))
    assert told(sketch) == {"dock": "shop", "town": "shop"}
    assert codec.from_json(codec.to_json(sketch)) == sketch


def test_what_is_nearly_always_the_same_is_alike_by_chance_and_is_not_told(make_table: Any) -> None:
    tables = shops(make_table, number=200)
    assert "usual" not in told(sketched(tables))


def test_nothing_is_told_of_fewer_than_k_parents(make_table: Any) -> None:
    assert told(sketched(shops(make_table, number=10, least=30)))
    assert not told(sketched(shops(make_table, number=9, least=30)))


def test_nothing_is_told_of_fewer_than_k_people(make_table: Any) -> None:
    assert "town" in told(sketched(shops(make_table, buyers=40, once=200)))
    assert not told(sketched(shops(make_table, buyers=9, once=200)))


def test_nothing_is_told_of_people_whose_rows_are_counted(make_table: Any) -> None:
    """Thirty rows of one clerk would say where this clerk is, though nobody else is there."""
    assert not told(sketched(shops(make_table, named=True)))


def test_where_people_are_counted_it_is_told_of_them(make_table: Any) -> None:
    tables = shops(make_table, named=True)
    by_shop = [tables[0], Table("orders", tables[1].fields, tables[1].path, entity="shop")]
    sketch = sketched(by_shop)
    assert told(sketch) == {"town": "shop", "dock": "shop"}
    assert b"dock of shop" not in codec.to_json(sketch), "each is one person's"


@pytest.mark.parametrize("seed", range(3))
def test_no_value_is_told_that_fewer_than_k_rows_share(make_table: Any, seed: int) -> None:
    tables = shops(make_table, number=40 + seed)
    plane = open_plane(tables, 10)
    sketch = take(plane).sketch
    rows = 5 + np.arange(40 + seed) % 26
    written = codec.to_json(sketch).decode()
    few = [f'"dock of shop {n}"' for n in np.flatnonzero(rows < 10)]
    assert few and not [one for one in few if one in written]
    assert rare_in_sketch(plane, sketch.table("orders")) is None


def test_of_two_links_that_with_fewer_parents_is_taken(make_table: Any) -> None:
    tables = shops(make_table, number=120)
    group = np.arange(120) % 30
    groups = make_table("groups", {"id": pa.array(range(30)), "size": pa.array(range(30))}, KEY)
    shop = np.repeat(np.arange(120), 5 + np.arange(120) % 26)
    orders = make_table(
        "orders",
        {
            "id": pa.array(range(len(shop))),
            "shop": pa.array(shop),
            "chain": pa.array(group[shop]),
            "brand": [f"brand {n % 6}" for n in group[shop]],
            "dock": [f"dock {n}" for n in shop],
        },
        KEY,
        Field("shop", "", required=True, references=("shops", "id")),
        Field("chain", "", required=True, references=("groups", "id")),
    )
    assert told(sketched([tables[0], groups, orders])) == {"brand": "chain", "dock": "shop"}
