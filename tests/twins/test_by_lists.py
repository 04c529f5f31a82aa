"""Values that go together are drawn together, also where the cells of what they depend on are too small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.twins.draw import placed
from handrail.twins.generate import generate
from handrail.twins.models import Bin, ColumnSketch, Field, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def shipments(make_table: Any, rows: int = 700) -> Table:
    """Each of 48 depots is in one town of one country, and few rows are of each."""
    rng = np.random.default_rng(4)
    depot = rng.integers(0, 48, rows)
    columns = {
        "id": pa.array(range(rows)),
        "country": pa.array([f"Land {n % 12}" for n in depot]),
        "town": pa.array([f"Town {n % 24}" for n in depot]),
        "depot": pa.array([f"Depot {n}" for n in depot]),
    }
    return make_table("shipments", columns, KEY)  # type: ignore[no-any-return]


def test_a_cluster_of_columns_keeps_its_pairs_and_its_shares(make_table: Any) -> None:
    table = shipments(make_table)
    plane = open_plane([table], 10)
    with plane.con:
        sketch = take(plane).sketch
    real = pq.read_table(table.path).to_pandas()
    made = generate(sketch, 1, "plain")["shipments"].table.to_pandas()
    for a, b in (("country", "town"), ("town", "depot")):
        pairs = {*zip(real[a], real[b], strict=True)}
        known = made[a].isin(real[a]) & made[b].isin(real[b])
        found = {*zip(made[a][known], made[b][known], strict=True)}
        assert found <= pairs
    for name in ("country", "town"):
        shares = [one[name].value_counts(normalize=True) for one in (real, made)]
        assert sum(min(shares[0][key], shares[1].get(key, 0.0)) for key in shares[0].index) > 0.85, name


def test_a_cell_that_is_not_told_goes_by_those_with_the_same_first_group() -> None:
    bins = (Bin("null"), Bin("value", value="a"), Bin("value", value="b"), Bin("other"))
    column = ColumnSketch(
        "x",
        "VARCHAR",
        "text",
        "model",
        bins=bins,
        shares=(0.0, 0.4, 0.4, 0.2),
        parents=(("", "town"), ("", "size")),
        groups=(3, 4),
        given=((0, ((1, 1.0),)), (2, ((2, 1.0),)), (4, ((2, 1.0),))),
        otherwise=(0.0, 0.0, 0.0, 1.0),
    )
    cell = np.repeat([0, 3, 7, 11, -1], 100)  # told, near two told, near one, near none, unknown
    codes, _ = placed(column, cell, np.random.default_rng(1))
    assert (codes[:100] == 1).all() and (codes[200:300] == 2).all()
    assert (codes[300:] == 3).all(), "of which nothing is known but what all small cells hold"
    assert np.mean(codes[100:200] == 1) == pytest.approx(0.5, abs=0.02)
    assert np.mean(codes[100:200] == 2) == pytest.approx(0.5, abs=0.02)
