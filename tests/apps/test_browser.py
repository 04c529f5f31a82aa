"""The life of an app in a real Chromium: a folder is uploaded, run, promoted, shared and opened by its viewer."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from handrail import runtime
from tests.apps.conftest import BY_REGION, ORDERS, hello, link

pytestmark = [pytest.mark.browser, pytest.mark.long]
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def at(instance, url, chromium):
    """A browser page of somebody, at our server; whatever the console reports is an error."""
    said: list[str] = []
    contexts = []

    def open_for(who: str) -> Page:
        context = chromium.new_context(base_url=url)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.goto(f"/sign-in/link?token={link(instance, who)}")
        return page

    supervisor = runtime.Supervisor(instance)
    supervisor.start()
    yield open_for
    supervisor.stop()
    for context in contexts:
        context.close()
    assert said == []


def no_barrier(page: Page) -> None:
    """Nothing that axe-core finds."""
    if not AXE.exists():
        return
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']})"
        ".then(told => told.violations)"
    )
    assert [(one["id"], one["nodes"][0]["html"][:150]) for one in found] == []


def test_a_folder_becomes_an_app_in_production_that_its_viewer_opens(orders, at, tmp_path):
    folder = tmp_path / "orders by region"
    for path, content in hello(BY_REGION, ORDERS, **{"lib/a/b.py": b"x = 1\n"}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    maker = at("maker.sales")
    maker.goto("/apps/new")
    no_barrier(maker)
    maker.get_by_role("link", name="A folder").click()
    maker.get_by_label("Folder", exact=True).set_input_files(folder)
    maker.get_by_label("Why does this version exist?").fill("Sales asked for it")
    maker.get_by_role("button", name="Keep this version").click()
    expect(maker.get_by_role("heading", name="orders", exact=False).first).to_be_visible()
    expect(maker.get_by_text("orders version 1 is kept.")).to_be_visible()
    no_barrier(maker)
    maker.get_by_role("button", name="Run in the sandbox").click()
    expect(maker.get_by_text("TWIN=7")).to_be_visible(timeout=30_000)
    expect(maker.get_by_text("Succeeded")).to_be_visible(timeout=30_000)
    maker.goto("/apps/orders")
    maker.get_by_role("button", name="Promote version 1").click()
    maker.get_by_role("dialog").get_by_role("button", name="Promote version 1").click()
    expect(maker.get_by_text("Version 1 is in production.")).to_be_visible()
    maker.get_by_role("tab", name="Sharing").click()
    maker.get_by_label("Groups").select_option("sales")
    maker.get_by_role("button", name="See what it costs").click()
    expect(maker.get_by_text("It becomes a handoff.")).to_be_visible()
    no_barrier(maker)
    maker.get_by_role("button", name="Share it").click()
    expect(maker.get_by_text("orders is shared.")).to_be_visible()
    maker.goto("/open/orders")
    maker.get_by_role("button", name="Open", exact=True).click()
    expect(maker.get_by_text("EMEA=900")).to_be_visible(timeout=30_000)
    no_barrier(maker)
    maker.goto("/apps/orders/versions/1")
    no_barrier(maker)


def test_no_page_of_an_app_is_wider_than_a_phone(push, at):
    push(why="A why that is long enough to be broken over several lines of a narrow screen " * 3)
    maker = at("maker.sales")
    maker.set_viewport_size({"width": 390, "height": 844})
    for path in ("/apps", "/apps/new", "/apps/new?way=paste", "/apps/hello", "/apps/hello/versions/1", "/"):
        maker.goto(path)
        assert maker.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
