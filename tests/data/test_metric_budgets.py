"""Metrics of every kind count whom they show: nobody in large groups, those in small ones, and no more."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.kernel import LimitReached, definitions
from handrail.server import open_instance
from tests.data import asking
from tests.prepared import copied

KINDS = """
      - name: orders_made
        expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(orders.id)}]}
      - name: basket
        expression: {dialects: [{dialect: ANSI_SQL, expression: "sales / orders_made"}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "ratio"}'}]
      - name: dear
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"filter": "orders.amount > 2300"}'}]
      - name: dear_share
        expression: {dialects: [{dialect: ANSI_SQL, expression: "dear / sales"}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "ratio"}'}]
      - name: growth
        expression: {dialects: [{dialect: ANSI_SQL, expression: "sales - before"}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "derived", "inputs": {"before": {"metric": "sales", "earlier": "1 month"}}}'}]
      - name: so_far
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "cumulative"}'}]
      - name: rolling
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "cumulative", "window": "40 day"}'}]
      - name: newest
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"over_time": "last"}'}]
"""
BUYER = b"          - {name: buyer, expression: {dialects: [{dialect: ANSI_SQL, expression: customer_id}]}}\n"
MODEL = (
    asking.MODEL.replace(b"          - name: ordered\n", BUYER + b"          - name: ordered\n")
    + KINDS.encode()
)
# Sixty customers, each with four orders on the fifteenth of three months; EMEA has the even ones.
ORDERS = "id,customer_id,region,amount,ordered\n" + "\n".join(
    f"{n},{n % 60},{('EMEA', 'APAC')[n % 2]},{n * 10},2026-0{1 + n % 3}-15" for n in range(240)
)
Asks = Callable[..., tuple[list[dict[str, Any]], int]]


def shop(folder: Path) -> None:
    """Make an instance in which viewer.emea may see five customers a day."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "ORDERS", ORDERS)
        instance = asking.opened(folder)
        asking.furnish(instance, folder)
    act = asking.actors(instance)
    with act("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", MODEL, "Say more")
        data.propose(ctx, "orders", data.Changes(budget=5))
    with act("steward.hr") as ctx:
        data.certify(ctx, "orders")
    instance.close()


@pytest.fixture
def asks(tmp_path: Path) -> Iterator[Asks]:
    """Asks for a metric as viewer.emea, who may see five customers a day: the rows, and how many were seen."""
    copied(shop, tmp_path)
    instance = open_instance(tmp_path / "home")
    act = asking.actors(instance)

    def ask(name: str, **request: Any) -> tuple[list[dict[str, Any]], int]:
        rows = asking.asking(instance)("viewer.emea", metric=data.MetricRequest(name, **request))
        with act("viewer.emea") as ctx:
            return rows, sum(one.seen for one in data.my_budgets(ctx))

    yield ask
    instance.close()


@pytest.mark.parametrize("name", ["sales", "basket", "growth", "so_far", "rolling", "newest", "orders_made"])
def test_a_metric_over_large_groups_shows_nobody(asks: Asks, name: str) -> None:
    rows, seen = asks(name, grain="month")
    assert (len(rows), seen) == (3, 0)


def test_without_steps_a_ratio_shows_nobody_either(asks: Asks) -> None:
    assert asks("basket") == ([{"basket": 1190}], 0)


@pytest.mark.parametrize("name", ["basket", "growth", "so_far", "rolling", "newest"])
def test_cut_to_single_customers_it_shows_them_and_stops_at_the_budget(asks: Asks, name: str) -> None:
    rows, seen = asks(name, grain="month", by=("buyer",), where={"buyer": [0, 2]})
    assert ({row["buyer"] for row in rows}, seen) == ({0, 2}, 2)
    with pytest.raises(LimitReached):
        asks(name, grain="month", by=("buyer",))
    with pytest.raises(LimitReached):
        for customer in range(4, 40, 2):  # one by one, without naming them in the answer
            asks(name, grain="month", where={"buyer": customer})


def test_a_filter_inside_a_ratio_counts_those_who_meet_it_and_not_the_whole_group(asks: Asks) -> None:
    """Four customers of EMEA have an order above 2,300, and they are seen, however many are in the total."""
    rows, seen = asks("dear_share")
    assert (len(rows), seen) == (1, 4)


def test_a_comparison_counts_those_of_the_earlier_time_too(asks: Asks) -> None:
    _, seen = asks("growth", start="2026-02-15", end="2026-02-16")
    assert seen == 0
    with pytest.raises(LimitReached):
        asks("growth", start="2026-02-15", end="2026-02-16", by=("buyer",))
