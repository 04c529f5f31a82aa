"""The web application of a fresh instance, asked over HTTP and by a real browser."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import uvicorn
from fastapi import APIRouter
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from handrail import kit
from handrail.faces import web
from handrail.kernel import Caller, Instance, NotReady, identity
from tests.conftest import PEOPLE

PASSWORD = "a long enough password"
CHROMIUM = Path(os.environ.get("HANDRAIL_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SignedIn = Callable[[str], TestClient]


def probe_router() -> APIRouter:
    """Two routes that do and refuse something, the way a room's pages do."""
    router = APIRouter()

    @router.post("/probe")
    def write(ctx: kit.Ctx) -> dict[str, str]:
        ctx.audit.note("probe.written", "probe:1")
        return {"done": "yes"}

    @router.post("/probe/refused")
    def refuse(ctx: kit.Ctx) -> None:
        raise NotReady("The probe is not ready.", next_step="Warm it up.")

    @router.get("/api/v1/probe/bug")
    def bug(ctx: kit.Ctx) -> None:
        raise RuntimeError("connection string postgresql://admin:hunter2@db")

    @router.get("/probe/bug")
    def page_bug(ctx: kit.Ctx) -> None:
        raise RuntimeError("connection string postgresql://admin:hunter2@db")

    return router


@pytest.fixture
def open_client(instance: Instance) -> Callable[[], TestClient]:
    """A client that nobody signed in with."""
    app = web.build(instance, [probe_router()])
    return lambda: TestClient(app, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def signed_in(instance: Instance, open_client: Callable[[], TestClient]) -> SignedIn:
    """Clients of people who came in by a one-time link."""

    def sign_in(who: str) -> TestClient:
        client = open_client()
        with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        assert client.get("/sign-in/link", params={"token": token}).status_code == 303
        return client

    return sign_in


@pytest.fixture
def address(instance: Instance) -> Iterator[str]:
    """A real server on a free port, with passwords set."""
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        for person in ("admin", "maker.sales"):
            identity.set_password(ctx, person, PASSWORD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(web.build(instance, [probe_router()]), port=port, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.02)
    assert urlopen(f"http://127.0.0.1:{port}/healthz").status == 200
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of a fresh browser profile at our server."""
    context = chromium.new_context(base_url=address)
    yield context.new_page()
    context.close()


def enter(page: Page, email: str) -> None:
    """Sign in by the form."""
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
