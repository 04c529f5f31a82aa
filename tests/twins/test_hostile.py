"""Awkward values: present, few, written down, and never against the contract."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from handrail.twins.generate import Twin, generate
from handrail.twins.hostile import CATALOGUE
from handrail.twins.models import Field, Sketch
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

ROWS = 3000


@pytest.fixture
def sketch(make_table: Any) -> Sketch:
    table = make_table(
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
        if a != b
    }
    written = {(cell.row, cell.column) for cell in hostile.hostile}
    assert differing <= written
    assert len({row for row, _ in written}) == ROWS // 100


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
    assert max(value for value in twin["amount"].to_pylist()) <= 10 * 500
    assert max(value for value in twin["count"].to_pylist() if value is not None) <= 10 * 90


def test_catalogue_ids_are_unique_and_say_what_they_are() -> None:
    assert len({case.id for case in CATALOGUE}) == len(CATALOGUE)
    assert all((case.says and "." in case.id) or case.id == "null" for case in CATALOGUE)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_too_small_for_them_keep_a_row_as_it_is(make_table: Any, rows: int) -> None:
    table = make_table(
        "orders", {"id": pa.array(range(rows), pa.int64()), "x": pa.array([1] * rows, pa.int64())}
    )
    twin = generate(take(open_plane([table], 10)).sketch, variant="hostile")["orders"]
    assert twin.table.num_rows == rows
    assert len({cell.row for cell in twin.hostile}) <= max(0, rows - 1)
