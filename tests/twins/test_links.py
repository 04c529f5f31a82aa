"""How children are shared among their parents, and what the parents of many are like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from handrail.twins.assign import matched, scaled
from handrail.twins.generate import generate
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def sketched(*tables: Table, k: int = 10) -> Sketch:
    plane = open_plane(tables, k)
    with plane.con:
        return take(plane).sketch


def test_numbers_of_children_are_kept_but_for_what_the_total_needs() -> None:
    degrees = np.repeat([0, 1, 2, 9], [50, 100, 30, 10])
    made = scaled(degrees, len(degrees), 255, np.random.default_rng(1))
    assert made.sum() == 255 and (made[:50] == 0).all()
    assert np.abs(made - degrees).sum() == 255 - degrees.sum()
    alone = scaled(np.ones(20, dtype=np.int64), 20, 19, np.random.default_rng(1))
    assert sorted(alone) == [0] + [1] * 19


def test_those_have_many_children_who_are_like_those_that_have() -> None:
    degrees = np.repeat([10, 0], [10, 90])
    kind = np.repeat([1, 2], [50, 50]).astype(np.int16)
    made = matched(degrees, (("kind", (0.0, 0.0, 1.0)),), {"kind": kind})
    assert sorted(made) == sorted(degrees) and made[kind == 2].sum() == 100


def test_children_go_where_the_few_used_of_many_parents_are(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    place = rng.uniform(-180, 180, 1500).round(2)
    used = np.flatnonzero((place > 60) & (place < 120))[:90]
    goes = used[rng.integers(0, len(used), 8000)]
    airports = make_table("airports", {"id": pa.array(range(1500)), "lon": place}, KEY)
    flights = make_table(
        "flights",
        {"to": pa.array(goes), "far": (place[goes] * 30 + rng.normal(0, 50, 8000)).round()},
        Field("to", "", required=True, references=("airports", "id")),
    )
    made = generate(sketched(airports, flights), 1, "plain")
    lon = dict(zip(*(made["airports"].table[name].to_pylist() for name in ("id", "lon")), strict=True))
    rows = made["flights"].table.to_pylist()
    assert np.mean([50 < lon[row["to"]] < 130 for row in rows]) > 0.9
    assert np.corrcoef([lon[row["to"]] for row in rows], [row["far"] for row in rows])[0, 1] > 0.8
    assert 80 <= len({row["to"] for row in rows}) <= 95


def test_how_unequal_a_handful_of_parents_are_is_one_number(make_table: Any) -> None:
    owner = np.repeat(range(5), [600, 250, 100, 45, 5])
    bosses = make_table(
        "bosses", {"id": pa.array(range(5)), "name": list("ABCDE")}, KEY, Field("name", "", personal=True)
    )
    tasks = make_table(
        "tasks",
        {"id": pa.array(range(1000)), "boss": pa.array(owner)},
        KEY,
        Field("boss", "", required=True, references=("bosses", "id")),
    )
    sketch = sketched(bosses, tasks)
    (link,) = sketch.table("tasks").links
    assert link.loads == () and link.spread == 1.1
    counts = generate(sketch, 1, "plain")["tasks"].table["boss"].value_counts().field("counts").to_pylist()
    assert sum(counts) == 1000 and max(counts) > 300
