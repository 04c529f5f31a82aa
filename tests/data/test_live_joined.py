"""Live tables joined with extracts: each side by its own rules, one budget, one trail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.kernel import Instance, LimitReached, Upstream, trail
from tests.data import budgeting
from tests.data.asking import actors, asking
from tests.data.test_live import FILTERED, certified, change, shop
from tests.postgres import Server, postgres

__all__ = ["postgres", "shop"]
pytestmark = [pytest.mark.postgres, pytest.mark.long]

PLAN = "region,target,email\n" + "\n".join(f"{r},{n},{n}@x.example" for r in ("EMEA", "APAC") for n in (5, 6))


@pytest.fixture
def both(shop: Instance, tmp_path: Path) -> Iterator[Instance]:
    """Live customers and orders, of which a viewer sees their region's, and a plan in an extract, likewise."""
    masks = {"email": "hash", "name": "partial"}
    counted = {"entity_key": "id", "subject": "customer", "budget": 8, "masks": masks}
    certified(shop, **FILTERED, customers=counted)
    (tmp_path / "plan.csv").write_text(PLAN)
    with actors(shop)("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "plan.csv"))
    filtered = {"row_filters": ["region = viewer.region"], "masks": {"email": "hash"}}
    budgeting.certify(shop, "plan", filtered)
    yield shop


def ask(instance: Instance, sql: str, person: str = "viewer.emea", **more: Any) -> list[dict[str, Any]]:
    return asking(instance)(person, sql, **more)


def test_each_side_is_filtered_and_masked_for_its_viewer(both: Instance) -> None:
    sql = (
        "SELECT p.region, target, count(*) AS n FROM plan p JOIN orders o ON o.region = p.region "
        "GROUP BY ALL ORDER BY target"
    )
    assert ask(both, sql) == [{"region": "EMEA", "target": n, "n": 200} for n in (5, 6)]
    assert {row["region"] for row in ask(both, sql, "viewer.apac")} == {"APAC"}
    shown = ask(
        both, "SELECT c.id, c.name, p.email FROM customers c JOIN plan p ON p.email = c.email ORDER BY 1"
    )
    assert [row["id"] for row in shown] == [5, 6]  # by their pseudonyms, which are the same at both
    assert "@" not in str(shown) and shown[0]["name"] == "N***"


def test_whom_it_shows_is_counted_and_stops_at_the_budget(both: Instance) -> None:
    assert len(ask(both, "SELECT c.city FROM customers c CROSS JOIN plan p WHERE c.id < 6")) == 12
    with pytest.raises(LimitReached, match="6 of 8 customers today"):
        ask(both, "SELECT c.city FROM customers c CROSS JOIN plan p WHERE c.id BETWEEN 5 AND 8")
    with actors(both)("viewer.emea") as ctx:
        assert [one.seen for one in data.my_budgets(ctx)] == [6]


def test_each_dataset_is_decided_and_on_the_trail(both: Instance) -> None:
    ask(both, "SELECT target FROM plan JOIN orders USING (region) WHERE amount = 10")
    with actors(both)("compliance") as ctx:
        noted = [one for one in trail.entries(ctx, limit=20) if one.verb == "query.allowed"]
    assert {one.subject: set(one.facts["columns"]) for one in noted[:2]} == {
        "dataset:orders": {"amount", "region"},
        "dataset:plan": {"region", "target"},
    }


def test_a_table_that_is_too_large_is_refused_and_answered_where_its_rows_are(both: Instance) -> None:
    change("INSERT INTO orders SELECT n, 1, 'EMEA', 1, DATE '2026-01-01' FROM generate_series(1, 300000) m(n)"
           " WHERE n >= 1000")  # fmt: skip
    both.settings = replace(both.settings, data=replace(both.settings.data, memory_mb=16))
    sql = (
        "SELECT count(*) AS n, max(ordered) AS at, max(amount) AS most FROM orders o JOIN plan USING (region)"
    )
    with pytest.raises(LimitReached, match="bring more of orders from the engine warehouse") as refused:
        ask(both, f"{sql} WHERE o.id + target > 0 AND o.customer_id + o.id * target > 0")
    assert "in a subquery" in refused.value.next_step
    assert [row["n"] for row in ask(both, f"{sql} WHERE o.id < 400")] == [400]
    grouped = "(SELECT region, count(*) AS made FROM orders GROUP BY region) AS o"
    assert ask(both, f"SELECT DISTINCT made FROM {grouped} JOIN plan USING (region)") == [{"made": 299_201}]


def test_a_source_that_is_down_refuses_and_leaves_the_extract_alone(both: Instance, postgres: Server) -> None:
    postgres.stop()
    try:
        with pytest.raises(Upstream, match="No PostgreSQL server answers"):
            ask(both, "SELECT target FROM plan JOIN orders USING (region)")
        assert len(ask(both, "SELECT target FROM plan")) == 2
    finally:
        postgres.start()
