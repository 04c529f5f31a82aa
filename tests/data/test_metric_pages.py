"""The pages of metrics: what they mean, what they tie to, and who may see which figures."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handrail import data
from handrail.kernel import Caller, Instance, definitions, identity
from handrail.server import application
from tests.conftest import PEOPLE
from tests.data import asking
from tests.data.test_reconcile import TOTALS, model, totals, write

SignedIn = Callable[[str], TestClient]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.opened(tmp_path)
    asking.furnish(instance, tmp_path)
    write(instance, model())
    totals(instance, tmp_path)
    yield instance
    instance.close()


@pytest.fixture
def signed_in(shop: Instance) -> SignedIn:
    app = application(shop)

    def sign_in(who: str) -> TestClient:
        client = TestClient(app, follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"})
        with shop.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        client.get("/sign-in/link", params={"token": token})
        return client

    return sign_in


def test_a_metric_is_reconciled_and_certified_by_forms(signed_in: SignedIn) -> None:
    first, second = signed_in("steward.sales"), signed_in("steward.hr")
    assert "Nobody has held this version" in first.get("/metrics/sales").text
    page = first.post("/metrics/sales/reconcile")
    assert "ties to totals: 0.00% at worst" in page.text
    assert "another steward certifies it" in page.text
    assert "/metrics/sales/certify" not in page.text
    assert "/metrics/sales/certify" in second.get("/metrics/sales").text
    page = second.post("/metrics/sales/certify")
    assert "Certified by steward.hr: it ties to totals." in page.text
    assert "Pack 1" in page.text
    assert "Certified" in signed_in("viewer.emea").get("/metrics").text


def test_a_viewer_sees_whether_it_ties_and_no_figure_of_others(signed_in: SignedIn) -> None:
    signed_in("steward.sales").post("/metrics/sales/reconcile")
    page = signed_in("viewer.emea").get("/metrics/sales").text
    assert "0.000 %" in page
    assert "Stewards and compliance see the figures." in page
    assert "Pack 1" not in page
    assert "Reconcile now" not in page
    assert "sales by month" in page


def test_whoever_may_not_read_the_data_sees_the_definition_and_why_there_is_no_chart(
    signed_in: SignedIn,
) -> None:
    page = signed_in("lead").get("/metrics/sales").text
    assert "may be read by members of sales" in page
    assert "What customers ordered" in page


def test_a_miss_is_told_wherever_the_metric_is_shown(
    shop: Instance, signed_in: SignedIn, tmp_path: Path
) -> None:
    totals(shop, tmp_path, TOTALS.replace("220", "230"))
    steward = signed_in("steward.sales")
    assert "misses totals" in steward.post("/metrics/sales/reconcile").text
    viewer = signed_in("viewer.emea")
    assert "It misses totals, so it carries no badge" in viewer.get("/metrics/sales").text
    assert "Missed" in viewer.get("/metrics").text


def test_an_instance_without_models_says_what_a_metric_is(shop: Instance, signed_in: SignedIn) -> None:
    (shop.settings.home / "definitions" / "model" / "shop.yaml").unlink()
    assert "No metric yet" in signed_in("lead").get("/metrics").text


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('{"time": "orders.orderd"}', "metric buyers: .*no dimension orders.orderd"),
        ('{"filter": "regions.name = 1"}', "names regions, which is not a dataset of the model"),
        ('{"kind": "derived"}', "its expression aggregates rows too"),
        ('{"currency": "orders.money"}', "no dimension orders.money"),
    ],
)
def test_a_metric_that_cannot_be_asked_is_named_with_its_line_and_leaves_the_other_files_alone(
    shop: Instance, setting: str, said: str
) -> None:
    write(shop, asking.MODEL.replace(b'{"owner": "lead"}', setting.encode()))
    other = asking.MODEL.replace(b"sales", b"turnover").replace(b"buyers", b"customers_won")
    with asking.actors(shop)("steward.sales") as ctx:
        definitions.write(ctx, "model/other.yaml", other, "Say it elsewhere too")
        assert [one.name for one in data.metrics(ctx)] == ["customers_won", "turnover"]
        [why] = data.broken_models(ctx).values()
    assert re.match(rf"model/shop.yaml, line \d+: .*{said}", why)
