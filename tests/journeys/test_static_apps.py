"""A static app, from the maker's folder to two viewers who each see their own rows, and what it cannot do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import apps, runtime
from handrail.kernel import identity
from handrail.server import open_instance
from tests.journeys import company
from tests.journeys.hosting import MAIN, SQL, Browser, Hosting, static
from tests.prepared import copied

PLACE = "http://regions.localhost:8400"
SAME = {"sec-fetch-site": "same-origin", "accept": "application/json"}


@contextmanager
def opened(make: Callable[[Path], None], folder: Path) -> Iterator[Hosting]:
    """A copy of what was made, in which apps are hosted."""
    copied(make, folder)
    hosting = Hosting(open_instance(folder / "home"))
    yield hosting
    hosting.hosts.stop()
    hosting.instance.close()


def in_production(folder: Path) -> None:
    """Make a company whose maker has tried and promoted the app, which is shared with the people of sales."""
    with opened(company.whole, folder) as hosting:
        version = hosting.push(static())
        maker = hosting.browser("maker.sales")
        assert maker.visit("/visit/regions?environment=sandbox").status_code == 200
        assert asked(maker.at("http://sandbox--regions.localhost:8400")).status_code == 200
        hosting.sleep()
        hosting.promote(version, "sales")


@pytest.fixture
def hosting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hosting]:
    """The company, with the app in production where a test names it as shared."""
    make = in_production if "shared" in request.fixturenames else company.whole
    with opened(make, tmp_path / "company") as made:
        yield made


def asked(client: Any, sql: str = SQL) -> Any:
    return client.post("/.handrail/query", json={"sql": sql}, headers=SAME)


@pytest.fixture
def shared(hosting: Hosting) -> Hosting:
    """The app in production, shared with the people of sales."""
    return hosting


def test_each_viewer_sees_their_own_rows_at_the_apps_own_origin(shared: Hosting) -> None:
    seen = {}
    for person in ("viewer.emea", "viewer.apac"):
        browser = shared.browser(person)
        page = browser.visit("/visit/regions")
        assert page.status_code == 200 and "<h1>Regions</h1>" in page.text
        assert str(page.url) == f"{PLACE}/"
        rows = asked(browser.at(PLACE)).json()
        assert rows["environment"] == "production"
        seen[person] = [row["region"] for row in rows["rows"]]
    assert seen == {"viewer.emea": ["EMEA"], "viewer.apac": ["APAC"]}


def test_the_sandbox_answers_from_twins_at_an_origin_of_its_own(hosting: Hosting) -> None:
    hosting.push(static())
    browser = hosting.browser("maker.sales")
    browser.visit("/visit/regions?environment=sandbox")
    rows = asked(browser.at("http://sandbox--regions.localhost:8400")).json()
    assert rows["environment"] == "sandbox"
    assert browser.at(PLACE).get("/", follow_redirects=False).status_code == 303  # no cookie of that place


def test_a_page_of_the_sandbox_says_that_its_data_is_synthetic_and_one_of_production_does_not(
    shared: Hosting,
) -> None:
    going = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
    maker = shared.browser("maker.sales")
    link = '<link rel="stylesheet" href="/.handrail/sandbox.css">'
    for environment, place, count in (
        ("sandbox", PLACE.replace("//", "//sandbox--"), 1),
        ("production", PLACE, 0),
    ):
        maker.visit(f"/visit/regions?environment={environment}")
        page = maker.at(place).get("/", headers=going)
        assert page.text.count(link) == count and "<h1>Regions</h1>" in page.text
        assert maker.at(place).get("/style.css", headers={"accept": "text/css"}).text == "h1 { color: teal }"
    sheet = maker.at(PLACE.replace("//", "//sandbox--")).get("/.handrail/sandbox.css")
    assert "synthetic" in sheet.text and sheet.headers["content-type"].startswith("text/css")


def test_what_it_asks_is_held_against_its_manifest_and_nothing_it_says_changes_who_asks(
    shared: Hosting,
) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    refused = asked(browser.at(PLACE), "SELECT email FROM customers")
    assert refused.status_code == 403 and refused.json()["code"] == "not_allowed"
    body = {"sql": SQL, "environment": "sandbox", "app": "other", "purpose": "payroll"}
    answer = browser.at(PLACE).post("/.handrail/query", json=body, headers=SAME).json()
    assert answer["environment"] == "production" and [row["region"] for row in answer["rows"]] == ["EMEA"]
    assert browser.at(PLACE).get("/.handrail/me", headers=SAME).json()["person"]["id"] == "viewer.emea"


def test_of_the_rest_of_handrail_nothing_is_there(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    here = browser.at(PLACE)
    for path in ("/api/v1/me", "/static/app.css", "/apps", "/healthz", "/openapi.json"):
        assert here.get(path, headers={"accept": "application/json"}).status_code == 404, path


def test_below_the_domain_of_apps_nothing_of_handrail_is_where_any_app_may_set_cookies(
    hosting: Hosting,
) -> None:
    own = replace(hosting.instance.settings.server, apps_domain="apps.example.com")
    hosting.instance.settings = replace(hosting.instance.settings, server=own)
    for host in ("a.b.apps.example.com", "apps.example.com", "a_b.apps.example.com"):
        assert Browser(hosting.app, f"http://{host}").get("/sign-in").status_code == 404, host
    assert Browser(hosting.app, "http://handrail.example.com").get("/sign-in").status_code == 200


def ticketed(browser: Browser) -> str:
    """The address with a ticket to which a browser is led, not yet gone to."""
    knocks = browser.get("/visit/regions", follow_redirects=False).headers["location"]
    back = browser.at(knocks).get(knocks, follow_redirects=False).headers["location"]
    return str(browser.get(back, follow_redirects=False).headers["location"])


def test_a_visit_needs_its_ticket_which_is_good_once_and_there_alone(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    led = ticketed(browser)
    elsewhere = led.replace("regions.", "sandbox--regions.")
    assert not begins(browser.at(elsewhere).get(elsewhere, follow_redirects=False))
    first = browser.at(led).get(led, follow_redirects=False)
    assert first.status_code == 303 and begins(first)
    assert "HttpOnly" in first.headers["set-cookie"] and "SameSite=Lax" in first.headers["set-cookie"]
    again = browser.at(led).get(led, follow_redirects=False)
    assert again.headers["location"].startswith(f"{MAIN}/visit/regions") and not begins(again)


def begins(answer: Any) -> bool:
    """Whether a browser is somebody at an app's origin from this answer on."""
    return "handrail_visit=" in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize("how", ["led there", "asked for by a program"])
