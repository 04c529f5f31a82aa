"""What a sample points at is copied once from a large table, and nothing about it changes by that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.twins.models import Field
from handrail.twins.plane import open_plane

KEY = Field("id", "", required=True, primary_key=True)


def test_the_sample_of_a_table_finds_all_it_points_at_in_a_copy(
    make_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.twins.plane.SKETCHED_ROWS", 500)
    rng = np.random.default_rng(1)
    things = make_table("things", {"id": pa.array(range(4000)), "price": rng.integers(1, 99, 4000)}, KEY)
    kinds = make_table("kinds", {"id": pa.array(range(20)), "rank": rng.integers(1, 9, 20)}, KEY)
    thing = pa.array(rng.integers(0, 4000, 3000), mask=rng.random(3000) < 0.2)
    sales = make_table(
        "sales",
        {"thing": thing, "kind": rng.integers(0, 20, 3000)},
        Field("thing", "", references=("things", "id")),
        Field("kind", "", references=("kinds", "id")),
    )
    plane = open_plane([sales, things, kinds], 10)
    with plane.con:
        for link in plane.links("sales"):
            joined = plane.joined("sales", link, "t", "p")
            whole, copied = (
                plane.con.execute(
                    f"SELECT t.*, p.* FROM {plane.samples['sales']} AS t LEFT JOIN {there} AS p ON {joined} "
                    "ORDER BY ALL"
                ).fetchall()
                for there in (plane.views[link.to], plane.pointed_at("sales", link))
            )
            assert whole == copied
        to_things, to_kinds = (
            next(one for one in plane.links("sales") if one.to == to) for to in ("things", "kinds")
        )
        copy = plane.pointed_at("sales", to_things)
        (rows,) = plane.con.execute(f"SELECT count(*) FROM {copy}").fetchall()[0]
        assert 0 < rows <= plane.sampled["sales"] and copy == plane.pointed_at("sales", to_things)
        assert plane.pointed_at("sales", to_kinds) == plane.views["kinds"]
