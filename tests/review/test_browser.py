"""The review page in a real Chromium: refused in place, approved by dialog, no wider than a phone."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from tests.conftest import PEOPLE, Acting
from tests.faces.conftest import PASSWORD, enter
from tests.review.conftest import Submitting

from handrail import review
from handrail.faces import web
from handrail.kernel import Caller, Instance, identity
from handrail.review import api, pages

pytestmark = pytest.mark.browser


@pytest.fixture
def page(catalog: Instance, chromium: Browser) -> Iterator[Page]:
    with catalog.context(Caller(PEOPLE[0], "cli")) as ctx:
        identity.set_password(ctx, "reviewer.platform", PASSWORD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = web.build(catalog, lambda: [pages.router, api.router])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.02)
    context = chromium.new_context(base_url=f"http://127.0.0.1:{port}")
    yield context.new_page()
    context.close()
    server.should_exit = True
    thread.join(10)


def test_a_reviewer_goes_from_the_queue_to_a_decision(
    page: Page, acting: Acting, version: Submitting
) -> None:
    for n, app in ((1, "weekly"), (1, "daily")):
        with acting("maker.sales") as ctx:
            review.request(ctx, version(n, app=app, commit=app.ljust(40, "0")))
    enter(page, "reviewer.platform@meridian.example")
    page.goto("/reviews")
    page.get_by_role("link", name="weekly").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("weekly, version 1")

    page.get_by_role("button", name="Refuse …").click()
    dialog = page.get_by_role("dialog", name="Refuse version 1?")
    dialog.get_by_label("What must change").fill("no")
    dialog.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("too short for its maker to act on")).to_be_visible()

    page.goto("/reviews/weekly/" + "weekly".ljust(40, "0"))
    page.get_by_role("button", name="Approve …").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("reviewer.platform approved it.").first).to_be_visible()

    page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/reviews", "/reviews/weekly/" + "weekly".ljust(40, "0")):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    page.goto("/reviews")
    expect(page.get_by_role("link", name="daily")).to_be_visible()
    expect(page.get_by_role("link", name="weekly")).to_have_count(0)
