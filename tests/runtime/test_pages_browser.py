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

pytestmark = [pytest.mark.browser, pytest.mark.long]


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


ATTACK = """
import handrail_sdk as h
S = "fetch('/people');try{top.document.title='OWNED'}catch(e){};document.title='OWNED';window.top.pwned=1"
h.html('<body onload="%s"><script>%s</script><img src=x onerror="%s"><b>A report</b>'
       '<link rel=preconnect href="https://rows.evil.example"><meta http-equiv=refresh content="0;url=/people">'
       '<form action=/runs method=post><button id=go>go</button></form><a id=out target=_top href="/people">out</a>'
       '<style>b { color: rgb(1, 2, 3) }</style></body>' % (S, S, S), title='Report')
h.markdown('# Words <script>%s</script>\\n\\n<img src=x onerror="%s">\\n\\n[away](javascript:%s)' % (S, S, S))
h.save('chart.svg', b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>')
h.text('<script>%s</script>' % S)
print('<script>%s</script>' % S)
"""


def test_nothing_that_an_app_hands_over_runs_in_handrails_origin(
    page: Page, start: Start, supervised: Callable[[], None]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    run = start(ATTACK)
    supervised()
    page.goto(f"/runs/{run.id}")
    expect(page.locator("#run")).to_contain_text("It ended well", timeout=30_000)
    report = page.frame_locator("iframe.report")
    expect(report.locator("b")).to_have_css("color", "rgb(1, 2, 3)")
    report.locator("#go").click()
    report.locator("#out").click()
    for address in ("/outputs/1/shown", "/outputs/3/shown", "/outputs/1", "/outputs/2", "/outputs/4", "/log"):
        if "shown" in address:
            page.goto(f"/runs/{run.id}{address}")
        assert page.title() != "OWNED"
    page.goto(f"/runs/{run.id}")
    expect(page.locator(".written h1")).to_contain_text("<script>")
    assert page.evaluate("window.pwned") is None
    assert page.title() != "OWNED"
    assert not [url for url in asked if "/people" in url or "evil" in url]
    picture = page.locator("img.picture")
    assert picture.evaluate("image => image.naturalWidth") == 9
