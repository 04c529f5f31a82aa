"""The pages in a real Chromium: usable by keyboard, by screen reader, on a phone, and clean under the strict policy."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.faces.conftest import COLORS, PASSWORD, RULES, enter, violations

pytestmark = [pytest.mark.browser, pytest.mark.long]
PATHS = ("/", "/styleguide", "/people", "/people/maker.sales", "/audit", "/audit/3", "/me", "/nowhere")


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """A page on which nothing is reported to the console: no script fails, no policy is broken."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda message: (
            said.append(message.text)
            if message.type in ("error", "warning") and "404 (Not Found)" not in message.text
            else None
        ),
    )
    yield page
    assert said == []


@pytest.mark.parametrize(("theme", "rules"), [("light", RULES), ("dark", COLORS)], ids=["light", "dark"])
def test_no_page_has_a_barrier_that_axe_can_find(
    quiet: Page, theme: Literal["light", "dark"], rules: tuple[str, ...]
) -> None:
    quiet.emulate_media(color_scheme=theme, reduced_motion="reduce")
    quiet.goto("/sign-in")
    assert violations(quiet, rules) == []
    enter(quiet, "admin@meridian.example")
    for path in PATHS:
        quiet.goto(path)
        assert (path, violations(quiet, rules)) == (path, [])


def test_no_page_is_wider_than_a_phone(quiet: Page) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    enter(quiet, "admin@meridian.example")
    for path in ("/sign-in", *PATHS):
        quiet.goto(path)
        assert quiet.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_menu_opens_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    enter(page, "admin@meridian.example")
    expect(page.get_by_role("link", name="People")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="People").click()
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def test_one_can_sign_in_and_reach_the_content_by_keyboard_alone(page: Page) -> None:
    page.goto("/sign-in")
    expect(page.get_by_label("E-mail")).to_be_focused()  # by itself, once the page is drawn
    page.keyboard.type("maker.sales@meridian.example")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_table_is_sorted_by_its_headings_and_filtered_by_typing(quiet: Page) -> None:
    enter(quiet, "admin@meridian.example")
    quiet.goto("/styleguide")
    table = quiet.get_by_role("table", name="Regions")
    heading = table.get_by_role("columnheader", name="Orders")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(table.locator("tbody tr").first).to_contain_text("Benelux")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(table.locator("tbody tr").first).to_contain_text("EMEA")
    quiet.get_by_label("Filter this table").fill("nordics")
    expect(table.locator("tbody tr:visible")).to_have_count(1)


def test_a_refused_form_says_why_in_place_and_keeps_what_was_typed(page: Page) -> None:
    enter(page, "admin@meridian.example")
    page.goto("/people/maker.sales")
    page.get_by_label("Attributes").fill("nonsense")
    page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("is not an attribute")
    expect(dialog).to_contain_text("region = EMEA")
    dialog.get_by_role("button", name="Understood").click()
    expect(page.get_by_label("Attributes")).to_have_value("nonsense")
    page.get_by_label("Attributes").fill("region = APAC")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("The account is changed.")


def test_a_dialog_opens_holds_the_focus_and_closes_with_escape(page: Page) -> None:
    enter(page, "maker.sales@meridian.example")
    page.goto("/me")
    page.get_by_role("button", name="New token").click()
    expect(page.get_by_role("dialog", name="New token")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="New token")).to_be_hidden()
    expect(page.get_by_role("button", name="New token")).to_be_focused()


def test_a_token_is_made_shown_and_revoked_in_the_browser(page: Page) -> None:
    enter(page, "maker.sales@meridian.example")
    page.goto("/me")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("What is it for?").fill("git on my laptop")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    expect(page.locator("main code", has_text="hr_").first).to_be_visible()
    page.get_by_role("button", name="Revoke").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("no longer works")


def test_light_and_dark_are_remembered(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    enter(page, "maker.sales@meridian.example")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/me")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 22, 24)"


def test_pages_work_without_scripts(page: Page) -> None:
    page.route("**/*.js*", lambda route: route.abort())
    enter(page, "admin@meridian.example")
    page.goto("/people/maker.sales")
    page.get_by_label("Attributes").fill("nonsense")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="That does not work as written")).to_be_visible()
    page.goto("/people/maker.sales")
    page.get_by_label("Attributes").fill("region = APAC")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("The account is changed.")
