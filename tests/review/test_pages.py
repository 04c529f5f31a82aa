"""The queue and the review page, and the same over REST."""

from collections.abc import Callable

import pytest
from tests.conftest import PEOPLE, Acting
from tests.review.conftest import CODE, CODE_STAFF, ORDERS, SALARIES, Submitting
from tests.web import Client

from handrail import review
from handrail.faces import web
from handrail.kernel import Caller, Instance, identity
from handrail.review import api, pages

SignedIn = Callable[[str], Client]
REASON = "Select only region and net_amount, please."


@pytest.fixture
def signed_in(catalog: Instance) -> SignedIn:
    app = web.build(catalog, lambda: [pages.router, api.router])

    def sign_in(who: str) -> Client:
        client = Client(app, follow_redirects=False)
        with catalog.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        assert client.get("/sign-in/link", params={"token": token}).status_code == 303
        return client

    return sign_in


def address(n: int = 1) -> str:
    return f"/reviews/weekly/{n:040x}"


def test_the_empty_queue_says_what_lands_in_it(signed_in: SignedIn) -> None:
    page = signed_in("reviewer.platform").get("/reviews")
    assert "Nothing waits for a review" in page.text


def test_the_page_shows_purpose_access_findings_diff_and_why(
    signed_in: SignedIn, acting: Acting, version: Submitting
) -> None:
    code = CODE_STAFF + b'note = query("SELECT note FROM orders")\npassword = "Tr0ub4dor&3"\n'
    subject = version(1, ORDERS + SALARIES, code, prompts="maker: make me a report <b>now</b>")
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    client = signed_in("reviewer.platform")
    queue = client.get("/reviews").text
    assert address() in queue
    assert "sensitive" in queue.lower()
    page = client.get(address()).text
    for words in (
        "sales-reporting",
        "Sales asked for it every Monday.",
        "make me a report &lt;b&gt;now&lt;/b&gt;",
        "Take credentials out of the code",
        "is read than is declared",
        "not declared",
        "Reads salary of staff (salary: sensitive).",
        "What users would see when data breaks",
        "Ask for the smaller manifest",
    ):
        assert words in page, words
    assert "Tr0ub4dor" not in page


def test_approving_on_the_page(signed_in: SignedIn, acting: Acting, version: Submitting) -> None:
    with acting("maker.sales") as ctx:
        review.request(ctx, version())
    client = signed_in("reviewer.platform")
    answer = client.post(f"{address()}/approve", data={"layer": version().layer, "note": "Fine."})
    assert (answer.status_code, answer.headers["location"]) == (303, address())
    assert "reviewer.platform approved it." in client.get(address()).text
    client.post(f"{address()}/withdraw")
    assert "No reviewer has decided yet." in client.get(address()).text


def test_one_click_asks_for_the_smaller_manifest(
    signed_in: SignedIn, acting: Acting, version: Submitting
) -> None:
    wide = '\n[data.orders]\ncolumns = ["order_id", "region", "net_amount", "note"]\n'
    with acting("maker.sales") as ctx:
        review.request(ctx, version(1, wide))
    client = signed_in("reviewer.platform")
    assert client.post(f"{address()}/smaller").status_code == 303
    with acting("maker.sales") as ctx:
        subject = version(1, wide)
        stands = review.verdict(ctx, "weekly", subject.commit, subject.manifest.digest, subject.layer)
    assert stands.state == "refused"
    assert '[data.orders]\ncolumns = ["region", "net_amount"]' in stands.reason


def test_makers_see_the_page_without_the_buttons_and_others_see_nothing(
    signed_in: SignedIn, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        review.request(ctx, version())
    page = signed_in("maker.sales").get(address())
    assert page.status_code == 200
    assert "Approve" not in page.text
    assert signed_in("maker.sales").post(f"{address()}/approve", data={"layer": "x"}).status_code == 403
    for person in ("viewer.emea", "maker.ops"):
        assert signed_in(person).get(address()).status_code == 404
        assert signed_in(person).get(f"/api/v1{address()}").status_code == 404


def test_rest_tells_the_same_and_decides_the_same(
    signed_in: SignedIn, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        review.request(ctx, version(code=CODE + b"import handrail_sdk\n"))
    client = signed_in("reviewer.platform")
    listed = client.get("/api/v1/reviews").json()
    assert [(one["app"], one["n"], one["verdict"]["state"]) for one in listed] == [("weekly", 1, "waiting")]
    shown = client.get(f"/api/v1{address()}").json()
    assert shown["purpose"] == "sales-reporting"
    assert client.get(f"/api/v1{address()}/sarif").json()["version"] == "2.1.0"
    short = client.post(f"/api/v1{address()}/refuse", json={"reason": "no"})
    assert (short.status_code, short.json()["code"]) == (422, "invalid")
    assert client.post(f"/api/v1{address()}/approve").json()["state"] == "approved"
    again = client.post(f"/api/v1{address()}/approve", json={"reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert client.post(f"/api/v1{address()}/withdraw").json()["state"] == "waiting"
    assert client.post(f"/api/v1{address()}/refuse", json={"reason": REASON}).json()["state"] == "refused"
