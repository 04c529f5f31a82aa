"""What is one value for each parent in reality is so in the twin, comes as often, and keeps what goes together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.twins.alike import dealt_by_parent
from handrail.twins.assign import Made
from handrail.twins.calibrate import repeats
from handrail.twins.generate import generate
from handrail.twins.models import Bin, ColumnSketch, Field, Sketch, Table, TableSketch
from handrail.twins.plane import open_plane
from handrail.twins.rules import Rule
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)
LANDS = ("Peru", "Ghana", "Norway", "Chile")


def tables(make_table: Any) -> list[Table]:
    """Orders of eighty shops, 4 to 33 each: a name, a town of one of four countries and a distance for each."""
    rng, sizes = np.random.default_rng(5), 4 + np.arange(80) * 7 % 30
    shop = np.repeat(np.arange(80), sizes)
    rows = len(shop)
    points = Field("shop", "", required=True, references=("shops", "id"))
    return [
        make_table("shops", {"id": pa.array(range(80)), "size": pa.array(rng.integers(1, 5, 80))}, KEY),
        make_table(
            "orders",
            {
                "id": pa.array(range(rows)),
                "shop": pa.array(shop),
                "sent_to": [f"The {n}th Shop" for n in shop],
                "town": [f"{LANDS[n % 4]} town {n % 12 // 4}" for n in shop],
                "land": [LANDS[n % 4] for n in shop],
                "distance": pa.array((shop * 37 % 211).astype(float)),
                "hour": [("early", "noon", "late")[n] for n in rng.integers(0, 3, rows)],
            },
            KEY,
            points,
        ),
    ]


@pytest.fixture
def sketch(make_table: Any) -> Sketch:
    return take(open_plane(tables(make_table), 10)).sketch


def by_shop(rows: dict[str, list[Any]], column: str) -> dict[Any, set[Any]]:
    found: dict[Any, set[Any]] = defaultdict(set)
    for shop, value in zip(rows["shop"], rows[column], strict=True):
        found[shop].add(value)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_all_rows_of_a_parent_say_the_same(sketch: Sketch, seed: int) -> None:
    rows = generate(sketch, seed, "plain")["orders"].table.to_pydict()
    for column in ("sent_to", "town", "land", "distance"):
        assert all(len(said) == 1 for said in by_shop(rows, column).values()), column
    assert np.mean([len(said) for said in by_shop(rows, "hour").values()]) > 2, "which no shop has one of"


@pytest.mark.parametrize("seed", range(3))
def test_values_come_about_as_often_as_they_do(sketch: Sketch, make_table: Any, seed: int) -> None:
    twin = generate(sketch, seed, "plain")["orders"].table.to_pydict()
    lands = Counter(twin["land"])
    for column in (one for one in sketch.table("orders").columns if one.name == "land"):
        for bin_, share in zip(column.bins, column.shares, strict=True):
            if bin_.kind == "value":
                assert abs(lands[str(bin_.value)] / len(twin["land"]) - share) < 0.06, "three parents"


@pytest.mark.parametrize("seed", range(3))
def test_what_goes_together_still_does(sketch: Sketch, seed: int) -> None:
    twin = generate(sketch, seed, "plain")["orders"].table.to_pydict()
    assert all(town.startswith(land) for town, land in zip(twin["town"], twin["land"], strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_values_of_which_nothing_is_told_are_invented_for_each_parent(sketch: Sketch, seed: int) -> None:
    twin = generate(sketch, seed, "plain")["orders"].table.to_pydict()
    invented = {n: said for n, said in by_shop(twin, "sent_to").items() if not min(said).startswith("The ")}
    sizes = Counter(twin["shop"])
    assert invented and max(sizes[shop] for shop in invented) < 10, "names of more rows are told"
    assert len(set.union(*invented.values())) > len(invented) / 2, "two may be the same by chance"


TEXTS = ColumnSketch(
    "said",
    "VARCHAR",
    "text",
    "model",
    bins=(Bin("null"), *(Bin("value", value) for value in "ab"), Bin("other")),
    shares=(0.1, 0.4, 0.3, 0.2),
    alike="parent",
)


@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=60))
def test_a_parent_takes_what_was_drawn_for_rows_like_its_own(rows: list[tuple[int, int, int]]) -> None:
    points, cells, codes = (np.array(one) for one in zip(*rows, strict=True))
    cell = np.where(points < 0, cells, points % 3)  # all rows of a parent are alike in what it is drawn by
    one = Made(TableSketch("t", len(rows), (TEXTS,), ("said",)), len(rows), points={"parent": points})
    drawn = codes.astype(np.int16), np.linspace(0, 0.9, len(rows), dtype=np.float32)
    found, places = dealt_by_parent(one.sketch, one, TEXTS, cell, drawn, np.random.default_rng(0))
    for parent in set(points[points >= 0].tolist()):
        own = points == parent
        assert len(set(zip(found[own].tolist(), places[own].tolist(), strict=True))) == 1
        assert found[own][0] in codes[(cell == parent % 3) & (points >= 0)]
    assert (found[points < 0] == codes[points < 0]).all()


def test_what_goes_together_in_a_list_is_dealt_together() -> None:
    """Parents are drawn by nothing here, but a list says that those in town a say b, and the others a."""
    points = np.repeat(np.arange(12), 4)
    town = replace(TEXTS, name="town")
    pairs = (("a", "b", 0.5), ("b", "a", 0.5))
    rule = Rule("accepted", ("town", "said"), pairs=pairs)
    table = TableSketch("t", 48, (town, TEXTS), ("town", "said"), rules=(rule,))
    codes = (1 + points % 2).astype(np.int16)
    one = Made(table, 48, codes={"town": codes}, points={"parent": points})
    drawn = (3 - codes).astype(np.int16), np.zeros(48, dtype=np.float32)
    found, _ = dealt_by_parent(
        table, one, TEXTS, np.zeros(48, dtype=np.int64), drawn, np.random.default_rng(2)
    )
    assert (found == 3 - codes).all()


def test_what_belongs_to_one_row_alone_changes_nothing_that_all_say(sketch: Sketch) -> None:
    assert repeats(sketch.table("orders")) == {"sent_to", "town", "land", "distance"}


def test_a_parent_of_many_rows_has_no_text_that_few_share() -> None:
    points = np.repeat(np.arange(4), [12, 12, 3, 3])
    codes = np.array([3] * 6 + [1] * 12 + [2] * 12, dtype=np.int16)
    one = Made(TableSketch("t", 30, (TEXTS,), ("said",)), 30, k=10, points={"parent": points})
    drawn, rng = (codes, np.zeros(30, dtype=np.float32)), np.random.default_rng(1)
    found, _ = dealt_by_parent(one.sketch, one, TEXTS, np.zeros(30, dtype=np.int64), drawn, rng)
    assert sorted({int(found[0]), int(found[12])}) == [1, 2] and (found[24:] == 3).all()
