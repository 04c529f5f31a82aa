"""Data that ails is shown where it is used: on the pages of metrics, apps and runs, and in the catalog."""

from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data.ailing import ailing
from handrail.kernel import Instance
from tests.conftest import Acting
from tests.data import asking
from tests.data.test_pages import signed_in

__all__ = ["signed_in"]


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    made = asking.opened(tmp_path)
    asking.furnish(made, tmp_path)
    yield made
    made.close()


@pytest.fixture
def acting(instance: Instance) -> Acting:
    return asking.actors(instance)


def spoil(instance: Instance, acting: Acting, tmp_path: Path) -> None:
    """Orders lose a required region at their source, and the import tells."""
    (tmp_path / "orders.csv").write_text(asking.ORDERS.replace("EMEA", "MARS", 1))
    with acting("steward.sales") as ctx:
        data.propose(
            ctx, "orders", {"quality": [{"rule": "accepted", "column": "region", "value": "EMEA, APAC"}]}
        )
    with acting("steward.hr") as ctx:
        data.certify(ctx, "orders")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "orders.csv"))


def test_what_is_well_says_nothing(instance: Instance, acting: Acting, signed_in: Any) -> None:
    with acting("viewer.emea") as ctx:
        assert ailing(ctx, ["orders", "customers"]) == ()
    assert "needs care" not in signed_in("viewer.emea").get("/metrics/sales").text


def test_broken_data_shows_on_the_metric_and_in_the_catalog(
    instance: Instance, acting: Acting, signed_in: Any, tmp_path: Path
) -> None:
    spoil(instance, acting, tmp_path)
    browser = signed_in("viewer.emea")
    metric = browser.get("/metrics/sales").text
    assert "Its data needs care" in metric
    assert "orders breaks 1 of the" in metric
    assert "MARS" not in metric
    assert "quality broken" in browser.get("/datasets").text
    assert "quality broken" in browser.get("/datasets/orders").text
    with acting("viewer.emea") as ctx:
        assert data.browse(ctx, data.Wanted()).quality == {"customers": "kept", "orders": "broken"}


def test_data_that_was_revoked_shows_too_and_a_contract_that_cannot_be_read(
    instance: Instance, acting: Acting
) -> None:
    with acting("steward.hr") as ctx:
        data.revoke(ctx, "orders", "wrong")
    (instance.settings.home / "definitions" / "contracts" / "customers.odcs.yaml").write_bytes(b"[")
    with acting("viewer.emea") as ctx:
        assert [(one.dataset, one.kind) for one in ailing(ctx, ["orders", "customers"])] == [
            ("customers", "state"),
            ("orders", "state"),
        ]
