"""The pages of metrics: what they mean, what they tie to, and who may see which figures."""

import datetime as dt
import html
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Caller, Instance, Invalid, definitions, identity
from handrail.server import application
from tests.conftest import PEOPLE, begun
from tests.data import asking
from tests.data.test_reconcile import TOTALS, model, totals, write
from tests.web import Client

SignedIn = Callable[[str], Client]


def company(folder: Path) -> None:
    """Make an instance with a model, and control totals that are certified."""
    instance = asking.furnished(folder)
    write(instance, model())
    totals(instance, folder)
    instance.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    with begun(tmp_path, company) as instance:
        yield instance


@pytest.fixture
def signed_in(shop: Instance) -> SignedIn:
    app = application(shop)

    def sign_in(who: str) -> Client:
        client = Client(app, follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"})
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
    assert "Sales by month" in page


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


def test_a_metric_is_asked_by_a_form_and_handed_out_in_every_form(signed_in: SignedIn) -> None:
    viewer = signed_in("viewer.emea")
    page = viewer.get("/metrics/sales?ask=yes&by=customers.city&on=orders.region&is=EMEA&top=10").text
    assert '<td class="right" data-sort="300">300.00</td>' in page
    assert "handrail.metric(&#39;sales&#39;, by=[&#39;customers.city&#39;]" in page
    for form in ("csv", "json", "arrow"):
        [address] = set(re.findall(rf'href="(/api/v1/metrics/sales\.{form}\?(?![^"]*excel)[^"]*)"', page))
        answer = viewer.get(html.unescape(address))
        assert answer.status_code == 200
        assert answer.headers["x-handrail-certified"] == "false"
    csv = viewer.get(
        "/api/v1/metrics/sales.csv?by=customers.city&order=-sales&limit=10&purpose=sales-reporting"
    )
    assert csv.text.splitlines()[1:] == ['"Rome",300']


def test_what_is_typed_is_compared_as_text_also_when_it_looks_like_a_number(signed_in: SignedIn) -> None:
    viewer = signed_in("viewer.emea")
    twice = "ask=yes&by=orders.region&on=customers.city&is=9&on=customers.city&is=Rome"
    page = viewer.get(f"/metrics/sales?{twice}").text
    assert '<td class="right" data-sort="300">300.00</td>' in page
    [address] = set(re.findall(r'href="(/api/v1/metrics/sales\.json\?[^"]*)"', page))
    assert viewer.get(html.unescape(address)).json()["rows"] == [{"region": "EMEA", "sales": 300}]


def test_lines_over_time_are_drawn_for_each_value_of_a_dimension(signed_in: SignedIn) -> None:
    page = signed_in("viewer.emea").get("/metrics/sales?ask=yes&by=orders.region&grain=month").text
    [chart] = re.findall(r'data-chart="([^"]*)"', page)
    said = json.loads(html.unescape(chart))
    assert said["x"] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert said["series"] == [{"label": "EMEA", "values": [60.0, 140.0, 100.0]}]
    assert said["y"] == "sales"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("by=orders.nothing", "has no dimension orders.nothing"),
        ("grain=decade", "There is no grain decade"),
        ("start=soon", "start must be a date"),
        ("currency=EUR", "is no amount of money"),
        ("purpose=fun", "There is no purpose fun"),
    ],
)
def test_a_question_that_is_refused_says_why_on_the_page(
    signed_in: SignedIn, question: str, said: str
) -> None:
    answer = signed_in("viewer.emea").get(f"/metrics/sales?ask=yes&{question}")
    assert answer.status_code == 200
    assert said in answer.text
    assert "Ask for something else" in answer.text


def test_what_stands_in_the_form_is_shown_as_text(signed_in: SignedIn) -> None:
    evil = "<script>alert(1)</script>"
    page = signed_in("viewer.emea").get("/metrics/sales", params={"ask": "yes", "by": evil, "is": evil}).text
    assert evil not in page


def test_the_page_shows_every_reconciliation_so_far_and_what_is_missing(
    shop: Instance, signed_in: SignedIn, tmp_path: Path
) -> None:
    steward = signed_in("steward.sales")
    steward.post("/metrics/sales/reconcile")
    totals(shop, tmp_path, TOTALS.replace("2026-02-01", "2026-03-01").replace("220", "260"))
    page = steward.post("/metrics/sales/reconcile").text
    assert "no total" in page
    charts = [json.loads(html.unescape(one)) for one in re.findall(r'data-chart="([^"]*)"', page)]
    assert [one["series"][-1]["label"] for one in charts] == ["sales", "off by, %"]
    assert charts[1]["series"][0]["values"] == [0.0, 100.0]
    assert charts[0]["series"][0] == {"label": "totals", "values": [180.0, None, 260.0]}


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


def test_a_name_that_two_files_define_is_nobodys_and_the_other_metrics_go_on(shop: Instance) -> None:
    with asking.actors(shop)("steward.sales") as ctx:
        definitions.write(ctx, "model/again.yaml", asking.MODEL.replace(b"buyers", b"won"), "Twice")
        assert [one.name for one in data.metrics(ctx)] == ["buyers", "won"]
        with pytest.raises(Invalid, match=r"model/shop.yaml, line \d+: the metric “sales” is already in"):
            data.metric(ctx, "sales")
        assert "already in model/again.yaml" in data.broken_models(ctx)["sales in two files"]


def test_since_when_a_version_stands_is_when_it_was_committed_or_edited_in_place(shop: Instance) -> None:
    with asking.actors(shop)("lead") as ctx:
        written = data.metric(ctx, "sales").since
        assert written == definitions.history(ctx, "model/shop.yaml", limit=1)[0].at
    file = shop.settings.home / "definitions" / "model" / "shop.yaml"
    file.write_bytes(file.read_bytes() + b"# a remark\n")
    os.utime(file, (4e9, 4e9))
    with asking.actors(shop)("lead") as ctx:
        assert data.metric(ctx, "sales").since == dt.datetime.fromtimestamp(4e9, dt.UTC)