@pytest.mark.parametrize("knocked", [False, True])
def test_nobody_sends_another_persons_browser_to_an_app_as_themselves(
    shared: Hosting, how: str, knocked: bool
) -> None:
    attacker, victim = shared.browser("viewer.apac"), shared.browser("viewer.emea")
    lure = ticketed(attacker)
    if how == "asked for by a program":
        with company.actors(shared.instance)("viewer.apac") as ctx:
            bearer = {"Authorization": f"Bearer {identity.issue_token(ctx, 'lure')[1]}"}
        lure = attacker.post("/api/v1/apps/regions/visits", headers=bearer).json()["address"]
    if knocked:
        ticketed(victim)
    arrived = victim.at(lure).get(lure, headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    assert not begins(arrived)
    victim.visit(arrived.headers["location"])
    assert victim.at(PLACE).get("/.handrail/me", headers=SAME).json()["person"]["id"] == "viewer.emea"


def test_a_browser_goes_in_by_two_tabs_at_once(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    first, second = ticketed(browser), ticketed(browser)
    for led in (first, second):
        assert begins(browser.at(led).get(led, follow_redirects=False))


def test_who_may_not_open_it_gets_no_ticket_and_who_no_longer_may_is_shown_nothing(shared: Hosting) -> None:
    assert shared.browser("maker.ops").get("/visit/regions", follow_redirects=False).status_code == 404
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    with company.actors(shared.instance)("maker.sales") as ctx:
        apps.unshare(ctx, "regions", groups=["sales"])
    shared_still = _after_a_moment(lambda: browser.at(PLACE).get("/").status_code, 404)
    assert shared_still == 404
    assert asked(browser.at(PLACE)).status_code == 404


def test_signing_out_ends_visits_everywhere(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    assert asked(browser.at(PLACE)).status_code == 200
    browser.post("/sign-out")
    assert _after_a_moment(lambda: asked(browser.at(PLACE)).status_code, 401) == 401


def test_a_new_password_ends_visits_in_every_browser(shared: Hosting) -> None:
    browser, other = shared.browser("viewer.emea"), shared.browser("viewer.apac")
    browser.visit("/visit/regions")
    other.visit("/visit/regions")
    with company.actors(shared.instance)("viewer.emea") as ctx:
        identity.set_password(ctx, "viewer.emea", "a new and long password")
    assert _after_a_moment(lambda: asked(browser.at(PLACE)).status_code, 401) == 401
    assert asked(other.at(PLACE)).status_code == 200


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_visit_ends_with_the_token_that_it_was_begun_with(shared: Hosting, how: str) -> None:
    acting = company.actors(shared.instance)
    with acting("viewer.emea") as ctx:
        token, secret = identity.issue_token(ctx, "script", days=1)
    program = Browser(shared.app, MAIN)
    begun = program.post("/api/v1/apps/regions/visits", headers={"Authorization": f"Bearer {secret}"})
    assert begun.status_code == 200, begun.text
    program.at(PLACE).get(begun.json()["address"], follow_redirects=False)
    assert asked(program.at(PLACE)).status_code == 200
    with acting("viewer.emea") as ctx:
        if how == "revoked":
            identity.revoke_token(ctx, token.id)
        else:
            ctx.db.execute(sa.text("UPDATE tokens SET expires = 0 WHERE id = :id"), {"id": token.id})
    assert _after_a_moment(lambda: asked(program.at(PLACE)).status_code, 401) == 401


def test_a_token_that_is_bound_to_another_purpose_begins_no_visit(shared: Hosting) -> None:
    with company.actors(shared.instance)("viewer.emea") as ctx:
        bound = {
            purpose: identity.issue_token(ctx, "script", [f"purpose:{purpose}"])[1]
            for purpose in ("customer-care", "sales-reporting")
        }
    answers = {
        purpose: Browser(shared.app, MAIN).post(
            "/api/v1/apps/regions/visits", headers={"Authorization": f"Bearer {secret}"}
        )
        for purpose, secret in bound.items()
    }
    assert {purpose: one.status_code for purpose, one in answers.items()} == {
        "customer-care": 403,
        "sales-reporting": 200,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://other.localhost:8400"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_another_website_asks_nothing_in_a_viewers_name(shared: Hosting, headers: dict[str, str]) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    answer = browser.at(PLACE).post("/.handrail/query", json={"sql": SQL}, headers=headers)
    assert answer.status_code == 403 and "EMEA" not in answer.text
    assert browser.at(PLACE).get("/", headers=headers).status_code == 403


def test_a_page_is_held_to_its_origin_and_its_own_inline_scripts_run(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    policy = browser.visit("/visit/regions").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy
    assert policy.count("'sha256-") == 2 and "script-src 'self' 'sha256-" in policy
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts and "unsafe-eval" not in scripts


@pytest.mark.parametrize(
    "path", ["/handrail.toml", "/.hidden", "/../handrail.toml", "/%2e%2e/handrail.toml", "/x.js"]
)
def test_only_what_belongs_to_the_page_is_there(shared: Hosting, path: str) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    answer = browser.at(PLACE).get(path, headers={"accept": "*/*"})
    assert answer.status_code == 404 and b"secret" not in answer.content and b"[app]" not in answer.content


def test_files_have_their_types_and_are_not_sent_twice(shared: Hosting) -> None:
    browser = shared.browser("viewer.emea")
    browser.visit("/visit/regions")
    style = browser.at(PLACE).get("/style.css", headers={"accept": "text/css"})
    assert style.headers["content-type"].startswith("text/css") and style.text == "h1 { color: teal }"
    again = browser.at(PLACE).get("/style.css", headers={"if-none-match": style.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert "<h1>Regions</h1>" in browser.at(PLACE).get("/a/route/of/the/page").text


def test_what_it_read_in_the_sandbox_opens_its_gates(hosting: Hosting) -> None:
    version = hosting.push(static())
    browser = hosting.browser("maker.sales")
    browser.visit("/visit/regions?environment=sandbox")
    asked(browser.at("http://sandbox--regions.localhost:8400"))
    with company.actors(hosting.instance)("maker.sales") as ctx:
        going = {gate.key: gate.state for gate in apps.gates(ctx, "regions")}
        run = runtime.runs(ctx, app="regions")[0]
        runtime.stop(ctx, run.id)
    assert going["sandbox"] == "waiting"
    assert _after_a_moment(lambda: _state(hosting, run.id), "succeeded") == "succeeded"
    with company.actors(hosting.instance)("maker.sales") as ctx:
        gates = {gate.key: gate.state for gate in apps.gates(ctx, "regions", version.commit)}
    assert gates["sandbox"] == gates["declared"] == "open"


def _state(hosting: Hosting, run: str) -> str:
    with company.actors(hosting.instance)("maker.sales") as ctx:
        return runtime.run(ctx, run).state


def _after_a_moment(look: Any, wanted: Any) -> Any:
    """What is seen once it is as wanted, or after a minute."""
    import time

    until = time.monotonic() + 60
    while (seen := look()) != wanted and time.monotonic() < until:
        time.sleep(0.1)
    return seen
