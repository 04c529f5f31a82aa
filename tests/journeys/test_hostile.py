"""The product as somebody curious and somebody hostile meet it: every address, with whatever can be typed there."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import APIRouter

from handrail import apps, review, runtime
from handrail.addresses import ROUTERS
from handrail.faces import rest
from handrail.faces.web.build import OWN
from handrail.kernel import Instance
from handrail.server import application
from tests.apps.conftest import MANIFEST, client, hello, instance, orders, token
from tests.conftest import Acting
from tests.web import Client

__all__ = ["client", "instance", "orders", "token"]
pytestmark = pytest.mark.long

# A NUL, half a character, a number that no database holds, a path, markup, a long word, text from right to left.
ODD = [
    "\0",
    "\ud800",
    "9" * 30,
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a" * 1000,
    "",
]
# ruff: noqa: SIM905 - words in a row are read more easily than quoted lists
FIELDS = (
    "sql name purpose commit reason person location environment app layer owner description expires entity_key why "
    "email password role group text token days roles groups attributes id next theme prompts"
).split()
ASKED = (
    "q before limit person verb subject commit state classification source page next token service".split()
)
WORST = ("\0", "\ud800")  # these are sent in every shape
MARKUP = "<img src=x onerror=alert(1)>\"'`<script>alert(1)</script>"


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address of the product."""

    def walk(router: APIRouter) -> Iterator[tuple[str, str]]:
        for route in router.routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from walk(inner)
            for method in getattr(route, "methods", ()):
                yield method, str(getattr(route, "path", ""))

    for router in (*OWN, rest.router, *ROUTERS):
        yield from walk(router)


def typed(path: str, odd: str, known: dict[str, str]) -> list[str]:
    """An address with something odd in all of its places, and in the last one alone."""
    filled, last = path, path
    names = [part.split("}")[0] for part in path.split("{")[1:]]
    word = quote(odd.encode("utf-8", "surrogatepass"), safe="")
    for name in names:
        filled = filled.replace(f"{{{name}}}", word)
        last = last.replace(f"{{{name}}}", word if name == names[-1] else known.get(name, word))
    return list(dict.fromkeys((filled, last)))


def odds(place: int, every: bool) -> list[str]:
    """What is typed at an address: all that is odd, or the worst of it and one more, another at the next address."""
    others = [odd for odd in ODD if odd not in WORST]
    return ODD if every else [*WORST, others[place % len(others)]]


def bodies(path: str, odd: str, every: bool) -> list[tuple[str, bytes]]:
    """What may be sent with a write: to programs' addresses JSON of shapes that our own models have, to people's
    a form, and to both once what the other takes. All shapes hold the worst, unless it is `every`: one of the two.
    """
    shapes: list[dict[str, Any]] = [
        dict.fromkeys(FIELDS, odd),
        {"name": odd},
        {"commit": odd},
        {"reason": odd},
        {"person": odd},
        {"location": odd},
        {"groups": [odd], "people": [odd]},
        {"description": odd, "readers": [odd], "row_filters": [odd], "masks": {odd: odd}, "expires": odd},
        {"sql": odd, "purpose": "sales-reporting"},
        {"sql": "SELECT $x", "params": {"x": odd}, "purpose": "sales-reporting"},
        {"metric": {"name": odd, "by": [odd], "where": {odd: odd}}, "purpose": odd},
    ]
    form = "&".join(f"{field}={quote(odd.encode('utf-8', 'surrogatepass'))}" for field in FIELDS)
    sent = [("application/json", json.dumps(shape).encode()) for shape in shapes]
    forms = [("application/x-www-form-urlencoded", form.encode())]
    both = [sent[0], *forms, ("multipart/form-data; boundary=b", b"--b")] if odd == WORST[0] else []
    if path.startswith("/api/"):
        return [*both, *(sent if odd in WORST[: 2 if every else 1] else sent[:1])]
    return both or forms


@pytest.mark.parametrize(
    "every", [pytest.param(False, id="some"), pytest.param(True, id="everything", marks=pytest.mark.release)]
)
@pytest.mark.parametrize("who", ["maker.sales", "steward.sales"])
def test_nothing_that_can_be_typed_makes_a_mistake_of_ours(
    instance: Instance, acting: Acting, orders: str, token: Callable[..., str], who: str, every: bool
) -> None:
    with acting("maker.sales") as ctx:
        commit = apps.push(ctx, hello(), "It is needed").commit
    known = {"name": "hello", "app": "hello", "commit": commit, "n": "1"}
    bearer = {"Authorization": f"Bearer {token(who)}"}
    browser = Client(application(instance), raise_server_exceptions=False, follow_redirects=False)
    mistakes = []
    for place, (method, path) in enumerate(sorted(set(addresses()))):
        if method not in ("GET", "POST") or (who == "steward.sales" and "dataset" not in path):
            continue
        for odd in odds(place, every):
            query = "&".join(f"{name}={quote(odd.encode('utf-8', 'surrogatepass'))}" for name in ASKED)
            for address in typed(path, odd, known)[-1 if method == "POST" else 0 :]:
                for media, body in [("", b"")] if method == "GET" else bodies(path, odd, every):
                    headers = {**bearer, "Content-Type": media} if media else bearer
                    where = f"{address}?{query}" if method == "GET" else address
                    answer = browser.request(method, where, content=body, headers=headers)
                    if answer.status_code >= 500:
                        mistakes.append((method, path, odd[:20], body[:60]))
    assert mistakes == []


SHOWS = f"""
import handrail_sdk as h, pandas as pd
X = {MARKUP!r}
h.text(X, title=X)
h.show(pd.DataFrame({{X: [X, "=cmd()"], "b": [1.5, 2]}}), title=X)
h.save("../../" + X.replace("/", "_") + ".html", b"<script>alert(1)</script>")
print(X)
"""


