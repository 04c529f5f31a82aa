"""What was noted while the clock ran ahead does not hide what is noted once it is right again."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from handrail import data
from handrail.data import measured_store
from handrail.data.measured import Difference
from handrail.kernel import Instance, NotReady
from tests.data.asking import TODAY, Hands, actors, asking, furnished

SQL = "SELECT count(*) AS n FROM orders"


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def shop(tmp_path: Path, hands: Hands) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    instance.clock = hands
    yield instance
    instance.close()


def certify(shop: Instance, description: str, days: int) -> None:
    with actors(shop)("steward.sales") as ctx:
        expires = TODAY + dt.timedelta(days=days)
        data.propose(ctx, "orders", data.Changes(description=description, expires=expires))
    with actors(shop)("steward.hr") as ctx:
        data.certify(ctx, "orders")


def test_a_dataset_is_certified_and_revoked_as_ever(shop: Instance, hands: Hands) -> None:
    ask = asking(shop)
    hands.shift = dt.timedelta(days=400)
    certify(shop, "Certified while the clock was wrong.", days=500)
    hands.shift = dt.timedelta()
    assert ask("viewer.emea", SQL) == [{"n": 6}]
    certify(shop, "Certified when it was right.", days=90)
    assert ask("viewer.emea", SQL) == [{"n": 6}]
    with actors(shop)("steward.hr") as ctx:
        data.revoke(ctx, "orders", "Wrong numbers")
    with pytest.raises(NotReady, match="revoked"):
        ask("viewer.emea", SQL)
    certify(shop, "And again.", days=90)
    assert ask("viewer.emea", SQL) == [{"n": 6}]


def test_a_check_that_is_made_now_is_the_newest(shop: Instance, hands: Hands) -> None:
    hands.shift = dt.timedelta(days=400)
    with actors(shop)("steward.sales") as ctx:
        data.check_quality(ctx, "orders")
    hands.shift = dt.timedelta()
    with actors(shop)("steward.sales") as ctx:
        made = data.check_quality(ctx, "orders")
    with actors(shop)("viewer.emea") as ctx:
        assert data.quality_history(ctx, "orders")[0].id == made.id


def test_a_metric_that_misses_has_missed(shop: Instance, hands: Hands) -> None:
    for days, within in ((400, True), (0, False)):
        hands.shift = dt.timedelta(days=days)
        with actors(shop)("steward.sales") as ctx:
            row = Difference("2026-01-01", {}, "1", "1", 0.0 if within else 1.0, 0.1, "ledger")
            measured_store.add_reconciliation(ctx, "sales", "sha256:1", "orders", [row], {})
    with actors(shop)("steward.sales") as ctx:
        newest = measured_store.newest_of(ctx, "sales", "sha256:1")
    assert newest is not None
    assert not newest.within


def test_a_twin_that_is_built_again_answers(shop: Instance, hands: Hands) -> None:
    ask = asking(shop)
    with actors(shop)("steward.sales") as ctx:
        rows = pq.read_table(data.extract_path(ctx, "orders"))
    for days in (400, 0):
        hands.shift = dt.timedelta(days=days)
        with actors(shop)("steward.sales") as ctx:
            twin = shop.settings.home / "twins" / "orders" / f"after-{days}.parquet"
            pq.write_table(rows.slice(0, 3 if days else 2), twin)
            data.set_rendition(ctx, "orders", twin, {})
    assert ask("maker.sales", SQL, environment="sandbox") == [{"n": 2}]
