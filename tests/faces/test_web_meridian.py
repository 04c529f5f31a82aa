"""Every kind of page of the demo company, as each role sees it: no barrier, no broken policy, no phone too narrow."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from handrail.kernel import Caller, Instance, identity
from handrail.server import application
from handrail_demo.company import ADMIN
from tests.demo.meridian import furnished
from tests.faces.conftest import COLORS, RULES, serving, violations

pytestmark = [pytest.mark.browser, pytest.mark.long]
Theme = Literal["light", "dark"]
RULES_OF: dict[Theme, tuple[str, ...]] = {"light": RULES, "dark": COLORS}
ROLES = ("maker.sales", "steward.sales", "reviewer.platform", "compliance", "viewer.emea", "admin")
# Addresses that differ only in these lead to the same kind of page.
VARYING = re.compile(
    r"[0-9a-f]{40}|run_\w+|(?<=/)\d+|(?<=datasets/)\w+|(?<=twins/)\w+|(?<=(?:s|n)/)[a-z]+-[\w-]+"
)


@pytest.fixture(scope="module")
def meridian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The demo company, whole but small."""
    instance = furnished(tmp_path_factory.mktemp("web") / "meridian")
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def meridian_address(meridian: Instance) -> Iterator[str]:
    """Its real server."""
    with serving(application(meridian)) as address:
        yield address


def kind(path: str) -> str:
    return VARYING.sub("*", path.partition("?")[0])


def pages(page: Page, kinds: set[str]) -> Iterator[str]:
    """Home, and one address of every further kind of page that links lead to from there."""
    todo = ["/"]
    while todo:
        path = todo.pop(0)
        page.goto(path)
        yield path
        for found in page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
            address = found.partition("#")[0]
            other = (
                not address.startswith("/")
                or address.startswith(("/api/", "/sign-"))
                or "/outputs/" in address
            )
            if not other and not address.endswith("/log") and kind(address) not in kinds:
                kinds.add(kind(address))
                todo.append(address)


def complaints(page: Page, theme: Theme) -> list[str]:
    """What is wrong with the page that is open."""
    found = [f"{page.url}: {one}" for one in violations(page, RULES_OF[theme])]
    page.set_viewport_size({"width": 390, "height": 844})
    if page.evaluate("document.documentElement.scrollWidth") > 390:
        found.append(f"{page.url} is wider than a phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.release)])
def test_every_kind_of_page_that_somebody_is_led_to_is_open_to_them_and_whole(
    chromium: Browser, meridian: Instance, meridian_address: str, theme: Theme
) -> None:
    kinds = {"/"}
    found: list[str] = []
    for who in ROLES:
        with meridian.context(Caller(ADMIN, "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        context = chromium.new_context(base_url=meridian_address, color_scheme=theme, reduced_motion="reduce")
        page = context.new_page()
        page.on("pageerror", lambda error: found.append(f"script: {error}"))
        page.on(
            "console",
            lambda said: (
                found.append(f"{said.text} {said.location}") if said.type in ("error", "warning") else None
            ),
        )
        page.goto(f"/sign-in/link?token={token}")
        for _ in pages(page, kinds):
            found.extend(f"{who}: {one}" for one in complaints(page, theme))
        context.close()
    assert found == []
    assert len(kinds) >= 15


def test_the_kinds_of_page_are_told_apart() -> None:
    assert kind("/apps/regional-velocity/versions/3") == kind("/apps/order-formatter/versions/12?x=1")
    assert kind("/datasets/customers") != kind("/datasets/customers/certify")
