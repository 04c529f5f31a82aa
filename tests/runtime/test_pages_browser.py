"""The page of a run in a real browser: it follows the run by itself, and its button ends it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from handrail.faces import web
from handrail.kernel import Caller, Instance, identity
from handrail.runtime import Supervisor, pages
from tests.conftest import PEOPLE
from tests.runtime.conftest import Start

pytestmark = pytest.mark.browser


@pytest.fixture
def page(instance: Instance, chromium: Browser) -> Iterator[Page]:
    """A page at a real server, signed in as the maker, that collects what the console complains about."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web.build(instance, lambda: [pages.router]), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "maker.sales")
    context = chromium.new_context(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    made = context.new_page()
    made.goto(f"/sign-in/link?token={token}")
    yield made
    context.close()
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def supervised(instance: Instance) -> Iterator[Callable[[], None]]:
    """Let the queue move: `supervised()`."""
    supervisor = Supervisor(instance)
    started: list[bool] = []

    def start() -> None:
        supervisor.start()
        started.append(True)

    yield start
    if started:
        supervisor.stop()


def test_the_page_follows_a_run_to_its_end_without_being_loaded_again(
    page: Page, start: Start, supervised: Callable[[], None]
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    run = start("import time, handrail_sdk as h\nprint('began')\ntime.sleep(2)\nh.text('The result')")
    page.goto(f"/runs/{run.id}")
    page.evaluate("window.kept = true")
    expect(page.locator("#run")).to_contain_text("Waiting for its turn")
    supervised()
    expect(page.locator("pre.log")).to_contain_text("began", timeout=20_000)
    expect(page.locator("#run")).to_contain_text("The result", timeout=20_000)
    expect(page.get_by_role("button", name="Stop this run")).to_have_count(0)
    assert page.evaluate("window.kept")
    assert complaints == []


def test_the_button_ends_a_run(page: Page, start: Start, supervised: Callable[[], None]) -> None:
    run = start("while True: pass")
    supervised()
    page.goto(f"/runs/{run.id}")
    expect(page.locator("#run")).to_contain_text("Started", timeout=20_000)
    page.get_by_role("button", name="Stop this run").click()
    expect(page.locator("#run")).to_contain_text("It was stopped.", timeout=20_000)
