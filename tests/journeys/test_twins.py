"""A twin's life in real Chromium: it follows its data, a steward goes back, and a maker drills an app on it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from handrail import apps, data, runtime, twins
from handrail.kernel import Instance, identity
from tests.journeys import company
from tests.journeys.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.long]
PATIENCE = 120_000  # milliseconds for a build or a run on a busy machine


@pytest.fixture(scope="module")
def instance(furnished: Instance) -> Instance:
    return furnished


@pytest.fixture
def page(chromium: Browser, server: Served) -> Iterator[Page]:
    context = chromium.new_context(base_url=server.address)
    yield context.new_page()
    context.close()


def enter(page: Page, instance: Instance, who: str) -> None:
    with company.actors(instance)("admin") as ctx:
        token = identity.issue_link(ctx, who)
    page.goto(f"/sign-in/link?token={token}")


def answering(instance: Instance) -> str:
    with company.actors(instance)("maker.sales") as ctx:
        found = data.rendition(ctx, "sales_orders")
    assert found is not None
    return str(found.facts["build"])


def test_new_data_refreshes_the_twin_and_a_steward_freezes_the_old_one_and_goes_back_to_it(
    page: Page, instance: Instance, source: Path
) -> None:
    first = answering(instance)
    with duckdb.connect(str(source)) as con:
        con.execute(
            "INSERT INTO sales_orders SELECT order_id + 1000, customer_id, region, line, net_amount, ordered FROM sales_orders"
        )
    with company.actors(instance)("steward.sales") as ctx:
        data.import_source(ctx, str(source), "company")
    enter(page, instance, "steward.sales")
    page.goto("/twins/sales_orders/history")
    row = page.locator("#builds tbody tr").first
    expect(row).to_contain_text("The data was imported again")
    expect(row).to_contain_text("handrail")
    expect(row).to_contain_text("answers now", timeout=PATIENCE)
    assert answering(instance) != first

    old = page.locator("#builds tbody tr").last
    old.get_by_role("button", name="Freeze").click()
    page.get_by_role("dialog").get_by_label("What it is kept for").fill("Versions are compared on it.")
    page.get_by_role("dialog").get_by_role("button", name="Freeze").click()
    expect(page.locator("#builds tbody tr").last).to_contain_text("Versions are compared on it.")
    page.locator("#builds tbody tr").last.get_by_role("button", name="Answer with it").click()
    expect(page.locator("#builds tbody tr").last).to_contain_text("answers now")
    assert answering(instance) == first

    for other in ("How alike", "Shows nobody", "Awkward rows"):
        page.get_by_role("link", name=other, exact=True).click()
        expect(page.get_by_text("Synthetic data.")).to_be_visible()


def test_a_maker_drills_an_app_on_broken_contracts_and_compares_versions_on_the_same_rows(
    page: Page, instance: Instance
) -> None:
    with company.actors(instance)("maker.sales") as ctx:
        apps.push(ctx, company.files("board"), "Sales by line", "")
    enter(page, instance, "maker.sales")
    page.goto("/apps/board")
    page.get_by_label("On which rows").select_option("drill")
    page.get_by_role("button", name="Run in the sandbox").click()
    page.wait_for_url("**/runs/run_*")
    drilled = page.url.rpartition("/")[2]
    expect(page.get_by_role("button", name="Stop this run")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_text("a drill: contracts broken on purpose")).to_be_visible()
    build = answering(instance)
    with company.actors(instance)("maker.sales") as ctx:
        run = runtime.run(ctx, drilled)
        broken = twins.breaks(ctx, "sales_orders", build)
        gate = next(one for one in apps.gates(ctx, "board") if one.key == "sandbox")
    assert (run.variant, run.twins) == ("drill", {"sales_orders": build})
    assert broken
    assert not gate.open, "what runs on a drill has not shown that it runs"

    expect(page.get_by_text(build)).to_be_visible()
    with company.actors(instance)("maker.sales") as ctx:
        apps.push(ctx, company.files("board", company.CODE + "\n"), "The next version", "")
    with company.actors(instance)("steward.sales") as ctx:
        assert twins.build(ctx, list(company.CHANGES), seed=77).id != build
    with company.actors(instance)("maker.sales") as ctx:
        again = apps.run(ctx, "board", twin=drilled)
    ended = runtime.execute(instance, again.id)
    assert (ended.variant, ended.twins, ended.state) == ("drill", {"sales_orders": build}, run.state)
