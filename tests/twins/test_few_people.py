"""Whatever fewer than k people have, however many their rows are, is in no sketch."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

ROWS, DEVICES, PEOPLE = 1200, 40, 9  # k is 10
KEY = Field("id", "", required=True, primary_key=True)


def devices(make_table: Any) -> Table:
    return make_table("devices", {"id": pa.array(range(DEVICES))}, KEY)  # type: ignore[no-any-return]


def readings(make_table: Any, turn: int) -> list[Table]:
    """Readings of devices, about a few people, that say something else of everything each turn."""
    rng, rows = np.random.default_rng(turn), np.arange(ROWS)
    whose, size, place = rows % PEOPLE, 7 * turn + 3, rows // DEVICES
    day = np.datetime64("2000-01-01") + 100 * turn
    numbers = pa.array([Decimal(int(n)).scaleb(-2) for n in (rows % 97) * size], pa.decimal128(9, 2))
    columns = {
        "id": pa.array(rows),
        "device": pa.array([None if turn % 2 and row % 9 < 2 else row % DEVICES for row in range(ROWS)]),
        "patient": pa.array(whose),
        "day": pa.array((day + place * (6 + turn)).astype("datetime64[D]")),
        "meter": pa.array(place * size),
        "state": [("new", "open", "done", "x")[row * turn % 4] for row in range(ROWS)],
        "amount": numbers,
        "rate": pa.array(rng.normal(size, size, ROWS)),
        "maybe": pa.array([None if row % 9 < 2 * turn else row % 50 for row in range(ROWS)], pa.int64()),
        "said": ["word " * (turn + one) for one in whose],
        "serial": [f"{'ABC'[turn]}R{one * size:0{turn + 4}d}" for one in whose],
        "birth_date": pa.array((day - 10_000 + whose * 37 * size).astype("datetime64[D]")),
        "full_name": [("Иван", "Ελένη", "Anna")[turn] for _ in rows],
    }
    personal = Field("birth_date", "", personal=True, semantic="birth_date")
    named = Field("full_name", "", personal=True, semantic="person_name")
    points = Field("device", "", references=("devices", "id"))
    return [
        devices(make_table),
        make_table("readings", columns, KEY, points, personal, named, entity="patient"),
    ]


def sketched(tables: list[Table]) -> Sketch:
    return take(open_plane(tables, 10)).sketch


def test_a_sketch_is_the_same_whatever_few_people_have(make_table: Any) -> None:
    first, second = (sketched(readings(make_table, turn)).table("readings") for turn in (1, 2))
    for one, other in zip(first.columns, second.columns, strict=True):
        assert one == other
    assert [replace(link, distinct=0) for link in first.links] == [
        replace(link, distinct=0) for link in second.links
    ]
    assert first == replace(second, links=first.links)
    assert first.series is None and first.sorted_by is None and not first.lands


def test_the_share_of_a_parent_is_not_told_where_one_person_is_behind_it(make_table: Any) -> None:
    room = np.repeat(np.arange(6), [200, 200, 200, 30, 20, 10])
    whose = np.where(room < 3, np.arange(len(room)) % 60, 7)
    rooms = make_table("rooms", {"id": pa.array(range(6))}, KEY)
    stays = make_table(
        "stays",
        {"id": pa.array(range(len(room))), "room": pa.array(room), "guest": pa.array(whose)},
        KEY,
        Field("room", "", required=True, references=("rooms", "id")),
        entity="guest",
    )
    (link, *_) = sketched([rooms, stays]).table("stays").links
    assert [load > 0 for load in link.loads] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("people", [1, 60])
def test_a_mean_needs_k_people_who_have_a_value(make_table: Any, people: int) -> None:
    rows = np.arange(1200)
    ward, whose = np.where(rows < 600, "a", "b"), rows % 60
    dose = np.where((ward == "b") & (whose >= people), np.nan, rows % 50 + whose)
    columns = {"ward": ward, "patient": pa.array(whose), "dose": pa.array(dose, from_pandas=True)}
    sketch = sketched([make_table("doses", columns, entity="patient")])
    (means,) = (one for one in sketch.table("doses").means if (one.measure, one.by) == ("dose", "ward"))
    assert [tile for tile, _ in means.means] == (["a", "b"] if people > 1 else ["a"])


def test_what_parents_go_together_leaves_out_whom_one_person_knows(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    kind = {"id": pa.array(range(40)), "kind": ["a", "b"] * 20}
    shops, goods = (make_table(name, kind, KEY) for name in ("shops", "goods"))
    shop = rng.integers(0, 40, 2000)
    good = 2 * rng.integers(0, 20, 2000) + shop % 2
    good[:100] = 2 * rng.integers(0, 20, 100) + 1 - shop[:100] % 2  # against all custom, and one buyer's
    buyer = np.where(np.arange(2000) < 100, 5, np.arange(2000) % 90)
    columns = {"shop": pa.array(shop), "good": pa.array(good), "buyer": pa.array(buyer)}
    to = [Field(f"{name}", "", required=True, references=(f"{name}s", "id")) for name in ("shop", "good")]
    links = sketched([shops, goods, make_table("sales", columns, *to, entity="buyer")]).table("sales").links
    (table,) = next(link for link in links if link.name == "good").beside
    assert table.rest == 0.0 and sum(share for _, share in table.cells) == pytest.approx(1.0, abs=1e-4)


def test_rows_without_a_value_have_no_part_in_a_mean(make_table: Any) -> None:
    rows = np.arange(1200)
    dose = np.where(rows % 3 == 0, 100 + rows % 50, np.nan)
    columns = {"ward": np.where(rows < 600, "a", "b"), "dose": pa.array(dose, from_pandas=True)}
    (means,) = sketched([make_table("doses", columns)]).table("doses").means
    assert dict(means.means) == pytest.approx({"a": 124, "b": 124}, abs=1)


def test_what_few_parents_are_like_is_not_told_by_their_children(make_table: Any) -> None:
    """Nine people, of whom four have no region: which part of the orders is theirs is said of fewer than k."""
    rows = np.arange(ROWS)
    region = pa.array([None if one < 4 else "EMEA" for one in range(PEOPLE)])
    staff = make_table("staff", {"id": pa.array(range(PEOPLE)), "region": region}, KEY, entity="id")
    by = Field("by", "", required=True, references=("staff", "id"))
    orders = {"id": pa.array(rows), "by": pa.array(rows % PEOPLE), "customer": pa.array(rows % 60)}
    sketch = sketched([staff, make_table("orders", orders, KEY, by, entity="customer")])
    (link,) = (one for one in sketch.table("orders").links if one.to == "staff")
    assert not link.towards


def _orders_of_staff(make_table: Any, without: int, theirs: int) -> Sketch:
    """Sixty of staff, of whom some have no region; so many in a hundred orders are theirs, and urgent."""
    rng, rows = np.random.default_rng(3), np.arange(3000)
    region = pa.array([None if one < without else ("north", "south")[one % 2] for one in range(60)])
    staff = make_table("staff", {"id": pa.array(range(60)), "region": region}, KEY)
    few = rows % 100 < theirs
    by = np.where(few, rng.integers(0, without, len(rows)), rng.integers(without, 60, len(rows)))
    kind = np.where(few, "urgent", "usual")
    to = Field("by", "", required=True, references=("staff", "id"))
    orders = {"id": pa.array(rows), "by": pa.array(by), "kind": pa.array(kind)}
    return sketched([staff, make_table("orders", orders, KEY, to)])


@pytest.mark.parametrize(("without", "told"), [(3, False), (9, False), (10, True)])
def test_children_tell_only_of_k_parents_who_are_alike(make_table: Any, without: int, told: bool) -> None:
    sketch = _orders_of_staff(make_table, without, 24)
    region, orders = sketch.table("staff").column("region"), sketch.table("orders")
    nobody = next(place for place, one in enumerate(region.bins) if one.kind == "null")
    (link,) = orders.links
    (shares,) = (shares for column, shares in link.towards if column == "region")
    assert (shares[nobody] > 0) == told
    urgent = next(place for place, one in enumerate(orders.column("kind").bins) if one.value == "urgent")
    surely = [dict(shares).get(urgent, 0.0) > 0.9 for _, shares in orders.column("kind").given]
    assert any(surely) == told


def test_what_few_parents_children_are_is_not_what_all_others_leave_over(make_table: Any) -> None:
    """Whoever knows how many orders there are takes away what is told of the other parents' ones."""
    (link,) = _orders_of_staff(make_table, 3, 24).table("orders").links
    (shares,) = (shares for column, shares in link.towards if column == "region")
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
