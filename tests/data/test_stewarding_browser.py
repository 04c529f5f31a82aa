"""The stewards' pages in real Chromium: tried and proposed by hand, told at home, and without a barrier."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from handrail import data
from handrail.kernel import Instance, identity
from tests.data import asking
from tests.faces.conftest import COLORS, RULES, violations
from tests.journeys.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.long]
Opens = Callable[[str], Page]
PATHS = (
    "/",
    "/datasets",
    "/datasets?q=nothing+of+the+kind",
    "/datasets/orders",
    "/datasets/orders/certify",
    "/datasets/orders/see-as?person=viewer.emea",
    "/purposes",
    "/policies",
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder: Path = tmp_path_factory.mktemp("stewards")
    made = asking.furnished(folder)
    with asking.actors(made)("steward.sales") as ctx:
        data.propose(ctx, "customers", {"quality": [{"rule": "rows", "allowed": ">= 1000"}]})
    with asking.actors(made)("steward.sales") as ctx:
        data.check_quality(ctx, "customers")
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(instance: Instance) -> Iterator[Served]:
    served = Served(instance.settings.home).start()
    yield served
    served.stop()


@pytest.fixture
def browser(chromium: Browser, server: Served, instance: Instance) -> Iterator[Opens]:
    opened = []

    def open_one(who: str) -> Page:
        opened.append(chromium.new_context(base_url=server.address))
        page = opened[-1].new_page()
        with asking.actors(instance)("admin") as ctx:
            token = identity.issue_link(ctx, who)
        page.goto(f"/sign-in/link?token={token}")
        if "/sign-in" in page.url:
            page.get_by_role("button").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
        return page

    yield open_one
    for context in opened:
        context.close()


@pytest.mark.parametrize(("theme", "rules"), [("light", RULES), ("dark", COLORS)], ids=["light", "dark"])
def test_no_page_has_a_barrier_that_axe_can_find(
    browser: Opens, theme: Literal["light", "dark"], rules: tuple[str, ...]
) -> None:
    page = browser("steward.sales")
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for path in PATHS:
        page.goto(path)
        assert (path, violations(page, rules)) == (path, [])


def test_no_page_is_wider_than_a_phone(browser: Opens) -> None:
    page = browser("steward.sales")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PATHS:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_rule_is_tried_then_proposed_and_certified_by_somebody_else(browser: Opens) -> None:
    page = browser("steward.sales")
    page.goto("/datasets/orders/certify")
    new = page.get_by_role("group", name="A new rule").first
    new.get_by_label("Rule").select_option("range")
    new.get_by_label("Column").fill("amount")
    new.get_by_label("Values, range, pattern or query").fill("0..50")
    page.get_by_role("button", name="Try it now").click()
    tried = page.get_by_role("row", name="amount is at least 0 and at most 50")
    expect(tried).to_contain_text("broken")
    expect(tried).to_contain_text("6 of 12 rows are otherwise.")
    rule = page.get_by_role("group").filter(has=page.locator("input[value='0..50']"))
    rule.get_by_label("Values, range, pattern or query").fill("0..500")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_text("It is promised: amount is at least 0 and at most 500.")).to_be_visible()
    expect(page.get_by_role("button", name="Certify")).to_have_count(0)
    second = browser("steward.hr")
    second.goto("/datasets/orders")
    second.get_by_role("button", name="Certify").first.click()
    second.get_by_role("dialog").get_by_role("button", name="Certify").click()
    expect(second.get_by_text("Certified by steward.hr").first).to_be_visible()


def test_what_broke_is_told_at_home_until_it_is_put_away(browser: Opens) -> None:
    page = browser("steward.hr")  # the deputy
    told = page.get_by_role("listitem").filter(
        has_text="The data of customers breaks what its contract promises"
    )
    expect(told).to_be_visible()
    told.get_by_role("button", name="Put away").click()
    expect(told).to_have_count(0)
