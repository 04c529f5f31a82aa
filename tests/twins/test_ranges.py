"""Numbers within bins: pieces, tails, places that follow others, and columns that repeat their parent's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.twins.generate import generate
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def sketched(*tables: Table, k: int = 10) -> Sketch:
    plane = open_plane(tables, k)
    with plane.con:
        return take(plane).sketch


def twin(sketch: Sketch, name: str) -> Any:
    return generate(sketch, 1, "plain")[name].table.to_pandas()


def distance(real: Any, made: Any) -> float:
    """Kolmogorov-Smirnov."""
    at = np.concatenate([real, made])
    below = [np.searchsorted(np.sort(one), at, side="right") / len(one) for one in (real, made)]
    return float(np.abs(below[0] - below[1]).max())


def test_a_long_tail_keeps_its_shape_and_nobody_in_it_is_told(make_table: Any) -> None:
    rng = np.random.default_rng(1)
    pay = np.round(np.exp(rng.normal(8, 1, 4000)), 2)
    pay[7] = 9_876_543.21
    sketch = sketched(make_table("t", {"pay": pay}))
    (column,) = sketch.table("t").columns
    told = [x for one in column.bins for x in (one.low, *one.knots, one.high)]
    assert max(told) < 2 * np.sort(pay)[-2] and "9876543" not in str(told)
    assert distance(pay, twin(sketch, "t")["pay"].to_numpy()) < 0.02


@pytest.mark.parametrize("shape", ["normal", "exponential", "gamma", "birth dates"])
def test_tails_reach_about_as_far_as_the_real_ones(make_table: Any, shape: str) -> None:
    off = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        drawn: dict[str, Any] = {
            "normal": rng.normal(0, 100, 900),
            "exponential": rng.exponential(100, 900),
            "gamma": rng.gamma(2, 100, 900),
            "birth dates": -np.clip(rng.normal(52, 20, 900), 0, 98) * 365 - rng.integers(0, 365, 900),
        }
        values = drawn[shape].round(1)
        (column,) = sketched(make_table("t", {"x": values})).table("t").columns
        ends = [one for one in column.bins if one.kind == "range"]
        spread = values.max() - values.min()
        off.append((max(one.high for one in ends) - values.max()) / spread)
    assert np.sqrt(np.mean(np.square(off))) < 0.17


@pytest.mark.parametrize("rows", [45, 60, 77, 150])
@pytest.mark.parametrize("shape", ["even", "normal", "whole"])
def test_few_numbers_reach_about_as_far_as_the_real_ones_however_they_are_spread(
    make_table: Any, shape: str, rows: int
) -> None:
    off = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        values = {
            "even": rng.uniform(500, 900, rows).round(1),
            "normal": rng.normal(5000, 100, rows).round(1),
            "whole": rng.integers(0, 100, rows),
        }[shape]
        (column,) = sketched(make_table("t", {"x": values})).table("t").columns
        ends = [one for one in column.bins if one.kind == "range"]
        spread = values.max() - values.min()
        off.append((max(one.high for one in ends) - values.max()) / spread)
        off.append((min(one.low for one in ends) - values.min()) / spread)
    assert np.sqrt(np.mean(np.square(off))) < 0.13


def test_how_far_one_lies_from_all_others_is_not_told(make_table: Any) -> None:
    """Whoever lies beyond six steps of the tail counts as lying there: a thousand times as far is the same."""
    pay = [float(n) for n in range(1000, 1099)]
    far, farther = (
        sketched(make_table("t", {"pay": [*pay, one]})).table("t").columns[0].bins for one in (2e3, 2e6)
    )
    assert far == farther
    assert max(one.high for one in far if one.kind == "range") < 1200


def test_whoever_has_many_rows_in_a_tail_counts_once_in_how_far_it_goes(make_table: Any) -> None:
    who, pay = [*range(300)], [float(n) for n in range(3000, 3300)]
    table = {
        more: make_table(
            "t",
            {"who": pa.array(who + [299] * more), "pay": [*pay, *[5000.0] * more]},
            Field("who", ""),
            entity="who",
        )
        for more in (1, 9)
    }
    ends = []
    for one in table.values():
        (column,) = (found for found in sketched(one).table("t").columns if found.name == "pay")
        ends.append(max(found.high for found in column.bins if found.kind == "range"))
    assert ends[0] == ends[1] < 3500


def test_every_piece_of_a_range_is_k_rows_or_more(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1000, 500).round(1)
    (column,) = sketched(make_table("t", {"x": values})).table("t").columns
    inner = [e for one in column.bins if one.kind == "range" for e in (one.low, *one.knots, one.high)]
    low, high = np.sort(values)[9], np.sort(values)[-10]
    edges = sorted({e for e in inner if low <= e <= high})
    assert len(edges) > 10
    counts = np.histogram(values, edges)[0]
    assert counts.min() >= 10


def test_numbers_follow_each_other_to_the_end_of_their_tails(make_table: Any) -> None:
    rng = np.random.default_rng(3)
    price = np.exp(rng.normal(2, 1, 400)).round(2)
    table = make_table("t", {"price": price, "cost": (price * rng.uniform(0.6, 0.7, 400)).round(2)})
    made = twin(sketched(table), "t")
    assert made["price"].corr(made["cost"]) > 0.8


def test_rare_values_are_not_lost_in_small_cells(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    group = rng.integers(0, 30, 3000)
    kind = np.where(rng.random(3000) < 0.04, "rare", np.where(group % 2 == 0, "even", "odd"))
    made = twin(sketched(make_table("t", {"group": group, "kind": kind})), "t")
    assert 0.03 < (made["kind"] == "rare").mean() < 0.05
    assert ((made["group"] % 2 == 0) == (made["kind"] == "even"))[made["kind"] != "rare"].all()


def test_a_column_that_repeats_its_parents_repeats_it_in_the_twin(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    price, product = np.exp(rng.normal(2, 1, 300)).round(2), rng.integers(0, 300, 5000)
    products = make_table("products", {"id": pa.array(range(300)), "price": price}, KEY)
    lines = make_table(
        "lines",
        {"product": pa.array(product), "unit_price": price[product]},
        Field("product", "", required=True, references=("products", "id")),
    )
    made = generate(sketched(products, lines), 1, "plain")
    of = dict(zip(*(made["products"].table[name].to_pylist() for name in ("id", "price")), strict=True))
    assert all(row["unit_price"] == of[row["product"]] for row in made["lines"].table.to_pylist())


def test_a_price_goes_with_its_product_also_where_a_total_is_made_of_it(make_table: Any) -> None:
    rng = np.random.default_rng(6)
    price, product = np.exp(rng.normal(2, 1, 300)).round(2), rng.integers(0, 300, 5000)
    quantity = rng.geometric(0.4, 5000)
    products = make_table("products", {"id": pa.array(range(300)), "price": price}, KEY)
    lines = make_table(
        "lines",
        {
            "product": pa.array(product),
            "quantity": pa.array(quantity),
            "unit_price": price[product],
            "line_total": (price[product] * quantity).round(2),
        },
        Field("product", "", required=True, references=("products", "id")),
    )
    sketch = sketched(products, lines)
    assert any(rule.kind == "formula" for rule in sketch.table("lines").rules)
    made = generate(sketch, 1, "plain")
    of = dict(zip(*(made["products"].table[name].to_pylist() for name in ("id", "price")), strict=True))
    found = made["lines"].table.to_pylist()
    assert all(row["unit_price"] == of[row["product"]] for row in found)
    assert all(abs(row["line_total"] - row["quantity"] * row["unit_price"]) < 0.006 for row in found)


def test_few_numbers_keep_about_their_middle_and_one_great_one_stays_unknown(make_table: Any) -> None:
    pay = [None] * 300 + [100.0 + i for i in range(14)] + [1_000_000.0]
    (column,) = sketched(make_table("t", {"pay": pa.array(pay)})).table("t").columns
    (one,) = (one for one in column.bins if one.kind == "range")
    assert 0 <= one.low <= 100 and one.high < 500_000


def test_rows_about_nobody_are_not_the_last_person_that_an_end_needs(make_table: Any) -> None:
    """Ten people stand behind an end. Nine and the rows that are about nobody do not."""
    who = [None] * 30 + [i % 300 for i in range(3000)]
    pay = [1000.0 + i % 29 for i in range(30)] + [5000.0 + 7 * (i % 300) + i % 5 for i in range(3000)]
    few = {9, *range(100, 108)}
    pay = [900.0 + i % 31 if w in few else x for i, (w, x) in enumerate(zip(who, pay, strict=True))]
    table = make_table("t", {"who": pa.array(who), "pay": pay}, entity="who")
    (column,) = (one for one in sketched(table).table("t").columns if one.name == "pay")
    assert min(one.low for one in column.bins if one.kind == "range") > 1100


def test_no_column_can_pass_for_the_numbers_of_people(make_table: Any) -> None:
    """A column called as ours would be, with a value a row, does not make each row of one person a person."""
    pay = [float(i) for i in range(600)]
    named = {f"#holder of src_0{more}": pa.array(range(600)) for more in ("", "#")}
    table = make_table("t", {"who": pa.array([i % 9 for i in range(600)]), "pay": pay, **named}, entity="who")
    (column,) = (one for one in sketched(table).table("t").columns if one.name == "pay")
    assert not [one for one in column.bins if one.kind in ("range", "value")]
