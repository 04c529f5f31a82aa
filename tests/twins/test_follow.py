"""Numbers follow each other in a twin also where too few rows have them for any two bins to be shared by k."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.twins.assign import Made
from handrail.twins.follow import in_step
from handrail.twins.generate import generate
from handrail.twins.models import Bin, ColumnSketch, Field, Sketch, Table, TableSketch
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

SEEDS = range(6)


def sketched(*tables: Table, k: int = 10) -> Sketch:
    plane = open_plane(tables, k)
    with plane.con:
        return take(plane).sketch


def correlation(sketch: Sketch, name: str, first: str, second: str) -> float:
    """The mean over several twins."""
    made = [generate(sketch, seed, "plain")[name].table.to_pandas() for seed in SEEDS]
    return float(np.mean([one[first].corr(one[second]) for one in made]))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rows", [12, 30, 60, 200])
def test_numbers_of_few_rows_follow_each_other(make_table: Any, rows: int, sign: int) -> None:
    rng = np.random.default_rng(1)
    price = rng.normal(100, 20, rows).round(2)
    cost = (sign * price + rng.normal(0, 6, rows)).round(2)
    sketch = sketched(make_table("t", {"price": price, "cost": cost}))
    assert sign * correlation(sketch, "t", "price", "cost") > 0.8


def test_numbers_that_few_of_many_rows_have_follow_each_other(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    paid = np.exp(rng.normal(4, 0.5, 600)).round(2)
    returned = [float(round(x * rng.uniform(0.8, 1), 2)) if n % 20 == 0 else None for n, x in enumerate(paid)]
    sketch = sketched(make_table("t", {"paid": paid, "returned": pa.array(returned)}))
    assert correlation(sketch, "t", "paid", "returned") > 0.75
    made = generate(sketch, 1, "plain")["t"].table.to_pandas()
    assert 0.03 < made["returned"].notna().mean() < 0.07


def test_numbers_follow_those_of_the_row_they_point_at(make_table: Any) -> None:
    rng = np.random.default_rng(3)
    size, at = rng.normal(50, 15, 25).round(1), rng.integers(0, 25, 38)
    towns = make_table(
        "towns", {"id": pa.array(range(25)), "size": size}, Field("id", "", required=True, primary_key=True)
    )
    shops = make_table(
        "shops",
        {"town": pa.array(at), "staff": (size[at] * 2 + rng.normal(0, 5, 38)).round(1)},
        Field("town", "", required=True, references=("towns", "id")),
    )
    sketch = sketched(towns, shops)
    (staff,) = (one for one in sketch.table("shops").columns if one.name == "staff")
    assert staff.along == ("town", "size") and staff.along not in staff.parents
    found = []
    for seed in SEEDS:
        made = {name: one.table.to_pandas() for name, one in generate(sketch, seed, "plain").items()}
        joined = made["shops"].merge(made["towns"], left_on="town", right_on="id")
        found.append(joined["size"].corr(joined["staff"]))
    assert np.mean(found) > 0.7


def test_what_fewer_than_k_have_both_of_is_not_told(make_table: Any) -> None:
    x = [float(n) if n < 20 else None for n in range(200)]
    y = [float(n) if n > 10 else None for n in range(200)]
    table = make_table("t", {"x": pa.array(x), "y": pa.array(y)})
    assert all(one.along is None for one in sketched(table).table("t").columns)


def test_the_rows_of_few_people_tell_nothing_however_many_they_are(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    who = [n % 9 for n in range(200)]
    both = rng.normal(0, 10, 200)
    # Both numbers of nine people alone; of a hundred others one of them.
    x = [*both, *rng.normal(0, 10, 100), *[None] * 100]
    y = [*(both + rng.normal(0, 1, 200)), *[None] * 100, *rng.normal(0, 10, 100)]
    columns = {"who": pa.array([*who, *range(100, 300)]), "x": pa.array(x), "y": pa.array(y)}
    table = make_table("t", columns, Field("who", "", personal=True), entity="who")
    assert all(one.along is None for one in sketched(table).table("t").columns)
    counted = make_table("t", columns)
    assert any(one.along is not None for one in sketched(counted).table("t").columns)


def test_a_correlation_is_told_in_twentieths(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(0, 10, 30)
    table = make_table("t", {"x": x.round(2), "y": (x + rng.normal(0, 7, 30)).round(2)})
    (close,) = (one.closely for one in sketched(table).table("t").columns if one.along)
    assert len(close) == 1 and close[0] * 20 == pytest.approx(round(close[0] * 20))


BINS = (
    Bin("null"),
    Bin("value", value=3.0),
    Bin("range", low=5.0, high=9.0),
    Bin("range", low=9.0, high=20.0),
)


def column(name: str, **more: Any) -> ColumnSketch:
    return ColumnSketch(name, "DOUBLE", "float", "model", bins=BINS, shares=(0.25,) * 4, **more)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-1, 2)), max_size=60), st.data())
def test_whatever_is_drawn_stays_in_its_cell_and_what_is_empty_stays_empty(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    close = data.draw(st.sampled_from([-1.0, -0.4, 0.3, 1.0]))
    theirs, own, cell = (np.array([row[at] for row in rows], dtype=np.int64) for at in range(3))
    rng = np.random.default_rng(len(rows))
    following = column("y", along=("", "x"), closely=(close,))
    table = TableSketch("t", len(rows), (column("x"), following), ("x", "y"), (), ())
    one = Made(table, len(rows))
    one.codes["x"] = theirs.astype(np.int16)
    one.places["x"] = rng.random(len(rows), dtype=np.float32)
    drawn = own.astype(np.int16), rng.random(len(rows), dtype=np.float32)
    codes, places = in_step(table, {}, one, following, cell, drawn, rng)
    before, after = (sorted(zip(cell, *found, strict=True)) for found in (drawn, (codes, places)))
    assert before == after
    assert ((codes == 0) == (own == 0)).all()
    fixed = (own == 0) | (theirs == 0)
    assert (codes[fixed] == own[fixed]).all() and (places[fixed] == drawn[1][fixed]).all()
