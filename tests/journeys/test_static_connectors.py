"""A static app calls another system as its viewer does, by the declared calls alone, and never by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium

from handrail import connectors
from handrail.kernel import identity
from handrail.server import application
from tests.connectors.conftest import CALLS, DEFINITION, SECRET
from tests.connectors.upstream import Upstream, json, serving
from tests.faces.conftest import serving as served
from tests.journeys import company
from tests.journeys.hosting import PAGE, Hosting, static

pytestmark = pytest.mark.long

PLACE = "http://regions.localhost:8400"
SANDBOX = "http://sandbox--regions.localhost:8400"
SAME = {"sec-fetch-site": "same-origin", "accept": "application/json"}
SHOWS = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Desk</title><h1>Desk</h1><p id="said"></p>
<script type="module">
import { connector, Refused } from "/.handrail/handrail.js";
const crm = connector("crm");
const said = [];
said.push((await crm.get("/customers/7", { params: { fields: ["name"] } })).expect().json().name);
for (const asking of [
  () => crm.delete("/tickets/7"),
  async () => (await crm.get("/customers/8")).expect(),
]) {
  try { await asking(); said.push("answered"); }
  catch (error) { said.push(error instanceof Refused ? error.code : String(error)); }
}
document.getElementById("said").textContent = said.join(" ");
</script></html>
"""


def page(html: str = PAGE) -> dict[str, bytes]:
    files = static(page=html)
    return {**files, "handrail.toml": files["handrail.toml"] + CALLS.encode()}


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("CONNECTOR_CRM", SECRET)
    with serving() as other:
        yield other


@pytest.fixture
def hosting(tmp_path: Path, upstream: Upstream) -> Iterator[Hosting]:
    opened = Hosting(company.furnished(tmp_path / "company"))
    acting = company.actors(opened.instance)
    try:
        with acting("steward.sales") as ctx:
            connectors.save_connector(ctx, "crm", DEFINITION.format(host=upstream.host).encode())
        upstream.answer = json(b'{"name": "Recorded"}')
        with acting("steward.sales") as ctx:
            connectors.record(ctx, "crm", "/customers/7", keep=True)
        upstream.answer = json(b'{"name": "Ann"}')
        upstream.called.clear()
        yield opened
    finally:
        opened.close()
        opened.instance.close()


def called(client: Any, path: str, method: str = "GET", **more: Any) -> Any:
    body = {"method": method, "path": path, **more}
    return client.post("/.handrail/connectors/crm/call", json=body, headers=SAME)


@pytest.fixture
def shared(hosting: Hosting) -> Hosting:
    """The app in production, shared with the people of sales."""
    version = hosting.push(page())
    maker = hosting.browser("maker.sales")
    maker.visit("/visit/regions?environment=sandbox")
    assert called(maker.at(SANDBOX), "/customers/7").json()["content"] == '{"name":"Recorded"}'
    hosting.sleep()
    hosting.promote(version, "sales")
    return hosting


def test_the_sandbox_answers_by_itself_and_production_by_the_other_system(
    shared: Hosting, upstream: Upstream
) -> None:
    assert upstream.called == []
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    answer = called(browser.at(PLACE), "/customers/7").json()
    assert (answer["status"], answer["content"], answer["synthetic"]) == (200, '{"name": "Ann"}', "")
    assert [one.path for one in upstream.called] == ["/customers/7"]
    assert SECRET not in str(answer)


def test_nothing_that_a_page_says_changes_for_whom_or_where_it_calls(
    shared: Hosting, upstream: Upstream
) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    here = browser.at(PLACE)
    assert called(here, "/customers/7", app="other").json()["content"] == '{"name": "Ann"}'
    undeclared = called(here, "/tickets/7", "DELETE")
    assert (undeclared.status_code, undeclared.json()["code"]) == (403, "not_allowed")
    first = called(here, "/tickets", "POST", json={"text": "x"})
    assert first.status_code == 409 and "/connectors/crm/approvals/" in first.json()["next_step"]
    assert [one.method for one in upstream.called] == ["GET"]
    with company.actors(shared.instance)("steward.sales") as ctx:
        [use] = [one for one in connectors.uses(ctx, "crm") if one.environment == "production"]
        [waiting] = connectors.waiting(ctx)
    assert (use.app, use.times, waiting.by) == ("regions", 1, "viewer.emea")


def test_who_is_no_reader_of_the_other_system_is_not_answered_by_a_page_of_theirs(
    shared: Hosting, upstream: Upstream, hosting: Hosting
) -> None:
    text = DEFINITION.format(host=upstream.host).replace("readers: [sales]", "readers: [finance]")
    with company.actors(hosting.instance)("steward.sales") as ctx:
        connectors.save_connector(ctx, "crm", text.encode())
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    assert called(browser.at(PLACE), "/customers/7").status_code == 403
    assert upstream.called == []


@pytest.mark.parametrize("path", ["crm/record", "crm", "crm/approvals", "CRM/call", "a%2f../me/call", ""])
def test_of_connectors_a_page_reaches_calls_alone(shared: Hosting, path: str) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    here = browser.at(PLACE)
    for answer in (
        here.get(f"/.handrail/connectors/{path}", headers=SAME),
        here.post(f"/.handrail/connectors/{path}", json={"path": "/customers/7"}, headers=SAME),
    ):
        assert answer.status_code in (404, 405)


def test_another_website_calls_nothing_in_a_viewers_name(shared: Hosting, upstream: Upstream) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    asked = {"method": "GET", "path": "/customers/7"}
    headers = {"origin": "http://evil.localhost:8400"}
    answer = browser.at(PLACE).post("/.handrail/connectors/crm/call", json=asked, headers=headers)
    assert answer.status_code == 403 and upstream.called == []


@pytest.mark.browser
def test_the_script_that_pages_import_gives_answers_and_refusals(
    chromium: Chromium, hosting: Hosting
) -> None:
    hosting.push(page(SHOWS))
    with company.actors(hosting.instance)("admin") as ctx:
        link = identity.issue_link(ctx, "maker.sales")
    with served(application(hosting.instance, hosting.hosts)) as address:
        context = chromium.new_context(base_url=address)
        shown = context.new_page()
        shown.goto(f"/sign-in/link?token={link}")
        shown.goto("/visit/regions?environment=sandbox")
        shown.wait_for_selector("#said:not(:empty)", timeout=60_000)
        said = shown.text_content("#said")
        context.close()
    assert said == "Recorded not_ready answered"
