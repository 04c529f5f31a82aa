"""What few parents share but many of their children is known: parents are given it, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.lent import dealt
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)
COUNTRIES = (
    "Peru",
    "Chile",
    "Ghana",
    "Kenya",
    "Nepal",
    "Oman",
    "Fiji",
    "Cuba",
    "Mali",
    "Laos",
    "Iraq",
    "Togo",
)


def buyers_and_orders(make_table: Any) -> list[Table]:
    """Sixty buyers, five in each country, whose orders repeat the country; the last country's hardly buy."""
    rng = np.random.default_rng(2)
    country = np.array([COUNTRIES[n % 12] for n in range(60)], dtype=object)
    often = np.array([0.02 if country[n] == "Togo" else 4.0 + 6 * (country[n] == "Peru") for n in range(60)])
    buyer = rng.choice(60, 900, p=often / often.sum())
    buyer[:3] = np.flatnonzero(country == "Togo")[:3]
    points = Field("buyer", "", required=True, references=("buyers", "id"))
    return [
        make_table(
            "buyers",
            {
                "id": pa.array(range(60)),
                "name": [f"Ann {n}" for n in range(60)],
                "country": pa.array(country),
            },
            KEY,
            Field("name", "", personal=True, semantic="person_name"),
        ),
        make_table(
            "orders",
            {"id": pa.array(range(900)), "buyer": pa.array(buyer), "sent_to": pa.array(country[buyer])},
            KEY,
            points,
        ),
    ]


def sketched(tables: list[Table]) -> Sketch:
    plane = open_plane(tables, 10)
    with plane.con:
        return take(plane).sketch


def test_orders_repeat_their_buyers_country_and_each_country_comes_as_often_as_it_should(
    make_table: Any,
) -> None:
    tables = buyers_and_orders(make_table)
    made = generate(sketched(tables), 1, "plain")
    buyers, orders = (made[name].table.to_pandas() for name in ("buyers", "orders"))
    of = dict(zip(buyers["id"], buyers["country"], strict=True))
    assert [of[one] for one in orders["buyer"]] == orders["sent_to"].tolist()
    real = Counter(pq.read_table(tables[1].path)["sent_to"].to_pylist())
    twin = Counter(orders["sent_to"])
    assert sum(min(real[one], twin[one]) for one in COUNTRIES) > 0.93 * 900
    assert len({*buyers["country"]} & {*COUNTRIES[:-1]}) == 11


def test_what_fewer_than_k_children_say_is_lent_to_nobody(make_table: Any) -> None:
    sketch = sketched(buyers_and_orders(make_table))
    made = generate(sketch, 1, "plain")
    said = codec.to_json(sketch).decode() + str([one.table.to_pylist() for one in made.values()])
    assert "Togo" not in said and "Peru" in said


def test_the_column_of_the_parent_says_no_more_in_the_sketch_than_before(make_table: Any) -> None:
    (country,) = (
        one
        for one in sketched(buyers_and_orders(make_table)).table("buyers").columns
        if one.name == "country"
    )
    assert all(one.kind in ("null", "other") for one in country.bins)


counts = st.lists(st.integers(0, 50), min_size=1, max_size=40)


@settings(deadline=None)
@given(counts, st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_no_text_gets_more_than_one_row_too_much(children: list[int], wanted: list[int]) -> None:
    total = sum(children)
    scaled = [one * total / max(total, sum(wanted)) for one in wanted]  # they never want more than there is
    found = dealt(np.array(children, dtype=float), scaled, once=False)
    for place, lacking in enumerate(scaled):
        given_to = sum(n for n, at in zip(children, found, strict=True) if at == place)
        assert given_to <= lacking + max(children) + 1e-6


@settings(deadline=None)
@given(counts, st.integers(1, 60))
def test_of_texts_that_differ_in_each_row_none_is_given_twice(children: list[int], texts: int) -> None:
    found = dealt(np.array(children, dtype=float), [1.0] * texts, once=True)
    given_out = found[found >= 0]
    assert len(given_out) == len(set(given_out.tolist()))
