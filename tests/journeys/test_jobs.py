"""Somebody brings targets, a job holds them against real sales, and what it hands over is theirs, counted and traced."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from handrail import apps, data, runtime
from handrail.kernel import Instance, Manifest
from handrail.kernel.audit import recent
from handrail.server import application
from tests.apps.scheduling import promote
from tests.data.asking import Hands
from tests.journeys import company
from tests.web import Client, SignedIn, entering

pytestmark = pytest.mark.long

MANIFEST = (
    company.MANIFEST.replace(
        'columns = ["region", "line", "net_amount"]',
        'columns = ["region", "line", "net_amount", "customer_id"]',
    )
    + '\n[inputs.targets]\ntypes = ["csv", "xlsx"]\nsays = "Net sales wanted, by product line"\n'
)
CODE = """
import handrail_sdk as h

targets = h.input("targets").frame()
sales = h.query("SELECT customer_id, line, net_amount FROM sales_orders WHERE customer_id <= 12")
found = sales.groupby("line", as_index=False)["net_amount"].sum().merge(targets, on="line")
h.table(found.assign(net_amount=found["net_amount"].round(2)), "reached.xlsx", title="Reached")
h.markdown("# Targets\\n\\n" + "\\n".join(f"- {row.line}: {row.who}" for row in found.itertuples()))
"""
TARGETS = b"line,target,who\nTents,1000,=HYPERLINK(1)\nShells,2000,<b>Bo</b>\n"
MORE = TARGETS + b"Footwear,3000,Cy\n"
SENT = {"Origin": "http://testserver"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """The company with its app in production, and a budget of eight customers a day."""
    instance = company.furnished(tmp_path)
    acting = company.actors(instance)
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", {"budget": 8, "classifications": {"customer_id": "personal"}})
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with acting("maker.sales") as ctx:
        version = apps.push(ctx, company.files("targets", CODE, MANIFEST), "Are we there?", "")
    promote(instance, version)
    with acting("maker.sales") as ctx:
        apps.share(ctx, "targets", groups=["sales"])
    instance.clock = Hands()
    yield instance
    instance.close()


@pytest.fixture
def client(shop: Instance) -> SignedIn:
    """Browsers of people who came in by a one-time link."""
    return entering(shop, application(shop))


def opened(shop: Instance, browser: Client, targets: bytes, called: str = "targets.csv") -> str:
    """Open the app with a file, as the form on its page does; gives the run."""
    sent = browser.post("/open/targets", files={"input.targets": (called, targets)}, headers=SENT)
    assert sent.status_code == 303, sent.text
    found = re.search(r"/runs/(run_\w+)", browser.get("/open/targets").text)
    assert found is not None
    ended = runtime.execute(shop, found[1])
    assert ended.state == "succeeded", ended.reason
    return ended.id


def test_targets_are_brought_held_against_sales_kept_and_compared(shop: Instance, client: SignedIn) -> None:
    viewer = client("maker.sales")
    page = viewer.get("/open/targets").text
    assert "Net sales wanted, by product line" in page and 'type="file"' in page

    refused = viewer.post(
        "/open/targets",
        files={"input.targets": ("t.csv", b"MZ\x90\x00")},
        headers=SENT,
        follow_redirects=True,
    )
    assert "bytes of no known kind" in refused.text

    run = opened(shop, viewer, TARGETS)
    page = viewer.get(f"/runs/{run}").text
    assert "personal" in page and "sales_orders.customer_id" in page  # the class of what was read
    assert "&lt;b&gt;Bo&lt;/b&gt;" in page and "<b>Bo</b>" not in page
    assert "1 cell begins like a formula" in page

    kept = viewer.get(f"/runs/{run}/outputs/1", params={"form": "csv"}).content.decode("utf-8-sig")
    rows = {row["line"]: row for row in csv.DictReader(io.StringIO(kept))}
    assert rows["Tents"]["who"] == "'=HYPERLINK(1)" and float(rows["Tents"]["net_amount"]) > 0
    book = viewer.get(f"/runs/{run}/outputs/1")
    assert "reached.xlsx" in book.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(book.content)) as archive:
        assert b"<f" not in archive.read("xl/worksheets/sheet1.xml").replace(b"<family", b"")
    with company.actors(shop)("compliance") as ctx:
        entries = recent(ctx.db, verb="output.downloaded")
    assert [(entry.person, entry.facts["classification"]) for entry in entries] == [
        ("maker.sales", "personal")
    ] * 2

    again = viewer.post(f"/runs/{run}/again", headers=SENT)
    repeated = again.headers["location"].rpartition("/")[2]
    runtime.execute(shop, repeated)
    assert "Both runs show the same" in viewer.get(f"/runs/{repeated}/compare").text
    more = opened(shop, viewer, MORE)
    compared = viewer.get(f"/runs/{more}/compare").text
    assert "They were given other files: targets" in compared and "Footwear" in compared


def test_nobody_takes_a_list_out_by_keeping_on_one_day_what_was_shown_on_several(
    shop: Instance, client: SignedIn
) -> None:
    """The attack: four customers today, five others tomorrow, and tomorrow the four once more."""
    viewer = client("maker.sales")
    run = opened(shop, viewer, TARGETS)
    assert isinstance(shop.clock, Hands)
    shop.clock.shift += timedelta(days=1)
    viewer = client("maker.sales")
    with company.actors(shop)("maker.sales") as ctx:
        sql = "SELECT customer_id FROM sales_orders WHERE customer_id > 40 AND customer_id <= 55"
        answer = data.query(ctx, data.Request(sql, purpose=company.PURPOSE))
        assert len(set(answer.table().column(0).to_pylist())) == 5
    for address in (f"/runs/{run}/outputs/1", f"/runs/{run}/log", f"/api/v1/runs/{run}/outputs"):
        answer = viewer.get(address)
        assert answer.status_code == 403 and "limit_reached" in answer.text, address
    page = viewer.get(f"/runs/{run}")
    assert page.status_code == 200 and "whom this run showed goes beyond that" in page.text
    assert "Tents" not in page.text


def test_neither_the_apps_owner_nor_another_viewer_gets_at_file_or_outputs(
    shop: Instance, client: SignedIn
) -> None:
    with company.actors(shop)("viewer.emea") as ctx:
        run = runtime.start(
            ctx, "targets", "c0ffee", {"app.py": b"pass"}, Manifest.parse(MANIFEST.format(name="targets")), "production",
            inputs={"targets": runtime.Given("t.csv", TARGETS)},
        ).id  # fmt: skip
    for who, status in (("maker.sales", 403), ("viewer.apac", 404)):
        for what in ("inputs", "outputs", "log"):
            assert client(who).get(f"/api/v1/runs/{run}/{what}").status_code == status, (who, what)
        assert client(who).post(f"/runs/{run}/again", headers=SENT).status_code == status
