"""Apps whose pages are written to harm whoever opens them, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.hosting import Hosting
from tests.journeys.test_web_apps import SignedIn, address, hosting, signed_in, web

__all__ = ["address", "hosting", "signed_in"]

pytestmark = [pytest.mark.browser, pytest.mark.long]

WORKER = """
from flask import Flask, Response, redirect, request

app = Flask(__name__)

@app.route("/")
def home():
    return "<h1>As reviewed</h1>"

@app.route("/worker.js")
def worker():
    stay = "self.addEventListener('fetch', it => it.respondWith(new Response('<h1>As I like</h1>')))"
    return Response(stay, mimetype="text/javascript")

@app.route("/lives.js")
def lives():
    return Response("postMessage('lives')", mimetype="text/javascript")

@app.route("/away")
def away():
    return redirect("http://127.0.0.1:9/")
"""


@pytest.fixture(scope="module")
def pushed(hosting: Hosting) -> None:
    hosting.push(web("hostile", WORKER, data=False))


@pytest.fixture
def at_the_app(pushed: None, address: str, signed_in: SignedIn) -> Page:
    """The maker's page at the app."""
    page = signed_in("maker.sales")
    page.goto(f"{address}/visit/hostile?environment=sandbox")
    expect(page.get_by_role("heading", name="As reviewed")).to_be_visible(timeout=30_000)
    return page


def test_no_page_leaves_a_worker_behind_that_answers_in_its_place(at_the_app: Page) -> None:
    register = "navigator.serviceWorker.register('/worker.js').then(() => 'stays', () => 'held')"
    assert at_the_app.evaluate(register) == "held"
    at_the_app.reload()
    expect(at_the_app.get_by_role("heading", name="As reviewed")).to_be_visible()
    # A worker that lives as long as its page is none of those; frameworks use them.
    lives = "new Promise((yes, no) => { new Worker('/lives.js').onmessage = it => yes(it.data) })"
    assert at_the_app.evaluate(lives) == "lives"


ATTEMPTS = (
    "fetch('http://127.0.0.1:9/x')",
    "fetch('/away')",
    "fetch('MAIN/api/v1/me', {mode: 'no-cors', credentials: 'include'})",
    "new Promise((yes, no) => Object.assign(new Image(), {onload: yes, onerror: no, src: 'http://127.0.0.1:9/'}))",
    "new Promise((yes, no) => Object.assign(new WebSocket('ws://127.0.0.1:9/'), {onopen: yes, onerror: no}))",
    "new WebTransport('https://127.0.0.1:9/').ready",
)


def test_a_page_that_asks_elsewhere_is_held_by_its_policy(at_the_app: Page, address: str) -> None:
    held: list[str] = []
    at_the_app.on("console", lambda said: held.append(said.text))
    for attempt in ATTEMPTS:
        held.clear()
        left = f"({attempt.replace('MAIN', address)}).then(() => 'left', () => 'held')"
        assert at_the_app.evaluate(left) == "held", attempt
        assert any("Content Security Policy" in one for one in held), attempt
