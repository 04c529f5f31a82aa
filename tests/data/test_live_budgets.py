"""Attack: budgets hold while rows stream from a live source, and for metrics that it computes."""

from __future__ import annotations

import psycopg
import pytest

from handrail import data
from handrail.kernel import Instance, LimitReached, definitions
from tests.data import asking
from tests.data.test_live import SALES, certified, change, shop
from tests.data.test_metric_budgets import BUYER
from tests.postgres import Server, postgres

__all__ = ["postgres", "shop"]
pytestmark = [pytest.mark.postgres, pytest.mark.long]

COUNTED = {"entity_key": "customer_id", "subject": "customer", "budget": 6}
MODEL = asking.MODEL.replace(b"          - name: ordered\n", BUYER + b"          - name: ordered\n")


def seen(instance: Instance) -> int:
    with asking.actors(instance)("viewer.emea") as ctx:
        return sum(one.seen for one in data.my_budgets(ctx))


def test_a_stream_stops_at_the_row_that_shows_one_too_many_and_the_server_stops_too(
    shop: Instance, postgres: Server
) -> None:
    certified(shop, orders=COUNTED)
    change("DELETE FROM orders")
    change(
        "INSERT INTO orders SELECT n, CASE WHEN n < 60000 THEN n % 6 ELSE n % 40 END, 'EMEA', 1, DATE '2026-01-01'"
        " FROM generate_series(1, 300000) n"
    )
    got: list[int] = []
    with asking.actors(shop)("viewer.emea") as ctx:
        request = data.Request(sql="SELECT customer_id FROM orders ORDER BY id", purpose=SALES)
        rows = data.query(ctx, request).batches()
        with pytest.raises(LimitReached, match="6 of 6 customers today"):
            for batch in rows:
                got += batch.column(0).to_pylist()
    assert 10_000 < len(got) <= 60_005
    assert set(got) == set(range(6))
    assert seen(shop) == 6
    running = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE state = 'active' AND query LIKE '%customer_id%' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(postgres.address("shop")) as db:
        assert db.execute(running).fetchone() == (0,)


def test_who_leaves_in_the_middle_has_seen_whom_they_were_sent(shop: Instance) -> None:
    certified(shop, orders=COUNTED)
    with asking.actors(shop)("viewer.emea") as ctx:
        sql = "SELECT customer_id FROM orders WHERE customer_id < 4"
        answer = data.query(ctx, data.Request(sql=sql, purpose=SALES))
        next(answer.batches())
        answer.close()
    assert seen(shop) == 4


def test_a_metric_at_the_source_counts_small_groups_and_nobody_of_large_ones(shop: Instance) -> None:
    certified(shop, orders=COUNTED)
    with asking.actors(shop)("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", MODEL, "Add the shop's model.")
    ask = asking.asking(shop)
    assert len(ask("viewer.emea", metric=data.MetricRequest("sales", by=("region",), grain="month"))) == 6
    assert seen(shop) == 0
    one = data.MetricRequest("sales", by=("region",), where={"buyer": [3, 4]})
    assert sum(row["sales"] for row in ask("viewer.emea", metric=one)) > 0
    assert seen(shop) == 2
    with pytest.raises(LimitReached):
        ask("viewer.emea", metric=data.MetricRequest("sales", by=("buyer",)))
    assert seen(shop) <= 6
