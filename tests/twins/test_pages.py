"""Twins on the web and over REST, asked as people ask."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.conftest import PEOPLE

from handrail import twins
from handrail.faces import web
from handrail.kernel import Caller, Context, Instance, identity
from handrail.twins.api import router as api
from handrail.twins.pages import router as pages
from handrail.twins.supervise import take_one

Acting = Callable[..., AbstractContextManager[Context]]
SignedIn = Callable[[str], TestClient]
FORM = {"Origin": "http://testserver"}


@pytest.fixture
def signed_in(instance: Instance) -> SignedIn:
    app = web.build(instance, [pages, api])

    def sign_in(who: str) -> TestClient:
        client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
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
    assert "waiting" in steward.get("/twins/orders/live").text
    assert take_one(instance)
    after = steward.get("/twins/orders")
    assert after.status_code == 200
    for words in ("Real against twin", "Shows nobody", "Awkward on purpose", "channel", "Points at"):
        assert words in after.text
    assert "anonymous" not in after.text.lower()
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
