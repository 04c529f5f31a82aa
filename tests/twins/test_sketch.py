"""What a sketch keeps of a table, and what it says it does not imitate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.kernel import Conflict, Invalid
from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.make import make
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.privacy import judge
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def sketched(*tables: Table, k: int = 10) -> Sketch:
    return take(open_plane(tables, k)).sketch


def plain(sketch: Sketch, seed: int = 1) -> dict[str, pa.Table]:
    return {name: twin.table for name, twin in generate(sketch, seed, "plain").items()}


def test_what_goes_together_goes_together_in_the_twin(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    country = rng.choice(["DE", "US", "JP"], 5000)
    currency = np.where(country == "DE", "EUR", np.where(country == "US", "USD", "JPY"))
    price = np.where(country == "DE", 10, 1000) + rng.integers(0, 5, 5000)
    table = make_table("sales", {"country": country, "currency": currency, "price": price})
    twin = plain(sketched(table))["sales"].to_pylist()
    assert {(row["country"], row["currency"]) for row in twin} == {
        ("DE", "EUR"),
        ("US", "USD"),
        ("JP", "JPY"),
    }
    assert all((row["price"] < 100) == (row["country"] == "DE") for row in twin)


def test_a_text_can_explain_the_eleventh_column(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    kind = rng.choice(["small", "large"], 2000)
    others = {f"c{place}": [place] * 2000 for place in range(2, 10)}
    size = np.where(kind == "small", 100.0, 9000.0) + rng.integers(0, 90, 2000)
    table = make_table("things", {"c0": [0] * 2000, "kind": kind, **others, "size": size})
    twin = plain(sketched(table))["things"].to_pylist()
    fit = [(row["size"] < 4500) == (row["kind"] == "small") for row in twin]
    assert sum(fit) / len(fit) > 0.95


def test_a_child_depends_on_its_parent(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    region = rng.choice(["EMEA", "APAC"], 400)
    owner = rng.integers(0, 400, 6000)
    customers = make_table("customers", {"id": pa.array(range(400)), "region": region}, KEY)
    orders = make_table(
        "orders",
        {
            "id": pa.array(range(6000)),
            "customer": pa.array(owner),
            "currency": np.where(region[owner] == "EMEA", "EUR", "JPY"),
        },
        KEY,
        Field("customer", "", references=("customers", "id")),
    )
    twins = plain(sketched(orders, customers))
    regions = dict(
        zip(twins["customers"]["id"].to_pylist(), twins["customers"]["region"].to_pylist(), strict=True)
    )
    fit = [
        (regions[row["customer"]] == "EMEA") == (row["currency"] == "EUR")
        for row in twins["orders"].to_pylist()
    ]
    assert sum(fit) / len(fit) > 0.98


def test_children_per_parent_follow_the_original_and_the_total_is_kept(make_table: Any) -> None:
    owner = np.concatenate([np.repeat(np.arange(100), 1), np.repeat(np.arange(100, 200), 9)])
    parents = make_table("parents", {"id": pa.array(range(300))}, KEY)
    children = make_table(
        "children",
        {"parent": pa.array(owner)},
        Field("parent", "", required=True, references=("parents", "id")),
    )
    twin = plain(sketched(parents, children))["children"]["parent"].to_numpy()
    assert len(twin) == 1000
    counts = np.bincount(np.unique(twin, return_counts=True)[1])
    assert counts[1] == pytest.approx(100, abs=12)
    assert counts[8:11].sum() == pytest.approx(100, abs=12)


def test_line_numbers_count_within_their_order(make_table: Any) -> None:
    order = np.repeat(np.arange(200), 3)
    orders = make_table("orders", {"id": pa.array(range(200))}, KEY)
    lines = make_table(
        "lines",
        {"order": pa.array(order), "line": pa.array([1, 2, 3] * 200)},
        Field("order", "", True, primary_key=True, references=("orders", "id")),
        Field("line", "", True, primary_key=True),
    )
    twin = plain(sketched(orders, lines))["lines"].to_pandas()
    assert set(twin["line"]) == {1, 2, 3}
    assert (twin.groupby("order")["line"].min() == 1).all()


def test_a_many_to_many_table_repeats_no_pair(make_table: Any) -> None:
    rng = np.random.default_rng(0)
    pairs = sorted({(int(a), int(b)) for a, b in rng.integers(0, 40, (500, 2))})
    tables = [
        make_table("left", {"id": pa.array(range(40))}, KEY),
        make_table("right", {"id": pa.array(range(40))}, KEY),
        make_table(
            "both",
            {"l": pa.array([a for a, _ in pairs]), "r": pa.array([b for _, b in pairs])},
            Field("l", "", True, primary_key=True, references=("left", "id")),
            Field("r", "", True, primary_key=True, references=("right", "id")),
        ),
    ]
    twin = plain(sketched(*tables))["both"].to_pylist()
    assert len({(row["l"], row["r"]) for row in twin}) == len(twin) > 0.9 * len(pairs)


def test_a_key_of_common_values_draws_each_combination_once(make_table: Any) -> None:
    rows = [(s, y, m) for s in ("N", "S") for y in (2022, 2023, 2024) for m in range(1, 13)]
    table = make_table(
        "weather",
        {"station": [r[0] for r in rows], "year": [r[1] for r in rows], "month": [r[2] for r in rows]},
        *(Field(name, "", True, primary_key=True) for name in ("station", "year", "month")),
    )
    twin = plain(sketched(table, k=3))["weather"].to_pylist()
    assert sorted((r["station"], r["year"], r["month"]) for r in twin) == sorted(rows)


def test_dates_never_run_backwards_where_they_never_did(make_table: Any) -> None:
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(18_000, 19_000, 1000))
    table = make_table(
        "stays",
        {
            "id": pa.array(range(1000)),
            "start": pa.array(start.astype("int32")).cast(pa.date32()),
            "end": pa.array((start + rng.integers(0, 20, 1000)).astype("int32")).cast(pa.date32()),
        },
        KEY,
    )
    twin = plain(sketched(table))["stays"].to_pandas()
    assert (twin["start"] <= twin["end"]).all()
    assert twin.sort_values("id")["start"].is_monotonic_increasing


def test_numbers_keep_their_step(make_table: Any) -> None:
    rng = np.random.default_rng(0)
    table = make_table(
        "t",
        {
            "pay": rng.integers(20, 90, 3000) * 500,
            "rate": np.round(rng.random(3000) * 9, 2),
            "at": pa.array(rng.integers(0, 10**5, 3000) * 3_600_000_000, pa.timestamp("us")),
        },
    )
    twin = plain(sketched(table))["t"]
    assert all(value % 500 == 0 for value in twin["pay"].to_pylist())
    assert all(round(value, 2) == value for value in twin["rate"].to_pylist())
    assert all(value.minute == value.second == 0 for value in twin["at"].to_pylist())


def test_a_self_reference_has_no_circle(make_table: Any) -> None:
    boss = [None] * 20 + [i // 5 for i in range(280)]
    table = make_table(
        "staff",
        {"id": pa.array(range(300)), "boss": pa.array(boss)},
        KEY,
        Field("boss", "", references=("staff", "id")),
    )
    twin = plain(sketched(table))["staff"].to_pylist()
    above = {row["id"]: row["boss"] for row in twin}
    for person in above:
        seen = set()
        while person is not None:
            assert person not in seen
            seen.add(person)
            person = above[person]


def test_tables_in_a_circle_are_made_when_one_may_wait(make_table: Any) -> None:
    a = make_table(
        "a",
        {"id": pa.array(range(50)), "b": pa.array(range(50))},
        KEY,
        Field("b", "", references=("b", "id")),
    )
    b = make_table(
        "b",
        {"id": pa.array(range(50)), "a": pa.array(range(50))},
        KEY,
        Field("a", "", references=("a", "id")),
    )
    sketch = sketched(a, b)
    twins = plain(sketch)
    assert set(twins["a"]["b"].to_pylist()) <= set(twins["b"]["id"].to_pylist())
    assert any("circle" in said for table in sketch.tables for said in table.simplifications)


def test_a_circle_through_keys_is_refused(make_table: Any) -> None:
    a = make_table(
        "a", {"id": pa.array(range(5))}, Field("id", "", True, primary_key=True, references=("b", "id"))
    )
    b = make_table(
        "b", {"id": pa.array(range(5))}, Field("id", "", True, primary_key=True, references=("a", "id"))
    )
    with pytest.raises(Invalid, match="circle"):
        sketched(a, b)


def test_a_contract_that_names_a_missing_column_is_refused(make_table: Any) -> None:
    table = make_table("t", {"x": [1]})
    with pytest.raises(Conflict, match="gone"):
        sketched(Table("t", (Field("gone", ""),), table.path))


def test_the_same_key_is_invented_for_a_table_outside(make_table: Any) -> None:
    fields = (Field("customer", "", references=("customers", "id")),)
    orders = make_table("orders", {"customer": pa.array([i % 90 for i in range(900)])}, *fields)
    returns = make_table("returns", {"customer": pa.array([i % 90 for i in range(500)])}, *fields)
    customers = make_table("customers", {"id": pa.array(range(90))}, KEY)
    apart = [set(plain(sketched(one))[one.name]["customer"].to_pylist()) for one in (orders, returns)]
    keys = set(plain(sketched(customers))["customers"]["id"].to_pylist())
    assert apart[0] <= keys
    assert apart[1] <= keys


def test_very_many_columns_work_and_say_what_was_left_out(make_table: Any) -> None:
    rng = np.random.default_rng(0)
    table = make_table("wide", {f"c{i}": rng.integers(0, 50, 300) for i in range(120)})
    sketch = sketched(table)
    assert plain(sketch)["wide"].num_columns == 120
    assert any("depend on each other" in said for said in sketch.tables[0].simplifications)


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_tables_smaller_than_k_teach_nothing_but_their_size(make_table: Any, rows: int) -> None:
    table = make_table(
        "t", {"id": pa.array(range(rows), pa.int64()), "secret": pa.array(["Quixotrix"] * rows)}, KEY
    )
    sketch = sketched(table)
    assert "Quixotrix" not in codec.to_json(sketch).decode()
    assert plain(sketch)["t"].num_rows == rows
    assert any("fewer than 10 rows" in said for said in sketch.tables[0].simplifications)


def test_nulls_and_nested_types(make_table: Any) -> None:
    table = make_table(
        "t",
        {
            "nothing": pa.nulls(200, pa.string()),
            "half": pa.array([None, 5] * 100),
            "tags": pa.array([["a", "b"]] * 200),
            "point": pa.array([{"x": 1}] * 200),
        },
        Field("tags", "", required=True),
    )
    sketch = sketched(table)
    twin = plain(sketch)["t"]
    assert twin["nothing"].null_count == 200
    assert twin["half"].null_count == 100
    assert twin["tags"].to_pylist() == [[]] * 200
    assert twin["point"].null_count == 200
    assert any("tags, point" in said for said in sketch.tables[0].simplifications)


def test_a_sketch_of_another_version_is_refused(make_table: Any) -> None:
    content = codec.to_json(sketched(make_table("t", {"x": [1]})))
    with pytest.raises(Invalid, match="version"):
        codec.from_json(content.replace(b'"version": 3', b'"version": 2'))
    with pytest.raises(Invalid, match="not a sketch"):
        codec.from_json(b"{}")


def test_northwind_whole(northwind_tables: list[Table]) -> None:
    made = make(northwind_tables, k=10, seed=1)
    again = make(northwind_tables, k=10, seed=1)
    assert all(made.twins[name].table.equals(again.twins[name].table) for name in made.twins)
    reports = {report.dataset: report for report in made.reports}
    assert all(link.orphans == 0 for report in made.reports for link in report.links)
    assert reports["orders"].rows == 830
    assert reports["order_details"].rows > 2100
    assert (reports["orders"].shapes or 0) > 0.9
    text = str([made.twins["customers"].table.to_pylist(), made.twins["orders"].table.to_pylist()])
    for somebody in ("Maria Anders", "Vins et alcools", "Obere Str. 57", "030-0074321"):
        assert somebody not in text
    details = made.twins["order_details"].table.to_pylist()
    assert len({(row["OrderID"], row["ProductID"]) for row in details}) == len(details)


def test_a_large_table_is_sketched_from_a_sample_and_made_in_its_whole_size(
    make_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.twins.plane.SKETCHED_ROWS", 2000)
    rng = np.random.default_rng(4)
    owner = np.minimum(rng.geometric(0.02, 20_000) - 1, 299)
    kind = np.where(rng.random(20_000) < 0.3, "return", "sale").astype(object)
    kind[5] = "Zebulon's own"
    customers = make_table("customers", {"id": pa.array(range(300)), "tier": rng.integers(1, 4, 300)}, KEY)
    orders = make_table(
        "orders",
        {"id": pa.array(range(20_000)), "customer": pa.array(owner), "kind": kind},
        KEY,
        Field("customer", "", required=True, references=("customers", "id")),
    )
    made = make([customers, orders], k=10, variant="plain")
    twin = made.twins["orders"].table
    assert twin.num_rows == 20_000
    assert 0.25 < sum(one == "return" for one in twin["kind"].to_pylist()) / 20_000 < 0.35
    assert "Zebulon" not in codec.to_json(made.sketch).decode()
    (report,) = (one for one in made.reports if one.dataset == "orders")
    assert report.links[0].orphans == 0 and report.links[0].score > 0.9


def test_copies_are_looked_for_in_all_rows_of_a_large_table(
    make_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.twins.plane.SKETCHED_ROWS", 500)
    rng = np.random.default_rng(5)
    table = make_table("sales", {name: rng.integers(0, 9_000_000, 5000) for name in ("a", "b", "c")})
    plane = open_plane([table], 10)
    sketch = take(plane).sketch.table("sales")
    for rows in (slice(0, 40), slice(4960, 5000)):
        leaked = pa.table(
            {name: plane.con.table("src_0").to_arrow_table()[name].to_pylist()[rows] for name in "abc"}
        )
        assert not judge(plane, sketch, leaked, (), seed=0).passed


def shared_out(make_table: Any, *fields: Field) -> tuple[Table, Table]:
    """Five depots of very unequal trade, and their 1,000 parcels."""
    depot = np.repeat([0, 1, 2, 3, 4], [600, 250, 100, 45, 5])
    depots = make_table("depots", {"id": pa.array(range(5)), "boss": ["A", "B", "C", "D", "E"]}, KEY, *fields)
    parcels = make_table(
        "parcels",
        {"id": pa.array(range(1000)), "depot": pa.array(depot)},
        KEY,
        Field("depot", "", required=True, references=("depots", "id")),
    )
    return depots, parcels


def test_a_few_parents_share_the_children_as_they_do_in_reality(make_table: Any) -> None:
    sketch = sketched(*shared_out(make_table))
    (link,) = sketch.table("parcels").links
    assert link.loads == (0.6, 0.25, 0.1, 0.045, 0.0)  # five parcels are too few to be told
    counts = sorted(plain(sketch)["parcels"]["depot"].value_counts().field("counts").to_pylist())
    assert counts == pytest.approx([5, 45, 100, 250, 600], abs=5)  # the last has what is left over
    assert codec.from_json(codec.to_json(sketch)) == sketch


def test_what_each_of_a_few_people_did_is_not_kept(make_table: Any) -> None:
    sketch = sketched(*shared_out(make_table, Field("boss", "", personal=True)))
    assert sketch.table("parcels").links[0].loads == ()
