"""Awkward values are taken back cell by cell: all of them give the plain twin, none the hostile one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from handrail.kernel import NotReady
from handrail.twins.generate import Twin, generate
from handrail.twins.models import Field
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take
from handrail.twins.undo import undo


@pytest.fixture
def both(make_table: Any) -> tuple[Twin, pa.Table]:
    rows = 700
    table = make_table(
        "orders",
        {
            "id": pa.array(range(rows)),
            "note": [f"note {i % 20}" for i in range(rows)],
            "amount": [float(i % 50) for i in range(rows)],
            "day": pa.array([19_000 + i % 300 for i in range(rows)], pa.int32()).cast(pa.date32()),
        },
        Field("id", "", True, primary_key=True),
    )
    sketch = take(open_plane([table], 10)).sketch
    return generate(sketch, 5, "hostile")["orders"], generate(sketch, 5, "plain")["orders"].table


def test_all_taken_back_is_the_plain_twin_and_none_the_hostile(both: tuple[Twin, pa.Table]) -> None:
    twin, plain = both
    assert twin.table != plain
    assert undo(twin.table, plain, twin.hostile) == plain
    assert undo(twin.table, plain, ()) == twin.table


def test_one_taken_back_changes_that_cell_alone(both: tuple[Twin, pa.Table]) -> None:
    twin, plain = both
    cell = next(one for one in twin.hostile if one.case == "text.formula")
    made = undo(twin.table, plain, [cell])
    assert made.column(cell.column)[cell.row] == plain.column(cell.column)[cell.row]
    others = [
        (name, row)
        for name in made.column_names
        for row, (a, b) in enumerate(zip(made[name].to_pylist(), twin.table[name].to_pylist(), strict=True))
        if a != b
    ]
    assert others == [(cell.column, cell.row)]


def test_twins_of_two_versions_are_not_mixed(both: tuple[Twin, pa.Table]) -> None:
    twin, plain = both
    with pytest.raises(NotReady, match="different versions"):
        undo(twin.table, plain.slice(1), twin.hostile)
