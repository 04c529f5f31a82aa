"""A drill breaks a contract in every way that a source may, and says where."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from handrail.twins.drill import drill
from handrail.twins.generate import generate
from handrail.twins.models import Break, Field, Sketch
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

ROWS = 400


@pytest.fixture(scope="module")
def sketch(make_shared_table: Any) -> Sketch:
    shops = make_shared_table(
        "shops", {"shop": pa.array(range(1, 41))}, Field("shop", "", True, primary_key=True)
    )
    sales = make_shared_table(
        "sales",
        {
            "sale": pa.array(range(ROWS)),
            "shop": pa.array([1 + i % 40 for i in range(ROWS)]),
            **{f"n{k}": [float((i * k) % 37) for i in range(ROWS)] for k in range(1, 7)},
            "day": pa.array([19_000 + i % 90 for i in range(ROWS)], pa.int32()).cast(pa.date32()),
            "note": ["yes", "no", "or", "and"] * (ROWS // 4),
        },
        Field("sale", "", True, primary_key=True),
        Field("shop", "", True, references=("shops", "shop")),
        *(Field(f"n{k}", "", k % 2 == 0) for k in range(1, 7)),
    )
    return take(open_plane([shops, sales], 10)).sketch


def drilled(sketch: Sketch, seed: int) -> tuple[dict[str, pa.Table], dict[str, pa.Table], list[Break]]:
    whole = {name: twin.table for name, twin in generate(sketch, seed).items()}
    tables, breaks = drill(sketch, whole, seed)
    return whole, tables, [one for one in breaks if one.table == "sales"]


@pytest.mark.parametrize("seed", range(6))
def test_each_break_that_is_told_is_there(sketch: Sketch, seed: int) -> None:
    whole, tables, breaks = drilled(sketch, seed)
    before, after = whole["sales"], tables["sales"]
    told = {one.kind: one.column for one in breaks}
    assert {"dropped", "renamed", "retyped", "rescaled", "orphaned", "repeated"} <= told.keys()
    assert told["dropped"] not in after.column_names
    assert told["renamed"] not in after.column_names and f"{told['renamed']}_new" in after.column_names
    assert after.schema.field(told["retyped"]).type != before.schema.field(told["retyped"]).type
    if "empty" in told:
        assert after.num_rows == 0
        return
    assert after.num_rows == before.num_rows + 1
    assert Counter(after[told["repeated"]].to_pylist()).most_common(1)[0][1] == 2
    assert not set(after["shop"].drop_null().to_pylist()) <= set(whole["shops"]["shop"].to_pylist())
    scaled = (after[told["rescaled"]][9].as_py(), before[told["rescaled"]][9].as_py())
    assert scaled[1] is None or scaled[0] == 1000 * scaled[1]
    if "endless" in told:
        numbers = [one for one in after[told["endless"]].to_pylist() if one is not None]
        assert any(math.isinf(one) for one in numbers) and any(math.isnan(one) for one in numbers)
    if "emptied" in told:
        assert after[told["emptied"]].null_count > before[told["emptied"]].null_count


def test_dates_and_numbers_become_the_texts_of_another_country(sketch: Sketch) -> None:
    seen = set()
    for seed in range(12):
        _, tables, breaks = drilled(sketch, seed)
        column = next(one.column for one in breaks if one.kind == "retyped")
        values = tables["sales"][column].drop_null().to_pylist()
        if values and column != "note":
            seen.add("," in values[0] or values[0].count(".") == 2)
    assert seen == {True}


def test_the_same_seed_breaks_the_same(sketch: Sketch) -> None:
    first, again = drilled(sketch, 3), drilled(sketch, 3)
    assert first[2] == again[2]
    assert str(first[1]) == str(again[1])