@pytest.fixture
def shared(instance: Instance, acting: Acting) -> dict[str, str]:
    """An app of maker.sales with markup wherever markup fits, run by viewer.emea, to whom it is open."""
    manifest = MANIFEST.replace("Says hello", MARKUP.replace('"', ""))
    with acting("maker.sales") as ctx:
        pushed = apps.push(
            ctx, hello(SHOWS, manifest), MARKUP, json.dumps([{"role": "user", "text": MARKUP}])
        )
        tried = apps.run(ctx, "hello")
    assert runtime.execute(instance, tried.id).state == "succeeded"
    with acting("maker.sales") as ctx:
        apps.promote(ctx, "hello")
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", groups=["sales"])
    with acting("maker.sales") as ctx:
        apps.ask(ctx, "hello")
    with acting("reviewer.platform") as ctx:
        review.approve(ctx, "hello", pushed.commit)
    with acting("viewer.emea") as ctx:
        opened = apps.open(ctx, "hello")
    assert runtime.execute(instance, opened.id).state == "succeeded"
    return {"commit": pushed.commit, "tried": tried.id, "opened": opened.id}


def test_markup_in_names_words_outputs_and_logs_is_shown_and_never_run(
    shared: dict[str, str], client: Callable[[str], Client]
) -> None:
    pages = [
        "/", "/apps", "/apps/hello", "/apps/hello/versions/1", "/apps/hello/versions/1/prompts", "/open/hello",
        "/reviews", f"/reviews/hello/{shared['commit']}", "/audit",
        f"/runs/{shared['tried']}", f"/runs/{shared['opened']}", f"/runs/{shared['opened']}/live",
    ]  # fmt: skip
    seen = 0
    for who in ("maker.sales", "reviewer.platform", "viewer.emea", "compliance"):
        browser = client(who)
        for page in pages:
            answer = browser.get(page)
            assert "<script>alert" not in answer.text and "<img src=x" not in answer.text, (who, page)
            seen += "&lt;img src=x" in answer.text
    assert seen > 10
    for n in (1, 2, 3):
        given = client("viewer.emea").get(f"/runs/{shared['opened']}/outputs/{n}").headers
        assert given["content-disposition"].startswith("attachment; ")
        assert "/" not in given["content-disposition"] and "sandbox" in given["content-security-policy"]


@pytest.mark.parametrize("who", ["viewer.apac", "maker.ops", "reviewer.platform", "admin"])
def test_nobody_reaches_another_persons_run_by_its_address(
    shared: dict[str, str], client: Callable[[str], Client], who: str
) -> None:
    browser, run = client(who), f"/runs/{shared['opened']}"
    for address in (run, f"{run}/live", f"{run}/log", f"{run}/outputs/1"):
        for face in ("", "/api/v1"):
            assert browser.get(face + address).status_code == 404, face + address
    for face in ("", "/api/v1"):
        assert browser.post(f"{face}{run}/stop").status_code == 404
    assert shared["opened"] not in browser.get("/apps/hello").text


def test_somebody_with_whom_an_app_is_shared_learns_nothing_of_its_code(
    shared: dict[str, str], client: Callable[[str], Client]
) -> None:
    browser = client("viewer.apac")
    for address in (
        "/apps/hello/versions/1", "/apps/hello/versions/1/prompts", f"/reviews/hello/{shared['commit']}",
        "/api/v1/apps/hello/versions", "/api/v1/apps/hello/prompts", "/api/v1/apps/hello/gates",
        f"/api/v1/reviews/hello/{shared['commit']}", f"/api/v1/reviews/hello/{shared['commit']}/sarif",
        "/git/hello.git/info/refs?service=git-upload-pack", "/api/v1/audit", "/api/v1/audit/1/proof",
        "/api/v1/audit/export", "/people",
    ):  # fmt: skip
        answer = browser.get(address)
        assert answer.status_code in (403, 404), address
        assert "handrail_sdk" not in answer.text
    assert "handrail_sdk" not in browser.get("/apps/hello").text


def test_a_token_for_one_thing_reads_nothing_else(
    instance: Instance, shared: dict[str, str], token: Callable[..., str]
) -> None:
    narrow = {"Authorization": f"Bearer {token('maker.sales', ['see-app'])}"}
    browser = Client(application(instance), follow_redirects=False)
    known = {
        "name": "hello",
        "app": "hello",
        "commit": shared["commit"],
        "run_id": shared["tried"],
        "n": "1",
        "seq": "1",
    }
    answered = set()
    for method, path in addresses():
        if method == "GET" and path.startswith("/api/"):
            address = path
            for name, value in known.items():
                address = address.replace(f"{{{name}}}", value)
            for query in ("", "?person=maker.sales"):
                if browser.get(address + query, headers=narrow).status_code == 200:
                    answered.add(path)
    assert answered == {
        "/api/v1/apps", "/api/v1/apps/{name}", "/api/v1/me", "/api/v1/tokens", "/api/v1/reviews", "/api/v1/runs",
        "/api/v1/lineage/{name}",  # of the app "hello", which it may see
        "/api/v1/layers", "/api/v1/audit/key", "/api/v1/audit/verifier.py",  # no secret of anybody's
    }  # fmt: skip
    for listed in ("reviews", "runs"):
        assert browser.get(f"/api/v1/{listed}", headers=narrow).json() == []


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
    ],
)
def test_signing_in_leads_to_no_other_place(client: Callable[[str], Client], wanted: str) -> None:
    browser = client("viewer.emea")
    assert browser.get("/sign-in", params={"next": wanted}).headers["location"] == "/"
    assert browser.post("/theme", data={"next": wanted}).headers["location"] == "/"
