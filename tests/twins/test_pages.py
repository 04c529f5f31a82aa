"""Twins on the web and over REST, asked as people ask."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PEOPLE
from tests.web import Client

from handrail import twins
from handrail.faces import web
from handrail.kernel import SYSTEM, Caller, Context, Instance, identity
from handrail.twins import store
from handrail.twins.api import router as api
from handrail.twins.pages import router as pages
from handrail.twins.supervise import take_one

Acting = Callable[..., AbstractContextManager[Context]]
SignedIn = Callable[[str], Client]
FORM = {"Origin": "http://testserver"}


@pytest.fixture
def signed_in(instance: Instance) -> SignedIn:
    app = web.build(instance, lambda: [pages, api])

    def sign_in(who: str) -> Client:
        client = Client(app, follow_redirects=False, raise_server_exceptions=False)
        with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        assert client.get("/sign-in/link", params={"token": token}).status_code == 303
        return client

    return sign_in


def test_a_steward_builds_a_twin_from_its_page_and_reads_the_report(
    shop: Path, instance: Instance, signed_in: SignedIn
) -> None:
    steward = signed_in("steward.sales")
    before = steward.get("/twins/orders")
    assert before.status_code == 200
    assert "No twin yet" in before.text
    assert "Together with 2 datasets" in before.text
    asked = steward.post(
        "/twins/orders/build", data={"also": ["customers", "order_lines"], "seed": "3"}, headers=FORM
    )
    assert asked.status_code == 303
    assert "waits for its turn" in steward.get("/twins/orders/live").text
    assert take_one(instance)
    after = steward.get("/twins/orders")
    assert after.status_code == 200
    for words in ("Real against twin", "Columns, worst first", "What goes with what", "channel", "Points at"):
        assert words in after.text
    told = {"privacy": "Can one tell whom", "hostile": "row ", "history": "answers now"}
    for page, words in told.items():
        shown = steward.get(f"/twins/orders/{page}")
        assert shown.status_code == 200
        assert words in shown.text
        assert "anonymous" not in shown.text.lower()
    assert steward.get("/twins/orders/live").headers["HX-Refresh"] == "true"


def test_a_maker_sees_the_report_but_cannot_build(shop: Path, acting: Acting, signed_in: SignedIn) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"])
    maker = signed_in("maker.sales")
    page = maker.get("/twins/orders")
    assert page.status_code == 200
    assert "Build the twin" not in page.text
    assert maker.post("/twins/orders/build", data={}, headers=FORM).status_code == 403
    assert maker.post("/api/v1/twins", json={"datasets": ["orders"]}, headers=FORM).status_code == 403
    assert signed_in("viewer.emea").get("/twins/orders").status_code == 403


def test_rest_builds_in_the_background_and_gives_the_report(
    shop: Path, instance: Instance, signed_in: SignedIn
) -> None:
    steward = signed_in("steward.sales")
    assert steward.get("/api/v1/twins/orders").status_code == 404
    asked = steward.post("/api/v1/twins", json={"datasets": ["orders"], "seed": 2}, headers=FORM)
    assert asked.status_code == 202
    assert asked.json()["state"] == "queued"
    assert take_one(instance)
    assert steward.get(f"/api/v1/twins/builds/{asked.json()['id']}").json()["state"] == "done"
    report = steward.get("/api/v1/twins/orders").json()
    assert report["seed"] == 2
    assert report["tables"][0]["dataset"] == "orders"
    assert steward.get("/api/v1/twins/nothing").json()["code"] == "not_found"
    assert (
        steward.post("/api/v1/twins", json={"datasets": ["orders"], "sed": 2}, headers=FORM).status_code
        == 422
    )


def test_a_page_of_a_twin_that_is_not_there_yet_says_what_it_will_be(shop: Path, signed_in: SignedIn) -> None:
    maker = signed_in("maker.sales")
    pages = {
        "": "No twin yet",
        "/privacy": "Nothing was tried",
        "/hostile": "No twin yet",
        "/history": "never built",
    }
    for page, words in pages.items():
        shown = maker.get(f"/twins/orders{page}")
        assert shown.status_code == 200
        assert words in shown.text


def test_a_refused_build_says_on_the_page_which_column_it_was_and_what_to_do(
    shop: Path, acting: Acting, instance: Instance, signed_in: SignedIn
) -> None:
    steward = signed_in("steward.sales")
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"])
        asked = twins.start(ctx, ["orders"], seed=2)
    with instance.context(SYSTEM) as ctx:
        said = {
            "reason": "4 % of its rows equal a real row; total betrays them most.",
            "next_step": "Classify total as personal.",
        }
        store.change_build(ctx, asked.id, "queued", state="failed", **said)
    shown = steward.get("/twins/orders").text
    for words in (
        "was not published",
        "total betrays them most",
        "Classify total",
        "goes on answering",
        'href="/datasets/orders"',
    ):
        assert words in shown
    assert "total betrays" in steward.get("/twins/orders/history").text


def test_a_steward_freezes_goes_back_and_says_when_on_the_page(
    shop: Path, acting: Acting, signed_in: SignedIn
) -> None:
    with acting("steward.sales") as ctx:
        first = twins.build(ctx, ["orders"]).id
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"], seed=2)
    steward = signed_in("steward.sales")

    def post(verb: str, **fields: str) -> int:
        return steward.post(f"/twins/orders/{verb}", data=fields, headers=FORM).status_code

    assert post("freeze", build=first, reason="Versions are compared on it.") == 303
    shown = steward.get("/twins/orders/history").text
    assert "Versions are compared on it." in shown
    assert "How alike, over time" in shown
    assert post("rollback", build=first) == 303
    assert post("thaw", build=first) == 303
    assert post("refresh", rule="cron", cron="0 3 * * *") == 303
    assert "0 3 * * *" in steward.get("/twins/orders/history").text
    assert post("refresh", rule="cron", cron="now and then") == 422
    assert post("cancel", build=first) == 409
    with acting("maker.sales") as ctx:
        report = twins.report(ctx, "orders")
    assert report is not None
    assert report.id == first


def test_a_build_is_cancelled_from_the_page_that_follows_it(
    shop: Path, instance: Instance, signed_in: SignedIn
) -> None:
    steward = signed_in("steward.sales")
    steward.post("/twins/orders/build", data={}, headers=FORM)
    page = steward.get("/twins/orders").text
    assert "Cancel this build" in page
    assert "Cancel this build" not in signed_in("maker.sales").get("/twins/orders").text
    build = page.split('name="build" value="')[1].split('"')[0]
    assert steward.post("/twins/orders/cancel", data={"build": build}, headers=FORM).status_code == 303
    assert not take_one(instance)


def test_the_life_of_a_twin_is_told_and_changed_over_rest(
    shop: Path, acting: Acting, signed_in: SignedIn
) -> None:
    with acting("steward.sales") as ctx:
        first = twins.build(ctx, ["orders"]).id
    with acting("steward.sales") as ctx:
        second = twins.build(ctx, ["orders"], seed=2).id
    steward = signed_in("steward.sales")
    told = steward.get("/api/v1/twins/orders/history").json()
    assert [one["build"]["id"] for one in told] == [second, first]

    def post(path: str, body: dict[str, str]) -> Any:
        return steward.post(f"/api/v1/twins/orders/{path}", json=body, headers=FORM).json()

    assert post("freeze", {"build": first, "reason": "why"})[1]["pin"]["reason"] == "why"
    assert post("rollback", {"build": first})[1]["current"]
    assert post("thaw", {"build": first})[1]["pin"] is None
    assert post("refresh", {"rule": "never"}) == {"dataset": "orders", "rule": "never", "own": True}
    assert steward.get("/api/v1/twins/orders/refresh").json()["rule"] == "never"
    assert signed_in("viewer.emea").get("/api/v1/twins/orders/history").status_code == 403
