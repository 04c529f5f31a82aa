"""Awkward values: present, few, written down, and never against the contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail import data
from handrail.twins.catalogue import CATALOGUE, CELLS
from handrail.twins.generate import Twin, generate
from handrail.twins.hostile import FEWEST
from handrail.twins.models import Field, Sketch
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

ROWS = 3000
VALUES = {case.id for case in CELLS}


@pytest.fixture(scope="module")
def sketch(make_shared_table: Any) -> Sketch:
    table = make_shared_table(
        "orders",
        {
            "id": pa.array(range(ROWS)),
            "code": pa.array([f"C-{i:05d}" for i in range(ROWS)]),
            "status": ["open", "done", "late"] * (ROWS // 3),
            "note": [f"note number {i % 700}" for i in range(ROWS)],
            "amount": pa.array([float(i % 500) for i in range(ROWS)]),
            "count": pa.array([i % 90 for i in range(ROWS)], pa.int16()),
            "ordered": pa.array([19_000 + i % 300 for i in range(ROWS)], pa.int32()).cast(pa.date32()),
            "at": pa.array([1_700_000_000_000_000 + i for i in range(ROWS)], pa.timestamp("us")),
            "done": pa.array([i % 2 == 0 for i in range(ROWS)]),
        },
        Field("id", "", required=True, primary_key=True),
        Field("code", "", required=True, unique=True),
        Field("status", "", required=True),
        Field("amount", "", required=True),
    )
    return take(open_plane([table], 10)).sketch


def made(sketch: Sketch, variant: Any = "hostile") -> Twin:
    return generate(sketch, seed=1, variant=variant)["orders"]


def test_the_plain_variant_has_none(sketch: Sketch) -> None:
    twin = made(sketch, "plain")
    assert twin.hostile == ()
    assert twin.table["note"].null_count == 0


def test_few_rows_carry_them_and_each_is_written_down(sketch: Sketch) -> None:
    plain, hostile = made(sketch, "plain").table, made(sketch)
    differing = {
        (row, name)
        for name in plain.column_names
        for row, (a, b) in enumerate(
            zip(plain[name].to_pylist(), hostile.table[name].to_pylist(), strict=True)
        )
        if a != b or str(a) != str(b)
    }
    written = {(cell.row, cell.column) for cell in hostile.hostile}
    assert differing == written
    assert (
        len({cell.row for cell in hostile.hostile if "." not in cell.case or cell.case in VALUES}) == FEWEST
    )
    assert len({row for row, _ in written}) < ROWS // 20


def test_each_row_is_named_by_its_key(sketch: Sketch) -> None:
    twin = made(sketch)
    ids = twin.table["id"].to_pylist()
    assert all(cell.key == str(ids[cell.row]) for cell in twin.hostile)


def test_rows_without_a_key_are_named_by_their_number(make_table: Any) -> None:
    table = make_table("notes", {"note": [f"note {i % 9}" for i in range(200)], "n": list(range(200))})
    twin = generate(take(open_plane([table], 10)).sketch, variant="hostile")["notes"]
    assert twin.hostile and all(cell.key == f"row {cell.row + 1}" for cell in twin.hostile)


def test_every_case_for_text_comes_into_a_text_column(sketch: Sketch) -> None:
    found = {cell.case for cell in made(sketch).hostile if cell.column == "note"}
    assert {case.id for case in CELLS if case.kinds is None or "text" in case.kinds} <= found


def test_nulls_meet_every_common_value_of_the_other_columns(sketch: Sketch) -> None:
    """What filters by another column before it counts meets the null all the same."""
    twin = made(sketch).table
    for name in ("note", "count", "ordered"):
        beside = {
            status for value, status in zip(twin[name], twin["status"], strict=True) if not value.is_valid
        }
        assert {pa.scalar(one) for one in ("open", "done", "late")} <= beside, name


def test_rows_are_entered_twice_late_and_tied(sketch: Sketch) -> None:
    twin = made(sketch)
    assert {"row.twice", "row.similar", "row.late", "row.tie", "date.hole"} <= {c.case for c in twin.hostile}
    columns = ("status", "note", "amount", "count", "ordered", "at", "done")
    rows = list(zip(*(twin.table[name].to_pylist() for name in columns), strict=True))
    assert len(set(rows)) < len(rows)


def test_one_parent_has_many_children_one_has_none_and_every_key_resolves(make_table: Any) -> None:
    shops, sales = 60, 1200
    parents = make_table(
        "shops", {"shop": pa.array(range(1, shops + 1))}, Field("shop", "", True, primary_key=True)
    )
    children = make_table(
        "sales",
        {
            "sale": pa.array(range(sales)),
            "shop": pa.array([1 + i % shops for i in range(sales)]),
            "price": [float(i % 40) for i in range(sales)],
        },
        Field("sale", "", True, primary_key=True),
        Field("shop", "", True, references=("shops", "shop")),
    )
    found = generate(take(open_plane([parents, children], 10)).sketch, seed=3, variant="hostile")
    counts = Counter(found["sales"].table["shop"].to_pylist())
    assert set(counts) < set(found["shops"].table["shop"].to_pylist())
    assert max(counts.values()) > 2.5 * sales / shops
    assert {"link.many", "link.none"} <= {cell.case for cell in found["sales"].hostile}


def test_the_same_seed_strews_the_same(sketch: Sketch) -> None:
    assert made(sketch).hostile == made(sketch).hostile


def test_every_column_that_may_be_null_is_null_somewhere(sketch: Sketch) -> None:
    twin = made(sketch).table
    for name in ("note", "count", "ordered", "at", "done"):
        assert twin[name].null_count > 0, name


def test_required_unique_and_key_columns_keep_their_promise(sketch: Sketch) -> None:
    twin = made(sketch).table
    for name in ("id", "code", "status", "amount"):
        assert twin[name].null_count == 0, name
    for name in ("id", "code"):
        assert len(set(twin[name].to_pylist())) == ROWS


def test_outliers_stay_within_reach_and_within_the_type(sketch: Sketch) -> None:
    twin = made(sketch).table
    assert max(value for value in twin["amount"].to_pylist()) <= 11 * 500
    assert max(value for value in twin["count"].to_pylist() if value is not None) <= 11 * 90


@pytest.fixture(scope="module")
def skewed(make_shared_table: Any) -> Sketch:
    """Sales of very different size, by a region and a channel that have very different numbers of them."""
    rng = np.random.default_rng(4)
    regions, channels = ("EMEA", "APAC", "LATAM", "ANZ"), ("web", "store", "phone")
    columns = {
        "region": rng.choice(regions, 12_000, p=[0.6, 0.25, 0.1, 0.05]),
        "channel": rng.choice(channels, 12_000, p=[0.7, 0.2, 0.1]),
        "price": np.round(rng.lognormal(3, 1.1, 12_000), 2),
        "quantity": rng.integers(1, 20, 12_000),
    }
    promised = (
        data.Rule("invalid", columns=("region",), values=regions),
        data.Rule("invalid", columns=("channel",), values=channels),
    )
    return take(open_plane([replace(make_shared_table("sales", columns), promises=promised)], 10)).sketch


@pytest.mark.parametrize("seed", range(5))
def test_what_is_added_up_by_a_category_stays_what_it_is(skewed: Sketch, seed: int) -> None:
    plain, hostile = (
        generate(skewed, seed, variant)["sales"].table.to_pandas() for variant in ("plain", "hostile")
    )
    for category in ("region", "channel"):
        for measure in ("price", "quantity"):
            before, after = (one.groupby(category)[measure].sum() for one in (plain, hostile))
            assert (after[before.index] / before - 1).abs().max() < 0.08, (category, measure)


def test_a_column_has_two_outliers_at_most_and_a_row_one(skewed: Sketch) -> None:
    twin = generate(skewed, 2, "hostile")["sales"]
    outliers = [cell for cell in twin.hostile if cell.case == "number.large"]
    assert Counter(cell.column for cell in outliers) == {"price": 2, "quantity": 2}
    assert len({cell.row for cell in outliers}) == 4
    for cell in outliers:
        usual = sorted(generate(skewed, 2, "plain")["sales"].table[cell.column].to_pylist())
        assert twin.table[cell.column][cell.row].as_py() >= 2 * usual[-1]


def test_catalogue_ids_are_unique_and_say_what_they_are_and_break() -> None:
    assert len({case.id for case in CATALOGUE}) == len(CATALOGUE) > 50
    assert all("." in case.id or case.id == "null" for case in CATALOGUE)
    assert all(case.says and case.breaks for case in CATALOGUE)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_too_small_for_them_keep_a_row_as_it_is(make_table: Any, rows: int) -> None:
    table = make_table(
        "orders", {"id": pa.array(range(rows), pa.int64()), "x": pa.array([1] * rows, pa.int64())}
    )
    twin = generate(take(open_plane([table], 10)).sketch, variant="hostile")["orders"]
    assert twin.table.num_rows == rows
    assert len({cell.row for cell in twin.hostile}) <= max(0, rows - 1)


def test_declared_rules_are_kept_and_hints_are_not(make_table: Any) -> None:
    rows = 1200
    columns = {
        "id": pa.array(range(rows)),
        "price": pa.array([float(1 + i % 40) for i in range(rows)]),
        "kind": ["small", "large", "other"] * (rows // 3),
        "size": ["s", "m", "l"] * (rows // 3),
    }
    table = replace(
        make_table("items", columns, Field("id", "", True, primary_key=True)),
        promises=(
            data.Rule("invalid", columns=("kind",), values=("small", "large", "other")),
            data.Rule("invalid", columns=("price",), above=0),
            data.Rule("invalid", columns=("size",), values=("s", "m", "l"), blocking=False),
        ),
    )
    twin = generate(take(open_plane([table], 10)).sketch, variant="hostile")["items"].table
    assert set(twin["kind"].drop_null().to_pylist()) == {"small", "large", "other"}
    assert min(twin["price"].drop_null().to_pylist()) > 0
    assert not set(twin["size"].drop_null().to_pylist()) <= {"s", "m", "l"}
