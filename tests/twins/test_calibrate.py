"""Means of groups are brought to what the sketch knows without changing a single value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail import data, twins
from handrail.twins.agreement import agree
from handrail.twins.calibrate import dealt
from handrail.twins.generate import generate
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take
from handrail.twins.tables import table_of
from handrail.twins.tiles import share_near


@settings(max_examples=cases(50), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 5))
def test_every_item_is_dealt_once_and_within_its_group(seed: int, rows: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    groups, tile = rng.integers(0, kinds, rows), rng.integers(-1, 3, rows)
    items, keys = rng.exponential(100, rows), rng.exponential(50, rows)
    got = dealt(keys, items, groups, [(tile, np.array([50.0, 100.0, 150.0]))])
    assert sorted(got.tolist()) == list(range(rows))
    assert (groups[got] == groups).all()
    assert (got == dealt(keys, items, groups, [(tile, np.array([50.0, 100.0, 150.0]))])).all()


def test_means_by_two_columns_at_once_come_right() -> None:
    rng = np.random.default_rng(1)
    region, channel = rng.integers(0, 4, 8000), rng.integers(0, 3, 8000)
    items = rng.lognormal(4, 1, 8000)
    wanted = (np.array([60.0, 80.0, 100.0, 120.0]), np.array([70.0, 90.0, 110.0]))
    got = dealt(items, items, np.zeros(8000, dtype=np.int64), [(region, wanted[0]), (channel, wanted[1])])
    for codes, means in zip((region, channel), wanted, strict=True):
        found = np.bincount(codes, items[got]) / np.bincount(codes)
        assert np.abs(found / found.mean() / (means / means.mean()) - 1).max() < 0.05


def test_a_number_that_too_few_have_in_every_group_has_no_means_and_a_twin_all_the_same(
    make_table: Any,
) -> None:
    filled = np.arange(400) % 25 == 0
    columns = {
        "kind": [("a", "b")[row % 2] for row in range(400)],
        "refund": pa.array(np.arange(400) % 7 + 1.5, mask=~filled),
    }
    sketch = take(open_plane([make_table("sales", columns)], 10)).sketch
    assert sketch.tables[0].column("refund").shares
    assert not sketch.tables[0].means
    assert 0 < generate(sketch, 1, "plain")["sales"].table["refund"].null_count < 400


def test_the_total_of_a_skewed_number_is_kept(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    table = make_table(
        "sales",
        {
            "price": np.round(rng.lognormal(4, 1.2, 20_000), 2),
            "shop": rng.choice(["a", "b", "c"], 20_000),
            "day": pa.array(rng.integers(19_000, 19_700, 20_000).astype(np.int32)).cast(pa.date32()),
        },
    )
    real = pq.read_table(table.path)["price"].to_numpy().sum()
    made = generate(take(open_plane([table], 10)).sketch, 1, "plain")["sales"].table
    assert abs(made["price"].to_numpy().sum() / real - 1) < 0.04


def test_a_report_tells_how_far_the_tiles_of_certified_metrics_are_off(
    shop: Any, instance: Any, acting: Any
) -> None:
    model = b"""
version: "0.2.0.dev0"
semantic_model:
  - name: shop
    datasets:
      - name: orders
        source: orders
        primary_key: [order_id]
        fields:
          - name: channel
            expression: {dialects: [{dialect: ANSI_SQL, expression: channel}]}
            dimension: {is_time: false}
    metrics:
      - name: sold
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.total)}]}
"""
    (instance.settings.home / "definitions" / "model").mkdir(exist_ok=True)
    (instance.settings.home / "definitions" / "model" / "shop.yaml").write_bytes(model)
    with acting("steward.sales") as ctx:
        assert data.tile_questions(ctx, ["orders"]) == (), "it is not certified"
    one = data.TileQuestion(
        "sold",
        "orders.channel",
        1,
        'SELECT channel, sum(total) FROM "orders" GROUP BY 1',
        'SELECT channel, count(*) FROM "orders" GROUP BY 1',
        {},
    )
    with acting("steward.sales") as ctx:
        report = twins.build(ctx, ["orders"])
        assert report.agreements == ()
        found = open_plane([_table(ctx)], 10)
    made = generate(take(found).sketch, 1, "plain")["orders"].table
    agreements = agree(found, {"orders": made}, [one])
    assert {tile.label for tile in agreements[0].tiles} == {"web", "store", "phone"}
    assert share_near(agreements) == 1.0
    few = [data.TileQuestion(**{**vars(one), "holders": 'SELECT channel, 9 FROM "orders" GROUP BY 1'})]
    assert agree(found, {"orders": made}, few)[0].tiles == (), "tiles of fewer than k are not told"


def _table(ctx: Any) -> Any:
    return table_of(data.contract(ctx, "orders"), data.extract_path(ctx, "orders"))
