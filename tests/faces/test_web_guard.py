"""The guard before every request: forged writes, bad tokens, and headers that bind the browser."""

from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from handrail.kernel import SYSTEM, Caller, Instance, identity
from tests.conftest import PEOPLE
from tests.faces.conftest import SignedIn
from tests.web import Client


def written(instance: Instance) -> int:
    with instance.engine.connect() as db:
        return int(
            db.execute(
                sa.text("SELECT count(*) FROM audit_entries WHERE verb = 'probe.written'")
            ).scalar_one()
        )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    ],
)
def test_another_website_cannot_write_in_the_name_of_somebody_signed_in(
    instance: Instance, signed_in: SignedIn, headers: dict[str, str]
) -> None:
    answer = signed_in("maker.sales").post("/probe", headers=headers)
    assert answer.status_code == 403
    assert written(instance) == 0


def test_another_website_cannot_write_with_a_password_that_the_browser_remembers(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with instance.context(Caller(PEOPLE[1], "cli")) as ctx:
        _, secret = identity.issue_token(ctx, "test")
    remembered = {"Authorization": "Basic " + b64encode(f"x:{secret}".encode()).decode()}
    client = open_client()
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.post("/probe", headers={**remembered, **elsewhere}).status_code == 403
    assert written(instance) == 0
    assert client.post("/probe", headers=remembered).status_code == 200  # a program: it sends no such marks
    assert written(instance) == 1


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}, {}],
)
def test_our_own_pages_and_programs_can_write(
    instance: Instance, signed_in: SignedIn, headers: dict[str, str]
) -> None:
    assert signed_in("maker.sales").post("/probe", headers=headers).status_code == 200
    assert written(instance) == 1


def test_the_session_cookie_is_not_for_scripts_nor_for_other_sites(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "maker.sales")
    cookie = open_client().get("/sign-in/link", params={"token": token}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


def test_where_there_is_tls_only_this_very_host_can_have_set_the_session(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    client = open_client()
    client.base_url = "https://handrail.example"
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        own, planted = (identity.issue_link(ctx, person) for person in ("maker.sales", "viewer.apac"))
    kept = client.get("/sign-in/link", params={"token": own}).headers["set-cookie"]
    name, _, value = kept.partition(";")[0].partition("=")
    assert (name, "Secure" in kept, "Domain" in kept) == ("__Host-handrail_session", True, False)
    with instance.context(SYSTEM) as ctx:
        others = identity.use_link(ctx, planted)

    def who(*cookies: str) -> object:
        answer = open_client().get(
            "https://handrail.example/api/v1/me", headers={"Cookie": "; ".join(cookies)}
        )
        return answer.json()["person"]["id"] if answer.status_code == 200 else answer.status_code

    by_a_neighbour = f"handrail_session={others}"  # as a host beside it can set it, for the whole domain
    assert who(f"{name}={value}") == "maker.sales"
    assert who(by_a_neighbour, f"{name}={value}") == "maker.sales"
    assert who(by_a_neighbour) == 401


def test_every_answer_binds_the_browser(open_client: Callable[[], Client]) -> None:
    for path in ("/sign-in", "/nowhere", "/static/kit.css", "/healthz", "/openapi.json"):
        headers = open_client().get(path).headers
        policy = headers["content-security-policy"]
        assert (
            "'unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        )
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer hr_wrong", "Bearer", "Basic !!!", "Basic aHJfd3Jvbmc=", "Digest x", "Bearer \xff"],
)
def test_a_bad_token_is_not_mended_by_a_good_cookie(signed_in: SignedIn, authorization: str) -> None:
    client = signed_in("maker.sales")
    assert client.get("/api/v1/me").status_code == 200
    answer = client.get("/api/v1/me", headers={"Authorization": authorization.encode("latin-1")})
    assert answer.status_code == 401


def test_a_token_speaks_for_its_person_and_its_scopes(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with instance.context(Caller(PEOPLE[1], "cli")) as ctx:
        _, secret = identity.issue_token(ctx, "test", ["query"])
    answer = open_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["person"]["id"] == "maker.sales" and answer.json()["scopes"] == ["query"]


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "session_1.secret.", "é", '"', "a;b=c,,,"])
def test_a_damaged_session_is_nobody(open_client: Callable[[], Client], cookie: str) -> None:
    answer = open_client().get("/api/v1/me", headers={"Cookie": f"handrail_session={cookie}".encode()})
    assert answer.status_code == 401


def test_a_session_ended_by_sign_out_is_good_for_nothing(signed_in: SignedIn) -> None:
    client = signed_in("maker.sales")
    stolen = client.cookies["handrail_session"]
    client.post("/sign-out")
    client.cookies.set("handrail_session", stolen)
    assert client.get("/api/v1/me").status_code == 401


def test_static_files_are_kept_by_their_content(open_client: Callable[[], Client]) -> None:
    client = open_client()
    assert "immutable" in client.get("/static/kit.css?v=abc").headers["cache-control"]
    assert "immutable" not in client.get("/static/kit.css").headers["cache-control"]
    assert client.get("/static/../icons.py").status_code == 404
    assert client.get("/static/%2e%2e/icons.py").status_code == 404


def test_somebody_unknown_cannot_send_a_long_body(open_client: Callable[[], Client]) -> None:
    client = open_client()
    told = client.post("/sign-in", data={"email": "x" * 2_000_000})
    assert told.status_code == 403 and "Sign in first." in told.text

    def endless() -> Iterator[bytes]:
        yield b"email="
        for _ in range(64):
            yield b"x" * 100_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/sign-in", content=endless(), headers=form).status_code >= 400


@pytest.mark.parametrize("length", ["99999999999999", "-1", "1e3", "x"])
def test_a_body_is_as_long_as_it_says_or_is_not_read(signed_in: SignedIn, length: str) -> None:
    answer = signed_in("maker.sales").post("/probe", headers={"Content-Length": length}, content=b"x")
    assert answer.status_code in (400, 403)


def test_the_schema_is_of_the_rest_face_alone(open_client: Callable[[], Client]) -> None:
    paths = open_client().get("/openapi.json").json()["paths"]
    assert "/api/v1/me" in paths
    assert [path for path in paths if not path.startswith("/api/")] == ["/healthz"]


def test_only_an_upload_may_be_longer_than_memory_bears(signed_in: SignedIn) -> None:
    client = signed_in("viewer.emea")

    def endless() -> Iterator[bytes]:
        yield b'{"sql": "'
        for _ in range(300):
            yield b"x" * 100_000

    for media in ("application/json", "multipart/form-data; boundary=b"):
        announced = client.post(
            "/api/v1/query", headers={"Content-Length": "20000000", "Content-Type": media}
        )
        assert announced.status_code == 403 and "16 MB" in announced.json()["detail"]
        told = client.post("/api/v1/query", content=endless(), headers={"Content-Type": media})
        assert 400 <= told.status_code < 500
    pushed = {"headers": {"Content-Length": "20000000"}, "content": b"x"}
    assert "16 MB" not in signed_in("maker.sales").post("/api/v1/apps", **pushed).text
    assert "16 MB" not in signed_in("steward.sales").post("/import", **pushed).text


@pytest.mark.parametrize("path", ["/import", "/api/v1/apps", "/apps/new/zip", "/apps/new/folder"])
def test_who_may_not_import_or_push_cannot_fill_the_disk_with_an_upload(
    signed_in: SignedIn, path: str
) -> None:
    for person in ("viewer.emea", "compliance"):
        told = signed_in(person).post(path, headers={"Content-Length": "20000000"}, content=b"x")
        assert told.status_code == 403 and "16 MB" in told.text
