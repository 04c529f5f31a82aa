"""The same verbs over REST: zip in, JSON out, refusals as problem+json."""

import io
import json
import urllib.error
import urllib.request
import zipfile

import pytest

from tests.apps.conftest import hello

EDGE = "handrailedge"


def packed(files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return out.getvalue()


def multipart(app: bytes, **fields: str) -> tuple[bytes, str]:
    parts = [
        f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="app"; filename="a.zip"\r\n\r\n'.encode()
    return b"".join(
        [*parts, head, app, f"\r\n--{EDGE}--\r\n".encode()]
    ), f"multipart/form-data; boundary={EDGE}"


@pytest.fixture
def ask(url, token):
    """Ask REST as somebody; gives status and JSON."""

    def do(person, method, path, body=None, kind="application/json"):
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}/api/v1{path}", content, method=method)
        request.add_header("Authorization", f"Bearer {token(person)}")
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return do


def test_a_zip_is_pushed_looked_at_shared_and_taken_back(ask):
    body, kind = multipart(packed(hello()), why="Asked for", prompts="say hello, mail a@b.io")
    status, version = ask("maker.sales", "POST", "/apps", body, kind)
    assert (status, version["n"], version["prompts"], version["redacted"]) == (201, 1, 1, {"email": 1})
    assert version["manifest"]["text"].startswith("[app]")
    assert ask("maker.sales", "GET", "/apps")[1][0]["name"] == "hello"
    assert ask("maker.sales", "GET", "/apps/hello/versions")[1][0]["why"] == "Asked for"
    assert (
        ask("maker.sales", "GET", "/apps/hello/prompts")[1][0]["text"] == "say hello, mail [redacted: email]"
    )
    status, preview = ask("maker.sales", "POST", "/apps/hello/share/preview", {"groups": ["sales"]})
    assert status == 200 and preview["after"]["name"] == "handoff" and preview["costs"]
    assert ask("maker.sales", "POST", "/apps/hello/share", {"groups": ["sales"]})[1]["groups"] == ["sales"]
    assert ask("viewer.emea", "GET", "/apps/hello")[0] == 200
    assert ask("maker.sales", "POST", "/apps/hello/unshare", {"groups": ["sales"]})[1]["groups"] == []
    assert ask("viewer.emea", "GET", "/apps/hello")[0] == 404


def test_gates_are_told_and_promotion_names_every_one_that_is_shut(ask, push):
    push()
    gates = {gate["key"]: gate["state"] for gate in ask("maker.sales", "GET", "/apps/hello/gates")[1]}
    assert gates["sandbox"] == "shut" and gates["ownership"] == "open"
    status, refusal = ask("maker.sales", "POST", "/apps/hello/promote", {})
    assert status == 409 and refusal["code"] == "not_ready"
    assert "has not run yet" in refusal["detail"] and "handrail run hello" in refusal["next_step"]
    assert ask("maker.sales", "POST", "/apps/hello/rollback", {})[0] == 409
    assert ask("viewer.emea", "POST", "/apps/hello/promote", {})[0] == 404
    assert ask("reviewer.platform", "POST", "/apps/hello/promote", {})[0] == 403


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({**hello(), "../../etc/cron.d/x": b"x"}, "climbs out"),
        ({"app.py": b""}, "no handrail.toml"),
        ({f"f{number}": b"" for number in range(2100)}, "at most 2,000"),
    ],
)
def test_a_hostile_zip_is_a_problem_with_a_next_step(ask, files, says):
    body, kind = multipart(packed(files), why="x")
    status, refusal = ask("maker.sales", "POST", "/apps", body, kind)
    assert status in (403, 422) and says in refusal["detail"] and refusal["next_step"]


def test_what_is_missing_or_unknown_in_a_request_is_said(ask, push):
    push()
    body, kind = multipart(packed(hello()))
    assert ask("maker.sales", "POST", "/apps", body, kind)[0] == 422
    assert ask("maker.sales", "POST", "/apps/hello/share", {"group": ["sales"]})[0] == 422
    assert ask("maker.sales", "POST", "/apps/hello/run", {"environment": "moon"})[0] == 422
    assert ask("maker.sales", "GET", "/apps/hello/gates?commit=nonesuch")[0] == 404
    assert ask("maker.ops", "GET", "/apps/hello/prompts")[0] == 404
