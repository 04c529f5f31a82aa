"""The drawing in a real browser: without a barrier, no wider than its screen, and never a name cut by its box."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from handrail import apps
from handrail.kernel import Instance, identity
from handrail.server import application
from tests.data import asking
from tests.faces.conftest import AXE, serving

pytestmark = [pytest.mark.browser, pytest.mark.long]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.furnished(tmp_path)
    with asking.actors(instance)("maker.sales") as ctx:
        files = {"app.py": b"print(1)\n", "handrail.toml": asking.MANIFEST.encode()}
        apps.push(ctx, files, "Sales by region", "")
    yield instance
    instance.close()


@pytest.fixture
def page(shop: Instance, chromium: Browser) -> Iterator[Page]:
    """Somebody who is signed in and sees the lineage of orders."""
    with asking.actors(shop)("admin") as ctx:
        link = identity.issue_link(ctx, "maker.sales")
    with serving(application(shop)) as address:
        context = chromium.new_context(base_url=address, reduced_motion="reduce")
        made = context.new_page()
        made.goto(f"/sign-in/link?token={link}")
        if made.locator("main form button").count():
            made.locator("main form button").first.click()
        yield made
        context.close()


def shown(page: Page, drawing: str) -> bool:
    return page.locator(f"svg.flow-{drawing}").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desktop", "phone"])
def test_the_drawing_has_no_barrier_and_fits(page: Page, theme: Any, size: Any) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size(size)
    page.goto("/lineage/dataset/orders")
    assert (shown(page, "wide"), shown(page, "tall")) == (size is WIDE, size is PHONE)
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_no_text_leaves_its_box(page: Page) -> None:
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        page.goto("/lineage/app/report")
        outside = page.evaluate(
            """() => [...document.querySelectorAll('.flow-box')].flatMap(box => {
                 const frame = box.querySelector('rect').getBoundingClientRect();
                 return [...box.querySelectorAll('text')].filter(text => {
                   const at = text.getBoundingClientRect();
                   return at.width && (at.right > frame.right || at.bottom > frame.bottom || at.top < frame.top);
                 }).map(text => text.textContent);
               })"""
        )
        assert outside == []


def test_the_keyboard_reaches_each_box_that_has_a_page(page: Page) -> None:
    page.set_viewport_size(WIDE)
    page.goto("/lineage/dataset/orders")
    page.locator("svg.flow-wide a[href='/metrics/sales']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/metrics/sales")
