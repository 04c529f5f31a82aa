"""The web application of a fresh instance, asked over HTTP and by a real browser."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from playwright.sync_api import Browser, Page

from handrail import kit
from handrail.faces import web
from handrail.kernel import Caller, Instance, NotReady, identity
from tests.conftest import PEOPLE
from tests.web import Client

PASSWORD = "a long enough password"
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SignedIn = Callable[[str], Client]


def probe_router() -> APIRouter:
    """Two routes that do and refuse something, the way a room's pages do."""
    router = kit.pages()

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
def open_client(instance: Instance) -> Callable[[], Client]:
    """A client that nobody signed in with."""
    app = web.build(instance, lambda: [probe_router()])
    return lambda: Client(app, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def signed_in(instance: Instance, open_client: Callable[[], Client]) -> SignedIn:
    """Clients of people who came in by a one-time link."""

    def sign_in(who: str) -> Client:
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
    with serving(web.build(instance, lambda: [probe_router()])) as made:
        yield made


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """A real server of this application on a free port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert urlopen(f"{address}/healthz", timeout=30).status == 200
        yield address
        server.should_exit = True
        thread.join(10)


RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
COLORS = ("color-contrast", "link-in-text-block")  # the rules that another theme can break


def violations(page: Page, rules: tuple[str, ...] = RULES) -> list[str]:
    """What axe-core finds on the page, by these rules or tags of rules, as `rule: element`."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run `make assets`")
    # evaluate() comes through the debugger, which the page's content security policy does not bind
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(told => told.violations)",
        list(rules),
    )  # what was in order is neither described nor brought over
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


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
