"""Datasets that stay at their source: drafted, certified, asked, checked and twinned where PostgreSQL has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from handrail import data, twins
from handrail.data import odcs, quality_store
from handrail.kernel import Instance, LimitReached, NotReady, Upstream, definitions
from handrail.kernel.audit import recent
from handrail.server import open_instance
from tests.conftest import inhabit
from tests.data.asking import MODEL, TODAY, actors, asking, run
from tests.postgres import Server, postgres
from tests.prepared import copied

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres
ADDRESS = "THE_ADDRESS_OF_THE_TESTS"
SALES = "sales-reporting"
SHOP = (
    "CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, city text, email varchar(80))",
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int REFERENCES customers, region text NOT NULL,"
    " amount numeric(12,2), ordered date)",
    "INSERT INTO customers SELECT n, 'Name ' || n, (ARRAY['Rome','Oslo'])[1 + n % 2], n || '@x.example'"
    " FROM generate_series(0, 39) n",
    "INSERT INTO orders SELECT n, n % 40, (ARRAY['EMEA','APAC'])[1 + n % 2], n * 10,"
    " DATE '2026-01-15' + (n % 3) * 31 FROM generate_series(0, 399) n",
)


@pytest.fixture
def shop(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """An instance that knows an engine, and nothing of its tables yet."""
    monkeypatch.setenv(ADDRESS, postgres.database("shop", *SHOP))
    home = tmp_path / "home"
    copied(inhabit, home)
    (home / "handrail.toml").write_text(f'[engines.warehouse]\nkind = "postgres"\nurl_env = "{ADDRESS}"\n')
    instance = open_instance(home)
    yield instance
    instance.close()


def imported(instance: Instance) -> data.ImportReport:
    with actors(instance)("steward.sales") as ctx:
        return data.import_source(ctx, "engine:warehouse")


def certified(instance: Instance, **changes: Any) -> None:
    """Import, complete and certify both datasets."""
    imported(instance)
    act = actors(instance)
    for name in ("customers", "orders"):
        with act("steward.sales") as ctx:
            base = {
                "owner": "steward.sales",
                "deputy": "steward.hr",
                "purposes": [SALES],
                "readers": ["sales"],
                "expires": TODAY.replace(year=TODAY.year + 1, day=1),
            }
            data.propose(ctx, name, {**base, **(changes.get(name) or {})})
        with act("steward.hr") as ctx:
            data.certify(ctx, name)


FILTERED = {"orders": {"row_filters": [{"sql": "region = viewer.region"}]}}


def change(sql: str) -> None:
    with psycopg.connect(os.environ[ADDRESS], autocommit=True) as db:
        db.execute(sql.encode())


def test_an_engines_tables_become_drafts_whose_contracts_point_at_them_and_no_row_stays_here(
    shop: Instance, postgres: Server
) -> None:
    report = imported(shop)
    assert (report.source, report.drafted) == ("warehouse", ("customers", "orders"))
    assert report.rows == {"customers": 40, "orders": 400}
    with actors(shop)("steward.sales") as ctx:
        orders = data.contract(ctx, "orders")
        text = definitions.read(ctx, odcs.path_of("orders")) or b""
    assert (orders.engine, orders.server) == ("warehouse", f"127.0.0.1:{postgres.port}/shop")
    assert orders.physical_name == "public.orders"
    assert [(c.name, c.type) for c in orders.columns][3:] == [
        ("amount", "DECIMAL(12,2)"),
        ("ordered", "DATE"),
    ]
    assert orders.column("customer_id").references == ("customers", "id")  # type: ignore[union-attr]
    assert b"password" not in text
    assert not list((shop.settings.home / "extracts").rglob("*.parquet"))


def test_production_is_answered_at_the_source_with_the_viewers_rows_and_as_of_now(shop: Instance) -> None:
    certified(shop, **FILTERED)
    ask = asking(shop)
    sql = "SELECT region, count(*) AS n, sum(amount) AS s FROM orders GROUP BY region"
    assert [(r["region"], r["n"]) for r in ask("viewer.emea", sql)] == [("EMEA", 200)]
    assert [(r["region"], r["n"]) for r in ask("viewer.apac", sql)] == [("APAC", 200)]
    change("INSERT INTO orders VALUES (1000, 1, 'EMEA', 5, DATE '2026-06-01')")
    assert ask("viewer.emea", sql)[0]["n"] == 201
    with actors(shop)("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request(sql=sql, purpose=SALES))
        assert answer.as_of and abs((answer.as_of - ctx.clock.now()).total_seconds()) < 60
        answer.close()


def test_a_metric_is_computed_at_the_source(shop: Instance) -> None:
    certified(shop, **FILTERED)
    with actors(shop)("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", MODEL, "Add the shop's model.")
    with actors(shop)("viewer.emea") as ctx:
        request = data.MetricRequest("sales", by=("city",), grain="month")
        rows = data.query(ctx, data.Request(metric=request, purpose=SALES)).table().to_pylist()
    assert len(rows) == 3
    assert sum(row["sales"] for row in rows) == sum(n * 10 for n in range(0, 400, 2))


def test_whom_an_answer_shows_is_counted_at_the_source_too(shop: Instance) -> None:
    certified(shop, customers={"entity_key": "id", "subject": "customer", "budget": 6})
    ask = asking(shop)
    assert len(ask("viewer.emea", "SELECT * FROM customers WHERE id < 3")) == 3
    assert ask("viewer.emea", "SELECT city, count(*) AS n FROM customers GROUP BY city ORDER BY 1")
    assert len(ask("viewer.emea", "SELECT x.name FROM (SELECT * FROM customers WHERE id < 5) x")) == 5
    inner = "SELECT id % 2 AS g, id AS h FROM customers WHERE id < 6"
    assert ask("viewer.emea", f"SELECT g, max(h) AS m FROM ({inner}) y GROUP BY g ORDER BY g") == [
        {"g": 0, "m": 4},
        {"g": 1, "m": 5},
    ]
    with pytest.raises(LimitReached):
        ask("viewer.emea", "SELECT name FROM customers WHERE id > 20")


def test_promises_are_counted_at_the_source_and_broken_ones_stand_in_the_way(shop: Instance) -> None:
    imported(shop)
    with actors(shop)("steward.sales") as ctx:
        check = data.check_quality(ctx, "orders")
        assert check.outcome == "kept" and len(check.results) >= 5
    change("ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey")
    change("INSERT INTO orders VALUES (2000, 999, 'EMEA', 1, NULL)")
    with actors(shop)("steward.sales") as ctx:
        before = data.dataset(ctx, "orders").as_of
        check = data.check_quality(ctx, "orders")
        (kept,) = quality_store.checks_of(ctx, "orders", 1)
        assert ([one.count for one in kept.broken], check.rows) == ([1.0], 401)
    with actors(shop)("steward.sales") as ctx:
        now = data.dataset(ctx, "orders")
        assert now.rows == 401 and now.as_of > before
    with pytest.raises(NotReady, match="does not keep what its contract says"):
        certified(shop)


def test_a_changed_table_is_refused_and_importing_again_mends_the_contract(shop: Instance) -> None:
    certified(shop)
    ask, sql = asking(shop), "SELECT count(*) AS n FROM orders"
    change("ALTER TABLE orders ALTER amount TYPE numeric(14,2)")
    with pytest.raises(
        NotReady, match=r"amount is DECIMAL\(14,2\) now, and the contract says DECIMAL\(12,2\)"
    ):
        ask("viewer.emea", sql)
    assert imported(shop).changed == ("orders",)
    with pytest.raises(NotReady, match="proposed"):
        ask("viewer.emea", sql)
    with actors(shop)("steward.hr") as ctx:
        data.certify(ctx, "orders")
    assert ask("viewer.emea", sql) == [{"n": 400}]


def test_the_sandbox_is_answered_by_twins_and_no_copy_of_the_table_stays(shop: Instance) -> None:
    certified(shop, **FILTERED)
    with actors(shop)("steward.sales") as ctx:
        twins.build(ctx, ["customers", "orders"])
    home = shop.settings.home
    assert not list((home / "copies").iterdir())
    of = run("sandbox")
    change("DROP TABLE orders")
    rows = asking(shop)("maker.sales", "SELECT count(*) AS n FROM orders", of=of)
    assert rows[0]["n"] > 300


def test_a_database_that_is_down_refuses_and_answers_again_when_it_is_back(
    shop: Instance, postgres: Server
) -> None:
    certified(shop)
    ask, sql = asking(shop), "SELECT count(*) AS n FROM orders"
    assert ask("viewer.emea", sql) == [{"n": 400}]
    postgres.stop()
    try:
        with pytest.raises(Upstream, match="No PostgreSQL server answers") as caught:
            ask("viewer.emea", sql)
        assert "admin" in caught.value.next_step
    finally:
        postgres.start()
    assert ask("viewer.emea", sql) == [{"n": 400}]
    with actors(shop)("compliance") as ctx:
        refused = [entry for entry in recent(ctx.db, verb="") if "refus" in entry.verb]
        assert refused
